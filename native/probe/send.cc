// How probes leave: in batches of one family and size, each with the key and its place at the end.
#include <cerrno>
#include <cmath>
#include <cstring>

#include <sys/socket.h>

#include "../internet-checksum.h"
#include "prober.h"
#include "sockets.h"

namespace gatehouse::probe {

namespace {

void put16(uint8_t* at, unsigned value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}
void put32(uint8_t* at, uint32_t value) {
  put16(at, value >> 16);
  put16(at + 2, value & 0xffff);
}

}  // namespace

size_t Prober::send(const Request* requests, size_t count) {
  size_t done = 0;
  while (done < count && refusedCount_ < kNotSent) {
    const Request& first = requests[done];
    Family& family = families_[first.family == 6 ? 1 : 0];
    if (family.fd < 0 || first.payload < kTrailerBytes || first.payload > kMostPayload ||
        first.timeoutMs == 0 || (first.family != 4 && first.family != 6)) {
      notSent(first, family.fd < 0 ? EAFNOSUPPORT : EINVAL);
      done++;
      continue;
    }
    size_t length = 1;
    while (length < kBatch && done + length < count &&
           requests[done + length].family == first.family &&
           requests[done + length].payload == first.payload &&
           requests[done + length].timeoutMs != 0) {
      length++;
    }
    int error = 0;
    const size_t sent = sendBatch(family, requests + done, length, &error);
    done += sent;
    if (error != 0) {
      if (error == ENOSPC) break;
      notSent(requests[done], error);
      done++;
    }
  }
  return done;
}

void Prober::notSent(const Request& request, int error) {
  Result& out = refused_[refusedCount_++];
  out = Result{};
  out.tag = request.tag;
  out.outcome = static_cast<uint8_t>(Outcome::kNotSent);
  out.family = request.family;
  out.information = error;
  out.sentMs = toMs(clockNs(CLOCK_MONOTONIC));
  counters.errors++;
}

// All of one family and size. Fewer than `count` with `error` set: the next one was refused, or, with
// ENOSPC, has no place.
size_t Prober::sendBatch(Family& family, const Request* requests, size_t count, int* error) {
  const bool six = isSix(family);
  mmsghdr messages[kBatch];
  iovec vectors[kBatch];
  sockaddr_in6 to[kBatch];
  alignas(cmsghdr) uint8_t control[kBatch][CMSG_SPACE(sizeof(int))];
  Slot* claimed[kBatch];
  const size_t length = kEchoBytes + requests[0].payload;
  const int64_t monotonic = clockNs(CLOCK_MONOTONIC);
  const int64_t wall = clockNs(CLOCK_REALTIME);
  const double nowMs = toMs(monotonic);
  size_t ready = 0;
  for (; ready < count; ready++) {
    const Request& request = requests[ready];
    Slot* slot = claim(family);
    if (slot == nullptr) {
      counters.full++;
      *error = ENOSPC;
      break;
    }
    claimed[ready] = slot;
    memcpy(slot->address, request.address, 16);
    slot->sentMs = nowMs;
    slot->deadlineMs = nowMs + request.timeoutMs;
    slot->stamp = wall;
    slot->offset = wall - monotonic;
    slot->tag = request.tag;
    slot->stamped = false;
    slot->state = State::kWaiting;
    slot->bucket = static_cast<uint16_t>(
        static_cast<uint64_t>(std::floor(slot->deadlineMs / kBucketMs)) % kBuckets);
    link(family, static_cast<uint32_t>(slot - family.slots));
    underWay_++;

    uint8_t* at = buffers_->outgoing[ready];
    at[0] = six ? 128 : 8;
    at[1] = at[2] = at[3] = 0;
    put16(at + 4, family.id);
    put16(at + 6, slot->place);
    memset(at + kEchoBytes, 0, length - kEchoBytes - kTrailerBytes);
    put32(at + length - 8, key_);
    put32(at + length - 4, slot->place);
    if (!six) put16(at + 2, internetChecksum(at, length));

    to[ready] = {};
    if (six) {
      to[ready].sin6_family = AF_INET6;
      memcpy(&to[ready].sin6_addr, request.address, 16);
      to[ready].sin6_scope_id = request.scope;
    } else {
      auto* four = reinterpret_cast<sockaddr_in*>(&to[ready]);
      four->sin_family = AF_INET;
      memcpy(&four->sin_addr, request.address, 4);
    }
    vectors[ready] = {at, length};
    msghdr& header = messages[ready].msg_hdr;
    header = {};
    header.msg_name = &to[ready];
    header.msg_namelen = six ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
    header.msg_iov = &vectors[ready];
    header.msg_iovlen = 1;
    if (request.ttl != 0) {
      header.msg_control = control[ready];
      header.msg_controllen = sizeof control[ready];
      cmsghdr* c = CMSG_FIRSTHDR(&header);
      c->cmsg_level = six ? SOL_IPV6 : SOL_IP;
      c->cmsg_type = six ? IPV6_HOPLIMIT : IP_TTL;
      c->cmsg_len = CMSG_LEN(sizeof(int));
      const int ttl = request.ttl;
      memcpy(CMSG_DATA(c), &ttl, sizeof ttl);
    }
  }
  size_t sent = 0;
  bool again = false;
  while (sent < ready) {
    const int n = sendmmsg(family.fd, messages + sent, static_cast<unsigned>(ready - sent), 0);
    if (n > 0) {
      sent += static_cast<size_t>(n);
      again = false;
      continue;
    }
    if (errno == EINTR) continue;
    // The socket has no room: what is left is taken later.
    if (errno == EAGAIN || errno == ENOBUFS) {
      counters.full++;
      *error = ENOSPC;
      break;
    }
    // An error of an earlier probe that waits at the socket is told once, to whoever sends next.
    if (!again) {
      again = true;
      continue;
    }
    *error = errno;
    break;
  }
  for (size_t i = sent; i < ready; i++) {
    unlink(family, static_cast<uint32_t>(claimed[i] - family.slots));
    claimed[i]->state = State::kFree;
    underWay_--;
  }
  counters.sent += static_cast<double>(sent);
  // The stamps are there already where the device took the packets at once: that saves waking up.
  if (sent > 0) drainErrors(family);
  return sent;
}

}  // namespace gatehouse::probe
