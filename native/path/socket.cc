// Probes of a path: echo requests, datagrams and connections with a chosen hop limit and size, and what comes
// back for them. Errors of the path are read from the socket's error queue (ip(7), IP_RECVERR), so datagrams and
// connections need no privilege, and echo requests none where the kernel lets this group have ICMP sockets.
//
//   pathOpen(protocol, address, ifName, trafficClass, fragment): id, or -errno; protocol 0 ICMP, 1 UDP, 2 TCP; address of 4
//     or 16 bytes with the scope of a link-local one in 4 more; an empty ifName lets the routes decide; fragment 1 lets what is too big be split
//   pathSend(id, sequence, hopLimit, packetBytes, port, out): 0 or -errno; out[0] is CLOCK_MONOTONIC in ms
//     just before. packetBytes counts the IP header. A TCP socket sends one connection only.
//   pathReceive(id, out, from): 0, or -EAGAIN when there is nothing more. out: kind (1 answer, 2 error), sequence
//     (-1: not known), ms when it came, ICMP type, code, MTU, hop limit of the answer, origin of the error
//     (SO_EE_ORIGIN_*), errno; `from` its 4 or 16 bytes, zeros when nobody is known
//   pathRaw(id): 1 when echo requests leave by a raw socket

#include <cerrno>
#include <cstring>
#include <ctime>

#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../args.h"
#include "../internet-checksum.h"
#include "../reactor.h"
#include "quote.h"

