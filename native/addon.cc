// What the module exports. All state hangs on the Addon of one environment: no globals, so the
// module may be loaded in any number of workers and more than once in each.

#include <cstdlib>
#include <ctime>

#include <malloc.h>

#include "args.h"
#include "dns/binding.h"
#include "reactor.h"

namespace gatehouse {

namespace {

// boottimeMs(): CLOCK_BOOTTIME, which counts suspend (clock_gettime(2))
napi_value boottimeMs(napi_env env, napi_callback_info) {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  napi_value out = nullptr;
  napi_create_double(env, static_cast<double>(now.tv_sec) * 1e3 +
                              static_cast<double>(now.tv_nsec) / 1e6, &out);
  return out;
}

void onEnvironmentEnd(napi_async_cleanup_hook_handle, void* data) {
  auto* addon = static_cast<Addon*>(data);
  for (Reactor* r = addon->reactors; r != nullptr; r = r->next) r->shutdown();
  dns::shutdownDns(addon->dns);
  addon->ending = true;
  settle(addon);
}

napi_value init(napi_env env, napi_value exports) {
  // One heap for all threads: those of libuv and LMDB would keep 3 MB of the box in heaps of their
  // own. The daemon's work is on its main thread, so nobody waits for the lock.
  mallopt(M_ARENA_MAX, 1);
  auto* addon = static_cast<Addon*>(calloc(1, sizeof(Addon)));
  if (addon == nullptr) return nullptr;
  addon->dns = dns::openBindings([](void* with) { settle(static_cast<Addon*>(with)); }, addon);
  if (addon->dns == nullptr ||
      napi_add_async_cleanup_hook(env, onEnvironmentEnd, addon, &addon->hook) != napi_ok) {
    if (addon->dns != nullptr) dns::freeBindings(addon->dns);
    free(addon);
    return nullptr;
  }
  static const Method methods[] = {{"createReactor", createReactor}, {"boottimeMs", boottimeMs}};
  if (!define(env, exports, methods, addon) || !definePrivileges(env, exports) ||
      !defineCrypt(env, exports) || !dns::defineDns(env, exports, addon->dns) ||
      !defineCapture(env, exports) || !defineArpScan(env, exports) ||
      !defineProbe(env, exports) || !definePages(env, exports)) {
    return nullptr;
  }
  return exports;
}

}  // namespace

}  // namespace gatehouse

NAPI_MODULE_INIT() { return gatehouse::init(env, exports); }
