// Packet taps (packet(7)): one interface, both directions, behind a classic BPF filter that
// TypeScript wrote.

#include <cerrno>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "args.h"
#include "filter.h"
#include "reactor.h"

namespace gatehouse {

namespace {

constexpr int kFramesPerTurn = 12;
constexpr size_t kFrameBytes = 9216;  // longer ones (receive offload) are cut

// tap(ifIndex, filter, receiveBytes): id or -errno
napi_value openTap(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  int32_t ifIndex;
  int32_t receiveBytes;
  Filter filter;
  if (!args.i32(0, &ifIndex) || !filter.read(args, 1) || !args.i32(2, &receiveBytes)) {
    return number(env, -EINVAL);
  }
  // Protocol 0 hears nothing until bind, so no frame passes unfiltered.
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return number(env, -errno);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receiveBytes, sizeof receiveBytes);
  sockaddr_ll where{};
  where.sll_family = AF_PACKET;
  where.sll_protocol = htons(ETH_P_ALL);
  where.sll_ifindex = ifIndex;
  if (!filter.attach(fd) ||
      bind(fd, reinterpret_cast<sockaddr*>(&where), sizeof where) != 0) {
    int saved = errno;
    close(fd);
    return number(env, -saved);
  }
  Entry* e = static_cast<Reactor*>(args.data)->add(Kind::kTap, fd, EPOLLIN);
  return number(env, e == nullptr ? -errno : e->id);
}

// tapDropped(id): frames lost since open, or -errno
napi_value tapDropped(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  int32_t id;
  if (!args.i32(0, &id)) return number(env, -EINVAL);
  Entry* e = static_cast<Reactor*>(args.data)->find(id, Kind::kTap);
  if (e == nullptr) return number(env, -EBADF);
  return number(env, static_cast<int32_t>(packetsDropped(e) & 0x7fffffff));
}

}  // namespace

uint32_t packetsDropped(Entry* e) {
  tpacket_stats stats{};
  socklen_t size = sizeof stats;
  // Reading sets the kernel's counter back to 0.
  if (getsockopt(e->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0) {
    e->dropped += stats.tp_drops;
  }
  return e->dropped;
}

void tapReady(Reactor* r, Entry* e) {
  for (int i = 0; i < kFramesPerTurn && r->inputUsed + kFrameBytes <= kInputBytes; i++) {
    sockaddr_ll from{};
    socklen_t size = sizeof from;
    ssize_t n = recvfrom(e->fd, r->input + r->inputUsed, kFrameBytes, MSG_DONTWAIT,
                         reinterpret_cast<sockaddr*>(&from), &size);
    if (n < 0) {
      // ENETDOWN comes once when the interface goes down; the tap hears again when it is up.
      if (errno == EINTR || errno == ENETDOWN) continue;
      return;
    }
    r->push(What::kFrame, e->id, static_cast<int32_t>(r->inputUsed), static_cast<int32_t>(n),
            from.sll_pkttype == PACKET_OUTGOING ? 1 : 0);
    r->inputUsed += static_cast<size_t>(n);
  }
}

bool definePacket(napi_env env, napi_value target, Reactor* r) {
  static const Method methods[] = {{"tap", openTap}, {"tapDropped", tapDropped}};
  return define(env, target, methods, r);
}

}  // namespace gatehouse
