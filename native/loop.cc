// The two ways in which a reactor stands in Node's loop.
//
// It *follows* by default: libuv watches our epoll set through one uv_poll handle. Any number of
// reactors in one loop can follow.
//
// One reactor of a loop may *lead*: a prepare handle waits, before libuv polls, on our set with
// libuv's own descriptor in it, for as long as libuv would have waited itself. A message then
// costs wait, receive, send and nothing of libuv's round; whatever concerns libuv (its
// descriptors, a timer, setImmediate, a closing handle) ends the wait at once. A two-hop relay
// answers 8 % more calls with everything on one core, and 17 % more spread over two.

#include "reactor.h"

#include <sys/epoll.h>

namespace gatehouse {

namespace {

Reactor* self(uv_handle_t* handle) { return static_cast<Reactor*>(handle->data); }

void onClosed(uv_handle_t* handle) {
  Reactor* r = self(handle);
  r->handles--;
  settle(r->addon);
}

void onReadable(uv_poll_t* handle, int, int) {
  Reactor* r = self(reinterpret_cast<uv_handle_t*>(handle));
  napi_handle_scope scope;
  if (napi_open_handle_scope(r->env, &scope) != napi_ok) return;
  r->turn(0);
  napi_close_handle_scope(r->env, scope);
}

void onIdle(uv_idle_t*) {}

void onPrepare(uv_prepare_t* handle) {
  Reactor* r = self(reinterpret_cast<uv_handle_t*>(handle));
  napi_handle_scope scope;
  if (napi_open_handle_scope(r->env, &scope) != napi_ok) return;
  // The idle handle makes libuv's own poll return at once; without it uv_backend_timeout tells
  // how long libuv would wait.
  uv_idle_stop(&r->idle);
  r->waiting = true;
  r->turn(-1);
  r->waiting = false;
  if (!r->closed) uv_idle_start(&r->idle, onIdle);
  napi_close_handle_scope(r->env, scope);
}

}  // namespace

int loopTimeout(Reactor* r) {
  uv_update_time(r->loop);
  return uv_backend_timeout(r->loop);
}

bool startFollowing(Reactor* r) {
  if (uv_poll_init(r->loop, &r->poll, r->epoll) != 0) return false;
  r->poll.data = r;
  r->handles = 1;
  uv_poll_start(&r->poll, UV_READABLE, onReadable);
  uv_unref(reinterpret_cast<uv_handle_t*>(&r->poll));
  return true;
}

bool startLeading(Reactor* r) {
  epoll_event ev{};
  ev.events = EPOLLIN;
  ev.data.u64 = kLoopItself;
  if (epoll_ctl(r->epoll, EPOLL_CTL_ADD, uv_backend_fd(r->loop), &ev) != 0) return false;
  uv_prepare_init(r->loop, &r->prepare);
  uv_idle_init(r->loop, &r->idle);
  r->prepare.data = r;
  r->idle.data = r;
  r->handles = 2;
  uv_prepare_start(&r->prepare, onPrepare);
  uv_unref(reinterpret_cast<uv_handle_t*>(&r->prepare));
  uv_unref(reinterpret_cast<uv_handle_t*>(&r->idle));
  return true;
}

void leaveLoop(Reactor* r) {
  if (!r->leads) {
    uv_close(reinterpret_cast<uv_handle_t*>(&r->poll), onClosed);
    return;
  }
  epoll_ctl(r->epoll, EPOLL_CTL_DEL, uv_backend_fd(r->loop), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&r->prepare), onClosed);
  uv_close(reinterpret_cast<uv_handle_t*>(&r->idle), onClosed);
}

}  // namespace gatehouse
