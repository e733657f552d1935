#include "policy.h"

#include <algorithm>
#include <cstdlib>

#include "files.h"

namespace gatehouse::dns {

namespace {

// The last address of a prefix, and the first by `clear`.
Address edge(const Address& a, unsigned length, bool last) {
  uint64_t high = length >= 64 ? ~uint64_t{0} : length == 0 ? 0 : ~uint64_t{0} << (64 - length);
  uint64_t low = length <= 64 ? 0 : ~uint64_t{0} << (128 - length);
  if (last) return {a.high | ~high, a.low | ~low};
  return {a.high & high, a.low & low};
}

Address after(const Address& a) {
  return {a.low == ~uint64_t{0} ? a.high + 1 : a.high, a.low + 1};
}

constexpr Address kLast{~uint64_t{0}, ~uint64_t{0}};

}  // namespace

void Ranges::emit(const Address& start, uint8_t value) {
  if (count_ > 0 && ranges_[count_ - 1].start == start) count_--;
  ranges_[count_++] = {start, value};
}

bool Ranges::build(Prefix* prefixes, size_t count, uint8_t otherwise) {
  for (size_t i = 0; i < count; i++) {
    prefixes[i].address = edge(prefixes[i].address, prefixes[i].length, false);
  }
  std::sort(prefixes, prefixes + count, [](const Prefix& a, const Prefix& b) {
    return a.address != b.address ? a.address < b.address : a.length < b.length;
  });
  struct Open {
    Address end;
    uint8_t value;
  };
  // Prefixes that hold one another: a longer one each time, so 129 at most, and equal ones.
  ranges_ = static_cast<Range*>(calloc(2 * count + 2, sizeof(Range)));
  auto* open = static_cast<Open*>(calloc(count + 1, sizeof(Open)));
  if (ranges_ == nullptr || open == nullptr) {
    free(open);
    return false;
  }
  size_t depth = 0;
  open[depth] = {kLast, otherwise};
  emit({0, 0}, otherwise);
  auto closeBefore = [&](const Address* start) {
    while (depth > 0 && (start == nullptr || open[depth].end < *start)) {
      Address end = open[depth--].end;
      if (end != kLast) emit(after(end), open[depth].value);
    }
  };
  for (size_t i = 0; i < count; i++) {
    const Prefix& p = prefixes[i];
    closeBefore(&p.address);
    emit(p.address, p.value);
    open[++depth] = {edge(p.address, p.length, true), p.value};
  }
  closeBefore(nullptr);
  free(open);
  return true;
}

void Ranges::close() {
  free(ranges_);
  ranges_ = nullptr;
}

uint8_t Ranges::find(const Address& address) const {
  size_t low = 0;
  for (size_t high = count_; high - low > 1;) {
    size_t middle = (low + high) / 2;
    (ranges_[middle].start <= address ? low : high) = middle;
  }
  return ranges_[low].value;
}

Policy* Policy::read(const uint8_t* bytes, size_t length) {
  constexpr size_t kFixed = 8 * sizeof(uint32_t);
  constexpr size_t kPrefix = 24;
  uint32_t fixed[8];
  if (length < kFixed) return nullptr;
  memcpy(fixed, bytes, kFixed);
  auto [generation, groups, clients, access, other, queries, misses, same] = fixed;
  if (generation == 0 || groups == 0 || groups > kMaxGroups || clients > kMaxPrefixes ||
      access > kMaxPrefixes || other >= groups || queries > kMaxPerSec || misses > kMaxPerSec ||
      same > kMaxPerSec ||
      length != kFixed + groups * sizeof(Group) + kPrefix * (size_t{clients} + access)) {
    return nullptr;
  }
  auto* policy = static_cast<Policy*>(calloc(1, sizeof(Policy)));
  auto* prefixes =
      static_cast<Ranges::Prefix*>(calloc(std::max(clients, access) + 1, sizeof(Ranges::Prefix)));
  bool good = policy != nullptr && prefixes != nullptr;
  const uint8_t* at = bytes + kFixed;
  if (good) {
    policy->generation = generation;
    policy->groupCount = groups;
    policy->queriesPerSec = queries;
    policy->missesPerSec = misses;
    policy->sameAnswersPerSec = same;
    memcpy(policy->groups, at, groups * sizeof(Group));
    at += groups * sizeof(Group);
    for (uint32_t i = 0; i < groups; i++) {
      good = good && policy->groups[i].mode <= BlockMode::kRefused;
    }
  }
  auto table = [&](Ranges& ranges, uint32_t count, uint8_t otherwise, uint32_t values) {
    for (uint32_t i = 0; i < count && good; i++, at += kPrefix) {
      prefixes[i] = {Address::from(at), at[16], at[17]};
      good = at[16] <= 128 && at[17] < values;
    }
    good = good && ranges.build(prefixes, count, otherwise);
  };
  if (good) table(policy->clients, clients, static_cast<uint8_t>(other), groups);
  if (good) table(policy->access, access, 0, 2);
  free(prefixes);
  if (good) return policy;
  if (policy != nullptr) policy->close();
  return nullptr;
}

void Policy::close() {
  clients.close();
  access.close();
  free(this);
}

bool Clients::open() {
  table_ = pages<Client>(kSets * kWays);
  return table_ != nullptr;
}

void Clients::close() { unmap(table_, kSets * kWays); }

Client* Clients::find(const Key& key, const Address& address, const Policy& policy,
                      int64_t nowMs) {
  uint8_t low[8];
  store(low, address.low);
  Client* set = table_ + (sip(key, address.high, low, sizeof low) & (kSets - 1)) * kWays;
  Client* found = nullptr;
  for (Client* c = set; c < set + kWays && found == nullptr; c++) {
    if (c->epoch != 0 && c->address == address) found = c;
  }
  if (found == nullptr) {
    found = std::min_element(set, set + kWays, [](const Client& a, const Client& b) {
      return a.epoch == 0 || b.epoch == 0 ? a.epoch < b.epoch : a.queriedMs < b.queriedMs;
    });
    // It starts with what it may save up.
    *found = {address,  nowMs, nowMs, {static_cast<int32_t>(policy.queriesPerSec * 2000)},
              {static_cast<int32_t>(policy.missesPerSec * 2000)}, 0, 0, false};
  }
  if (found->epoch != epoch_) {
    found->group = policy.clients.find(address);
    found->allowed = policy.access.find(address) == 1;
    found->epoch = epoch_;
  }
  return found;
}

bool SameAnswers::open() {
  table_ = pages<Place>(kPlaces);
  return table_ != nullptr;
}

void SameAnswers::close() { unmap(table_, kPlaces); }

SameAnswers::Verdict SameAnswers::count(uint64_t nameHash, uint16_t type, const Address& to,
                                        uint32_t perSec, int64_t nowMs) {
  uint64_t network = to.isV4() ? to.low >> 8 : to.high >> 8;
  uint64_t tag = nameHash ^ (network * 0x9e3779b97f4a7c15 + type) * 0xd6e8feb86659fd93;
  Place& place = table_[tag >> 32 & (kPlaces - 1)];
  if (place.tag != tag) place = {tag, nowMs, {static_cast<int32_t>(perSec * 2000)}, 0};
  int64_t elapsed = nowMs - place.atMs;
  place.atMs = nowMs;
  if (place.bucket.take(elapsed, perSec)) return kSend;
  return (place.beyond++ & 1) == 0 ? kTruncate : kDrop;
}

}  // namespace gatehouse::dns
