// What is decided of a query, without sockets and threads: policy, local names, cache, lists. The
// caller hands in the time and holds the lock.
#pragma once

#include "blocks.h"
#include "cache.h"
#include "policy.h"

namespace gatehouse::dns {

// src/os/linux/dns-engine.ts has the same numbers.
enum class Outcome : uint8_t { kAnswer, kMiss, kDrop };
enum class Reason : uint8_t {
  kUnknown,
  kUnjudged,
  kStale,
  kPrefetch,
  kComplex,
  kLocal,
  kUnusual,
};
enum class By : uint8_t { kCache, kBlock, kLocal };

// Counters, in the order of EngineStats.
enum Count {
  kReceived,
  kAnsweredCache,
  kAnsweredBlock,
  kAnsweredLocal,
  kToJs,
  kDroppedAccess,
  kDroppedMalformed,
  kDroppedClientRate,
  kDroppedMissRate,
  kDroppedSameAnswer,
  kDroppedQueue,
  kDroppedSend,
  kDroppedKernel,
  kTruncated,
  kPrefetches,
  kSentFromJs,
  kLogDropped,
  kCounts,
};

constexpr uint8_t kNoList = 0xff;
constexpr size_t kMaxAnswer = 65535;

struct Decision {
  Outcome outcome = Outcome::kDrop;
  Reason reason = Reason::kUnknown;  // of a miss
  By by = By::kCache;                // of an answer
  bool prefetch = false;             // answered, and to be asked for anew
  uint8_t group = 0;
  uint8_t list = kNoList;
  size_t length = 0;  // of the answer
};

class Engine {
 public:
  static Engine* open(size_t cacheBytes, const Key& key);
  void close();

  // `limit` 0 is UDP's, by what the client says. `out` has room for kMaxAnswer bytes, or for
  // kUdpLimit where the limit is 0.
  Decision ask(const uint8_t* wire, size_t length, const Address& client, size_t limit,
               int64_t nowMs, uint8_t* out);

  // Each takes over what it is given and gives back what it replaces.
  Policy* setPolicy(Policy* policy);
  Blocks* setBlocks(Blocks* blocks);
  void setLocal(Cache* local);  // the one before is closed

  const Policy* policy() const { return policy_; }
  const Blocks* blocks() const { return blocks_; }
  const Key& key() const { return cache.key(); }
  // The query that was asked last, for the log; its name is read if it was answered.
  const Query& last() const { return query_; }

  Cache cache;
  uint32_t staleSec = 0;
  bool prefetch = false;
  uint64_t counts[kCounts] = {};

 private:
  Decision decide(const Address& client, size_t limit, bool udp, int64_t nowMs, uint8_t* out,
                  uint8_t group);
  Decision miss(Reason reason, uint8_t group) const;

  Query query_;
  Policy* policy_ = nullptr;
  Blocks* blocks_ = nullptr;
  Cache* local_ = nullptr;
  Clients clients_;
  SameAnswers sameAnswers_;
};

// A table of local names from `count` entries of 16-bit type, 16-bit length and response; nullptr
// when one is no response to a question of its type, or memory is short.
Cache* readLocal(const uint8_t* bytes, size_t length, size_t count, const Key& key);

}  // namespace gatehouse::dns
