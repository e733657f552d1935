// Processes by pidfd (pidfd_open(2)): start one that outlives us, learn of its end without
// polling, and signal it without ever hitting a stranger that got its number.

#include <cerrno>
#include <cstdlib>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "args.h"
#include "reactor.h"
#include "strings.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

namespace gatehouse {

namespace {

int start(const char* file, char* const* arguments, pid_t* pid) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  int error = posix_spawn_file_actions_init(&actions);
  if (error != 0) return error;
  error = posix_spawnattr_init(&attributes);
  if (error != 0) {
    posix_spawn_file_actions_destroy(&actions);
    return error;
  }
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  // Node ignores SIGPIPE and may block signals: the child starts with neither.
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                            POSIX_SPAWN_SETSID);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  char* const empty[] = {nullptr};
  error = posix_spawn(pid, file, &actions, &attributes, arguments, empty);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

// spawn(file, arguments: string[]): pid or -errno; arguments[0] is the program's own name
napi_value spawnProcess(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  char file[4096];
  Strings arguments;
  if (!args.text(0, file, sizeof file) || !arguments.read(env, args.value[1])) {
    return number(env, -EINVAL);
  }
  pid_t pid = 0;
  int error = start(file, arguments.list, &pid);
  return number(env, error != 0 ? -error : pid);
}

// watch(pid, child: 0 or 1): id or -errno
napi_value watchProcess(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  int32_t pid;
  int32_t child;
  if (!args.i32(0, &pid) || !args.i32(1, &child) || pid <= 0) return number(env, -EINVAL);
  int fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));  // close-on-exec by itself
  if (fd < 0) return number(env, -errno);
  Entry* e = static_cast<Reactor*>(args.data)->add(Kind::kProcess, fd, EPOLLIN);
  if (e == nullptr) return number(env, -errno);
  e->child = child != 0;
  return number(env, e->id);
}

// signal(id, number): 0 or -errno
napi_value signalProcess(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  int32_t id;
  int32_t signal;
  if (!args.i32(0, &id) || !args.i32(1, &signal)) return number(env, -EINVAL);
  Entry* e = static_cast<Reactor*>(args.data)->find(id, Kind::kProcess);
  if (e == nullptr) return number(env, -EBADF);
  long done = syscall(SYS_pidfd_send_signal, e->fd, signal, nullptr, 0);
  return number(env, done == 0 ? 0 : -errno);
}

// release(id): nobody is told any more; a child of ours is still reaped when it ends.
napi_value releaseProcess(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  int32_t id;
  if (!args.i32(0, &id)) return number(env, -EINVAL);
  auto* r = static_cast<Reactor*>(args.data);
  Entry* e = r->find(id, Kind::kProcess);
  if (e == nullptr || e->silent) return number(env, 0);
  if (e->child) {
    e->silent = true;
    r->keepAlive(-1);
  } else {
    r->drop(e);
  }
  return number(env, 0);
}

}  // namespace

void processReady(Reactor* r, Entry* e) {
  if (e->child) {
    siginfo_t info;
    waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(e->fd), &info, WEXITED | WNOHANG);
  }
  int32_t id = e->id;
  bool silent = e->silent;
  r->drop(e);
  if (!silent) r->push(What::kExited, id);
}

bool defineProcess(napi_env env, napi_value target, Reactor* r) {
  static const Method methods[] = {{"spawn", spawnProcess},
                                   {"watch", watchProcess},
                                   {"signal", signalProcess},
                                   {"release", releaseProcess}};
  return define(env, target, methods, r);
}

}  // namespace gatehouse
