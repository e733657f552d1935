/*
 * Many DHCPv4 clients on one raw socket, with a MAC and a state each; the server under test is at
 * the other end of a veth pair. Every answer is checked: whose it is, what it is, that the address is
 * the one offered, that nobody else has it, and both checksums.
 *
 *   flood IFNAME closed CLIENTS WINDOW SECONDS         WINDOW clients are always under way, each new one at once
 *   flood IFNAME open   CLIENTS RATE SECONDS           RATE clients start each second, whatever comes back
 *   flood IFNAME renew  CLIENTS WINDOW SECONDS         four-way for all, then unicast renewals alone are measured
 *
 * A client is DISCOVER, OFFER, REQUEST, ACK. Closed: one that hears nothing for a second says it
 * again, and each of CLIENTS is taken in turn, once more when all had theirs. Open: nothing is said
 * again; who has no ACK a second after his DISCOVER is lost.
 *
 * stdout, one line: exchanges, seconds, p50 µs, p99 µs, worst µs, retransmitted, duplicates, NAKs,
 * wrong, lost, own CPU seconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <poll.h>
#include <unistd.h>

enum { DISCOVER = 1, OFFER, REQUEST, DECLINE, ACK, NAK };
enum { IDLE, SELECTING, REQUESTING, BOUND };
enum { BATCH = 64, FRAME = 342 + 20, SECOND = 1000000000, SCAN_NS = 20 * 1000 * 1000 };

/* MACs in no order: odd, and its inverse modulo 2^32. */
#define SCATTER 2654435761u
#define GATHER 244002641u

struct client {
  uint32_t xid;
  uint32_t address; /* as on the wire */
  uint32_t server;
  uint8_t server_mac[6];
  uint8_t state;
  uint64_t began_ns;
  uint64_t said_ns;
};

static struct client *clients;
static uint32_t count, window;
static uint32_t *owner; /* by the last 24 bits of the address: client + 1 */
static int fd;
static uint64_t exchanges, again, duplicates, naks, wrong, lost;
static uint32_t *latencies;
static size_t latency_count, latency_room;
static uint8_t out[BATCH][FRAME];
static struct mmsghdr out_messages[BATCH];
static struct iovec out_vectors[BATCH];
static int out_count;
static bool measuring = true;

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static void die(const char *what) {
  perror(what);
  exit(1);
}

static uint32_t sum(const uint8_t *at, size_t length, uint32_t start) {
  uint32_t total = start;
  for (size_t i = 0; i + 1 < length; i += 2) total += (uint32_t)(at[i] << 8 | at[i + 1]);
  if (length & 1) total += (uint32_t)(at[length - 1] << 8);
  while (total >> 16) total = (total & 0xffff) + (total >> 16);
  return total;
}

