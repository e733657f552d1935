#include "server.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>

#include <linux/sock_diag.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "files.h"

namespace gatehouse::dns {

namespace {

constexpr int kBatch = 32;  // datagrams of one call
constexpr int kRounds = 8;  // calls for one socket before the others
// Longer queries are cut and dropped. The stride is no power of two, so that headers do not fall
// into the same places of the processor's cache.
constexpr size_t kReceive = 4096;
constexpr size_t kReceiveStride = kReceive + 64;
constexpr size_t kSendStride = kUdpLimit + 112;
constexpr int kSocketBytes = 1 << 20;
constexpr size_t kLogBytes = 256 * 1024;
constexpr int64_t kLogMs = 1000;

Address addressOf(const sockaddr_storage& from) {
  if (from.ss_family == AF_INET6) {
    return Address::from(reinterpret_cast<const sockaddr_in6&>(from).sin6_addr.s6_addr);
  }
  uint32_t v4 = ntohl(reinterpret_cast<const sockaddr_in&>(from).sin_addr.s_addr);
  return {0, uint64_t{0xffff} << 32 | v4};
}

// `port` in the machine's order; for the family of a listener.
socklen_t socketAddress(sa_family_t family, const uint8_t* address, uint16_t port, uint32_t scope,
                        sockaddr_storage* out) {
  memset(out, 0, sizeof *out);
  out->ss_family = family;
  if (family == AF_INET) {
    auto* in = reinterpret_cast<sockaddr_in*>(out);
    in->sin_port = htons(port);
    memcpy(&in->sin_addr, address + 12, 4);
    return sizeof *in;
  }
  auto* in = reinterpret_cast<sockaddr_in6*>(out);
  in->sin6_port = htons(port);
  in->sin6_scope_id = scope;
  memcpy(&in->sin6_addr, address, 16);
  return sizeof *in;
}

// How many the kernel did not take.
uint64_t sendAll(int fd, mmsghdr* messages, int count) {
  uint64_t lost = 0;
  for (int done = 0; done < count;) {
    int n = sendmmsg(fd, messages + done, static_cast<unsigned>(count - done), MSG_DONTWAIT);
    if (n > 0) {
      done += n;
    } else if (errno == EAGAIN || errno == ENOBUFS) {
      return lost + static_cast<uint64_t>(count - done);
    } else if (errno != EINTR) {
      // This one alone: a client that is not reachable.
      lost++;
      done++;
    }
  }
  return lost;
}

}  // namespace

int64_t bootMs() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1000000;
}

bool Turns::open(size_t bytes, size_t records) {
  bytes_ = bytes;
  most_ = records;
  fill_ = pages<uint8_t>(bytes);
  read_ = pages<uint8_t>(bytes);
  return fill_ != nullptr && read_ != nullptr;
}

void Turns::close() {
  unmap(fill_, bytes_);
  unmap(read_, bytes_);
  *this = Turns{};
}

uint8_t* Turns::add(size_t size) {
  if (fill_ == nullptr || count_ == most_ || bytes_ - used_ < size) return nullptr;
  uint8_t* at = fill_ + used_;
  used_ += size;
  count_++;
  return at;
}

void Turns::take() {
  if (unread() || used_ == 0) return;
  uint8_t* filled = fill_;
  fill_ = read_;
  read_ = filled;
  at_ = 0;
  length_ = used_;
  used_ = count_ = 0;
}

size_t Turns::copy(uint8_t* out, size_t room, size_t most, size_t* records) {
  size_t start = at_;
  *records = 0;
  while (unread() && *records < most) {
    size_t size = load<uint16_t>(read_ + at_);
    if (at_ + size - start > room) break;
    at_ += size;
    ++*records;
  }
  if (at_ > start) memcpy(out, read_ + start, at_ - start);
  return at_ - start;
}

struct Server::Buffers {
  mmsghdr in[kBatch];
  mmsghdr out[kBatch];
  iovec inVector[kBatch];
  iovec outVector[kBatch];
  sockaddr_storage from[kBatch];
  alignas(8) uint8_t received[kBatch * kReceiveStride];
  alignas(8) uint8_t answers[kBatch * kSendStride];
};

