// What runs over TCP and UDP, told by what it says and, where that is too little, by its port; and
// the names in it. Nothing here reads more than one packet.

#include "engine.h"
#include "quic.h"

namespace gatehouse::capture {

namespace {

bool begins(const View& v, const char* text) {
  const size_t n = strlen(text);
  return v.left >= n && memcmp(v.at, text, n) == 0;
}

// Letters, digits, hyphen, underscore, dot and colon, lower-cased; 0 for anything else. Names go on to
// terminals and pages, so nothing else is taken for one.
char nameByte(uint8_t c) {
  if (c >= 'A' && c <= 'Z') return static_cast<char>(c | 32);
  if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) return static_cast<char>(c);
  return c == '-' || c == '_' || c == '.' || c == ':' ? static_cast<char>(c) : '\0';
}

// Fills `out` and gives the length; 0 when the bytes are no name.
size_t nameOfBytes(const uint8_t* p, size_t n, char* out) {
  if (n == 0 || n > Names::kMaxBytes) return 0;
  for (size_t i = 0; i < n; i++) {
    out[i] = nameByte(p[i]);
    if (out[i] == '\0') return 0;
  }
  return n;
}

// A protocol's name of ALPN fits, and is of letters, digits, dot, slash, hyphen and underscore; any other
// is none of those in use.
bool alpnName(const uint8_t* p, size_t n) {
  if (n == 0 || n > kAlpnBytes) return false;
  for (size_t i = 0; i < n; i++) {
    if ((nameByte(p[i]) == '\0' && p[i] != '/') || p[i] == ':') return false;
  }
  return true;
}

// RFC 7301 §3.1: the first protocol of the list that has such a name. Clients put values that mean
// nothing among them (RFC 8701 §3.1). How long it is, 0 for none.
size_t firstProtocol(View list, const uint8_t** name) {
  if (!list.has(2)) return 0;
  list.skip(2);
  while (list.has(1)) {
    const size_t n = list.at[0];
    *name = list.at + 1;
    if (!list.skip(1 + n)) return 0;
    if (alpnName(*name, n)) return n;
  }
  return 0;
}

// RFC 6066 §3: a list with one entry: length, kind 0, length of the name. As nameOfBytes.
size_t serverName(const View& list, char* out) {
  if (!list.has(5) || list.at[2] != 0) return 0;
  const size_t n = be16(list.at + 3);
  return list.has(5 + n) ? nameOfBytes(list.at + 5, n, out) : 0;
}

// RFC 1035 §4.1.4: labels, and pointers to earlier ones. False when the bytes are none; `end` is where
// the name ends in the message, `length` 0 for a name that cannot be shown.
bool dnsName(const View& message, size_t at, size_t* end, char* out, size_t* length) {
  size_t used = 0;
  size_t here = at;
  bool jumped = false;
  bool plain = true;
  *length = 0;
  // A name has at most 127 labels, and each jump leads backwards.
  for (int labels = 0; labels < 128; labels++) {
    if (here >= message.left) return false;
    const uint8_t n = message.at[here];
    if (n == 0) {
      if (!jumped) *end = here + 1;
      *length = plain ? used : 0;
      return true;
    }
    if ((n & 0xc0) == 0xc0) {
      if (here + 1 >= message.left) return false;
      const size_t target = static_cast<size_t>(n & 0x3f) << 8 | message.at[here + 1];
      if (!jumped) *end = here + 2;
      jumped = true;
      if (target >= here) return false;
      here = target;
      continue;
    }
    if ((n & 0xc0) != 0 || here + 1 + n > message.left) return false;
    if (used + n + 1 > Names::kMaxBytes) return false;
    if (used > 0) out[used++] = '.';
    const size_t label = nameOfBytes(message.at + here + 1, n, out + used);
    plain = plain && label == n;
    used += n;
    here += 1 + static_cast<size_t>(n);
  }
  return false;
}

// RFC 9000 §17.2: the long header, of a version that is known.
bool quicLong(const View& v) {
  if (!v.has(7) || (v.at[0] & 0x80) == 0 || v.at[5] > 20) return false;
  const uint32_t version = be32(v.at + 1);
  if (version == 0) return true;  // version negotiation
  if ((v.at[0] & 0x40) == 0) return false;
  return version == 1 || version == 0x6b3343cf || (version >> 8) == 0xff0000 ||
         (version & 0x0f0f0f0f) == 0x0a0a0a0a;
}

// One takes some 40 µs, two hundred times a packet's share. Whoever sends more of them, from ports that are
// always new, shall not hold the capture up.
constexpr uint32_t kInitialsPerSec = 1000;

// The Host of a URL with an address and perhaps a port says nothing that the address does not.
bool isAddress(const Names::Slot& name) {
  for (size_t i = 0; i < name.length; i++) {
    const char c = name.text[i];
    if (c != '.' && c != ':' && (c < '0' || c > '9')) return false;
  }
  return true;
}

}  // namespace

