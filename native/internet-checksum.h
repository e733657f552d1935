// The checksum of the internet (RFC 1071). Pure.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gatehouse {

// Of a message whose own field for it is 0.
inline uint16_t internetChecksum(const uint8_t* bytes, size_t length) {
  uint32_t sum = 0;
  for (size_t i = 0; i + 1 < length; i += 2) sum += static_cast<uint32_t>(bytes[i] << 8 | bytes[i + 1]);
  if (length % 2 != 0) sum += static_cast<uint32_t>(bytes[length - 1]) << 8;
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

}  // namespace gatehouse