int Server::start(size_t cacheBytes, size_t queueLength, const Key& key) {
  engine = Engine::open(cacheBytes, key);
  buffers = pages<Buffers>(1);
  size_t queueBytes = queueLength * 192 + 2 * kReceive;
  if (engine == nullptr || buffers == nullptr || !queries.open(queueBytes, queueLength)) {
    return -ENOMEM;
  }
  for (int i = 0; i < kBatch; i++) {
    buffers->inVector[i] = {buffers->received + i * kReceiveStride, kReceive};
    buffers->in[i].msg_hdr = {&buffers->from[i], sizeof(sockaddr_storage),
                              &buffers->inVector[i], 1, nullptr, 0, 0};
  }
  epoll = epoll_create1(EPOLL_CLOEXEC);
  wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  epoll_event event{};
  event.events = EPOLLIN;
  if (epoll < 0 || wake < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, wake, &event) != 0) return -errno;
  // Signals are Node's.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 256 * 1024);
  int code = pthread_create(&thread, &attributes, run, this);
  pthread_attr_destroy(&attributes);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  running = code == 0;
  return -code;
}

void Server::shutdown() {
  if (running) {
    stop = true;
    eventfd_write(wake, 1);
    pthread_join(thread, nullptr);
    running = false;
  }
  for (Listener* list : {listeners, dying}) {
    while (list != nullptr) {
      Listener* next = list->next;
      ::close(list->fd);
      free(list);
      list = next;
    }
  }
  listeners = dying = nullptr;
  if (epoll >= 0) ::close(epoll);
  if (wake >= 0) ::close(wake);
  epoll = wake = -1;
  if (engine != nullptr) engine->close();
  engine = nullptr;
  queries.close();
  log.close();
  unmap(buffers, 1);
  buffers = nullptr;
}

int32_t Server::listen(const uint8_t* address, uint16_t port, uint32_t scope) {
  sa_family_t family = Address::from(address).isV4() ? AF_INET : AF_INET6;
  auto* listener = static_cast<Listener*>(calloc(1, sizeof(Listener)));
  if (listener == nullptr) return -ENOMEM;
  int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  auto refuse = [&] {
    int code = errno;
    if (fd >= 0) ::close(fd);
    free(listener);
    return -code;
  };
  if (fd < 0) return refuse();
  int on = 1;
  sockaddr_storage at;
  socklen_t length = socketAddress(family, address, port, scope, &at);
  // A daemon that takes over may listen before the other ends; the address may come later.
  bool good = setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0;
  if (family == AF_INET) {
    good = good && setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof on) == 0;
    // Answers are at most kUdpLimit, so a path that says less is not to be believed (RFC 9715).
    int omit = IP_PMTUDISC_OMIT;
    good = good && setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &omit, sizeof omit) == 0;
  } else {
    int omit = IPV6_PMTUDISC_OMIT;
    good = good && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0 &&
           setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof on) == 0 &&
           setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &omit, sizeof omit) == 0;
  }
  if (!good) return refuse();
  for (int which : {SO_RCVBUFFORCE, SO_SNDBUFFORCE}) {
    if (setsockopt(fd, SOL_SOCKET, which, &kSocketBytes, sizeof kSocketBytes) != 0) {
      // Without CAP_NET_ADMIN as much as anybody may have.
      setsockopt(fd, SOL_SOCKET, which == SO_RCVBUFFORCE ? SO_RCVBUF : SO_SNDBUF, &kSocketBytes,
                 sizeof kSocketBytes);
    }
  }
  if (bind(fd, reinterpret_cast<sockaddr*>(&at), length) != 0) return refuse();
  listener->fd = fd;
  listener->family = family;
  listener->id = lastId = lastId == INT32_MAX ? 1 : lastId + 1;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = listener;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) return refuse();
  listener->next = listeners;
  listeners = listener;
  return static_cast<int32_t>(listener->id);
}

Listener* Server::find(uint32_t id) const {
  Listener* l = listeners;
  while (l != nullptr && l->id != id) l = l->next;
  return l;
}

// The thread may be receiving from it, so the thread closes it.
void Server::unlisten(uint32_t id) {
  Listener** at = &listeners;
  while (*at != nullptr && (*at)->id != id) at = &(*at)->next;
  Listener* l = *at;
  if (l == nullptr) return;
  *at = l->next;
  l->dead = true;
  enter();
  l->next = dying;
  dying = l;
  leave();
  eventfd_write(wake, 1);
}

