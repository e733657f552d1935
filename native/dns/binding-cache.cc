// Methods of an engine's cache.

#include <cerrno>
#include <climits>

#include "object.h"

namespace gatehouse::dns {

namespace {

// What the cache is asked stands in the exchange buffer: pass mask (8), now (double), TTL (4),
// generation (4), type (2), key bits (1).
struct CacheCall {
  uint64_t passMask;
  double nowMs;
  uint32_t ttlSec;
  uint32_t generation;
  uint16_t type;
  uint8_t keyBits;

  explicit CacheCall(const uint8_t* at)
      : passMask(load<uint64_t>(at)),
        nowMs(load<double>(at + 8)),
        ttlSec(load<uint32_t>(at + 16)),
        generation(load<uint32_t>(at + 20)),
        type(load<uint16_t>(at + 24)),
        keyBits(at[26] & 3) {}
};

void lockServer(void* with, bool on) {
  auto* server = static_cast<Server*>(with);
  on ? server->enter() : server->leave();
}

// cachePut(name, wire, options): 1 if it is kept
napi_value cachePut(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  Name name;
  Dns* dns = withName(args, &name);
  CacheItem item{};
  if (dns == nullptr || !args.bytes(1, &item.wire, &item.wireLength) ||
      !args.bytes(2, &item.options, &item.optionsLength)) {
    return number(env, -EINVAL);
  }
  CacheCall call(dns->exchange);
  item.name = &name;
  item.type = call.type;
  item.keyBits = call.keyBits;
  item.ttlSec = call.ttlSec;
  item.generation = call.generation;
  item.passMask = call.passMask;
  item.storedMs = static_cast<int64_t>(call.nowMs);
  dns->server.enter();
  bool kept = dns->server.engine->cache.put(item);
  dns->server.leave();
  return number(env, kept);
}

// cacheGet(name): 1 if it is there, and then in the exchange buffer
napi_value cacheGet(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  Name name;
  Dns* dns = withName(args, &name);
  if (dns == nullptr) return number(env, -EINVAL);
  CacheCall call(dns->exchange);
  dns->server.enter();
  Entry* e = dns->server.engine->cache.find(name, call.type, call.keyBits);
  if (e != nullptr) {
    uint8_t* out = dns->exchange;
    store(out, e->passMask);
    store(out + 8, e->ageSec(static_cast<int64_t>(call.nowMs)));
    store(out + 12, e->ttlSec);
    store(out + 16, e->generation);
    store(out + 20, uint32_t{e->wireLength});
    store(out + 24, uint32_t{e->optionsLength});
    memcpy(out + kExchangeData, e->wire(), e->wireLength);
    memcpy(out + kExchangeData + e->wireLength, e->options(), e->optionsLength);
  }
  dns->server.leave();
  return number(env, e != nullptr);
}

// cachePass(name): 1 if it is there
napi_value cachePass(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  Name name;
  Dns* dns = withName(args, &name);
  if (dns == nullptr) return number(env, -EINVAL);
  CacheCall call(dns->exchange);
  dns->server.enter();
  Entry* e = dns->server.engine->cache.find(name, call.type, call.keyBits);
  if (e != nullptr) {
    e->passMask = (e->generation == call.generation ? e->passMask : 0) | call.passMask;
    e->generation = call.generation;
  }
  dns->server.leave();
  return number(env, e != nullptr);
}

// cacheFlush(name): an empty one is everything
napi_value cacheFlush(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  Dns* dns = self(args);
  const uint8_t* bytes = nullptr;
  size_t length = 0;
  if (dns == nullptr || !args.bytes(0, &bytes, &length)) return number(env, -EINVAL);
  Server& server = dns->server;
  Cache& cache = server.engine->cache;
  uint32_t gone = 0;
  if (length == 0) {
    server.enter();
    gone = cache.clear();
    server.leave();
    return number(env, static_cast<int32_t>(gone));
  }
  Name name;
  if (!nameArg(bytes, length, cache.key(), &name)) return number(env, -EINVAL);
  for (size_t at = 0; at < cache.places(); at += kForgetAtOnce) {
    server.enter();
    gone += cache.forget(name, at, cache.places() < kForgetAtOnce ? cache.places() : kForgetAtOnce);
    server.leave();
  }
  return number(env, static_cast<int32_t>(gone));
}

napi_value cacheFile(napi_env env, napi_callback_info info, bool toLoad) {
  Args<3> args(env, info);
  Dns* dns = self(args);
  char path[PATH_MAX];
  double nowMs;
  double wallMs;
  if (dns == nullptr || !args.text(0, path, sizeof path) || !args.f64(1, &nowMs) ||
      !args.f64(2, &wallMs)) {
    return number(env, -EINVAL);
  }
  Engine& engine = *dns->server.engine;
  auto now = static_cast<int64_t>(nowMs);
  auto wall = static_cast<int64_t>(wallMs);
  uint32_t count = 0;
  int code = toLoad ? engine.cache.load(path, now, wall, &count, lockServer, &dns->server)
                    : engine.cache.dump(path, now, wall, engine.staleSec, &count, lockServer,
                                        &dns->server);
  return number(env, code < 0 ? code : static_cast<int32_t>(count));
}

napi_value cacheDump(napi_env env, napi_callback_info info) { return cacheFile(env, info, false); }
napi_value cacheLoad(napi_env env, napi_callback_info info) { return cacheFile(env, info, true); }

}  // namespace

bool defineCache(napi_env env, napi_value target, Dns* dns) {
  static const Method methods[] = {{"cachePut", cachePut},   {"cacheGet", cacheGet},
                                   {"cachePass", cachePass}, {"cacheFlush", cacheFlush},
                                   {"cacheDump", cacheDump}, {"cacheLoad", cacheLoad}};
  return define(env, target, methods, dns);
}

}  // namespace gatehouse::dns
