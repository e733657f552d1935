// The protocols that packets are counted under, and the tree of what was found inside what.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gatehouse::capture {

// Name as Wireshark's filters have it, where it has one. The order is free: nothing keeps numbers.
#define GATEHOUSE_PROTOCOLS(X)                                                                    \
  X(Frame, "frame") X(Ethernet, "eth") X(Vlan, "vlan") X(Sll, "sll") X(Null, "null")              \
  X(Raw, "raw") X(Ppp, "ppp") X(Hdlc, "chdlc") X(Pppoe, "pppoe") X(Radiotap, "radiotap")          \
  X(Wlan, "wlan") X(Llc, "llc") X(Arp, "arp") X(Ipv4, "ip") X(Ipv6, "ipv6") X(Mpls, "mpls")       \
  X(Lldp, "lldp") X(Eapol, "eapol") X(Stp, "stp") X(Icmp, "icmp") X(Icmpv6, "icmpv6")             \
  X(Ndp, "ndp") X(Igmp, "igmp") X(Tcp, "tcp") X(Udp, "udp") X(Sctp, "sctp") X(Gre, "gre")         \
  X(Esp, "esp") X(Ah, "ah") X(Ospf, "ospf") X(Pim, "pim") X(Vrrp, "vrrp") X(Fragment, "fragment") \
  X(Dns, "dns") X(Mdns, "mdns") X(Llmnr, "llmnr") X(Dhcp, "dhcp") X(Dhcpv6, "dhcpv6")             \
  X(Ntp, "ntp") X(Ssdp, "ssdp") X(Tls, "tls") X(Quic, "quic") X(Http, "http") X(Ssh, "ssh")       \
  X(BitTorrent, "bittorrent") X(Dht, "bt-dht") X(Tracker, "bt-tracker") X(Lsd, "bt-lsd")           \
  X(Vxlan, "vxlan") X(Other, "data")                                                              \
  X(Malformed, "malformed")

enum class Protocol : uint8_t {
#define X(name, text) name,
  GATEHOUSE_PROTOCOLS(X)
#undef X
      Count
};

constexpr size_t kProtocols = static_cast<size_t>(Protocol::Count);

inline const char* nameOf(Protocol p) {
  static constexpr const char* kNames[] = {
#define X(name, text) text,
      GATEHOUSE_PROTOCOLS(X)
#undef X
  };
  return kNames[static_cast<size_t>(p)];
}

// A packet is counted at the innermost node that it reached; what stands above it is added up when
// somebody asks. A tree that would grow past its bound keeps counting at the last node it has.
class ProtocolTree {
 public:
  static constexpr size_t kNodes = 256;

  struct Node {
    uint64_t packets;
    uint64_t bytes;
    Protocol protocol;
    uint8_t parent;
  };

  uint8_t child(uint8_t node, Protocol p) {
    uint8_t& next = children_[node][static_cast<size_t>(p)];
    if (next == 0) {
      if (used_ == kNodes) {
        full_ = true;
        return node;
      }
      next = static_cast<uint8_t>(used_);
      nodes_[used_++] = Node{0, 0, p, node};
    }
    return next;
  }

  void count(uint8_t node, uint32_t bytes) {
    nodes_[node].packets++;
    nodes_[node].bytes += bytes;
  }

  void add(uint8_t node, const Node& n) {
    nodes_[node].packets += n.packets;
    nodes_[node].bytes += n.bytes;
  }
  void addFull(bool full) { full_ |= full; }

  size_t used() const { return used_; }
  bool full() const { return full_; }
  const Node& at(size_t i) const { return nodes_[i]; }

 private:
  Node nodes_[kNodes] = {};
  uint8_t children_[kNodes][kProtocols] = {};
  size_t used_ = 1;
  bool full_ = false;
};

}  // namespace gatehouse::capture
