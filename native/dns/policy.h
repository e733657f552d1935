// Who may ask, to which group a client belongs, and how often it may ask.
#pragma once

#include "message.h"

namespace gatehouse::dns {

// IPv6, or IPv4 mapped into it (RFC 4291 §2.5.5.2), as numbers.
struct Address {
  uint64_t high;
  uint64_t low;

  static Address from(const uint8_t* bytes) {
    return {static_cast<uint64_t>(get32(bytes)) << 32 | get32(bytes + 4),
            static_cast<uint64_t>(get32(bytes + 8)) << 32 | get32(bytes + 12)};
  }
  void write(uint8_t* out) const {
    put32(out, static_cast<uint32_t>(high >> 32));
    put32(out + 4, static_cast<uint32_t>(high));
    put32(out + 8, static_cast<uint32_t>(low >> 32));
    put32(out + 12, static_cast<uint32_t>(low));
  }
  bool isV4() const { return high == 0 && low >> 32 == 0xffff; }
  auto operator<=>(const Address&) const = default;
};

struct Group {
  uint64_t lists;
  uint32_t blockTtlSec;
  BlockMode mode;
  uint8_t flags;

  static constexpr uint8_t kSlow = 1;
  static constexpr uint8_t kPatterns = 2;  // names that no hashed rule decides go to JavaScript
  static constexpr uint8_t kAllowPatterns = 4;  // blocked ones, too
};
static_assert(sizeof(Group) == 16);

constexpr size_t kMaxGroups = 64;
constexpr size_t kMaxPrefixes = 65536;

// Prefixes as ranges that do not overlap: the longest prefix of an address by one binary search.
class Ranges {
 public:
  struct Prefix {
    Address address;
    uint8_t length;
    uint8_t value;
  };

  // Reorders `prefixes`. False when memory is short.
  bool build(Prefix* prefixes, size_t count, uint8_t otherwise);
  void close();
  uint8_t find(const Address& address) const;

 private:
  struct Range {
    Address start;
    uint8_t value;
  };
  void emit(const Address& start, uint8_t value);

  Range* ranges_ = nullptr;
  size_t count_ = 0;
};

struct Policy {
  uint32_t generation;
  uint32_t groupCount;
  Group groups[kMaxGroups];
  Ranges clients;
  Ranges access;  // 1 where it may ask
  uint32_t queriesPerSec;
  uint32_t missesPerSec;
  uint32_t sameAnswersPerSec;

  // From the form that src/os/linux/dns-engine.ts writes; nullptr when it is not well-formed.
  static Policy* read(const uint8_t* bytes, size_t length);
  void close();
};

// Milli-queries that fill up with time, at most those of two seconds.
struct Bucket {
  int32_t left;

  bool take(int64_t elapsedMs, uint32_t perSec) {
    int64_t full = int64_t{perSec} * 2000;
    int64_t now = left + elapsedMs * perSec;
    left = static_cast<int32_t>(now > full ? full : now);
    if (left < 1000) return false;
    left -= 1000;
    return true;
  }
};
constexpr uint32_t kMaxPerSec = 1000000;

struct Client {
  Address address;
  int64_t queriedMs;
  int64_t missedMs;
  Bucket queries;
  Bucket misses;
  uint32_t epoch;  // of the policy that group and access are of; 0 is a free place
  uint8_t group;
  bool allowed;
};

// What is known of the clients seen lately: of a fixed size, the one not heard longest makes room.
class Clients {
 public:
  bool open();
  void close();
  void policyChanged() { epoch_++; }
  Client* find(const Key& key, const Address& address, const Policy& policy, int64_t nowMs);

 private:
  static constexpr size_t kSets = 1024;
  static constexpr size_t kWays = 4;
  Client* table_ = nullptr;
  uint32_t epoch_ = 1;
};

// Response rate limiting: equal answers to one network. Of a fixed size; what falls into the same
// place starts anew.
class SameAnswers {
 public:
  enum Verdict : uint8_t { kSend, kTruncate, kDrop };

  bool open();
  void close();
  Verdict count(uint64_t nameHash, uint16_t type, const Address& to, uint32_t perSec, int64_t nowMs);

 private:
  static constexpr size_t kPlaces = 16384;
  struct Place {
    uint64_t tag;
    int64_t atMs;
    Bucket bucket;
    uint32_t beyond;
  };
  Place* table_ = nullptr;
};

}  // namespace gatehouse::dns
