// A JavaScript array of strings as the NULL-terminated list that execve(2) takes.
#pragma once

#include <cstdlib>

#include <node_api.h>

namespace gatehouse {

struct Strings {
  char** list = nullptr;

  Strings() = default;
  Strings(const Strings&) = delete;
  Strings& operator=(const Strings&) = delete;
  ~Strings() {
    for (char** s = list; s != nullptr && *s != nullptr; s++) free(*s);
    free(list);
  }

  bool read(napi_env env, napi_value array) {
    bool isArray = false;
    uint32_t count = 0;
    if (napi_is_array(env, array, &isArray) != napi_ok || !isArray ||
        napi_get_array_length(env, array, &count) != napi_ok || count > 4096) {
      return false;
    }
    list = static_cast<char**>(calloc(count + 1, sizeof(char*)));
    if (list == nullptr) return false;
    for (uint32_t i = 0; i < count; i++) {
      napi_value item;
      size_t length = 0;
      if (napi_get_element(env, array, i, &item) != napi_ok ||
          napi_get_value_string_utf8(env, item, nullptr, 0, &length) != napi_ok) {
        return false;
      }
      list[i] = static_cast<char*>(malloc(length + 1));
      if (list[i] == nullptr ||
          napi_get_value_string_utf8(env, item, list[i], length + 1, &length) != napi_ok) {
        return false;
      }
    }
    return true;
  }
};

}  // namespace gatehouse