void Engine::hello(Flow* f, const Net& net, NameRef name) {
  if (!name.set()) return;
  f->name = name;
  Names::Slot* slot = names_.find(name);
  if (slot == nullptr) return;
  slot->hellos++;
  if (!isAddress(*slot)) addressNames_.tell(net.toHi, net.toLo, name);
}

Protocol Engine::tcpApp(Flow* f, const Net& net, View v, uint16_t from, uint16_t to) {
  // RFC 8446 §5.1: type, version 3.x, length of at most 2^14 and 2048.
  if (v.has(5) && v.at[0] >= 20 && v.at[0] <= 23 && v.at[1] == 3 && v.at[2] <= 4 &&
      be16(v.at + 3) <= 18432 && be16(v.at + 3) > 0) {
    if (v.at[0] == 22 && v.has(6) && v.at[5] == 1) {
      v.skip(5);
      clientHello(f, net, v);
    }
    return Protocol::Tls;
  }
  static constexpr const char* kMethods[] = {"GET ",     "POST ",    "HEAD ",  "PUT ",   "DELETE ",
                                             "OPTIONS ", "CONNECT ", "PATCH ", "TRACE "};
  for (const char* method : kMethods) {
    if (!begins(v, method)) continue;
    hello(f, net, httpHost(v));
    return Protocol::Http;
  }
  if (begins(v, "HTTP/1.")) return Protocol::Http;
  if (begins(v, "SSH-")) return Protocol::Ssh;
  if (begins(v, "\x13" "BitTorrent protocol")) return Protocol::BitTorrent;
  // RFC 1035 §4.2.2: two bytes of length in front.
  if ((from == 53 || to == 53) && v.has(14)) {
    dns(View{v.at + 2, v.left - 2});
    return Protocol::Dns;
  }
  return Protocol::Frame;
}

void Engine::udpApp(Packet& p, Flow* f, const Net& net, uint16_t from, uint16_t to, int side) {
  const View& v = p.v;
  auto either = [&](uint16_t port) { return from == port || to == port; };
  if (either(53)) {
    dns(v);
    return leaf(p, Protocol::Dns);
  }
  if (either(5353)) {
    dns(v);
    return leaf(p, Protocol::Mdns);
  }
  if (either(5355)) return leaf(p, Protocol::Llmnr);
  // The magic cookie of RFC 2131 §3.
  if ((either(67) || either(68)) && v.has(240) && be32(v.at + 236) == 0x63825363) {
    dhcp(v);
    return leaf(p, Protocol::Dhcp);
  }
  if (either(546) || either(547)) return leaf(p, Protocol::Dhcpv6);
  if (either(123)) return leaf(p, Protocol::Ntp);
  if (either(1900)) return leaf(p, Protocol::Ssdp);
  if (f->app == Protocol::Frame && f->tries < 4) {
    f->tries++;
    // BEP 5: a bencoded dictionary whose first keys are a (query), r (answer) or e (error).
    if (begins(v, "d1:ad2:id20:") || begins(v, "d1:rd2:id20:") || begins(v, "d1:eli") ||
        begins(v, "d2:ip6:")) {
      f->app = Protocol::Dht;
    } else if (bt::trackerConnect(v)) {
      f->app = Protocol::Tracker;
    } else if (bt::isLanSearch(v)) {
      f->app = Protocol::Lsd;
    } else if (quicLong(v)) {
      f->app = Protocol::Quic;
      quicApp(f, p, net);
    }
  }
  switch (f->app) {
    case Protocol::Frame:
    case Protocol::Dht:
    case Protocol::BitTorrent:
      // Peers have one port for uTP and the DHT.
      if (v.at[0] == 'd') {
        if (f->app != Protocol::Frame) dht(p, net, from);
      } else {
        udpTorrent(p, f, net, side);
      }
      break;
    case Protocol::Tracker:
      udpTracker(p, net, from);
      break;
    case Protocol::Lsd:
      lanSearch(p, net);
      break;
    default:
      break;
  }
  leaf(p, f->app == Protocol::Frame ? Protocol::Other : f->app);
}

// A flow's first packet with a long header is its client's Initial, or nobody's; there is no second try.
void Engine::quicApp(Flow* f, const Packet& p, const Net& net) {
  const int64_t sec = p.ns / 1'000'000'000;
  if (sec != initialsSec_) {
    initialsSec_ = sec;
    initials_ = 0;
  }
  if (initials_ == kInitialsPerSec) {
    initialsUnread_++;
    return;
  }
  initials_++;
  uint8_t bytes[kHelloBytes];
  const size_t n = quicHello(p.v, bytes);
  if (n > 0 && bytes[0] == 1) clientHello(f, net, View{bytes, n});
}

