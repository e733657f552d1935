// Feeds the capture engine with mutated packets and files, built under ASan and UBSan by
// capture-mutations.test.ts: COUNT packets from seed SEED, in every link type, in tables so small that
// they are full all the time; then files around them, cut into pieces of any length.
//
//     capture-mutations COUNT SEED FILE…      the files are what is mutated, each one packet

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <fcntl.h>

#include "../../native/capture/bittorrent.h"
#include "../../native/capture/quic.h"
#include "../../native/capture/reader.h"

using namespace gatehouse::capture;

namespace {

uint64_t seed = 1;
uint32_t below(uint32_t n) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return static_cast<uint32_t>(seed >> 32) % n;
}

using Bytes = std::vector<uint8_t>;

Bytes mutate(const Bytes& of) {
  Bytes b = of;
  static constexpr uint8_t kEdges[] = {0, 1, 2, 4, 6, 8, 16, 17, 41, 47, 53, 63, 64, 127, 128, 192, 255};
  for (uint32_t steps = below(6); steps > 0 && !b.empty(); steps--) {
    const uint32_t at = below(static_cast<uint32_t>(b.size()));
    switch (below(5)) {
      case 0:
        b[at] = static_cast<uint8_t>(below(256));
        break;
      case 1:
        b[at] = kEdges[below(sizeof kEdges)];
        break;
      case 2:
        b.resize(at);
        break;
      case 3:
        b.insert(b.begin() + at, static_cast<uint8_t>(below(256)));
        break;
      default:
        b.erase(b.begin() + at, b.begin() + at + below(static_cast<uint32_t>(b.size()) - at) % 8);
    }
  }
  return b;
}

void put32(Bytes* to, uint32_t v) {
  for (int i = 0; i < 4; i++) to->push_back(static_cast<uint8_t>(v >> (8 * i)));
}

// An exact copy on the heap, so that a read behind the end is seen.
void give(Engine* engine, int64_t ns, uint32_t linkType, const Bytes& b) {
  std::unique_ptr<uint8_t[]> exact(new uint8_t[b.size()]);
  if (!b.empty()) memcpy(exact.get(), b.data(), b.size());
  engine->packet(ns, linkType, exact.get(), static_cast<uint32_t>(b.size()),
                 static_cast<uint32_t>(b.size()) + (below(4) == 0 ? below(2000) : 0));
}

// What is behind Ethernet, IPv4 and UDP as a QUIC packet, past the engine, which opens one
// of a flow. Never more handshake than there are bytes.
bool unlocked(const Bytes& b, uint64_t* opened) {
  if (b.size() < 42) return true;
  const size_t n = b.size() - 42;
  std::unique_ptr<uint8_t[]> exact(new uint8_t[n]);
  if (n > 0) memcpy(exact.get(), b.data() + 42, n);
  uint8_t hello[kHelloBytes];
  const size_t got = quicHello(View{exact.get(), n}, hello);
  if (got > n || got > kHelloBytes) return false;
  if (got > 0) ++*opened;
  return true;
}

