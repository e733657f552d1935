// TCP over IPv4 and IPv6 (tcp(7)): connecting without waiting, listening, and who is at either end.
// Once a connection stands it is one of unix.cc: the same reads, queues and writes.

#include <cerrno>
#include <cstring>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "args.h"
#include "reactor.h"

namespace gatehouse {

namespace {

constexpr size_t kWords4 = 1;
constexpr size_t kWords6 = 4;

union Where {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

// `words` are the address in host order: one word of IPv4 or four of IPv6.
bool place(const uint32_t* words, size_t count, uint32_t port, Where* out, socklen_t* length) {
  if (port > 65535) return false;
  memset(out, 0, sizeof *out);
  if (count == kWords4) {
    out->v4.sin_family = AF_INET;
    out->v4.sin_port = htons(static_cast<uint16_t>(port));
    out->v4.sin_addr.s_addr = htonl(words[0]);
    *length = sizeof out->v4;
    return true;
  }
  if (count != kWords6) return false;
  out->v6.sin6_family = AF_INET6;
  out->v6.sin6_port = htons(static_cast<uint16_t>(port));
  for (size_t i = 0; i < kWords6; i++) {
    uint32_t word = htonl(words[i]);
    memcpy(reinterpret_cast<uint8_t*>(&out->v6.sin6_addr) + 4 * i, &word, sizeof word);
  }
  *length = sizeof out->v6;
  return true;
}

int32_t failure(int fd) {
  int saved = errno;
  close(fd);
  return -saved;
}

int open(const Where& where) {
  return socket(where.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
}

// connectTcp(address: Uint32Array, port): id or -errno. `kConnected` or `kClosed` follows. It ends by a reset.
napi_value connectTcp(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  uint32_t* words;
  size_t count;
  uint32_t port;
  Where where;
  socklen_t length;
  if (!args.words(0, &words, &count) || !args.u32(1, &port) ||
      !place(words, count, port, &where, &length)) {
    return number(env, -EINVAL);
  }
  auto* r = static_cast<Reactor*>(args.data);
  int fd = open(where);
  if (fd < 0) return number(env, -errno);
  if (connect(fd, &where.any, length) != 0 && errno != EINPROGRESS) return number(env, failure(fd));
  Entry* e = r->add(Kind::kConnection, fd, EPOLLOUT);
  if (e == nullptr) return number(env, -errno);
  e->connecting = true;
  undelayed(fd);
  // Closed by a reset: neither this box nor a router on the way remembers it for minutes.
  linger gone{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &gone, sizeof gone);
  return number(env, e->id);
}

// listenTcp(address: Uint32Array, port, backlog): id or -errno. IPv6 alone on an IPv6 address.
napi_value listenTcp(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  uint32_t* words;
  size_t count;
  uint32_t port;
  int32_t backlog;
  Where where;
  socklen_t length;
  if (!args.words(0, &words, &count) || !args.u32(1, &port) || !args.i32(2, &backlog) ||
      !place(words, count, port, &where, &length)) {
    return number(env, -EINVAL);
  }
  auto* r = static_cast<Reactor*>(args.data);
  int fd = open(where);
  if (fd < 0) return number(env, -errno);
  int on = 1;
  bool set = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
             (count == kWords4 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0);
  if (!set || bind(fd, &where.any, length) != 0 || listen(fd, backlog) != 0) {
    return number(env, failure(fd));
  }
  Entry* e = r->add(Kind::kListener, fd, EPOLLIN);
  if (e == nullptr) return number(env, -errno);
  e->tcp = true;
  return number(env, e->id);
}

// tcpName(id, remote: 0 | 1, out: Uint32Array of 6): 0 or -errno. Fills the count of the address's
// words (1 or 4), the port, and the words in host order.
napi_value tcpName(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  int32_t id;
  uint32_t remote;
  uint32_t* out;
  size_t length;
  if (!args.i32(0, &id) || !args.u32(1, &remote) || !args.words(2, &out, &length) || length < 6) {
    return number(env, -EINVAL);
  }
  Entry* e = static_cast<Reactor*>(args.data)->find(id);
  if (e == nullptr || (e->kind != Kind::kConnection && e->kind != Kind::kListener)) {
    return number(env, -EBADF);
  }
  Where where{};
  socklen_t size = sizeof where;
  int status = remote != 0 ? getpeername(e->fd, &where.any, &size) : getsockname(e->fd, &where.any, &size);
  if (status != 0) return number(env, -errno);
  if (where.any.sa_family == AF_INET) {
    out[0] = kWords4;
    out[1] = ntohs(where.v4.sin_port);
    out[2] = ntohl(where.v4.sin_addr.s_addr);
    return number(env, 0);
  }
  if (where.any.sa_family != AF_INET6) return number(env, -EAFNOSUPPORT);
  out[0] = kWords6;
  out[1] = ntohs(where.v6.sin6_port);
  for (size_t i = 0; i < kWords6; i++) {
    uint32_t word;
    memcpy(&word, reinterpret_cast<const uint8_t*>(&where.v6.sin6_addr) + 4 * i, sizeof word);
    out[2 + i] = ntohl(word);
  }
  return number(env, 0);
}

}  // namespace

void undelayed(int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void connectionMade(Reactor* r, Entry* e, uint32_t ready) {
  // A write that failed has taken the socket's error already.
  int error = e->failed;
  socklen_t size = sizeof error;
  if (error == 0 && (ready & (EPOLLERR | EPOLLHUP)) != 0 &&
      getsockopt(e->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
    error = errno;
  }
  if (error == 0 && !r->want(e, EPOLLIN | (e->queue.size > 0 ? EPOLLOUT : 0u))) error = errno;
  int32_t id = e->id;
  if (error != 0) {
    r->drop(e);
    return r->push(What::kClosed, id, error);
  }
  e->connecting = false;
  r->push(What::kConnected, id);
}

bool defineTcp(napi_env env, napi_value target, Reactor* r) {
  static const Method methods[] = {
      {"connectTcp", connectTcp}, {"listenTcp", listenTcp}, {"tcpName", tcpName}};
  return define(env, target, methods, r);
}

}  // namespace gatehouse
