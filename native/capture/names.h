// Names that packets told: of DNS answers, DHCP requests, TLS and HTTP. Both tables have a fixed size;
// where they are full, what was told longest ago gives way.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "bytes.h"

namespace gatehouse::capture {

// A name by its place and its hash: a place that was given to another name fits no more.
struct NameRef {
  uint32_t slot = 0;
  uint32_t hash = 0;
  bool set() const { return hash != 0; }
};

class Names {
 public:
  static constexpr size_t kSlots = 8192;
  static constexpr size_t kMaxBytes = 253;

  // Pages that nothing was written to cost nothing.
  Names() : slots_(static_cast<Slot*>(calloc(kSlots, sizeof(Slot)))) {}
  ~Names() { free(slots_); }
  Names(const Names&) = delete;
  Names& operator=(const Names&) = delete;
  bool good() const { return slots_ != nullptr; }

  struct Slot {
    uint32_t hash;
    uint32_t stamp;
    uint32_t queries;
    uint32_t hellos;
    uint8_t length;
    char text[kMaxBytes];
  };

  // `text` is lower-cased and holds letters, digits, hyphen, underscore, dot and colon alone; anything
  // else is no name, and nothing is kept.
  NameRef keep(const char* text, size_t length) {
    if (length == 0 || length > kMaxBytes) return {};
    uint64_t h = 0x9e3779b97f4a7c15ULL;
    size_t done = 0;
    for (; done + 8 <= length; done += 8) {
      h = (h ^ word64(reinterpret_cast<const uint8_t*>(text) + done)) * 0x9fb21c651e98df25ULL;
      h ^= h >> 32;
    }
    uint64_t rest = length;
    for (; done < length; done++) rest = rest << 8 | static_cast<uint8_t>(text[done]);
    h = mix((h ^ rest) * 0x9fb21c651e98df25ULL);
    const uint32_t hash = static_cast<uint32_t>(h >> 32) | 1;
    const uint32_t base = static_cast<uint32_t>(h) & (kSlots - 1);
    uint32_t oldest = base;
    for (uint32_t i = 0; i < 4; i++) {
      const uint32_t at = (base + i) & (kSlots - 1);
      Slot& s = slots_[at];
      if (s.hash == hash && s.length == length && memcmp(s.text, text, length) == 0) {
        s.stamp = ++clock_;
        return {at, hash};
      }
      if (s.hash == 0) {
        oldest = at;
        break;
      }
      if (s.stamp < slots_[oldest].stamp) oldest = at;
    }
    Slot& s = slots_[oldest];
    if (s.hash != 0) forgotten_++;
    s.hash = hash;
    s.stamp = ++clock_;
    s.queries = 0;
    s.hellos = 0;
    s.length = static_cast<uint8_t>(length);
    memcpy(s.text, text, length);
    return {oldest, hash};
  }

  Slot* find(NameRef ref) {
    Slot& s = slots_[ref.slot];
    return ref.hash != 0 && s.hash == ref.hash ? &s : nullptr;
  }
  const Slot& at(size_t i) const { return slots_[i]; }
  uint64_t forgotten() const { return forgotten_; }
  void addForgotten(uint64_t more) { forgotten_ += more; }

 private:
  Slot* slots_;
  uint32_t clock_ = 0;
  uint64_t forgotten_ = 0;
};

// Which name an address was last told to have.
class AddressNames {
 public:
  static constexpr size_t kSlots = 16384;

  AddressNames() : slots_(static_cast<Slot*>(calloc(kSlots, sizeof(Slot)))) {}
  ~AddressNames() { free(slots_); }
  AddressNames(const AddressNames&) = delete;
  AddressNames& operator=(const AddressNames&) = delete;
  bool good() const { return slots_ != nullptr; }

  void tell(uint64_t hi, uint64_t lo, NameRef name) {
    if (!name.set()) return;
    Slot* victim = nullptr;
    for (size_t i = 0; i < 4; i++) {
      Slot& s = slots_[(place(hi, lo) + i) & (kSlots - 1)];
      if (!s.name.set() || (s.hi == hi && s.lo == lo)) {
        victim = &s;
        break;
      }
      if (victim == nullptr || s.stamp < victim->stamp) victim = &s;
    }
    *victim = Slot{hi, lo, name, ++clock_};
  }

  template <typename Use>
  void each(Use use) const {
    for (size_t i = 0; i < kSlots; i++) {
      if (slots_[i].name.set()) use(slots_[i].hi, slots_[i].lo, slots_[i].name);
    }
  }

  NameRef of(uint64_t hi, uint64_t lo) const {
    for (size_t i = 0; i < 4; i++) {
      const Slot& s = slots_[(place(hi, lo) + i) & (kSlots - 1)];
      if (s.name.set() && s.hi == hi && s.lo == lo) return s.name;
    }
    return {};
  }

 private:
  struct Slot {
    uint64_t hi;
    uint64_t lo;
    NameRef name;
    uint32_t stamp;
  };
  static size_t place(uint64_t hi, uint64_t lo) {
    return static_cast<size_t>(mix(hi * 31 + lo)) & (kSlots - 1);
  }
  Slot* slots_;
  uint32_t clock_ = 0;
};

}  // namespace gatehouse::capture
