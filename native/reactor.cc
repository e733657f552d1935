// Slots, epoll and batches: what is ready is drained in bounded turns and told to JavaScript at once.

#include "reactor.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "args.h"
#include "dht/binding.h"
#include "dns/binding.h"

namespace gatehouse {

namespace {

constexpr int kReady = 64;
// Rounds a leading reactor may go on while libuv also has something, and at all.
constexpr int kRoundsAgainstLoop = 4;
constexpr int kRounds = 4096;

void ready(Reactor* r, Entry* e, uint32_t events) {
  switch (e->kind) {
    case Kind::kListener:
      return listenerReady(r, e);
    case Kind::kConnection:
      return connectionReady(r, e, events);
    case Kind::kMonitor:
      return monitorReady(r, e);
    case Kind::kTap:
      return tapReady(r, e);
    case Kind::kFrames:
      return framesReady(r, e);
    case Kind::kUdp:
      return udpReady(r, e);
    case Kind::kProcess:
      return processReady(r, e);
    case Kind::kDatagram:
      return datagramReady(r, e);
    case Kind::kPath:
      return pathReady(r, e);
    case Kind::kRequest:
    case Kind::kFree:
      return;
  }
}

bool full(const Reactor* r) {
  return r->events + kEventsPerTurn > static_cast<int32_t>(kMaxEvents) ||
         r->inputUsed + kReadBytes > kInputBytes;
}

}  // namespace

Entry* Reactor::add(Kind kind, int fd, uint32_t interest) {
  if (closed || freeCount == 0) {
    ::close(fd);
    errno = closed ? EBADF : EMFILE;
    return nullptr;
  }
  size_t slot = freeSlots[freeHead];
  Entry* e = slots[slot];
  if (e == nullptr) {
    e = static_cast<Entry*>(malloc(sizeof(Entry)));
    if (e == nullptr) {
      ::close(fd);
      errno = ENOMEM;
      return nullptr;
    }
    *e = Entry{};
    slots[slot] = e;
  }
  // Ids stay small integers for V8: 13 bits of slot below 17 bits of generation.
  uint32_t generation = (e->generation + 1) & 0x1ffff;
  *e = Entry{};
  e->generation = generation;
  e->kind = kind;
  e->fd = fd;
  e->id = static_cast<int32_t>(generation << kSlotBits | slot);
  e->interest = interest;
  if (kind != Kind::kRequest) {
    epoll_event ev{};
    ev.events = interest;
    ev.data.u64 = static_cast<uint32_t>(e->id);
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) != 0) {
      int saved = errno;
      e->kind = Kind::kFree;
      ::close(fd);
      errno = saved;
      return nullptr;
    }
  }
  freeHead = (freeHead + 1) % kSlots;
  freeCount--;
  control[kQueued + slot] = 0;
  keepAlive(1);
  return e;
}

bool Reactor::want(Entry* e, uint32_t interest) {
  if (e->interest == interest) return true;
  epoll_event ev{};
  ev.events = interest;
  ev.data.u64 = static_cast<uint32_t>(e->id);
  if (epoll_ctl(epoll, EPOLL_CTL_MOD, e->fd, &ev) != 0) return false;
  e->interest = interest;
  return true;
}

void Reactor::drop(Entry* e) {
  size_t slot = static_cast<size_t>(e->id) & (kSlots - 1);
  ::close(e->fd);  // no descriptor is shared, so this takes it out of the epoll set too
  e->queue.clear();
  dht::freeAnswering(env, e->dht);
  e->dht = nullptr;
  if (!e->silent) keepAlive(-1);
  e->kind = Kind::kFree;
  e->fd = -1;
  control[kQueued + slot] = 0;
  freeSlots[(freeHead + freeCount) % kSlots] = static_cast<uint16_t>(slot);
  freeCount++;
}

void Reactor::keepAlive(int delta) {
  bool before = open > 0;
  open += static_cast<size_t>(delta);
  bool after = open > 0;
  if (closed || before == after) return;
  auto* handle = leads ? reinterpret_cast<uv_handle_t*>(&prepare)
                       : reinterpret_cast<uv_handle_t*>(&poll);
  if (after) {
    uv_ref(handle);
  } else {
    uv_unref(handle);
  }
}

void Reactor::push(What what, int32_t id, int32_t a, int32_t b, int32_t c, int32_t d) {
  int32_t* at = control + kEvents + static_cast<size_t>(events) * kEventWords;
  events++;
  at[0] = static_cast<int32_t>(what);
  at[1] = id;
  at[2] = a;
  at[3] = b;
  at[4] = c;
  at[5] = d;
}

void Reactor::turn(int timeoutMs) {
  epoll_event evs[kReady];
  int against = 0;
  for (int round = 0; round < kRounds && !closed; round++) {
    int wait = timeoutMs < 0 ? loopTimeout(this) : timeoutMs;
    int n = epoll_wait(epoll, evs, kReady, wait);
    if (n <= 0) {
      if (n < 0 && errno == EINTR) continue;
      return;
    }
    // A timer that is due, and whatever else libuv would not wait for, counts as something it has.
    bool loop = timeoutMs < 0 && wait == 0;
    int ours = 0;
    for (int i = 0; i < n && !closed; i++) {
      if (evs[i].data.u64 == kLoopItself) {
        loop = true;
        continue;
      }
      ours++;
      // JavaScript may have closed it since: the id tells.
      Entry* e = find(static_cast<int32_t>(evs[i].data.u64));
      if (e == nullptr) continue;
      ready(this, e, evs[i].events);
      if (full(this)) dispatch();
    }
    dispatch();
    if (timeoutMs >= 0) return;
    against = loop ? against + 1 : 0;
    if (loop && (ours == 0 || against >= kRoundsAgainstLoop)) return;
  }
}