static void put16(uint8_t *at, uint32_t value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

static uint32_t get16(const uint8_t *at) { return (uint32_t)(at[0] << 8 | at[1]); }

static void flush_out(void) {
  for (int sent = 0; sent < out_count;) {
    int n = sendmmsg(fd, out_messages + sent, (unsigned)(out_count - sent), 0);
    if (n < 0 && errno != EINTR && errno != ENOBUFS) die("sendmmsg");
    if (n > 0) sent += n;
  }
  out_count = 0;
}

/* Broadcast flag off. A renewal is unicast, with ciaddr, and names no server (RFC 2131 §4.3.2). */
static void say(uint32_t index, int type, bool renewal) {
  struct client *c = &clients[index];
  uint8_t *f = out[out_count];
  memset(f, 0, FRAME);
  if (renewal) {
    memcpy(f, c->server_mac, 6);
  } else {
    memset(f, 0xff, 6);
  }
  uint32_t number = index * SCATTER;
  uint8_t mac[6] = {0x02, 0x10, (uint8_t)(number >> 24), (uint8_t)(number >> 16),
                    (uint8_t)(number >> 8), (uint8_t)number};
  memcpy(f + 6, mac, 6);
  put16(f + 12, 0x0800);
  uint8_t *ip = f + 14, *udp = ip + 20, *m = udp + 8;
  m[0] = 1;
  m[1] = 1;
  m[2] = 6;
  memcpy(m + 4, &c->xid, 4);
  if (renewal) memcpy(m + 12, &c->address, 4);
  memcpy(m + 28, mac, 6);
  uint8_t *o = m + 236;
  memcpy(o, "\x63\x82\x53\x63", 4);
  o += 4;
  *o++ = 53, *o++ = 1, *o++ = (uint8_t)type;
  *o++ = 61, *o++ = 7, *o++ = 1;
  memcpy(o, mac, 6);
  o += 6;
  if (type == REQUEST && !renewal) {
    *o++ = 50, *o++ = 4;
    memcpy(o, &c->address, 4);
    o += 4;
    *o++ = 54, *o++ = 4;
    memcpy(o, &c->server, 4);
    o += 4;
  }
  *o++ = 55, *o++ = 5, *o++ = 1, *o++ = 3, *o++ = 6, *o++ = 15, *o++ = 28;
  *o++ = 255;
  size_t length = (size_t)(o - f);
  if (length < 342) length = 342; /* 300 bytes of BOOTP */
  put16(udp, 68);
  put16(udp + 2, 67);
  put16(udp + 4, (uint32_t)(length - 34));
  ip[0] = 0x45;
  put16(ip + 2, (uint32_t)(length - 14));
  ip[8] = 64;
  ip[9] = 17;
  if (renewal) {
    memcpy(ip + 12, &c->address, 4);
    memcpy(ip + 16, &c->server, 4);
  } else {
    memset(ip + 16, 0xff, 4);
  }
  put16(ip + 10, ~sum(ip, 20, 0));
  uint32_t checksum = ~sum(udp, length - 34, sum(ip + 12, 8, (uint32_t)(17 + length - 34))) & 0xffff;
  put16(udp + 6, checksum == 0 ? 0xffff : checksum);
  out_vectors[out_count] = (struct iovec){f, length};
  if (++out_count == BATCH) flush_out();
}

static void discover(uint32_t index, uint64_t now) {
  struct client *c = &clients[index];
  c->xid = c->xid * 1664525 + 1013904223;
  c->state = SELECTING;
  c->began_ns = c->said_ns = now;
  say(index, DISCOVER, false);
}

static void renew(uint32_t index, uint64_t now) {
  struct client *c = &clients[index];
  c->xid = c->xid * 1664525 + 1013904223;
  c->state = REQUESTING;
  c->began_ns = c->said_ns = now;
  say(index, REQUEST, true);
}

static bool fail(const char *why, uint32_t index) {
  if (wrong++ < 5) fprintf(stderr, "client %u: %s\n", index, why);
  return false;
}

static void note(uint64_t ns) {
  if (!measuring) return;
  exchanges++;
  if (latency_count == latency_room) {
    latency_room = latency_room == 0 ? 1 << 20 : latency_room * 2;
    latencies = realloc(latencies, latency_room * sizeof *latencies);
    if (latencies == NULL) die("realloc");
  }
  latencies[latency_count++] = (uint32_t)(ns / 1000);
}

static uint32_t index_of(const uint8_t *message) {
  uint32_t number;
  memcpy(&number, message + 30, 4);
  return ntohl(number) * GATHER;
}

/* True when the client became bound by it. */
static bool heard(const uint8_t *f, size_t length, bool summed, uint64_t now) {
  if (length < 14 + 20 + 8 + 240) return fail("short frame", 0);
  const uint8_t *ip = f + 14, *udp = ip + 20, *m = udp + 8;
  size_t size = get16(udp + 4);
  if (ip[0] != 0x45 || get16(ip + 2) != size + 20 || size + 34 > length) return fail("lengths", 0);
  if (sum(ip, 20, 0) != 0xffff) return fail("IPv4 checksum", 0);
  if (!summed && get16(udp + 6) != 0 &&
      sum(udp, size, sum(ip + 12, 8, (uint32_t)(17 + size))) != 0xffff) {
    return fail("UDP checksum", 0);
  }
  uint32_t index = index_of(m);
  if (m[0] != 2 || m[28] != 0x02 || m[29] != 0x10) return fail("chaddr", index);
  if (index >= count) {
    duplicates++; /* for a client of an earlier run */
    return false;
  }
  if (memcmp(f, m + 28, 6) != 0 && f[0] != 0xff) return fail("to another MAC", index);
  struct client *c = &clients[index];
  if (memcmp(m + 4, &c->xid, 4) != 0 || c->state == IDLE || c->state == BOUND) {
    duplicates++; /* an answer to what was said twice, or too late */
    return false;
  }
  int type = 0;
  uint32_t server = 0, lease = 0, mask = 0;
  const uint8_t *o = m + 240, *end = udp + size;
  while (o < end && *o != 255) {
    if (*o == 0) {
      o++;
      continue;
    }
    if (o + 2 > end || o + 2 + o[1] > end) return fail("options", index);
    if (o[0] == 53) type = o[2];
    if (o[0] == 54) memcpy(&server, o + 2, 4);
    if (o[0] == 51) memcpy(&lease, o + 2, 4);
    if (o[0] == 1) memcpy(&mask, o + 2, 4);
    o += 2 + o[1];
  }
  uint32_t address;
  memcpy(&address, m + 16, 4);
  if (type == NAK) { /* as a client does: from the start, and the time runs on */
    naks++;
    uint64_t began = c->began_ns;
    discover(index, now);
    c->began_ns = began;
    return false;
  }
  if (address == 0 || server == 0 || lease == 0 || mask == 0) return fail("an option is missing", index);
  if (type == OFFER && c->state == SELECTING) {
    c->address = address;
    c->server = server;
    memcpy(c->server_mac, f + 6, 6);
    c->state = REQUESTING;
    c->said_ns = now;
    say(index, REQUEST, false);
    return false;
  }
  if (type == OFFER) {
    duplicates++;
    return false;
  }
  if (type != ACK || c->state != REQUESTING) return fail("not the answer", index);
  if (address != c->address || server != c->server) return fail("not what was offered", index);
  uint32_t *had = &owner[ntohl(address) & 0xffffff];
  if (*had != 0 && *had != index + 1) return fail("the address of another", index);
  *had = index + 1;
  c->state = BOUND;
  note(now - c->began_ns);
  return true;
}

static void open_socket(const char *name) {
  struct sock_filter to_client[] = {
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
      BPF_JUMP(BPF_JMP | BPF_JEQ, 0x0800, 0, 5),
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 23),
      BPF_JUMP(BPF_JMP | BPF_JEQ, 17, 0, 3),
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 36),
      BPF_JUMP(BPF_JMP | BPF_JEQ, 68, 0, 1),
      BPF_STMT(BPF_RET, 0x40000),
      BPF_STMT(BPF_RET, 0),
  };
  struct sock_fprog program = {8, to_client};
  int bytes = 32 << 20, on = 1;
  struct sockaddr_ll where = {.sll_family = AF_PACKET,
                              .sll_protocol = htons(ETH_P_IP),
                              .sll_ifindex = (int)if_nametoindex(name)};
  fd = socket(AF_PACKET, SOCK_RAW, 0);
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0 ||
      setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0 ||
      setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) != 0 ||
      setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof on) != 0 ||
      bind(fd, (struct sockaddr *)&where, sizeof where) != 0) {
    die(name);
  }
}

