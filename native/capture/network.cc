// From the network layer to what runs over TCP and UDP, and the accounts of who talked.

#include "engine.h"

namespace gatehouse::capture {

namespace {

constexpr uint8_t kFin = 1, kSyn = 2, kRst = 4, kAck = 16;
// A segment behind what was expected that comes this soon was overtaken, not sent again.
constexpr int64_t kReorderNs = 3'000'000;

}  // namespace

// RFC 791 §3.1
void Engine::ipv4(Packet& p) {
  enter(p, Protocol::Ipv4);
  if (!p.v.has(20)) return stop(p);
  const uint8_t* h = p.v.at;
  const size_t header = static_cast<size_t>(h[0] & 15) * 4;
  if (h[0] >> 4 != 4 || header < 20) return stop(p);
  uint32_t total = be16(h + 2);
  // Segmentation by the network card leaves 0 there.
  if (total == 0) total = static_cast<uint32_t>(p.v.left);
  if (total < header) return stop(p);
  Net net{Family::Ipv4, 0, be32(h + 12), 0, be32(h + 16), total - static_cast<uint32_t>(header)};
  const uint16_t fragment = be16(h + 6);
  const uint8_t protocol = h[9];
  p.hasIp = true;
  p.v.cut(total);
  if (!p.v.skip(header)) {
    p.v.left = 0;
    int side;
    flow(p, net, protocol, 0, 0, &side);
    return stop(p);
  }
  above(p, net, protocol, (fragment & 0x1fff) != 0);
}

// RFC 8200 §4: the chain of extension headers.
void Engine::ipv6(Packet& p) {
  enter(p, Protocol::Ipv6);
  if (!p.v.has(40)) return stop(p);
  const uint8_t* h = p.v.at;
  if (h[0] >> 4 != 6) return stop(p);
  uint32_t length = be16(h + 4);
  auto word = [](const uint8_t* at) { return __builtin_bswap64(word64(at)); };
  Net net{Family::Ipv6, word(h + 8), word(h + 16), word(h + 24), word(h + 32), length};
  uint8_t next = h[6];
  p.hasIp = true;
  p.v.skip(40);
  // A jumbogram (RFC 2675) says 0, and so does segmentation by the network card.
  if (length == 0) net.length = length = static_cast<uint32_t>(p.v.left);
  p.v.cut(length);
  bool later = false;
  for (int headers = 0; headers < 16 && !later; headers++) {
    size_t size;
    if (next == 0 || next == 43 || next == 60 || next == 135) {
      if (!p.v.has(8)) break;
      size = (static_cast<size_t>(p.v.at[1]) + 1) * 8;
    } else if (next == 44) {
      if (!p.v.has(8)) break;
      size = 8;
      later = (be16(p.v.at + 2) & 0xfff8) != 0;
    } else {
      break;
    }
    next = p.v.at[0];
    if (!p.v.skip(size)) {
      p.v.left = 0;
      break;
    }
    net.length = net.length > size ? net.length - static_cast<uint32_t>(size) : 0;
  }
  above(p, net, next, later);
}

// `later`: a fragment other than the first, whose ports are not in it.
void Engine::above(Packet& p, Net& net, uint8_t protocol, bool later) {
  int side;
  if (later) {
    flow(p, net, protocol, 0, 0, &side);
    return leaf(p, Protocol::Fragment);
  }
  if (protocol == 6) return tcp(p, net);
  if (protocol == 17) return udp(p, net);
  // What an authentication header covers is counted instead of it.
  if (protocol != 51) flow(p, net, protocol, 0, 0, &side);
  switch (protocol) {
    case 1:
      return leaf(p, Protocol::Icmp);
    case 2:
      return leaf(p, Protocol::Igmp);
    case 4:
      return ++p.depth > 8 ? stop(p) : ipv4(p);
    case 41:
      return ++p.depth > 8 ? stop(p) : ipv6(p);
    case 47:
      return gre(p);
    case 50:
      return leaf(p, Protocol::Esp);
    case 51: {  // RFC 4302 §2.2: its length is in words of four bytes, without the first two
      enter(p, Protocol::Ah);
      if (!p.v.has(8) || ++p.depth > 8) return flow(p, net, 51, 0, 0, &side), stop(p);
      const size_t size = (static_cast<size_t>(p.v.at[1]) + 2) * 4;
      const uint8_t next = p.v.at[0];
      if (!p.v.skip(size)) return flow(p, net, 51, 0, 0, &side), stop(p);
      net.length = net.length > size ? net.length - static_cast<uint32_t>(size) : 0;
      return above(p, net, next, false);
    }
    case 58:
      enter(p, Protocol::Icmpv6);
      if (!p.v.has(4)) return stop(p);
      // RFC 4861 §4: router and neighbour messages, redirects.
      if (p.v.at[0] >= 133 && p.v.at[0] <= 137) leaf(p, Protocol::Ndp);
      return;
    case 59:
      return;  // no next header
    case 89:
      return leaf(p, Protocol::Ospf);
    case 103:
      return leaf(p, Protocol::Pim);
    case 112:
      return leaf(p, Protocol::Vrrp);
    case 132:
      return leaf(p, Protocol::Sctp);
    default:
      return leaf(p, Protocol::Other);
  }
}

// RFC 2784 and 2890; version 1 is PPTP's (RFC 2637 §4.1).
void Engine::gre(Packet& p) {
  enter(p, Protocol::Gre);
  if (!p.v.has(4)) return stop(p);
  const uint16_t flags = be16(p.v.at);
  const uint16_t type = be16(p.v.at + 2);
  size_t header = 4;
  if ((flags & 7) == 1) {
    header = 8 + ((flags & 0x1000) != 0 ? 4 : 0) + ((flags & 0x80) != 0 ? 4 : 0);
  } else {
    if ((flags & 0x8000) != 0) header += 4;
    if ((flags & 0x2000) != 0) header += 4;
    if ((flags & 0x1000) != 0) header += 4;
  }
  if (!p.v.skip(header) || ++p.depth > 8) return stop(p);
  if (type == 0x880b) return p.v.left == 0 ? void() : ppp(p, false);
  etherType(p, type);
}

// RFC 9293 §3.1
void Engine::tcp(Packet& p, Net& net) {
  enter(p, Protocol::Tcp);
  int side;
  if (!p.v.has(20)) {
    const bool ports = p.v.has(4);
    flow(p, net, 6, ports ? be16(p.v.at) : 0, ports ? be16(p.v.at + 2) : 0, &side);
    return stop(p);
  }
  const uint8_t* h = p.v.at;
  const uint16_t from = be16(h);
  const uint16_t to = be16(h + 2);
  Flow* f = flow(p, net, 6, from, to, &side);
  const uint32_t header = static_cast<uint32_t>(h[12] >> 4) * 4;
  if (header < 20 || header > net.length) return stop(p);
  const uint32_t payload = net.length - header;
  segment(f, side, h, payload, p.ns);
  if (payload == 0 || !p.v.skip(header) || p.v.left == 0) return;
  if (f->app == Protocol::Frame && f->tries < 4) {
    f->tries++;
    const Protocol app = tcpApp(f, net, p.v, from, to);
    if (app != Protocol::Frame) f->app = app;
  } else if (f->app == Protocol::Dns && p.v.has(2)) {
    dns(View{p.v.at + 2, p.v.left - 2});
  }
  if (f->app == Protocol::BitTorrent) {
    bitTorrent(p, f, net, p.v, side);
  } else if (f->app == Protocol::Http) {
    httpTracker(p, f, net, p.v, side);
  }
  leaf(p, f->app == Protocol::Frame ? Protocol::Other : f->app);
}

// What a segment says about its connection.
void Engine::segment(Flow* f, int side, const uint8_t* h, uint32_t payload, int64_t ns) {
  const uint8_t flags = h[13];
  const uint32_t seq = be32(h + 4);
  const uint8_t knows = side == 0 ? kKnowsNext0 : kKnowsNext1;
  TcpEvent event = TcpEvent::Plain;
  if ((flags & kRst) != 0) {
    event = TcpEvent::Rst;
  } else if ((flags & kSyn) != 0) {
    event = (flags & kAck) != 0 ? TcpEvent::SynAck : TcpEvent::Syn;
  } else if ((flags & kFin) != 0) {
    const uint8_t mine = side == 0 ? kFin0 : kFin1;
    event = (f->flags & mine) != 0 ? TcpEvent::FinAgain : TcpEvent::Fin;
    f->flags |= mine;
  }
  const TcpState before = f->state;
  if (event == TcpEvent::Syn &&
      (before == TcpState::Unseen || before == TcpState::Midstream || before == TcpState::HalfClosed ||
       before == TcpState::Closed || before == TcpState::Reset)) {
    // A connection begins, on ports that another may have had.
    if (f->torrent != 0 || (f->flags & kLikelyTorrent) != 0) fold(f);
    f->torrent = 0;
    f->connections++;
    connections_++;
    f->flags = static_cast<uint8_t>(side == 1 ? kClientIsB : 0);
    f->gap[0] = f->gap[1] = 0;
    f->app = Protocol::Frame;
    f->tries = 0;
  }
  if (event == TcpEvent::Syn) f->markNs = ns;
  const bool ofClient = side == ((f->flags & kClientIsB) != 0 ? 1 : 0);
  if (event == TcpEvent::SynAck && before == TcpState::Unseen) {
    f->flags |= side == 0 ? kClientIsB : 0;
    f->connections++;
    connections_++;
  }
  // The server's own segments do not end the handshake.
  if (!(before == TcpState::SynReceived && event == TcpEvent::Plain && !ofClient)) {
    f->state = step(before, event);
  }
  if (before == TcpState::SynReceived && f->state == TcpState::Established) {
    handshakes_++;
    if (f->markNs != 0 && ns >= f->markNs) {
      const int64_t us = (ns - f->markNs) / 1000;
      f->rttUs = us < UINT32_MAX ? static_cast<uint32_t>(us) : UINT32_MAX;
      if (f->rttUs == 0) f->rttUs = 1;
    }
  }
  const bool shaken = f->state != TcpState::SynSent && f->state != TcpState::SynReceived;
  const uint32_t end = seq + payload + ((flags & (kSyn | kFin)) != 0 ? 1 : 0);
  if ((flags & kRst) != 0 || end == seq) return;
  if ((f->flags & knows) == 0) {
    f->flags |= knows;
    f->next[side] = end;
    if (shaken) f->markNs = ns;
    return;
  }
  const auto ahead = static_cast<int32_t>(seq - f->next[side]);
  if (ahead >= 0) {
    f->gap[side] += static_cast<uint32_t>(ahead);
    f->next[side] = end;
    if (shaken) f->markNs = ns;
    return;
  }
  // RFC 9293 §3.8.4: a keep-alive repeats the last byte, or none.
  if (ahead == -1 && payload <= 1 && (flags & (kSyn | kFin)) == 0) return;
  const int64_t patience = f->rttUs > 3000 ? static_cast<int64_t>(f->rttUs) * 1000 : kReorderNs;
  if (f->gap[side] >= payload && payload > 0 && ns - f->markNs < patience) {
    f->gap[side] -= payload;
    f->outOfOrder++;
    outOfOrder_++;
  } else {
    f->gap[side] = 0;
    f->retransmissions++;
    retransmissions_++;
  }
  if (static_cast<int32_t>(end - f->next[side]) > 0) f->next[side] = end;
}

// RFC 768; RFC 7348 for VXLAN.
void Engine::udp(Packet& p, Net& net) {
  enter(p, Protocol::Udp);
  int side;
  if (!p.v.has(8)) {
    const bool ports = p.v.has(4);
    flow(p, net, 17, ports ? be16(p.v.at) : 0, ports ? be16(p.v.at + 2) : 0, &side);
    return stop(p);
  }
  const uint16_t from = be16(p.v.at);
  const uint16_t to = be16(p.v.at + 2);
  const uint16_t length = be16(p.v.at + 4);
  Flow* f = flow(p, net, 17, from, to, &side);
  // 0 is a jumbogram of IPv6, or what a network card left to do.
  if (length != 0 && length < 8) return stop(p);
  if (length >= 8) p.v.cut(length);
  p.v.skip(8);
  if (to == 4789 && p.v.has(8) && (p.v.at[0] & 8) != 0) {
    enter(p, Protocol::Vxlan);
    p.v.skip(8);
    return ++p.depth > 8 ? stop(p) : ethernet(p);
  }
  if (p.v.left > 0) udpApp(p, f, net, from, to, side);
}

inline bool Engine::keyOf(const Net& n, uint8_t protocol, uint16_t from, uint16_t to, Key* key) {
  const bool swap = n.fromHi != n.toHi   ? n.fromHi > n.toHi
                    : n.fromLo != n.toLo ? n.fromLo > n.toLo
                                         : from > to;
  key->w[0] = swap ? n.toLo : n.fromLo;
  key->w[1] = swap ? n.fromLo : n.toLo;
  key->w[2] = static_cast<uint64_t>(swap ? to : from) | static_cast<uint64_t>(swap ? from : to) << 16 |
              static_cast<uint64_t>(protocol) << 32 | static_cast<uint64_t>(n.family) << 40;
  key->w[3] = swap ? n.toHi : n.fromHi;
  key->w[4] = swap ? n.fromHi : n.toHi;
  return swap;
}

// TCP and UDP right behind Ethernet and IP, which most packets are.
uint64_t Engine::expect(const uint8_t* data, uint32_t captured) const {
  if (captured < 58) return 0;
  const uint16_t type = be16(data + 12);
  Net net{};
  uint8_t protocol;
  const uint8_t* ports;
  if (type == 0x0800) {
    if (data[14] != 0x45) return 0;
    protocol = data[23];
    net = {Family::Ipv4, 0, be32(data + 26), 0, be32(data + 30), 0};
    ports = data + 34;
  } else if (type == 0x86dd) {
    protocol = data[20];
    auto word = [](const uint8_t* at) { return __builtin_bswap64(word64(at)); };
    net = {Family::Ipv6, word(data + 22), word(data + 30), word(data + 38), word(data + 46), 0};
    ports = data + 54;
  } else {
    return 0;
  }
  if (protocol != 6 && protocol != 17) return 0;
  Key key;
  keyOf(net, protocol, be16(ports), be16(ports + 2), &key);
  const uint64_t hash = key.hash();
  flows_.prefetchCell(hash);
  return hash;
}

// The flow of a packet, which is counted there; `side` says whether it came from A or from B.
Flow* Engine::flow(const Packet& p, const Net& n, uint8_t protocol, uint16_t from, uint16_t to,
                   int* side) {
  Key key;
  *side = keyOf(n, protocol, from, to, &key) ? 1 : 0;
  const uint64_t hash = key.hash();
  Flow* f = flows_.find(key, hash);
  if (f == nullptr) {
    f = flows_.insert(key, hash);
    if (f == nullptr) {
      // Who has not been heard of for longest goes; what it was counts on in its conversation.
      f = flows_.victim([](const Flow& a, const Flow& b) { return a.lastNs < b.lastNs; });
      fold(f);
      flowsForgotten_++;
      f = flows_.replace(f, key, hash);
    }
    f->firstNs = p.ns;
    f->lastNs = p.ns;
  }
  if (lines != nullptr) {
    // The innermost comes last.
    const bool ported = protocol == 6 || protocol == 17;
    seen_ = Seen{n.family, true, ported, n.fromHi, n.fromLo, n.toHi, n.toLo, from, to};
    seenFlow_ = f;
  }
  f->sent[*side].packets++;
  f->sent[*side].bytes += p.bytes;
  if (p.ns > f->lastNs) f->lastNs = p.ns;
  if (p.ns < f->firstNs) f->firstNs = p.ns;
  return f;
}

// Adds what a flow has had since the last time to its conversation and its two endpoints.
void Engine::fold(Flow* f) {
  Counter more[2];
  for (int i = 0; i < 2; i++) {
    more[i] = {f->sent[i].packets - f->folded[i].packets, f->sent[i].bytes - f->folded[i].bytes};
  }
  if ((more[0].packets | more[1].packets) == 0) return;
  const bool anew = (f->folded[0].packets | f->folded[1].packets) == 0;
  f->folded[0] = f->sent[0];
  f->folded[1] = f->sent[1];
  if (f->app == Protocol::BitTorrent || f->app == Protocol::Dht || f->app == Protocol::Tracker ||
      f->app == Protocol::Lsd) {
    torrents.traffic(*f, more, false);
  } else if (f->app == Protocol::Frame &&
             ((f->flags & kLikelyTorrent) != 0 || torrents.knowsEnd(*f))) {
    f->flags |= kLikelyTorrent;
    torrents.traffic(*f, more, true);
  }
  const uint64_t family = f->key.w[2] & 0xff0000000000ULL;
  Key key = f->key;
  key.w[2] = family;
  Conversation* c = conversations_.of(key);
  if ((c->sent[0].packets | c->sent[1].packets) == 0) {
    c->firstNs = f->firstNs;
    c->lastNs = f->lastNs;
  }
  c->sent[0].add(more[0]);
  c->sent[1].add(more[1]);
  c->flows += anew ? 1 : 0;
  if (f->firstNs < c->firstNs) c->firstNs = f->firstNs;
  if (f->lastNs > c->lastNs) c->lastNs = f->lastNs;
  Key a;
  a.w[0] = f->key.w[0];
  a.w[3] = f->key.w[3];
  a.w[2] = family;
  Endpoint* e = endpoints_.of(a);
  e->sent[0].add(more[0]);
  e->sent[1].add(more[1]);
  Key b;
  b.w[0] = f->key.w[1];
  b.w[3] = f->key.w[4];
  b.w[2] = family;
  e = endpoints_.of(b);
  e->sent[0].add(more[1]);
  e->sent[1].add(more[0]);
}

}  // namespace gatehouse::capture
