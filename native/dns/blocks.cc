#include "blocks.h"

#include <cerrno>
#include <cstdlib>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gatehouse::dns {

Blocks* Blocks::open(const char* path) {
  int fd = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return nullptr;
  struct stat facts;
  auto refuse = [&](int code) {
    ::close(fd);
    errno = code;
    return nullptr;
  };
  if (fstat(fd, &facts) != 0) return refuse(errno);
  auto length = static_cast<uint64_t>(facts.st_size);
  if (!S_ISREG(facts.st_mode) || length < sizeof(BlockHeader) || length > kMaxNames * 16) {
    return refuse(EBADMSG);
  }
  void* data = mmap(nullptr, length, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
  if (data == MAP_FAILED) return refuse(errno);
  ::close(fd);
  auto* blocks = static_cast<Blocks*>(calloc(1, sizeof(Blocks)));
  if (blocks == nullptr) {
    munmap(data, length);
    errno = ENOMEM;
    return nullptr;
  }
  blocks->data_ = static_cast<uint8_t*>(data);
  blocks->length_ = length;
  const BlockHeader& h = blocks->header();
  if (!blocks->verify()) {
    blocks->close();
    errno = EBADMSG;
    return nullptr;
  }
  blocks->buckets_ = h.buckets;
  blocks->offsets_ = reinterpret_cast<const uint32_t*>(blocks->data_ + h.offsetsAt());
  blocks->slots_ = reinterpret_cast<const uint64_t*>(blocks->data_ + h.slotsAt());
  blocks->classes_ = reinterpret_cast<const Class*>(blocks->data_ + h.classesAt());
  return blocks;
}

void Blocks::close() {
  munmap(data_, length_);
  free(this);
}

// The checksum is against a bad medium; that nothing leads out of the file is checked besides.
bool Blocks::verify() const {
  const BlockHeader& h = header();
  Crc head;
  head.add(&h, offsetof(BlockHeader, headerCrc));
  if (memcmp(h.magic, kBlockMagic, sizeof h.magic) != 0 || h.version != kBlockVersion ||
      head.value() != h.headerCrc || h.lists > kMaxLists || h.classes == 0 ||
      h.classes > kMaxClasses || h.names > kMaxNames || h.buckets == 0 ||
      h.buckets > kMaxNames || h.noteBytes > kMaxNote || h.end() != length_ ||
      h.fileBytes != length_) {
    return false;
  }
  Crc body;
  body.add(data_ + sizeof(BlockHeader), length_ - sizeof(BlockHeader));
  if (body.value() != h.bodyCrc) return false;
  for (size_t i = 0; i < h.lists; i++) {
    if (list(i).nameLength > kListName) return false;
  }
  // Rules are of lists that are there.
  uint64_t others = h.lists == kMaxLists ? 0 : ~uint64_t{0} << h.lists;
  const auto* masks = reinterpret_cast<const uint64_t*>(data_ + h.classesAt());
  for (size_t i = 0; i < h.classes * (sizeof(Class) / sizeof *masks); i++) {
    if ((masks[i] & others) != 0) return false;
  }
  const auto* offsets = reinterpret_cast<const uint32_t*>(data_ + h.offsetsAt());
  if (offsets[0] != 0 || offsets[h.buckets] != h.names) return false;
  for (uint32_t i = 0; i < h.buckets; i++) {
    if (offsets[i] > offsets[i + 1]) return false;
  }
  const auto* slots = reinterpret_cast<const uint64_t*>(data_ + h.slotsAt());
  uint32_t largest = 0;
  for (uint32_t i = 0; i < h.names; i++) {
    uint32_t c = slots[i] & 0xffff;
    if (c > largest) largest = c;
  }
  return largest < h.classes;
}

Match Blocks::match(const Name& name, uint64_t lists) const {
  // What decides, best first.
  static constexpr Rule kOrder[] = {kImportantAllow, kImportantBlock, kAllow, kBlock};
  uint64_t found[kRuleKinds] = {};
  bool any = false;
  for (size_t i = 0; i <= name.labels; i++) {
    __builtin_prefetch(offsets_ + mulHigh(kept(name.hash[i]), buckets_));
  }
  for (size_t i = 0; i <= name.labels; i++) {
    const Class* rules = find(name.hash[i]);
    if (rules == nullptr) continue;
    for (int kind = 0; kind < kRuleKinds; kind++) {
      uint64_t mask = lists & (i == 0 ? rules->lists[kind][kExact] : rules->lists[kind][kBelow]);
      if (mask == 0) continue;
      any = true;
      found[kind] |= mask;
    }
  }
  Match out;
  if (!any) return out;
  out.complex = found[kComplex];
  for (Rule kind : kOrder) {
    if (found[kind] == 0) continue;
    out.verdict = kind == kAllow || kind == kImportantAllow ? Match::kAllowed : Match::kBlocked;
    out.important = kind == kImportantAllow || kind == kImportantBlock;
    out.list = static_cast<uint8_t>(__builtin_ctzll(found[kind]));
    // Seldom: once more for the longest suffix that this list names.
    for (size_t i = 0; i <= name.labels; i++) {
      const Class* rules = find(name.hash[i]);
      if (rules != nullptr && (rules->lists[kind][i == 0 ? kExact : kBelow] >> out.list & 1) != 0) {
        out.label = static_cast<uint8_t>(i);
        break;
      }
    }
    break;
  }
  return out;
}

}  // namespace gatehouse::dns
