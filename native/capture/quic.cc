#include "quic.h"

#include <bitset>

#include "cipher.h"

namespace gatehouse::capture {

namespace {

constexpr size_t kTagBytes = 16;
// A longer packet, of a link with large frames, is read up to here.
constexpr size_t kPayloadBytes = 2048;

struct Version {
  uint32_t number;
  uint8_t initial;  // the two bits of its type
  uint8_t salt[20];
  const char* labels[3];  // key, iv, hp
};

constexpr Version kVersions[] = {
    // RFC 9000 §17.2, RFC 9001 §5.2
    {1,
     0x00,
     {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
      0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a},
     {"quic key", "quic iv", "quic hp"}},
    // RFC 9369 §3
    {0x6b3343cf,
     0x10,
     {0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
      0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9},
     {"quicv2 key", "quicv2 iv", "quicv2 hp"}},
};

// RFC 9000 §16
bool number(View* v, uint64_t* value) {
  if (!v->has(1)) return false;
  const size_t size = static_cast<size_t>(1) << (v->at[0] >> 6);
  if (!v->has(size)) return false;
  *value = v->at[0] & 0x3f;
  for (size_t i = 1; i < size; i++) *value = *value << 8 | v->at[i];
  return v->skip(size);
}

// RFC 9000 §19: padding, pings and pieces of the handshake are all that a client sends before it has
// heard anything; anything else ends it. A piece whose end is missing counts as far as it goes.
size_t handshake(View frames, uint8_t (&hello)[kHelloBytes]) {
  std::bitset<kHelloBytes> known;
  while (frames.has(1)) {
    const uint8_t type = frames.at[0];
    frames.skip(1);
    if (type <= 1) continue;
    uint64_t offset, length;
    if (type != 6 || !number(&frames, &offset) || !number(&frames, &length)) break;
    const size_t here = length < frames.left ? static_cast<size_t>(length) : frames.left;
    for (size_t i = 0; i < here && offset < kHelloBytes - i; i++) {
      hello[offset + i] = frames.at[i];
      known.set(offset + i);
    }
    frames.skip(here);
  }
  size_t whole = 0;
  while (whole < kHelloBytes && known.test(whole)) whole++;
  return whole;
}

}  // namespace

size_t quicHello(View v, uint8_t (&hello)[kHelloBytes]) {
  // RFC 9000 §17.2.2: first byte, version, both connection IDs, token, length.
  if (!v.has(6)) return 0;
  const uint8_t first = v.at[0];
  const Version* version = nullptr;
  for (const Version& one : kVersions) {
    if (one.number == be32(v.at + 1)) version = &one;
  }
  if (version == nullptr || (first & 0xf0) != (0xc0 | version->initial)) return 0;
  v.skip(5);
  const size_t targetBytes = v.at[0];
  const uint8_t* target = v.at + 1;
  if (targetBytes > 20 || !v.skip(1 + targetBytes) || !v.has(1)) return 0;
  if (v.at[0] > 20 || !v.skip(1 + static_cast<size_t>(v.at[0]))) return 0;
  uint64_t token, length;
  if (!number(&v, &token) || token > v.left || !v.skip(static_cast<size_t>(token))) return 0;
  if (!number(&v, &length)) return 0;
  const bool cut = length > v.left;
  if (!cut) v.cut(static_cast<size_t>(length));
  // RFC 9001 §5.4.2: what is sampled stands as if the packet's number had four bytes.
  if (!v.has(4 + kBlockBytes)) return 0;

  uint8_t secret[kHashBytes], client[kHashBytes];
  hmac(version->salt, sizeof version->salt, target, targetBytes, secret);
  expandLabel(secret, "client in", client, sizeof client);
  uint8_t key[kBlockBytes], block[kBlockBytes] = {}, header[kBlockBytes], mask[kBlockBytes];
  expandLabel(client, version->labels[0], key, sizeof key);
  expandLabel(client, version->labels[1], block, 12);
  expandLabel(client, version->labels[2], header, sizeof header);

  // RFC 9001 §5.4.1
  Aes128(header).encrypt(v.at + 4, mask);
  const size_t numberBytes = ((first ^ mask[0]) & 3) + 1;
  // RFC 9001 §5.3: the packet's number is added to the IV's end; a first one is as small as it is written.
  for (size_t i = 0; i < numberBytes; i++) block[12 - numberBytes + i] ^= v.at[i] ^ mask[1 + i];
  v.skip(numberBytes);
  if (!cut) v.left -= kTagBytes;
  v.cut(kPayloadBytes);
  uint8_t frames[kPayloadBytes];
  memcpy(frames, v.at, v.left);
  // NIST SP 800-38D §7.1: 1 is of the tag.
  block[15] = 2;
  Aes128(key).counter(block, frames, v.left);
  return handshake(View{frames, v.left}, hello);
}

}  // namespace gatehouse::capture
