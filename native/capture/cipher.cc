#include "cipher.h"

#include <array>
#include <cstring>

#include "bytes.h"

namespace gatehouse::capture {

namespace {

constexpr uint32_t kRounds[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

uint32_t turn(uint32_t x, int n) { return x >> n | x << (32 - n); }

constexpr uint8_t doubled(uint8_t x) { return static_cast<uint8_t>(x << 1 ^ ((x >> 7) * 0x1b)); }

// FIPS 197 §5.1.1: the inverse in GF(2^8), turned and added up. 3 generates the field's group, 0xf6 is
// its inverse: both are gone through together.
constexpr std::array<uint8_t, 256> substitutions() {
  std::array<uint8_t, 256> box{};
  uint8_t p = 1, q = 1;
  do {
    p = static_cast<uint8_t>(p ^ doubled(p));
    q = static_cast<uint8_t>(q ^ q << 1);
    q = static_cast<uint8_t>(q ^ q << 2);
    q = static_cast<uint8_t>(q ^ q << 4);
    if ((q & 0x80) != 0) q ^= 0x09;
    uint8_t sum = q;
    for (int n = 1; n <= 4; n++) sum = static_cast<uint8_t>(sum ^ (q << n | q >> (8 - n)));
    box[p] = sum ^ 0x63;
  } while (p != 1);
  box[0] = 0x63;
  return box;
}
constexpr std::array<uint8_t, 256> kBox = substitutions();

}  // namespace

void Sha256::block(const uint8_t* p) {
  uint32_t w[64];
  for (int i = 0; i < 16; i++) w[i] = be32(p + 4 * i);
  for (int i = 16; i < 64; i++) {
    const uint32_t a = turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3;
    const uint32_t b = turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + a + w[i - 7] + b;
  }
  uint32_t s[8];
  memcpy(s, state_, sizeof s);
  for (int i = 0; i < 64; i++) {
    const uint32_t e = turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25);
    const uint32_t a = turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22);
    const uint32_t one = s[7] + e + ((s[4] & s[5]) ^ (~s[4] & s[6])) + kRounds[i] + w[i];
    const uint32_t two = a + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
    memmove(s + 1, s, 7 * sizeof *s);
    s[4] += one;
    s[0] = one + two;
  }
  for (int i = 0; i < 8; i++) state_[i] += s[i];
}

void Sha256::add(const uint8_t* bytes, size_t length) {
  for (size_t i = 0; i < length; i++) {
    held_[length_++ % sizeof held_] = bytes[i];
    if (length_ % sizeof held_ == 0) block(held_);
  }
}

void Sha256::finish(uint8_t (&hash)[kHashBytes]) {
  const uint64_t bits = length_ * 8;
  uint8_t byte = 0x80;
  do {
    add(&byte, 1);
    byte = 0;
  } while (length_ % sizeof held_ != sizeof held_ - 8);
  for (int shift = 56; shift >= 0; shift -= 8) {
    byte = static_cast<uint8_t>(bits >> shift);
    add(&byte, 1);
  }
  for (int i = 0; i < 8; i++) {
    const uint32_t word = __builtin_bswap32(state_[i]);
    memcpy(hash + 4 * i, &word, sizeof word);
  }
}

void hmac(const uint8_t* key, size_t keyBytes, const uint8_t* message, size_t messageBytes,
          uint8_t (&out)[kHashBytes]) {
  uint8_t pad[64] = {};
  if (keyBytes > sizeof pad) {
    Sha256 of;
    of.add(key, keyBytes);
    of.finish(out);
    memcpy(pad, out, kHashBytes);
  } else if (keyBytes > 0) {
    memcpy(pad, key, keyBytes);
  }
  for (uint8_t& b : pad) b ^= 0x36;
  Sha256 inner;
  inner.add(pad, sizeof pad);
  inner.add(message, messageBytes);
  inner.finish(out);
  for (uint8_t& b : pad) b ^= 0x36 ^ 0x5c;
  Sha256 outer;
  outer.add(pad, sizeof pad);
  outer.add(out, kHashBytes);
  outer.finish(out);
}

void expandLabel(const uint8_t (&secret)[kHashBytes], const char* label, uint8_t* out, size_t length) {
  static constexpr char kPrefix[] = "tls13 ";
  const size_t labelBytes = strlen(label);
  const size_t prefixBytes = sizeof kPrefix - 1;
  uint8_t info[64];
  if (labelBytes > 32 || length > kHashBytes) __builtin_trap();  // not of a packet
  info[0] = 0;
  info[1] = static_cast<uint8_t>(length);
  info[2] = static_cast<uint8_t>(prefixBytes + labelBytes);
  memcpy(info + 3, kPrefix, prefixBytes);
  memcpy(info + 3 + prefixBytes, label, labelBytes);
  size_t used = 3 + prefixBytes + labelBytes;
  info[used++] = 0;
  // RFC 5869 §2.3: the number of the block, which is the only one.
  info[used++] = 1;
  uint8_t block[kHashBytes];
  hmac(secret, kHashBytes, info, used, block);
  memcpy(out, block, length);
}

// FIPS 197 §5.2
Aes128::Aes128(const uint8_t (&key)[kBlockBytes]) {
  memcpy(keys_[0], key, kBlockBytes);
  uint8_t constant = 1;
  for (int round = 1; round <= 10; round++) {
    const uint8_t* before = keys_[round - 1];
    uint8_t* now = keys_[round];
    for (int i = 0; i < 4; i++) now[i] = before[i] ^ kBox[before[12 + (i + 1) % 4]];
    now[0] ^= constant;
    for (size_t i = 4; i < kBlockBytes; i++) now[i] = before[i] ^ now[i - 4];
    constant = doubled(constant);
  }
}

// FIPS 197 §5.1: columns of four bytes, one after the other.
void Aes128::encrypt(const uint8_t* in, uint8_t* out) const {
  uint8_t state[kBlockBytes];
  for (size_t i = 0; i < kBlockBytes; i++) state[i] = in[i] ^ keys_[0][i];
  for (int round = 1; round <= 10; round++) {
    uint8_t moved[kBlockBytes];
    for (size_t i = 0; i < kBlockBytes; i++) moved[i] = kBox[state[(i + 4 * (i % 4)) % kBlockBytes]];
    for (size_t i = 0; i < kBlockBytes; i += 4) {
      const uint8_t* c = moved + i;
      const uint8_t all = c[0] ^ c[1] ^ c[2] ^ c[3];
      for (size_t j = 0; j < 4; j++) {
        const uint8_t mixed =
            round == 10 ? c[j] : static_cast<uint8_t>(c[j] ^ all ^ doubled(c[j] ^ c[(j + 1) % 4]));
        state[i + j] = mixed ^ keys_[round][i + j];
      }
    }
  }
  memcpy(out, state, kBlockBytes);
}

void Aes128::counter(uint8_t (&block)[kBlockBytes], uint8_t* bytes, size_t length) const {
  for (size_t at = 0; at < length; at += kBlockBytes) {
    uint8_t stream[kBlockBytes];
    encrypt(block, stream);
    for (size_t i = 0; i < kBlockBytes && at + i < length; i++) bytes[at + i] ^= stream[i];
    const uint32_t next = __builtin_bswap32(be32(block + 12) + 1);
    memcpy(block + 12, &next, sizeof next);
  }
}

}  // namespace gatehouse::capture
