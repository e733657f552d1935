// As much of SHA-256, HMAC, HKDF and AES-128 as opens the first packet of a QUIC client. Its keys are no
// secret (they follow from what stands in the packet), so nothing here hides them: lookups by data, no
// wiping. Not for anything that has to be kept.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gatehouse::capture {

constexpr size_t kHashBytes = 32;
constexpr size_t kBlockBytes = 16;

// FIPS 180-4 §6.2
class Sha256 {
 public:
  void add(const uint8_t* bytes, size_t length);
  // Once, at the end.
  void finish(uint8_t (&hash)[kHashBytes]);

 private:
  void block(const uint8_t* p);
  uint32_t state_[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  uint8_t held_[64];
  uint64_t length_ = 0;
};

// RFC 2104. As HKDF-Extract (RFC 5869 §2.2) the key is the salt.
void hmac(const uint8_t* key, size_t keyBytes, const uint8_t* message, size_t messageBytes,
          uint8_t (&out)[kHashBytes]);

// RFC 8446 §7.1 with an empty context, of at most 32 bytes and a label of at most 32.
void expandLabel(const uint8_t (&secret)[kHashBytes], const char* label, uint8_t* out, size_t length);

// FIPS 197, enciphering alone.
class Aes128 {
 public:
  explicit Aes128(const uint8_t (&key)[kBlockBytes]);
  void encrypt(const uint8_t* in, uint8_t* out) const;
  // The counter mode of GCM (NIST SP 800-38D §6.5): what stands at `bytes` is enciphered, or deciphered,
  // in its place. The counter is the last four bytes of `block`, which is used up.
  void counter(uint8_t (&block)[kBlockBytes], uint8_t* bytes, size_t length) const;

 private:
  uint8_t keys_[11][kBlockBytes];
};

}  // namespace gatehouse::capture
