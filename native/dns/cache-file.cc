// The cache over a restart: a header, and each response with its age.

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache.h"
#include "files.h"

namespace gatehouse::dns {

namespace {

struct FileHeader {
  char magic[8];
  int64_t wallMs;
  uint64_t bodyBytes;
  uint32_t count;
  uint32_t bodyCrc;
  uint32_t headerCrc;  // of what stands before it
  uint32_t unused;
};
static_assert(sizeof(FileHeader) == 40);

struct EntryHeader {
  uint32_t ageSec;
  uint32_t ttlSec;
  uint16_t type;
  uint16_t keyBits;
  uint16_t wireLength;
  uint16_t optionsLength;
};
static_assert(sizeof(EntryHeader) == 16);

constexpr char kMagic[8] = {'G', 'H', 'D', 'N', 'S', 'C', 'A', '1'};
constexpr size_t kAtOnce = 64;
constexpr int64_t kOldSec = int64_t{1} << 32;  // no TTL is longer
constexpr off_t kMaxFile = off_t{1} << 30;

uint32_t headerCrc(const FileHeader& h) {
  Crc crc;
  crc.add(&h, offsetof(FileHeader, headerCrc));
  return crc.value();
}

}  // namespace

int Cache::dump(const char* path, int64_t nowMs, int64_t wallMs, uint32_t staleSec,
                uint32_t* count, void (*lock)(void* with, bool on), void* with) {
  auto writeAll = [&](int fd) {
    auto* out = pages<Output>(1);
    if (out == nullptr) return -ENOMEM;
    FileHeader h{};
    memcpy(h.magic, kMagic, sizeof h.magic);
    h.wallMs = wallMs;
    out->fd = fd;
    out->put(&h, sizeof h);
    out->crc = Crc{};
    for (size_t at = 0; at <= mask_; at += kAtOnce) {
      lock(with, true);
      for (size_t i = at; i < at + kAtOnce; i++) {
        if (index_[i].place == 0) continue;
        Entry* e = entry(index_[i].place);
        uint32_t age = e->ageSec(nowMs);
        if (age >= uint64_t{e->ttlSec} + staleSec) continue;
        EntryHeader head{age,           e->ttlSec,     e->type, e->keyBits,
                         e->wireLength, e->optionsLength};
        out->put(&head, sizeof head);
        out->put(e->wire(), e->wireLength);
        out->put(e->options(), e->optionsLength);
        h.bodyBytes += sizeof head + e->wireLength + e->optionsLength;
        h.count++;
      }
      lock(with, false);
    }
    out->flush();
    h.bodyCrc = out->crc.value();
    h.headerCrc = headerCrc(h);
    int failed = out->failed;
    unmap(out, 1);
    if (failed == 0 && pwrite(fd, &h, sizeof h, 0) != static_cast<ssize_t>(sizeof h)) failed = EIO;
    *count = h.count;
    return -failed;
  };
  return writeBeside(
      path, [](void* self, int fd) { return (*static_cast<decltype(writeAll)*>(self))(fd); },
      &writeAll);
}

int Cache::load(const char* path, int64_t nowMs, int64_t wallMs, uint32_t* count,
                void (*lock)(void* with, bool on), void* with) {
  *count = 0;
  int fd = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return -errno;
  struct stat facts;
  if (fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode) || facts.st_size > kMaxFile ||
      facts.st_size < static_cast<off_t>(sizeof(FileHeader))) {
    ::close(fd);
    return -EBADMSG;
  }
  auto length = static_cast<size_t>(facts.st_size);
  void* mapped = mmap(nullptr, length, PROT_READ, MAP_PRIVATE, fd, 0);
  ::close(fd);
  if (mapped == MAP_FAILED) return -errno;
  const auto* data = static_cast<const uint8_t*>(mapped);
  auto h = dns::load<FileHeader>(data);
  Crc body;
  bool whole = memcmp(h.magic, kMagic, sizeof h.magic) == 0 && headerCrc(h) == h.headerCrc &&
               h.bodyBytes == length - sizeof h && h.wallMs >= 0;
  if (whole) body.add(data + sizeof h, length - sizeof h);
  if (!whole || body.value() != h.bodyCrc) {
    munmap(mapped, length);
    return -EBADMSG;
  }
  // A clock that went back says nothing of how old they are: then they are good as stale ones only.
  bool unknown = wallMs < h.wallMs;
  int64_t since = unknown ? 0 : (wallMs - h.wallMs) / 1000;
  int code = 0;
  for (size_t at = sizeof h; at < length;) {
    auto head = length - at >= sizeof(EntryHeader) ? dns::load<EntryHeader>(data + at)
                                                   : EntryHeader{};
    size_t bytes = sizeof head + head.wireLength + head.optionsLength;
    Name name;
    if (length - at < bytes || head.wireLength < kHeader || head.keyBits > 3 ||
        !name.read(data + at + sizeof head + kHeader, head.wireLength - kHeader)) {
      code = -EBADMSG;
      break;
    }
    const uint8_t* wire = data + at + sizeof head;
    int64_t age = std::min(int64_t{head.ageSec} + since, kOldSec);
    if (unknown && age < head.ttlSec) age = head.ttlSec;
    lock(with, true);
    name.hashWith(key_);
    CacheItem item{&name,
                   head.type,
                   static_cast<uint8_t>(head.keyBits),
                   wire,
                   head.wireLength,
                   wire + head.wireLength,
                   head.optionsLength,
                   head.ttlSec,
                   0,
                   0,
                   nowMs - age * 1000};
    // What came meanwhile is newer.
    if (find(name, head.type, item.keyBits) == nullptr && put(item)) ++*count;
    lock(with, false);
    at += bytes;
  }
  munmap(mapped, length);
  return code;
}

}  // namespace gatehouse::dns
