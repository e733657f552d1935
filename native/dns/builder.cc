#include "builder.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include <unistd.h>

#include "files.h"

namespace gatehouse::dns {

namespace {

// Dotted text to a name's hash; false for what is no name.
bool hashText(const Key& key, const uint8_t* text, size_t length, uint64_t* hash) {
  if (length == 0 || length > kMaxName - 2) return false;
  uint8_t wire[kMaxName];
  uint8_t at[kMaxLabels];
  size_t labels = 0;
  size_t start = 0;
  for (size_t i = 0; i <= length; i++) {
    uint8_t c = i < length ? text[i] : '.';
    if (c == '.') {
      size_t size = i - start;
      if (size == 0 || size > 63) return false;
      wire[start] = static_cast<uint8_t>(size);
      at[labels++] = static_cast<uint8_t>(start);
      start = i + 1;
    } else {
      if (c <= ' ' || c > '~') return false;
      wire[i + 1] = static_cast<uint8_t>(c - 'A') < 26 ? c | 32 : c;
    }
  }
  *hash = 0;
  while (labels-- > 0) *hash = sip(key, *hash, wire + at[labels], wire[at[labels]] + 1u);
  return true;
}

}  // namespace

Builder* Builder::open(const Key& key) {
  auto* b = static_cast<Builder*>(calloc(1, sizeof(Builder)));
  if (b == nullptr) return nullptr;
  b->key_ = key;
  b->classIndex_ = pages<uint16_t>(kClassSlots);
  b->classCapacity_ = 256;
  b->classes_ = pages<Class>(b->classCapacity_);
  b->classCount_ = 1;
  bool good = b->classIndex_ != nullptr && b->classes_ != nullptr;
  for (size_t i = 0; i < kParts && good; i++) good = b->grow(b->parts_[i], i);
  if (good) return b;
  b->close();
  return nullptr;
}

void Builder::close() {
  unmap(classIndex_, kClassSlots);
  unmap(classes_, classCapacity_);
  for (Part& part : parts_) unmap(part.slots, part.capacity);
  free(this);
}

bool Builder::addList(const ListRecord& list) {
  if (lists_ == kMaxLists || list.nameLength > kListName) return false;
  list_[lists_++] = list;
  return true;
}

bool Builder::grow(Part& part, size_t which) {
  size_t capacity = part.capacity == 0 ? 512 : part.capacity + part.capacity / 4;
  auto* slots = pages<uint64_t>(capacity);
  if (slots == nullptr) return false;
  for (size_t i = 0; i < part.capacity; i++) {
    uint64_t slot = part.slots[i];
    if ((slot & 0xffff) == 0) continue;
    uint64_t hash = slot >> 16 << kFingerprintShift | uint64_t{which} << (64 - kPartBits);
    size_t at = mulHigh(hash << kPartBits, capacity);
    while (slots[at] != 0) at = at + 1 == capacity ? 0 : at + 1;
    slots[at] = slot;
  }
  unmap(part.slots, part.capacity);
  part.slots = slots;
  part.capacity = capacity;
  return true;
}

int Builder::classOf(const Class& content) {
  uint64_t hash = sip(key_, 1, reinterpret_cast<const uint8_t*>(&content), sizeof content);
  size_t at = hash & (kClassSlots - 1);
  for (; classIndex_[at] != 0; at = (at + 1) & (kClassSlots - 1)) {
    if (classes_[classIndex_[at]] == content) return classIndex_[at];
  }
  if (classCount_ == kMaxClasses) return -EOVERFLOW;
  if (classCount_ == classCapacity_) {
    auto* more = pages<Class>(classCapacity_ * 2);
    if (more == nullptr) return -ENOMEM;
    memcpy(more, classes_, classCount_ * sizeof(Class));
    unmap(classes_, classCapacity_);
    classes_ = more;
    classCapacity_ *= 2;
  }
  classes_[classCount_] = content;
  classIndex_[at] = static_cast<uint16_t>(classCount_);
  return static_cast<int>(classCount_++);
}

int Builder::addRule(uint64_t hash, uint8_t list, uint8_t kind, uint8_t scope) {
  size_t which = hash >> (64 - kPartBits);
  Part& part = parts_[which];
  uint64_t want = fingerprint(hash);
  size_t at = mulHigh(kept(hash) << kPartBits, part.capacity);
  while ((part.slots[at] & 0xffff) != 0 && part.slots[at] >> 16 != want) {
    at = at + 1 == part.capacity ? 0 : at + 1;
  }
  size_t before = part.slots[at] & 0xffff;
  Class content = classes_[before];
  if (scope != 1) content.lists[kind][kExact] |= uint64_t{1} << list;
  if (scope != 0) content.lists[kind][kBelow] |= uint64_t{1} << list;
  if (content == classes_[before]) return 0;
  int now = classOf(content);
  if (now < 0) return now;
  part.slots[at] = want << 16 | static_cast<uint64_t>(now);
  if (before != 0) return 0;
  if (++names_ == kMaxNames) return -EOVERFLOW;
  if (++part.count * 5 <= part.capacity * 4) return 0;
  return grow(part, which) ? 0 : -ENOMEM;
}

int Builder::add(const uint8_t* batch, size_t length) {
  for (size_t at = 0; at < length;) {
    if (length - at < 3 || length - at - 3 < batch[at + 2] || batch[at] >= lists_ ||
        batch[at + 1] >= 3 * kRuleKinds) {
      return -EINVAL;
    }
    uint64_t hash;
    if (hashText(key_, batch + at + 3, batch[at + 2], &hash)) {
      int code = addRule(hash, batch[at], batch[at + 1] / 3, batch[at + 1] % 3);
      if (code < 0) return code;
    } else {
      refused_++;
    }
    at += 3u + batch[at + 2];
  }
  return 0;
}

int Builder::write(int fd, const uint8_t* note, size_t noteLength) {
  BlockHeader h{};
  memcpy(h.magic, kBlockMagic, sizeof h.magic);
  h.version = kBlockVersion;
  h.lists = static_cast<uint32_t>(lists_);
  h.key = key_;
  h.names = names_;
  h.buckets = names_ / kPerBucket + 1;
  h.classes = static_cast<uint32_t>(classCount_);
  h.noteBytes = static_cast<uint32_t>(noteLength);
  h.fileBytes = h.end();
  fileBytes_ = h.fileBytes;

  auto* offsets = pages<uint32_t>(h.buckets + 2);
  auto* out = pages<Output>(1);
  if (offsets == nullptr || out == nullptr) {
    unmap(offsets, h.buckets + 2);
    unmap(out, 1);
    return -ENOMEM;
  }
  // Each part to its front, sorted: a slot begins with the hash. The parts follow one another.
  for (size_t which = 0; which < kParts; which++) {
    Part& part = parts_[which];
    size_t n = 0;
    for (size_t i = 0; i < part.capacity; i++) {
      if ((part.slots[i] & 0xffff) != 0) part.slots[n++] = part.slots[i];
    }
    std::sort(part.slots, part.slots + n);
    for (size_t i = 0; i < n; i++) {
      uint64_t hash = part.slots[i] >> 16 << kFingerprintShift | uint64_t{which} << (64 - kPartBits);
      // The top bits are in both; the hash has them once.
      offsets[mulHigh(hash, h.buckets) + 1]++;
    }
  }
  for (size_t i = 0; i < h.buckets; i++) offsets[i + 1] += offsets[i];

  static constexpr uint8_t kNothing[8] = {};
  out->fd = fd;
  out->put(&h, sizeof h);
  out->crc = Crc{};
  out->put(list_, lists_ * sizeof(ListRecord));
  out->put(classes_, classCount_ * sizeof(Class));
  out->put(note, noteLength);
  out->put(kNothing, h.offsetsAt() - h.noteAt() - noteLength);
  out->put(offsets, (h.slotsAt() - h.offsetsAt()) / 8 * 8);
  for (Part& part : parts_) out->put(part.slots, part.count * sizeof(uint64_t));
  out->flush();
  int failed = out->failed;
  h.bodyCrc = out->crc.value();
  unmap(offsets, h.buckets + 2);
  unmap(out, 1);
  Crc head;
  head.add(&h, offsetof(BlockHeader, headerCrc));
  h.headerCrc = head.value();
  if (failed == 0 && pwrite(fd, &h, sizeof h, 0) != static_cast<ssize_t>(sizeof h)) failed = EIO;
  return -failed;
}

int Builder::finish(const char* path, const uint8_t* note, size_t noteLength) {
  if (noteLength > kMaxNote) return -EINVAL;
  struct Order {
    Builder* builder;
    const uint8_t* note;
    size_t noteLength;
  } order{this, note, noteLength};
  return writeBeside(
      path,
      [](void* self, int fd) {
        auto* o = static_cast<Order*>(self);
        return o->builder->write(fd, o->note, o->noteLength);
      },
      &order);
}

}  // namespace gatehouse::dns
