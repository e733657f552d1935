// Frame ports (packet(7)): raw frames of one interface for servers that answer many. Frames come
// in batches, one event each, and leave by one sendmmsg per port and flush. TypeScript wrote the
// kernel filter; here the checksums are judged, so that JavaScript sees whole datagrams alone.

#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "args.h"
#include "filter.h"
#include "reactor.h"

namespace gatehouse {

namespace {

constexpr int kFrames = 64;
// One frame of a batch in the input buffer: its length in 4 bytes, then the frame.
// src/os/linux/frames.ts has the same numbers.
constexpr size_t kSlotBytes = 2048;
constexpr size_t kHeadBytes = 4;
constexpr size_t kMacBytes = 6;
static_assert(kFrames * kSlotBytes <= kReadBytes);

constexpr size_t kEthernet = 14;
constexpr size_t kIpv6Header = 40;
constexpr size_t kUdpHeader = 8;
constexpr size_t kIcmp6Header = 4;

uint16_t half(const uint8_t* at) { return static_cast<uint16_t>(at[0] << 8 | at[1]); }

// One's complement sum (RFC 1071) in the byte order of the machine: 0xffff means that it holds.
uint64_t sum(const uint8_t* at, size_t length, uint64_t start) {
  uint64_t total = start;
  for (; length >= 4; at += 4, length -= 4) {
    uint32_t word;
    memcpy(&word, at, sizeof word);
    total += word;
  }
  if (length > 0) {
    uint8_t rest[4] = {};
    memcpy(rest, at, length);
    uint32_t word;
    memcpy(&word, rest, sizeof word);
    total += word;
  }
  return total;
}

bool holds(uint64_t total) {
  while (total >> 16 != 0) total = (total & 0xffff) + (total >> 16);
  return total == 0xffff;
}

uint64_t pseudo(const uint8_t* addresses, size_t size, uint8_t protocol, size_t length) {
  uint8_t tail[4] = {0, protocol, static_cast<uint8_t>(length >> 8), static_cast<uint8_t>(length)};
  return sum(tail, sizeof tail, sum(addresses, size, 0));
}

// UDP in IPv4 (RFC 768): lengths within the frame, both checksums; a sum of 0 was not made.
bool wholeIpv4(const uint8_t* ip, size_t length, bool summed) {
  if (length < 20) return false;
  size_t header = static_cast<size_t>(ip[0] & 15) * 4;
  size_t total = half(ip + 2);
  if (ip[0] >> 4 != 4 || header < 20 || total > length || total < header + kUdpHeader) return false;
  if (!holds(sum(ip, header, 0))) return false;
  const uint8_t* udp = ip + header;
  size_t size = half(udp + 4);
  if (size < kUdpHeader || size > total - header) return false;
  if (summed || half(udp + 6) == 0) return true;
  return holds(sum(udp, size, pseudo(ip + 12, 8, ip[9], size)));
}

// UDP (RFC 8200 §8.1: a sum of 0 is not allowed) or ICMPv6 right behind the IPv6 header.
bool wholeIpv6(const uint8_t* ip, size_t length, bool summed) {
  if (length < kIpv6Header || ip[0] >> 4 != 6) return false;
  size_t size = half(ip + 4);
  const uint8_t* upper = ip + kIpv6Header;
  bool udp = ip[6] == IPPROTO_UDP;
  if (size > length - kIpv6Header || size < (udp ? kUdpHeader : kIcmp6Header)) return false;
  if (udp) {
    size_t said = half(upper + 4);
    if (said < kUdpHeader || said > size) return false;
    size = said;
  }
  if (summed) return true;
  if (udp && half(upper + 6) == 0) return false;
  return holds(sum(upper, size, pseudo(ip + 8, 32, ip[6], size)));
}

// `summed`: the kernel vouches for the checksum, or the sender in this machine has yet to make it.
bool whole(const uint8_t* frame, size_t length, bool summed) {
  if (length < kEthernet) return false;
  switch (half(frame + 12)) {
    case ETH_P_IP:
      return wholeIpv4(frame + kEthernet, length - kEthernet, summed);
    case ETH_P_IPV6:
      return wholeIpv6(frame + kEthernet, length - kEthernet, summed);
    default:
      return true;
  }
}

bool summed(msghdr* message) {
  for (cmsghdr* c = CMSG_FIRSTHDR(message); c != nullptr; c = CMSG_NXTHDR(message, c)) {
    if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA) continue;
    tpacket_auxdata aux;
    memcpy(&aux, CMSG_DATA(c), sizeof aux);
    return (aux.tp_status & (TP_STATUS_CSUMNOTREADY | TP_STATUS_CSUM_VALID)) != 0;
  }
  return false;
}

void buffer(int fd, int forced, int plain, int32_t bytes) {
  if (setsockopt(fd, SOL_SOCKET, forced, &bytes, sizeof bytes) != 0) {
    setsockopt(fd, SOL_SOCKET, plain, &bytes, sizeof bytes);
  }
}

bool configure(int fd, int32_t ifIndex, Filter* filter, const uint8_t* macs, size_t macBytes) {
  int on = 1;
  // Every protocol, because the ports of a bridge hand frames to no other kind of socket. Bound
  // last, so that no frame passes unfiltered.
  sockaddr_ll where{};
  where.sll_family = AF_PACKET;
  where.sll_protocol = htons(ETH_P_ALL);
  where.sll_ifindex = ifIndex;
  if (!filter->attach(fd) ||
      setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) != 0 ||
      setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof on) != 0 ||
      bind(fd, reinterpret_cast<sockaddr*>(&where), sizeof where) != 0) {
    return false;
  }
  for (size_t i = 0; i < macBytes; i += kMacBytes) {
    packet_mreq group{};
    group.mr_ifindex = ifIndex;
    group.mr_type = PACKET_MR_MULTICAST;
    group.mr_alen = kMacBytes;
    memcpy(group.mr_address, macs + i, kMacBytes);
    if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &group, sizeof group) != 0) return false;
  }
  return true;
}