void Server::reap() {
  enter();
  Listener* list = dying;
  dying = nullptr;
  leave();
  while (list != nullptr) {
    Listener* next = list->next;
    epoll_ctl(epoll, EPOLL_CTL_DEL, list->fd, nullptr);
    ::close(list->fd);
    free(list);
    list = next;
  }
}

uint64_t Server::kernelDrops() const {
  uint64_t drops = 0;
  for (Listener* l = listeners; l != nullptr; l = l->next) {
    uint32_t facts[SK_MEMINFO_VARS] = {};
    socklen_t length = sizeof facts;
    if (getsockopt(l->fd, SOL_SOCKET, SO_MEMINFO, facts, &length) == 0) {
      drops += facts[SK_MEMINFO_DROPS];
    }
  }
  return drops;
}

bool Server::setLogging(bool on) {
  enter();
  bool good = true;
  if (on && !logging) good = log.open(kLogBytes, SIZE_MAX);
  if (!on || !good) log.close();
  logging = on && good;
  leave();
  return good;
}

void Server::send(const uint8_t* answers, size_t length) {
  mmsghdr messages[kBatch];
  iovec vectors[kBatch];
  sockaddr_storage to[kBatch];
  int count = 0;
  uint32_t current = 0;
  uint64_t sent = 0;
  uint64_t lost = 0;
  Listener* listener = nullptr;
  auto flush = [&] {
    if (count == 0) return;
    lost += sendAll(listener->fd, messages, count);
    sent += static_cast<uint64_t>(count);
    count = 0;
  };
  for (size_t at = 0; length - at >= kAnswerHeader;) {
    const uint8_t* record = answers + at;
    auto id = load<uint32_t>(record);
    size_t size = load<uint16_t>(record + 6);
    if (length - at - kAnswerHeader < size) break;
    if (id != current) {
      flush();
      current = id;
      listener = find(id);
    }
    if (listener == nullptr) {
      sent++;
      lost++;
    } else {
      vectors[count] = {const_cast<uint8_t*>(record) + kAnswerHeader, size};
      socklen_t addressLength =
          socketAddress(listener->family, record + 16, load<uint16_t>(record + 4),
                        load<uint32_t>(record + 8), &to[count]);
      messages[count] = {};
      messages[count].msg_hdr = {&to[count], addressLength, &vectors[count], 1, nullptr, 0, 0};
      if (++count == kBatch) flush();
    }
    at += kAnswerHeader + (size + 7) / 8 * 8;
  }
  flush();
  enter();
  engine->counts[kSentFromJs] += sent - lost;
  engine->counts[kDroppedSend] += lost;
  leave();
}

void Server::logAnswer(const Decision& d, const Address& client, const uint8_t* answer,
                       int64_t nowMs) {
  const Name& name = engine->last().name;
  size_t size = (kLogHeader + name.length + 7u) / 8 * 8;
  uint8_t* at = log.add(size);
  if (at == nullptr) {
    engine->counts[kLogDropped]++;
    return;
  }
  store(at, static_cast<uint16_t>(size));
  store(at + 2, engine->last().type);
  at[4] = answer[3] & 15;
  at[5] = static_cast<uint8_t>(d.by);
  at[6] = d.group;
  at[7] = d.list;
  store(at + 8, static_cast<double>(nowMs));
  client.write(at + 16);
  at[32] = static_cast<uint8_t>(name.length);
  // As it was asked, in the client's case.
  memcpy(at + kLogHeader, engine->last().wire + kHeader, name.length);
}

Decision Server::ask(const uint8_t* wire, size_t length, const Address& client, size_t limit,
                     int64_t nowMs, uint8_t* out) {
  Decision d = engine->ask(wire, length, client, limit, nowMs, out);
  if (logging && d.outcome == Outcome::kAnswer) logAnswer(d, client, out, nowMs);
  return d;
}