void Reactor::dispatch() {
  int32_t count = events;
  if (count == 0) return;
  napi_value f;
  napi_value argument;
  control[kInBatch] = 1;
  control[kNext] = 0;
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) == napi_ok) {
    while (!closed && control[kNext] < count) {
      int32_t before = control[kNext];
      napi_value ignored;
      napi_status status = napi_get_reference_value(env, callback, &f);
      if (status == napi_ok) status = napi_create_int32(env, count, &argument);
      if (status == napi_ok) {
        status = napi_make_callback(env, nullptr, f, f, 1, &argument, &ignored);
      }
      if (status == napi_pending_exception) {
        napi_value thrown;
        if (napi_get_and_clear_last_exception(env, &thrown) == napi_ok) {
          napi_fatal_exception(env, thrown);  // uncaughtException; what is left goes on if it returns
        }
      }
      if (control[kNext] == before) break;  // JavaScript cannot run any more
    }
    napi_close_handle_scope(env, scope);
  }
  events = 0;
  inputUsed = 0;
  control[kInBatch] = 0;
  if (!closed) flush(this);
}

void Reactor::shutdown() {
  if (closed) return;
  flush(this);
  for (Entry* e : slots) {
    if (e != nullptr && e->kind != Kind::kFree) drop(e);
  }
  closed = true;
  if (started) leaveLoop(this);
  if (epoll >= 0) ::close(epoll);
  if (spare >= 0) ::close(spare);
  epoll = spare = -1;
  for (napi_ref& ref : buffers) {
    if (ref != nullptr) napi_delete_reference(env, ref);
    ref = nullptr;
  }
  if (callback != nullptr) napi_delete_reference(env, callback);
  callback = nullptr;
  for (Entry*& e : slots) {
    free(e);
    e = nullptr;
  }
}

void settle(Addon* addon) {
  if (!addon->ending) return;
  for (Reactor* r = addon->reactors; r != nullptr; r = r->next) {
    if (r->handles > 0) return;
  }
  if (!dns::dnsIsClosed(addon->dns)) return;
  while (addon->reactors != nullptr) {
    Reactor* r = addon->reactors;
    addon->reactors = r->next;
    free(r);
  }
  napi_async_cleanup_hook_handle hook = addon->hook;
  dns::freeBindings(addon->dns);
  free(addon);
  napi_remove_async_cleanup_hook(hook);
}

namespace {

napi_value closeReactor(napi_env env, napi_callback_info info) {
  Args<0> args(env, info);
  static_cast<Reactor*>(args.data)->shutdown();
  return nullptr;
}

bool share(Reactor* r, napi_value target, int index, const char* name, size_t size, void** data) {
  napi_value buffer;
  if (napi_create_arraybuffer(r->env, size, data, &buffer) != napi_ok) return false;
  memset(*data, 0, index == 0 ? size : 0);
  return napi_create_reference(r->env, buffer, 1, &r->buffers[index]) == napi_ok &&
         napi_set_named_property(r->env, target, name, buffer) == napi_ok;
}

bool build(Reactor* r, napi_value target, napi_value callback, bool leads) {
  void* control;
  void* input;
  void* output;
  if (!share(r, target, 0, "control", kControlWords * sizeof(int32_t), &control) ||
      !share(r, target, 1, "input", kInputBytes, &input) ||
      !share(r, target, 2, "output", kOutputBytes, &output) ||
      napi_create_reference(r->env, callback, 1, &r->callback) != napi_ok ||
      napi_get_uv_event_loop(r->env, &r->loop) != napi_ok) {
    return false;
  }
  r->control = static_cast<int32_t*>(control);
  r->input = static_cast<uint8_t*>(input);
  r->output = static_cast<uint8_t*>(output);
  for (size_t i = 0; i < kSlots; i++) r->freeSlots[i] = static_cast<uint16_t>(i);
  r->freeCount = kSlots;
  r->epoll = epoll_create1(EPOLL_CLOEXEC);
  r->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (r->epoll < 0) return false;
  r->leads = leads;
  r->started = leads ? startLeading(r) : startFollowing(r);
  static const Method methods[] = {{"shutdown", closeReactor}};
  return r->started && define(r->env, target, methods, r) && defineUnix(r->env, target, r) &&
         defineTcp(r->env, target, r) &&
         defineNetlink(r->env, target, r) && definePacket(r->env, target, r) &&
         defineFrames(r->env, target, r) && defineUdp(r->env, target, r) &&
         defineDht(r->env, target, r) &&
         defineProcess(r->env, target, r) &&
         definePath(r->env, target, r) && defineDatagram(r->env, target, r);
}

}  // namespace

// createReactor(leads: boolean, onBatch: (count: number) => void)
napi_value createReactor(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  bool leads = false;
  napi_valuetype type = napi_undefined;
  if (!args.good || napi_get_value_bool(env, args.value[0], &leads) != napi_ok ||
      napi_typeof(env, args.value[1], &type) != napi_ok || type != napi_function) {
    return number(env, -EINVAL);
  }
  auto* addon = static_cast<Addon*>(args.data);
  void* memory = calloc(1, sizeof(Reactor));
  napi_value target;
  if (addon->ending || memory == nullptr || napi_create_object(env, &target) != napi_ok) {
    free(memory);
    return number(env, -ENOMEM);
  }
  auto* r = new (memory) Reactor();
  r->addon = addon;
  r->env = env;
  r->next = addon->reactors;
  addon->reactors = r;
  if (!build(r, target, args.value[1], leads)) {
    int32_t code = errno > 0 ? -errno : -EIO;
    r->shutdown();
    return number(env, code);
  }
  return target;
}

}  // namespace gatehouse
