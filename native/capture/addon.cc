// The capture engine for JavaScript: compileFilter(text, linkType) answers the program of a filter, two
// words for each instruction as in struct sock_filter, or what is wrong with it, or -errno; and
// createCapture(flows, conversations, endpoints) an object, or -errno. What takes long runs on libuv's pool,
// one piece of work at a time; each method says so by -EBUSY when another is still under way.
//
//   read(fd, budgetBytes, waitMs): promise of the bytes read; 0 at the end, -errno
//   take(fd, into, waitMs): promise of the bytes read into `into`, as read; nothing is looked at
//   feed(bytes): promise of 0 or -errno; the bytes must stay as they are until then
//   filter(text): 0, or what libpcap says is wrong with it, or -ENOSYS without libpcap
//   convert(path, snapBytes): what is counted goes into a new pcapng file, too; once, before all packets
//   finish(): ends that file; 0, or -errno when not all is in it
//   lines(fd, csv, perSecond): a line for each packet that is counted goes to the descriptor, of one second at
//     most so many (0: all); once, before all packets
//   linesEnd(): the last of them go out; 0 or -errno
//   end(): no more bytes come
//   progress(into: Float64Array of 4): fills offset, packets, bytes, and whether the file is broken
//   report(endpoints, conversations, flows, names): one JSON object of all statistics, as bytes
//   local(prefixes): whose hosts' torrents are counted, before all packets: 18 bytes each, 4 or 6, length, and the
//     address, of IPv4 in its last four bytes; private addresses, without. 0 or -errno
//   torrents(): one JSON object of all that is known of BitTorrent, as bytes
//   release(): frees all that it holds now, not when the object is collected; -EINVAL from then on
//   and those of addon-live.cc, for live packets instead of a file

#include <cerrno>
#include <cstdio>
#include <new>
#include <string>

#include "../reactor.h"
#include "addon.h"

