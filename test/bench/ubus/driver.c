// Calls `bench.0 echo` and times it.  driver SOCKET call BYTES OUTSTANDING CALLS
// or lists all objects one time after another.  driver SOCKET list 0 0 TIMES
// Prints: calls per second, p50 and p99 in microseconds, data frames seen. A quarter as many calls
// go first and do not count.
#include <time.h>

#include "frames.h"

static struct stream in;
static uint8_t call[1 << 20 | 1 << 18];
static uint64_t started[65536];

static uint64_t nowNs(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
static int byValue(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

int main(int argc, char **argv) {
  if (argc != 6) return 2;
  in.fd = dial(argv[1]);
  int listing = strcmp(argv[2], "list") == 0;
  size_t bytes = (size_t)atol(argv[3]);
  int outstanding = listing ? 1 : atoi(argv[4]);
  long calls = atol(argv[5]), warm = calls / 4;
  size_t length;
  nextFrame(&in, &length);  // HELLO

  uint32_t id = 0;
  const char path[] = "bench.0";
  sendAll(in.fd, call, finish(call, attribute(begin(call, LOOKUP, 1, 0), A_PATH, path, sizeof path)));
  for (;;) {
    const uint8_t *frame = nextFrame(&in, &length);
    if (!frame) return 1;
    const uint8_t *found = find(frame, length, A_ID, NULL);
    if (frame[1] == DATA && found) id = get32(found);
    if (frame[1] == STATUS) break;
  }
  if (id == 0) return 1;

  size_t callLength;
  if (listing) {
    callLength = finish(call, begin(call, LOOKUP, 0, 0));
  } else {
    // DATA: one STRING `text` that fills the call up to `bytes`.
    static uint8_t data[1 << 20];
    size_t textLength = bytes > 64 ? bytes - 60 : 8;
    put32(data, 0x83000000u | (uint32_t)(12 + textLength));
    memcpy(data + 4, "\0\4text\0", 8);
    memset(data + 12, 'x', textLength - 1);
    uint8_t *at = word(begin(call, INVOKE, 0, id), A_ID, id);
    at = attribute(at, A_METHOD, "echo", 5);
    callLength = finish(call, attribute(at, A_DATA, data, 12 + textLength));
  }

  uint32_t *taken = malloc(sizeof *taken * (size_t)calls);
  long sent = 0, done = 0, frames = 0, all = calls + warm;
  uint16_t seq = 1;
  uint64_t begun = nowNs();
  static uint8_t burst[1 << 20 | 1 << 18];
  while (done < all) {
    size_t used = 0;
    while (sent < all && sent - done < outstanding) {
      if (used + callLength > sizeof burst) {
        sendAll(in.fd, burst, used);
        used = 0;
      }
      seq++;
      call[2] = (uint8_t)(seq >> 8), call[3] = (uint8_t)seq;
      memcpy(burst + used, call, callLength);
      used += callLength;
      started[seq] = nowNs();
      sent++;
    }
    if (used > 0) sendAll(in.fd, burst, used);
    // All answers that are here, then the next calls.
    do {
      const uint8_t *frame = nextFrame(&in, &length);
      if (!frame) return 1;
      if (frame[1] == DATA) frames++;
      if (frame[1] != STATUS) continue;
      size_t size;
      const uint8_t *status = find(frame, length, A_STATUS, &size);
      if (!status || get32(status) != 0) return 3;
      uint64_t at = nowNs();
      if (done >= warm) taken[done - warm] = (uint32_t)(at - started[frame[2] << 8 | frame[3]]);
      if (++done == warm) begun = at;
    } while (done < sent && frameLength(in.bytes + in.used, in.have - in.used) > 0);
    if (done < sent && outstanding == 1) continue;
  }
  double seconds = (double)(nowNs() - begun) / 1e9;
  qsort(taken, (size_t)calls, sizeof *taken, byValue);
  printf("%.1f %.2f %.2f %ld\n", (double)calls / seconds, taken[calls / 2] / 1e3,
         taken[calls * 99 / 100] / 1e3, frames);
  return 0;
}
