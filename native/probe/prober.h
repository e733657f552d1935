// The prober: one ICMP socket for each family, a bounded table of probes under way, and results in
// records of a fixed size. It never waits: whoever owns it asks when its descriptor is readable and
// when the earliest time-out is due. Round trips are the kernel's own stamps of sending and hearing
// (SO_TIMESTAMPING, software); where one is missing, or the wall clock stepped between them, the
// monotonic clock stands in.
#pragma once

#include <cstddef>
#include <cstdint>

#include "reply.h"

namespace gatehouse::probe {

// src/os/linux/probe.ts has the same layouts.
struct Request {
  uint8_t address[16];  // IPv4 in the first four
  uint8_t family;       // 4 or 6
  uint8_t ttl;          // 0: the system's
  uint16_t payload;     // bytes after the header, 8 to 1472
  uint32_t tag;
  uint32_t timeoutMs;
  uint32_t scope;  // interface of a link-local address
};
static_assert(sizeof(Request) == 32);

enum class Outcome : uint8_t {
  kReply = 1,
  kTimeout = 2,
  kUnreachable = 3,
  kExceeded = 4,
  kOther = 5,
  kDuplicate = 6,
  kNotSent = 7,
};

struct Result {
  uint32_t tag;
  uint8_t outcome;
  uint8_t type;
  uint8_t code;
  uint8_t ttl;        // of the answer; 0: not told
  double rttMs;       // of an answer
  double sentMs;      // CLOCK_MONOTONIC
  uint8_t stamps;     // 1: sent by the kernel's clock; 2: heard by it
  uint8_t family;     // of `from`
  uint16_t sequence;  // within the family: tells the order of sending
  int32_t information;  // errno of what was not sent; MTU that an error tells
  uint8_t from[16];
};
static_assert(sizeof(Result) == 48);

enum class Way : int32_t { kNone = 0, kRaw = 1, kPing = 2 };

struct Counters {
  double sent, replies, timeouts, errors, duplicates, late, strangers, clockSteps, full, unstamped;
};

struct Buffers;

class Prober {
 public:
  Prober() = default;
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;
  ~Prober() { close(); }

  // At most `slots` (a power of two up to 65536) probes of each family are under way. 0 or -errno;
  // a family whose socket cannot be had is without a way. `pingOnly`: as if there were no raw sockets.
  int open(uint32_t slots, uint32_t key, bool pingOnly);
  void close();
  int descriptor() const { return epoll_; }
  Way way(int family) const { return families_[family == 6 ? 1 : 0].way; }

  // Takes the first of `requests` that there is room for, in one batch: how many. What the kernel
  // refuses comes out of `take` as not sent.
  size_t send(const Request* requests, size_t count);
  // Fills at most `capacity` results. Ask again while it is filled whole.
  size_t take(Result* results, size_t capacity);
  // Milliseconds until the earliest time-out; negative when none is under way.
  double nextMs() const;
  size_t underWay() const { return underWay_; }

  Counters counters{};

 private:
  enum class State : uint8_t { kFree, kWaiting, kAnswered };
  struct Slot {
    uint8_t address[16];
    double sentMs, deadlineMs;
    int64_t stamp;   // wall clock in ns: the kernel's where `stamped`, else ours just before
    int64_t offset;  // wall less monotonic clock when it was sent, ns
    uint32_t tag, place;
    int32_t next, previous;  // in its bucket
    uint16_t bucket;
    State state;
    bool stamped;
  };
  struct Family {
    int fd = -1;
    Way way = Way::kNone;
    uint16_t id = 0;
    uint32_t sequence = 0;
    Slot* slots = nullptr;
  };
  static constexpr size_t kBuckets = 1024;
  static constexpr double kBucketMs = 8;
  static constexpr size_t kNotSent = 256;

  bool openFamily(int family, bool pingOnly);
  size_t sendBatch(Family& family, const Request* requests, size_t count, int* error);
  void notSent(const Request& request, int error);
  void drainErrors(Family& family);
  void sentStamp(Family& family, const uint8_t* bytes, size_t length, int64_t stamp);
  size_t receive(Family& family, Result* results, size_t capacity);
  bool settle(Family& family, const Parsed& parsed, const uint8_t* from, uint8_t ttl, int64_t heard,
              bool stamped, double nowMs, Result* out);
  size_t expire(Family& family, Result* results, size_t capacity, double nowMs);
  bool isSix(const Family& family) const { return &family == &families_[1]; }
  void link(Family& family, uint32_t index);
  void unlink(Family& family, uint32_t index);
  Slot* claim(Family& family);
  bool waits(int six, size_t bucket) const;

  Family families_[2];
  int32_t buckets_[2][kBuckets];
  double swept_[2] = {};  // number of the bucket that was looked through last
  int epoll_ = -1;
  Buffers* buffers_ = nullptr;
  uint32_t slotCount_ = 0;
  uint32_t key_ = 0;
  size_t underWay_ = 0;  // waiting for an answer
  Result refused_[kNotSent];
  size_t refusedCount_ = 0;
  // Results of the error queue that wait for `take`.
  Result errors_[kNotSent];
  size_t errorCount_ = 0;
};

}  // namespace gatehouse::probe
