// What the halves of the binding share: the objects behind JavaScript's, and readers of arguments.
#pragma once

#include "../args.h"

#include <uv.h>

#include "binding.h"
#include "builder.h"
#include "server.h"

namespace gatehouse::dns {

// Kinds of calls into JavaScript; src/os/linux/dns-engine.ts has the same numbers, and the layouts
// of what goes through the buffers.
constexpr int32_t kQueriesCall = 1;
constexpr int32_t kLogCall = 2;
constexpr size_t kMostQueries = 256;
constexpr size_t kInputBytes = 256 * 1024;
constexpr size_t kOutputBytes = 256 * 1024;
constexpr size_t kExchangeBytes = 128 * 1024;
constexpr size_t kExchangeData = 64;
constexpr size_t kForgetAtOnce = 4096;

struct Dns {
  Bindings* owner;
  Dns* next;
  napi_env env;
  napi_ref callback;
  napi_ref buffers[3];
  uint8_t* input;
  uint8_t* output;
  uint8_t* exchange;
  uv_async_t async;
  bool inLoop;  // libuv still knows the handle
  bool closed;
  uint32_t listening;
  Server server;

  void shutdown();
};

// A builder stays as a husk until the environment ends, since JavaScript may keep its methods.
struct Build {
  Build* next;
  Builder* builder;
};

struct Bindings {
  Dns* engines;
  Build* builds;
  void (*closed)(void* with);
  void* with;
};

template <size_t kMax>
Dns* self(const Args<kMax>& args) {
  auto* dns = static_cast<Dns*>(args.data);
  return args.good && dns != nullptr && !dns->closed ? dns : nullptr;
}

inline bool addressArg(const uint8_t* bytes, size_t length) { return bytes != nullptr && length == 16; }

inline bool keyArg(const uint8_t* bytes, size_t length, Key* key) {
  if (length != sizeof *key) return false;
  memcpy(key, bytes, sizeof *key);
  return true;
}

inline bool nameArg(const uint8_t* bytes, size_t length, const Key& key, Name* name) {
  if (!name->read(bytes, length) || name->length != length) return false;
  name->hashWith(key);
  return true;
}

template <size_t kMax>
Dns* withName(const Args<kMax>& args, Name* name) {
  Dns* dns = self(args);
  const uint8_t* bytes = nullptr;
  size_t length = 0;
  if (dns == nullptr || !args.bytes(0, &bytes, &length) ||
      !nameArg(bytes, length, dns->server.engine->key(), name)) {
    return nullptr;
  }
  return dns;
}

// Each defines its methods on the object of an engine.
bool defineEngine(napi_env env, napi_value target, Dns* dns);
bool defineCache(napi_env env, napi_value target, Dns* dns);
napi_value createBlockBuilder(napi_env env, napi_callback_info info);

}  // namespace gatehouse::dns
