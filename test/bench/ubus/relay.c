// The yardstick: the least that stands between a ubus client and a service. It gives out ids,
// knows who owns which object, and passes frames on with the peer in the header replaced. No
// access rules, no USER and GROUP, no limits.  relay SOCKET
#include <sys/epoll.h>
#include <fcntl.h>

#include "frames.h"

enum { FIRST = 1024, CLIENTS = 256, OBJECTS = 4096 };

struct client {
  int fd;
  size_t have;
  uint8_t *bytes;
};
struct object {
  int owner;
  size_t entryLength;
  uint8_t *entry;
  char path[64];
};
static struct client clients[CLIENTS];
static struct object objects[OBJECTS];
static int objectCount;
static const size_t kBuffer = 1 << 20 | 1 << 18;
static uint8_t out[1 << 20];

static void lookup(int c, const uint8_t *frame, size_t length) {
  const uint8_t *path = find(frame, length, A_PATH, NULL);
  size_t used = 0;
  for (int i = 0; i < objectCount; i++) {
    struct object *o = &objects[i];
    if (path && strcmp(o->path, (const char *)path) != 0) continue;
    if (used + o->entryLength + 64 > sizeof out) {
      sendAll(clients[c].fd, out, used);
      used = 0;
    }
    memcpy(out + used, o->entry, o->entryLength);
    memcpy(out + used + 2, frame + 2, 6);
    used += o->entryLength;
  }
  uint8_t *at = out + used;
  used += finish(at, word(begin(at, STATUS, 0, 0), A_STATUS, 0));
  memcpy(at + 2, frame + 2, 6);
  sendAll(clients[c].fd, out, used);
}

static void addObject(int c, const uint8_t *frame, size_t length) {
  size_t pathLength = 0, signatureLength = 0;
  const uint8_t *path = find(frame, length, A_PATH, &pathLength);
  const uint8_t *signature = find(frame, length, A_SIGNATURE, &signatureLength);
  if (!path || !signature || objectCount == OBJECTS) exit(2);
  struct object *o = &objects[objectCount];
  uint32_t id = FIRST + (uint32_t)objectCount++;
  o->owner = c;
  snprintf(o->path, sizeof o->path, "%s", (const char *)path);
  o->entry = malloc(64 + align4(pathLength) + align4(signatureLength));
  uint8_t *at = attribute(begin(o->entry, DATA, 0, 0), A_PATH, path, pathLength);
  at = word(word(at, A_ID, id), A_TYPE, id);
  o->entryLength = finish(o->entry, attribute(at, A_SIGNATURE, signature, signatureLength));
  size_t used = finish(out, word(word(begin(out, DATA, 0, 0), A_ID, id), A_TYPE, id));
  memcpy(out + 2, frame + 2, 6);
  uint8_t *status = out + used;
  used += finish(status, word(begin(status, STATUS, 0, 0), A_STATUS, 0));
  memcpy(status + 2, frame + 2, 6);
  sendAll(clients[c].fd, out, used);
}

// Frames that follow one another to one receiver leave in one send.
static int runTo = -1;
static uint8_t *runAt, *runEnd;
static void flushRun(void) {
  if (runTo >= 0) sendAll(clients[runTo].fd, runAt, (size_t)(runEnd - runAt));
  runTo = -1;
}
static void pass(int to, uint32_t peer, uint8_t *frame, size_t length) {
  put32(frame + 4, peer);
  if (runTo != to || runEnd != frame) {
    flushRun();
    runTo = to;
    runAt = frame;
  }
  runEnd = frame + length;
}

static void message(int c, uint8_t *frame, size_t length) {
  const uint8_t *id = find(frame, length, A_ID, NULL);
  uint32_t object = id ? get32(id) - FIRST : OBJECTS;
  switch (frame[1]) {
    case INVOKE:
      if (object < (uint32_t)objectCount) {
        pass(objects[object].owner, FIRST + (uint32_t)c, frame, length);
      }
      return;
    case DATA:
    case STATUS: {
      uint32_t to = get32(frame + 4) - FIRST;
      if (object < (uint32_t)objectCount && objects[object].owner == c && to < CLIENTS &&
          clients[to].bytes) {
        pass((int)to, FIRST + object, frame, length);
      }
      return;
    }
    case LOOKUP:
      flushRun();
      return lookup(c, frame, length);
    case ADD_OBJECT:
      flushRun();
      return addObject(c, frame, length);
  }
}

static void readable(int epoll, int c) {
  struct client *k = &clients[c];
  ssize_t n = recv(k->fd, k->bytes + k->have, kBuffer - k->have, MSG_DONTWAIT);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) {
    epoll_ctl(epoll, EPOLL_CTL_DEL, k->fd, NULL);
    close(k->fd);
    free(k->bytes);
    k->bytes = NULL;
    return;
  }
  k->have += (size_t)n;
  size_t used = 0, length;
  while ((length = frameLength(k->bytes + used, k->have - used)) > 0) {
    message(c, k->bytes + used, length);
    used += length;
  }
  flushRun();
  memmove(k->bytes, k->bytes + used, k->have - used);
  k->have -= used;
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  struct sockaddr_un address = addressOf(argv[1]);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 64)) {
    die("bind");
  }
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event ev = {.events = EPOLLIN, .data.u32 = CLIENTS};
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &ev);
  for (;;) {
    struct epoll_event events[64];
    int n = epoll_wait(epoll, events, 64, -1);
    for (int i = 0; i < n; i++) {
      int c = (int)events[i].data.u32;
      if (c != CLIENTS) {
        readable(epoll, c);
        continue;
      }
      int fd = accept(listener, NULL, NULL);
      for (c = 0; c < CLIENTS && clients[c].bytes; c++) {
      }
      if (c == CLIENTS) die("clients");
      fcntl(fd, F_SETFL, O_NONBLOCK);
      clients[c] = (struct client){fd, 0, malloc(kBuffer)};
      ev.data.u32 = (uint32_t)c;
      epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev);
      sendAll(fd, out, finish(out, begin(out, HELLO, 0, FIRST + (uint32_t)c)));
    }
  }
}