// frames(ifIndex, filter, groups: Uint8Array of multicast MACs, bufferBytes): id or -errno
napi_value openFrames(napi_env env, napi_callback_info info) {
  Args<4> args(env, info);
  int32_t ifIndex;
  int32_t bufferBytes;
  Filter filter;
  const uint8_t* macs;
  size_t macBytes;
  if (!args.i32(0, &ifIndex) || !filter.read(args, 1) || !args.bytes(2, &macs, &macBytes) ||
      macBytes % kMacBytes != 0 || !args.i32(3, &bufferBytes)) {
    return number(env, -EINVAL);
  }
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return number(env, -errno);
  buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, bufferBytes);
  buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, bufferBytes);
  if (!configure(fd, ifIndex, &filter, macs, macBytes)) {
    int saved = errno;
    close(fd);
    return number(env, -saved);
  }
  Entry* e = static_cast<Reactor*>(args.data)->add(Kind::kFrames, fd, EPOLLIN);
  return number(env, e == nullptr ? -errno : e->id);
}

// frameCounts(id, out: Uint32Array of 3): dropped by the kernel, not sent, not whole; 0 or -errno
napi_value frameCounts(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  int32_t id;
  uint32_t* out;
  size_t length;
  if (!args.i32(0, &id) || !args.words(1, &out, &length) || length < 3) return number(env, -EINVAL);
  Entry* e = static_cast<Reactor*>(args.data)->find(id, Kind::kFrames);
  if (e == nullptr) return number(env, -EBADF);
  out[0] = packetsDropped(e);
  out[1] = e->unsent;
  out[2] = e->broken;
  return number(env, 0);
}

// holdUdp(port): an IPv4 UDP port of all addresses that takes everything and keeps nothing; id or -errno
napi_value holdUdp(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  int32_t port;
  if (!args.i32(0, &port) || port < 0 || port > 0xffff) return number(env, -EINVAL);
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return number(env, -errno);
  sock_filter nothing{BPF_RET | BPF_K, 0, 0, 0};
  sock_fprog program{1, &nothing};
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(static_cast<uint16_t>(port));
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0 ||
      bind(fd, reinterpret_cast<sockaddr*>(&where), sizeof where) != 0) {
    int saved = errno;
    close(fd);
    return number(env, -saved);
  }
  Entry* e = static_cast<Reactor*>(args.data)->add(Kind::kRequest, fd, 0);
  return number(env, e == nullptr ? -errno : e->id);
}

}  // namespace

void framesReady(Reactor* r, Entry* e) {
  mmsghdr messages[kFrames];
  iovec vectors[kFrames];
  alignas(cmsghdr) uint8_t controls[kFrames][CMSG_SPACE(sizeof(tpacket_auxdata))];
  // The lengths are read as words. There is room for a whole batch behind the next multiple of 4,
  // because both sizes are multiples of it.
  size_t base = (r->inputUsed + 3) & ~size_t{3};
  for (int i = 0; i < kFrames; i++) {
    uint8_t* slot = r->input + base + static_cast<size_t>(i) * kSlotBytes;
    vectors[i] = iovec{slot + kHeadBytes, kSlotBytes - kHeadBytes};
    messages[i].msg_hdr = msghdr{nullptr, 0, &vectors[i], 1, controls[i], sizeof controls[i], 0};
  }
  int count = recvmmsg(e->fd, messages, kFrames, MSG_DONTWAIT, nullptr);
  // ENETDOWN comes once when the interface goes down; the port hears again when it is up.
  if (count <= 0) return;
  int32_t good = 0;
  for (int i = 0; i < count; i++) {
    msghdr* message = &messages[i].msg_hdr;
    size_t length = messages[i].msg_len;
    const auto* frame = static_cast<const uint8_t*>(vectors[i].iov_base);
    int32_t head = static_cast<int32_t>(length);
    if ((message->msg_flags & MSG_TRUNC) != 0 || !whole(frame, length, summed(message))) {
      e->broken++;
      head = 0;  // JavaScript leaves it out
    } else {
      good++;
    }
    memcpy(r->input + base + static_cast<size_t>(i) * kSlotBytes, &head, sizeof head);
  }
  if (good == 0) return;
  r->push(What::kFrames, e->id, static_cast<int32_t>(base), count);
  r->inputUsed = base + static_cast<size_t>(count) * kSlotBytes;
}

void sendFrames(Entry* e, iovec* vectors, int count) {
  mmsghdr messages[kVectors];
  for (int i = 0; i < count; i++) {
    messages[i].msg_hdr = msghdr{nullptr, 0, &vectors[i], 1, nullptr, 0, 0};
  }
  for (int sent = 0; sent < count;) {
    int n = sendmmsg(e->fd, messages + sent, static_cast<unsigned>(count - sent), MSG_DONTWAIT);
    if (n > 0) {
      sent += n;
    } else if (errno == EMSGSIZE || errno == EINVAL) {
      e->unsent++;  // this one's own fault
      sent++;
    } else if (errno != EINTR) {
      e->unsent += static_cast<uint32_t>(count - sent);
      return;
    }
  }
}

bool defineFrames(napi_env env, napi_value target, Reactor* r) {
  static const Method methods[] = {
      {"frames", openFrames}, {"frameCounts", frameCounts}, {"holdUdp", holdUdp}};
  return define(env, target, methods, r);
}

}  // namespace gatehouse
