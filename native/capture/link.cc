// From the link's header to the network layer's.

#include <cstdio>

#include "engine.h"

namespace gatehouse::capture {

namespace {

uint64_t mac(const uint8_t* p) { return static_cast<uint64_t>(be16(p)) << 32 | be32(p + 2); }

}  // namespace

void Engine::packet(int64_t ns, uint32_t linkType, const uint8_t* data, uint32_t captured,
                    uint32_t length) {
  if (filter.any() && !filter.passes(linkType, data, captured, length)) return;
  for (Sink* sink : sinks) {
    if (sink != nullptr) sink->packet(ns, linkType, data, captured, length);
  }
  if (packets_++ == 0) firstNs_ = lastNs_ = ns;
  if (ns < firstNs_) firstNs_ = ns;
  if (ns > lastNs_) lastNs_ = ns;
  bytes_ += length;
  series_.count(ns, length);
  sizes_.count(length);
  Packet p{{data, captured}, ns, length, captured < length, 0, 0, false, false, false, 0, 0};
  if (p.cut) cut_++;
  seenFlow_ = nullptr;
  seenName_ = {};
  if (linkType == 1) {
    ethernet(p);
  } else {
    link(p, linkType);
  }
  tree_.count(p.node, length);
  if (!p.hasIp && p.hasLink) {
    const Net net{Family::Link, 0, p.source, 0, p.target, 0};
    int side;
    flow(p, net, 0, 0, 0, &side);
  }
  if (lines != nullptr) tellLine(p, captured);
}

void Engine::tellLine(const Packet& p, uint32_t captured) {
  uint8_t nodes[64];
  size_t depth = 0;
  for (uint8_t node = p.node; node != 0 && depth < sizeof nodes; node = tree_.at(node).parent) {
    nodes[depth++] = node;
  }
  char path[512] = "";
  size_t used = 0;
  while (depth > 0 && used + 16 < sizeof path) {
    used += static_cast<size_t>(snprintf(path + used, sizeof path - used, used == 0 ? "%s" : ":%s",
                                         nameOf(tree_.at(nodes[--depth]).protocol)));
  }
  if (seenFlow_ == nullptr) seen_ = Seen{};
  const NameRef name = seenName_.set() || seenFlow_ == nullptr ? seenName_ : seenFlow_->name;
  lines->packet(p.ns, captured, p.bytes, path, seen_, names_.find(name));
}

// LINKTYPE_ numbers: https://www.tcpdump.org/linktypes.html
void Engine::link(Packet& p, uint32_t linkType) {
  switch (linkType) {
    case 0: {  // LINKTYPE_NULL: the family in the order of whoever wrote the file
      enter(p, Protocol::Null);
      if (!p.v.has(4)) return stop(p);
      const uint32_t raw = be32(p.v.at);
      const uint32_t family = raw > 0xffff ? __builtin_bswap32(raw) : raw;
      p.v.skip(4);
      // AF_INET6 of Linux, the BSDs and Darwin.
      if (family == 2) return ipv4(p);
      if (family == 10 || family == 24 || family == 28 || family == 30) return ipv6(p);
      return leaf(p, Protocol::Other);
    }
    case 108: {  // LINKTYPE_LOOP: in network order
      enter(p, Protocol::Null);
      if (!p.v.has(4)) return stop(p);
      const uint32_t family = be32(p.v.at);
      p.v.skip(4);
      if (family == 2) return ipv4(p);
      if (family == 24) return ipv6(p);
      return leaf(p, Protocol::Other);
    }
    case 9:
      return ppp(p, false);
    case 50:  // in HDLC framing, or as PPPoE has it
      return ppp(p, true);
    case 51: {  // LINKTYPE_PPP_ETHER: from the header of PPPoE on
      return etherType(p, 0x8864);
    }
    case 104: {  // Cisco HDLC
      enter(p, Protocol::Hdlc);
      if (!p.v.has(4)) return stop(p);
      const uint16_t type = be16(p.v.at + 2);
      p.v.skip(4);
      return etherType(p, type);
    }
    case 113: {  // Linux "cooked", version 1
      enter(p, Protocol::Sll);
      if (!p.v.has(16)) return stop(p);
      const uint16_t type = be16(p.v.at + 14);
      p.v.skip(16);
      // Below 0x0600 stand numbers of Linux: 4 is 802.2 (LINUX_SLL_P_802_2).
      if (type == 4) return llc(p);
      return etherType(p, type);
    }
    case 276: {  // Linux "cooked", version 2
      enter(p, Protocol::Sll);
      if (!p.v.has(20)) return stop(p);
      const uint16_t type = be16(p.v.at);
      p.v.skip(20);
      if (type == 4) return llc(p);
      return etherType(p, type);
    }
    case 12:
    case 101:
      enter(p, Protocol::Raw);
      return rawIp(p);
    case 228:
      enter(p, Protocol::Raw);
      return ipv4(p);
    case 229:
      enter(p, Protocol::Raw);
      return ipv6(p);
    case 105:
      return wlan(p);
    case 119: {  // Prism header in front
      enter(p, Protocol::Radiotap);
      if (!p.v.has(8)) return stop(p);
      const uint32_t length = be32(p.v.at + 4);
      if (length < 8 || !p.v.skip(length)) return stop(p);
      return wlan(p);
    }
    case 127: {  // radiotap in front
      enter(p, Protocol::Radiotap);
      if (!p.v.has(4)) return stop(p);
      const uint16_t length = le16(p.v.at + 2);
      if (length < 8 || !p.v.skip(length)) return stop(p);
      return wlan(p);
    }
    default:
      return leaf(p, Protocol::Other);
  }
}

void Engine::ethernet(Packet& p) {
  enter(p, Protocol::Ethernet);
  if (!p.v.has(14)) return stop(p);
  p.target = mac(p.v.at);
  p.source = mac(p.v.at + 6);
  p.hasLink = true;
  const uint16_t type = be16(p.v.at + 12);
  p.v.skip(14);
  if (type == 0x0800) return ipv4(p);
  if (type >= 0x0600) return etherType(p, type);
  // A length (IEEE 802.3): what follows is 802.2, and padding behind it.
  p.v.cut(type);
  llc(p);
}

void Engine::etherType(Packet& p, uint16_t type) {
  // Tags stand inside each other; eight are more than anybody uses.
  for (int tags = 0; tags < 8; tags++) {
    switch (type) {
      case 0x0800:
        return ipv4(p);
      case 0x86dd:
        return ipv6(p);
      case 0x0806:
      case 0x8035:
        return arp(p);
      case 0x8100:  // 802.1Q
      case 0x88a8:  // 802.1ad
      case 0x9100:
        enter(p, Protocol::Vlan);
        if (!p.v.has(4)) return stop(p);
        type = be16(p.v.at + 2);
        p.v.skip(4);
        if (type < 0x0600) {
          p.v.cut(type);
          return llc(p);
        }
        continue;
      case 0x8863:
        return leaf(p, Protocol::Pppoe);
      case 0x8864: {
        enter(p, Protocol::Pppoe);
        if (!p.v.has(6)) return stop(p);
        // RFC 2516 §4: version and type 1, code 0 for the session's packets, length.
        const bool session = p.v.at[0] == 0x11 && p.v.at[1] == 0;
        p.v.skip(6);
        return session ? ppp(p, false) : leaf(p, Protocol::Other);
      }
      case 0x8847:
      case 0x8848: {
        enter(p, Protocol::Mpls);
        // RFC 3032 §2.1: up to the bottom of the stack.
        bool bottom = false;
        for (int labels = 0; !bottom && labels < 16; labels++) {
          if (!p.v.has(4)) return stop(p);
          bottom = (p.v.at[2] & 1) != 0;
          p.v.skip(4);
        }
        if (!bottom || !p.v.has(1)) return stop(p);
        const uint8_t version = p.v.at[0] >> 4;
        if (version == 4) return ipv4(p);
        if (version == 6) return ipv6(p);
        return leaf(p, Protocol::Other);
      }
      case 0x6558:  // bridged inside GRE
        return ++p.depth > 8 ? stop(p) : ethernet(p);
      case 0x88cc:
        return leaf(p, Protocol::Lldp);
      case 0x888e:
        return leaf(p, Protocol::Eapol);
      default:
        return leaf(p, Protocol::Other);
    }
  }
  stop(p);
}

void Engine::llc(Packet& p) {
  enter(p, Protocol::Llc);
  if (!p.v.has(3)) return stop(p);
  if (p.v.at[0] == 0x42 && p.v.at[1] == 0x42) return leaf(p, Protocol::Stp);
  // SNAP (RFC 1042): AA AA 03, organization, type; organizations 0 and 0000f8 use EtherTypes.
  if (p.v.at[0] == 0xaa && p.v.at[1] == 0xaa && p.v.at[2] == 3) {
    if (!p.v.has(8)) return stop(p);
    const uint32_t organization = be32(p.v.at + 2) & 0xffffff;
    const uint16_t type = be16(p.v.at + 6);
    p.v.skip(8);
    if ((organization == 0 || organization == 0xf8) && type >= 0x0600) return etherType(p, type);
  }
  leaf(p, Protocol::Other);
}

// RFC 1661 §2: protocol of two bytes, or one when it is odd; in HDLC framing FF 03 in front.
void Engine::ppp(Packet& p, bool framed) {
  if (framed && p.v.has(2) && !(p.v.at[0] == 0xff && p.v.at[1] == 0x03) && p.v.at[0] != 0x0f) {
    framed = false;
  }
  enter(p, Protocol::Ppp);
  if (p.v.has(2) && (framed || (p.v.at[0] == 0xff && p.v.at[1] == 0x03))) {
    // LINKTYPE_PPP_HDLC carries Cisco's framing too: 0F 00 and an EtherType.
    const bool cisco = p.v.at[0] == 0x0f;
    if (cisco) {
      if (!p.v.has(4)) return stop(p);
      const uint16_t type = be16(p.v.at + 2);
      p.v.skip(4);
      return etherType(p, type);
    }
    p.v.skip(2);
  }
  if (!p.v.has(1)) return stop(p);
  uint16_t protocol = p.v.at[0];
  if ((protocol & 1) != 0) {
    p.v.skip(1);
  } else {
    if (!p.v.has(2)) return stop(p);
    protocol = be16(p.v.at);
    p.v.skip(2);
  }
  if (protocol == 0x0021) return ipv4(p);
  if (protocol == 0x0057) return ipv6(p);
  leaf(p, Protocol::Other);
}

// IEEE 802.11 §9.2.4: addresses, and what data frames carry where it is not encrypted.
void Engine::wlan(Packet& p) {
  enter(p, Protocol::Wlan);
  if (!p.v.has(10)) return stop(p);
  const uint8_t control = p.v.at[0];
  const uint8_t flags = p.v.at[1];
  const uint8_t type = (control >> 2) & 3;
  if (type == 1) {  // control frames: receiver, and perhaps transmitter
    if (!p.v.has(16)) return;
    p.target = mac(p.v.at + 4);
    p.source = mac(p.v.at + 10);
    p.hasLink = true;
    return;
  }
  if (type == 3 || !p.v.has(24)) return stop(p);
  const bool toDs = (flags & 1) != 0;
  const bool fromDs = (flags & 2) != 0;
  size_t header = toDs && fromDs ? 30 : 24;
  if (!p.v.has(header)) return stop(p);
  p.target = mac(p.v.at + (toDs ? 16 : 4));
  p.source = mac(p.v.at + (toDs && fromDs ? 24 : fromDs ? 16 : 10));
  p.hasLink = true;
  if (type != 2) return;
  const uint8_t subtype = control >> 4;
  const bool qos = (subtype & 8) != 0;
  if (qos) header += 2;
  if (qos && (flags & 0x80) != 0) header += 4;  // HT control
  // Null frames carry nothing; protected ones nothing that could be read.
  if ((subtype & 4) != 0 || (flags & 0x40) != 0) return;
  if (!p.v.skip(header)) return stop(p);
  llc(p);
}

void Engine::rawIp(Packet& p) {
  if (!p.v.has(1)) return stop(p);
  const uint8_t version = p.v.at[0] >> 4;
  if (version == 4) return ipv4(p);
  if (version == 6) return ipv6(p);
  leaf(p, Protocol::Other);
}

void Engine::arp(Packet& p) {
  enter(p, Protocol::Arp);
  if (!p.v.has(8)) return stop(p);
  // RFC 826: lengths of the hardware's and the protocol's addresses.
  const size_t whole = 8 + 2 * (static_cast<size_t>(p.v.at[4]) + p.v.at[5]);
  if (!p.v.has(whole)) stop(p);
}

}  // namespace gatehouse::capture
