#include "reader.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <poll.h>
#include <unistd.h>

namespace gatehouse::capture {

namespace {

constexpr uint32_t kSection = 0x0a0d0d0a;
constexpr uint32_t kInterfaceBlock = 1, kPacketBlock = 2, kSimpleBlock = 3, kEnhancedBlock = 6;

constexpr int64_t kNsPerSec = 1'000'000'000;
constexpr const char* kUnfit = "the filter makes no sense on a link of this type";

// Ticks of 10^-n or 2^-n seconds as nanoseconds; -1 for what 64 bits do not hold.
int64_t toNs(uint64_t ticks, bool binary, uint8_t exponent, int64_t offsetSec) {
  unsigned __int128 ns = static_cast<unsigned __int128>(ticks) * kNsPerSec;
  if (binary) {
    ns >>= exponent;
  } else {
    for (uint8_t i = 0; i < exponent; i++) ns /= 10;
  }
  const __int128 all = static_cast<__int128>(ns) + static_cast<__int128>(offsetSec) * kNsPerSec;
  return all < 0 || all > INT64_MAX ? -1 : static_cast<int64_t>(all);
}

}  // namespace

Reader::~Reader() { free(buffer_); }

bool Reader::room() {
  if (buffer_ == nullptr) buffer_ = static_cast<uint8_t*>(malloc(kBufferBytes));
  return buffer_ != nullptr;
}

const char* Reader::format() const {
  return format_ == Format::Pcap ? "pcap" : format_ == Format::Pcapng ? "pcapng" : "unknown";
}

size_t Reader::fail(const char* what, size_t at) {
  error_ = what;
  errorOffset_ = base_ + at;
  return at;
}

bool Reader::feed(const uint8_t* bytes, size_t length) {
  if (!room()) return false;
  while (length > 0 && error_ == nullptr) {
    const size_t piece = length < kBufferBytes - held_ ? length : kBufferBytes - held_;
    memcpy(buffer_ + held_, bytes, piece);
    held_ += piece;
    bytes += piece;
    length -= piece;
    drain();
  }
  return true;
}

int64_t readSome(int fd, uint8_t* into, size_t length, int waitMs) {
  for (;;) {
    // A pipe may be silent for long; a file is always ready.
    pollfd ready{fd, POLLIN, 0};
    const int n = poll(&ready, 1, waitMs);
    if (n == 0 || (n < 0 && errno == EINTR)) return -EAGAIN;
    if (n < 0) return -errno;
    const ssize_t got = ::read(fd, into, length);
    if (got >= 0) return got;
    if (errno != EINTR) return -errno;
  }
}

int64_t Reader::read(int fd, int64_t budget, int waitMs) {
  if (!room()) return -ENOMEM;
  int64_t all = 0;
  while (all < budget && error_ == nullptr) {
    const size_t space = kBufferBytes - held_;
    const int64_t got = readSome(fd, buffer_ + held_, space < kReadBytes ? space : kReadBytes, waitMs);
    if (got <= 0) return all > 0 ? all : got;
    held_ += static_cast<size_t>(got);
    all += got;
    drain();
  }
  return all;
}

// Hands on all whole records of the buffer, and moves what is left to its front.
void Reader::drain() {
  size_t at = 0;
  for (;;) {
    const uint64_t jump = skip_ < held_ - at ? skip_ : held_ - at;
    at += static_cast<size_t>(jump);
    skip_ -= jump;
    if (skip_ > 0 || error_ != nullptr) break;
    base_ += at;
    const size_t used = consume(buffer_ + at, held_ - at);
    base_ -= at;
    at += used;
    if (used == 0 && skip_ == 0) break;
  }
  held_ -= at;
  base_ += at;
  if (held_ > 0 && at > 0) memmove(buffer_, buffer_ + at, held_);
}

void Reader::end() {
  if (error_ != nullptr) return;
  if (skip_ > 0 || held_ > 0) {
    truncated_ = true;
    fail("the file ends within a record", 0);
  } else if (format_ == Format::Unknown) {
    fail("the file is empty", 0);
  }
}

size_t Reader::consume(const uint8_t* p, size_t n) {
  switch (format_) {
    case Format::Unknown:
      return start(p, n);
    case Format::Pcap:
      return pcap(p, n);
    case Format::Pcapng:
      return pcapng(p, n);
  }
  return 0;
}

size_t Reader::start(const uint8_t* p, size_t n) {
  if (n < 4) return 0;
  const uint32_t magic = word32(p);
  if (magic == kSection) {
    format_ = Format::Pcapng;
    return pcapng(p, n);
  }
  const bool swapped = (magic & 0xff) == 0xa1;
  const uint32_t value = swapped ? __builtin_bswap32(magic) : magic;
  // Microseconds; nanoseconds; microseconds in records with 8 bytes more (Kuznetzov's tcpdump).
  if (value != 0xa1b2c3d4 && value != 0xa1b23c4d && value != 0xa1b2cd34) {
    return fail("this is neither pcap nor pcapng", 0);
  }
  if (n < 24) return 0;
  swapped_ = swapped;
  tickNs_ = value == 0xa1b23c4d ? 1 : 1000;
  recordBytes_ = value == 0xa1b2cd34 ? 24 : 16;
  if (u16(p + 4) != 2) return fail("this version of pcap is not known", 4);
  // Above stands how long the frame check sequence is.
  linkType_ = u32(p + 20) & 0x03ffffff;
  interfaceCount_ = 1;
  format_ = Format::Pcap;
  return 24;
}

size_t Reader::pcap(const uint8_t* p, size_t n) {
  size_t at = 0;
  const size_t head = recordBytes_;
  while (n - at >= head) {
    const uint8_t* h = p + at;
    const uint32_t captured = u32(h + 8);
    if (captured > kMaxPacketBytes) {
      return fail("a record is longer than a packet can be", at);
    }
    if (n - at - head < captured) break;
    const uint32_t length = u32(h + 12);
    const int64_t ns = static_cast<int64_t>(u32(h)) * kNsPerSec +
                       static_cast<int64_t>(u32(h + 4)) * tickNs_;
    engine_->packet(ns, linkType_, h + head, captured, length < captured ? captured : length);
    if (engine_->filter.unfit()) return fail(kUnfit, at);
    at += head + captured;
  }
  return at;
}

// Blocks: type, length, body, length again; padded to four bytes.
size_t Reader::pcapng(const uint8_t* p, size_t n) {
  size_t at = 0;
  while (error_ == nullptr && n - at >= 12) {
    const uint8_t* b = p + at;
    // The order of bytes holds from a section's header on, and is told in it.
    if (word32(b) == kSection) {
      const uint32_t order = word32(b + 8);
      if (order != 0x1a2b3c4d && order != 0x4d3c2b1a) {
        return fail("a section begins with an unknown byte order", at);
      }
      swapped_ = order == 0x4d3c2b1a;
    }
    const uint32_t type = u32(b);
    const uint32_t length = u32(b + 4);
    if (length < 12 || (length & 3) != 0) return fail("the length of a block cannot be", at);
    if (length > kBufferBytes / 2) {
      if (type == kPacketBlock || type == kSimpleBlock || type == kEnhancedBlock ||
          type == kInterfaceBlock || type == kSection) {
        return fail("a block is longer than it can be", at);
      }
      skip_ = length;
      return at;
    }
    if (n - at < length) break;
    if (u32(b + length - 4) != length) return fail("the two lengths of a block differ", at);
    if (block(b, type, length) == 0) return fail(error_, at);
    at += length;
  }
  return at;
}

// 0 and `error_` when the block is broken.
size_t Reader::block(const uint8_t* p, uint32_t type, uint32_t length) {
  switch (type) {
    case kSection:
      return section(p, length) ? length : 0;
    case kInterfaceBlock:
      return interface(p, length) ? length : 0;
    case kEnhancedBlock: {
      if (length < 32) break;
      const uint32_t captured = u32(p + 20);
      if (captured > length - 32) break;
      packetBlock(u32(p + 8), static_cast<uint64_t>(u32(p + 12)) << 32 | u32(p + 16), true, p + 28,
                  captured, u32(p + 24));
      return error_ == nullptr ? length : 0;
    }
    case kPacketBlock: {  // obsolete: an interface of 16 bits, and a count of drops
      if (length < 32) break;
      const uint32_t captured = u32(p + 20);
      if (captured > length - 32) break;
      packetBlock(u16(p + 8), static_cast<uint64_t>(u32(p + 12)) << 32 | u32(p + 16), true, p + 28,
                  captured, u32(p + 24));
      return error_ == nullptr ? length : 0;
    }
    case kSimpleBlock: {  // of the first interface, without a time
      if (length < 16) break;
      const uint32_t original = u32(p + 8);
      uint32_t captured = original;
      if (interfaceCount_ > 0 && interfaces_[0].snapLength != 0 &&
          captured > interfaces_[0].snapLength) {
        captured = interfaces_[0].snapLength;
      }
      if (captured > length - 16) captured = length - 16;
      packetBlock(0, 0, false, p + 12, captured, original);
      return error_ == nullptr ? length : 0;
    }
    default:
      // Names, statistics of interfaces, secrets, comments, blocks of programs of their own.
      return length;
  }
  error_ = "a packet is longer than the block that it is in";
  return 0;
}

bool Reader::section(const uint8_t* p, uint32_t length) {
  if (length < 28) {
    error_ = "the header of a section is too short";
    return false;
  }
  if (u16(p + 12) != 1) {
    error_ = "this version of pcapng is not known";
    return false;
  }
  // Interfaces are numbered within their section.
  interfaceCount_ = 0;
  return true;
}

bool Reader::interface(const uint8_t* p, uint32_t length) {
  if (length < 20) {
    error_ = "the description of an interface is too short";
    return false;
  }
  if (interfaceCount_ == kInterfaces) {
    error_ = "there are more interfaces than 1024";
    return false;
  }
  Interface made{u16(p + 8), u32(p + 12), false, 6, 0};
  // Options: code, length, value padded to four bytes; 0 ends them.
  for (uint32_t at = 16; at + 4 <= length - 4;) {
    const uint16_t code = u16(p + at);
    const uint32_t size = u16(p + at + 2);
    if (code == 0) break;
    if (at + 4 + size > length - 4) {
      error_ = "an option is longer than its block";
      return false;
    }
    if (code == 9 && size >= 1) {  // if_tsresol
      made.binary = (p[at + 4] & 0x80) != 0;
      made.resolution = p[at + 4] & 0x7f;
    } else if (code == 14 && size >= 8) {  // if_tsoffset
      made.offsetSec = static_cast<int64_t>(u64(p + at + 4));
    }
    at += 4 + ((size + 3) & ~3u);
  }
  interfaces_[interfaceCount_++] = made;
  return true;
}

void Reader::packetBlock(uint32_t id, uint64_t ticks, bool timed, const uint8_t* data,
                         uint32_t captured, uint32_t length) {
  if (id >= interfaceCount_) {
    error_ = "a packet is of an interface that was not described";
    return;
  }
  if (captured > kMaxPacketBytes) {
    error_ = "a record is longer than a packet can be";
    return;
  }
  const Interface& of = interfaces_[id];
  int64_t ns = engine_->packets() > 0 ? engine_->lastNs() : 0;
  if (timed) {
    // The usual resolutions are a multiplication.
    constexpr uint64_t kMost = 1ull << 60;
    if (!of.binary && of.offsetSec == 0 && of.resolution == 6 && ticks < kMost / 1000) {
      ns = static_cast<int64_t>(ticks * 1000);
    } else if (!of.binary && of.offsetSec == 0 && of.resolution == 9 && ticks < kMost) {
      ns = static_cast<int64_t>(ticks);
    } else {
      const int64_t made = toNs(ticks, of.binary, of.resolution, of.offsetSec);
      if (made >= 0) ns = made;
    }
  }
  engine_->packet(ns, of.linkType, data, captured, length < captured ? captured : length);
  if (engine_->filter.unfit()) error_ = kUnfit;
}

}  // namespace gatehouse::capture
