// Big-endian words of the wire, and the CRC of files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace gatehouse::dns {

inline uint16_t get16(const uint8_t* at) { return static_cast<uint16_t>(at[0] << 8 | at[1]); }

inline uint32_t get32(const uint8_t* at) {
  return static_cast<uint32_t>(at[0]) << 24 | static_cast<uint32_t>(at[1]) << 16 |
         static_cast<uint32_t>(at[2]) << 8 | at[3];
}

inline void put16(uint8_t* at, uint32_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}

inline void put32(uint8_t* at, uint32_t value) {
  put16(at, value >> 16);
  put16(at + 2, value);
}

// Words of what lies in files and in buffers shared with JavaScript, in the machine's order.
template <class T>
inline T load(const uint8_t* at) {
  T value;
  memcpy(&value, at, sizeof value);
  return value;
}

template <class T>
inline void store(uint8_t* at, T value) {
  memcpy(at, &value, sizeof value);
}

inline uint64_t mulHigh(uint64_t a, uint64_t b) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(a) * b >> 64);
}

struct CrcTables {
  uint32_t row[8][256];
  constexpr CrcTables() : row() {
    for (uint32_t i = 0; i < 256; i++) {
      uint32_t c = i;
      for (int k = 0; k < 8; k++) c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
      row[0][i] = c;
    }
    for (uint32_t i = 0; i < 256; i++) {
      for (int r = 1; r < 8; r++) row[r][i] = row[r - 1][i] >> 8 ^ row[0][row[r - 1][i] & 255];
    }
  }
};
inline constexpr CrcTables kCrc{};

// CRC-32 of IEEE 802.3, eight bytes a step: a file of 9 MB is wanted in some milliseconds.
class Crc {
 public:
  void add(const void* bytes, size_t length) {
    const auto* at = static_cast<const uint8_t*>(bytes);
    const auto& row = kCrc.row;
    uint32_t crc = ~value_;
    for (; length >= 8; at += 8, length -= 8) {
      uint32_t low = load<uint32_t>(at) ^ crc;
      uint32_t high = load<uint32_t>(at + 4);
      crc = row[7][low & 255] ^ row[6][low >> 8 & 255] ^ row[5][low >> 16 & 255] ^
            row[4][low >> 24] ^ row[3][high & 255] ^ row[2][high >> 8 & 255] ^
            row[1][high >> 16 & 255] ^ row[0][high >> 24];
    }
    for (; length > 0; at++, length--) crc = row[0][(crc ^ *at) & 255] ^ crc >> 8;
    value_ = ~crc;
  }
  uint32_t value() const { return value_; }

 private:
  uint32_t value_ = 0;
};

}  // namespace gatehouse::dns
