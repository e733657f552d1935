// What a network may answer to an echo request, read with every length checked. Pure: no sockets.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gatehouse::probe {

// The last bytes of every request: the key of the prober, then the place of the probe in its table.
constexpr size_t kTrailerBytes = 8;
constexpr size_t kEchoBytes = 8;

enum class Answer : uint8_t {
  kNone = 0,         // nothing of ours
  kReply = 1,        // ECHO REPLY (RFC 792; RFC 4443 §4.2)
  kUnreachable = 2,  // destination unreachable
  kExceeded = 3,     // time exceeded
  kOther = 4,        // packet too big, parameter problem
};

struct Parsed {
  Answer answer = Answer::kNone;
  uint8_t type = 0;
  uint8_t code = 0;
  uint16_t id = 0;
  uint16_t sequence = 0;
  bool trailed = false;  // `key` and `place` were there: a reply that is whole
  uint32_t key = 0;
  uint32_t place = 0;
  uint32_t information = 0;  // of an error: the next hop's MTU, where it tells
  bool quoted = false;       // an error, which quotes whom the request was for:
  uint8_t target[16] = {};   // IPv4 in the first four
};

// What a raw IPv4 socket hands over: an IPv4 packet.
bool parseIpv4(const uint8_t* bytes, size_t length, Parsed* out);
// An ICMP message of IPv4 without its IPv4 header, as ping sockets have it.
bool parseIcmp4(const uint8_t* bytes, size_t length, Parsed* out);
// An ICMPv6 message: neither kind of socket hands its IPv6 header over.
bool parseIcmp6(const uint8_t* bytes, size_t length, Parsed* out);
// Key and place of a request of ours at the end of `bytes`, which the kernel sent and hands back.
bool parseSent(const uint8_t* bytes, size_t length, uint32_t* key, uint32_t* place);

}  // namespace gatehouse::probe
