// What several engines have counted, as if one had: for packets that are shared out over threads.

#include <vector>

#include "engine.h"

namespace gatehouse::capture {

void Engine::absorb(Engine& o) {
  for (uint32_t i = 0; i < o.flows_.used(); i++) o.fold(&o.flows_.at(i));
  torrents.absorb(o.torrents);
  if (o.packets_ > 0) {
    if (packets_ == 0 || o.firstNs_ < firstNs_) firstNs_ = o.firstNs_;
    if (packets_ == 0 || o.lastNs_ > lastNs_) lastNs_ = o.lastNs_;
  }
  packets_ += o.packets_;
  bytes_ += o.bytes_;
  cut_ += o.cut_;
  connections_ += o.connections_;
  handshakes_ += o.handshakes_;
  retransmissions_ += o.retransmissions_;
  outOfOrder_ += o.outOfOrder_;
  flowsForgotten_ += o.flowsForgotten_;
  initialsUnread_ += o.initialsUnread_;
  series_.add(o.series_);
  sizes_.add(o.sizes_);

  // A child's number is always higher than its parent's.
  uint8_t nodes[ProtocolTree::kNodes] = {};
  for (size_t i = 0; i < o.tree_.used(); i++) {
    const ProtocolTree::Node& n = o.tree_.at(i);
    if (i > 0) nodes[i] = tree_.child(nodes[n.parent], n.protocol);
    tree_.add(nodes[i], n);
  }
  tree_.addFull(o.tree_.full());

  std::vector<NameRef> refs(Names::kSlots);
  for (uint32_t i = 0; i < Names::kSlots; i++) {
    const Names::Slot& theirs = o.names_.at(i);
    if (theirs.hash == 0) continue;
    refs[i] = names_.keep(theirs.text, theirs.length);
    if (Names::Slot* mine = names_.find(refs[i])) {
      mine->queries += theirs.queries;
      mine->hellos += theirs.hellos;
    }
  }
  names_.addForgotten(o.names_.forgotten());
  auto nameOf = [&](NameRef ref) { return o.names_.find(ref) == nullptr ? NameRef{} : refs[ref.slot]; };
  o.addressNames_.each(
      [&](uint64_t hi, uint64_t lo, NameRef name) { addressNames_.tell(hi, lo, nameOf(name)); });

  for (uint32_t i = 0; i < o.flows_.used(); i++) {
    const Flow& theirs = o.flows_.at(i);
    const uint64_t hash = theirs.key.hash();
    Flow* mine = flows_.find(theirs.key, hash);
    if (mine == nullptr) {
      mine = flows_.insert(theirs.key, hash);
      if (mine == nullptr) {
        flowsForgotten_++;
        continue;
      }
      *mine = theirs;
      mine->name = nameOf(theirs.name);
      mine->torrent = 0;
    } else {
      // Fragments of one datagram, whose ports are in the first alone.
      for (int side = 0; side < 2; side++) mine->sent[side].add(theirs.sent[side]);
      if (theirs.firstNs < mine->firstNs) mine->firstNs = theirs.firstNs;
      if (theirs.lastNs > mine->lastNs) mine->lastNs = theirs.lastNs;
    }
    // Its conversation comes with it below.
    mine->folded[0] = mine->sent[0];
    mine->folded[1] = mine->sent[1];
  }
  conversations_.absorb(o.conversations_, [](Conversation* mine, const Conversation& theirs) {
    for (int side = 0; side < 2; side++) mine->sent[side].add(theirs.sent[side]);
    if (theirs.firstNs < mine->firstNs) mine->firstNs = theirs.firstNs;
    if (theirs.lastNs > mine->lastNs) mine->lastNs = theirs.lastNs;
    mine->flows += theirs.flows;
  });
  endpoints_.absorb(o.endpoints_, [](Endpoint* mine, const Endpoint& theirs) {
    for (int side = 0; side < 2; side++) mine->sent[side].add(theirs.sent[side]);
  });
}

}  // namespace gatehouse::capture
