// Unix stream sockets (unix(7)): listeners with the peer's credentials, and connections whose
// writes are whole-or-nothing. Writes collected during one batch leave as one sendmsg each.

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "args.h"
#include "reactor.h"

namespace gatehouse {

namespace {

constexpr int kAcceptsPerTurn = 64;

void lost(Entry* e, int error) {
  // What was accepted cannot be sent, so the stream is broken: end it. The next readiness
  // (EPOLLHUP) reports it, never a write in the middle of JavaScript.
  if (e->failed == 0) e->failed = error;
  shutdown(e->fd, SHUT_RDWR);
  e->queue.clear();
}

void enqueue(Reactor* r, Entry* e, const uint8_t* bytes, size_t length) {
  if (!e->queue.append(bytes, length)) {
    lost(e, ENOMEM);
  } else if (!r->want(e, e->interest | EPOLLOUT)) {
    lost(e, errno);
  }
}

// Sends what the kernel takes of `vectors` and queues the rest.
void sendAll(Reactor* r, Entry* e, iovec* vectors, int count) {
  size_t sent = 0;
  if (e->failed != 0) return;
  if (e->queue.size == 0) {
    ssize_t n;
    if (count == 1) {
      n = send(e->fd, vectors[0].iov_base, vectors[0].iov_len, MSG_NOSIGNAL | MSG_DONTWAIT);
    } else {
      msghdr message{};
      message.msg_iov = vectors;
      message.msg_iovlen = static_cast<size_t>(count);
      n = sendmsg(e->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    if (n < 0) {
      if (errno != EAGAIN && errno != EINTR) return lost(e, errno);
      n = 0;
    }
    sent = static_cast<size_t>(n);
  }
  for (int i = 0; i < count && e->failed == 0; i++) {
    size_t length = vectors[i].iov_len;
    size_t skip = sent < length ? sent : length;
    sent -= skip;
    if (skip < length) {
      enqueue(r, e, static_cast<const uint8_t*>(vectors[i].iov_base) + skip, length - skip);
    }
  }
}

void leave(Reactor* r, Entry* e, iovec* vectors, int count) {
  if (e->kind == Kind::kFrames) {
    sendFrames(e, vectors, count);
  } else if (e->kind == Kind::kUdp) {
    sendDatagrams(e, vectors, count);
  } else {
    sendAll(r, e, vectors, count);
  }
}

// True while the connection still stands.
bool drain(Reactor* r, Entry* e) {
  if (e->queue.size > 0 && e->failed == 0) {
    size_t length = e->queue.size < kReadBytes ? e->queue.size : kReadBytes;
    ssize_t n =
        send(e->fd, e->queue.data + e->queue.head, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
      e->queue.consume(static_cast<size_t>(n));
    } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
      lost(e, errno);
    }
    r->queued(e) = static_cast<int32_t>(e->queue.size);
  }
  if (e->queue.size > 0) return true;
  if (e->finishing) {
    int32_t id = e->id;
    r->drop(e);
    r->push(What::kFinished, id);
    return false;
  }
  r->want(e, EPOLLIN);
  if (e->failed == 0) r->push(What::kDrained, e->id);
  return true;
}

int streamSocket() { return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); }

int32_t failure(int fd) {
  int saved = errno;
  if (fd >= 0) close(fd);
  return -saved;
}

// listen(path, mode, backlog): id or -errno
napi_value listenUnix(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  char path[256];
  uint32_t mode;
  int32_t backlog;
  if (!args.text(0, path, sizeof path) || !args.u32(1, &mode) || !args.i32(2, &backlog)) {
    return number(env, -EINVAL);
  }
  auto* r = static_cast<Reactor*>(args.data);
  sockaddr_un where;
  if (!unixAddress(path, &where)) return number(env, -errno);
  int fd = streamSocket();
  if (fd < 0) return number(env, -errno);
  // The mode of the socket's inode is that of the file bind makes (less the umask): the file is
  // never wider than asked, not even for a moment. chmod then adds what the umask took.
  if (fchmod(fd, mode) != 0 ||
      bind(fd, reinterpret_cast<sockaddr*>(&where), sizeof where) != 0) {
    return number(env, failure(fd));
  }
  if (chmod(path, mode) != 0 || listen(fd, backlog) != 0) {
    int32_t code = failure(fd);
    unlink(path);
    return number(env, code);
  }
  Entry* e = r->add(Kind::kListener, fd, EPOLLIN);
  return number(env, e == nullptr ? -errno : e->id);
}

// connect(path): id or -errno. A full backlog is EAGAIN: it never waits.
napi_value connectUnix(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  char path[256];
  if (!args.text(0, path, sizeof path)) return number(env, -EINVAL);
  auto* r = static_cast<Reactor*>(args.data);
  sockaddr_un where;
  if (!unixAddress(path, &where)) return number(env, -errno);
  int fd = streamSocket();
  if (fd < 0) return number(env, -errno);
  if (connect(fd, reinterpret_cast<sockaddr*>(&where), sizeof where) != 0) {
    return number(env, failure(fd));
  }
  Entry* e = r->add(Kind::kConnection, fd, EPOLLIN);
  return number(env, e == nullptr ? -errno : e->id);
}

// credentials(id, out: Uint32Array of 3): 0 or -errno
napi_value credentials(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  int32_t id;
  uint32_t* out;
  size_t length;
  if (!args.i32(0, &id) || !args.words(1, &out, &length) || length < 3) return number(env, -EINVAL);
  Entry* e = static_cast<Reactor*>(args.data)->find(id, Kind::kConnection);
  if (e == nullptr) return number(env, -EBADF);
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(e->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return number(env, -errno);
  out[0] = static_cast<uint32_t>(peer.pid);
  out[1] = peer.uid;
  out[2] = peer.gid;
  return number(env, 0);
}

napi_value flushNow(napi_env env, napi_callback_info info) {
  Args<0> args(env, info);
  auto* r = static_cast<Reactor*>(args.data);
  if (!r->closed) flush(r);
  return nullptr;
}

// send(id, bytes): for messages too large for the output buffer; the caller checked the limit.
napi_value sendNow(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  int32_t id;
  const uint8_t* bytes;
  size_t length;
  if (!args.i32(0, &id) || !args.bytes(1, &bytes, &length)) return number(env, -EINVAL);
  auto* r = static_cast<Reactor*>(args.data);
  if (r->closed) return number(env, -EBADF);
  flush(r);
  Entry* e = r->find(id, Kind::kConnection);
  if (e == nullptr || e->finishing) return number(env, -EBADF);
  iovec vector{const_cast<uint8_t*>(bytes), length};
  sendAll(r, e, &vector, 1);
  r->queued(e) = static_cast<int32_t>(e->queue.size);
  return number(env, 0);
}

// close(id): any kind of descriptor; writes collected before it still leave as far as the kernel takes them.
napi_value closeNow(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  int32_t id;
  if (!args.i32(0, &id)) return number(env, -EINVAL);
  auto* r = static_cast<Reactor*>(args.data);
  if (r->closed) return number(env, 0);
  flush(r);
  Entry* e = r->find(id);
  if (e != nullptr) r->drop(e);
  return number(env, 0);
}

// finish(id): closes once the queue is empty, reads no more. 1 when that is already done.
napi_value finish(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  int32_t id;
  if (!args.i32(0, &id)) return number(env, -EINVAL);
  auto* r = static_cast<Reactor*>(args.data);
  if (r->closed) return number(env, 1);
  flush(r);
  Entry* e = r->find(id, Kind::kConnection);
  if (e == nullptr) return number(env, 1);
  if (e->queue.size == 0 || !r->want(e, EPOLLOUT)) {
    r->drop(e);
    return number(env, 1);
  }
  e->finishing = true;
  return number(env, 0);
}

}  // namespace

bool unixAddress(const char* path, sockaddr_un* out) {
  size_t length = strlen(path);
  if (length == 0 || length >= sizeof out->sun_path) {
    errno = ENAMETOOLONG;
    return false;
  }
  memset(out, 0, sizeof *out);
  out->sun_family = AF_UNIX;
  memcpy(out->sun_path, path, length);
  return true;
}

void listenerReady(Reactor* r, Entry* e) {
  int32_t listener = e->id;
  for (int i = 0; i < kAcceptsPerTurn && r->events < static_cast<int32_t>(kMaxEvents) - 1; i++) {
    int fd = accept4(e->fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EAGAIN || r->spare < 0) return;
      // No descriptor is left. Left alone the listener would stay ready and spin: take the
      // waiting connection with the spare one and close it.
      close(r->spare);
      fd = accept4(e->fd, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd >= 0) close(fd);
      r->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
      if (fd < 0) return;
      r->push(What::kRefused, listener);
      continue;
    }
    ucred peer{};
    socklen_t size = sizeof peer;
    if (e->tcp) {
      undelayed(fd);
    } else if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
      close(fd);
      continue;
    }
    Entry* added = r->add(Kind::kConnection, fd, EPOLLIN);
    if (added == nullptr) {
      r->push(What::kRefused, listener);
      continue;
    }
    r->push(What::kAccepted, listener, added->id, peer.pid, static_cast<int32_t>(peer.uid),
            static_cast<int32_t>(peer.gid));
  }
}

