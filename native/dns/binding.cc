// The life of an engine in Node's loop, and what of it calls JavaScript.

#include "binding.h"

#include <cerrno>
#include <cstdlib>
#include <new>

#include "object.h"

namespace gatehouse::dns {

namespace {

void onClosed(uv_handle_t* handle) {
  auto* dns = static_cast<Dns*>(handle->data);
  dns->inLoop = false;
  dns->owner->closed(dns->owner->with);
}

void call(Dns* dns, int32_t kind, size_t count, size_t bytes) {
  napi_env env = dns->env;
  napi_value f;
  napi_value ignored;
  if (napi_get_reference_value(env, dns->callback, &f) != napi_ok) return;
  napi_value arguments[] = {number(env, kind), number(env, static_cast<int32_t>(count)),
                            number(env, static_cast<int32_t>(bytes))};
  if (napi_make_callback(env, nullptr, f, f, 3, arguments, &ignored) == napi_pending_exception) {
    napi_value thrown;
    if (napi_get_and_clear_last_exception(env, &thrown) == napi_ok) napi_fatal_exception(env, thrown);
  }
}

void onAsync(uv_async_t* handle) {
  auto* dns = static_cast<Dns*>(handle->data);
  if (dns->closed) return;
  Server& server = dns->server;
  napi_handle_scope scope;
  if (napi_open_handle_scope(dns->env, &scope) != napi_ok) return;
  bool logDue = server.logDue.exchange(false);
  server.enter();
  server.queries.take();
  if (logDue) server.log.take();
  server.leave();
  size_t count;
  size_t bytes = server.queries.copy(dns->input, kInputBytes, kMostQueries, &count);
  if (bytes > 0) call(dns, kQueriesCall, count, bytes);
  if (!dns->closed && logDue) {
    bytes = server.log.copy(dns->input, kInputBytes, SIZE_MAX, &count);
    if (bytes > 0) call(dns, kLogCall, count, bytes);
  }
  // The rest after what else the loop has to do.
  if (!dns->closed) {
    server.enter();
    bool more = server.queries.unread() || !server.queries.empty();
    server.leave();
    if (more) uv_async_send(&dns->async);
  }
  napi_close_handle_scope(dns->env, scope);
}

napi_value shutdownMethod(napi_env env, napi_callback_info info) {
  Args<0> args(env, info);
  static_cast<Dns*>(args.data)->shutdown();
  return nullptr;
}

bool share(Dns* dns, napi_value target, int index, const char* name, size_t size, uint8_t** data) {
  napi_value buffer;
  void* at;
  if (napi_create_arraybuffer(dns->env, size, &at, &buffer) != napi_ok) return false;
  *data = static_cast<uint8_t*>(at);
  return napi_create_reference(dns->env, buffer, 1, &dns->buffers[index]) == napi_ok &&
         napi_set_named_property(dns->env, target, name, buffer) == napi_ok;
}

int build(Dns* dns, napi_value target, napi_value callback, size_t cacheBytes, size_t queueLength,
          const Key& key) {
  uv_loop_t* loop;
  if (!share(dns, target, 0, "input", kInputBytes, &dns->input) ||
      !share(dns, target, 1, "output", kOutputBytes, &dns->output) ||
      !share(dns, target, 2, "exchange", kExchangeBytes, &dns->exchange) ||
      napi_create_reference(dns->env, callback, 1, &dns->callback) != napi_ok ||
      napi_get_uv_event_loop(dns->env, &loop) != napi_ok ||
      uv_async_init(loop, &dns->async, onAsync) != 0) {
    return -EIO;
  }
  dns->async.data = dns;
  dns->inLoop = true;
  uv_unref(reinterpret_cast<uv_handle_t*>(&dns->async));
  dns->server.notify = [](void* with) { uv_async_send(&static_cast<Dns*>(with)->async); };
  dns->server.with = dns;
  static const Method methods[] = {{"shutdown", shutdownMethod}};
  if (!define(dns->env, target, methods, dns) || !defineEngine(dns->env, target, dns) ||
      !defineCache(dns->env, target, dns)) {
    return -EIO;
  }
  return dns->server.start(cacheBytes, queueLength, key);
}

// createDns(cacheBytes, queueLength, key: 16 bytes, call: (kind, count, bytes) => void)
napi_value createDns(napi_env env, napi_callback_info info) {
  Args<4> args(env, info);
  auto* bindings = static_cast<Bindings*>(args.data);
  uint32_t cacheBytes;
  uint32_t queueLength;
  const uint8_t* bytes = nullptr;
  size_t length = 0;
  Key key;
  napi_valuetype type = napi_undefined;
  if (!args.u32(0, &cacheBytes) || cacheBytes < 1 << 20 || cacheBytes > 1u << 31 ||
      !args.u32(1, &queueLength) || queueLength == 0 || queueLength > 65536 ||
      !args.bytes(2, &bytes, &length) || !keyArg(bytes, length, &key) ||
      napi_typeof(env, args.value[3], &type) != napi_ok || type != napi_function) {
    return number(env, -EINVAL);
  }
  void* memory = calloc(1, sizeof(Dns));
  napi_value target;
  if (memory == nullptr || napi_create_object(env, &target) != napi_ok) {
    free(memory);
    return number(env, -ENOMEM);
  }
  auto* dns = new (memory) Dns();
  dns->owner = bindings;
  dns->env = env;
  dns->next = bindings->engines;
  bindings->engines = dns;
  int code = build(dns, target, args.value[3], cacheBytes, queueLength, key);
  if (code == 0) return target;
  dns->shutdown();
  return number(env, code);
}

}  // namespace

void Dns::shutdown() {
  if (closed) return;
  closed = true;
  server.shutdown();
  if (inLoop) uv_close(reinterpret_cast<uv_handle_t*>(&async), onClosed);
  for (napi_ref& ref : buffers) {
    if (ref != nullptr) napi_delete_reference(env, ref);
    ref = nullptr;
  }
  if (callback != nullptr) napi_delete_reference(env, callback);
  callback = nullptr;
}

Bindings* openBindings(void (*closed)(void* with), void* with) {
  auto* bindings = static_cast<Bindings*>(calloc(1, sizeof(Bindings)));
  if (bindings != nullptr) *bindings = {nullptr, nullptr, closed, with};
  return bindings;
}

bool defineDns(napi_env env, napi_value target, Bindings* bindings) {
  static const Method methods[] = {{"createDns", createDns},
                                   {"createBlockBuilder", createBlockBuilder}};
  return define(env, target, methods, bindings);
}

void shutdownDns(Bindings* bindings) {
  for (Dns* dns = bindings->engines; dns != nullptr; dns = dns->next) dns->shutdown();
  for (Build* build = bindings->builds; build != nullptr; build = build->next) {
    if (build->builder != nullptr) build->builder->close();
    build->builder = nullptr;
  }
}

bool dnsIsClosed(const Bindings* bindings) {
  for (const Dns* dns = bindings->engines; dns != nullptr; dns = dns->next) {
    if (dns->inLoop) return false;
  }
  return true;
}

void freeBindings(Bindings* bindings) {
  while (bindings->engines != nullptr) {
    Dns* dns = bindings->engines;
    bindings->engines = dns->next;
    free(dns);
  }
  while (bindings->builds != nullptr) {
    Build* build = bindings->builds;
    bindings->builds = build->next;
    free(build);
  }
  free(bindings);
}

}  // namespace gatehouse::dns
