// What an ICMP error or an echo reply says about the probe that caused it (RFC 792, RFC 4443). Pure.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gatehouse::path {

constexpr size_t kEchoBytes = 8;

inline uint16_t read16(const uint8_t* at) {
  return static_cast<uint16_t>((at[0] << 8) | at[1]);
}

// Sequence number of an echo message of type `type` and, unless `id` is negative, of that identifier; -1 for
// anything else, such as another program's.
inline int32_t echoSequence(const uint8_t* bytes, size_t length, uint8_t type, int32_t id) {
  if (length < kEchoBytes || bytes[0] != type) return -1;
  if (id >= 0 && read16(bytes + 4) != id) return -1;
  return read16(bytes + 6);
}

// Length of the header before the message of a raw IPv4 socket, or 0 when it is cut or none.
inline size_t headerBytes4(const uint8_t* bytes, size_t length) {
  if (length < 20 || (bytes[0] >> 4) != 4) return 0;
  size_t header = static_cast<size_t>(bytes[0] & 15) * 4;
  return header >= 20 && header <= length ? header : 0;
}

}  // namespace gatehouse::path
