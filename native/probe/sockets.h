// What the parts of the prober share: clocks, buffers of one system call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "prober.h"

namespace gatehouse::probe {

constexpr size_t kBatch = 64;
constexpr size_t kMostPayload = 1472;
constexpr size_t kReadBytes = 2048;
constexpr size_t kControlBytes = 256;

inline int64_t clockNs(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000000000 + now.tv_nsec;
}
inline double toMs(int64_t ns) { return static_cast<double>(ns) / 1e6; }

// Buffers of one recvmmsg.
struct Incoming {
  mmsghdr messages[kBatch];
  iovec vectors[kBatch];
  sockaddr_in6 from[kBatch];
  alignas(8) uint8_t control[kBatch][kControlBytes];
  uint8_t bytes[kBatch][kReadBytes];

  int read(int fd, size_t most, int flags);
};

// A prober's own buffers: what it hears, what its error queues tell meanwhile, what it sends.
struct Buffers {
  Incoming heard;
  Incoming errors;
  uint8_t outgoing[kBatch][kEchoBytes + kMostPayload];
};

}  // namespace gatehouse::probe