void connectionReady(Reactor* r, Entry* e, uint32_t ready) {
  if (e->connecting) {
    // What came with it is reported by the next round: the set is level-triggered.
    return connectionMade(r, e, ready);
  }
  if ((ready & EPOLLOUT) != 0 && !drain(r, e)) return;
  if (e->finishing) {
    if ((ready & (EPOLLHUP | EPOLLERR)) == 0) return;
    int32_t id = e->id;
    r->drop(e);
    return r->push(What::kFinished, id);
  }
  if ((ready & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
  ssize_t n = e->failed != 0 && e->failed != EPIPE && e->failed != ECONNRESET
                  ? 0
                  : recv(e->fd, r->input + r->inputUsed, kReadBytes, MSG_DONTWAIT);
  if (n > 0) {
    r->push(What::kData, e->id, static_cast<int32_t>(r->inputUsed), static_cast<int32_t>(n));
    r->inputUsed += static_cast<size_t>(n);
    return;
  }
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  int32_t id = e->id;
  // EPIPE and ECONNRESET only say that the peer left: an end, not a failure.
  int error = n < 0 ? errno : e->failed;
  if (error == EPIPE || error == ECONNRESET) error = 0;
  r->drop(e);
  r->push(What::kClosed, id, error);
}

void flush(Reactor* r) {
  int32_t count = r->control[kOutCount];
  if (count <= 0) return;
  if (count > static_cast<int32_t>(kMaxWrites)) count = static_cast<int32_t>(kMaxWrites);
  r->control[kOutCount] = 0;
  r->control[kOutBytes] = 0;
  const int32_t* writes = r->control + kWrites;
  size_t offset = 0;
  int32_t next[kMaxWrites];
  size_t offsets[kMaxWrites];
  Entry* touched[kMaxWrites];
  int touchedCount = 0;
  for (int32_t i = 0; i < count; i++) {
    int32_t id = writes[2 * i];
    size_t length = static_cast<uint32_t>(writes[2 * i + 1]);
    if (length > kOutputBytes - offset) break;  // only a corrupt list gets here
    offsets[i] = offset;
    offset += length;
    next[i] = -1;
    Entry* e = r->find(id);
    bool writable = e != nullptr && (e->kind == Kind::kConnection || e->kind == Kind::kFrames ||
                                     e->kind == Kind::kUdp);
    if (!writable || e->finishing) {
      // Gone since; its slot may be another's by now, whose count JavaScript has just raised.
      Entry* other = r->slots[static_cast<size_t>(id) & (kSlots - 1)];
      bool live = other != nullptr && other->kind == Kind::kConnection;
      r->control[kQueued + (static_cast<size_t>(id) & (kSlots - 1))] =
          live ? static_cast<int32_t>(other->queue.size) : 0;
      continue;
    }
    if (e->chain < 0) {
      e->chain = i;
      touched[touchedCount++] = e;
    } else {
      next[e->chainEnd] = i;
    }
    e->chainEnd = i;
  }
  for (int t = 0; t < touchedCount; t++) {
    Entry* e = touched[t];
    iovec vectors[kVectors];
    int used = 0;
    bool stream = e->kind == Kind::kConnection;
    for (int32_t i = e->chain; i >= 0; i = next[i]) {
      uint8_t* at = r->output + offsets[i];
      size_t length = static_cast<uint32_t>(writes[2 * i + 1]);
      if (stream && used > 0 &&
          static_cast<uint8_t*>(vectors[used - 1].iov_base) + vectors[used - 1].iov_len == at) {
        vectors[used - 1].iov_len += length;
        continue;
      }
      if (used == kVectors) {
        leave(r, e, vectors, used);
        used = 0;
      }
      vectors[used++] = iovec{at, length};
    }
    leave(r, e, vectors, used);
    e->chain = e->chainEnd = -1;
  }
  // Last, because a slot may stand twice in the list under an old and a new id.
  for (int t = 0; t < touchedCount; t++) {
    r->queued(touched[t]) = static_cast<int32_t>(touched[t]->queue.size);
  }
}

bool defineUnix(napi_env env, napi_value target, Reactor* r) {
  static const Method methods[] = {
      {"listen", listenUnix}, {"connect", connectUnix}, {"credentials", credentials},
      {"flush", flushNow},    {"send", sendNow},        {"close", closeNow},
      {"finish", finish},
  };
  return define(env, target, methods, r);
}

}  // namespace gatehouse
