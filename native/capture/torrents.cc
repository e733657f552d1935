#include "torrents.h"

#include <algorithm>
#include <cstdlib>

#include "json.h"

namespace gatehouse::capture {

namespace {

constexpr uint64_t kFamilyBits = 40;
// Of Flow.torrent: a place in the table of pairs plus one, and above it of which of those that had the place.
constexpr uint32_t kPlaceBits = 12;
static_assert(Torrents::kPairs < (1u << kPlaceBits));

uint64_t familyBits(Family family) { return static_cast<uint64_t>(family) << kFamilyBits; }

uint64_t bytesOf(const Counter c[2]) { return c[0].bytes + c[1].bytes; }

bool within(const Torrents::Prefix& p, uint64_t hi, uint64_t lo) {
  const unsigned skipped = p.family == Family::Ipv4 ? 96u : 0u;
  const unsigned bits = p.bits + skipped;
  auto top = [](unsigned n) { return n == 0 ? 0 : n >= 64 ? ~0ULL : ~0ULL << (64 - n); };
  const uint64_t high = top(std::min(bits, 64u));
  const uint64_t low = bits <= 64 ? 0 : top(bits - 64);
  return ((hi ^ p.hi) & high) == 0 && ((lo ^ p.lo) & low) == 0;
}

// RFC 1918, RFC 3927; RFC 4193, RFC 4291.
constexpr Torrents::Prefix kPrivate[] = {
    {Family::Ipv4, 8, 0, 0x0a000000},   {Family::Ipv4, 12, 0, 0xac100000},
    {Family::Ipv4, 16, 0, 0xc0a80000},  {Family::Ipv4, 16, 0, 0xa9fe0000},
    {Family::Ipv6, 7, 0xfc00000000000000ULL, 0}, {Family::Ipv6, 10, 0xfe80000000000000ULL, 0}};

struct How {
  uint8_t bit;
  const char* text;
};
constexpr How kHow[] = {{Torrents::kHandshake, "handshake"},     {Torrents::kUtp, "utp"},
                        {Torrents::kDhtGet, "dht-get"},          {Torrents::kDhtAnnounce, "dht-announce"},
                        {Torrents::kUdpTracker, "udp-tracker"},  {Torrents::kHttpTracker, "http-tracker"},
                        {Torrents::kLan, "lan-search"}};

void infoHashText(const Key& key, char out[2 * bt::kHashBytes]) {
  constexpr char kHex[] = "0123456789abcdef";
  const auto last = static_cast<uint32_t>(key.w[2]);
  uint8_t bytes[bt::kHashBytes];
  memcpy(bytes, &key.w[0], 8);
  memcpy(bytes + 8, &key.w[1], 8);
  memcpy(bytes + 16, &last, 4);
  for (size_t i = 0; i < bt::kHashBytes; i++) {
    out[2 * i] = kHex[bytes[i] >> 4];
    out[2 * i + 1] = kHex[bytes[i] & 15];
  }
}

}  // namespace

Torrents::Torrents() : ends_(static_cast<End*>(calloc(kEnds, sizeof(End)))) {}
Torrents::~Torrents() { free(ends_); }

bool Torrents::local(const Prefix* prefixes, size_t count) {
  if (count > kPrefixes) return false;
  std::copy(prefixes, prefixes + count, prefixes_);
  prefixCount_ = count;
  return true;
}

bool Torrents::isLocal(Family family, uint64_t hi, uint64_t lo) const {
  auto in = [&](const Prefix& p) { return p.family == family && within(p, hi, lo); };
  return prefixCount_ > 0 ? std::any_of(prefixes_, prefixes_ + prefixCount_, in)
                          : std::any_of(std::begin(kPrivate), std::end(kPrivate), in);
}

bool Torrents::counts(Family family, uint64_t hi, uint64_t lo, uint64_t otherHi, uint64_t otherLo) const {
  return isLocal(family, hi, lo) || (prefixCount_ == 0 && !isLocal(family, otherHi, otherLo));
}

Torrents::Host* Torrents::host(Family family, uint64_t hi, uint64_t lo, int64_t ns) {
  Key key;
  key.w[0] = lo;
  key.w[2] = familyBits(family);
  key.w[3] = hi;
  const uint64_t hash = key.hash();
  Host* h = hosts_.find(key, hash);
  if (h == nullptr) {
    h = hosts_.insert(key, hash);
    if (h == nullptr) {
      h = hosts_.victim([](const Host& a, const Host& b) { return a.lastNs < b.lastNs; });
      // Of flows that are over, whose host was let go for a newer one.
      if (h->lastNs > ns) return nullptr;
      hostsForgotten_++;
      h = hosts_.replace(h, key, hash);
    }
    h->firstNs = h->lastNs = ns;
  }
  return h;
}

Torrents::Pair* Torrents::pair(const Key& key, int64_t ns) {
  const uint64_t hash = key.hash();
  Pair* p = pairs_.find(key, hash);
  if (p == nullptr) {
    p = pairs_.insert(key, hash);
    if (p == nullptr) {
      p = pairs_.victim([](const Pair& a, const Pair& b) { return a.lastNs < b.lastNs; });
      pairsForgotten_++;
      p = pairs_.replace(p, key, hash);
    }
    p->firstNs = p->lastNs = ns;
    p->serial = ++serial_;
  }
  return p;
}

uint32_t Torrents::seen(const From& from, const uint8_t* infoHash, uint8_t how, const char* client) {
  if (Host* h = host(from.family, from.hi, from.lo, from.ns); h != nullptr) {
    if (from.ns > h->lastNs) h->lastNs = from.ns;
    if (from.mac != 0) h->mac = from.mac;
  }
  Key key;
  key.w[0] = word64(infoHash);
  key.w[1] = word64(infoHash + 8);
  key.w[2] = word32(infoHash + 16) | familyBits(from.family);
  key.w[3] = from.hi;
  key.w[4] = from.lo;
  Pair* p = pair(key, from.ns);
  if (from.ns > p->lastNs) p->lastNs = from.ns;
  p->how |= how;
  if (client != nullptr && client[0] != '\0') memcpy(p->client, client, bt::kClientBytes);
  const auto at = static_cast<uint32_t>(p - &pairs_.at(0));
  return (p->serial << kPlaceBits) | (at + 1);
}

const Torrents::Pair* Torrents::of(uint32_t ref) {
  const uint32_t at = ref & ((1u << kPlaceBits) - 1);
  if (at == 0 || at > pairs_.used()) return nullptr;
  const Pair& p = pairs_.at(at - 1);
  return p.serial << kPlaceBits >> kPlaceBits == ref >> kPlaceBits ? &p : nullptr;
}

size_t Torrents::place(Family family, uint64_t hi, uint64_t lo, uint16_t port) {
  return static_cast<size_t>(mix(hi * 31 + lo * 7 + (static_cast<uint64_t>(port) << 8) +
                                 static_cast<uint64_t>(family))) & (kEnds - 1);
}

void Torrents::end(Family family, uint64_t hi, uint64_t lo, uint16_t port, int64_t ns) {
  if (port == 0) return;
  End* victim = nullptr;
  for (size_t i = 0; i < kWays; i++) {
    End& e = ends_[(place(family, hi, lo, port) + i) & (kEnds - 1)];
    if (e.stamp == 0 || (e.hi == hi && e.lo == lo && e.port == port && e.family == family)) {
      victim = &e;
      break;
    }
    if (victim == nullptr || e.stamp < victim->stamp) victim = &e;
  }
  const bool same = victim->hi == hi && victim->lo == lo && victim->port == port && victim->family == family;
  if (victim->stamp != 0 && !same) endsForgotten_++;
  if (++clock_ == 0) clock_ = 1;
  *victim = End{hi, lo, port, family, static_cast<uint32_t>(ns / 1'000'000'000), clock_};
}

bool Torrents::knows(Family family, uint64_t hi, uint64_t lo, uint16_t port, int64_t ns) const {
  for (size_t i = 0; i < kWays; i++) {
    const End& e = ends_[(place(family, hi, lo, port) + i) & (kEnds - 1)];
    if (e.stamp != 0 && e.hi == hi && e.lo == lo && e.port == port && e.family == family)
      return ns / 1'000'000'000 - static_cast<int64_t>(e.sec) < kEndSec;
  }
  return false;
}

bool Torrents::knowsEnd(const Flow& f) const {
  if (clock_ == 0 || (f.key.protocol() != 6 && f.key.protocol() != 17)) return false;
  const Family family = f.key.family();
  return knows(family, f.key.w[3], f.key.w[0], f.key.portA(), f.lastNs) ||
         knows(family, f.key.w[4], f.key.w[1], f.key.portB(), f.lastNs);
}

void Torrents::traffic(const Flow& f, const Counter more[2], bool likely) {
  const Family family = f.key.family();
  const Pair* named = of(f.torrent);
  Key key = named == nullptr ? Key{} : named->key;
  for (int side = 0; side < 2; side++) {
    const uint64_t hi = f.key.w[side == 0 ? 3 : 4], lo = f.key.w[side];
    const uint64_t otherHi = f.key.w[side == 0 ? 4 : 3], otherLo = f.key.w[1 - side];
    if (f.sent[side].packets == 0 || !counts(family, hi, lo, otherHi, otherLo)) continue;
    Host* h = host(family, hi, lo, f.lastNs);
    if (h == nullptr) continue;
    if (f.firstNs < h->firstNs) h->firstNs = f.firstNs;
    Counter* to = likely ? h->likely : h->known;
    to[0].add(more[side]);
    to[1].add(more[1 - side]);
    if (f.lastNs > h->lastNs) h->lastNs = f.lastNs;
    if (named == nullptr) continue;
    key.w[3] = hi;
    key.w[4] = lo;
    Pair* p = pairs_.find(key, key.hash());
    if (p == nullptr) continue;
    p->sent[0].add(more[side]);
    p->sent[1].add(more[1 - side]);
    if (f.lastNs > p->lastNs) p->lastNs = f.lastNs;
  }
}

void Torrents::absorb(const Torrents& other) {
  auto& theirs = const_cast<Torrents&>(other);
  for (uint32_t i = 0; i < theirs.hosts_.used(); i++) {
    const Host& o = theirs.hosts_.at(i);
    Host* h = host(o.key.family(), o.key.w[3], o.key.w[0], o.lastNs);
    if (h == nullptr) continue;
    for (int side = 0; side < 2; side++) {
      h->known[side].add(o.known[side]);
      h->likely[side].add(o.likely[side]);
    }
    if (o.mac != 0) h->mac = o.mac;
    h->firstNs = std::min(h->firstNs, o.firstNs);
    h->lastNs = std::max(h->lastNs, o.lastNs);
  }
  for (uint32_t i = 0; i < theirs.pairs_.used(); i++) {
    const Pair& o = theirs.pairs_.at(i);
    Pair* p = pair(o.key, o.firstNs);
    for (int side = 0; side < 2; side++) p->sent[side].add(o.sent[side]);
    p->how |= o.how;
    if (o.client[0] != '\0') memcpy(p->client, o.client, sizeof p->client);
    p->firstNs = std::min(p->firstNs, o.firstNs);
    p->lastNs = std::max(p->lastNs, o.lastNs);
  }
  hostsForgotten_ += other.hostsForgotten_;
  pairsForgotten_ += other.pairsForgotten_;
  endsForgotten_ += other.endsForgotten_;
}

void Torrents::report(size_t most, std::string* out) {
  auto order = [most](auto& table, auto weight) {
    std::vector<uint32_t> all(table.used());
    for (uint32_t i = 0; i < table.used(); i++) all[i] = i;
    std::sort(all.begin(), all.end(), [&](uint32_t a, uint32_t b) {
      const uint64_t left = weight(table.at(a)), right = weight(table.at(b));
      return left != right ? left > right : a < b;
    });
    if (all.size() > most) all.resize(most);
    return all;
  };
  Json json(out);
  json.open(nullptr, '{');
  json.open("hosts", '[');
  for (const uint32_t i : order(hosts_, [](const Host& h) { return bytesOf(h.known) + bytesOf(h.likely); })) {
    const Host& h = hosts_.at(i);
    json.open(nullptr, '{');
    address(&json, "address", h.key.family(), h.key.w[3], h.key.w[0]);
    if (h.mac != 0) address(&json, "mac", Family::Link, 0, h.mac);
    json.count("sentBytes", h.known[0].bytes);
    json.count("receivedBytes", h.known[1].bytes);
    json.count("likelySentBytes", h.likely[0].bytes);
    json.count("likelyReceivedBytes", h.likely[1].bytes);
    json.seconds("firstSec", h.firstNs);
    json.seconds("lastSec", h.lastNs);
    json.close('}');
  }
  json.close(']');
  json.open("infoHashes", '[');
  for (const uint32_t i : order(pairs_, [](const Pair& p) { return bytesOf(p.sent); })) {
    const Pair& p = pairs_.at(i);
    char text[2 * bt::kHashBytes];
    infoHashText(p.key, text);
    json.open(nullptr, '{');
    json.text("infoHash", text, sizeof text);
    address(&json, "address", p.key.family(), p.key.w[3], p.key.w[4]);
    json.open("seen", '[');
    for (const How& how : kHow) {
      if ((p.how & how.bit) != 0) json.text(nullptr, how.text);
    }
    json.close(']');
    if (p.client[0] != '\0') json.text("client", p.client, sizeof p.client);
    json.count("sentBytes", p.sent[0].bytes);
    json.count("receivedBytes", p.sent[1].bytes);
    json.seconds("firstSec", p.firstNs);
    json.seconds("lastSec", p.lastNs);
    json.close('}');
  }
  json.close(']');
  json.count("hostsForgotten", hostsForgotten_);
  json.count("infoHashesForgotten", pairsForgotten_);
  json.count("endsForgotten", endsForgotten_);
  json.close('}');
}

}  // namespace gatehouse::capture
