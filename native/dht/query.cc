#include "query.h"

#include <cstring>

#include "board.h"

namespace gatehouse::dht {

namespace {

// As src/wire/krpc.ts has it, of `t` and `v`.
constexpr size_t kMaxText = 32;

struct Cursor {
  const uint8_t* at;
  const uint8_t* end;

  template <size_t kSize>
  bool literal(const char (&text)[kSize]) {
    constexpr size_t length = kSize - 1;
    if (static_cast<size_t>(end - at) < length || memcmp(at, text, length) != 0) return false;
    at += length;
    return true;
  }

  const uint8_t* bytes(size_t length) {
    if (static_cast<size_t>(end - at) < length) return nullptr;
    const uint8_t* found = at;
    at += length;
    return found;
  }

  // A string of at most kMaxText bytes; its length without leading zeros.
  const uint8_t* text(size_t* length) {
    size_t value = 0;
    size_t digits = 0;
    while (at < end && *at >= '0' && *at <= '9' && digits < 2) {
      if (digits == 1 && value == 0) return nullptr;
      value = value * 10 + static_cast<size_t>(*at++ - '0');
      digits++;
    }
    if (digits == 0 || value > kMaxText || !literal(":")) return nullptr;
    *length = value;
    return bytes(value);
  }
};

bool readWant(Cursor* in, Query* out) {
  out->wants = out->n4 = out->n6 = false;
  if (!in->literal("4:wantl")) return true;
  for (int i = 0; i < 2; i++) {
    if (in->literal("2:n4")) {
      out->n4 = true;
    } else if (in->literal("2:n6")) {
      out->n6 = true;
    }
  }
  out->wants = out->n4 || out->n6;
  return in->literal("e");
}

}  // namespace

bool readQuery(const uint8_t* bytes, size_t length, Query* out) {
  Cursor in{bytes, bytes + length};
  if (!in.literal("d1:ad2:id20:")) return false;
  out->id = in.bytes(kIdBytes);
  if (out->id == nullptr) return false;
  out->target = nullptr;
  if (in.literal("6:target20:")) {
    out->target = in.bytes(kIdBytes);
    if (out->target == nullptr) return false;
  }
  if (!readWant(&in, out) || !in.literal("e1:q")) return false;
  if (in.literal("4:ping")) {
    out->target = nullptr;
  } else if (!in.literal("9:find_node") || out->target == nullptr) {
    return false;
  }
  out->readOnly = in.literal("2:roi1e");
  if (!out->readOnly) in.literal("2:roi0e");
  if (!in.literal("1:t")) return false;
  out->transaction = in.text(&out->transactionLength);
  if (out->transaction == nullptr || out->transactionLength == 0) return false;
  size_t version;
  if (in.literal("1:v") && in.text(&version) == nullptr) return false;
  return in.literal("1:y1:qe") && in.at == in.end;
}

}  // namespace gatehouse::dht
