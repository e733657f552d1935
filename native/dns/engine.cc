#include "engine.h"

#include <cstdlib>
#include <new>

namespace gatehouse::dns {

namespace {

// In the local table each name stands under this type, too, which no question has.
constexpr uint16_t kAnyLocal = 0;

}  // namespace

Engine* Engine::open(size_t cacheBytes, const Key& key) {
  void* memory = calloc(1, sizeof(Engine));
  if (memory == nullptr) return nullptr;
  auto* engine = new (memory) Engine();
  if (engine->cache.open(cacheBytes, key) && engine->clients_.open() &&
      engine->sameAnswers_.open()) {
    return engine;
  }
  engine->close();
  return nullptr;
}

void Engine::close() {
  if (policy_ != nullptr) policy_->close();
  if (blocks_ != nullptr) blocks_->close();
  setLocal(nullptr);
  cache.close();
  clients_.close();
  sameAnswers_.close();
  free(this);
}

Policy* Engine::setPolicy(Policy* policy) {
  Policy* before = policy_;
  policy_ = policy;
  clients_.policyChanged();
  return before;
}

// Names are hashed once for cache, local names and lists, so all go by the key of the file.
Blocks* Engine::setBlocks(Blocks* blocks) {
  Blocks* before = blocks_;
  blocks_ = blocks;
  if (blocks != nullptr) {
    cache.rekey(blocks->header().key);
    if (local_ != nullptr) local_->rekey(blocks->header().key);
  }
  return before;
}

void Engine::setLocal(Cache* local) {
  if (local_ != nullptr) {
    local_->close();
    free(local_);
  }
  local_ = local;
  if (local_ != nullptr) local_->rekey(key());
}

Decision Engine::miss(Reason reason, uint8_t group) const {
  Decision d;
  d.outcome = Outcome::kMiss;
  d.reason = reason;
  d.group = group;
  return d;
}

Decision Engine::ask(const uint8_t* wire, size_t length, const Address& from, size_t limit,
                     int64_t nowMs, uint8_t* out) {
  auto drop = [&](Count why) {
    counts[why]++;
    return Decision{};
  };
  counts[kReceived]++;
  if (policy_ == nullptr) return drop(kDroppedAccess);
  Client* client = clients_.find(key(), from, *policy_, nowMs);
  if (!client->allowed) return drop(kDroppedAccess);
  uint8_t group = client->group;
  if ((policy_->queriesPerSec | policy_->missesPerSec) != 0 && !from.isV4()) {
    client = clients_.find(key(), {from.high, 0}, *policy_, nowMs);
  }
  if (policy_->queriesPerSec != 0) {
    int64_t elapsed = nowMs - client->queriedMs;
    client->queriedMs = nowMs;
    if (!client->queries.take(elapsed, policy_->queriesPerSec)) return drop(kDroppedClientRate);
  } else {
    client->queriedMs = nowMs;
  }

  Parsed parsed = parseQuery(wire, length, &query_);
  if (parsed == Parsed::kMalformed) return drop(kDroppedMalformed);
  Decision d = parsed == Parsed::kUnusual
                   ? miss(Reason::kUnusual, group)
                   : decide(from, limit == 0 ? query_.udpLimit() : limit, limit == 0, nowMs, out,
                            group);
  if (d.outcome == Outcome::kMiss && policy_->missesPerSec != 0) {
    int64_t elapsed = nowMs - client->missedMs;
    client->missedMs = nowMs;
    if (!client->misses.take(elapsed, policy_->missesPerSec)) return drop(kDroppedMissRate);
  }
  return d;
}

Decision Engine::decide(const Address& client, size_t limit, bool udp, int64_t nowMs, uint8_t* out,
                        uint8_t groupIndex) {
  const Group& group = policy_->groups[groupIndex];
  if ((group.flags & Group::kSlow) != 0) return miss(Reason::kComplex, groupIndex);
  Name& name = query_.name;
  name.hashWith(key());

  Decision d;
  d.outcome = Outcome::kAnswer;
  d.group = groupIndex;
  bool truncated = false;
  // The answer is in `out`; how it leaves, and what is counted.
  auto answered = [&](By by, size_t length) {
    SameAnswers::Verdict verdict = SameAnswers::kSend;
    if (udp && policy_->sameAnswersPerSec != 0) {
      verdict = sameAnswers_.count(name.hash[0], query_.type, client, policy_->sameAnswersPerSec,
                                   nowMs);
    }
    if (verdict == SameAnswers::kDrop) {
      counts[kDroppedSameAnswer]++;
      return Decision{};
    }
    if (verdict == SameAnswers::kTruncate && !truncated) {
      length = truncatedAnswer(query_, out[2], out[3], out);
      truncated = true;
    }
    d.by = by;
    d.length = length;
    counts[kAnsweredCache + static_cast<int>(by)]++;
    counts[kTruncated] += truncated;
    return d;
  };

  bool isLocal = local_ != nullptr && local_->find(name, kAnyLocal, 0) != nullptr;
  Entry* entry = isLocal ? nullptr : cache.find(name, query_.type, query_.keyBits());
  uint32_t age = entry == nullptr ? 0 : entry->ageSec(nowMs);
  bool fresh = entry != nullptr && age < entry->ttlSec;
  if (fresh && (entry->passMask >> groupIndex & 1) != 0 &&
      entry->generation == policy_->generation) {
    entry->flags |= kHit;
    size_t length = finish(query_, entry->stored(age), limit, out, &truncated);
    if (prefetch && (entry->flags & kPrefetched) == 0 &&
        uint64_t{age} * 10 >= uint64_t{entry->ttlSec} * 9) {
      entry->flags |= kPrefetched;
      d.prefetch = true;
    }
    return answered(By::kCache, length);
  }

  Match match;
  if (blocks_ != nullptr && group.lists != 0) match = blocks_->match(name, group.lists);
  if (match.complex != 0) return miss(Reason::kComplex, groupIndex);
  if (match.verdict == Match::kBlocked) {
    if ((group.flags & Group::kAllowPatterns) != 0 && !match.important) {
      return miss(Reason::kComplex, groupIndex);
    }
    const ListRecord& list = blocks_->list(match.list);
    BlockAnswer how{group.mode, group.blockTtlSec, list.name, list.nameLength};
    d.list = match.list;
    return answered(By::kBlock, blockAnswer(query_, how, limit, out, &truncated));
  }
  if (isLocal) {
    if ((group.flags & Group::kPatterns) != 0 && match.verdict == Match::kNone) {
      return miss(Reason::kComplex, groupIndex);
    }
    Entry* local = local_->find(name, query_.type, 0);
    if (local == nullptr) return miss(Reason::kLocal, groupIndex);
    return answered(By::kLocal, finish(query_, local->stored(0), limit, out, &truncated));
  }
  if (fresh) {
    entry->flags |= kHit;
    return miss(Reason::kUnjudged, groupIndex);
  }
  bool stale = entry != nullptr && age < uint64_t{entry->ttlSec} + staleSec;
  return miss(stale ? Reason::kStale : Reason::kUnknown, groupIndex);
}

Cache* readLocal(const uint8_t* bytes, size_t length, size_t count, const Key& key) {
  if (count > length / 4) return nullptr;
  auto* local = static_cast<Cache*>(calloc(1, sizeof(Cache)));
  if (local == nullptr) return nullptr;
  new (local) Cache();
  // Twice what they take, the marks and the index with them: nothing is ever driven out.
  size_t room = 65536 + 2 * (length + count * (2 * sizeof(Entry) + kMaxName + 64)) + length / 4;
  bool good = local->open(room, key);
  size_t at = 0;
  for (size_t i = 0; i < count && good; i++) {
    Name name;
    uint16_t type = length - at >= 4 ? load<uint16_t>(bytes + at) : kAnyLocal;
    size_t size = length - at >= 4 ? load<uint16_t>(bytes + at + 2) : 0;
    const uint8_t* wire = bytes + at + 4;
    good = type != kAnyLocal && length - at - 4 >= size && size > kHeader &&
           name.read(wire + kHeader, size - kHeader);
    if (!good) break;
    name.hashWith(key);
    CacheItem item{&name, type, 0, wire, size, nullptr, 0, 0, 0, 0, 0};
    uint8_t mark[kHeader + kMaxName + 4] = {};
    mark[2] = 0x80;
    mark[5] = 1;
    memcpy(mark + kHeader, name.bytes, name.length);
    put16(mark + kHeader + name.length + 2, kClassIn);
    good = local->put(item);
    item.type = kAnyLocal;
    item.wire = mark;
    item.wireLength = kHeader + name.length + 4u;
    good = good && local->put(item) && local->evicted == 0;
    at += 4 + size;
  }
  if (good && at == length) return local;
  local->close();
  free(local);
  return nullptr;
}

}  // namespace gatehouse::dns
