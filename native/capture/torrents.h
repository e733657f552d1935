// Who in a LAN speaks BitTorrent about which torrent, and how much: hosts, their infohashes, and the ends
// (addresses with a port) that are known to be of BitTorrent. All tables have a bound; where one is full, what
// was heard of longest ago of a few gives way, and is counted.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bittorrent.h"
#include "tables.h"

namespace gatehouse::capture {

class Torrents {
 public:
  static constexpr uint32_t kHosts = 256;
  static constexpr uint32_t kPairs = 2048;
  static constexpr uint32_t kEnds = 8192;
  static constexpr size_t kPrefixes = 64;
  // An end is believed so long after it was told.
  static constexpr int64_t kEndSec = 3600;

  // How a host was heard to have, or want, an infohash.
  static constexpr uint8_t kHandshake = 1, kUtp = 2, kDhtGet = 4, kDhtAnnounce = 8, kUdpTracker = 16,
                           kHttpTracker = 32, kLan = 64;

  struct Host {
    Key key;  // w0 lo, w3 hi, family in w2
    // [0] sent, [1] received: of flows that said that they are of BitTorrent, and of those from or to ends
    // that are known to be.
    Counter known[2];
    Counter likely[2];
    uint64_t mac;  // 0 while unknown
    int64_t firstNs;
    int64_t lastNs;
  };
  // A host and an infohash: w0, w1 and the low half of w2 are the infohash, family above it, w3 hi, w4 lo.
  struct Pair {
    Key key;
    Counter sent[2];
    int64_t firstNs;
    int64_t lastNs;
    uint32_t serial;
    uint8_t how;
    char client[bt::kClientBytes];
  };
  // Who says something.
  struct From {
    Family family;
    uint64_t hi, lo;
    uint16_t port;
    uint64_t mac;
    int64_t ns;
  };
  struct Prefix {
    Family family;
    uint8_t bits;
    uint64_t hi, lo;
  };

  Torrents();
  ~Torrents();
  Torrents(const Torrents&) = delete;
  Torrents& operator=(const Torrents&) = delete;
  bool good() const { return hosts_.good() && pairs_.good() && ends_ != nullptr; }

  // Whose hosts are counted: those in the prefixes; without any, private addresses, and where neither end has
  // one, both. False when there are too many.
  bool local(const Prefix* prefixes, size_t count);
  bool counts(Family family, uint64_t hi, uint64_t lo, uint64_t otherHi, uint64_t otherLo) const;

  // A host that counts has, or wants, an infohash. The answer stands for the infohash in `Flow.torrent`.
  uint32_t seen(const From& from, const uint8_t* infoHash, uint8_t how, const char* client = nullptr);
  // An address and a port are of BitTorrent.
  void end(Family family, uint64_t hi, uint64_t lo, uint16_t port, int64_t ns);
  bool knowsEnd(const Flow& f) const;
  // Bytes of a flow that is of BitTorrent, or likely to be.
  void traffic(const Flow& f, const Counter more[2], bool likely);

  void absorb(const Torrents& other);
  // The members of one JSON object, with its braces; so many rows of each list, those with most bytes first.
  void report(size_t most, std::string* out);

 private:
  struct End {
    uint64_t hi, lo;
    uint16_t port;
    Family family;
    uint32_t sec;
    uint32_t stamp;  // 0 where there is none
  };
  static constexpr size_t kWays = 4;

  bool isLocal(Family family, uint64_t hi, uint64_t lo) const;
  static size_t place(Family family, uint64_t hi, uint64_t lo, uint16_t port);
  bool knows(Family family, uint64_t hi, uint64_t lo, uint16_t port, int64_t ns) const;
  // nullptr where all others were heard of later.
  Host* host(Family family, uint64_t hi, uint64_t lo, int64_t ns);
  Pair* pair(const Key& key, int64_t ns);
  const Pair* of(uint32_t ref);

  Table<Host> hosts_{kHosts};
  Table<Pair> pairs_{kPairs};
  End* ends_;
  uint32_t clock_ = 0;
  uint32_t serial_ = 0;
  uint64_t hostsForgotten_ = 0;
  uint64_t pairsForgotten_ = 0;
  uint64_t endsForgotten_ = 0;
  Prefix prefixes_[kPrefixes];
  size_t prefixCount_ = 0;
};

}  // namespace gatehouse::capture
