// What reading a capture costs in plain C: pcap in blocks of 256 KiB, packets and bytes by protocol and
// by address, in one hash table that does not grow. The peer of the capture engine's benchmark.
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 1 << 18, SLOTS = 1 << 17 };

struct endpoint {
  uint8_t address[16];
  uint64_t sent_packets, sent_bytes, received_packets, received_bytes;
};

static struct endpoint table[SLOTS];
static uint64_t protocols[2][256];
static uint8_t buffer[BLOCK + (1 << 17)];

static struct endpoint *endpoint_of(const uint8_t address[16]) {
  uint64_t a, b;
  memcpy(&a, address, 8);
  memcpy(&b, address + 8, 8);
  uint64_t h = (a * 31 + b) * 0x9e3779b97f4a7c15ULL;
  for (uint32_t i = (uint32_t)(h >> 40) % SLOTS, n = 0; n < SLOTS; i = (i + 1) % SLOTS, n++) {
    struct endpoint *e = &table[i];
    if (e->sent_packets + e->received_packets == 0) {
      memcpy(e->address, address, 16);
      return e;
    }
    if (memcmp(e->address, address, 16) == 0) return e;
  }
  return NULL;
}

static void packet(const uint8_t *p, uint32_t captured, uint32_t length) {
  if (captured < 34) return;
  uint8_t from[16] = {0}, to[16] = {0};
  uint16_t type = (uint16_t)(p[12] << 8 | p[13]);
  if (type == 0x0800) {
    memcpy(from, p + 26, 4);
    memcpy(to, p + 30, 4);
    protocols[0][p[23]] += length;
  } else if (type == 0x86dd && captured >= 54) {
    memcpy(from, p + 22, 16);
    memcpy(to, p + 38, 16);
    protocols[1][p[20]] += length;
  } else {
    return;
  }
  struct endpoint *e = endpoint_of(from);
  if (e != NULL) {
    e->sent_packets++;
    e->sent_bytes += length;
  }
  e = endpoint_of(to);
  if (e != NULL) {
    e->received_packets++;
    e->received_bytes += length;
  }
}

int main(int argc, char **argv) {
  int fd = argc == 2 ? open(argv[1], O_RDONLY) : -1;
  if (fd < 0) return 2;
  uint8_t head[24];
  if (read(fd, head, sizeof head) != sizeof head) return 1;
  size_t held = 0;
  uint64_t packets = 0;
  for (ssize_t got; (got = read(fd, buffer + held, BLOCK)) > 0;) {
    held += (size_t)got;
    size_t at = 0;
    while (held - at >= 16) {
      uint32_t captured, length;
      memcpy(&captured, buffer + at + 8, 4);
      memcpy(&length, buffer + at + 12, 4);
      if (captured > 1 << 16) return 1;
      if (held - at - 16 < captured) break;
      packet(buffer + at + 16, captured, length);
      at += 16 + captured;
      packets++;
    }
    memmove(buffer, buffer + at, held - at);
    held -= at;
  }
  uint64_t endpoints = 0;
  for (int i = 0; i < SLOTS; i++) endpoints += table[i].sent_packets + table[i].received_packets > 0;
  printf("%llu packets, %llu endpoints, %llu bytes of TCP\n", (unsigned long long)packets,
         (unsigned long long)endpoints, (unsigned long long)(protocols[0][6] + protocols[1][6]));
  return 0;
}
