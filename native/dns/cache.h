// The cache: a log of responses in a ring of pages, and an index over it. New ones go to the head.
// Room is made at the tail: what was asked for since it was written last goes to the head once more,
// the rest goes. So what is asked often stays, and a flood of names that nobody repeats runs through.
#pragma once

#include "message.h"

namespace gatehouse::dns {

constexpr size_t kMaxStored = 16384;
constexpr size_t kMaxOptions = 512;

struct Entry {
  uint32_t size;  // whole, a multiple of 8
  uint8_t flags;
  uint8_t keyBits;
  uint16_t type;
  uint64_t hash;
  uint64_t passMask;
  int64_t storedMs;  // below 0 when it is older than the clock
  uint32_t ttlSec;
  uint32_t generation;
  uint16_t nameLength;
  uint16_t wireLength;
  uint16_t ttlCount;
  uint16_t optionsLength;

  // Behind it: offsets of TTLs, the response, the options. The name is in the response.
  uint8_t* ttls() { return reinterpret_cast<uint8_t*>(this + 1); }
  uint8_t* wire() { return ttls() + 2u * ttlCount; }
  uint8_t* options() { return wire() + wireLength; }
  uint32_t ageSec(int64_t nowMs) const {
    return nowMs <= storedMs ? 0 : static_cast<uint32_t>((nowMs - storedMs) / 1000);
  }
  Stored stored(uint32_t ageSec) {
    return {wire(), wireLength, ttls(), ttlCount, options(), optionsLength, ageSec};
  }
};
static_assert(sizeof(Entry) == 48);

constexpr uint8_t kDead = 1;
constexpr uint8_t kHit = 2;
constexpr uint8_t kPrefetched = 4;

// What one response is stored under, and with.
struct CacheItem {
  const Name* name;  // hashed with the cache's key
  uint16_t type;
  uint8_t keyBits;
  const uint8_t* wire;
  size_t wireLength;
  const uint8_t* options;
  size_t optionsLength;
  uint32_t ttlSec;
  uint32_t generation;
  uint64_t passMask;
  int64_t storedMs;
};

class Cache {
 public:
  bool open(size_t bytes, const Key& key);
  void close();
  // Names are hashed with another key from now on.
  void rekey(const Key& key);

  Entry* find(const Name& name, uint16_t type, uint8_t keyBits) {
    uint64_t hash = mix(name.hash[0], type, keyBits);
    for (size_t at = hash & mask_; index_[at].place != 0; at = (at + 1) & mask_) {
      if (index_[at].tag != static_cast<uint32_t>(hash)) continue;
      Entry* e = entry(index_[at].place);
      if (e->hash == hash && e->type == type && e->keyBits == keyBits &&
          e->nameLength == name.length && memcmp(e->wire() + kHeader, name.bytes, name.length) == 0) {
        return e;
      }
    }
    return nullptr;
  }
  // False when it is no well-formed response to that question or too large.
  bool put(const CacheItem& item);
  // In all types, among `count` places of the index from `from` on; how many went.
  uint32_t forget(const Name& name, size_t from, size_t count);
  size_t places() const { return mask_ + 1; }
  uint32_t clear();
  // Both: 0 or -errno, and how many in `count`; they hold the lock for moments only. Entries
  // staleSec past their TTL are left out.
  int dump(const char* path, int64_t nowMs, int64_t wallMs, uint32_t staleSec, uint32_t* count,
           void (*lock)(void* with, bool on), void* with);
  int load(const char* path, int64_t nowMs, int64_t wallMs, uint32_t* count,
           void (*lock)(void* with, bool on), void* with);

  uint32_t entries() const { return entries_; }
  // Of the ring that hold something now, and of the index.
  uint64_t usedBytes() const { return used_ + (mask_ + 1) * sizeof(Slot); }
  uint64_t inserted = 0;
  uint64_t evicted = 0;
  const Key& key() const { return key_; }

  static constexpr size_t sizeOf(size_t wire, size_t ttls, size_t options) {
    return (sizeof(Entry) + wire + 2 * ttls + options + 7) / 8 * 8;
  }

 private:
  struct Slot {
    uint32_t tag;    // low bits of the hash
    uint32_t place;  // of the entry, in steps of 8 bytes, and one more: 0 is free
  };

  static uint64_t mix(uint64_t name, uint16_t type, uint8_t keyBits) {
    return name ^ (uint64_t{type} << 2 | keyBits) * 0x9e3779b97f4a7c15;
  }
  Entry* entry(uint32_t place) { return reinterpret_cast<Entry*>(ring_ + (size_t{place} - 1) * 8); }
  uint32_t placeOf(const Entry* e) const {
    return static_cast<uint32_t>((reinterpret_cast<const uint8_t*>(e) - ring_) / 8 + 1);
  }
  void addIndex(const Entry* e);
  size_t slotOf(const Entry* e) const;
  void removeIndex(const Entry* e);
  void kill(Entry* e);
  uint8_t* room(size_t size, int64_t nowMs);
  void pop(int64_t nowMs);

  Key key_;
  uint8_t* ring_ = nullptr;
  size_t capacity_ = 0;
  size_t head_ = 0;
  size_t tail_ = 0;
  size_t used_ = 0;
  Slot* index_ = nullptr;
  size_t mask_ = 0;
  uint32_t entries_ = 0;
  uint32_t spared_ = 0;
};

}  // namespace gatehouse::dns
