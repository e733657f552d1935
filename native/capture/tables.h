// The tables of who talked: flows (exact while they are kept), and conversations and endpoints, into
// which flows are folded. All have a bound. A table that is full lets the smallest of a few go and says
// how much those that it knows may have had before (Space-Saving, Metwally et al. 2005, with a sampled
// minimum): the true total of every key is between `counted` and `counted + missed`, and no key that is
// not in the table had more than `floor`.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include <sys/mman.h>

#include "bytes.h"
#include "names.h"
#include "protocols.h"
#include "tcp.h"

namespace gatehouse::capture {

enum class Family : uint8_t { None, Ipv4, Ipv6, Link };

// Two ends in a fixed order, so that both directions are one key. Addresses are as the packet has them:
// IPv4 and MAC in the low bytes of `lo`.
struct Key {
  uint64_t w[5] = {};
  // w0 lo of A, w1 lo of B, w2 ports, protocol and family, w3 hi of A, w4 hi of B

  bool operator==(const Key& o) const {
    return w[0] == o.w[0] && w[1] == o.w[1] && w[2] == o.w[2] && w[3] == o.w[3] && w[4] == o.w[4];
  }
  uint64_t hash() const {
    uint64_t h = w[0] * 0x9e3779b97f4a7c15ULL ^ (w[1] + 0x7f4a7c15) * 0xc2b2ae3d27d4eb4fULL ^ w[2];
    if ((w[3] | w[4]) != 0) h ^= mix(w[3] * 0x165667b19e3779f9ULL ^ w[4]);
    return mix(h);
  }
  uint16_t portA() const { return static_cast<uint16_t>(w[2]); }
  uint16_t portB() const { return static_cast<uint16_t>(w[2] >> 16); }
  uint8_t protocol() const { return static_cast<uint8_t>(w[2] >> 32); }
  Family family() const { return static_cast<Family>(static_cast<uint8_t>(w[2] >> 40)); }
};

struct Counter {
  uint64_t packets = 0;
  uint64_t bytes = 0;
  void add(const Counter& o) {
    packets += o.packets;
    bytes += o.bytes;
  }
};

// As long as leaves the flow three lines of the cache.
constexpr size_t kAlpnBytes = 15;

// [0] is what A sent, [1] what B sent. What each packet changes stands in the first two lines of the cache.
struct alignas(64) Flow {
  Key key;
  Counter sent[2];
  int64_t firstNs;
  int64_t lastNs;
  uint32_t next[2];  // sequence number expected
  uint32_t gap[2];   // bytes that were jumped over and may still come
  Protocol app;
  uint8_t tries;
  TcpState state;
  uint8_t flags;
  uint32_t retransmissions;
  uint32_t outOfOrder;
  uint32_t rttUs;
  NameRef name;
  Counter folded[2];  // of `sent`, what conversation and endpoints have already
  int64_t markNs;  // when the SYN came; with hands shaken, when a sequence number last moved ahead
  uint32_t connections;
  uint8_t alpnBytes;
  char alpn[kAlpnBytes];  // the first protocol that a ClientHello offered
  uint32_t torrent;  // see Torrents::seen; 0 while no infohash was heard in it
};

static_assert(sizeof(Flow) == 3 * 64);

// What Flow.flags says.
constexpr uint8_t kKnowsNext0 = 1, kKnowsNext1 = 2, kFin0 = 4, kFin1 = 8, kClientIsB = 16, kAppIsSure = 32,
                  kLikelyTorrent = 64, kTracker = 128;

struct Conversation {
  Key key;
  Counter sent[2];
  Counter missed;
  int64_t firstNs;
  int64_t lastNs;
  uint32_t flows;
};

struct Endpoint {
  Key key;  // w0 lo, w3 hi, family in w2
  Counter sent[2];  // [0] sent, [1] received
  Counter missed;
};

// Open addressing over a pool that grows up to its bound; entries do not move.
template <typename Entry>
class Table {
 public:
  explicit Table(uint32_t most) : most_(most) {
    size_t size = 16;
    while (size < static_cast<size_t>(most) * 2) size *= 2;
    mask_ = size - 1;
    // Untouched pages cost nothing.
    index_ = static_cast<uint64_t*>(zeroed(indexBytes()));
    pool_ = static_cast<Entry*>(zeroed(poolBytes()));
  }
  ~Table() {
    if (index_ != nullptr) munmap(index_, indexBytes());
    if (pool_ != nullptr) munmap(pool_, poolBytes());
  }
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  bool good() const { return index_ != nullptr && pool_ != nullptr; }
  uint32_t used() const { return used_; }
  uint32_t most() const { return most_; }
  Entry& at(uint32_t i) { return pool_[i]; }

  // Two steps towards an entry before it is wanted, the second a while after the first.
  void prefetchCell(uint64_t hash) const { __builtin_prefetch(&index_[hash & mask_]); }
  void prefetchEntry(uint64_t hash) const {
    const uint64_t cell = index_[hash & mask_];
    if (cell == 0) return;
    const char* at = reinterpret_cast<const char*>(&pool_[static_cast<uint32_t>(cell) - 1]);
    __builtin_prefetch(at, 1);
    __builtin_prefetch(at + 64, 1);
  }

