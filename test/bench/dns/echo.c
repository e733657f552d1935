// What the kernel alone costs: sends back what comes, 32 datagrams a call. Says "ready" when it
// listens.
//
//   echo ADDRESS PORT
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { kBatch = 32, kBytes = 2048 };

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  int room = 1 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  if (inet_pton(AF_INET, argv[1], &at.sin_addr) != 1 ||
      bind(fd, (struct sockaddr*)&at, sizeof at) != 0) {
    perror("bind");
    return 1;
  }
  static char bytes[kBatch][kBytes];
  static struct sockaddr_storage from[kBatch];
  static struct mmsghdr messages[kBatch];
  static struct iovec vectors[kBatch];
  puts("ready");
  fflush(stdout);
  for (;;) {
    for (int i = 0; i < kBatch; i++) {
      vectors[i] = (struct iovec){bytes[i], kBytes};
      messages[i].msg_hdr = (struct msghdr){
          .msg_name = &from[i], .msg_namelen = sizeof from[i], .msg_iov = &vectors[i], .msg_iovlen = 1};
    }
    int n = recvmmsg(fd, messages, kBatch, MSG_WAITFORONE, NULL);
    if (n <= 0) continue;
    for (int i = 0; i < n; i++) {
      vectors[i].iov_len = messages[i].msg_len;
      bytes[i][2] |= (char)0x80;
    }
    sendmmsg(fd, messages, (unsigned)n, 0);
  }
}
