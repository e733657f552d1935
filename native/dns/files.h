// Memory by pages, and files that are there whole or not at all.
#pragma once

#include <sys/mman.h>

#include "bytes.h"

namespace gatehouse::dns {

// Pages straight from the kernel, which has them back at once; zero, and not there before they are
// touched.
template <class T>
T* pages(size_t count) {
  void* at = mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return at == MAP_FAILED ? nullptr : static_cast<T*>(at);
}

template <class T>
void unmap(T* at, size_t count) {
  if (at != nullptr) munmap(at, count * sizeof(T));
}

// A file that is written in order, with the checksum of what went by.
struct Output {
  int fd;
  int failed;  // errno
  size_t used;
  Crc crc;
  uint8_t buffer[65536];

  void put(const void* bytes, size_t length);
  void flush();
};

// Has `write` fill a file beside `path`, which answers 0 or -errno, and renames it. The same. It is
// not waited for the medium: that would hold up the loop.
int writeBeside(const char* path, int (*write)(void* self, int fd), void* self);

}  // namespace gatehouse::dns
