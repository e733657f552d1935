// The blocks of a pcapng file as it is written (draft-ietf-opsawg-pcapng): nanoseconds, in this
// machine's order of bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "bytes.h"

namespace gatehouse::capture::pcapng {

constexpr uint32_t kInterface = 1, kNames = 4, kStatistics = 5, kPacket = 6;
constexpr uint32_t kSection = 0x0a0d0d0a;

struct Interface {
  std::string name;
  std::string filter;
  uint32_t linkType = 1;
  uint32_t snapBytes = 0;  // 0: no limit
};

// Since the capture began.
struct Statistics {
  int64_t startNs = 0;
  int64_t endNs = 0;
  uint64_t heard = 0;
  uint64_t interfaceDrops = 0;
  uint64_t ringDrops = 0;
  uint64_t written = 0;
};

inline uint32_t padded(uint32_t n) { return (n + 3) & ~3u; }
inline size_t packetBytes(uint32_t captured) { return 32 + static_cast<size_t>(padded(captured)); }

// An Enhanced Packet Block (§4.3) of packetBytes(captured) bytes, which it gives.
inline size_t packet(uint8_t* to, int64_t ns, uint32_t interface, const uint8_t* data, uint32_t captured,
                     uint32_t length) {
  const auto size = static_cast<uint32_t>(packetBytes(captured));
  const auto ticks = static_cast<uint64_t>(ns);
  const uint32_t head[7] = {kPacket,  size, interface, static_cast<uint32_t>(ticks >> 32),
                            static_cast<uint32_t>(ticks), captured, length};
  memcpy(to, head, sizeof head);
  if (captured > 0) memcpy(to + sizeof head, data, captured);
  memset(to + sizeof head + captured, 0, padded(captured) - captured);
  memcpy(to + size - 4, &size, sizeof size);
  return size;
}

// Of a block that stands here whole; the time of a packet's alone.
inline uint32_t typeOf(const uint8_t* block) { return word32(block); }
inline uint32_t sizeOf(const uint8_t* block) { return word32(block + 4); }
inline int64_t nsOf(const uint8_t* block) {
  return static_cast<int64_t>(static_cast<uint64_t>(word32(block + 12)) << 32 | word32(block + 16));
}

std::string section();
std::string interface(const Interface& about);
// Of interface 0 (§4.6).
std::string statistics(const Statistics& s);

// A Name Resolution Block (§4.5), record by record.
class NameBlock {
 public:
  // An address of IPv4 in the low half of `lo`, or else of IPv6.
  void add(uint64_t hi, uint64_t lo, const char* name, size_t length);
  // Empty without records.
  std::string end();

 private:
  std::string records_;
};

}  // namespace gatehouse::capture::pcapng
