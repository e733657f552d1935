// Live packets of an interface, for JavaScript: methods of what createCapture answers.
//
//   listen(ifName, ringBytes, promiscuous, filter, snapBytes, fanout): 0, or what libpcap says is wrong with the
//     filter, or -errno; an empty filter lets everything pass
//     fanout: -1 for none, 65536 for a new group of rings that share the packets by flow, or the id of one; of a group all
//     are opened before the first is started
//   group(): id of its group, or -errno
//   absorb(other): adds what another one has counted, which may be live; this one hears nothing. 0 or -errno
//   record(path, maxBytes, maxMs, files, snapBytes), keep(ms, bytes): before start; 0 or -errno. Files
//     follow each other where there is a limit; 0 stands for none
//   start(): threads count from now on; 0 or -errno
//   stop(): promise of 0, when all that came before is counted and written
//   live(into: Float64Array of kFigures): fills packets, bytes, heard by the kernel, dropped by ring, by
//     the interface, by the queue to the disk, by what is kept; written packets and bytes, those that
//     failed, and why (errno); why it ended by itself, and why nobody takes its lines (-errno)
//   files(): paths of what is written
//   dump(path): promise of the number of packets of the last seconds that are in the new file, or -errno

#include <cerrno>

#include "addon.h"

namespace gatehouse {

namespace {

constexpr uint32_t kLeastRing = 1u << 20;
constexpr uint32_t kMostRing = 1u << 29;
constexpr uint32_t kMostKept = 1u << 30;
constexpr size_t kFigures = 13;
constexpr double kMostBytes = 1e15;

napi_value listen(napi_env env, napi_callback_info info) {
  Args<6> args(env, info);
  Capture* c = captureOf(env, info);
  char ifName[16], text[capture::Filter::kTextBytes], error[capture::Filter::kErrorBytes] = {};
  uint32_t ringBytes = 0, snapBytes = 0;
  int32_t promiscuous = 0, fanout = -1;
  if (c == nullptr || !args.text(0, ifName, sizeof ifName) || !args.u32(1, &ringBytes) ||
      !args.i32(2, &promiscuous) || !args.text(3, text, sizeof text) || !args.u32(4, &snapBytes) ||
      !args.i32(5, &fanout) || fanout < -1 || fanout > capture::RingOptions::kNewGroup ||
      ringBytes < kLeastRing || ringBytes > kMostRing || snapBytes == 0 ||
      snapBytes > capture::kMostSnapBytes || c->live.isOpen() || c->converter != nullptr ||
      c->engine.filter.any()) {
    return number(env, -EINVAL);
  }
  if (c->busy) return number(env, -EBUSY);
  return filterAnswer(
      env, c->live.open({ifName, ringBytes, promiscuous != 0, text, snapBytes, fanout}, error), error);
}

napi_value group(napi_env env, napi_callback_info info) {
  Capture* c = captureOf(env, info);
  return number(env, c != nullptr && c->live.isOpen() ? c->live.group() : -EINVAL);
}

napi_value absorb(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  Capture* c = captureOf(env, info);
  void* at = nullptr;
  if (c == nullptr || c->live.isOpen() || napi_unwrap(env, args.value[0], &at) != napi_ok) {
    return number(env, -EINVAL);
  }
  auto* other = static_cast<Capture*>(at);
  if (other == c || !other->live.isOpen()) return number(env, -EINVAL);
  if (c->busy) return number(env, -EBUSY);
  const capture::Live::Use use(&other->live);
  c->engine.absorb(other->engine);
  return number(env, 0);
}

bool isReady(const Capture* c) { return c != nullptr && c->live.isOpen() && !c->live.isStarted(); }

napi_value record(napi_env env, napi_callback_info info) {
  Args<5> args(env, info);
  Capture* c = captureOf(env, info);
  char path[kPathBytes];
  double maxBytes = 0, maxMs = 0;
  uint32_t files = 0, snapBytes = 0;
  if (!isReady(c) || !args.text(0, path, sizeof path) || !args.f64(1, &maxBytes) ||
      !args.f64(2, &maxMs) || !args.u32(3, &files) || !args.u32(4, &snapBytes) || path[0] == '\0' ||
      !(maxBytes >= 0 && maxBytes <= kMostBytes) || !(maxMs >= 0 && maxMs <= 1e12) || snapBytes == 0 ||
      snapBytes > capture::kMostSnapBytes || c->engine.sinks[0] != nullptr) {
    return number(env, -EINVAL);
  }
  const capture::FileLimits limits{static_cast<uint64_t>(maxBytes),
                                   static_cast<int64_t>(maxMs) * 1'000'000, files};
  return number(env, c->live.record(path, limits, snapBytes));
}

napi_value keep(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  Capture* c = captureOf(env, info);
  uint32_t ms = 0, bytes = 0;
  if (!isReady(c) || !args.u32(0, &ms) || !args.u32(1, &bytes) || ms == 0 || bytes < kLeastRing ||
      bytes > kMostKept || c->engine.sinks[1] != nullptr) {
    return number(env, -EINVAL);
  }
  c->live.keep(static_cast<int64_t>(ms) * 1'000'000, bytes);
  return number(env, 0);
}

napi_value start(napi_env env, napi_callback_info info) {
  Capture* c = captureOf(env, info);
  return number(env, isReady(c) ? c->live.start() : -EINVAL);
}

napi_value stop(napi_env env, napi_callback_info info) {
  Capture* c = captureOf(env, info);
  if (c == nullptr || !c->live.isStarted()) return number(env, -EINVAL);
  if (c->busy) return number(env, -EBUSY);
  return startWork(env, info, c, nullptr, [c] {
    c->live.stop();
    return int64_t{0};
  });
}

napi_value live(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  Capture* c = captureOf(env, info);
  double* at = nullptr;
  size_t length = 0;
  if (c == nullptr || !c->live.isOpen() || !args.doubles(0, &at, &length) || length < kFigures) {
    return number(env, -EINVAL);
  }
  const capture::Live::Figures now = c->live.figures();
  const auto& [counts, names] = now.recorded;
  const uint64_t figures[] = {now.packets,          now.bytes,        now.ring.heard,  now.ring.dropped,
                              now.interfaceDropped, now.queueDropped, now.keepDropped, counts.packets,
                              counts.bytes,         counts.failedPackets};
  for (const uint64_t figure : figures) *at++ = static_cast<double>(figure);
  *at++ = counts.error;
  *at++ = now.error;
  *at = c->lines == nullptr ? 0 : c->lines->error();
  return number(env, 0);
}

napi_value files(napi_env env, napi_callback_info info) {
  Capture* c = captureOf(env, info);
  napi_value list = nullptr;
  if (c == nullptr || !c->live.isOpen() || napi_create_array(env, &list) != napi_ok) {
    return number(env, -EINVAL);
  }
  uint32_t i = 0;
  for (const std::string& name : c->live.figures().recorded.names) {
    napi_value text = nullptr;
    if (napi_create_string_utf8(env, name.data(), name.size(), &text) != napi_ok ||
        napi_set_element(env, list, i++, text) != napi_ok) {
      return number(env, -ENOMEM);
    }
  }
  return list;
}

napi_value dump(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  Capture* c = captureOf(env, info);
  char path[kPathBytes];
  if (c == nullptr || !c->live.isStarted() || !args.text(0, path, sizeof path) || path[0] == '\0') {
    return number(env, -EINVAL);
  }
  if (c->busy) return number(env, -EBUSY);
  return startWork(env, info, c, nullptr, [c, to = std::string(path)] { return c->live.dump(to); });
}

}  // namespace

bool defineLive(napi_env env, napi_value object) {
  static const Method methods[] = {{"listen", listen}, {"record", record}, {"keep", keep},
                                   {"start", start},   {"stop", stop},     {"live", live},
                                   {"files", files},   {"dump", dump},
                                   {"group", group},   {"absorb", absorb}};
  return define(env, object, methods, nullptr);
}

}  // namespace gatehouse
