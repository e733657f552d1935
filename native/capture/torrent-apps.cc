// What packets of BitTorrent, its DHT and its trackers tell of infohashes and of ends. Nothing here reads more
// than one packet; what is encrypted (MSE/PE, HTTPS) tells nothing.

#include "bittorrent.h"
#include "engine.h"

namespace gatehouse::capture {

namespace {

// Infohashes of one packet that are looked at.
constexpr int kMostHashes = 8;

}  // namespace

// Of TCP's payload, or uTP's.
void Engine::bitTorrent(const Packet& p, Flow* f, const Net& net, View v, int side) {
  const bool tcp = f->key.protocol() == 6;
  const uint16_t port = side == 0 ? f->key.portA() : f->key.portB();
  bt::Handshake hand;
  if (v.has(1) && v.at[0] == 19 && bt::handshake(v, &hand)) {
    // Whom a connection was made to listens there; of uTP both ends do.
    const bool clientIsB = (f->flags & kClientIsB) != 0;
    if (!tcp || (f->connections > 0 && clientIsB))
      torrents.end(net.family, f->key.w[3], f->key.w[0], f->key.portA(), p.ns);
    if (!tcp || (f->connections > 0 && !clientIsB))
      torrents.end(net.family, f->key.w[4], f->key.w[1], f->key.portB(), p.ns);
    // Who says it has the torrent, or wants it; whom it is said to need not.
    if (torrents.counts(net.family, net.fromHi, net.fromLo, net.toHi, net.toLo)) {
      const uint32_t ref = torrents.seen({net.family, net.fromHi, net.fromLo, port, p.source, p.ns}, hand.infoHash,
                                         tcp ? Torrents::kHandshake : Torrents::kUtp, hand.client);
      f->torrent = ref;
    }
    v = hand.rest;
  }
  if (v.has(7) && v.at[4] == 20)
    torrents.end(net.family, net.fromHi, net.fromLo, bt::listenPort(v), p.ns);
}

// A packet of UDP that is no message of the DHT.
void Engine::udpTorrent(const Packet& p, Flow* f, const Net& net, int side) {
  View payload;
  if (!bt::utpPayload(p.v, &payload)) return;
  if (f->app != Protocol::BitTorrent) {
    bt::Handshake hand;
    if (!bt::handshake(payload, &hand)) return;
    f->app = Protocol::BitTorrent;
  }
  bitTorrent(p, f, net, payload, side);
}

void Engine::dht(const Packet& p, const Net& net, uint16_t from) {
  bt::DhtMessage message;
  if (!bt::dhtMessage(p.v, &message)) return;
  if (message.infoHash != nullptr && torrents.counts(net.family, net.fromHi, net.fromLo, net.toHi, net.toLo)) {
    torrents.seen({net.family, net.fromHi, net.fromLo, from, p.source, p.ns}, message.infoHash,
                  message.announce ? Torrents::kDhtAnnounce : Torrents::kDhtGet);
    torrents.end(net.family, net.fromHi, net.fromLo, from, p.ns);
    if (message.announce) torrents.end(net.family, net.fromHi, net.fromLo, message.port, p.ns);
  }
  if (!torrents.counts(net.family, net.toHi, net.toLo, net.fromHi, net.fromLo)) return;
  bt::Peer peer;
  for (size_t i = 0; i < bt::kMostPeers && bt::nextValue(&message.values, &peer); i++)
    torrents.end(peer.v6 ? Family::Ipv6 : Family::Ipv4, peer.hi, peer.lo, peer.port, p.ns);
}

void Engine::udpTracker(const Packet& p, const Net& net, uint16_t from) {
  bt::TrackerAnnounce announce;
  if (bt::trackerAnnounce(p.v, &announce)) {
    if (!torrents.counts(net.family, net.fromHi, net.fromLo, net.toHi, net.toLo)) return;
    torrents.seen({net.family, net.fromHi, net.fromLo, from, p.source, p.ns}, announce.infoHash,
                  Torrents::kUdpTracker);
    torrents.end(net.family, net.fromHi, net.fromLo, announce.port, p.ns);
    return;
  }
  View peers;
  if (!bt::trackerPeers(p.v, &peers)) return;
  bt::Peer peer;
  const bool v6 = net.family == Family::Ipv6;
  for (size_t i = 0; i < bt::kMostPeers && bt::nextCompact(&peers, v6, &peer); i++)
    torrents.end(net.family, peer.hi, peer.lo, peer.port, p.ns);
}

void Engine::httpTracker(const Packet& p, Flow* f, const Net& net, View v, int side) {
  View line;
  if (bt::httpTrackerLine(v, &line)) {
    const uint16_t port = side == 0 ? f->key.portA() : f->key.portB();
    const uint16_t listens = bt::httpPort(line);
    uint8_t hash[bt::kHashBytes];
    for (int i = 0; i < kMostHashes && bt::nextHttpHash(&line, hash); i++) {
      f->flags |= kTracker;
      if (!torrents.counts(net.family, net.fromHi, net.fromLo, net.toHi, net.toLo)) return;
      torrents.seen({net.family, net.fromHi, net.fromLo, port, p.source, p.ns}, hash, Torrents::kHttpTracker);
      torrents.end(net.family, net.fromHi, net.fromLo, listens, p.ns);
    }
    return;
  }
  if ((f->flags & kTracker) == 0) return;
  bt::Peer peer;
  for (const bool v6 : {false, true}) {
    View peers = bt::httpPeers(v, v6);
    for (size_t i = 0; i < bt::kMostPeers && bt::nextCompact(&peers, v6, &peer); i++)
      torrents.end(v6 ? Family::Ipv6 : Family::Ipv4, peer.hi, peer.lo, peer.port, p.ns);
  }
}

void Engine::lanSearch(const Packet& p, const Net& net) {
  if (!bt::isLanSearch(p.v) || !torrents.counts(net.family, net.fromHi, net.fromLo, net.toHi, net.toLo)) return;
  const uint16_t port = bt::lanPort(p.v);
  View v = p.v;
  uint8_t hash[bt::kHashBytes];
  for (int i = 0; i < kMostHashes && bt::nextLanHash(&v, hash); i++) {
    torrents.seen({net.family, net.fromHi, net.fromLo, port, p.source, p.ns}, hash, Torrents::kLan);
    torrents.end(net.family, net.fromHi, net.fromLo, port, p.ns);
  }
}

}  // namespace gatehouse::capture