// The parsers of BitTorrent past the engine, which gives them only what a flow before it made likely.
void parsed(const Bytes& b) {
  for (const size_t head : {42u, 54u}) {
    if (b.size() < head) return;
    const size_t n = b.size() - head;
    std::unique_ptr<uint8_t[]> exact(new uint8_t[n]);
    if (n > 0) memcpy(exact.get(), b.data() + head, n);
    const View v{exact.get(), n};
    bt::Handshake hand;
    bt::handshake(v, &hand);
    bt::listenPort(v);
    View part = v;
    bt::utpPayload(v, &part);
    bt::DhtMessage message;
    bt::Peer peer;
    if (bt::dhtMessage(v, &message)) {
      while (bt::nextValue(&message.values, &peer)) continue;
    }
    bt::TrackerAnnounce announce;
    bt::trackerAnnounce(v, &announce);
    if (bt::trackerPeers(v, &part)) {
      while (bt::nextCompact(&part, below(2) == 0, &peer)) continue;
    }
    uint8_t hash[bt::kHashBytes];
    if (bt::httpTrackerLine(v, &part)) {
      bt::httpPort(part);
      while (bt::nextHttpHash(&part, hash)) continue;
    }
    part = bt::httpPeers(v, below(2) == 0);
    while (bt::nextCompact(&part, true, &peer)) continue;
    bt::lanPort(v);
    part = v;
    while (bt::nextLanHash(&part, hash)) continue;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const long count = atol(argv[1]);
  seed = static_cast<uint64_t>(atol(argv[2])) * 2654435761u + 1;
  std::vector<Bytes> seeds;
  for (int i = 3; i < argc; i++) {
    FILE* f = fopen(argv[i], "rb");
    if (f == nullptr) return 2;
    Bytes b(4096);
    b.resize(fread(b.data(), 1, b.size(), f));
    fclose(f);
    seeds.push_back(b);
  }
  static constexpr uint32_t kLinks[] = {0,  1,   9,   12,  50,  51,  101, 104,
                                        105, 108, 113, 119, 127, 228, 229, 276};
  auto engine = std::make_unique<Engine>(Limits{64, 32, 16});
  Lines lines(open("/dev/null", O_WRONLY), true, 0);
  if (!lines.good()) return 1;
  engine->lines = &lines;
  std::string report;
  uint64_t opened = 0;
  for (long i = 0; i < count; i++) {
    const Bytes b = mutate(seeds[below(static_cast<uint32_t>(seeds.size()))]);
    // Mostly as Ethernet, which most seeds are.
    const uint32_t link = below(2) == 0 ? 1 : kLinks[below(16)];
    const int64_t ns = below(100) == 0 ? static_cast<int64_t>(seed >> 1) : i * 1000;
    give(engine.get(), ns, link, b);
    if (!unlocked(b, &opened)) return 1;
    parsed(b);
    if (i % 100'000 == 0) {
      report.clear();
      engine->report(Rows{16, 32, 64, 1000}, &report);
    }
  }
  const uint64_t packets = engine->packets();

  // Files: one record or block around each packet, mutated itself, in pieces.
  uint64_t files = 0;
  for (long i = 0; i < count / 100; i++) {
    Bytes file;
    const bool ng = below(2) == 0;
    if (ng) {
      for (const uint32_t v : {0x0a0d0d0au, 28u, 0x1a2b3c4du, 1u, ~0u, ~0u, 28u}) put32(&file, v);
      for (const uint32_t v : {1u, 32u, 1u, 65535u, 0x00010009u, 9u | below(256), 0u, 32u}) put32(&file, v);
    } else {
      for (const uint32_t v : {0xa1b2c3d4u, 0x00040002u, 0u, 0u, 65535u, 1u}) put32(&file, v);
    }
    for (uint32_t n = below(4) + 1; n > 0; n--) {
      const Bytes& b = seeds[below(static_cast<uint32_t>(seeds.size()))];
      const auto size = static_cast<uint32_t>(b.size());
      const uint32_t padded = (size + 3) & ~3u;
      if (ng) {
        for (const uint32_t v : {6u, 32 + padded, 0u, 1u, 2u, size, size}) put32(&file, v);
      } else {
        for (const uint32_t v : {1u, 2u, size, size}) put32(&file, v);
      }
      file.insert(file.end(), b.begin(), b.end());
      if (ng) {
        file.resize(file.size() + padded - size);
        put32(&file, 32 + padded);
      }
    }
    file = mutate(file);
    auto small = std::make_unique<Engine>(Limits{8, 8, 8});
    Reader reader(small.get());
    for (size_t at = 0; at < file.size();) {
      const size_t piece = 1 + below(static_cast<uint32_t>(file.size() - at));
      std::unique_ptr<uint8_t[]> exact(new uint8_t[piece]);
      memcpy(exact.get(), file.data() + at, piece);
      if (!reader.feed(exact.get(), piece)) return 1;
      at += piece;
    }
    reader.end();
    if (reader.error() != nullptr && reader.errorOffset() > file.size()) return 1;
    files++;
  }
  printf("%llu packets, %llu files%s\n", static_cast<unsigned long long>(packets),
         static_cast<unsigned long long>(files), opened > 0 ? ", QUIC opened" : "");
  return 0;
}
