// Sends frames into an interface at a steady rate, in batches of 32, of the lengths that mixed traffic
// has: UDP over IPv4 of a thousand pairs of addresses and ports.
//     flood INTERFACE COUNT PER_SECOND
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCH = 32, LONGEST = 1514 };

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  long count = atol(argv[2]), rate = atol(argv[3]);
  int fd = socket(AF_PACKET, SOCK_RAW, 0);
  struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = (int)if_nametoindex(argv[1])};
  if (fd < 0 || to.sll_ifindex == 0 || bind(fd, (struct sockaddr *)&to, sizeof to) != 0) return 1;
  static uint8_t frames[BATCH][LONGEST];
  static const int lengths[4] = {90, 1514, 90, 540};
  struct mmsghdr messages[BATCH] = {0};
  struct iovec pieces[BATCH];
  for (int i = 0; i < BATCH; i++) {
    int length = lengths[i % 4];
    uint8_t *f = frames[i];
    memcpy(f, "\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0\x45\0", 16);
    f[16] = (uint8_t)((length - 14) >> 8);
    f[17] = (uint8_t)(length - 14);
    f[22] = 64;
    f[23] = 17;
    f[38] = (uint8_t)((length - 34) >> 8);
    f[39] = (uint8_t)(length - 34);
    pieces[i] = (struct iovec){f, (size_t)length};
    messages[i].msg_hdr.msg_iov = &pieces[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  struct timespec begin, now;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  uint32_t n = 0;
  for (long sent = 0; sent < count; sent += BATCH) {
    for (int i = 0; i < BATCH; i++, n++) {
      uint32_t from = htonl(0x0a000001 + n % 1000), target = htonl(0x0a010001 + n % 1000 % 37);
      memcpy(frames[i] + 26, &from, 4);
      memcpy(frames[i] + 30, &target, 4);
      frames[i][34] = (uint8_t)(n % 1000 >> 8);
      frames[i][35] = (uint8_t)(n % 1000);
      frames[i][37] = 9;
    }
    for (int done = 0; done < BATCH;) {
      int k = sendmmsg(fd, messages + done, (unsigned)(BATCH - done), 0);
      if (k > 0) done += k;
    }
    for (;;) {
      clock_gettime(CLOCK_MONOTONIC, &now);
      double passed = (double)(now.tv_sec - begin.tv_sec) + (double)(now.tv_nsec - begin.tv_nsec) / 1e9;
      if (passed * (double)rate >= (double)sent) break;
      struct timespec nap = {0, 200000};
      nanosleep(&nap, NULL);
    }
  }
  return 0;
}
