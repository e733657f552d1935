// Compiled lists: one file, mapped, of hashed names with the rules that lists have for them.
//
//   header | lists | classes | note | offsets | slots
//
// A slot is 48 bits of a name's keyed hash and 16 of its class; slots are sorted by hash, in buckets
// of about kPerBucket, and `offsets` says where each begins. That is less than nine bytes a name
// and, for a name that is not there, two cache lines. A class is a set of rules, as 64-bit masks over
// the lists. 52 bits of the hash tell names apart; the key is the box's own, so nobody can choose
// names that collide.
#pragma once

#include "name.h"

namespace gatehouse::dns {

constexpr size_t kMaxLists = 64;
constexpr size_t kMaxClasses = 65536;
constexpr uint64_t kMaxNames = uint64_t{1} << 28;
constexpr size_t kPerBucket = 6;
constexpr size_t kListName = 91;
constexpr size_t kMaxNote = 65536;

// Kinds of rules, in the order of BlockRules in src/os/ports-dns.ts: each for the name itself and
// for all below it.
enum Rule { kBlock, kAllow, kImportantBlock, kImportantAllow, kComplex, kRuleKinds };
constexpr int kExact = 0;
constexpr int kBelow = 1;

struct Class {
  uint64_t lists[kRuleKinds][2];
  bool operator==(const Class&) const = default;
};

struct ListRecord {
  uint8_t sha256[32];
  uint32_t id;
  uint8_t nameLength;
  char name[kListName];
};

struct BlockHeader {
  char magic[8];
  uint32_t version;
  uint32_t lists;
  Key key;
  uint32_t names;
  uint32_t buckets;
  uint32_t classes;  // class 0 is that of no rules
  uint32_t noteBytes;
  uint64_t fileBytes;
  uint32_t bodyCrc;
  uint32_t headerCrc;  // of what stands before it

  // Of the sections, which follow one another.
  uint64_t listsAt() const { return sizeof(BlockHeader); }
  uint64_t classesAt() const { return listsAt() + uint64_t{lists} * sizeof(ListRecord); }
  uint64_t noteAt() const { return classesAt() + uint64_t{classes} * sizeof(Class); }
  uint64_t offsetsAt() const { return noteAt() + (uint64_t{noteBytes} + 7) / 8 * 8; }
  uint64_t slotsAt() const { return offsetsAt() + (uint64_t{buckets} + 2) / 2 * 8; }
  uint64_t end() const { return slotsAt() + uint64_t{names} * 8; }
};
static_assert(sizeof(BlockHeader) == 64 && sizeof(ListRecord) == 128 && sizeof(Class) == 80);

constexpr char kBlockMagic[8] = {'G', 'H', 'D', 'N', 'S', 'B', 'L', '1'};
constexpr uint32_t kBlockVersion = 1;
constexpr int kFingerprintShift = 12;
constexpr uint64_t kFingerprintMask = (uint64_t{1} << 48) - 1;

inline uint64_t fingerprint(uint64_t hash) { return hash >> kFingerprintShift & kFingerprintMask; }
// What of a hash the file keeps; buckets are chosen by it alone.
inline uint64_t kept(uint64_t hash) { return hash >> kFingerprintShift << kFingerprintShift; }

struct Match {
  enum Verdict : uint8_t { kNone, kAllowed, kBlocked } verdict = kNone;
  bool important = false;
  uint8_t list = 0;
  uint8_t label = 0;  // the suffix that it names begins with this label
  uint64_t complex = 0;
};

class Blocks {
 public:
  // Maps and verifies; nullptr with errno set (EBADMSG when it is no whole file of this version).
  static Blocks* open(const char* path);
  void close();

  const BlockHeader& header() const { return *reinterpret_cast<const BlockHeader*>(data_); }
  const ListRecord& list(size_t i) const {
    return reinterpret_cast<const ListRecord*>(data_ + header().listsAt())[i];
  }
  const uint8_t* note() const { return data_ + header().noteAt(); }

  // Rules of the suffix with this hash, or nullptr.
  const Class* find(uint64_t hash) const {
    uint64_t bucket = mulHigh(kept(hash), buckets_);
    uint64_t want = fingerprint(hash);
    for (uint32_t i = offsets_[bucket], end = offsets_[bucket + 1]; i < end; i++) {
      if (slots_[i] >> 16 == want) return classes_ + (slots_[i] & 0xffff);
    }
    return nullptr;
  }

  // The name must be hashed with the header's key.
  Match match(const Name& name, uint64_t lists) const;

 private:
  bool verify() const;

  uint8_t* data_ = nullptr;
  size_t length_ = 0;
  uint64_t buckets_ = 0;
  const uint32_t* offsets_ = nullptr;
  const uint64_t* slots_ = nullptr;
  const Class* classes_ = nullptr;
};

}  // namespace gatehouse::dns
