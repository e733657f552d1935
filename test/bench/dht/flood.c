// Floods a node of the DHT, and counts what comes back from it.
//
//   flood INTERFACE MAC ADDRESS PORT PER_SECOND SECONDS
//
// Three of four datagrams come from anywhere in 10.99.0.0/16 and any port, the others from sixteen
// endpoints that stay. Of eight, five are find_node queries, one get_peers with scrape, one is cut
// off, and one is nothing at all. What comes from the port is heard until a second after the end.
//
// Prints: sent; packets and bytes (with IP headers) that came; the most of both within a second;
// packets that were not counted, for want of room; seconds.
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

enum { kBatch = 32, kLongest = 256, kHead = 42, kSlots = 10, kFlows = 16 };

static uint64_t state = 0x243f6a8885a308d3;
static uint64_t packets, bytes, mostPackets, mostBytes;
// The last second in tenths: what came in each.
static uint64_t slotPackets[kSlots], slotBytes[kSlots];
static long slotNow = -1;

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

static size_t question(unsigned kind, uint8_t* at) {
  static const char* const kFind = "d1:ad2:id20:--------------------6:target20:--------------------e1:q9:find_node1:t4:----1:y1:qe";
  static const char* const kPeers = "d1:ad2:id20:--------------------9:info_hash20:--------------------6:scrapei1ee1:q9:get_peers1:t4:----1:y1:qe";
  if (kind == 7) {
    size_t length = 20 + next() % 180;
    for (size_t i = 0; i < length; i++) at[i] = (uint8_t)next();
    return length;
  }
  const char* text = kind == 6 ? kPeers : kFind;
  size_t length = strlen(text);
  for (size_t i = 0; i < length; i++) at[i] = text[i] == '-' ? (uint8_t)next() : (uint8_t)text[i];
  return kind == 5 ? length - 1 - next() % 60 : length;
}

// Everything behind the MAC addresses.
static size_t make(uint8_t* f, uint32_t n, in_addr_t to, uint16_t port) {
  uint32_t from = 0x0a630000 | (uint32_t)(next() & 0xffff);
  uint16_t fromPort = (uint16_t)(1024 + next() % 60000);
  if (n % 4 == 0) {
    from = 0x0a630001 + n / 4 % kFlows;
    fromPort = 6881;
  }
  size_t length = question(n % 8, f + kHead);
  memset(f + 12, 0, kHead - 12);
  f[12] = 8;
  f[14] = 0x45;
  f[22] = 64;
  f[23] = IPPROTO_UDP;
  uint16_t total = htons((uint16_t)(length + 28)), udp = htons((uint16_t)(length + 8));
  memcpy(f + 16, &total, 2);
  from = htonl(from);
  memcpy(f + 26, &from, 4);
  memcpy(f + 30, &to, 4);
  uint32_t sum = 0;
  for (int i = 14; i < 34; i += 2) sum += (uint32_t)(f[i] << 8 | f[i + 1]);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = ~((sum & 0xffff) + (sum >> 16));
  f[24] = (uint8_t)(sum >> 8);
  f[25] = (uint8_t)sum;
  fromPort = htons(fromPort);
  port = htons(port);
  memcpy(f + 34, &fromPort, 2);
  memcpy(f + 36, &port, 2);
  memcpy(f + 38, &udp, 2);
  return kHead + length;
}

static void count(size_t length, double at) {
  long slot = (long)(at * kSlots);
  if (slotNow < 0 || slot - slotNow > kSlots) slotNow = slot - kSlots;
  while (slotNow < slot) {
    slotNow++;
    slotPackets[slotNow % kSlots] = slotBytes[slotNow % kSlots] = 0;
  }
  packets++;
  bytes += length;
  slotPackets[slot % kSlots]++;
  slotBytes[slot % kSlots] += length;
  uint64_t p = 0, b = 0;
  for (int i = 0; i < kSlots; i++) {
    p += slotPackets[i];
    b += slotBytes[i];
  }
  if (p > mostPackets) mostPackets = p;
  if (b > mostBytes) mostBytes = b;
}

static void hear(int fd, uint16_t port) {
  uint8_t frame[2048];
  for (;;) {
    ssize_t length = recv(fd, frame, sizeof frame, MSG_DONTWAIT);
    if (length < 0) return;
    if (length < kHead || frame[23] != IPPROTO_UDP) continue;
    size_t udp = 14 + 4 * (size_t)(frame[14] & 15);
    if (udp + 8 > (size_t)length || (frame[udp] << 8 | frame[udp + 1]) != port) continue;
    count((size_t)length - 14, now());
  }
}

int main(int argc, char** argv) {
  if (argc != 7) return 2;
  int out = socket(AF_PACKET, SOCK_RAW, 0), in = socket(AF_PACKET, SOCK_RAW, 0), on = 1, room = 1 << 22;
  struct sockaddr_ll link = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(argv[1])};
  in_addr_t to;
  uint8_t mac[6], own[6] = {2, 0, 0, 0, 0x99, 1};
  if (out < 0 || in < 0 || link.sll_ifindex == 0 || inet_pton(AF_INET, argv[3], &to) != 1) return 2;
  if (sscanf(argv[2], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", mac, mac + 1, mac + 2, mac + 3, mac + 4, mac + 5) != 6) return 2;
  setsockopt(in, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on);
  setsockopt(in, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  if (bind(out, (struct sockaddr*)&link, sizeof link) != 0) return 1;
  link.sll_protocol = htons(ETH_P_IP);
  if (bind(in, (struct sockaddr*)&link, sizeof link) != 0) return 1;
  uint16_t port = (uint16_t)atoi(argv[4]);
  double rate = atof(argv[5]), seconds = atof(argv[6]);
  static uint8_t frames[kBatch][kLongest];
  struct mmsghdr messages[kBatch] = {0};
  struct iovec pieces[kBatch];
  for (int i = 0; i < kBatch; i++) {
    memcpy(frames[i], mac, 6);
    memcpy(frames[i] + 6, own, 6);
    messages[i].msg_hdr.msg_iov = &pieces[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  state ^= (uint64_t)time(NULL) << 20;
  double start = now();
  uint64_t sent = 0;
  for (;;) {
    double passed = now() - start;
    if (passed >= seconds) break;
    hear(in, port);
    if (passed * rate < (double)(sent + kBatch)) {
      nanosleep(&(struct timespec){0, 100000}, NULL);
      continue;
    }
    for (int i = 0; i < kBatch; i++) pieces[i] = (struct iovec){frames[i], make(frames[i], (uint32_t)sent + (uint32_t)i, to, port)};
    int n = sendmmsg(out, messages, kBatch, 0);
    if (n > 0) sent += (uint64_t)n;
  }
  double took = now() - start;
  while (now() - start < took + 1) {
    hear(in, port);
    nanosleep(&(struct timespec){0, 1000000}, NULL);
  }
  struct tpacket_stats lost = {0};
  socklen_t size = sizeof lost;
  getsockopt(in, SOL_PACKET, PACKET_STATISTICS, &lost, &size);
  printf("%llu %llu %llu %llu %llu %u %.3f\n", (unsigned long long)sent, (unsigned long long)packets,
         (unsigned long long)bytes, (unsigned long long)mostPackets, (unsigned long long)mostBytes, lost.tp_drops, took);
  return 0;
}
