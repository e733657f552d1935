#include "files.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>

#include <fcntl.h>
#include <unistd.h>

namespace gatehouse::dns {

void Output::flush() {
  for (size_t done = 0; done < used && failed == 0;) {
    ssize_t n = ::write(fd, buffer + done, used - done);
    if (n < 0 && errno != EINTR) failed = errno;
    if (n > 0) done += static_cast<size_t>(n);
  }
  used = 0;
}

void Output::put(const void* bytes, size_t length) {
  crc.add(bytes, length);
  const auto* at = static_cast<const uint8_t*>(bytes);
  while (length > 0) {
    if (used == sizeof buffer) flush();
    size_t n = std::min(length, sizeof buffer - used);
    memcpy(buffer + used, at, n);
    used += n;
    at += n;
    length -= n;
  }
}

int writeBeside(const char* path, int (*write)(void* self, int fd), void* self) {
  char beside[PATH_MAX];
  if (snprintf(beside, sizeof beside, "%s.new", path) >= static_cast<int>(sizeof beside)) {
    return -ENAMETOOLONG;
  }
  int fd = ::open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return -errno;
  int code = write(self, fd);
  if (::close(fd) != 0 && code == 0) code = -errno;
  if (code == 0 && rename(beside, path) != 0) code = -errno;
  if (code != 0) unlink(beside);
  return code;
}

}  // namespace gatehouse::dns
