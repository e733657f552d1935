// UDP sockets (udp(7)): datagrams come in batches, one event each, and leave by one sendmmsg per
// socket and flush. Each has a head that says where it came from or goes to.

#include <cerrno>
#include <cstring>
#include <ctime>

#include <arpa/inet.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "args.h"
#include "dht/answerer.h"
#include "dht/binding.h"
#include "reactor.h"

namespace gatehouse {

namespace {

constexpr int kDatagrams = 64;
// One datagram of a batch in the input buffer; src/os/linux/udp.ts has the same numbers. Its head:
// length in 4 bytes, port in 4, address in 16 (an IPv4 address in the first 4, as a number of the
// machine's order). What is sent has the same head without the length.
constexpr size_t kSlotBytes = 2048;
constexpr size_t kHeadBytes = 24;
constexpr size_t kPortAt = 4;
constexpr size_t kAddressAt = 8;
static_assert(kSentHeadBytes == kHeadBytes - kPortAt);
static_assert(kDatagrams * kSlotBytes <= kReadBytes);

void putEndpoint(uint8_t* port, uint8_t* address, const sockaddr_storage& from) {
  // The port stands in the same place of both.
  uint32_t number = ntohs(reinterpret_cast<const sockaddr_in&>(from).sin_port);
  memcpy(port, &number, sizeof number);
  if (from.ss_family == AF_INET6) {
    memcpy(address, &reinterpret_cast<const sockaddr_in6&>(from).sin6_addr, 16);
    return;
  }
  uint32_t v4 = ntohl(reinterpret_cast<const sockaddr_in&>(from).sin_addr.s_addr);
  memcpy(address, &v4, sizeof v4);
}

void buffer(int fd, int forced, int plain, int32_t bytes) {
  if (setsockopt(fd, SOL_SOCKET, forced, &bytes, sizeof bytes) != 0) {
    setsockopt(fd, SOL_SOCKET, plain, &bytes, sizeof bytes);
  }
}

// openUdp(head: Uint8Array of port and address, v6: 0 or 1, bufferBytes): id or -errno
napi_value openUdp(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  const uint8_t* head;
  size_t length;
  int32_t v6;
  int32_t bufferBytes;
  if (!args.bytes(0, &head, &length) || length != kSentHeadBytes || !args.i32(1, &v6) ||
      !args.i32(2, &bufferBytes)) {
    return number(env, -EINVAL);
  }
  int fd = socket(v6 != 0 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return number(env, -errno);
  buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, bufferBytes);
  buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, bufferBytes);
  sockaddr_storage at;
  socklen_t size = endpointOf(head, v6 != 0, &at);
  int on = 1;
  if ((v6 != 0 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) ||
      bind(fd, reinterpret_cast<sockaddr*>(&at), size) != 0) {
    int saved = errno;
    close(fd);
    return number(env, -saved);
  }
  Entry* e = static_cast<Reactor*>(args.data)->add(Kind::kUdp, fd, EPOLLIN);
  if (e == nullptr) return number(env, -errno);
  e->v6 = v6 != 0;
  return number(env, e->id);
}

// udpFacts(id, out: Uint32Array of 4): dropped by the kernel, not sent, cut, own port; 0 or -errno
napi_value udpFacts(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  int32_t id;
  uint32_t* out;
  size_t length;
  if (!args.i32(0, &id) || !args.words(1, &out, &length) || length < 4) return number(env, -EINVAL);
  Entry* e = static_cast<Reactor*>(args.data)->find(id, Kind::kUdp);
  if (e == nullptr) return number(env, -EBADF);
  uint32_t facts[SK_MEMINFO_VARS] = {};
  socklen_t size = sizeof facts;
  if (getsockopt(e->fd, SOL_SOCKET, SO_MEMINFO, facts, &size) == 0) {
    e->dropped = facts[SK_MEMINFO_DROPS];
  }
  sockaddr_storage own{};
  socklen_t ownSize = sizeof own;
  getsockname(e->fd, reinterpret_cast<sockaddr*>(&own), &ownSize);
  out[0] = e->dropped;
  out[1] = e->unsent;
  out[2] = e->broken;
  out[3] = ntohs(reinterpret_cast<const sockaddr_in&>(own).sin_port);
  return number(env, 0);
}

void sendAll(Entry* e, mmsghdr* messages, int count) {
  for (int sent = 0; sent < count;) {
    int n = sendmmsg(e->fd, messages + sent, static_cast<unsigned>(count - sent), MSG_DONTWAIT);
    if (n > 0) {
      sent += n;
    } else if (errno == EAGAIN || errno == ENOBUFS) {
      e->unsent += static_cast<uint32_t>(count - sent);
      return;
    } else if (errno != EINTR) {
      e->unsent++;  // this one alone: no way there, or the firewall forbids it
      sent++;
    }
  }
}

double monotonicMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

// Answers what it can of a DHT node's datagrams and makes each that JavaScript need not see one of no length.
// How many are left.
int answerDatagrams(Entry* e, mmsghdr* messages, const sockaddr_storage* from, int count) {
  uint8_t answers[kDatagrams][dht::kMaxAnswerBytes];
  mmsghdr out[kDatagrams];
  iovec vectors[kDatagrams];
  const double nowMs = e->dht->nowMs = monotonicMs();
  int answered = 0;
  int left = 0;
  for (int i = 0; i < count; i++) {
    msghdr& head = messages[i].msg_hdr;
    if ((head.msg_flags & MSG_TRUNC) != 0 || messages[i].msg_len == 0) continue;
    size_t length = 0;
    const dht::Fate fate =
        dht::take(e->dht->board, static_cast<const uint8_t*>(head.msg_iov->iov_base),
                  messages[i].msg_len, dht::endpoint(from[i]), nowMs, answers[answered], &length);
    if (fate == dht::Fate::kHandOver) {
      left++;
      continue;
    }
    messages[i].msg_len = 0;
    if (fate != dht::Fate::kAnswered) continue;
    vectors[answered] = iovec{answers[answered], length};
    out[answered].msg_hdr = msghdr{head.msg_name, head.msg_namelen, &vectors[answered], 1, nullptr, 0, 0};
    answered++;
  }
  sendAll(e, out, answered);
  return left;
}

// JavaScript is told of those who asked a hundred times a second at most; its own clock brings it the rest.
// It sees the datagrams of the same batch before: who answered us is known then.
void tellOfAskers(Reactor* r, Entry* e) {
  constexpr double kTellMs = 10;
  if (e->dht->board.askers->count == 0 || e->dht->nowMs - e->dht->toldMs < kTellMs) return;
  e->dht->toldMs = e->dht->nowMs;
  r->push(What::kAsked, e->id);
}

}  // namespace

