#include "reply.h"

#include <cstring>

namespace gatehouse::probe {

namespace {

constexpr size_t kIpv4Bytes = 20;
constexpr size_t kIpv6Bytes = 40;
constexpr uint8_t kIcmp = 1, kIcmp6 = 58;

uint16_t get16(const uint8_t* at) { return static_cast<uint16_t>(at[0] << 8 | at[1]); }
uint32_t get32(const uint8_t* at) {
  return static_cast<uint32_t>(get16(at)) << 16 | get16(at + 2);
}

bool reply(const uint8_t* bytes, size_t length, Parsed* out) {
  out->answer = Answer::kReply;
  out->id = get16(bytes + 4);
  out->sequence = get16(bytes + 6);
  out->trailed = length >= kEchoBytes + kTrailerBytes &&
                 parseSent(bytes, length, &out->key, &out->place);
  return true;
}

// Only an error about an echo request can be about ours; `type` is that of a request.
bool quote(const uint8_t* echo, size_t length, uint8_t type, Parsed* out) {
  if (length < kEchoBytes || echo[0] != type) return false;
  out->quoted = true;
  out->id = get16(echo + 4);
  out->sequence = get16(echo + 6);
  return true;
}

}  // namespace

bool parseSent(const uint8_t* bytes, size_t length, uint32_t* key, uint32_t* place) {
  if (length < kTrailerBytes) return false;
  *key = get32(bytes + length - 8);
  *place = get32(bytes + length - 4);
  return true;
}

bool parseIcmp4(const uint8_t* bytes, size_t length, Parsed* out) {
  *out = Parsed{};
  if (length < kEchoBytes) return false;
  out->type = bytes[0];
  out->code = bytes[1];
  if (out->type == 0) return out->code == 0 && reply(bytes, length, out);
  switch (out->type) {
    case 3: out->answer = Answer::kUnreachable; break;
    case 11: out->answer = Answer::kExceeded; break;
    case 12: out->answer = Answer::kOther; break;
    default: return false;
  }
  // RFC 1191 §4: with code 4 the second half of the unused word is the next hop's MTU.
  if (out->type == 3 && out->code == 4) out->information = get16(bytes + 6);
  const uint8_t* ip = bytes + kEchoBytes;
  const size_t left = length - kEchoBytes;
  if (left < kIpv4Bytes || ip[0] >> 4 != 4 || ip[9] != kIcmp) return false;
  // Only a first fragment begins with the header of the message.
  if ((get16(ip + 6) & 0x1fff) != 0) return false;
  const size_t header = static_cast<size_t>(ip[0] & 15) * 4;
  if (header < kIpv4Bytes || header > left) return false;
  memcpy(out->target, ip + 16, 4);
  return quote(ip + header, left - header, 8, out);
}

bool parseIpv4(const uint8_t* bytes, size_t length, Parsed* out) {
  *out = Parsed{};
  if (length < kIpv4Bytes || bytes[0] >> 4 != 4 || bytes[9] != kIcmp) return false;
  const size_t header = static_cast<size_t>(bytes[0] & 15) * 4;
  if (header < kIpv4Bytes || header > length) return false;
  return parseIcmp4(bytes + header, length - header, out);
}

bool parseIcmp6(const uint8_t* bytes, size_t length, Parsed* out) {
  *out = Parsed{};
  if (length < kEchoBytes) return false;
  out->type = bytes[0];
  out->code = bytes[1];
  if (out->type == 129) return out->code == 0 && reply(bytes, length, out);
  switch (out->type) {
    case 1: out->answer = Answer::kUnreachable; break;
    case 2: out->answer = Answer::kOther; break;
    case 3: out->answer = Answer::kExceeded; break;
    case 4: out->answer = Answer::kOther; break;
    default: return false;
  }
  if (out->type == 2) out->information = get32(bytes + 4);
  const uint8_t* ip = bytes + kEchoBytes;
  const size_t left = length - kEchoBytes;
  // What we send has no extension headers.
  if (left < kIpv6Bytes || ip[0] >> 4 != 6 || ip[6] != kIcmp6) return false;
  memcpy(out->target, ip + 24, 16);
  return quote(ip + kIpv6Bytes, left - kIpv6Bytes, 128, out);
}

}  // namespace gatehouse::probe
