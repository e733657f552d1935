// Asks a server for the names of a file, type A, in batches, and counts what comes back.
//
//   load ADDRESS PORT FILE closed WINDOW SECONDS   keeps WINDOW questions on their way
//   load ADDRESS PORT FILE paced RATE SECONDS      one after the other, RATE a second
//   load ADDRESS PORT FILE once WINDOW 0           each name once
//   load ADDRESS PORT - random RATE SECONDS        names that nobody has asked before
//
// Prints: asked, answered, those of them with RCODE 0 and a record, seconds, and the median and the
// 99th percentile of the round trips in µs (of a closed or paced run).
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { kBatch = 32, kIds = 65536, kSteps = 200000 };

typedef struct {
  uint16_t length;
  uint8_t bytes[286];
} Question;

static Question* questions;
static size_t count;
static int fd;
static double sentAt[kIds];
static uint64_t asked, answered, good;
static uint32_t histogram[kSteps];  // in tenths of a µs
static uint64_t state = 0x243f6a8885a308d3;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t next(void) {
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}

static void encode(const char* name, Question* q) {
  uint8_t* at = q->bytes + 12;
  memset(q->bytes, 0, 12);
  q->bytes[2] = 1;
  q->bytes[5] = 1;
  while (*name != 0) {
    size_t label = strcspn(name, ".");
    *at++ = (uint8_t)label;
    memcpy(at, name, label);
    at += label;
    name += label + (name[label] == '.');
  }
  static const uint8_t kEnd[] = {0, 0, 1, 0, 1};
  memcpy(at, kEnd, sizeof kEnd);
  q->length = (uint16_t)(at + sizeof kEnd - q->bytes);
}

static int readNames(const char* path) {
  FILE* file = fopen(path, "r");
  if (file == NULL) return -1;
  char line[256];
  size_t room = 0;
  while (fgets(line, sizeof line, file) != NULL) {
    line[strcspn(line, "\n")] = 0;
    if (strlen(line) > 250) return -1;
    if (count == room) {
      room = room == 0 ? 4096 : room * 2;
      questions = realloc(questions, room * sizeof *questions);
      if (questions == NULL) return -1;
    }
    encode(line, &questions[count++]);
  }
  fclose(file);
  return count > 0 ? 0 : -1;
}

static void ask(int n, int random) {
  static uint8_t copies[kBatch][300];
  struct mmsghdr messages[kBatch] = {0};
  struct iovec vectors[kBatch];
  double at = now();
  for (int i = 0; i < n; i++) {
    Question made;
    const Question* q = &made;
    if (random) {
      char name[64];
      snprintf(name, sizeof name, "%016llx.random.example", (unsigned long long)next());
      encode(name, &made);
    } else {
      q = &questions[asked % count];
    }
    uint16_t id = (uint16_t)asked++;
    memcpy(copies[i], q->bytes, q->length);
    copies[i][0] = (uint8_t)(id >> 8);
    copies[i][1] = (uint8_t)id;
    sentAt[id] = at;
    vectors[i] = (struct iovec){copies[i], q->length};
    messages[i].msg_hdr.msg_iov = &vectors[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  for (int done = 0; done < n;) {
    int sent = sendmmsg(fd, messages + done, (unsigned)(n - done), 0);
    if (sent > 0) done += sent;
    else if (errno != EINTR && errno != ECONNREFUSED && errno != EAGAIN) exit(1);
  }
}

// How many answers came.
static int hear(int flags) {
  static uint8_t bytes[kBatch][512];
  struct mmsghdr messages[kBatch] = {0};
  struct iovec vectors[kBatch];
  for (int i = 0; i < kBatch; i++) {
    vectors[i] = (struct iovec){bytes[i], sizeof bytes[i]};
    messages[i].msg_hdr.msg_iov = &vectors[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  int n = recvmmsg(fd, messages, kBatch, flags, NULL);
  if (n <= 0) return 0;
  double at = now();
  for (int i = 0; i < n; i++) {
    if (messages[i].msg_len < 12) continue;
    uint16_t id = (uint16_t)(bytes[i][0] << 8 | bytes[i][1]);
    double tookUs = (at - sentAt[id]) * 1e6;
    size_t step = (size_t)(tookUs * 10);
    histogram[step < kSteps ? step : kSteps - 1]++;
    answered++;
    if ((bytes[i][3] & 15) == 0 && bytes[i][7] > 0) good++;
  }
  return n;
}

static double quantile(double share) {
  uint64_t want = (uint64_t)((double)answered * share), seen = 0;
  for (size_t i = 0; i < kSteps; i++) {
    seen += histogram[i];
    if (seen > want) return (double)i / 10;
  }
  return 0;
}

// Waits for an answer; false when nothing came for so long that what was asked is lost.
static int wait(int ms) {
  struct pollfd one = {fd, POLLIN, 0};
  return poll(&one, 1, ms) > 0;
}

static void closed(uint64_t window, double seconds, uint64_t most) {
  uint64_t lost = 0;
  double end = now() + seconds;
  while ((most == 0 && now() < end) || (most > 0 && answered + lost < most)) {
    uint64_t flying = asked - answered - lost;
    while (flying < window && (most == 0 || asked < most)) {
      uint64_t n = window - flying < kBatch ? window - flying : kBatch;
      if (most > 0 && most - asked < n) n = most - asked;
      ask((int)n, 0);
      flying += n;
    }
    if (hear(MSG_DONTWAIT) == 0 && !wait(most > 0 ? 2000 : 100)) lost = asked - answered;
  }
}

static void paced(double rate, double seconds, int random) {
  double start = now();
  for (;;) {
    double passed = now() - start;
    if (passed >= seconds) break;
    uint64_t due = (uint64_t)(passed * rate);
    if (due > asked) {
      // A pause of this program itself is not made up for by a burst.
      if (!random && due - asked > 4) start += (double)(due - asked - 1) / rate;
      ask(random && due - asked > 1 ? (int)(due - asked < kBatch ? due - asked : kBatch) : 1, random);
    }
    hear(MSG_DONTWAIT);
  }
  if (!random) {
    while (answered < asked && wait(2000)) hear(MSG_DONTWAIT);
  }
}

int main(int argc, char** argv) {
  if (argc != 7) return 2;
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
  int random = strcmp(argv[4], "random") == 0;
  if (inet_pton(AF_INET, argv[1], &to.sin_addr) != 1 || (!random && readNames(argv[3]) != 0)) {
    return 2;
  }
  fd = socket(AF_INET, SOCK_DGRAM, 0);
  int room = 1 << 21;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  if (connect(fd, (struct sockaddr*)&to, sizeof to) != 0) return 1;
  state ^= (uint64_t)time(NULL) << 20;
  double how = atof(argv[5]), seconds = atof(argv[6]);
  double start = now();
  if (strcmp(argv[4], "closed") == 0) closed((uint64_t)how, seconds, 0);
  else if (strcmp(argv[4], "once") == 0) closed((uint64_t)how, 0, count);
  else paced(how, seconds, random);
  printf("%llu %llu %llu %.6f %.1f %.1f\n", (unsigned long long)asked, (unsigned long long)answered,
         (unsigned long long)good, now() - start, quantile(0.5), quantile(0.99));
  return 0;
}
