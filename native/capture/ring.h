// Live packets of one interface through a ring that the kernel fills (packet_mmap, TPACKET_V3): whole
// blocks are handed over, and a packet is read where the kernel put it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <linux/filter.h>

#include "engine.h"

namespace gatehouse::capture {

struct RingOptions {
  std::string ifName;
  size_t bytes = 0;
  bool promiscuous = false;
  // Of pcap-filter(7); empty lets all pass.
  std::string filter;
  // So much of each packet; what is counted needs 2048.
  uint32_t snapBytes = 0;
  // Shares the packets with the rings of one group, by flow: kNoFanout, kNewGroup, or the id of one, which may
  // be 0. Nothing is heard before `admit`.
  static constexpr int kNoFanout = -1, kNewGroup = 0x10000;
  int fanout = kNoFanout;
};

class Ring {
 public:
  explicit Ring(Engine* engine) : engine_(engine) {}
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // 0, -errno, or 1 and `error` filled when the filter is none.
  int open(const RingOptions& options, char error[Filter::kErrorBytes]);
  bool isOpen() const { return fd_ >= 0; }
  uint32_t linkType() const { return linkType_; }

  // A block is there.
  bool ready() const;
  // Gives the packets of a block that is there to the engine, and the block back: how many.
  uint32_t take();
  // Until a block is there or `wakeFd` is readable, or so long (-1: for ever): 0 or -errno; -ENETDOWN
  // when the interface went away.
  int wait(int wakeFd, int timeoutMs);
  // With a group: what passes the filter comes in from now on. 0 or -errno.
  int admit();
  // Nothing more comes in; what has, is in the ring.
  int shut();
  // Id of the group, or -errno.
  int group() const;

  struct Counts {
    // What passed the filter, and what of it found the ring full.
    uint64_t heard = 0;
    uint64_t dropped = 0;
  };
  // Since the start; of one thread at a time.
  Counts counts();

 private:
  int setUp(const RingOptions& options, char error[Filter::kErrorBytes]);
  void give(uint8_t* packet);
  int setFilter(const RingOptions& options, char error[Filter::kErrorBytes]);
  int attach(const std::vector<sock_filter>& program);

  Engine* engine_;
  Filter filter_;
  std::vector<sock_filter> program_;
  int fd_ = -1;
  uint8_t* ring_ = nullptr;
  size_t blockBytes_ = 0;
  size_t blocks_ = 0;
  size_t next_ = 0;
  uint32_t linkType_ = 1;
  Counts counts_;
};

}  // namespace gatehouse::capture
