// The statistics as JSON. Names are of a small alphabet already (apps.cc) and the rest is numbers, so
// nothing has to be escaped.

#include <algorithm>
#include <vector>

#include "engine.h"
#include "json.h"
#include "lines.h"

namespace gatehouse::capture {

namespace {

// The numbers of the `most` entries with the most bytes, most first; entries alike in the order in
// which they came.
template <typename Entry>
std::vector<uint32_t> heaviest(Table<Entry>& table, size_t most) {
  std::vector<uint32_t> order(table.used());
  for (uint32_t i = 0; i < table.used(); i++) order[i] = i;
  const size_t shown = std::min<size_t>(most, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<ptrdiff_t>(shown), order.end(),
                    [&](uint32_t a, uint32_t b) {
                      const Entry &x = table.at(a), &y = table.at(b);
                      const uint64_t left = x.sent[0].bytes + x.sent[1].bytes;
                      const uint64_t right = y.sent[0].bytes + y.sent[1].bytes;
                      return left != right ? left > right : a < b;
                    });
  order.resize(shown);
  return order;
}

}  // namespace

void Engine::report(const Rows& rows, std::string* out) {
  for (uint32_t i = 0; i < flows_.used(); i++) fold(&flows_.at(i));
  Json json(out);
  json.count("packets", packets_);
  json.count("bytes", bytes_);
  json.count("cutPackets", cut_);
  json.seconds("firstSec", firstNs_);
  json.seconds("lastSec", lastNs_);
  out->push_back(',');
  reportProtocols(out);
  out->push_back(',');
  reportTalkers(rows, out);
  out->push_back(',');
  reportFlows(rows.flows, out);
  out->push_back(',');
  reportNames(rows.names, out);
  out->append(",\"torrents\":");
  torrents.report(rows.names, out);
}

void Engine::reportTorrents(std::string* out) {
  for (uint32_t i = 0; i < flows_.used(); i++) fold(&flows_.at(i));
  torrents.report(Torrents::kPairs, out);
}

void Engine::names(pcapng::NameBlock* out) {
  addressNames_.each([&](uint64_t hi, uint64_t lo, NameRef name) {
    if (const Names::Slot* s = names_.find(name)) out->add(hi, lo, s->text, s->length);
  });
}

void Engine::reportProtocols(std::string* out) {
  Json json(out);
  // A child's number is always higher than its parent's.
  Counter sum[ProtocolTree::kNodes];
  for (size_t i = tree_.used(); i-- > 0;) {
    const ProtocolTree::Node& n = tree_.at(i);
    sum[i].add({n.packets, n.bytes});
    if (i > 0) sum[n.parent].add(sum[i]);
  }
  json.open("protocols", '[');
  // Depth first, in the order in which they were seen.
  std::vector<size_t> stack{0};
  while (!stack.empty()) {
    const size_t i = stack.back();
    stack.pop_back();
    for (size_t child = tree_.used(); child-- > 1;) {
      if (tree_.at(child).parent == i) stack.push_back(child);
    }
    if (i == 0) continue;
    const char* steps[ProtocolTree::kNodes];
    size_t depth = 0;
    for (size_t at = i; at != 0; at = tree_.at(at).parent) steps[depth++] = nameOf(tree_.at(at).protocol);
    std::string path;
    for (size_t s = depth; s-- > 0;) path.append(steps[s]).append(s > 0 ? ":" : "");
    json.open(nullptr, '{');
    json.text("protocol", steps[0]);
    json.text("path", path.c_str());
    json.count("packets", sum[i].packets);
    json.count("bytes", sum[i].bytes);
    json.close('}');
  }
  json.close(']');
  json.open("sizes", '[');
  for (size_t i = 0; i < Sizes::kBins; i++) {
    json.open(nullptr, '{');
    json.count("leastBytes", Sizes::least(i));
    json.count("packets", sizes_.at(i));
    json.close('}');
  }
  json.close(']');
  json.open("bandwidth", '{');
  json.count("startSec", static_cast<uint64_t>(series_.startSec()));
  json.count("stepSec", series_.widthSec());
  json.open("packets", '[');
  for (size_t i = 0; i < series_.used(); i++) json.count(nullptr, series_.at(i).packets);
  json.close(']');
  json.open("bytes", '[');
  for (size_t i = 0; i < series_.used(); i++) json.count(nullptr, series_.at(i).bytes);
  json.close(']');
  json.close('}');
}

void Engine::reportTalkers(const Rows& rows, std::string* out) {
  Json json(out);
  json.open("endpoints", '[');
  for (const uint32_t i : heaviest(endpoints_.table, rows.endpoints)) {
    const Endpoint& e = endpoints_.table.at(i);
    json.open(nullptr, '{');
    address(&json, "address", e.key.family(), e.key.w[3], e.key.w[0]);
    json.text("family", nameOf(e.key.family()));
    if (const Names::Slot* s = names_.find(addressNames_.of(e.key.w[3], e.key.w[0]));
        s != nullptr && e.key.family() != Family::Link) {
      json.text("name", s->text, s->length);
    }
    json.count("packets", e.sent[0].packets + e.sent[1].packets);
    json.count("bytes", e.sent[0].bytes + e.sent[1].bytes);
    json.count("sentPackets", e.sent[0].packets);
    json.count("sentBytes", e.sent[0].bytes);
    json.count("receivedPackets", e.sent[1].packets);
    json.count("receivedBytes", e.sent[1].bytes);
    if (e.missed.packets > 0) {
      json.count("missedPackets", e.missed.packets);
      json.count("missedBytes", e.missed.bytes);
    }
    json.close('}');
  }
  json.close(']');
  json.open("conversations", '[');
  for (const uint32_t i : heaviest(conversations_.table, rows.conversations)) {
    const Conversation& c = conversations_.table.at(i);
    json.open(nullptr, '{');
    address(&json, "a", c.key.family(), c.key.w[3], c.key.w[0]);
    address(&json, "b", c.key.family(), c.key.w[4], c.key.w[1]);
    json.text("family", nameOf(c.key.family()));
    json.count("packets", c.sent[0].packets + c.sent[1].packets);
    json.count("bytes", c.sent[0].bytes + c.sent[1].bytes);
    json.count("packetsFromA", c.sent[0].packets);
    json.count("bytesFromA", c.sent[0].bytes);
    json.count("packetsFromB", c.sent[1].packets);
    json.count("bytesFromB", c.sent[1].bytes);
    json.count("flows", c.flows);
    json.seconds("firstSec", c.firstNs);
    json.seconds("lastSec", c.lastNs);
    if (c.missed.packets > 0) {
      json.count("missedPackets", c.missed.packets);
      json.count("missedBytes", c.missed.bytes);
    }
    json.close('}');
  }
  json.close(']');
  json.open("totals", '{');
  json.count("endpoints", endpoints_.table.used());
  json.count("conversations", conversations_.table.used());
  json.count("flows", flows_.used());
  json.close('}');
  // What was let go, and what whoever is not in a list had at most.
  json.open("approximation", '{');
  json.yes("exact", endpoints_.evicted == 0 && conversations_.evicted == 0 && !tree_.full());
  json.count("flowsForgotten", flowsForgotten_);
  json.count("endpointsForgotten", endpoints_.evicted);
  json.count("endpointFloorBytes", endpoints_.floor.bytes);
  json.count("conversationsForgotten", conversations_.evicted);
  json.count("conversationFloorBytes", conversations_.floor.bytes);
  json.count("namesForgotten", names_.forgotten());
  json.count("initialsUnread", initialsUnread_);
  json.yes("protocolTreeFull", tree_.full());
  json.close('}');
}

void Engine::reportFlows(uint32_t most, std::string* out) {
  Json json(out);
  json.open("tcp", '{');
  json.count("connections", connections_);
  json.count("handshakes", handshakes_);
  json.count("retransmissions", retransmissions_);
  json.count("outOfOrder", outOfOrder_);
  json.close('}');
  json.open("flows", '[');
  for (const uint32_t i : heaviest(flows_, most)) {
    const Flow& f = flows_.at(i);
    json.open(nullptr, '{');
    const uint8_t protocol = f.key.protocol();
    const Family family = f.key.family();
    address(&json, "a", family, f.key.w[3], f.key.w[0]);
    address(&json, "b", family, f.key.w[4], f.key.w[1]);
    json.text("family", nameOf(family));
    if (family != Family::Link) json.count("protocol", protocol);
    if (protocol == 6 || protocol == 17) {
      json.count("portA", f.key.portA());
      json.count("portB", f.key.portB());
    }
    json.count("packets", f.sent[0].packets + f.sent[1].packets);
    json.count("bytes", f.sent[0].bytes + f.sent[1].bytes);
    json.count("packetsFromA", f.sent[0].packets);
    json.count("bytesFromA", f.sent[0].bytes);
    json.count("packetsFromB", f.sent[1].packets);
    json.count("bytesFromB", f.sent[1].bytes);
    json.seconds("firstSec", f.firstNs);
    json.seconds("lastSec", f.lastNs);
    if (f.app != Protocol::Frame) json.text("application", nameOf(f.app));
    if (const Names::Slot* s = names_.find(f.name)) json.text("name", s->text, s->length);
    if (f.alpnBytes > 0) json.text("alpn", f.alpn, f.alpnBytes);
    if (protocol == 6) {
      json.text("state", nameOf(f.state));
      if (f.connections > 0) json.text("client", (f.flags & kClientIsB) != 0 ? "b" : "a");
      json.count("connections", f.connections);
      json.count("retransmissions", f.retransmissions);
      json.count("outOfOrder", f.outOfOrder);
      if (f.rttUs > 0) json.count("rttUs", f.rttUs);
    }
    json.close('}');
  }
  json.close(']');
}

void Engine::reportNames(uint32_t most, std::string* out) {
  Json json(out);
  std::vector<uint32_t> order;
  for (uint32_t i = 0; i < Names::kSlots; i++) {
    if (names_.at(i).queries + names_.at(i).hellos > 0) order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    const Names::Slot &x = names_.at(a), &y = names_.at(b);
    const uint64_t left = static_cast<uint64_t>(x.queries) + x.hellos;
    const uint64_t right = static_cast<uint64_t>(y.queries) + y.hellos;
    return left != right ? left > right : a < b;
  });
  if (order.size() > most) order.resize(most);
  json.open("names", '[');
  for (const uint32_t i : order) {
    const Names::Slot& s = names_.at(i);
    json.open(nullptr, '{');
    json.text("name", s.text, s.length);
    json.count("queries", s.queries);
    json.count("hellos", s.hellos);
    json.close('}');
  }
  json.close(']');
}

}  // namespace gatehouse::capture
