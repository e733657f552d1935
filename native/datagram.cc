// A Unix datagram socket (unix(7)) with a name of its own, so that a program that serves one can
// answer: how wpa_supplicant's control interface is spoken to. Connected, so the kernel lets nobody
// but the server send to it.

#include <cerrno>
#include <cstring>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "args.h"
#include "reactor.h"

namespace gatehouse {

namespace {

constexpr size_t kLongest = 64 * 1024;

int32_t failure(int fd) {
  int saved = errno;
  close(fd);
  return -saved;
}

// datagram(own, server): id or -errno. `own` must not exist; mode 0600.
napi_value openDatagram(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  char own[256];
  char server[256];
  if (!args.text(0, own, sizeof own) || !args.text(1, server, sizeof server)) {
    return number(env, -EINVAL);
  }
  sockaddr_un here;
  sockaddr_un there;
  if (!unixAddress(own, &here) || !unixAddress(server, &there)) return number(env, -errno);
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return number(env, -errno);
  // The mode of the socket's inode is that of the file bind makes.
  if (fchmod(fd, 0600) != 0 || bind(fd, reinterpret_cast<sockaddr*>(&here), sizeof here) != 0) {
    return number(env, failure(fd));
  }
  if (connect(fd, reinterpret_cast<sockaddr*>(&there), sizeof there) != 0) {
    int32_t code = failure(fd);
    unlink(own);
    return number(env, code);
  }
  Entry* e = static_cast<Reactor*>(args.data)->add(Kind::kDatagram, fd, EPOLLIN);
  if (e == nullptr) {
    int saved = errno;
    unlink(own);
    return number(env, -saved);
  }
  return number(env, e->id);
}

// sendDatagram(id, bytes): 0 or -errno; whole or not at all. -EAGAIN when the server's queue is full.
napi_value sendDatagram(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  int32_t id;
  const uint8_t* bytes;
  size_t length;
  if (!args.i32(0, &id) || !args.bytes(1, &bytes, &length)) return number(env, -EINVAL);
  Entry* e = static_cast<Reactor*>(args.data)->find(id, Kind::kDatagram);
  if (e == nullptr) return number(env, -EBADF);
  ssize_t n = send(e->fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
  return number(env, n < 0 ? -errno : 0);
}

}  // namespace

void datagramReady(Reactor* r, Entry* e) {
  int32_t id = e->id;
  for (int32_t i = 0; i < kEventsPerTurn; i++) {
    if (r->inputUsed + kLongest > kInputBytes) return;
    iovec vector{r->input + r->inputUsed, kLongest};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    ssize_t n = recvmsg(e->fd, &message, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    // One that was cut says less than it seems to.
    if (n < 0 || (message.msg_flags & MSG_TRUNC) != 0) {
      int error = n < 0 ? errno : EMSGSIZE;
      r->drop(e);
      return r->push(What::kClosed, id, error);
    }
    r->push(What::kData, id, static_cast<int32_t>(r->inputUsed), static_cast<int32_t>(n));
    r->inputUsed += static_cast<size_t>(n);
  }
}

bool defineDatagram(napi_env env, napi_value target, Reactor* r) {
  static const Method methods[] = {{"datagram", openDatagram}, {"sendDatagram", sendDatagram}};
  return define(env, target, methods, r);
}

}  // namespace gatehouse
