// From root to an ordinary user that keeps three capabilities (capabilities(7)).
//
// Credentials belong to threads, and Node has several by the time this runs. So the calling
// thread changes its own by raw system calls and then executes the program anew: execve ends the
// other threads, and the new image has, in all its threads, what this one had.

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "args.h"
#include "reactor.h"
#include "strings.h"

namespace gatehouse {

namespace {

constexpr int kKept[] = {CAP_NET_BIND_SERVICE, CAP_NET_ADMIN, CAP_NET_RAW};
constexpr int kLastPossible = 63;

bool kept(int capability) {
  for (int k : kKept) {
    if (k == capability) return true;
  }
  return false;
}

// The step that failed, or nullptr.
const char* lower(uid_t uid, gid_t gid) {
  for (int c = 0; c <= kLastPossible; c++) {
    if (kept(c)) continue;
    if (prctl(PR_CAPBSET_READ, c, 0, 0, 0) < 0) break;  // past the kernel's last one
    if (prctl(PR_CAPBSET_DROP, c, 0, 0, 0) != 0) return "drop from the bounding set";
  }
  if (syscall(SYS_setgroups, 0, nullptr) != 0) return "setgroups";
  if (syscall(SYS_setresgid, gid, gid, gid) != 0) return "setresgid";
  if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return "keep capabilities";
  if (syscall(SYS_setresuid, uid, uid, uid) != 0) return "setresuid";
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  for (int k : kKept) {
    auto& word = data[k / 32];
    uint32_t bit = uint32_t{1} << (k % 32);
    word.permitted |= bit;
    word.effective |= bit;
    word.inheritable |= bit;
  }
  if (syscall(SYS_capset, &header, data) != 0) return "capset";
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return "clear ambient";
  for (int k : kKept) {
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, k, 0, 0) != 0) return "raise ambient";
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return "no_new_privs";
  return nullptr;
}

// lowerAndExecute(uid, gid, file, arguments, environment): returns only by throwing. After a
// throw the process may be half-way down and must end.
napi_value lowerAndExecute(napi_env env, napi_callback_info info) {
  Args<5> args(env, info);
  uint32_t uid;
  uint32_t gid;
  char file[4096];
  Strings arguments;
  Strings environment;
  if (!args.u32(0, &uid) || !args.u32(1, &gid) || !args.text(2, file, sizeof file) ||
      !arguments.read(env, args.value[3]) || !environment.read(env, args.value[4])) {
    napi_throw_error(env, "EINVAL", "lowerAndExecute: arguments");
    return nullptr;
  }
  const char* step = lower(uid, gid);
  if (step == nullptr) {
    // Node marks all that it inherits close-on-exec, its own standard streams too.
    for (int fd = 0; fd <= 2; fd++) fcntl(fd, F_SETFD, 0);
    execve(file, arguments.list, environment.list);
    step = "execve";
  }
  const char* name = strerrorname_np(errno);
  napi_throw_error(env, name == nullptr ? "EUNKNOWN" : name, step);
  return nullptr;
}

}  // namespace

bool definePrivileges(napi_env env, napi_value target) {
  static const Method methods[] = {{"lowerAndExecute", lowerAndExecute}};
  return define(env, target, methods, nullptr);
}

}  // namespace gatehouse
