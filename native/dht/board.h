// The memory that JavaScript and native code share while they answer for one DHT node, in turns and on one
// thread: src/services/dht makes and changes it, and has the same layouts. Nothing in it is trusted to be in
// its bounds.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gatehouse::dht {

constexpr size_t kIdBytes = 20;
constexpr size_t kBuckets = 160;
constexpr size_t kK = 8;

// Where a datagram came from. `words` are those of an IPv6 address from its top, in the machine's order; an
// IPv4 address stands in the last one, behind ::ffff:0:0/96.
struct Endpoint {
  bool v6;
  uint16_t port;
  uint32_t words[4];
};

// src/base/limits.ts: TokenBucket.
struct Bucket {
  double perSec;
  double most;
  double tokens;
  double atMs;
};

// src/services/dht/budget.ts.
struct Budget {
  Bucket packetsIn;
  Bucket bytesIn;
  Bucket packetsOut;
  Bucket bytesOut;
};

// src/base/limits.ts: AnswerCounts.
constexpr size_t kCountSlots = 1 << 14;
struct AnswerCounts {
  uint32_t who[kCountSlots];
  uint32_t window[kCountSlots];
  uint16_t count[kCountSlots];
};

// src/services/dht/verified.ts.
constexpr size_t kVerifiedSlots = 2048;
constexpr size_t kVerifiedWays = 4;
struct Verified {
  double untilMs[kVerifiedSlots];
  uint32_t address[kVerifiedSlots][4];
};

// src/services/dht/board.ts.
struct Rules {
  uint32_t salt;
  uint32_t perAddress;
  uint32_t perNetwork;
  uint8_t version[4];
};

struct Counts {
  double packetsIn;
  double packetsOut;
  double bytesIn;
  double bytesOut;
  double queriesAnswered;
  double droppedBudget;
  double droppedAddress;
  double droppedSource;
  double missedAskers;
};

struct Asker {
  uint8_t id[kIdBytes];
  uint32_t port;
  uint32_t family;
  uint32_t address[4];  // of IPv4 the first alone; of IPv6 in the order of the network
};
constexpr size_t kMaxAskers = 64;
struct Askers {
  uint32_t count;
  Asker rows[kMaxAskers];
};

struct Prefix {
  uint32_t deny;
  uint32_t family;
  uint32_t length;
  uint32_t words[4];  // of IPv4 the first alone
};
constexpr size_t kMaxPrefixes = 1000;

// src/services/dht/node-table.ts: the head, and columns for a whole number of steps.
struct TableHead {
  uint32_t count;
  uint8_t own[kIdBytes];
  uint8_t inBucket[kBuckets];
  uint8_t sparesIn[kBuckets];
};
constexpr size_t kRowBytes4 = 38;
constexpr size_t kRowBytes6 = 54;

static_assert(sizeof(Budget) == 128 && sizeof(AnswerCounts) == 163'840);
static_assert(sizeof(Verified) == 49'152 && sizeof(Rules) == 16 && sizeof(Counts) == 72);
static_assert(sizeof(Asker) == 44 && sizeof(Askers) == 2'820 && sizeof(Prefix) == 28);
static_assert(sizeof(TableHead) == 344);

struct Table {
  const TableHead* head = nullptr;
  size_t capacity = 0;
  const uint64_t* wide = nullptr;  // of IPv6: two words a row, the upper first
  const uint32_t* heads = nullptr;
  const uint32_t* keys = nullptr;
  const uint8_t* ids = nullptr;
  const uint16_t* ports = nullptr;
  const uint8_t* state = nullptr;

  // False when the memory is not of its size or not aligned.
  bool set(bool v6, const uint8_t* head, size_t headBytes, const uint8_t* rows, size_t rowsBytes);
  size_t count() const { return head->count < capacity ? head->count : capacity; }
};

struct Board {
  const Rules* rules = nullptr;
  Budget* budget = nullptr;
  AnswerCounts* perAddress = nullptr;
  AnswerCounts* perNetwork = nullptr;
  const Verified* verified = nullptr;
  Counts* counts = nullptr;
  Askers* askers = nullptr;
  const Prefix* prefixes = nullptr;
  size_t prefixCount = 0;
  Table tables[2];  // of IPv4, of IPv6
};

}  // namespace gatehouse::dht
