// Queries as the fast path takes them, and how an answer is made of a stored response. The rules of
// both stand in src/os/ports-dns.ts; src/services/dns makes answers by the same.
#pragma once

#include "name.h"

namespace gatehouse::dns {

constexpr size_t kHeader = 12;
constexpr size_t kUdpLimit = 1232;  // of what is sent over UDP (DNS flag day 2020)
constexpr size_t kPlainLimit = 512;  // without EDNS (RFC 1035 §4.2.1)
constexpr size_t kOptBytes = 11;
constexpr uint16_t kTypeA = 1;
constexpr uint16_t kTypeSoa = 6;
constexpr uint16_t kTypeAaaa = 28;
constexpr uint16_t kTypeOpt = 41;
constexpr uint16_t kClassIn = 1;
constexpr uint8_t kNoError = 0;
constexpr uint8_t kNxDomain = 3;
constexpr uint8_t kRefused = 5;

enum class Parsed : uint8_t { kGood, kUnusual, kMalformed };

struct Query {
  const uint8_t* wire;
  uint16_t type;
  uint16_t clientSize;  // of its OPT
  bool edns;
  bool dnssecOk;
  bool authentic;  // AD
  bool checkingDisabled;
  Name name;

  size_t questionBytes() const { return name.length + 4u; }
  // DO and CD, which are part of the cache's key.
  uint8_t keyBits() const { return static_cast<uint8_t>(dnssecOk | checkingDisabled << 1); }
  size_t udpLimit() const {
    if (!edns || clientSize < kPlainLimit) return kPlainLimit;
    return clientSize < kUdpLimit ? clientSize : kUdpLimit;
  }
};

// Strict: one question of class IN for a type that may be in a zone, and at most a well-formed OPT
// of version 0 behind it. `query` is filled only as far as it is good.
Parsed parseQuery(const uint8_t* wire, size_t length, Query* query);

// A stored response: what finish needs of it.
struct Stored {
  const uint8_t* wire;
  size_t length;
  const uint8_t* ttlAt;  // offsets of TTLs, 16 bits each in the machine's order
  size_t ttlCount;
  const uint8_t* options;
  size_t optionsLength;
  uint32_t ageSec;
};

// The length of what is now in `out`, which has room for max(limit, 512) bytes.
size_t finish(const Query& query, const Stored& stored, size_t limit, uint8_t* out, bool* truncated);

// The header with TC, the question and an OPT: for an answer that is too long or too much.
size_t truncatedAnswer(const Query& query, uint8_t flagsHigh, uint8_t flagsLow, uint8_t* out);

// Checks that `wire` is a response, whole and without OPT, to the question `name` (lower case) and
// `type`; writes where its TTLs are. How many, or -1.
constexpr size_t kMaxTtls = 1024;
int checkResponse(const uint8_t* wire, size_t length, const uint8_t* name, size_t nameLength,
                  uint16_t type, uint16_t* ttlAt);

enum class BlockMode : uint8_t { kZero, kNxDomain, kRefused };

struct BlockAnswer {
  BlockMode mode;
  uint32_t ttlSec;
  const char* list;  // its name, for EDE 15 (RFC 8914 §4.16)
  size_t listLength;
};

size_t blockAnswer(const Query& query, const BlockAnswer& how, size_t limit, uint8_t* out,
                   bool* truncated);

}  // namespace gatehouse::dns