namespace gatehouse {

namespace {

using path::echoSequence;
using path::headerBytes4;

enum : int32_t { kIcmp = 0, kUdp = 1, kTcp = 2 };

constexpr size_t kLargest = 65535;
constexpr size_t kOut = 8;
constexpr int kReceiveBytes = 1 << 20;

// What an Entry has no field for is kept in its queue.
struct PathState {
  sockaddr_storage to{};
  socklen_t toSize = 0;
  int32_t protocol = 0;
  int32_t id = -1;  // identifier of echo requests; -1 where the kernel chooses it
  int32_t sequence = -1;
  bool raw = false;
  bool done = false;
};

PathState* stateOf(Entry* e) {
  return e->queue.size == sizeof(PathState) ? reinterpret_cast<PathState*>(e->queue.data) : nullptr;
}

bool is6(const PathState& s) { return s.to.ss_family == AF_INET6; }

double msOf(const timespec& t) {
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) / 1e6;
}

double nowMs(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return msOf(now);
}

bool setInt(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

// Opens the socket, or gives -errno.
int openSocket(PathState* s) {
  int family = s->to.ss_family;
  int flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
  if (s->protocol == kTcp) return socket(family, SOCK_STREAM | flags, 0);
  if (s->protocol == kUdp) return socket(family, SOCK_DGRAM | flags, 0);
  int icmp = is6(*s) ? static_cast<int>(IPPROTO_ICMPV6) : static_cast<int>(IPPROTO_ICMP);
  int fd = socket(family, SOCK_RAW | flags, icmp);
  s->raw = fd >= 0;
  return fd >= 0 ? fd : socket(family, SOCK_DGRAM | flags, icmp);
}

bool prepare(int fd, const PathState& s, int32_t trafficClass, bool fragment) {
  // Without fragments sizes are ours to choose: what the kernel remembers of the path does not count.
  bool ok = is6(s) ? setInt(fd, IPPROTO_IPV6, IPV6_RECVERR, 1) &&
                         setInt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER,
                                fragment ? IPV6_PMTUDISC_DONT : IPV6_PMTUDISC_PROBE) &&
                         setInt(fd, IPPROTO_IPV6, IPV6_DONTFRAG, fragment ? 0 : 1) &&
                         setInt(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1) &&
                         setInt(fd, IPPROTO_IPV6, IPV6_TCLASS, trafficClass)
                   : setInt(fd, IPPROTO_IP, IP_RECVERR, 1) &&
                         setInt(fd, IPPROTO_IP, IP_MTU_DISCOVER,
                                fragment ? IP_PMTUDISC_DONT : IP_PMTUDISC_PROBE) &&
                         setInt(fd, IPPROTO_IP, IP_RECVTTL, 1) &&
                         setInt(fd, IPPROTO_IP, IP_TOS, trafficClass);
  if (!ok || !setInt(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1)) return false;
  setInt(fd, SOL_SOCKET, SO_RCVBUF, kReceiveBytes);
  setInt(fd, SOL_SOCKET, SO_SNDBUF, kReceiveBytes);
  if (s.protocol == kTcp) {
    linger now{1, 0};
    setInt(fd, IPPROTO_TCP, TCP_SYNCNT, 1);
    return setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0;
  }
  if (!s.raw) return true;
  if (is6(s)) {
    icmp6_filter filter;
    memset(&filter, 0xff, sizeof filter);
    filter.data[ICMPV6_ECHO_REPLY >> 5] &= ~(1u << (ICMPV6_ECHO_REPLY & 31));
    return setsockopt(fd, IPPROTO_ICMPV6, ICMPV6_FILTER, &filter, sizeof filter) == 0;
  }
  icmp_filter filter{~(1u << ICMP_ECHOREPLY)};
  return setsockopt(fd, SOL_RAW, ICMP_FILTER, &filter, sizeof filter) == 0;
}

napi_value openPath(napi_env env, napi_callback_info info) {
  Args<5> args(env, info);
  PathState s;
  const uint8_t* address;
  size_t length;
  char ifName[16];
  int32_t trafficClass, fragment;
  if (!args.i32(0, &s.protocol) || s.protocol < kIcmp || s.protocol > kTcp ||
      !args.bytes(1, &address, &length) || (length != 4 && length != 20) ||
      !args.text(2, ifName, sizeof ifName) || !args.i32(3, &trafficClass) || !args.i32(4, &fragment)) {
    return number(env, -EINVAL);
  }
  if (length == 4) {
    auto* to = reinterpret_cast<sockaddr_in*>(&s.to);
    to->sin_family = AF_INET;
    memcpy(&to->sin_addr, address, 4);
    s.toSize = sizeof *to;
  } else {
    auto* to = reinterpret_cast<sockaddr_in6*>(&s.to);
    to->sin6_family = AF_INET6;
    memcpy(&to->sin6_addr, address, 16);
    memcpy(&to->sin6_scope_id, address + 16, 4);
    s.toSize = sizeof *to;
  }
  int fd = openSocket(&s);
  if (fd < 0) return number(env, -errno);
  bool ok = prepare(fd, s, trafficClass, fragment != 0);
  if (ok && ifName[0] != '\0') {
    ok = setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, ifName, static_cast<socklen_t>(strlen(ifName))) == 0;
  }
  // Connected, a raw socket hears its own destination only.
  if (ok && s.protocol == kIcmp) {
    ok = connect(fd, reinterpret_cast<sockaddr*>(&s.to), s.toSize) == 0;
  }
  if (!ok) {
    int saved = errno;
    close(fd);
    return number(env, -saved);
  }
  // A connection is watched from its first packet on: before, it would count as hung up.
  Entry* e = static_cast<Reactor*>(args.data)->add(Kind::kPath, fd, s.protocol == kTcp ? EPOLLET : EPOLLIN);
  if (e == nullptr) return number(env, -errno);
  if (s.raw) s.id = (e->id ^ static_cast<int32_t>(getpid())) & 0xffff;
  if (!e->queue.append(reinterpret_cast<const uint8_t*>(&s), sizeof s)) {
    static_cast<Reactor*>(args.data)->drop(e);
    return number(env, -ENOMEM);
  }
  return number(env, e->id);
}

