// Pages of the program that were needed to start and are not any more.
//
// A third of what the daemon holds resident is Node's own text, much of it used while it started
// alone. Dropped from the page tables, such pages stay in the page cache, where the kernel may take
// them when the box is short of memory; what is used comes back by minor faults, 64 KB at a time.

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <sys/mman.h>

#include "args.h"
#include "reactor.h"

namespace gatehouse {

namespace {

// One mapping of /proc/self/smaps (proc_pid_smaps(5)).
struct Mapping {
  unsigned long from = 0;
  unsigned long to = 0;
  bool of_file = false;
};

bool head(const char* line, Mapping* out) {
  char mode[5] = "";
  unsigned long inode = 0;
  if (sscanf(line, "%lx-%lx %4s %*x %*s %lu", &out->from, &out->to, mode, &inode) != 4) return false;
  // What can be written, or is shared, is not ours to drop.
  out->of_file = inode != 0 && mode[0] == 'r' && mode[1] == '-' && mode[3] == 'p';
  return true;
}

// Gives kilobytes that were dropped, or -errno.
long releaseText() {
  FILE* smaps = fopen("/proc/self/smaps", "re");
  if (smaps == nullptr) return -errno;
  char line[512];
  Mapping at;
  long resident = 0;
  long released = 0;
  while (fgets(line, sizeof line, smaps) != nullptr) {
    long kb = 0;
    Mapping next;
    if (head(line, &next)) {
      at = next;
      resident = 0;
    } else if (sscanf(line, "Rss: %ld kB", &kb) == 1) {
      resident = kb;
    } else if (sscanf(line, "Anonymous: %ld kB", &kb) == 1 && at.of_file && kb == 0 &&
               resident > 0) {
      // Nothing in it was ever written (relocations would be anonymous): every page comes back as it is.
      if (madvise(reinterpret_cast<void*>(at.from), at.to - at.from, MADV_DONTNEED) == 0) {
        released += resident;
      }
    }
  }
  fclose(smaps);
  return released;
}

// releaseText(): kilobytes, or -errno
napi_value releaseTextCall(napi_env env, napi_callback_info) {
  return number(env, static_cast<int32_t>(releaseText()));
}

}  // namespace

bool definePages(napi_env env, napi_value target) {
  static const Method methods[] = {{"releaseText", releaseTextCall}};
  return define(env, target, methods, nullptr);
}

}  // namespace gatehouse
