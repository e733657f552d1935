#include "cache.h"

#include "files.h"

namespace gatehouse::dns {

namespace {

// For one that comes, as many of those that are asked often may be kept; what was not needed is
// saved up, since they come in rows.
constexpr uint32_t kSpared = 4;
constexpr uint32_t kMostSpared = 1024;

}  // namespace

bool Cache::open(size_t bytes, const Key& key) {
  size_t slots = 1024;
  while (slots * 128 <= bytes) slots *= 2;  // one of eight bytes for 64 to 128 of the ring
  index_ = pages<Slot>(slots);
  mask_ = slots - 1;
  capacity_ = (bytes - slots * sizeof(Slot)) / 8 * 8;
  ring_ = pages<uint8_t>(capacity_);
  key_ = key;
  if (index_ != nullptr && ring_ != nullptr) return true;
  close();
  return false;
}

void Cache::close() {
  unmap(index_, mask_ + 1);
  unmap(ring_, capacity_);
  index_ = nullptr;
  ring_ = nullptr;
}

void Cache::addIndex(const Entry* e) {
  size_t at = e->hash & mask_;
  while (index_[at].place != 0) at = (at + 1) & mask_;
  index_[at] = {static_cast<uint32_t>(e->hash), placeOf(e)};
  entries_++;
}

size_t Cache::slotOf(const Entry* e) const {
  uint32_t place = placeOf(e);
  size_t at = e->hash & mask_;
  while (index_[at].place != place) at = (at + 1) & mask_;
  return at;
}

// What stood behind moves up, so that no gap hides it.
void Cache::removeIndex(const Entry* e) {
  size_t gap = slotOf(e);
  for (size_t at = (gap + 1) & mask_; index_[at].place != 0; at = (at + 1) & mask_) {
    size_t home = index_[at].tag & mask_;
    if (((at - home) & mask_) < ((at - gap) & mask_)) continue;
    index_[gap] = index_[at];
    gap = at;
  }
  index_[gap] = {};
  entries_--;
}

void Cache::kill(Entry* e) {
  removeIndex(e);
  e->flags |= kDead;
}

// Takes one from the tail, or moves it to the head if it was asked for and fits there.
void Cache::pop(int64_t nowMs) {
  auto* e = reinterpret_cast<Entry*>(ring_ + tail_);
  size_t size = e->size;
  bool dead = (e->flags & kDead) != 0;
  bool keep = !dead && (e->flags & kHit) != 0 && spared_ > 0 && e->ageSec(nowMs) < e->ttlSec &&
              (head_ <= tail_ || capacity_ - head_ >= size);
  if (keep) {
    spared_--;
    size_t slot = slotOf(e);
    auto* moved = reinterpret_cast<Entry*>(ring_ + head_);
    memmove(moved, e, size);
    moved->flags &= static_cast<uint8_t>(~kHit);
    index_[slot].place = placeOf(moved);
    head_ += size;
  } else {
    if (!dead) {
      removeIndex(e);
      evicted++;
    }
    used_ -= size;
  }
  tail_ += size;
  if (tail_ == capacity_) tail_ = 0;
  if (head_ == capacity_) head_ = 0;
}

// Free bytes at the head, in one piece.
uint8_t* Cache::room(size_t size, int64_t nowMs) {
  spared_ = spared_ + kSpared < kMostSpared ? spared_ + kSpared : kMostSpared;
  for (;;) {
    if (used_ == 0) head_ = tail_ = 0;
    if (entries_ * 4 < (mask_ + 1) * 3) {
      if (head_ < tail_ || used_ == capacity_) {
        if (used_ < capacity_ && tail_ - head_ >= size) return ring_ + head_;
      } else if (capacity_ - head_ >= size) {
        return ring_ + head_;
      } else {
        // The rest of the ring is too short: it is skipped like something dead.
        auto* filler = reinterpret_cast<Entry*>(ring_ + head_);
        filler->size = static_cast<uint32_t>(capacity_ - head_);
        filler->flags = kDead;
        used_ += filler->size;
        head_ = 0;
        continue;
      }
    }
    pop(nowMs);
  }
}

bool Cache::put(const CacheItem& item) {
  uint16_t ttlAt[kMaxTtls];
  if (item.wireLength > kMaxStored || item.optionsLength > kMaxOptions) return false;
  int ttls = checkResponse(item.wire, item.wireLength, item.name->bytes, item.name->length,
                           item.type, ttlAt);
  if (ttls < 0) return false;
  auto count = static_cast<size_t>(ttls);
  size_t size = sizeOf(item.wireLength, count, item.optionsLength);
  if (size > capacity_ / 4) return false;

  Entry* old = find(*item.name, item.type, item.keyBits);
  uint8_t flags = 0;
  uint8_t* at = nullptr;
  if (old != nullptr && old->size == size) {
    flags = old->flags & kHit;
    at = reinterpret_cast<uint8_t*>(old);
  } else {
    if (old != nullptr) {
      flags = old->flags & kHit;
      kill(old);
    }
    at = room(size, item.storedMs);
    head_ += size;
    if (head_ == capacity_) head_ = 0;
    used_ += size;
    old = nullptr;
  }
  auto* e = reinterpret_cast<Entry*>(at);
  e->size = static_cast<uint32_t>(size);
  e->flags = flags;
  e->keyBits = item.keyBits;
  e->type = item.type;
  e->hash = mix(item.name->hash[0], item.type, item.keyBits);
  e->passMask = item.passMask;
  e->storedMs = item.storedMs;
  e->ttlSec = item.ttlSec;
  e->generation = item.generation;
  e->nameLength = item.name->length;
  e->wireLength = static_cast<uint16_t>(item.wireLength);
  e->ttlCount = static_cast<uint16_t>(count);
  e->optionsLength = static_cast<uint16_t>(item.optionsLength);
  memcpy(e->ttls(), ttlAt, 2 * count);
  memcpy(e->wire(), item.wire, item.wireLength);
  if (item.optionsLength > 0) memcpy(e->options(), item.options, item.optionsLength);
  if (old == nullptr) addIndex(e);
  inserted++;
  return true;
}

uint32_t Cache::forget(const Name& name, size_t from, size_t count) {
  uint32_t gone = 0;
  for (size_t at = from; at < from + count; at++) {
    // A removal moves others up, so the place is looked at again.
    while (index_[at].place != 0) {
      Entry* e = entry(index_[at].place);
      if (e->nameLength != name.length ||
          memcmp(e->wire() + kHeader, name.bytes, name.length) != 0) {
        break;
      }
      kill(e);
      gone++;
    }
  }
  return gone;
}

uint32_t Cache::clear() {
  uint32_t gone = entries_;
  // The pages go back, too.
  madvise(ring_, capacity_, MADV_DONTNEED);
  madvise(index_, (mask_ + 1) * sizeof(Slot), MADV_DONTNEED);
  head_ = tail_ = used_ = 0;
  entries_ = 0;
  return gone;
}

void Cache::rekey(const Key& key) {
  if (key == key_) return;
  key_ = key;
  memset(index_, 0, (mask_ + 1) * sizeof(Slot));
  entries_ = 0;
  Name name;
  for (size_t left = used_, at = tail_; left > 0;) {
    auto* e = reinterpret_cast<Entry*>(ring_ + at);
    if ((e->flags & kDead) == 0) {
      name.read(e->wire() + kHeader, e->nameLength);
      name.hashWith(key);
      e->hash = mix(name.hash[0], e->type, e->keyBits);
      addIndex(e);
    }
    left -= e->size;
    at += e->size;
    if (at == capacity_) at = 0;
  }
}

}  // namespace gatehouse::dns