int sendProbe(Reactor* r, Entry* e, PathState* s, int32_t sequence, int32_t packetBytes, int32_t port) {
  static const uint8_t zeros[kLargest] = {};
  size_t header = (is6(*s) ? 40 : 20) + 8;
  if (s->protocol != kTcp && static_cast<size_t>(packetBytes) < header) return -EINVAL;
  sockaddr_storage to = s->to;
  if (is6(*s)) {
    reinterpret_cast<sockaddr_in6*>(&to)->sin6_port = htons(static_cast<uint16_t>(port));
  } else {
    reinterpret_cast<sockaddr_in*>(&to)->sin_port = htons(static_cast<uint16_t>(port));
  }
  if (s->protocol == kTcp) {
    if (s->sequence >= 0) return -EALREADY;
    s->sequence = sequence;
    int rc = connect(e->fd, reinterpret_cast<sockaddr*>(&to), s->toSize);
    int saved = rc == 0 || errno == EINPROGRESS ? 0 : errno;
    if (!r->want(e, EPOLLOUT)) return -errno;
    return -saved;
  }
  uint8_t echo[path::kEchoBytes] = {};
  size_t fill = static_cast<size_t>(packetBytes) - header;
  iovec parts[2] = {{echo, 0}, {const_cast<uint8_t*>(zeros), fill}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  if (s->protocol == kIcmp) {
    echo[0] = is6(*s) ? static_cast<uint8_t>(ICMPV6_ECHO_REQUEST) : static_cast<uint8_t>(ICMP_ECHO);
    uint16_t id = htons(static_cast<uint16_t>(s->id));
    uint16_t number = htons(static_cast<uint16_t>(sequence));
    memcpy(echo + 4, &id, 2);
    memcpy(echo + 6, &number, 2);
    if (!is6(*s)) {
      // The rest is zeros, which the sum does not see.
      uint16_t sum = htons(internetChecksum(echo, sizeof echo));
      memcpy(echo + 2, &sum, 2);
    }
    parts[0].iov_len = sizeof echo;
  } else {
    message.msg_name = &to;
    message.msg_namelen = s->toSize;
  }
  for (int tries = 0; tries < 4; tries++) {
    if (sendmsg(e->fd, &message, MSG_DONTWAIT) >= 0) return 0;
    // An error of an earlier probe is told here, too; it stands in the queue. A size that does not fit
    // comes again and stays.
    if (errno != EHOSTUNREACH && errno != ENETUNREACH && errno != ECONNREFUSED && errno != EACCES &&
        errno != EPROTO) {
      break;
    }
  }
  return -errno;
}

napi_value sendPath(napi_env env, napi_callback_info info) {
  Args<6> args(env, info);
  int32_t id, sequence, hopLimit, packetBytes, port;
  double* out;
  size_t room;
  if (!args.i32(0, &id) || !args.i32(1, &sequence) || !args.i32(2, &hopLimit) ||
      !args.i32(3, &packetBytes) || !args.i32(4, &port) || !args.doubles(5, &out, &room) || room < 1 ||
      sequence < 0 || sequence > 0xffff || hopLimit < 1 || hopLimit > 255 || packetBytes < 0 ||
      packetBytes > static_cast<int32_t>(kLargest) || port < 0 || port > 0xffff) {
    return number(env, -EINVAL);
  }
  auto* r = static_cast<Reactor*>(args.data);
  Entry* e = r->find(id, Kind::kPath);
  PathState* s = e == nullptr ? nullptr : stateOf(e);
  if (s == nullptr) return number(env, -EBADF);
  bool limited = is6(*s) ? setInt(e->fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, hopLimit)
                         : setInt(e->fd, IPPROTO_IP, IP_TTL, hopLimit);
  if (!limited) return number(env, -errno);
  out[0] = nowMs(CLOCK_MONOTONIC);
  return number(env, sendProbe(r, e, s, sequence, packetBytes, port));
}

struct Ancillary {
  double ageMs = 0;
  int32_t hopLimit = 0;
  const sock_extended_err* error = nullptr;
};

Ancillary readAncillary(msghdr* message) {
  Ancillary found;
  for (cmsghdr* c = CMSG_FIRSTHDR(message); c != nullptr; c = CMSG_NXTHDR(message, c)) {
    const void* data = CMSG_DATA(c);
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
      timespec came;
      memcpy(&came, data, sizeof came);
      // How long it waited for us; a clock that was set meanwhile makes it absurd.
      double age = nowMs(CLOCK_REALTIME) - msOf(came);
      if (age > 0 && age < 1000) found.ageMs = age;
    } else if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL) ||
               (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT)) {
      memcpy(&found.hopLimit, data, sizeof found.hopLimit);
    } else if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
               (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR)) {
      found.error = static_cast<const sock_extended_err*>(data);
    }
  }
  return found;
}

void putAddress(const sockaddr* address, uint8_t* from) {
  if (address->sa_family == AF_INET) {
    memcpy(from, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, 4);
  } else if (address->sa_family == AF_INET6) {
    memcpy(from, &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, 16);
  }
}

