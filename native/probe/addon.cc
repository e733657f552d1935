// The prober for JavaScript: createProber(slots, key, pingOnly) answers an object, or -errno.
//
//   send(requests: Uint8Array, count): how many of them were taken
//   take(results: Uint8Array): how many results were written into it
//   nextMs(): until the earliest time-out; negative when there is none
//   watch(): a descriptor that is readable when there is something to take; it lives as long as the object
//   figures(into: Float64Array of 14): the counters, under way, ways of both families, stamps of sending
//   release(): closes the sockets; everything answers -EINVAL from then on

#include <cerrno>
#include <new>

#include "../args.h"
#include "../reactor.h"
#include "prober.h"

namespace gatehouse {

namespace {

using probe::Prober;

// What `figures` fills.
constexpr size_t kFigures = 13;

Prober* of(napi_env env, napi_callback_info info) {
  napi_value self = nullptr;
  void* at = nullptr;
  if (napi_get_cb_info(env, info, nullptr, nullptr, &self, nullptr) != napi_ok ||
      napi_unwrap(env, self, &at) != napi_ok) {
    return nullptr;
  }
  auto* prober = static_cast<Prober*>(at);
  return prober->descriptor() < 0 ? nullptr : prober;
}

napi_value send(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  Prober* prober = of(env, info);
  const uint8_t* bytes = nullptr;
  size_t length = 0;
  uint32_t count = 0;
  if (prober == nullptr || !args.bytes(0, &bytes, &length) || !args.u32(1, &count) ||
      reinterpret_cast<uintptr_t>(bytes) % alignof(probe::Request) != 0 ||
      count > length / sizeof(probe::Request)) {
    return number(env, -EINVAL);
  }
  const size_t taken = prober->send(reinterpret_cast<const probe::Request*>(bytes), count);
  return number(env, static_cast<int32_t>(taken));
}

napi_value take(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  Prober* prober = of(env, info);
  const uint8_t* bytes = nullptr;
  size_t length = 0;
  if (prober == nullptr || !args.bytes(0, &bytes, &length) ||
      reinterpret_cast<uintptr_t>(bytes) % alignof(probe::Result) != 0) {
    return number(env, -EINVAL);
  }
  auto* results = reinterpret_cast<probe::Result*>(const_cast<uint8_t*>(bytes));
  return number(env, static_cast<int32_t>(prober->take(results, length / sizeof(probe::Result))));
}

napi_value nextMs(napi_env env, napi_callback_info info) {
  Prober* prober = of(env, info);
  napi_value out = nullptr;
  napi_create_double(env, prober == nullptr ? -1 : prober->nextMs(), &out);
  return out;
}

napi_value watch(napi_env env, napi_callback_info info) {
  Prober* prober = of(env, info);
  return number(env, prober == nullptr ? -EINVAL : prober->descriptor());
}

napi_value figures(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  Prober* prober = of(env, info);
  double* at = nullptr;
  size_t length = 0;
  if (prober == nullptr || !args.doubles(0, &at, &length) || length < kFigures) return number(env, -EINVAL);
  const probe::Counters& c = prober->counters;
  const double values[] = {c.sent,          c.replies,   c.timeouts,   c.errors, c.duplicates,
                           c.late,          c.strangers, c.clockSteps, c.full,   c.unstamped,
                           static_cast<double>(prober->underWay()),
                           static_cast<double>(prober->way(4)),
                           static_cast<double>(prober->way(6))};
  static_assert(sizeof values == kFigures * sizeof *values);
  for (size_t i = 0; i < kFigures; i++) at[i] = values[i];
  return number(env, 0);
}

napi_value release(napi_env env, napi_callback_info info) {
  Prober* prober = of(env, info);
  if (prober == nullptr) return number(env, -EINVAL);
  prober->close();
  return number(env, 0);
}

void drop(napi_env, void* data, void*) { delete static_cast<Prober*>(data); }

napi_value createProber(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  uint32_t slots = 0, key = 0, pingOnly = 0;
  if (!args.u32(0, &slots) || !args.u32(1, &key) || !args.u32(2, &pingOnly)) {
    return number(env, -EINVAL);
  }
  auto* prober = new (std::nothrow) Prober();
  if (prober == nullptr) return number(env, -ENOMEM);
  const int opened = prober->open(slots, key, pingOnly != 0);
  static const Method methods[] = {{"send", send},   {"take", take},       {"nextMs", nextMs},
                                   {"watch", watch}, {"figures", figures}, {"release", release}};
  napi_value object = nullptr;
  if (opened != 0 || napi_create_object(env, &object) != napi_ok ||
      !define(env, object, methods, nullptr) ||
      napi_wrap(env, object, prober, drop, nullptr, nullptr) != napi_ok) {
    delete prober;
    return number(env, opened != 0 ? opened : -ENOMEM);
  }
  return object;
}

}  // namespace

bool defineProbe(napi_env env, napi_value target) {
  static const Method methods[] = {{"createProber", createProber}};
  return define(env, target, methods, nullptr);
}

}  // namespace gatehouse
