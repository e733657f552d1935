// Netlink (netlink(7)): a request socket with one synchronous exchange, and monitors of multicast
// groups. The messages themselves are src/wire/rtnetlink*.ts.

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <linux/netlink.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "args.h"
#include "reactor.h"

namespace gatehouse {

namespace {

constexpr size_t kDatagramBytes = 64 * 1024;
constexpr size_t kMaxReply = 64 * 1024 * 1024;
constexpr int kReplySeconds = 5;

int netlinkSocket(int protocol, int flags, int receiveBytes) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, protocol);
  if (fd < 0) return -1;
  int one = 1;
  // Reasons in words, strict dump filters: both are optional (Linux 4.12 and 4.20).
  setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof one);
  setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof one);
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receiveBytes, sizeof receiveBytes) != 0) {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receiveBytes, sizeof receiveBytes);
  }
  sockaddr_nl local{};
  local.nl_family = AF_NETLINK;
  if (bind(fd, reinterpret_cast<sockaddr*>(&local), sizeof local) != 0) {
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
  }
  return fd;
}

// requests(protocol, receiveBytes): id or -errno
napi_value openRequests(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  int32_t protocol;
  int32_t receiveBytes;
  if (!args.i32(0, &protocol) || !args.i32(1, &receiveBytes)) return number(env, -EINVAL);
  int fd = netlinkSocket(protocol, 0, receiveBytes);
  if (fd < 0) return number(env, -errno);
  timeval limit{kReplySeconds, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  auto* r = static_cast<Reactor*>(args.data);
  Entry* e = r->add(Kind::kRequest, fd, 0);
  if (e == nullptr) return number(env, -errno);
  e->silent = true;  // nothing can arrive unasked: it keeps nothing alive
  r->keepAlive(-1);
  return number(env, e->id);
}

struct Reply {
  uint8_t* data = nullptr;
  size_t size = 0;
  size_t capacity = 0;
  ~Reply() { free(data); }

  bool room(size_t more) {
    if (capacity - size >= more) return true;
    size_t grown = capacity * 2 + more;
    if (grown > kMaxReply) return false;
    auto* moved = static_cast<uint8_t*>(realloc(data, grown));
    if (moved == nullptr) return false;
    data = moved;
    capacity = grown;
    return true;
  }
};

bool ends(const uint8_t* data, size_t length, uint32_t sequence) {
  size_t at = 0;
  while (length - at >= sizeof(nlmsghdr)) {
    nlmsghdr header;
    memcpy(&header, data + at, sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > length - at) return false;
    if (header.nlmsg_seq == sequence &&
        (header.nlmsg_type == NLMSG_ERROR || header.nlmsg_type == NLMSG_DONE)) {
      return true;
    }
    at += NLMSG_ALIGN(header.nlmsg_len);
    if (at > length) return false;
  }
  return false;
}

int exchange(int fd, const uint8_t* request, size_t length, uint32_t sequence, Reply* reply) {
  uint8_t stale[64];
  while (recv(fd, stale, sizeof stale, MSG_DONTWAIT) >= 0) continue;  // of an exchange that failed
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  ssize_t sent = sendto(fd, request, length, MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&kernel),
                        sizeof kernel);
  if (sent < 0) return errno;
  for (;;) {
    if (!reply->room(kDatagramBytes)) return ENOMEM;
    sockaddr_nl from{};
    iovec vector{reply->data + reply->size, kDatagramBytes};
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    ssize_t n = recvmsg(fd, &message, 0);
    if (n < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN ? ETIMEDOUT : errno;
    }
    if (from.nl_pid != 0) continue;  // not the kernel
    if ((message.msg_flags & MSG_TRUNC) != 0) return EMSGSIZE;
    const uint8_t* datagram = reply->data + reply->size;
    reply->size += static_cast<size_t>(n);
    if (ends(datagram, static_cast<size_t>(n), sequence)) return 0;
  }
}

