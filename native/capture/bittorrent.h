// What BitTorrent says in the clear, out of one packet's bytes: parsers alone, which keep nothing.
#pragma once

#include <cstddef>
#include <cstdint>

#include "bytes.h"

namespace gatehouse::capture::bt {

constexpr size_t kHashBytes = 20;
// Client and version of a peer id in Azureus' style (BEP 20), without its hyphens: TR4050.
constexpr size_t kClientBytes = 6;
// Peers of one answer that are looked at.
constexpr size_t kMostPeers = 100;

// BEP 3: what a peer says first. Its last twenty bytes may come in a packet of their own.
struct Handshake {
  const uint8_t* infoHash;
  // Empty when there is none, or it is of another style.
  char client[kClientBytes];
  // What follows the handshake in the same packet.
  View rest;
};
bool handshake(View v, Handshake* out);

// BEP 10: the port that a peer listens at, out of its extended handshake at the beginning of `v`; 0 for none.
uint16_t listenPort(View v);

// BEP 29: what a packet of uTP carries; false when it is none, or carries nothing.
bool utpPayload(View v, View* payload);

// BEP 5: a query that names an infohash, or an answer that names peers.
struct DhtMessage {
  const uint8_t* infoHash = nullptr;
  bool announce = false;
  // Of an announcement: 0 for the port that the query came from.
  uint16_t port = 0;
  // The elements of the list of peers, each a string of bencode; empty when there is none.
  View values{nullptr, 0};
};
bool dhtMessage(View v, DhtMessage* out);

// An address with a port, as lists of peers have them: 4 + 2 or 16 + 2 bytes.
struct Peer {
  bool v6;
  uint64_t hi, lo;
  uint16_t port;
};
// The next peer of `DhtMessage.values`, or of a string of such peers; false at the end.
bool nextValue(View* values, Peer* out);
bool nextCompact(View* peers, bool v6, Peer* out);

// BEP 15
bool trackerConnect(const View& v);
struct TrackerAnnounce {
  const uint8_t* infoHash;
  uint16_t port;
};
bool trackerAnnounce(const View& v, TrackerAnnounce* out);
// The peers of its answer.
bool trackerPeers(const View& v, View* peers);

// BEP 3, BEP 48: the next `info_hash` of a request's line, decoded into `hash`; `line` moves on.
bool nextHttpHash(View* line, uint8_t hash[kHashBytes]);
// The line of a GET that asks a tracker; false for any other.
bool httpTrackerLine(const View& v, View* line);
// The value of `port` in it; 0 for none.
uint16_t httpPort(const View& line);
// The peers of a tracker's answer (BEP 23, BEP 7), as far as they are in this packet.
View httpPeers(const View& v, bool v6);

// BEP 14: the next `Infohash` of a search in the LAN; `v` moves on.
bool isLanSearch(const View& v);
bool nextLanHash(View* v, uint8_t hash[kHashBytes]);
uint16_t lanPort(const View& v);

}  // namespace gatehouse::capture::bt