static uint8_t in[BATCH][2048];
static struct mmsghdr in_messages[BATCH];
static struct iovec in_vectors[BATCH];
static union {
  struct cmsghdr head;
  uint8_t bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
} in_controls[BATCH];

/* Takes what has come; `bound` is called for each client that became bound. */
static void receive(void (*bound)(uint32_t index, uint64_t now)) {
  for (;;) {
    for (int i = 0; i < BATCH; i++) {
      in_vectors[i] = (struct iovec){in[i], sizeof in[i]};
      in_messages[i].msg_hdr = (struct msghdr){.msg_iov = &in_vectors[i],
                                               .msg_iovlen = 1,
                                               .msg_control = &in_controls[i],
                                               .msg_controllen = sizeof in_controls[i]};
    }
    int n = recvmmsg(fd, in_messages, BATCH, MSG_DONTWAIT, NULL);
    if (n <= 0) break;
    uint64_t now = now_ns();
    for (int i = 0; i < n; i++) {
      bool summed = false;
      struct cmsghdr *c = CMSG_FIRSTHDR(&in_messages[i].msg_hdr);
      if (c != NULL && c->cmsg_type == PACKET_AUXDATA) {
        struct tpacket_auxdata aux;
        memcpy(&aux, CMSG_DATA(c), sizeof aux);
        summed = (aux.tp_status & (TP_STATUS_CSUMNOTREADY | TP_STATUS_CSUM_VALID)) != 0;
      }
      if (heard(in[i], in_messages[i].msg_len, summed, now)) {
        bound(index_of(in[i] + 42), now);
      }
    }
    if (n < BATCH) break;
  }
}

static uint32_t next_client;
static uint64_t end_ns;
static uint32_t under_way, finished;
static bool renew_phase, once;

static void start_next(uint64_t now) {
  if (now >= end_ns || (once && next_client == count)) return;
  uint32_t index = next_client++;
  if (!once && next_client >= count) next_client = 0;
  if (clients[index].state == SELECTING || clients[index].state == REQUESTING) return; /* the pool is too small for the window */
  under_way++;
  if (renew_phase) {
    renew(index, now);
  } else {
    discover(index, now);
  }
}

static void on_bound(uint32_t index, uint64_t now) {
  (void)index;
  under_way--;
  finished++;
  start_next(now);
}

static void wait_readable(int timeout_us) {
  struct pollfd p = {fd, POLLIN, 0};
  struct timespec t = {0, timeout_us * 1000};
  ppoll(&p, 1, &t, NULL);
}

