// What the benchmark's three C programs share: ubus framing on blocking or polled sockets.
#pragma once
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { HELLO, STATUS, DATA, PING, LOOKUP, INVOKE, ADD_OBJECT };
enum { A_STATUS = 1, A_PATH, A_ID, A_METHOD, A_TYPE, A_SIGNATURE, A_DATA };

static inline uint32_t get32(const uint8_t *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline void put32(uint8_t *p, uint32_t v) {
  p[0] = v >> 24, p[1] = v >> 16, p[2] = v >> 8, p[3] = v;
}
static inline size_t align4(size_t n) { return (n + 3) & ~(size_t)3; }

// Opens a frame; attributes follow; `finish` gives its length.
static inline uint8_t *begin(uint8_t *at, int type, uint16_t seq, uint32_t peer) {
  put32(at, (uint32_t)type << 16 | seq);
  put32(at + 4, peer);
  return at + 12;
}
static inline uint8_t *attribute(uint8_t *at, int id, const void *data, size_t length) {
  put32(at, (uint32_t)id << 24 | (uint32_t)(length + 4));
  memcpy(at + 4, data, length);
  memset(at + 4 + length, 0, align4(length) - length);
  return at + 4 + align4(length);
}
static inline uint8_t *word(uint8_t *at, int id, uint32_t value) {
  uint8_t bytes[4];
  put32(bytes, value);
  return attribute(at, id, bytes, 4);
}
static inline size_t finish(uint8_t *frame, const uint8_t *end) {
  put32(frame + 8, (uint32_t)(end - frame - 8));
  return (size_t)(end - frame);
}
// Length of the frame at `at`, or 0 when `have` bytes do not hold all of it.
static inline size_t frameLength(const uint8_t *at, size_t have) {
  if (have < 12) return 0;
  size_t length = 8 + (get32(at + 8) & 0xffffff);
  return length <= have ? length : 0;
}
// Data of an attribute, or NULL.
static inline const uint8_t *find(const uint8_t *frame, size_t length, int id, size_t *size) {
  for (size_t at = 12; at + 4 <= length;) {
    uint32_t head = get32(frame + at);
    size_t bytes = head & 0xffffff;
    if (bytes < 4 || at + bytes > length) break;
    if ((int)(head >> 24 & 0x7f) == id) {
      if (size) *size = bytes - 4;
      return frame + at + 4;
    }
    at += align4(bytes);
  }
  return NULL;
}

static inline void die(const char *what) {
  perror(what);
  exit(1);
}
static inline struct sockaddr_un addressOf(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  return address;
}
static inline int dial(const char *path) {
  struct sockaddr_un address = addressOf(path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) die(path);
  return fd;
}
// Sends all of it, waiting where the socket is full.
static inline void sendAll(int fd, const uint8_t *bytes, size_t length) {
  while (length > 0) {
    ssize_t n = send(fd, bytes, length, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) {
      struct pollfd p = {fd, POLLOUT, 0};
      poll(&p, 1, -1);
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) die("send");
    bytes += n;
    length -= (size_t)n;
  }
}

// A stream of frames of one blocking socket.
struct stream {
  int fd;
  size_t have, used;
  uint8_t bytes[1 << 20 | 1 << 18];
};
static inline const uint8_t *nextFrame(struct stream *s, size_t *length) {
  for (;;) {
    *length = frameLength(s->bytes + s->used, s->have - s->used);
    if (*length > 0) {
      const uint8_t *frame = s->bytes + s->used;
      s->used += *length;
      return frame;
    }
    memmove(s->bytes, s->bytes + s->used, s->have - s->used);
    s->have -= s->used;
    s->used = 0;
    ssize_t n = recv(s->fd, s->bytes + s->have, sizeof s->bytes - s->have, 0);
    if (n <= 0) return NULL;
    s->have += (size_t)n;
  }
}