// transact(id, request, lastSequence): ArrayBuffer of all replies up to the end or
// acknowledgement of message `lastSequence`; or -errno.
napi_value transact(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  int32_t id;
  const uint8_t* request;
  size_t length;
  uint32_t sequence;
  if (!args.i32(0, &id) || !args.bytes(1, &request, &length) || !args.u32(2, &sequence)) {
    return number(env, -EINVAL);
  }
  Entry* e = static_cast<Reactor*>(args.data)->find(id, Kind::kRequest);
  if (e == nullptr) return number(env, -EBADF);
  Reply reply;
  int error = exchange(e->fd, request, length, sequence, &reply);
  if (error != 0) return number(env, -error);
  void* copy;
  napi_value out;
  if (napi_create_arraybuffer(env, reply.size, &copy, &out) != napi_ok) {
    return number(env, -ENOMEM);
  }
  memcpy(copy, reply.data, reply.size);
  return out;
}

// monitor(protocol, groups: Uint32Array, receiveBytes): id or -errno
napi_value openMonitor(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  int32_t protocol;
  napi_typedarray_type type;
  size_t count = 0;
  void* at = nullptr;
  int32_t receiveBytes;
  if (!args.i32(0, &protocol) || !args.i32(2, &receiveBytes) ||
      napi_get_typedarray_info(env, args.value[1], &type, &count, &at, nullptr, nullptr) !=
          napi_ok ||
      type != napi_uint32_array) {
    return number(env, -EINVAL);
  }
  int fd = netlinkSocket(protocol, SOCK_NONBLOCK, receiveBytes);
  if (fd < 0) return number(env, -errno);
  const auto* groups = static_cast<const uint32_t*>(at);
  for (size_t i = 0; i < count; i++) {
    if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof groups[i]) != 0) {
      int saved = errno;
      close(fd);
      return number(env, -saved);
    }
  }
  Entry* e = static_cast<Reactor*>(args.data)->add(Kind::kMonitor, fd, EPOLLIN);
  return number(env, e == nullptr ? -errno : e->id);
}

// receive(id, into: Uint8Array): bytes of one datagram, -EAGAIN when there is none, -ENOBUFS when
// the kernel had to drop some, -EMSGSIZE when `into` is too small
napi_value receive(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  int32_t id;
  const uint8_t* into;
  size_t length;
  if (!args.i32(0, &id) || !args.bytes(1, &into, &length)) return number(env, -EINVAL);
  Entry* e = static_cast<Reactor*>(args.data)->find(id, Kind::kMonitor);
  if (e == nullptr) return number(env, -EBADF);
  for (;;) {
    sockaddr_nl from{};
    iovec vector{const_cast<uint8_t*>(into), length};
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    ssize_t n = recvmsg(e->fd, &message, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return number(env, -errno);
    if (from.nl_pid != 0) continue;  // not the kernel
    return number(env, (message.msg_flags & MSG_TRUNC) != 0 ? -EMSGSIZE : static_cast<int32_t>(n));
  }
}

// readable(fd): id or -errno. Says when somebody else's descriptor is readable, by one of our own for it.
napi_value readable(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  int32_t other = -1;
  if (!args.i32(0, &other) || other < 0) return number(env, -EINVAL);
  const int fd = fcntl(other, F_DUPFD_CLOEXEC, 0);
  if (fd < 0) return number(env, -errno);
  Entry* e = static_cast<Reactor*>(args.data)->add(Kind::kMonitor, fd, EPOLLIN);
  return number(env, e == nullptr ? -errno : e->id);
}

}  // namespace

// Nothing is read here: who keeps a copy of the kernel's tables must also be able to read on the
// spot, after a change of its own, and no older datagram may then still wait in a batch.
void monitorReady(Reactor* r, Entry* e) { r->push(What::kReadable, e->id); }

bool defineNetlink(napi_env env, napi_value target, Reactor* r) {
  static const Method methods[] = {{"requests", openRequests},
                                   {"transact", transact},
                                   {"monitor", openMonitor},
                                   {"receive", receive},
                                   {"readable", readable}};
  return define(env, target, methods, r);
}

}  // namespace gatehouse
