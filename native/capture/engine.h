// What is known of a capture: every packet goes through Engine::packet once, and report() tells all.
// One thread at a time; nothing is allocated for a packet.
#pragma once

#include <cstdint>
#include <string>

#include "bytes.h"
#include "filter.h"
#include "lines.h"
#include "names.h"
#include "protocols.h"
#include "series.h"
#include "tables.h"
#include "torrents.h"
#include "track.h"

namespace gatehouse::capture {

struct Limits {
  uint32_t flows;
  uint32_t conversations;
  uint32_t endpoints;
};

// How long a report may become: rows of each list.
struct Rows {
  uint32_t endpoints;
  uint32_t conversations;
  uint32_t flows;
  uint32_t names;
};

class Engine {
 public:
  explicit Engine(const Limits& limits)
      : flows_(limits.flows), conversations_(limits.conversations), endpoints_(limits.endpoints) {}

  bool good() const {
    return flows_.good() && conversations_.table.good() && endpoints_.table.good() &&
           names_.good() && addressNames_.good() && torrents.good();
  }

  // Packets that it does not pass are not counted.
  Filter filter;
  // Where packets that are counted go besides.
  Sink* sinks[2] = {};
  // A line for each that is counted.
  Lines* lines = nullptr;
  Torrents torrents;

  // `linkType` is a LINKTYPE_ number; `captured` bytes at `data` of the `length` that were on the wire.
  void packet(int64_t ns, uint32_t linkType, const uint8_t* data, uint32_t captured, uint32_t length);

  // Ahead of `packet`, of Ethernet, where packets come out of cold memory: what it will touch is fetched.
  // A guess, 0 for none; it is for expectSoon, a few packets later.
  uint64_t expect(const uint8_t* data, uint32_t captured) const;
  void expectSoon(uint64_t hash) const {
    if (hash != 0) flows_.prefetchEntry(hash);
  }

  // All statistics as the members of one JSON object, without its braces.
  void report(const Rows& rows, std::string* out);

  // Of them `torrents` alone, all of it.
  void reportTorrents(std::string* out);

  // Adds what another engine has counted; packets of one flow are in one of the two alone. Exact where both
  // are, else within what both may have missed.
  void absorb(Engine& other);

  // What addresses were called, for whoever reads a file later.
  void names(pcapng::NameBlock* out);

  uint64_t packets() const { return packets_; }
  uint64_t bytes() const { return bytes_; }
  int64_t firstNs() const { return firstNs_; }
  int64_t lastNs() const { return lastNs_; }

 private:
  // One packet on its way inwards.
  struct Packet {
    View v;
    int64_t ns;
    uint32_t bytes;   // on the wire
    bool cut;         // fewer were captured
    uint8_t node;
    uint8_t depth;
    bool hasIp;
    bool hasLink;
    bool done;        // counted in the tree
    uint64_t source;  // link addresses
    uint64_t target;
  };

  // The addresses of one network layer.
  struct Net {
    Family family;
    uint64_t fromHi, fromLo, toHi, toLo;
    uint32_t length;  // bytes behind the header by its own word
  };

  void tellLine(const Packet& p, uint32_t captured);
  void enter(Packet& p, Protocol which) { p.node = tree_.child(p.node, which); }
  void leaf(Packet& p, Protocol which) { p.node = tree_.child(p.node, which); }
  void stop(Packet& p) {
    if (!p.cut) leaf(p, Protocol::Malformed);
  }

  void link(Packet& p, uint32_t linkType);
  void ethernet(Packet& p);
  void etherType(Packet& p, uint16_t type);
  void llc(Packet& p);
  void ppp(Packet& p, bool framed);
  void wlan(Packet& p);
  void rawIp(Packet& p);
  void arp(Packet& p);
  void ipv4(Packet& p);
  void ipv6(Packet& p);
  void above(Packet& p, Net& net, uint8_t protocol, bool later);
  void tcp(Packet& p, Net& net);
  void udp(Packet& p, Net& net);
  void gre(Packet& p);

  // The key of a flow, and whether A is whom the packet is for.
  static bool keyOf(const Net& n, uint8_t protocol, uint16_t from, uint16_t to, Key* key);
  Flow* flow(const Packet& p, const Net& net, uint8_t protocol, uint16_t from, uint16_t to, int* side);
  void segment(Flow* f, int side, const uint8_t* header, uint32_t payload, int64_t ns);
  void fold(Flow* f);

  Protocol tcpApp(Flow* f, const Net& net, View payload, uint16_t from, uint16_t to);
  void udpApp(Packet& p, Flow* f, const Net& net, uint16_t from, uint16_t to, int side);
  void bitTorrent(const Packet& p, Flow* f, const Net& net, View v, int side);
  void httpTracker(const Packet& p, Flow* f, const Net& net, View v, int side);
  void dht(const Packet& p, const Net& net, uint16_t from);
  void udpTorrent(const Packet& p, Flow* f, const Net& net, int side);
  void udpTracker(const Packet& p, const Net& net, uint16_t from);
  void lanSearch(const Packet& p, const Net& net);
  void dns(View v);
  void dhcp(View v);
  void quicApp(Flow* f, const Packet& p, const Net& net);
  void clientHello(Flow* f, const Net& net, View v);
  NameRef httpHost(View v);
  void hello(Flow* f, const Net& net, NameRef name);

  void reportProtocols(std::string* out);
  void reportTalkers(const Rows& rows, std::string* out);
  void reportFlows(uint32_t most, std::string* out);
  void reportNames(uint32_t most, std::string* out);

  // Of the packet under way, when there are lines.
  Seen seen_;
  const Flow* seenFlow_ = nullptr;
  // That a DNS message asks for.
  NameRef seenName_;
  uint64_t packets_ = 0;
  uint64_t bytes_ = 0;
  int64_t firstNs_ = 0;
  int64_t lastNs_ = 0;
  uint64_t cut_ = 0;
  ProtocolTree tree_;
  Series series_;
  Sizes sizes_;
  Table<Flow> flows_;
  uint64_t flowsForgotten_ = 0;
  uint64_t connections_ = 0;
  uint64_t handshakes_ = 0;
  int64_t initialsSec_ = 0;
  uint32_t initials_ = 0;  // opened within that second
  uint64_t initialsUnread_ = 0;
  uint64_t retransmissions_ = 0;
  uint64_t outOfOrder_ = 0;
  Talkers<Conversation> conversations_;
  Talkers<Endpoint> endpoints_;
  Names names_;
  AddressNames addressNames_;
};

}  // namespace gatehouse::capture
