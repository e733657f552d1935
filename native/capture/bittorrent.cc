#include "bittorrent.h"

namespace gatehouse::capture::bt {

namespace {

constexpr size_t kMostDepth = 16;
constexpr size_t kMostDigits = 20;

bool digit(uint8_t c) { return c >= '0' && c <= '9'; }
bool letter(uint8_t c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

int hexOf(uint8_t c) {
  if (digit(c)) return c - '0';
  const uint8_t low = c | 32;
  return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

bool is(const View& v, const char* text) {
  const size_t n = strlen(text);
  return v.left == n && memcmp(v.at, text, n) == 0;
}

bool begins(const View& v, const char* text) {
  const size_t n = strlen(text);
  return v.left >= n && memcmp(v.at, text, n) == 0;
}

// BEP 3: length in decimal, colon, so many bytes.
bool takeString(View* v, View* out) {
  size_t n = 0, digits = 0;
  while (v->has(digits + 1) && digit(v->at[digits])) {
    if (++digits > 6) return false;
    n = n * 10 + (v->at[digits - 1] - '0');
  }
  if (digits == 0 || !v->has(digits + 1) || v->at[digits] != ':') return false;
  v->skip(digits + 1);
  if (!v->has(n)) return false;
  *out = View{v->at, n};
  return v->skip(n);
}

bool takeInteger(View* v, uint64_t* out) {
  if (!v->has(3) || v->at[0] != 'i') return false;
  *out = 0;
  for (size_t i = 1; v->has(i + 1) && i <= kMostDigits; i++) {
    if (v->at[i] == 'e') return i > 1 && v->skip(i + 1);
    if (!digit(v->at[i])) return false;
    *out = *out * 10 + (v->at[i] - '0');
  }
  return false;
}

// One value of any kind.
bool skipValue(View* v) {
  size_t depth = 0;
  do {
    if (!v->has(1)) return false;
    const uint8_t c = v->at[0];
    if (c == 'd' || c == 'l') {
      if (++depth > kMostDepth) return false;
      v->skip(1);
    } else if (c == 'e') {
      if (depth == 0) return false;
      depth--;
      v->skip(1);
    } else if (c == 'i') {
      size_t end = 1;
      while (v->has(end + 1) && v->at[end] != 'e' && end <= kMostDigits) end++;
      if (!v->has(end + 1) || v->at[end] != 'e') return false;
      v->skip(end + 1);
    } else {
      View text;
      if (!takeString(v, &text)) return false;
    }
  } while (depth > 0);
  return true;
}

// The value of each key of a dictionary; `use` takes it and moves on, or answers false to have it skipped.
template <typename Use>
bool eachKey(View* v, Use use) {
  if (!v->has(1) || v->at[0] != 'd') return false;
  v->skip(1);
  while (v->has(1) && v->at[0] != 'e') {
    View key;
    if (!takeString(v, &key)) return false;
    if (!use(key, v) && !skipValue(v)) return false;
  }
  return v->skip(1);
}

uint16_t portOf(uint64_t n) { return n <= 65535 ? static_cast<uint16_t>(n) : 0; }

// Digits from `at` on.
uint16_t decimalPort(const View& v, size_t at) {
  uint32_t n = 0;
  size_t digits = 0;
  while (at + digits < v.left && digits < 6 && digit(v.at[at + digits])) n = n * 10 + (v.at[at + digits++] - '0');
  return portOf(n);
}

// Where `text` begins behind `from`, in whatever case; v.left when it does not.
size_t find(const View& v, const char* text, size_t from = 0) {
  const size_t n = strlen(text);
  auto low = [](uint8_t c) { return c >= 'A' && c <= 'Z' ? static_cast<uint8_t>(c | 32) : c; };
  for (size_t at = from; at + n <= v.left; at++) {
    size_t same = 0;
    while (same < n && low(v.at[at + same]) == static_cast<uint8_t>(text[same])) same++;
    if (same == n) return at;
  }
  return v.left;
}

}  // namespace

bool handshake(View v, Handshake* out) {
  if (!v.has(48) || v.at[0] != 19 || memcmp(v.at + 1, "BitTorrent protocol", 19) != 0) return false;
  out->infoHash = v.at + 28;
  out->client[0] = '\0';
  if (v.has(68)) {
    const uint8_t* id = v.at + 48;
    bool good = id[0] == '-' && id[7] == '-' && letter(id[1]) && letter(id[2]);
    for (size_t i = 3; i < 7; i++) good = good && (letter(id[i]) || digit(id[i]));
    if (good) memcpy(out->client, id + 1, kClientBytes);
  }
  if (!v.skip(68)) v.left = 0;
  out->rest = v;
  return true;
}

uint16_t listenPort(View v) {
  // Length, 20 for a message of an extension, 0 for its handshake.
  if (!v.has(7) || v.at[4] != 20 || v.at[5] != 0 || v.at[6] != 'd') return 0;
  const uint32_t length = be32(v.at);
  if (length < 3 || length > (1u << 20)) return 0;
  v.skip(6);
  v.cut(length - 2);
  uint64_t port = 0;
  eachKey(&v, [&](const View& key, View* value) { return is(key, "p") && takeInteger(value, &port); });
  return portOf(port);
}

bool utpPayload(View v, View* payload) {
  // Type 0 is ST_DATA; version 1.
  if (!v.has(20) || v.at[0] != 0x01) return false;
  uint8_t extension = v.at[1];
  v.skip(20);
  for (int i = 0; extension != 0; i++) {
    if (i == 8 || !v.has(2)) return false;
    extension = v.at[0];
    if (!v.skip(2 + static_cast<size_t>(v.at[1]))) return false;
  }
  *payload = v;
  return v.left > 0;
}

bool dhtMessage(View v, DhtMessage* out) {
  *out = DhtMessage{};
  bool getPeers = false, answer = false;
  uint64_t port = 0, implied = 0;
  eachKey(&v, [&](const View& key, View* value) {
    if (is(key, "a")) {
      return eachKey(value, [&](const View& name, View* at) {
        View text;
        if (is(name, "info_hash")) {
          if (!takeString(at, &text)) return false;
          if (text.left == kHashBytes) out->infoHash = text.at;
          return true;
        }
        if (is(name, "port")) return takeInteger(at, &port);
        return is(name, "implied_port") && takeInteger(at, &implied);
      });
    }
    if (is(key, "q")) {
      View text;
      if (!takeString(value, &text)) return false;
      getPeers = is(text, "get_peers");
      out->announce = is(text, "announce_peer");
      return true;
    }
    if (!is(key, "r")) return false;
    answer = true;
    return eachKey(value, [&](const View& name, View* at) {
      if (!is(name, "values") || !at->has(1) || at->at[0] != 'l') return false;
      at->skip(1);
      out->values = *at;
      // What is cut is read as far as it goes.
      while (at->has(1) && at->at[0] != 'e') {
        if (!skipValue(at)) return false;
      }
      out->values.left -= at->left;
      return at->skip(1);
    });
  });
  if (!getPeers && !out->announce) out->infoHash = nullptr;
  if (!answer) out->values.left = 0;
  out->port = implied == 0 ? portOf(port) : 0;
  return out->infoHash != nullptr || out->values.left > 0;
}

bool nextCompact(View* peers, bool v6, Peer* out) {
  const size_t bytes = v6 ? 18 : 6;
  if (!peers->has(bytes)) return false;
  const uint8_t* at = peers->at;
  auto word = [](const uint8_t* from) { return __builtin_bswap64(word64(from)); };
  *out = Peer{v6, v6 ? word(at) : 0, v6 ? word(at + 8) : be32(at), be16(at + bytes - 2)};
  return peers->skip(bytes);
}

bool nextValue(View* values, Peer* out) {
  View text;
  while (takeString(values, &text)) {
    if (text.left == 6 || text.left == 18) return nextCompact(&text, text.left == 18, out);
  }
  return false;
}

bool trackerConnect(const View& v) {
  return v.has(16) && be32(v.at) == 0x417 && be32(v.at + 4) == 0x27101980 && be32(v.at + 8) == 0;
}

bool trackerAnnounce(const View& v, TrackerAnnounce* out) {
  // Connection, action 1, transaction, infohash …; event is none, completed, started or stopped.
  if (!v.has(98) || be32(v.at + 8) != 1 || be32(v.at + 80) > 3) return false;
  *out = {v.at + 16, be16(v.at + 96)};
  return true;
}

bool trackerPeers(const View& v, View* peers) {
  // Action 1, transaction, interval, leechers, seeders.
  if (!v.has(20) || be32(v.at) != 1) return false;
  *peers = View{v.at + 20, v.left - 20};
  return true;
}

bool httpTrackerLine(const View& v, View* line) {
  if (!begins(v, "GET ")) return false;
  size_t end = 4;
  while (end < v.left && v.at[end] != ' ' && v.at[end] != '\r' && v.at[end] != '\n') end++;
  *line = View{v.at, end};
  return find(*line, "info_hash=") < line->left;
}

bool nextHttpHash(View* line, uint8_t hash[kHashBytes]) {
  for (;;) {
    const size_t at = find(*line, "info_hash=");
    if (at == line->left) return false;
    const bool begun = at > 0 && (line->at[at - 1] == '?' || line->at[at - 1] == '&');
    line->skip(at + 10);
    size_t n = 0;
    while (line->has(1) && line->at[0] != '&' && n <= kHashBytes) {
      uint8_t byte = line->at[0];
      size_t used = 1;
      if (byte == '%') {
        const int high = line->has(3) ? hexOf(line->at[1]) : -1;
        const int low = line->has(3) ? hexOf(line->at[2]) : -1;
        if (high < 0 || low < 0) break;
        byte = static_cast<uint8_t>(high << 4 | low);
        used = 3;
      }
      if (n < kHashBytes) hash[n] = byte;
      n++;
      line->skip(used);
    }
    // What is cut here may be cut within the hash.
    if (begun && n == kHashBytes && (!line->has(1) || line->at[0] == '&')) return true;
  }
}

uint16_t httpPort(const View& line) {
  for (size_t at = find(line, "port="); at < line.left; at = find(line, "port=", at + 5)) {
    if (at > 0 && (line.at[at - 1] == '?' || line.at[at - 1] == '&')) return decimalPort(line, at + 5);
  }
  return 0;
}

View httpPeers(const View& v, bool v6) {
  const size_t at = find(v, v6 ? "6:peers6" : "5:peers");
  const size_t from = at + (v6 ? 8 : 7);
  if (from >= v.left) return {nullptr, 0};
  View rest{v.at + from, v.left - from};
  size_t n = 0, digits = 0;
  while (digits < 6 && rest.has(digits + 1) && digit(rest.at[digits])) n = n * 10 + (rest.at[digits++] - '0');
  if (digits == 0 || !rest.has(digits + 1) || rest.at[digits] != ':') return {nullptr, 0};
  rest.skip(digits + 1);
  rest.cut(n);
  return rest;
}

bool isLanSearch(const View& v) { return begins(v, "BT-SEARCH * HTTP/1."); }

bool nextLanHash(View* v, uint8_t hash[kHashBytes]) {
  for (;;) {
    const size_t at = find(*v, "\ninfohash:");
    if (at == v->left) return false;
    v->skip(at + 10);
    while (v->has(1) && (v->at[0] == ' ' || v->at[0] == '\t')) v->skip(1);
    if (!v->has(2 * kHashBytes)) return false;
    bool good = true;
    for (size_t i = 0; i < kHashBytes && good; i++) {
      const int high = hexOf(v->at[2 * i]);
      const int low = hexOf(v->at[2 * i + 1]);
      good = high >= 0 && low >= 0;
      if (good) hash[i] = static_cast<uint8_t>(high << 4 | low);
    }
    if (good) return v->skip(2 * kHashBytes);
  }
}

uint16_t lanPort(const View& v) {
  size_t at = find(v, "\nport:");
  if (at == v.left) return 0;
  for (at += 6; at < v.left && v.at[at] == ' '; at++) continue;
  return decimalPort(v, at);
}

}  // namespace gatehouse::capture::bt
