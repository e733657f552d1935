// Numbers in the bytes of a packet or a file, and a view that knows where it ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace gatehouse::capture {

inline uint16_t be16(const uint8_t* p) { return static_cast<uint16_t>(p[0] << 8 | p[1]); }
inline uint32_t be32(const uint8_t* p) {
  uint32_t v;
  memcpy(&v, p, sizeof v);
  return __builtin_bswap32(v);
}
inline uint16_t le16(const uint8_t* p) { return static_cast<uint16_t>(p[1] << 8 | p[0]); }
inline uint64_t word64(const uint8_t* p) {
  uint64_t v;
  memcpy(&v, p, sizeof v);
  return v;
}
inline uint32_t word32(const uint8_t* p) {
  uint32_t v;
  memcpy(&v, p, sizeof v);
  return v;
}

// Finalizer of MurmurHash3: every bit of the input moves every bit of the output.
inline uint64_t mix(uint64_t x) {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdULL;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ULL;
  return x ^ (x >> 33);
}

// What is left of a packet. Whoever takes bytes asks for them first.
struct View {
  const uint8_t* at;
  size_t left;

  bool has(size_t n) const { return left >= n; }
  // False, and nothing moved, when there are fewer bytes.
  bool skip(size_t n) {
    if (left < n) return false;
    at += n;
    left -= n;
    return true;
  }
  void cut(size_t n) {
    if (left > n) left = n;
  }
};

}  // namespace gatehouse::capture
