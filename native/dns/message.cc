#include "message.h"

namespace gatehouse::dns {

namespace {

constexpr uint8_t kQr = 0x80;
constexpr uint8_t kAa = 0x04;
constexpr uint8_t kTc = 0x02;
constexpr uint8_t kRd = 0x01;
constexpr uint8_t kRa = 0x80;
constexpr uint8_t kAd = 0x20;
constexpr uint8_t kCd = 0x10;
constexpr uint8_t kRcode = 0x0f;

// Types that ask something of the server or stand for many: RFC 6895 §3.1.
bool isMeta(uint16_t type) {
  return type == 0 || type == kTypeOpt || (type >= 128 && type <= 255);
}

bool wholeOptions(const uint8_t* at, size_t length) {
  while (length >= 4) {
    size_t option = 4u + get16(at + 2);
    if (option > length) return false;
    at += option;
    length -= option;
  }
  return length == 0;
}

void head(const Query& query, uint8_t high, uint8_t low, uint8_t* out) {
  memcpy(out, query.wire, 2);
  out[2] = static_cast<uint8_t>(kQr | (high & (kAa | kTc)) | (query.wire[2] & kRd));
  out[3] = static_cast<uint8_t>((low & (kRa | kRcode)) |
                                (query.dnssecOk || query.authentic ? low & kAd : 0) |
                                (query.wire[3] & kCd));
  memset(out + 4, 0, 8);
  out[5] = 1;
}

// The OPT of an answer (RFC 6891 §6.1.2).
size_t writeOpt(const Query& query, const uint8_t* options, size_t length, uint8_t* out) {
  out[0] = 0;
  put16(out + 1, kTypeOpt);
  put16(out + 3, kUdpLimit);
  put32(out + 5, query.dnssecOk ? 0x8000 : 0);
  put16(out + 9, static_cast<uint32_t>(length));
  if (length > 0) memcpy(out + kOptBytes, options, length);
  return kOptBytes + length;
}

}  // namespace

Parsed parseQuery(const uint8_t* wire, size_t length, Query* query) {
  if (length < kHeader || (wire[2] & kQr) != 0) return Parsed::kMalformed;
  query->wire = wire;
  // Opcode QUERY, not truncated, one question, nothing else but one record that may be an OPT.
  if ((wire[2] & 0x7a) != 0 || get16(wire + 4) != 1 || get32(wire + 6) != 0 || wire[10] != 0 ||
      wire[11] > 1) {
    return Parsed::kUnusual;
  }
  if (!query->name.read(wire + kHeader, length - kHeader)) return Parsed::kUnusual;
  size_t at = kHeader + query->name.length;
  if (length < at + 4) return Parsed::kUnusual;
  query->type = get16(wire + at);
  if (get16(wire + at + 2) != kClassIn || isMeta(query->type)) return Parsed::kUnusual;
  at += 4;
  query->edns = wire[11] == 1;
  query->dnssecOk = false;
  query->clientSize = 0;
  query->authentic = (wire[3] & kAd) != 0;
  query->checkingDisabled = (wire[3] & kCd) != 0;
  if (!query->edns) return length == at ? Parsed::kGood : Parsed::kUnusual;
  if (length < at + kOptBytes || wire[at] != 0 || get16(wire + at + 1) != kTypeOpt ||
      wire[at + 6] != 0 || at + kOptBytes + get16(wire + at + 9) != length ||
      !wholeOptions(wire + at + kOptBytes, length - at - kOptBytes)) {
    return Parsed::kUnusual;
  }
  query->clientSize = get16(wire + at + 3);
  query->dnssecOk = (wire[at + 7] & 0x80) != 0;
  return Parsed::kGood;
}

size_t truncatedAnswer(const Query& query, uint8_t high, uint8_t low, uint8_t* out) {
  head(query, high | kTc, low, out);
  memcpy(out + kHeader, query.wire + kHeader, query.questionBytes());
  size_t at = kHeader + query.questionBytes();
  if (!query.edns) return at;
  out[11] = 1;
  return at + writeOpt(query, nullptr, 0, out + at);
}

size_t finish(const Query& query, const Stored& stored, size_t limit, uint8_t* out,
              bool* truncated) {
  size_t total = stored.length + (query.edns ? kOptBytes + stored.optionsLength : 0);
  *truncated = total > limit;
  if (*truncated) return truncatedAnswer(query, stored.wire[2], stored.wire[3], out);
  head(query, stored.wire[2] & ~kTc, stored.wire[3], out);
  memcpy(out + 6, stored.wire + 6, 6);
  memcpy(out + kHeader, query.wire + kHeader, query.questionBytes());
  size_t at = kHeader + query.questionBytes();
  memcpy(out + at, stored.wire + at, stored.length - at);
  if (stored.ageSec > 0) {
    for (size_t i = 0; i < stored.ttlCount; i++) {
      uint8_t* ttl = out + load<uint16_t>(stored.ttlAt + 2 * i);
      uint32_t left = get32(ttl);
      put32(ttl, left > stored.ageSec ? left - stored.ageSec : 0);
    }
  }
  if (!query.edns) return stored.length;
  put16(out + 10, get16(out + 10) + 1u);
  return stored.length + writeOpt(query, stored.options, stored.optionsLength, out + stored.length);
}

namespace {

// Behind the name at `at`, or 0 when it is broken. A pointer leads back, so there is no loop.
size_t skipName(const uint8_t* wire, size_t length, size_t at) {
  size_t start = at;
  for (;;) {
    if (at >= length) return 0;
    uint8_t label = wire[at];
    if (label == 0) return at - start < kMaxName ? at + 1 : 0;
    if (label >= 0xc0) {
      if (at + 2 > length || (get16(wire + at) & 0x3fffu) >= start) return 0;
      return at + 2;
    }
    if (label > 63) return 0;
    at += label + 1u;
  }
}

}  // namespace

int checkResponse(const uint8_t* wire, size_t length, const uint8_t* name, size_t nameLength,
                  uint16_t type, uint16_t* ttlAt) {
  if (length < kHeader + nameLength + 4 || length > UINT16_MAX || (wire[2] & kQr) == 0 ||
      (wire[2] & kTc) != 0 || get16(wire + 4) != 1 ||
      memcmp(wire + kHeader, name, nameLength) != 0 ||
      get16(wire + kHeader + nameLength) != type ||
      get16(wire + kHeader + nameLength + 2) != kClassIn) {
    return -1;
  }
  size_t at = kHeader + nameLength + 4;
  size_t records = size_t{get16(wire + 6)} + get16(wire + 8) + get16(wire + 10);
  if (records > kMaxTtls || get16(wire + 10) == UINT16_MAX) return -1;
  for (size_t i = 0; i < records; i++) {
    at = skipName(wire, length, at);
    if (at == 0 || at + 10 > length || get16(wire + at) == kTypeOpt) return -1;
    ttlAt[i] = static_cast<uint16_t>(at + 4);
    at += 10u + get16(wire + at + 8);
    if (at > length) return -1;
  }
  return at == length ? static_cast<int>(records) : -1;
}

namespace {

// nobody.invalid, compressed as far as the name asked for ends like it.
uint8_t* nobody(const Name& name, uint8_t* at) {
  static constexpr uint8_t kNobody[] = {6,   'n', 'o', 'b', 'o', 'd', 'y', 7,
                                        'i', 'n', 'v', 'a', 'l', 'i', 'd', 0};
  size_t start = 0;
  for (; start < sizeof kNobody - 1; start += kNobody[start] + 1u) {
    size_t rest = sizeof kNobody - start;
    if (name.length < rest || memcmp(name.bytes + name.length - rest, kNobody + start, rest) != 0) {
      continue;
    }
    // A label may end with the same bytes: it is a suffix only where a label begins.
    size_t place = name.length - rest;
    for (size_t i = 0; i < name.labels; i++) {
      if (name.at[i] != place) continue;
      memcpy(at, kNobody, start);
      put16(at + start, 0xc000 | static_cast<uint32_t>(kHeader + place));
      return at + start + 2;
    }
  }
  memcpy(at, kNobody, sizeof kNobody);
  return at + sizeof kNobody;
}

}  // namespace

size_t blockAnswer(const Query& query, const BlockAnswer& how, size_t limit, uint8_t* out,
                   bool* truncated) {
  // Question, one record, which is the larger SOA at most, and nothing stored for long.
  uint8_t wire[kHeader + kMaxName + 4 + 64] = {};
  uint8_t options[6 + 255];
  size_t question = query.questionBytes();
  wire[2] = kQr;
  uint8_t rcode = how.mode == BlockMode::kRefused    ? kRefused
                  : how.mode == BlockMode::kNxDomain ? kNxDomain
                                                     : kNoError;
  wire[3] = kRa | rcode;
  wire[5] = 1;
  uint8_t* at = wire + kHeader + question;
  size_t addressBytes = query.type == kTypeA ? 4 : query.type == kTypeAaaa ? 16 : 0;
  auto record = [&](uint16_t type, size_t dataBytes) {
    put16(at, 0xc000 | kHeader);
    put16(at + 2, type);
    put16(at + 4, kClassIn);
    put32(at + 6, how.ttlSec);
    put16(at + 10, static_cast<uint32_t>(dataBytes));
    at += 12;
  };
  if (how.mode == BlockMode::kZero && addressBytes > 0) {
    wire[7] = 1;
    record(query.type, addressBytes);
    at += addressBytes;
  } else if (how.mode != BlockMode::kRefused) {
    // The SOA that says how long the answer may be kept (RFC 2308 §5); its content is RFC 6303 §3's.
    wire[9] = 1;
    uint8_t* start = at;
    record(kTypeSoa, 0);
    uint8_t* data = at;
    put16(at, 0xc000 | kHeader);
    at = nobody(query.name, at + 2);
    const uint32_t times[] = {1, 3600, 1200, 604800, how.ttlSec};
    for (uint32_t value : times) {
      put32(at, value);
      at += 4;
    }
    put16(start + 10, static_cast<uint32_t>(at - data));
  }
  size_t named = how.listLength < 255 ? how.listLength : 255;
  put16(options, 15);  // OPTION-CODE of EDE
  put16(options + 2, static_cast<uint32_t>(2 + named));
  put16(options + 4, 15);  // Blocked
  memcpy(options + 6, how.list, named);
  Stored stored{wire, static_cast<size_t>(at - wire), nullptr, 0, options, 6 + named, 0};
  return finish(query, stored, limit, out, truncated);
}

}  // namespace gatehouse::dns
