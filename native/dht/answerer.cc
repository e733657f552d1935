#include "answerer.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "query.h"

namespace gatehouse::dht {

namespace {

// Of src/services/dht/budget.ts and answerer.ts.
constexpr double kKept = 0.25;
constexpr size_t kHeaders4 = 28;
constexpr size_t kHeaders6 = 48;
constexpr double kWindowMs = 10'000;
constexpr size_t kAmplification = 3;
constexpr size_t kMaxLimit = 1'200;
// Of src/services/dht/node-table.ts.
constexpr uint8_t kSparesWanted = kK / 2;

bool has(Bucket* bucket, double amount, double kept, double nowMs) {
  if (bucket->perSec == 0) return true;
  if (nowMs > bucket->atMs) {
    bucket->tokens =
        std::min(bucket->most, bucket->tokens + ((nowMs - bucket->atMs) * bucket->perSec) / 1000);
    bucket->atMs = nowMs;
  }
  return bucket->tokens - amount >= kept * bucket->most;
}

bool pay(Bucket* packets, Bucket* bytes, double size, double kept, double nowMs) {
  if (!has(packets, 1, kept, nowMs) || !has(bytes, size, kept, nowMs)) return false;
  packets->tokens -= 1;
  bytes->tokens -= size;
  return true;
}

// Of src/services/dht/address-hash.ts.
uint32_t mix(uint32_t value, uint32_t salt) {
  uint32_t hash = (value ^ salt) * 0x85ebca6b;
  hash = (hash ^ (hash >> 13)) * 0xc2b2ae35;
  return hash ^ (hash >> 16);
}

struct Hashes {
  uint32_t one;
  uint32_t many;
};

Hashes hashesOf(const Endpoint& from, uint32_t salt) {
  const uint32_t* w = from.words;
  if (!from.v6) return {mix(w[3], salt), mix(w[3] >> 8, ~salt)};
  uint32_t low = w[3] ^ w[2];
  uint32_t high = w[1] ^ (w[0] * 31);
  return {mix(low ^ (high * 17), salt), mix(high, ~salt)};
}

bool count(AnswerCounts* counts, uint32_t limit, uint32_t hash, double nowMs) {
  if (limit == 0) return true;
  size_t slot = hash % kCountSlots;
  auto window = static_cast<uint32_t>(static_cast<int64_t>(std::floor(nowMs / kWindowMs)));
  if (counts->who[slot] != hash || counts->window[slot] != window) {
    counts->who[slot] = hash;
    counts->window[slot] = window;
    counts->count[slot] = 1;
    return true;
  }
  if (counts->count[slot] >= limit) return false;
  counts->count[slot]++;
  return true;
}

bool isVerified(const Verified& verified, const Endpoint& from, uint32_t hash, double nowMs) {
  size_t first = (hash % (kVerifiedSlots / kVerifiedWays)) * kVerifiedWays;
  for (size_t slot = first; slot < first + kVerifiedWays; slot++) {
    if (verified.untilMs[slot] > nowMs &&
        memcmp(verified.address[slot], from.words, sizeof from.words) == 0) {
      return true;
    }
  }
  return false;
}

bool holds(const Prefix& prefix, const Endpoint& from) {
  if ((prefix.family == 6) != from.v6) return false;
  const uint32_t* words = from.v6 ? from.words : from.words + 3;
  uint32_t left = std::min(prefix.length, from.v6 ? 128u : 32u);
  for (size_t i = 0; left > 0; i++, left -= std::min(left, 32u)) {
    uint32_t mask = left >= 32 ? ~0u : ~(~0u >> left);
    if (((words[i] ^ prefix.words[i]) & mask) != 0) return false;
  }
  return true;
}

bool allows(const Board& board, const Endpoint& from) {
  if (from.port == 0) return false;
  bool allowed = false;
  for (size_t i = 0; i < board.prefixCount; i++) {
    const Prefix& prefix = board.prefixes[i];
    if ((prefix.deny == 0 && allowed) || !holds(prefix, from)) continue;
    if (prefix.deny != 0) return false;
    allowed = true;
  }
  return allowed;
}

uint32_t headOf(const uint8_t* id) {
  uint32_t value;
  memcpy(&value, id, sizeof value);
  return __builtin_bswap32(value);
}

// Whether the row `a` is at most as far from `target` as `b` is.
bool notFarther(const Table& table, const uint8_t* target, size_t a, size_t b) {
  const uint8_t* x = table.ids + a * kIdBytes;
  const uint8_t* y = table.ids + b * kIdBytes;
  for (size_t i = 0; i < kIdBytes; i++) {
    int difference = (x[i] ^ target[i]) - (y[i] ^ target[i]);
    if (difference != 0) return difference < 0;
  }
  return true;
}

struct Nearest {
  size_t found = 0;
  size_t rows[kK];
};

Nearest nearest(const Table& table, const uint8_t* target) {
  Nearest best;
  uint32_t distances[kK];
  uint32_t head = headOf(target);
  size_t count = table.count();
  for (size_t at = 0; at < count; at++) {
    if (table.state[at] != 0) continue;
    uint32_t distance = table.heads[at] ^ head;
    if (best.found == kK && distance > distances[kK - 1]) continue;
    size_t place = best.found;
    while (place > 0) {
      uint32_t before = distances[place - 1];
      if (before < distance) break;
      if (before == distance && notFarther(table, target, best.rows[place - 1], at)) break;
      place--;
    }
    if (place >= kK) continue;
    size_t end = best.found < kK ? best.found++ : kK - 1;
    for (size_t i = end; i > place; i--) {
      best.rows[i] = best.rows[i - 1];
      distances[i] = distances[i - 1];
    }
    best.rows[place] = at;
    distances[place] = distance;
  }
  return best;
}

struct Writer {
  uint8_t* at;

