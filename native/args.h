// Reading arguments and making values for N-API. Types and ranges are checked in TypeScript
// (src/os/linux/native.ts); here a wrong argument only must not crash, so each reader reports
// success and the caller answers -EINVAL.
#pragma once

#include <cstddef>
#include <cstdint>

#include <node_api.h>

namespace gatehouse {

template <size_t kMax>
struct Args {
  napi_env env;
  size_t count = kMax;
  napi_value value[kMax > 0 ? kMax : 1];
  void* data = nullptr;
  bool good;

  Args(napi_env e, napi_callback_info info) : env(e) {
    good = napi_get_cb_info(e, info, &count, value, nullptr, &data) == napi_ok && count >= kMax;
  }

  bool i32(size_t i, int32_t* out) const {
    return good && napi_get_value_int32(env, value[i], out) == napi_ok;
  }

  bool u32(size_t i, uint32_t* out) const {
    return good && napi_get_value_uint32(env, value[i], out) == napi_ok;
  }

  bool f64(size_t i, double* out) const {
    return good && napi_get_value_double(env, value[i], out) == napi_ok;
  }

  // A NUL-terminated string that fits whole; a longer one is refused, never cut.
  bool text(size_t i, char* out, size_t size) const {
    size_t need = 0;
    if (!good || napi_get_value_string_utf8(env, value[i], nullptr, 0, &need) != napi_ok ||
        need >= size) {
      return false;
    }
    return napi_get_value_string_utf8(env, value[i], out, size, &need) == napi_ok;
  }

  bool bytes(size_t i, const uint8_t** out, size_t* length) const {
    napi_typedarray_type type;
    void* at = nullptr;
    if (!good || napi_get_typedarray_info(env, value[i], &type, length, &at, nullptr, nullptr) !=
                     napi_ok ||
        type != napi_uint8_array) {
      return false;
    }
    *out = static_cast<const uint8_t*>(at);
    return true;
  }

  bool words(size_t i, uint32_t** out, size_t* length) const {
    napi_typedarray_type type;
    void* at = nullptr;
    if (!good || napi_get_typedarray_info(env, value[i], &type, length, &at, nullptr, nullptr) !=
                     napi_ok ||
        type != napi_uint32_array) {
      return false;
    }
    *out = static_cast<uint32_t*>(at);
    return true;
  }

  bool doubles(size_t i, double** out, size_t* length) const {
    napi_typedarray_type type;
    void* at = nullptr;
    if (!good || napi_get_typedarray_info(env, value[i], &type, length, &at, nullptr, nullptr) !=
                     napi_ok ||
        type != napi_float64_array) {
      return false;
    }
    *out = static_cast<double*>(at);
    return true;
  }
};

inline napi_value number(napi_env env, int32_t value) {
  napi_value out = nullptr;
  napi_create_int32(env, value, &out);
  return out;
}

struct Method {
  const char* name;
  napi_callback run;
};

template <size_t kCount>
inline bool define(napi_env env, napi_value target, const Method (&methods)[kCount], void* data) {
  for (const Method& m : methods) {
    napi_value f;
    if (napi_create_function(env, m.name, NAPI_AUTO_LENGTH, m.run, data, &f) != napi_ok ||
        napi_set_named_property(env, target, m.name, f) != napi_ok) {
      return false;
    }
  }
  return true;
}

}  // namespace gatehouse