uint32_t endpointOf(const uint8_t* head, bool v6, sockaddr_storage* out) {
  memset(out, 0, sizeof *out);
  const uint8_t* address = head + kAddressAt - kPortAt;
  uint32_t number;
  memcpy(&number, head, sizeof number);
  out->ss_family = v6 ? AF_INET6 : AF_INET;
  reinterpret_cast<sockaddr_in*>(out)->sin_port = htons(static_cast<uint16_t>(number));
  if (v6) {
    memcpy(&reinterpret_cast<sockaddr_in6*>(out)->sin6_addr, address, 16);
    return sizeof(sockaddr_in6);
  }
  uint32_t v4;
  memcpy(&v4, address, sizeof v4);
  reinterpret_cast<sockaddr_in*>(out)->sin_addr.s_addr = htonl(v4);
  return sizeof(sockaddr_in);
}

void udpReady(Reactor* r, Entry* e) {
  mmsghdr messages[kDatagrams];
  iovec vectors[kDatagrams];
  sockaddr_storage from[kDatagrams];
  // Heads are read as words. There is room for a whole batch behind the next multiple of 4,
  // because both sizes are multiples of it.
  size_t base = (r->inputUsed + 3) & ~size_t{3};
  for (int i = 0; i < kDatagrams; i++) {
    uint8_t* slot = r->input + base + static_cast<size_t>(i) * kSlotBytes;
    vectors[i] = iovec{slot + kHeadBytes, kSlotBytes - kHeadBytes};
    messages[i].msg_hdr = msghdr{&from[i], sizeof from[i], &vectors[i], 1, nullptr, 0, 0};
  }
  int count = recvmmsg(e->fd, messages, kDatagrams, MSG_DONTWAIT, nullptr);
  if (count <= 0) return;
  int left = count;
  if (e->dht != nullptr) left = answerDatagrams(e, messages, from, count);
  for (int i = 0; i < count; i++) {
    uint8_t* slot = r->input + base + static_cast<size_t>(i) * kSlotBytes;
    auto length = static_cast<uint32_t>(messages[i].msg_len);
    if ((messages[i].msg_hdr.msg_flags & MSG_TRUNC) != 0) {
      e->broken++;
      length = 0;  // JavaScript leaves it out
    }
    memcpy(slot, &length, sizeof length);
    putEndpoint(slot + kPortAt, slot + kAddressAt, from[i]);
  }
  if (left > 0) {
    r->push(What::kDatagrams, e->id, static_cast<int32_t>(base), count);
    r->inputUsed = base + static_cast<size_t>(count) * kSlotBytes;
  }
  if (e->dht != nullptr) tellOfAskers(r, e);
}

void sendDatagrams(Entry* e, iovec* vectors, int count) {
  mmsghdr messages[kVectors];
  sockaddr_storage to[kVectors];
  int used = 0;
  for (int i = 0; i < count; i++) {
    auto* at = static_cast<uint8_t*>(vectors[i].iov_base);
    if (vectors[i].iov_len < kSentHeadBytes) continue;  // only a corrupt list gets here
    socklen_t size = endpointOf(at, e->v6, &to[used]);
    vectors[i].iov_base = at + kSentHeadBytes;
    vectors[i].iov_len -= kSentHeadBytes;
    messages[used].msg_hdr = msghdr{&to[used], size, &vectors[i], 1, nullptr, 0, 0};
    used++;
  }
  sendAll(e, messages, used);
}

bool defineUdp(napi_env env, napi_value target, Reactor* r) {
  static const Method methods[] = {{"openUdp", openUdp}, {"udpFacts", udpFacts}};
  return define(env, target, methods, r);
}

}  // namespace gatehouse