  template <size_t kSize>
  void literal(const char (&text)[kSize]) {
    bytes(reinterpret_cast<const uint8_t*>(text), kSize - 1);
  }
  void bytes(const uint8_t* from, size_t length) {
    memcpy(at, from, length);
    at += length;
  }
  // The length of a string and its colon.
  void length(size_t value) {
    char digits[8];
    size_t used = 0;
    do {
      digits[used++] = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value > 0);
    while (used > 0) *at++ = static_cast<uint8_t>(digits[--used]);
    *at++ = ':';
  }
  void big(uint32_t value, int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
      *at++ = static_cast<uint8_t>(value >> shift);
    }
  }
  void endpoint(const Endpoint& from) {
    for (size_t i = from.v6 ? 0 : 3; i < 4; i++) big(from.words[i], 4);
    big(from.port, 2);
  }
  void nodes(const Table& table, const Nearest& best, size_t count) {
    for (size_t i = 0; i < count; i++) {
      size_t row = best.rows[i];
      bytes(table.ids + row * kIdBytes, kIdBytes);
      if (table.wide == nullptr) {
        big(table.keys[row], 4);
      } else {
        for (size_t half = 0; half < 2; half++) {
          uint64_t value = __builtin_bswap64(table.wide[2 * row + half]);
          bytes(reinterpret_cast<const uint8_t*>(&value), sizeof value);
        }
      }
      big(table.ports[row], 2);
    }
  }
};

constexpr size_t kRecord4 = kIdBytes + 6;
constexpr size_t kRecord6 = kIdBytes + 18;

size_t stringBytes(size_t length) { return length + (length >= 100 ? 4 : length >= 10 ? 3 : 2); }

struct Answer {
  bool has4 = false;
  bool has6 = false;
  Nearest best4;
  Nearest best6;
  size_t count4 = 0;
  size_t count6 = 0;

  // d2:ip…1:rd2:id20:…5:nodes…6:nodes6…e1:t…1:v4:…1:y1:re
  size_t size(const Endpoint& from, size_t transaction) const {
    return 5 + stringBytes(from.v6 ? 18 : 6) + 11 + kIdBytes +
           (has4 ? 7 + stringBytes(count4 * kRecord4) : 0) +
           (has6 ? 8 + stringBytes(count6 * kRecord6) : 0) + 4 + stringBytes(transaction) + 5 + 4 + 7;
  }
};

size_t fewer(size_t count, size_t record, size_t over) {
  size_t gone = (over + record - 1) / record;
  return count > gone ? count - gone : 0;
}

// Who asks may be worth a place in the table: whether it is, JavaScript finds out.
void note(const Board& board, const Table& table, const Query& query, const Endpoint& from) {
  const uint8_t* own = table.head->own;
  size_t bits = 0;
  while (bits < 8 * kIdBytes && query.id[bits / 8] == own[bits / 8]) bits += 8;
  if (bits == 8 * kIdBytes) return;
  unsigned difference = query.id[bits / 8] ^ own[bits / 8];
  size_t bucket = bits + static_cast<size_t>(__builtin_clz(difference)) - 24;
  if (table.head->inBucket[bucket] >= kK && table.head->sparesIn[bucket] >= kSparesWanted) return;
  uint64_t upper = static_cast<uint64_t>(from.words[0]) << 32 | from.words[1];
  uint64_t lower = static_cast<uint64_t>(from.words[2]) << 32 | from.words[3];
  size_t count = table.count();
  for (size_t at = 0; at < count; at++) {
    if (table.ports[at] != from.port) continue;
    if (table.wide == nullptr ? table.keys[at] == from.words[3]
                              : table.wide[2 * at] == upper && table.wide[2 * at + 1] == lower) {
      return;
    }
  }
  Asker row{};
  memcpy(row.id, query.id, kIdBytes);
  row.port = from.port;
  row.family = from.v6 ? 6 : 4;
  for (size_t i = 0; i < 4; i++) row.address[i] = __builtin_bswap32(from.words[i]);
  if (!from.v6) row.address[0] = from.words[3];
  Askers* askers = board.askers;
  size_t waiting = std::min<size_t>(askers->count, kMaxAskers);
  for (size_t i = 0; i < waiting; i++) {
    if (memcmp(&askers->rows[i], &row, sizeof row) == 0) return;
  }
  if (waiting == kMaxAskers) {
    board.counts->missedAskers++;
    return;
  }
  askers->rows[waiting] = row;
  askers->count = static_cast<uint32_t>(waiting + 1);
}

}  // namespace

