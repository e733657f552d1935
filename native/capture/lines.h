// One line for each packet that is counted, as text for people or as CSV, into a descriptor. Memory is one
// buffer. Packets of a file wait for who reads the lines; live ones do not, and have a bound for each second.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "names.h"
#include "tables.h"

namespace gatehouse::capture {

// What a packet turned out to be: its innermost addresses and ports.
struct Seen {
  Family family = Family::Link;
  bool addressed = false;
  // TCP, UDP: with ports.
  bool ported = false;
  uint64_t fromHi = 0, fromLo = 0, toHi = 0, toLo = 0;
  uint16_t from = 0, to = 0;
};

class Lines {
 public:
  static constexpr size_t kBufferBytes = 256 << 10;
  static constexpr size_t kLineBytes = 1024;

  // `perSecond`: more of one second are left out, which is told; 0 for no bound.
  Lines(int fd, bool csv, uint32_t perSecond) : fd_(fd), csv_(csv), perSecond_(perSecond) {}

  bool good();
  // `path`: protocols from the link on.
  void packet(int64_t ns, uint32_t captured, uint32_t length, const char* path, const Seen& seen,
              const Names::Slot* name);
  // What is still in the buffer goes out: 0, or -errno of what went wrong first.
  int flush();
  // What flush() says, for other threads than the one that writes.
  int error() const { return error_.load(std::memory_order_relaxed); }

 private:
  bool within(int64_t ns);
  void tellLeftOut();

  int fd_;
  bool csv_;
  uint32_t perSecond_;
  std::unique_ptr<char[]> buffer_;
  size_t used_ = 0;
  int64_t second_ = -1;
  uint32_t inSecond_ = 0;
  uint64_t leftOut_ = 0;
  std::atomic<int> error_ = 0;
};

// An address as text; `text` has room for kAddressBytes. Gives the length.
constexpr size_t kAddressBytes = 46;
size_t addressText(char* text, Family family, uint64_t hi, uint64_t lo);

}  // namespace gatehouse::capture
