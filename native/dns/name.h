// Names: read from the wire, in lower case, and hashed label by label from the root, so that one
// pass gives the hash of a name and of everything it ends with.
#pragma once

#include "bytes.h"

namespace gatehouse::dns {

struct Key {
  uint64_t k0 = 0;
  uint64_t k1 = 0;
  bool operator==(const Key&) const = default;
};

// SipHash-1-3 of `first` (8 bytes) and `bytes`: a keyed function whose values nobody outside can
// steer (Aumasson, Bernstein, 2012).
inline uint64_t sip(const Key& key, uint64_t first, const uint8_t* bytes, size_t length) {
  uint64_t v0 = key.k0 ^ 0x736f6d6570736575;
  uint64_t v1 = key.k1 ^ 0x646f72616e646f6d;
  uint64_t v2 = key.k0 ^ 0x6c7967656e657261;
  uint64_t v3 = key.k1 ^ 0x7465646279746573;
  auto rotate = [](uint64_t x, int by) { return x << by | x >> (64 - by); };
  auto round = [&] {
    v0 += v1, v1 = rotate(v1, 13) ^ v0, v0 = rotate(v0, 32);
    v2 += v3, v3 = rotate(v3, 16) ^ v2;
    v0 += v3, v3 = rotate(v3, 21) ^ v0;
    v2 += v1, v1 = rotate(v1, 17) ^ v2, v2 = rotate(v2, 32);
  };
  auto block = [&](uint64_t word) {
    v3 ^= word;
    round();
    v0 ^= word;
  };
  block(first);
  uint64_t last = static_cast<uint64_t>(length + 8) << 56;
  for (; length >= 8; bytes += 8, length -= 8) block(load<uint64_t>(bytes));
  uint64_t rest = 0;
  for (size_t i = 0; i < length; i++) rest |= static_cast<uint64_t>(bytes[i]) << (8 * i);
  block(last | rest);
  v2 ^= 0xff;
  round();
  round();
  round();
  return v0 ^ v1 ^ v2 ^ v3;
}

constexpr size_t kMaxName = 255;
constexpr size_t kMaxLabels = 127;

struct Name {
  uint16_t length = 0;  // with the root's zero
  uint8_t labels = 0;
  uint8_t at[kMaxLabels];  // where each label begins
  uint8_t bytes[kMaxName];  // lower case
  uint64_t hash[kMaxLabels + 1];  // of the suffix that begins with label i; of the root 0

  // Reads an uncompressed name of at most `size` bytes; false if it is none or is cut.
  bool read(const uint8_t* wire, size_t size) {
    size_t i = 0;
    labels = 0;
    for (;;) {
      if (i >= size || i >= kMaxName) return false;
      size_t label = wire[i];
      if (label > 63) return false;
      bytes[i] = static_cast<uint8_t>(label);
      if (label == 0) break;
      if (i + 1 + label >= size || i + 1 + label >= kMaxName) return false;
      at[labels++] = static_cast<uint8_t>(i);
      for (size_t end = i + label; i < end;) {
        uint8_t c = wire[++i];
        bytes[i] = static_cast<uint8_t>(c - 'A') < 26 ? c | 32 : c;
      }
      i++;
    }
    length = static_cast<uint16_t>(i + 1);
    return true;
  }

  void hashWith(const Key& key) {
    hash[labels] = 0;
    for (size_t i = labels; i-- > 0;) hash[i] = sip(key, hash[i + 1], bytes + at[i], bytes[at[i]] + 1u);
  }
};

}  // namespace gatehouse::dns
