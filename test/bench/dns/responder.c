// The upstream of the servers that are compared: every A question has one address for a day, every
// other no data. Says "ready" when it listens.
//
//   responder ADDRESS PORT
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const uint8_t kRecord[] = {0xc0, 12, 0, 1, 0, 1, 0, 1, 0x51, 0x80, 0, 4, 192, 0, 2, 1};
static const uint8_t kOpt[] = {0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0};

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (inet_pton(AF_INET, argv[1], &at.sin_addr) != 1 ||
      bind(fd, (struct sockaddr*)&at, sizeof at) != 0) {
    perror("bind");
    return 1;
  }
  puts("ready");
  fflush(stdout);
  uint8_t bytes[4096];
  for (;;) {
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    ssize_t n = recvfrom(fd, bytes, 1024, 0, (struct sockaddr*)&from, &length);
    if (n < 17) continue;
    size_t end = 12;
    while (end < (size_t)n && bytes[end] != 0 && bytes[end] < 64) end += bytes[end] + 1u;
    end += 5;
    if (end > (size_t)n) continue;
    int address = bytes[end - 4] == 0 && bytes[end - 3] == 1;
    int opt = bytes[11] > 0;
    bytes[2] = (uint8_t)(0x84 | (bytes[2] & 1));
    bytes[3] = 0x80;
    memset(bytes + 6, 0, 6);
    bytes[7] = (uint8_t)address;
    bytes[11] = (uint8_t)opt;
    if (address) {
      memcpy(bytes + end, kRecord, sizeof kRecord);
      end += sizeof kRecord;
    }
    if (opt) {
      memcpy(bytes + end, kOpt, sizeof kOpt);
      end += sizeof kOpt;
    }
    sendto(fd, bytes, end, 0, (struct sockaddr*)&from, length);
  }
}