bool Table::set(bool v6, const uint8_t* headAt, size_t headBytes, const uint8_t* rows,
                size_t rowsBytes) {
  size_t row = v6 ? kRowBytes6 : kRowBytes4;
  size_t rowCount = rowsBytes / row;
  // Steps of 64 rows keep every column on a multiple of its width.
  if (headBytes != sizeof(TableHead) || rowsBytes % row != 0 || rowCount % 64 != 0 ||
      reinterpret_cast<uintptr_t>(headAt) % 8 != 0 || reinterpret_cast<uintptr_t>(rows) % 8 != 0) {
    return false;
  }
  head = reinterpret_cast<const TableHead*>(headAt);
  capacity = rowCount;
  wide = v6 ? reinterpret_cast<const uint64_t*>(rows) : nullptr;
  const uint8_t* at = rows + (v6 ? 16 * capacity : 0);
  heads = reinterpret_cast<const uint32_t*>(at);
  keys = heads + capacity;
  at += 3 * 4 * capacity;  // the third are the times
  ids = at;
  at += kIdBytes * capacity;
  ports = reinterpret_cast<const uint16_t*>(at);
  state = at + 2 * 2 * capacity + capacity;  // behind round trips and buckets
  return true;
}

Fate take(const Board& board, const uint8_t* bytes, size_t length, const Endpoint& from, double nowMs,
          uint8_t* out, size_t* outLength) {
  Counts* counts = board.counts;
  Budget* budget = board.budget;
  const size_t headers = from.v6 ? kHeaders6 : kHeaders4;
  counts->packetsIn++;
  counts->bytesIn += static_cast<double>(length);
  if (!pay(&budget->packetsIn, &budget->bytesIn, static_cast<double>(length + headers), 0, nowMs)) {
    counts->droppedBudget++;
    return Fate::kDone;
  }
  if (!allows(board, from)) {
    counts->droppedAddress++;
    return Fate::kDone;
  }
  const Table& own = board.tables[from.v6 ? 1 : 0];
  Query query;
  if (own.head == nullptr || !readQuery(bytes, length, &query)) return Fate::kHandOver;
  const Hashes hashes = hashesOf(from, board.rules->salt);
  if (!count(board.perAddress, board.rules->perAddress, hashes.one, nowMs) ||
      !count(board.perNetwork, board.rules->perNetwork, hashes.many, nowMs)) {
    counts->droppedSource++;
    return Fate::kDone;
  }
  const size_t limit = isVerified(*board.verified, from, hashes.one, nowMs)
                           ? kMaxLimit
                           : std::min(kMaxLimit, kAmplification * length);
  Answer answer;
  const Table& table4 = board.tables[0];
  const Table& table6 = board.tables[1];
  if (query.target != nullptr) {
    answer.has4 = table4.head != nullptr && (query.wants ? query.n4 : !from.v6);
    answer.has6 = table6.head != nullptr && (query.wants ? query.n6 : from.v6);
    if (answer.has4) answer.best4 = nearest(table4, query.target);
    if (answer.has6) answer.best6 = nearest(table6, query.target);
    answer.count4 = answer.best4.found;
    answer.count6 = answer.best6.found;
  }
  size_t size = answer.size(from, query.transactionLength);
  if (size > limit && answer.has6) {
    answer.count6 = fewer(answer.count6, kRecord6, size - limit);
    size = answer.size(from, query.transactionLength);
  }
  if (size > limit && answer.has4) {
    answer.count4 = fewer(answer.count4, kRecord4, size - limit);
    size = answer.size(from, query.transactionLength);
  }
  bool sent = false;
  if (size <= limit) {
    sent = pay(&budget->packetsOut, &budget->bytesOut, static_cast<double>(size + headers), kKept,
               nowMs);
    if (!sent) counts->droppedBudget++;
  }
  counts->queriesAnswered++;
  if (!query.readOnly) note(board, own, query, from);
  if (!sent) return Fate::kDone;
  Writer writer{out};
  writer.literal("d2:ip");
  writer.length(from.v6 ? 18 : 6);
  writer.endpoint(from);
  writer.literal("1:rd2:id20:");
  writer.bytes(own.head->own, kIdBytes);
  if (answer.has4) {
    writer.literal("5:nodes");
    writer.length(answer.count4 * kRecord4);
    writer.nodes(table4, answer.best4, answer.count4);
  }
  if (answer.has6) {
    writer.literal("6:nodes6");
    writer.length(answer.count6 * kRecord6);
    writer.nodes(table6, answer.best6, answer.count6);
  }
  writer.literal("e1:t");
  writer.length(query.transactionLength);
  writer.bytes(query.transaction, query.transactionLength);
  writer.literal("1:v4:");
  writer.bytes(board.rules->version, sizeof board.rules->version);
  writer.literal("1:y1:re");
  *outLength = static_cast<size_t>(writer.at - out);
  counts->packetsOut++;
  counts->bytesOut += static_cast<double>(*outLength);
  return Fate::kAnswered;
}

}  // namespace gatehouse::dht