  Entry* find(const Key& key, uint64_t hash) {
    for (size_t at = hash & mask_;; at = (at + 1) & mask_) {
      const uint64_t cell = index_[at];
      if (cell == 0) return nullptr;
      if ((cell ^ hash) >> 32 == 0 && pool_[static_cast<uint32_t>(cell) - 1].key == key) {
        return &pool_[static_cast<uint32_t>(cell) - 1];
      }
    }
  }

  // A zeroed entry with this key, which is not there yet; nullptr when the table is full.
  Entry* insert(const Key& key, uint64_t hash) {
    if (used_ == most_) return nullptr;
    place(hash, used_);
    Entry* e = &pool_[used_++];
    e->key = key;
    return e;
  }

  // The same, in the place of an entry that is given up.
  Entry* replace(Entry* old, const Key& key, uint64_t hash) {
    const auto i = static_cast<uint32_t>(old - pool_);
    remove(old->key.hash(), i);
    memset(static_cast<void*>(old), 0, sizeof(Entry));
    place(hash, i);
    old->key = key;
    return old;
  }

  // The smallest of a few entries, each time others.
  template <typename Smaller>
  Entry* victim(Smaller smaller) {
    Entry* best = nullptr;
    for (uint32_t& candidate : candidates_) {
      Entry* e = &pool_[candidate % used_];
      if (best == nullptr || smaller(*e, *best)) best = e;
      // xorshift64: where an attacker's packets land cannot be told from outside.
      seed_ ^= seed_ << 13;
      seed_ ^= seed_ >> 7;
      seed_ ^= seed_ << 17;
      candidate = static_cast<uint32_t>(seed_ >> 32) % used_;
      // The next time it is looked at.
      const char* at = reinterpret_cast<const char*>(&pool_[candidate]);
      __builtin_prefetch(at);
      __builtin_prefetch(at + 64);
    }
    return best;
  }

 private:
  static void* zeroed(size_t bytes) {
    void* at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return nullptr;
    // A table is looked at all over: with small pages each look is a miss in the page tables, too.
    madvise(at, bytes, MADV_HUGEPAGE);
    return at;
  }
  size_t indexBytes() const { return (mask_ + 1) * sizeof(uint64_t); }
  size_t poolBytes() const { return most_ * sizeof(Entry); }

  // Cell: the hash's upper half, and the entry's number plus one.
  void place(uint64_t hash, uint32_t i) {
    size_t at = hash & mask_;
    while (index_[at] != 0) at = (at + 1) & mask_;
    index_[at] = (hash & 0xffffffff00000000ULL) | (i + 1);
  }

  void remove(uint64_t hash, uint32_t i) {
    size_t at = hash & mask_;
    while (static_cast<uint32_t>(index_[at]) != i + 1) at = (at + 1) & mask_;
    // Cells behind move up, unless that would be before their place.
    for (size_t next = (at + 1) & mask_; index_[next] != 0; next = (next + 1) & mask_) {
      const size_t home = pool_[static_cast<uint32_t>(index_[next]) - 1].key.hash() & mask_;
      if (((next - home) & mask_) >= ((next - at) & mask_)) {
        index_[at] = index_[next];
        at = next;
      }
    }
    index_[at] = 0;
  }

  uint32_t most_;
  uint32_t used_ = 0;
  size_t mask_ = 0;
  uint64_t* index_ = nullptr;
  Entry* pool_ = nullptr;
  uint64_t seed_ = 0x2545f4914f6cdd1dULL;
  uint32_t candidates_[8] = {1, 2, 3, 5, 8, 13, 21, 34};
};

// Conversations or endpoints: a table that knows how much it may have missed.
template <typename Entry>
class Talkers {
 public:
  explicit Talkers(uint32_t most) : table(most) {}

  Entry* of(const Key& key) {
    const uint64_t hash = key.hash();
    Entry* e = table.find(key, hash);
    if (e != nullptr) return e;
    e = table.insert(key, hash);
    if (e != nullptr) return e;
    e = table.victim([](const Entry& a, const Entry& b) { return upper(a).bytes < upper(b).bytes; });
    const Counter gone = upper(*e);
    if (gone.packets > floor.packets) floor.packets = gone.packets;
    if (gone.bytes > floor.bytes) floor.bytes = gone.bytes;
    evicted++;
    e = table.replace(e, key, hash);
    e->missed = floor;
    return e;
  }

  // Whoever is in one table alone may have been let go by the other.
  template <typename Merge>
  void absorb(Talkers& other, Merge merge) {
    for (uint32_t i = 0; i < table.used(); i++) {
      Entry& e = table.at(i);
      if (other.table.find(e.key, e.key.hash()) == nullptr) e.missed.add(other.floor);
    }
    const Counter before = floor;
    for (uint32_t i = 0; i < other.table.used(); i++) {
      const Entry& theirs = other.table.at(i);
      Entry* e = table.find(theirs.key, theirs.key.hash());
      if (e != nullptr) {
        merge(e, theirs);
        e->missed.add(theirs.missed);
        continue;
      }
      e = of(theirs.key);
      const Counter missed = e->missed;
      *e = theirs;
      e->missed.add(missed.packets > before.packets ? missed : before);
    }
    floor.add(other.floor);
    evicted += other.evicted;
  }

  Table<Entry> table;
  Counter floor;
  uint64_t evicted = 0;

 private:
  static Counter upper(const Entry& e) {
    return {e.sent[0].packets + e.sent[1].packets + e.missed.packets,
            e.sent[0].bytes + e.sent[1].bytes + e.missed.bytes};
  }
};

}  // namespace gatehouse::capture