namespace gatehouse {

using capture::Limits;
using capture::Rows;

namespace {

constexpr uint32_t kMostEntries = 1u << 22;
constexpr size_t kPrefixBytes = 18;

void run(napi_env, void* data) {
  auto* c = static_cast<Capture*>(data);
  c->answer = c->work();
}

void done(napi_env env, napi_status status, void* data) {
  auto* c = static_cast<Capture*>(data);
  c->busy = false;
  c->work = nullptr;
  napi_delete_async_work(env, c->handle);
  if (c->held != nullptr) napi_delete_reference(env, c->held);
  c->held = nullptr;
  napi_value value = nullptr;
  napi_create_int64(env, status == napi_ok ? c->answer : -ECANCELED, &value);
  napi_resolve_deferred(env, c->deferred, value);
  // Last: without it the object may go.
  napi_ref self = c->self;
  c->self = nullptr;
  napi_delete_reference(env, self);
}

}  // namespace

Capture* captureOf(napi_env env, napi_callback_info info) {
  napi_value self = nullptr;
  void* at = nullptr;
  if (napi_get_cb_info(env, info, nullptr, nullptr, &self, nullptr) != napi_ok ||
      napi_unwrap(env, self, &at) != napi_ok) {
    return nullptr;
  }
  return static_cast<Capture*>(at);
}

napi_value startWork(napi_env env, napi_callback_info info, Capture* c, napi_value held,
                     std::function<int64_t()> work) {
  napi_value self = nullptr, name = nullptr, promise = nullptr;
  if (napi_get_cb_info(env, info, nullptr, nullptr, &self, nullptr) != napi_ok ||
      napi_create_string_utf8(env, "capture", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_async_work(env, nullptr, name, run, done, c, &c->handle) != napi_ok) {
    return number(env, -ENOMEM);
  }
  c->work = std::move(work);
  if (napi_create_reference(env, self, 1, &c->self) != napi_ok ||
      (held != nullptr && napi_create_reference(env, held, 1, &c->held) != napi_ok) ||
      napi_create_promise(env, &c->deferred, &promise) != napi_ok ||
      napi_queue_async_work(env, c->handle) != napi_ok) {
    if (c->self != nullptr) napi_delete_reference(env, c->self);
    if (c->held != nullptr) napi_delete_reference(env, c->held);
    c->self = c->held = nullptr;
    napi_delete_async_work(env, c->handle);
    return number(env, -ENOMEM);
  }
  c->busy = true;
  return promise;
}

napi_value filterAnswer(napi_env env, int answer, const char* error) {
  if (answer <= 0) return number(env, answer);
  napi_value out = nullptr;
  napi_create_string_latin1(env, error, NAPI_AUTO_LENGTH, &out);
  return out;
}

namespace {

napi_value read(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  Capture* c = captureOf(env, info);
  int32_t fd = -1, budget = 0, waitMs = 0;
  if (c == nullptr || !args.i32(0, &fd) || !args.i32(1, &budget) || !args.i32(2, &waitMs) || fd < 0 ||
      budget <= 0 || waitMs < 0) {
    return number(env, -EINVAL);
  }
  if (c->busy) return number(env, -EBUSY);
  return startWork(env, info, c, nullptr,
                   [c, fd, budget, waitMs] { return c->reader.read(fd, budget, waitMs); });
}

napi_value take(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  Capture* c = captureOf(env, info);
  int32_t fd = -1, waitMs = 0;
  const uint8_t* into = nullptr;
  size_t length = 0;
  if (c == nullptr || !args.i32(0, &fd) || !args.bytes(1, &into, &length) || !args.i32(2, &waitMs) ||
      fd < 0 || length == 0 || waitMs < 0) {
    return number(env, -EINVAL);
  }
  if (c->busy) return number(env, -EBUSY);
  auto* to = const_cast<uint8_t*>(into);
  return startWork(env, info, c, args.value[1],
                   [=] { return capture::readSome(fd, to, length, waitMs); });
}

napi_value feed(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  Capture* c = captureOf(env, info);
  const uint8_t* bytes = nullptr;
  size_t length = 0;
  if (c == nullptr || !args.bytes(0, &bytes, &length)) return number(env, -EINVAL);
  if (c->busy) return number(env, -EBUSY);
  return startWork(env, info, c, args.value[0],
                   [=] { return c->reader.feed(bytes, length) ? int64_t{0} : -ENOMEM; });
}

// As filterAnswer takes it.
int setFilter(capture::Filter* filter, const char* text, uint32_t linkType, char* error) {
  return filter->set(text, linkType, error) ? 0 : error[0] == '\0' ? -ENOSYS : 1;
}

napi_value filter(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  Capture* c = captureOf(env, info);
  char text[capture::Filter::kTextBytes], error[capture::Filter::kErrorBytes];
  if (c == nullptr || !args.text(0, text, sizeof text) || c->engine.filter.any()) {
    return number(env, -EINVAL);
  }
  if (c->busy) return number(env, -EBUSY);
  return filterAnswer(env, setFilter(&c->engine.filter, text, 1, error), error);
}

napi_value convert(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  Capture* c = captureOf(env, info);
  char path[kPathBytes];
  uint32_t snapBytes = 0;
  if (c == nullptr || !args.text(0, path, sizeof path) || !args.u32(1, &snapBytes) || path[0] == '\0' ||
      snapBytes == 0 || snapBytes > capture::kMostSnapBytes || c->converter != nullptr ||
      c->live.isOpen()) {
    return number(env, -EINVAL);
  }
  if (c->busy) return number(env, -EBUSY);
  auto made = std::make_unique<capture::Converter>(path, snapBytes);
  const int answer = made->open();
  if (answer != 0) return number(env, answer);
  c->converter = std::move(made);
  c->engine.sinks[0] = c->converter.get();
  return number(env, 0);
}

napi_value lines(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  Capture* c = captureOf(env, info);
  int32_t fd = -1, csv = 0;
  uint32_t perSecond = 0;
  if (c == nullptr || !args.i32(0, &fd) || !args.i32(1, &csv) || !args.u32(2, &perSecond) || fd < 0 ||
      c->lines != nullptr) {
    return number(env, -EINVAL);
  }
  if (c->busy) return number(env, -EBUSY);
  c->lines = std::make_unique<capture::Lines>(fd, csv != 0, perSecond);
  if (!c->lines->good()) return number(env, -ENOMEM);
  c->engine.lines = c->lines.get();
  return number(env, 0);
}

napi_value linesEnd(napi_env env, napi_callback_info info) {
  Capture* c = captureOf(env, info);
  if (c == nullptr || c->lines == nullptr) return number(env, -EINVAL);
  if (c->busy) return number(env, -EBUSY);
  return number(env, c->lines->flush());
}

napi_value compileFilter(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  char text[capture::Filter::kTextBytes], error[capture::Filter::kErrorBytes];
  uint32_t linkType = 0;
  if (!args.text(0, text, sizeof text) || !args.u32(1, &linkType)) return number(env, -EINVAL);
  capture::Filter made;
  const int refused = setFilter(&made, text, linkType, error);
  if (refused != 0) return filterAnswer(env, refused, error);
  const capture::BpfProgram* program = made.program(linkType);
  const size_t bytes = program->length * sizeof(sock_filter);
  void* to = nullptr;
  napi_value buffer = nullptr, words = nullptr;
  if (napi_create_arraybuffer(env, bytes, &to, &buffer) != napi_ok ||
      napi_create_typedarray(env, napi_uint32_array, bytes / 4, buffer, 0, &words) != napi_ok) {
    return number(env, -ENOMEM);
  }
  memcpy(to, program->instructions, bytes);
  return words;
}

napi_value end(napi_env env, napi_callback_info info) {
  Capture* c = captureOf(env, info);
  if (c == nullptr) return number(env, -EINVAL);
  if (c->busy) return number(env, -EBUSY);
  c->reader.end();
  return number(env, 0);
}

napi_value finish(napi_env env, napi_callback_info info) {
  Capture* c = captureOf(env, info);
  if (c == nullptr || c->converter == nullptr) return number(env, -EINVAL);
  if (c->busy) return number(env, -EBUSY);
  const int answer = c->converter->close();
  c->engine.sinks[0] = nullptr;
  c->converter.reset();
  return number(env, answer);
}

napi_value progress(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  Capture* c = captureOf(env, info);
  double* into = nullptr;
  size_t length = 0;
  if (c == nullptr || !args.doubles(0, &into, &length) || length < 4) return number(env, -EINVAL);
  if (c->busy) return number(env, -EBUSY);
  into[0] = static_cast<double>(c->reader.offset());
  into[1] = static_cast<double>(c->engine.packets());
  into[2] = static_cast<double>(c->engine.bytes());
  into[3] = c->reader.error() != nullptr ? 1 : 0;
  return number(env, 0);
}

napi_value bytesOf(napi_env env, const std::string& text) {
  void* to = nullptr;
  napi_value buffer = nullptr, bytes = nullptr;
  if (napi_create_arraybuffer(env, text.size(), &to, &buffer) != napi_ok ||
      napi_create_typedarray(env, napi_uint8_array, text.size(), buffer, 0, &bytes) != napi_ok) {
    return number(env, -ENOMEM);
  }
  memcpy(to, text.data(), text.size());
  return bytes;
}

napi_value report(napi_env env, napi_callback_info info) {
  Args<4> args(env, info);
  Capture* c = captureOf(env, info);
  Rows rows{};
  if (c == nullptr || !args.u32(0, &rows.endpoints) || !args.u32(1, &rows.conversations) ||
      !args.u32(2, &rows.flows) || !args.u32(3, &rows.names)) {
    return number(env, -EINVAL);
  }
  // What goes on with live packets meanwhile holds nobody up.
  if (c->busy && !c->live.isOpen()) return number(env, -EBUSY);
  std::string out = "{\"format\":\"";
  out += c->reader.format();
  char text[64];
  snprintf(text, sizeof text, "\",\"interfaces\":%u,", c->reader.interfaces());
  out += text;
  {
    const capture::Live::Use use(&c->live);
    c->engine.report(rows, &out);
  }
  out += c->reader.truncated() ? ",\"truncated\":true" : ",\"truncated\":false";
  if (c->reader.error() == nullptr) {
    out += ",\"error\":null}";
  } else {
    snprintf(text, sizeof text, "\",\"errorOffset\":%llu}",
             static_cast<unsigned long long>(c->reader.errorOffset()));
    out.append(",\"error\":\"").append(c->reader.error()).append(text);
  }
  return bytesOf(env, out);
}

napi_value torrents(napi_env env, napi_callback_info info) {
  Capture* c = captureOf(env, info);
  if (c == nullptr) return number(env, -EINVAL);
  if (c->busy && !c->live.isOpen()) return number(env, -EBUSY);
  std::string out;
  {
    const capture::Live::Use use(&c->live);
    c->engine.reportTorrents(&out);
  }
  return bytesOf(env, out);
}

napi_value local(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  Capture* c = captureOf(env, info);
  const uint8_t* bytes = nullptr;
  size_t length = 0;
  capture::Torrents::Prefix prefixes[capture::Torrents::kPrefixes];
  if (c == nullptr || !args.bytes(0, &bytes, &length) || length % kPrefixBytes != 0 ||
      length / kPrefixBytes > capture::Torrents::kPrefixes || c->live.isStarted()) {
    return number(env, -EINVAL);
  }
  if (c->busy) return number(env, -EBUSY);
  for (size_t i = 0; i < length / kPrefixBytes; i++) {
    const uint8_t* at = bytes + i * kPrefixBytes;
    if ((at[0] != 4 && at[0] != 6) || at[1] > (at[0] == 4 ? 32 : 128)) return number(env, -EINVAL);
    auto word = [at](size_t from) { return __builtin_bswap64(capture::word64(at + from)); };
    prefixes[i] = {at[0] == 4 ? capture::Family::Ipv4 : capture::Family::Ipv6, at[1], word(2), word(10)};
  }
  c->engine.torrents.local(prefixes, length / kPrefixBytes);
  return number(env, 0);
}

void drop(napi_env, void* data, void*) { delete static_cast<Capture*>(data); }

napi_value release(napi_env env, napi_callback_info info) {
  Capture* c = captureOf(env, info);
  if (c == nullptr) return number(env, -EINVAL);
  if (c->busy) return number(env, -EBUSY);
  napi_value self = nullptr;
  void* at = nullptr;
  if (napi_get_cb_info(env, info, nullptr, nullptr, &self, nullptr) != napi_ok ||
      napi_remove_wrap(env, self, &at) != napi_ok) {
    return number(env, -EINVAL);
  }
  delete c;
  return number(env, 0);
}

napi_value createCapture(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  Limits limits{};
  if (!args.u32(0, &limits.flows) || !args.u32(1, &limits.conversations) ||
      !args.u32(2, &limits.endpoints)) {
    return number(env, -EINVAL);
  }
  // A flow that is folded needs room for both its ends at once.
  for (const uint32_t n : {limits.flows, limits.conversations, limits.endpoints}) {
    if (n < 2 || n > kMostEntries) return number(env, -EINVAL);
  }
  auto* c = new (std::nothrow) Capture(limits);
  if (c == nullptr || !c->engine.good()) {
    delete c;
    return number(env, -ENOMEM);
  }
  napi_value out = nullptr;
  static const Method methods[] = {
      {"read", read}, {"take", take},         {"feed", feed},
      {"end", end},   {"progress", progress}, {"report", report},
      {"release", release}, {"filter", filter}, {"convert", convert},
      {"finish", finish}, {"lines", lines},   {"linesEnd", linesEnd},
      {"local", local},   {"torrents", torrents}};
  if (napi_create_object(env, &out) != napi_ok ||
      napi_wrap(env, out, c, drop, nullptr, nullptr) != napi_ok) {
    delete c;
    return number(env, -ENOMEM);
  }
  return define(env, out, methods, nullptr) && defineLive(env, out) ? out : number(env, -ENOMEM);
}

}  // namespace

bool defineCapture(napi_env env, napi_value target) {
  static const Method methods[] = {{"createCapture", createCapture},
                                   {"compileFilter", compileFilter}};
  return define(env, target, methods, nullptr);
}

}  // namespace gatehouse
