// Packets out of capture files that come piece by piece: pcap (draft-ietf-opsawg-pcap, both byte
// orders, micro- and nanoseconds) and pcapng (draft-ietf-opsawg-pcapng). Holds one record at most.
#pragma once

#include <cstdint>

#include "engine.h"

namespace gatehouse::capture {

// Longer than any snap length that tcpdump takes. What cannot be a packet is skipped at any length.
constexpr uint32_t kMaxPacketBytes = 262'144;
constexpr size_t kBufferBytes = 1 << 20;
// What was read is still in the cache when it is looked at.
constexpr size_t kReadBytes = 1 << 16;
constexpr size_t kInterfaces = 1024;

// Up to `length` bytes of a descriptor: how many, 0 at its end, -EAGAIN when none came for `waitMs`,
// another -errno.
int64_t readSome(int fd, uint8_t* into, size_t length, int waitMs);

class Reader {
 public:
  explicit Reader(Engine* engine) : engine_(engine) {}
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // Takes all bytes, or up to where the file is broken: then `error` is set and stays. False without
  // memory.
  bool feed(const uint8_t* bytes, size_t length);
  // Reads from a descriptor up to `budget` bytes, or until it would wait: the number of bytes, 0 at the
  // end, -EAGAIN when nothing came for `waitMs`, another -errno.
  int64_t read(int fd, int64_t budget, int waitMs);
  // No more bytes come.
  void end();

  const char* error() const { return error_; }
  uint64_t errorOffset() const { return errorOffset_; }
  bool truncated() const { return truncated_; }
  const char* format() const;
  uint64_t offset() const { return base_; }
  uint32_t interfaces() const { return interfaceCount_; }

 private:
  enum class Format : uint8_t { Unknown, Pcap, Pcapng };
  struct Interface {
    uint32_t linkType;
    uint32_t snapLength;
    bool binary;         // resolution is a power of two
    uint8_t resolution;  // exponent
    int64_t offsetSec;
  };

  bool room();
  size_t consume(const uint8_t* p, size_t n);
  size_t start(const uint8_t* p, size_t n);
  size_t pcap(const uint8_t* p, size_t n);
  size_t pcapng(const uint8_t* p, size_t n);
  size_t block(const uint8_t* p, uint32_t type, uint32_t length);
  bool section(const uint8_t* p, uint32_t length);
  bool interface(const uint8_t* p, uint32_t length);
  void packetBlock(uint32_t id, uint64_t ticks, bool timed, const uint8_t* data, uint32_t captured,
                   uint32_t length);
  size_t fail(const char* what, size_t at);
  void drain();

  uint16_t u16(const uint8_t* p) const { return swapped_ ? __builtin_bswap16(le16(p)) : le16(p); }
  uint32_t u32(const uint8_t* p) const {
    const uint32_t v = word32(p);
    return swapped_ ? __builtin_bswap32(v) : v;
  }
  uint64_t u64(const uint8_t* p) const {
    const uint64_t v = word64(p);
    return swapped_ ? __builtin_bswap64(v) : v;
  }

  Engine* engine_;
  uint8_t* buffer_ = nullptr;
  size_t held_ = 0;
  uint64_t base_ = 0;  // offset of the buffer's first byte in the file
  uint64_t skip_ = 0;
  const char* error_ = nullptr;
  uint64_t errorOffset_ = 0;
  bool truncated_ = false;
  Format format_ = Format::Unknown;
  bool swapped_ = false;
  uint32_t linkType_ = 0;
  uint32_t tickNs_ = 1000;
  size_t recordBytes_ = 16;
  Interface interfaces_[kInterfaces];
  uint32_t interfaceCount_ = 0;
};

}  // namespace gatehouse::capture