// RFC 1035 §4.1: what was asked, and which addresses it was said to have.
void Engine::dns(View message) {
  if (!message.has(12)) return;
  const bool response = (message.at[2] & 0x80) != 0;
  const uint16_t questions = be16(message.at + 4);
  const uint16_t answers = be16(message.at + 6);
  char text[Names::kMaxBytes];
  size_t length = 0;
  size_t at = 12;
  NameRef asked;
  // One question is all that anybody answers (RFC 9619).
  if (questions > 1) return;
  if (questions == 1) {
    if (!dnsName(message, at, &at, text, &length) || at + 4 > message.left) return;
    at += 4;
    asked = names_.keep(text, length);
    seenName_ = asked;
    if (!response) {
      if (Names::Slot* slot = names_.find(asked)) slot->queries++;
      return;
    }
  }
  if (!response) return;
  for (int i = 0; i < answers && i < 64; i++) {
    if (!dnsName(message, at, &at, text, &length) || at + 10 > message.left) return;
    const uint16_t type = be16(message.at + at);
    const uint16_t size = be16(message.at + at + 8);
    at += 10;
    if (at + size > message.left) return;
    // The name that was asked for says more than that at the end of a chain of aliases; mDNS has no
    // question.
    const NameRef name = asked.set() ? asked : names_.keep(text, length);
    if (type == 1 && size == 4) addressNames_.tell(0, be32(message.at + at), name);
    if (type == 28 && size == 16) {
      addressNames_.tell(__builtin_bswap64(word64(message.at + at)),
                         __builtin_bswap64(word64(message.at + at + 8)), name);
    }
    at += size;
  }
}

// RFC 2131 §2, RFC 2132: a client that asks for an address, or has it, and says its name.
void Engine::dhcp(View v) {
  if (v.at[0] != 1) return;
  uint32_t address = be32(v.at + 12);
  NameRef name;
  char text[Names::kMaxBytes];
  for (size_t at = 240; at < v.left && v.at[at] != 255;) {
    if (v.at[at] == 0) {
      at++;
      continue;
    }
    if (at + 2 > v.left) return;
    const size_t n = v.at[at + 1];
    if (at + 2 + n > v.left) return;
    if (v.at[at] == 12) name = names_.keep(text, nameOfBytes(v.at + at + 2, n, text));
    if (v.at[at] == 50 && n == 4) address = be32(v.at + at + 2);
    at += 2 + n;
  }
  if (address != 0) addressNames_.tell(0, address, name);
}

// RFC 8446 §4.1.2: from the handshake header on, as far as the bytes go.
void Engine::clientHello(Flow* f, const Net& net, View v) {
  // Type, length, version, random.
  if (!v.skip(4 + 2 + 32) || !v.has(1)) return;
  if (!v.skip(1 + static_cast<size_t>(v.at[0])) || !v.has(2)) return;
  if (!v.skip(2 + static_cast<size_t>(be16(v.at))) || !v.has(1)) return;
  if (!v.skip(1 + static_cast<size_t>(v.at[0])) || !v.has(2)) return;
  const size_t all = be16(v.at);
  v.skip(2);
  v.cut(all);
  bool named = false;
  while (v.has(4)) {
    const uint16_t type = be16(v.at);
    const size_t size = be16(v.at + 2);
    v.skip(4);
    View body = v;
    body.cut(size);
    if (type == 0 && !named) {
      named = true;
      char text[Names::kMaxBytes];
      hello(f, net, names_.keep(text, serverName(body, text)));
    } else if (type == 16 && f->alpnBytes == 0) {
      const uint8_t* name = nullptr;
      f->alpnBytes = static_cast<uint8_t>(firstProtocol(body, &name));
      if (f->alpnBytes > 0) memcpy(f->alpn, name, f->alpnBytes);
    }
    if (!v.skip(size)) return;
  }
}

// RFC 9112 §3.2: the value of Host.
NameRef Engine::httpHost(View v) {
  for (size_t at = 0; at + 7 < v.left; at++) {
    if (v.at[at] != '\n') continue;
    if ((v.at[at + 1] | 32) != 'h' || (v.at[at + 2] | 32) != 'o' || (v.at[at + 3] | 32) != 's' ||
        (v.at[at + 4] | 32) != 't' || v.at[at + 5] != ':') {
      continue;
    }
    at += 6;
    while (at < v.left && (v.at[at] == ' ' || v.at[at] == '\t')) at++;
    size_t end = at;
    while (end < v.left && v.at[end] != '\r' && v.at[end] != '\n' && v.at[end] != ' ') end++;
    if (end == v.left) return {};
    char text[Names::kMaxBytes];
    return names_.keep(text, nameOfBytes(v.at + at, end - at, text));
  }
  return {};
}

}  // namespace gatehouse::capture
