// The engine and the builder as JavaScript has them.
#pragma once

#include <node_api.h>

namespace gatehouse::dns {

// Everything that one environment has opened here.
struct Bindings;

// `closed` is called, with `with`, each time a handle of libuv's is closed.
Bindings* openBindings(void (*closed)(void* with), void* with);
bool defineDns(napi_env env, napi_value target, Bindings* bindings);
void shutdownDns(Bindings* bindings);
// True when nothing of it is in libuv's loop any more.
bool dnsIsClosed(const Bindings* bindings);
void freeBindings(Bindings* bindings);

}  // namespace gatehouse::dns