static void repeat_silent(uint64_t now) {
  for (uint32_t i = 0; i < count; i++) {
    struct client *c = &clients[i];
    if ((c->state != SELECTING && c->state != REQUESTING) || now - c->said_ns < SECOND) continue;
    c->said_ns = now;
    if (measuring) again++;
    say(i, c->state == SELECTING ? DISCOVER : REQUEST, renew_phase);
  }
}

/* Runs until the time is over and nobody is under way any more (or two seconds have passed), or all had one. */
static void closed_loop(uint64_t seconds) {
  uint64_t start = now_ns(), scan = start;
  end_ns = start + seconds * SECOND;
  for (uint32_t i = 0; i < window; i++) start_next(start);
  flush_out();
  for (;;) {
    wait_readable(20000);
    receive(on_bound);
    uint64_t now = now_ns();
    if (now - scan > SCAN_NS) {
      scan = now;
      repeat_silent(now);
      while (under_way < window && now < end_ns && !(once && next_client == count)) {
        uint32_t before = under_way;
        start_next(now);
        if (under_way == before) break;
      }
    }
    flush_out();
    if (once ? finished >= count || now > end_ns : now > end_ns) break;
  }
}

static void nothing(uint32_t index, uint64_t now) {
  (void)index;
  (void)now;
}

static void open_loop(uint64_t rate, uint64_t seconds) {
  uint64_t start = now_ns(), begun = 0;
  end_ns = start + seconds * SECOND;
  uint64_t total = rate * seconds;
  if (total > count) {
    fprintf(stderr, "%lu clients are wanted\n", (unsigned long)total);
    exit(2);
  }
  for (;;) {
    uint64_t now = now_ns();
    uint64_t due = (now - start) * rate / SECOND;
    if (due > total) due = total;
    for (; begun < due; begun++) discover((uint32_t)begun, now);
    flush_out();
    if (now > end_ns + SECOND) break;
    wait_readable(200);
    receive(nothing);
    flush_out();
  }
  for (uint64_t i = 0; i < begun; i++) {
    if (clients[i].state != BOUND) lost++;
  }
}

/* Until nothing of an earlier run comes any more, five seconds at most. */
static void wait_for_silence(void) {
  uint64_t start = now_ns(), last = start;
  while (now_ns() - last < 200 * 1000 * 1000 && now_ns() - start < 5ull * SECOND) {
    wait_readable(50000);
    if (recv(fd, in[0], sizeof in[0], MSG_DONTWAIT) > 0) last = now_ns();
  }
}

static int by_value(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

static uint32_t percentile(double share) {
  if (latency_count == 0) return 0;
  size_t at = (size_t)((double)latency_count * share);
  return latencies[at < latency_count ? at : latency_count - 1];
}

int main(int argc, char **argv) {
  if (argc != 6) {
    fprintf(stderr, "usage: flood IFNAME closed|open|renew CLIENTS WINDOW|RATE SECONDS\n");
    return 2;
  }
  count = (uint32_t)strtoul(argv[3], NULL, 10);
  window = (uint32_t)strtoul(argv[4], NULL, 10);
  uint64_t seconds = strtoull(argv[5], NULL, 10);
  clients = calloc(count, sizeof *clients);
  owner = calloc(1 << 24, sizeof *owner);
  if (clients == NULL || owner == NULL) die("calloc");
  for (uint32_t i = 0; i < count; i++) clients[i].xid = i * 2654435761u + (uint32_t)now_ns();
  for (int i = 0; i < BATCH; i++) {
    out_messages[i].msg_hdr = (struct msghdr){.msg_iov = &out_vectors[i], .msg_iovlen = 1};
  }
  open_socket(argv[1]);
  wait_for_silence();
  uint64_t start = now_ns();
  if (strcmp(argv[2], "open") == 0) {
    open_loop(window, seconds);
  } else if (strcmp(argv[2], "renew") == 0) {
    measuring = false;
    once = true;
    closed_loop(600);
    once = false;
    measuring = renew_phase = true;
    next_client = under_way = 0;
    start = now_ns();
    closed_loop(seconds);
  } else {
    closed_loop(seconds);
  }
  double took = (double)(now_ns() - start) / SECOND;
  if (strcmp(argv[2], "open") == 0) took = (double)seconds;
  qsort(latencies, latency_count, sizeof *latencies, by_value);
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  printf("%lu %.3f %u %u %u %lu %lu %lu %lu %lu %.2f\n", (unsigned long)exchanges, took, percentile(0.5),
         percentile(0.99), percentile(1), (unsigned long)again, (unsigned long)duplicates,
         (unsigned long)naks, (unsigned long)wrong, (unsigned long)lost,
         (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
             (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
  return wrong == 0 ? 0 : 1;
}