bool Server::queue(const Decision& d, const uint8_t* wire, size_t length, const Address& client,
                   const sockaddr_storage& from, uint32_t listener) {
  size_t size = (kQueryHeader + length + 7) / 8 * 8;
  uint8_t* at = queries.add(size);
  if (at == nullptr) return false;
  store(at, static_cast<uint16_t>(size));
  at[2] = static_cast<uint8_t>(d.prefetch ? Reason::kPrefetch : d.reason);
  at[3] = d.group;
  bool v6 = from.ss_family == AF_INET6;
  const auto& in6 = reinterpret_cast<const sockaddr_in6&>(from);
  // The port stands in the same place of both.
  store(at + 4, static_cast<uint32_t>(ntohs(in6.sin6_port)));
  store(at + 8, v6 ? in6.sin6_scope_id : 0u);
  store(at + 12, listener);
  client.write(at + 16);
  store(at + 32, static_cast<uint32_t>(length));
  memcpy(at + kQueryHeader, wire, length);
  return true;
}

void Server::serve(Listener* listener) {
  Buffers& b = *buffers;
  for (int round = 0; round < kRounds && !listener->dead; round++) {
    int n = recvmmsg(listener->fd, b.in, kBatch, MSG_DONTWAIT, nullptr);
    if (n <= 0) return;
    int64_t nowMs = bootMs();
    int answers = 0;
    bool wasEmpty;
    bool filled = false;
    enter();
    wasEmpty = queries.empty();
    for (int i = 0; i < n; i++) {
      msghdr& head = b.in[i].msg_hdr;
      const uint8_t* wire = b.received + i * kReceiveStride;
      size_t length = b.in[i].msg_len;
      uint8_t* out = b.answers + static_cast<size_t>(answers) * kSendStride;
      if ((head.msg_flags & MSG_TRUNC) != 0 ||
          reinterpret_cast<const sockaddr_in&>(b.from[i]).sin_port == 0) {
        // Cut, or from port 0, to which nobody can answer.
        engine->counts[kReceived]++;
        engine->counts[kDroppedMalformed]++;
        head.msg_namelen = sizeof(sockaddr_storage);
        continue;
      }
      Address client = addressOf(b.from[i]);
      Decision d = ask(wire, length, client, 0, nowMs, out);
      if (d.outcome == Outcome::kMiss || d.prefetch) {
        bool taken = queue(d, wire, length, client, b.from[i], listener->id);
        filled = filled || taken;
        if (d.prefetch) {
          engine->counts[kPrefetches] += taken;
        } else {
          engine->counts[taken ? kToJs : kDroppedQueue]++;
        }
      }
      if (d.outcome == Outcome::kAnswer) {
        b.outVector[answers] = {out, d.length};
        b.out[answers].msg_hdr = {&b.from[i], head.msg_namelen, &b.outVector[answers], 1,
                                  nullptr, 0, 0};
        answers++;
      }
      head.msg_namelen = sizeof(sockaddr_storage);
    }
    leave();
    if (answers > 0) {
      uint64_t lost = sendAll(listener->fd, b.out, answers);
      if (lost > 0) {
        enter();
        engine->counts[kDroppedSend] += lost;
        leave();
      }
    }
    if (filled && wasEmpty) notify(with);
    if (n < kBatch) return;
  }
}

void* Server::run(void* self) {
  pthread_setname_np(pthread_self(), "gatehouse-dns");
  static_cast<Server*>(self)->loop();
  return nullptr;
}

void Server::loop() {
  epoll_event events[16];
  while (!stop) {
    enter();
    bool toLog = !log.empty();
    leave();
    int64_t waitMs = -1;
    if (toLog) {
      int64_t nowMs = bootMs();
      waitMs = loggedMs + kLogMs - nowMs;
      if (waitMs <= 0) {
        loggedMs = nowMs;
        waitMs = kLogMs;
        logDue = true;
        notify(with);
      }
    }
    int n = epoll_wait(epoll, events, 16, static_cast<int>(waitMs));
    bool woken = false;
    for (int i = 0; i < n; i++) {
      if (events[i].data.ptr == nullptr) {
        eventfd_t value;
        eventfd_read(wake, &value);
        woken = true;
      } else {
        serve(static_cast<Listener*>(events[i].data.ptr));
      }
    }
    // Last, since this batch of events may name what is now closed.
    if (woken) reap();
  }
}

}  // namespace gatehouse::dns