int32_t portOf(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  if (address.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  return -1;
}

// One message of the socket (`flags` 0) or of its error queue; false when there is none.
bool receiveMessage(Entry* e, const PathState& s, int flags, double* out, uint8_t* from) {
  uint8_t bytes[256];
  alignas(cmsghdr) uint8_t control[512];
  sockaddr_storage peer{};
  iovec part{bytes, sizeof bytes};
  msghdr message{};
  message.msg_name = &peer;
  message.msg_namelen = sizeof peer;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t got = recvmsg(e->fd, &message, MSG_DONTWAIT | flags);
  if (got < 0) return false;
  auto length = static_cast<size_t>(got);
  Ancillary found = readAncillary(&message);
  out[2] = nowMs(CLOCK_MONOTONIC) - found.ageMs;
  out[6] = found.hopLimit;
  if (found.error != nullptr) {
    const sock_extended_err& error = *found.error;
    out[0] = 2;
    out[3] = error.ee_type;
    out[4] = error.ee_code;
    out[5] = error.ee_info;
    out[7] = error.ee_origin;
    putAddress(SO_EE_OFFENDER(found.error), from);
    uint8_t type = is6(s) ? static_cast<uint8_t>(ICMPV6_ECHO_REQUEST) : static_cast<uint8_t>(ICMP_ECHO);
    out[1] = s.protocol == kUdp   ? portOf(peer)
             : s.protocol == kTcp ? s.sequence
                                  : echoSequence(bytes, length, type, s.id);
    return true;
  }
  out[0] = 1;
  putAddress(reinterpret_cast<sockaddr*>(&peer), from);
  if (s.protocol == kUdp) {
    out[1] = portOf(peer);
    return true;
  }
  size_t at = s.raw && !is6(s) ? headerBytes4(bytes, length) : 0;
  if (s.raw && !is6(s) && at == 0) return true;
  uint8_t type = is6(s) ? static_cast<uint8_t>(ICMPV6_ECHO_REPLY) : static_cast<uint8_t>(ICMP_ECHOREPLY);
  out[1] = echoSequence(bytes + at, length - at, type, s.id);
  return true;
}

// How a connection ended: its errno, told once.
bool receiveConnection(Reactor* r, Entry* e, PathState* s, double* out) {
  if (s->done || s->sequence < 0) return false;
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(e->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return false;
  tcp_info state{};
  socklen_t stateSize = sizeof state;
  if (error == 0) {
    if (getsockopt(e->fd, IPPROTO_TCP, TCP_INFO, &state, &stateSize) != 0 ||
        state.tcpi_state != TCP_ESTABLISHED) {
      return false;
    }
  }
  s->done = true;
  r->want(e, EPOLLET);
  out[0] = error == 0 || error == ECONNREFUSED ? 1 : 2;
  out[1] = s->sequence;
  out[2] = nowMs(CLOCK_MONOTONIC);
  return true;
}

napi_value receivePath(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  int32_t id;
  double* out;
  size_t room;
  const uint8_t* bytes;
  size_t length;
  if (!args.i32(0, &id) || !args.doubles(1, &out, &room) || room < kOut ||
      !args.bytes(2, &bytes, &length) || length < 16) {
    return number(env, -EINVAL);
  }
  auto* r = static_cast<Reactor*>(args.data);
  Entry* e = r->find(id, Kind::kPath);
  PathState* s = e == nullptr ? nullptr : stateOf(e);
  if (s == nullptr) return number(env, -EBADF);
  auto* from = const_cast<uint8_t*>(bytes);
  memset(out, 0, kOut * sizeof *out);
  memset(from, 0, 16);
  out[1] = -1;
  if (receiveMessage(e, *s, MSG_ERRQUEUE, out, from)) return number(env, 0);
  bool got = s->protocol == kTcp ? receiveConnection(r, e, s, out) : receiveMessage(e, *s, 0, out, from);
  return number(env, got ? 0 : -EAGAIN);
}

napi_value rawPath(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  int32_t id;
  if (!args.i32(0, &id)) return number(env, -EINVAL);
  Entry* e = static_cast<Reactor*>(args.data)->find(id, Kind::kPath);
  PathState* s = e == nullptr ? nullptr : stateOf(e);
  return number(env, s == nullptr ? -EBADF : s->raw ? 1 : 0);
}

}  // namespace

void pathReady(Reactor* r, Entry* e) { r->push(What::kReadable, e->id); }

bool definePath(napi_env env, napi_value target, Reactor* r) {
  static const Method methods[] = {{"pathOpen", openPath},
                                   {"pathSend", sendPath},
                                   {"pathReceive", receivePath},
                                   {"pathRaw", rawPath}};
  return define(env, target, methods, r);
}

}  // namespace gatehouse
