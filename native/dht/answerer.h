// What is done with one datagram that came to a DHT node: the gates of src/services/dht/node.ts for all of
// them, and for the common queries the answer of src/services/dht/answerer.ts, byte for byte.
#pragma once

#include "board.h"

namespace gatehouse::dht {

// ip, both kinds of eight nodes, a transaction of 32 bytes: 647 bytes.
constexpr size_t kMaxAnswerBytes = 704;

enum class Fate {
  kHandOver,  // paid for, and its sender is one that we talk with
  kDone,      // dropped, or answered by nothing
  kAnswered,
};

// `out` has room for kMaxAnswerBytes.
Fate take(const Board& board, const uint8_t* bytes, size_t length, const Endpoint& from, double nowMs,
          uint8_t* out, size_t* outLength);

}  // namespace gatehouse::dht
