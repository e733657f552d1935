// Live packets of one interface through a ring that the kernel fills (packet_mmap, TPACKET_V3): whole
// blocks are handed over, and a packet is read where the kernel put it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine.h"

namespace gatehouse::capture {

class Ring {
 public:
  explicit Ring(Engine* engine) : engine_(engine) {}
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // 0, -errno, or 1 and `error` filled when the filter is none. An empty filter lets all pass.
  int open(const char* ifName, size_t ringBytes, bool promiscuous, const char* filter,
           char error[Filter::kErrorBytes]);
  bool isOpen() const { return fd_ >= 0; }
  // Counts what is in the ring, for up to `budgetMs`: the number of packets, or -errno; -ENETDOWN when
  // the interface went away.
  int64_t drain(int budgetMs);
  // What the kernel heard and what it had no room for, since the start.
  void counts(uint64_t* received, uint64_t* dropped);

 private:
  int setUp(const char* ifName, size_t ringBytes, bool promiscuous, const char* filter,
            char error[Filter::kErrorBytes]);
  int64_t block(uint8_t* at);

  Engine* engine_;
  int fd_ = -1;
  uint8_t* ring_ = nullptr;
  size_t blocks_ = 0;
  size_t next_ = 0;
  uint32_t linkType_ = 1;
  uint64_t received_ = 0;
  uint64_t dropped_ = 0;
};

}  // namespace gatehouse::capture
