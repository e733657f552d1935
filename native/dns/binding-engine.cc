// Methods of an engine: listening, what it is to know, and what it says.

#include <cerrno>
#include <climits>

#include "object.h"

namespace gatehouse::dns {

namespace {

// listen(address: 16 bytes, port, scope): id
napi_value listenMethod(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  Dns* dns = self(args);
  const uint8_t* address = nullptr;
  size_t length = 0;
  uint32_t port;
  uint32_t scope;
  if (dns == nullptr || !args.bytes(0, &address, &length) || !addressArg(address, length) ||
      !args.u32(1, &port) || port > UINT16_MAX || !args.u32(2, &scope)) {
    return number(env, -EINVAL);
  }
  int32_t id = dns->server.listen(address, static_cast<uint16_t>(port), scope);
  if (id > 0 && dns->listening++ == 0) uv_ref(reinterpret_cast<uv_handle_t*>(&dns->async));
  return number(env, id);
}

napi_value unlistenMethod(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  Dns* dns = self(args);
  uint32_t id;
  if (dns == nullptr || !args.u32(0, &id) || dns->server.find(id) == nullptr) return nullptr;
  dns->server.unlisten(id);
  if (--dns->listening == 0) uv_unref(reinterpret_cast<uv_handle_t*>(&dns->async));
  return nullptr;
}

napi_value portOf(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  Dns* dns = self(args);
  uint32_t id;
  Listener* listener =
      dns == nullptr || !args.u32(0, &id) ? nullptr : dns->server.find(id);
  if (listener == nullptr) return number(env, -EINVAL);
  sockaddr_storage at{};
  socklen_t length = sizeof at;
  if (getsockname(listener->fd, reinterpret_cast<sockaddr*>(&at), &length) != 0) {
    return number(env, -errno);
  }
  return number(env, ntohs(reinterpret_cast<sockaddr_in&>(at).sin_port));
}

// send(bytes): as many of the output buffer
napi_value sendMethod(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  Dns* dns = self(args);
  uint32_t length;
  if (dns == nullptr || !args.u32(0, &length) || length > kOutputBytes) return nullptr;
  dns->server.send(dns->output, length);
  return nullptr;
}

napi_value setPolicy(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  Dns* dns = self(args);
  const uint8_t* bytes = nullptr;
  size_t length = 0;
  if (dns == nullptr || !args.bytes(0, &bytes, &length)) return number(env, -EINVAL);
  Policy* policy = Policy::read(bytes, length);
  if (policy == nullptr) return number(env, -EINVAL);
  dns->server.enter();
  Policy* before = dns->server.engine->setPolicy(policy);
  dns->server.leave();
  if (before != nullptr) before->close();
  return number(env, 0);
}

// setLocal(bytes, count)
napi_value setLocal(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  Dns* dns = self(args);
  const uint8_t* bytes = nullptr;
  size_t length = 0;
  uint32_t count;
  if (dns == nullptr || !args.bytes(0, &bytes, &length) || !args.u32(1, &count)) {
    return number(env, -EINVAL);
  }
  Cache* local = nullptr;
  if (count > 0) {
    local = readLocal(bytes, length, count, dns->server.engine->key());
    if (local == nullptr) return number(env, -EINVAL);
  }
  dns->server.enter();
  dns->server.engine->setLocal(local);
  dns->server.leave();
  return number(env, 0);
}

// setCache(staleSec, prefetch)
napi_value setCache(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  Dns* dns = self(args);
  uint32_t staleSec;
  uint32_t prefetch;
  if (dns == nullptr || !args.u32(0, &staleSec) || !args.u32(1, &prefetch)) {
    return number(env, -EINVAL);
  }
  dns->server.enter();
  dns->server.engine->staleSec = staleSec;
  dns->server.engine->prefetch = prefetch != 0;
  dns->server.leave();
  return number(env, 0);
}

napi_value setLog(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  Dns* dns = self(args);
  uint32_t on;
  if (dns == nullptr || !args.u32(0, &on)) return number(env, -EINVAL);
  return number(env, dns->server.setLogging(on != 0) ? 0 : -ENOMEM);
}

// loadBlocks(path): '' takes what is there away
napi_value loadBlocks(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  Dns* dns = self(args);
  char path[PATH_MAX];
  if (dns == nullptr || !args.text(0, path, sizeof path)) return number(env, -EINVAL);
  Blocks* blocks = nullptr;
  if (path[0] != 0) {
    blocks = Blocks::open(path);
    if (blocks == nullptr) return number(env, -errno);
  }
  dns->server.enter();
  Blocks* before = dns->server.engine->setBlocks(blocks);
  dns->server.leave();
  if (before != nullptr) before->close();
  return number(env, 0);
}

// blockFile(): header, lists and note of what is loaded, or undefined
napi_value blockFile(napi_env env, napi_callback_info info) {
  Args<0> args(env, info);
  Dns* dns = self(args);
  const Blocks* blocks = dns == nullptr ? nullptr : dns->server.engine->blocks();
  if (blocks == nullptr) return nullptr;
  const BlockHeader& h = blocks->header();
  size_t lists = h.lists * sizeof(ListRecord);
  napi_value buffer;
  void* data;
  if (napi_create_arraybuffer(env, sizeof h + lists + h.noteBytes, &data, &buffer) != napi_ok) {
    return nullptr;
  }
  auto* out = static_cast<uint8_t*>(data);
  memcpy(out, &h, sizeof h);
  if (h.lists > 0) memcpy(out + sizeof h, &blocks->list(0), lists);
  memcpy(out + sizeof h + lists, blocks->note(), h.noteBytes);
  return buffer;
}

// match(name): the mask of lists stands in the exchange buffer
napi_value matchMethod(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  Name name;
  Dns* dns = withName(args, &name);
  if (dns == nullptr) return number(env, -EINVAL);
  Match match;
  // Blocks change by this thread alone, so they may be read without the lock.
  const Blocks* blocks = dns->server.engine->blocks();
  if (blocks != nullptr) match = blocks->match(name, load<uint64_t>(dns->exchange));
  dns->exchange[0] = match.verdict;
  dns->exchange[1] = match.important;
  dns->exchange[2] = match.list;
  dns->exchange[3] = match.label == name.labels ? static_cast<uint8_t>(name.length - 1)
                                                : name.at[match.label];
  store(dns->exchange + 8, match.complex);
  return number(env, 0);
}

// rules(name): how many suffixes have some; offset of the suffix and class of each are in the exchange buffer
napi_value rulesMethod(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  Name name;
  Dns* dns = withName(args, &name);
  if (dns == nullptr) return number(env, -EINVAL);
  const Blocks* blocks = dns->server.engine->blocks();
  int32_t count = 0;
  uint8_t* at = dns->exchange;
  for (size_t i = 0; i <= name.labels && blocks != nullptr; i++) {
    const Class* rules = blocks->find(name.hash[i]);
    if (rules == nullptr) continue;
    store(at, static_cast<uint64_t>(i == name.labels ? name.length - 1u : name.at[i]));
    memcpy(at + 8, rules, sizeof *rules);
    at += 8 + sizeof *rules;
    count++;
  }
  return number(env, count);
}

// ask(wire, address, limit, nowMs): the decision is in the exchange buffer
napi_value askMethod(napi_env env, napi_callback_info info) {
  Args<4> args(env, info);
  Dns* dns = self(args);
  const uint8_t* wire = nullptr;
  size_t length = 0;
  const uint8_t* address = nullptr;
  size_t addressLength = 0;
  uint32_t limit;
  double nowMs;
  if (dns == nullptr || !args.bytes(0, &wire, &length) || length > UINT16_MAX ||
      !args.bytes(1, &address, &addressLength) || !addressArg(address, addressLength) ||
      !args.u32(2, &limit) || limit < kPlainLimit || limit > kMaxAnswer || !args.f64(3, &nowMs)) {
    return number(env, -EINVAL);
  }
  Server& server = dns->server;
  server.enter();
  Decision d = server.ask(wire, length, Address::from(address), limit,
                          static_cast<int64_t>(nowMs), dns->exchange + kExchangeData);
  if (d.outcome == Outcome::kMiss) server.engine->counts[kToJs]++;
  server.leave();
  dns->exchange[0] = static_cast<uint8_t>(d.outcome);
  dns->exchange[1] = static_cast<uint8_t>(d.reason);
  dns->exchange[2] = static_cast<uint8_t>(d.by);
  dns->exchange[3] = d.group;
  dns->exchange[4] = d.prefetch;
  store(dns->exchange + 8, static_cast<uint32_t>(d.length));
  return number(env, 0);
}

napi_value stats(napi_env env, napi_callback_info info) {
  Args<0> args(env, info);
  Dns* dns = self(args);
  if (dns == nullptr) return number(env, -EINVAL);
  Server& server = dns->server;
  server.enter();
  Engine& engine = *server.engine;
  engine.counts[kDroppedKernel] = server.kernelDrops();
  double out[kCounts + 4];
  for (size_t i = 0; i < kCounts; i++) out[i] = static_cast<double>(engine.counts[i]);
  out[kCounts] = engine.cache.entries();
  out[kCounts + 1] = static_cast<double>(engine.cache.usedBytes());
  out[kCounts + 2] = static_cast<double>(engine.cache.inserted);
  out[kCounts + 3] = static_cast<double>(engine.cache.evicted);
  server.leave();
  memcpy(dns->exchange, out, sizeof out);
  return number(env, kCounts + 4);
}

}  // namespace

bool defineEngine(napi_env env, napi_value target, Dns* dns) {
  static const Method methods[] = {
      {"listen", listenMethod},   {"unlisten", unlistenMethod}, {"portOf", portOf},
      {"send", sendMethod},       {"setPolicy", setPolicy},     {"setLocal", setLocal},
      {"setCache", setCache},     {"setLog", setLog},           {"loadBlocks", loadBlocks},
      {"blockFile", blockFile},   {"match", matchMethod},       {"rules", rulesMethod},
      {"ask", askMethod},         {"stats", stats}};
  return define(env, target, methods, dns);
}

}  // namespace gatehouse::dns
