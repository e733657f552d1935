#include "prober.h"

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <new>

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/net_tstamp.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "sockets.h"

namespace gatehouse::probe {

namespace {

constexpr int kBufferBytes = 4 << 20;

bool on(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

}  // namespace

int Prober::open(uint32_t slots, uint32_t key, bool pingOnly) {
  if (slots < 64 || slots > 65536 || (slots & (slots - 1)) != 0) return -EINVAL;
  slotCount_ = slots;
  key_ = key;
  buffers_ = new (std::nothrow) Buffers;
  if (buffers_ == nullptr) return -ENOMEM;
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) return -errno;
  for (auto& family : buckets_) {
    for (int32_t& head : family) head = -1;
  }
  swept_[0] = swept_[1] = std::floor(toMs(clockNs(CLOCK_MONOTONIC)) / kBucketMs);
  const bool four = openFamily(0, pingOnly);
  const int why = errno;
  const bool six = openFamily(1, pingOnly);
  if (four || six) return 0;
  close();
  return -(why == 0 ? EACCES : why);
}

bool Prober::openFamily(int index, bool pingOnly) {
  Family& family = families_[index];
  const bool six = index == 1;
  const int domain = six ? AF_INET6 : AF_INET;
  const int protocol = six ? static_cast<int>(IPPROTO_ICMPV6) : static_cast<int>(IPPROTO_ICMP);
  int fd = -1;
  if (!pingOnly) {
    fd = socket(domain, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
    family.way = Way::kRaw;
  }
  if (fd < 0) {
    fd = socket(domain, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
    family.way = Way::kPing;
  }
  family.slots = fd < 0 ? nullptr : static_cast<Slot*>(calloc(slotCount_, sizeof(Slot)));
  epoll_event event{};
  event.events = EPOLLIN;
  if (fd < 0 || family.slots == nullptr || epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
    const int why = errno;
    if (fd >= 0) ::close(fd);
    free(family.slots);
    family = Family{};
    errno = why;
    return false;
  }
  family.fd = fd;
  family.id = static_cast<uint16_t>(key_ ^ key_ >> 16);
  if (family.way == Way::kRaw && !six) {
    icmp_filter filter{};
    filter.data = ~(1u << ICMP_ECHOREPLY | 1u << ICMP_DEST_UNREACH | 1u << ICMP_TIME_EXCEEDED |
                    1u << ICMP_PARAMETERPROB);
    setsockopt(fd, SOL_RAW, ICMP_FILTER, &filter, sizeof filter);
  } else if (family.way == Way::kRaw) {
    icmp6_filter filter{};
    memset(&filter, 0xff, sizeof filter);
    for (unsigned type : {1u, 2u, 3u, 4u, 129u}) filter.data[type >> 5] &= ~(1u << (type & 31));
    setsockopt(fd, SOL_ICMPV6, ICMPV6_FILTER, &filter, sizeof filter);
  } else {
    // A ping socket hears errors through its error queue alone.
    on(fd, six ? SOL_IPV6 : SOL_IP, six ? IPV6_RECVERR : IP_RECVERR, 1);
  }
  on(fd, six ? SOL_IPV6 : SOL_IP, six ? IPV6_RECVHOPLIMIT : IP_RECVTTL, 1);
  if (!on(fd, SOL_SOCKET, SO_RCVBUFFORCE, kBufferBytes)) on(fd, SOL_SOCKET, SO_RCVBUF, kBufferBytes);
  if (!on(fd, SOL_SOCKET, SO_SNDBUFFORCE, kBufferBytes)) on(fd, SOL_SOCKET, SO_SNDBUF, kBufferBytes);
  constexpr int kHear = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
  if (!on(fd, SOL_SOCKET, SO_TIMESTAMPING, kHear | SOF_TIMESTAMPING_TX_SOFTWARE)) {
    on(fd, SOL_SOCKET, SO_TIMESTAMPING, kHear);
  }
  return true;
}

void Prober::close() {
  for (Family& family : families_) {
    if (family.fd >= 0) ::close(family.fd);
    free(family.slots);
    family = Family{};
  }
  if (epoll_ >= 0) ::close(epoll_);
  epoll_ = -1;
  delete buffers_;
  buffers_ = nullptr;
  underWay_ = refusedCount_ = errorCount_ = 0;
}

// ---- the table -----------------------------------------------------------------------------

void Prober::link(Family& family, uint32_t index) {
  Slot& slot = family.slots[index];
  int32_t& head = buckets_[isSix(family)][slot.bucket];
  slot.previous = -1;
  slot.next = head;
  if (head >= 0) family.slots[head].previous = static_cast<int32_t>(index);
  head = static_cast<int32_t>(index);
}

void Prober::unlink(Family& family, uint32_t index) {
  Slot& slot = family.slots[index];
  if (slot.previous >= 0) {
    family.slots[slot.previous].next = slot.next;
  } else {
    buckets_[isSix(family)][slot.bucket] = slot.next;
  }
  if (slot.next >= 0) family.slots[slot.next].previous = slot.previous;
}

// The next place in the table that nobody waits for: a probe that was answered gives its place up.
Prober::Slot* Prober::claim(Family& family) {
  for (uint32_t tries = 0; tries < slotCount_; tries++) {
    const uint32_t place = ++family.sequence;
    const uint32_t index = place & (slotCount_ - 1);
    Slot& slot = family.slots[index];
    if (slot.state == State::kWaiting) continue;
    if (slot.state == State::kAnswered) unlink(family, index);
    slot.place = place;
    return &slot;
  }
  return nullptr;
}

size_t Prober::expire(Family& family, Result* results, size_t capacity, double nowMs) {
  const bool six = isSix(family);
  const double current = std::floor(nowMs / kBucketMs);
  double& swept = swept_[six];
  if (family.slots == nullptr) return 0;
  // After a pause of more than a round every bucket is looked at once.
  if (current - swept > static_cast<double>(kBuckets)) swept = current - static_cast<double>(kBuckets);
  size_t filled = 0;
  for (; swept < current; swept++) {
    const size_t bucket = static_cast<uint64_t>(swept) % kBuckets;
    for (int32_t i = buckets_[six][bucket]; i >= 0;) {
      Slot& slot = family.slots[i];
      const int32_t next = slot.next;
      if (slot.deadlineMs <= nowMs) {
        if (slot.state == State::kWaiting) {
          if (filled == capacity) return filled;
          Result& out = results[filled++];
          out = Result{};
          out.tag = slot.tag;
          out.outcome = static_cast<uint8_t>(Outcome::kTimeout);
          out.family = six ? 6 : 4;
          out.sequence = static_cast<uint16_t>(slot.place);
          out.sentMs = slot.sentMs;
          out.stamps = slot.stamped ? 1 : 0;
          counters.timeouts++;
          underWay_--;
        }
        unlink(family, static_cast<uint32_t>(i));
        slot.state = State::kFree;
      }
      i = next;
    }
  }
  return filled;
}

size_t Prober::take(Result* results, size_t capacity) {
  size_t filled = 0;
  const auto hand = [&](Result* queue, size_t* count) {
    const size_t n = *count < capacity - filled ? *count : capacity - filled;
    memcpy(results + filled, queue, n * sizeof(Result));
    memmove(queue, queue + n, (*count - n) * sizeof(Result));
    *count -= n;
    filled += n;
  };
  for (Family& family : families_) {
    if (family.fd < 0) continue;
    filled += receive(family, results + filled, capacity - filled);
    drainErrors(family);
  }
  hand(refused_, &refusedCount_);
  hand(errors_, &errorCount_);
  // What was not read yet may be the answer: only when all is read may something be too late.
  if (filled < capacity) {
    const double nowMs = toMs(clockNs(CLOCK_MONOTONIC));
    for (Family& family : families_) {
      filled += expire(family, results + filled, capacity - filled, nowMs);
    }
  }
  return filled;
}

bool Prober::waits(int six, size_t bucket) const {
  for (int32_t i = buckets_[six][bucket]; i >= 0; i = families_[six].slots[i].next) {
    if (families_[six].slots[i].state == State::kWaiting) return true;
  }
  return false;
}

double Prober::nextMs() const {
  if (refusedCount_ + errorCount_ > 0) return 0;
  // What is answered and kept for duplicates wakes nobody: its place is swept on the way.
  if (underWay_ == 0) return -1;
  const double nowMs = toMs(clockNs(CLOCK_MONOTONIC));
  double next = -1;
  for (int six = 0; six < 2; six++) {
    if (families_[six].slots == nullptr) continue;
    for (size_t ahead = 0; ahead < kBuckets; ahead++) {
      const double number = swept_[six] + static_cast<double>(ahead);
      if (!waits(six, static_cast<uint64_t>(number) % kBuckets)) continue;
      // Looked at when its time is over; a longer time-out waits for another round.
      const double due = (number + 1) * kBucketMs - nowMs;
      if (next < 0 || due < next) next = due < 0 ? 0 : due;
      break;
    }
  }
  return next;
}

}  // namespace gatehouse::probe
