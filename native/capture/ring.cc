#include "ring.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <iterator>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

namespace gatehouse::capture {

namespace {

// A wake-up is for a block; each is so big where the ring has room for a few.
constexpr size_t kMostBlock = 1 << 20;
constexpr size_t kLeastBlocks = 4;
constexpr unsigned kFrameBytes = 4096;
// As long as a block waits to be full.
constexpr unsigned kRetireMs = 50;
// The kernel takes the tag out of a frame; it is put back, so there is room in front.
constexpr int kTagBytes = 4;
constexpr uint32_t kEthernet = 1, kRawIp = 101;

}  // namespace

Ring::~Ring() {
  if (ring_ != nullptr) munmap(ring_, blocks_ * blockBytes_);
  if (fd_ >= 0) close(fd_);
}

int Ring::open(const RingOptions& options, char error[Filter::kErrorBytes]) {
  const int answer = setUp(options, error);
  if (answer != 0 && fd_ >= 0) {
    close(fd_);
    fd_ = -1;
  }
  return answer;
}

int Ring::attach(const std::vector<sock_filter>& program) {
  const sock_fprog all{static_cast<unsigned short>(program.size()),
                       const_cast<sock_filter*>(program.data())};
  return setsockopt(fd_, SOL_SOCKET, SO_ATTACH_FILTER, &all, sizeof all) == 0 ? 0 : -errno;
}

int Ring::setFilter(const RingOptions& options, char error[Filter::kErrorBytes]) {
  program_ = {{BPF_RET | BPF_K, 0, 0, options.snapBytes}};
  if (!options.filter.empty()) {
    // The kernel has taken tags out before it filters, so what asks for them is looked at here.
    const bool tags = options.filter.find("vlan") != std::string::npos;
    Filter& filter = tags ? engine_->filter : filter_;
    if (!filter.set(options.filter.c_str(), linkType_, error)) return error[0] == '\0' ? -ENOSYS : 1;
    if (!tags) {
      const BpfProgram* made = filter.program(linkType_);
      program_.assign(made->instructions, made->instructions + made->length);
      for (sock_filter& at : program_) {
        if (at.code == (BPF_RET | BPF_K) && at.k > options.snapBytes) at.k = options.snapBytes;
      }
    }
  }
  // A packet that came before all rings of a group are there would be in more than one of them.
  return options.fanout == RingOptions::kNoFanout ? attach(program_) : shut();
}

int Ring::setUp(const RingOptions& options, char error[Filter::kErrorBytes]) {
  // Protocol 0 hears nothing until bind, so no packet passes unfiltered.
  fd_ = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd_ < 0) return -errno;
  ifreq asked{};
  strncpy(asked.ifr_name, options.ifName.c_str(), IFNAMSIZ - 1);
  if (ioctl(fd_, SIOCGIFINDEX, &asked) != 0) return -errno;
  const int ifIndex = asked.ifr_ifindex;
  if (ioctl(fd_, SIOCGIFHWADDR, &asked) != 0) return -errno;
  const auto hardware = asked.ifr_hwaddr.sa_family;
  if (hardware != ARPHRD_ETHER && hardware != ARPHRD_LOOPBACK) {
    // Links of other kinds are heard from the network layer on.
    linkType_ = kRawIp;
    close(fd_);
    fd_ = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd_ < 0) return -errno;
  }
  const int filtered = setFilter(options, error);
  if (filtered != 0) return filtered;
  if (hardware == ARPHRD_LOOPBACK && options.fanout != RingOptions::kNoFanout) {
    // A group does not heed PACKET_IGNORE_OUTGOING.
    const sock_filter incoming[] = {
        {BPF_LD | BPF_B | BPF_ABS, 0, 0, static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_PKTTYPE)},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, PACKET_OUTGOING},
        {BPF_RET | BPF_K, 0, 0, 0}};
    program_.insert(program_.begin(), std::begin(incoming), std::end(incoming));
  }

  // On loopback each packet goes out and comes in again.
  const int yes = 1;
  if (hardware == ARPHRD_LOOPBACK &&
      setsockopt(fd_, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof yes) != 0) {
    return -errno;
  }
  const int version = TPACKET_V3;
  if (setsockopt(fd_, SOL_PACKET, PACKET_VERSION, &version, sizeof version) != 0) return -errno;
  if (setsockopt(fd_, SOL_PACKET, PACKET_RESERVE, &kTagBytes, sizeof kTagBytes) != 0) return -errno;
  blockBytes_ = kMostBlock;
  while (blockBytes_ * kLeastBlocks > options.bytes) blockBytes_ /= 2;
  blocks_ = options.bytes / blockBytes_;
  tpacket_req3 ring{};
  ring.tp_block_size = static_cast<unsigned>(blockBytes_);
  ring.tp_block_nr = static_cast<unsigned>(blocks_);
  ring.tp_frame_size = kFrameBytes;
  ring.tp_frame_nr = ring.tp_block_nr * (ring.tp_block_size / kFrameBytes);
  ring.tp_retire_blk_tov = kRetireMs;
  if (setsockopt(fd_, SOL_PACKET, PACKET_RX_RING, &ring, sizeof ring) != 0) return -errno;
  void* at = mmap(nullptr, blocks_ * blockBytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
  if (at == MAP_FAILED) return -errno;
  ring_ = static_cast<uint8_t*>(at);

  if (options.promiscuous) {
    packet_mreq wish{};
    wish.mr_ifindex = ifIndex;
    wish.mr_type = PACKET_MR_PROMISC;
    if (setsockopt(fd_, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &wish, sizeof wish) != 0) return -errno;
  }
  sockaddr_ll where{};
  where.sll_family = AF_PACKET;
  where.sll_protocol = htons(ETH_P_ALL);
  where.sll_ifindex = ifIndex;
  if (bind(fd_, reinterpret_cast<sockaddr*>(&where), sizeof where) != 0) return -errno;
  if (options.fanout == RingOptions::kNoFanout) return 0;
  // Both ways of a flow have one hash, so a flow is in one ring.
  const bool anew = options.fanout == RingOptions::kNewGroup;
  const int how = PACKET_FANOUT_HASH | (anew ? PACKET_FANOUT_FLAG_UNIQUEID : 0);
  const int join = (anew ? 0 : options.fanout) | how << 16;
  return setsockopt(fd_, SOL_PACKET, PACKET_FANOUT, &join, sizeof join) == 0 ? 0 : -errno;
}

int Ring::admit() { return attach(program_); }

int Ring::group() const {
  int group = 0;
  socklen_t size = sizeof group;
  return getsockopt(fd_, SOL_PACKET, PACKET_FANOUT, &group, &size) == 0 ? group & 0xffff : -errno;
}

int Ring::shut() { return attach({{BPF_RET | BPF_K, 0, 0, 0}}); }

bool Ring::ready() const {
  auto* block = reinterpret_cast<tpacket_block_desc*>(ring_ + next_ * blockBytes_);
  return (std::atomic_ref(block->hdr.bh1.block_status).load(std::memory_order_acquire) & TP_STATUS_USER) != 0;
}

int Ring::wait(int wakeFd, int timeoutMs) {
  pollfd ready[2] = {{fd_, POLLIN, 0}, {wakeFd, POLLIN, 0}};
  const int n = poll(ready, 2, timeoutMs);
  if (n < 0) return errno == EINTR ? 0 : -errno;
  if (n == 0 || (ready[0].revents & (POLLERR | POLLNVAL)) == 0) return 0;
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  return -error;
}

// Another processor wrote the packets, so each is cold, and so are the tables after a sleep. Packets go
// through a pipe: while one is counted, what those behind it need is on its way.
uint32_t Ring::take() {
  constexpr uint32_t kGuess = 4, kFetch = 8, kCount = 12, kSlots = 16;
  struct {
    uint8_t* packet;
    uint64_t hash;
  } pipe[kSlots];
  uint8_t* at = ring_ + next_ * blockBytes_;
  tpacket_hdr_v1& head = reinterpret_cast<tpacket_block_desc*>(at)->hdr.bh1;
  const uint32_t packets = head.num_pkts;
  uint8_t* packet = at + head.offset_to_first_pkt;
  for (uint32_t i = 0; i < packets + kCount; i++) {
    if (i < packets) {
      pipe[i % kSlots] = {packet, 0};
      const auto* h = reinterpret_cast<const tpacket3_hdr*>(packet);
      __builtin_prefetch(packet + h->tp_mac, 1);
      __builtin_prefetch(packet + h->tp_mac + 64);
      packet += h->tp_next_offset;
      __builtin_prefetch(packet);
    }
    if (i - kGuess < packets && linkType_ == kEthernet) {
      auto& to = pipe[(i - kGuess) % kSlots];
      const auto* h = reinterpret_cast<const tpacket3_hdr*>(to.packet);
      to.hash = engine_->expect(to.packet + h->tp_mac, h->tp_snaplen);
    }
    if (i - kFetch < packets) engine_->expectSoon(pipe[(i - kFetch) % kSlots].hash);
    if (i - kCount < packets) give(pipe[(i - kCount) % kSlots].packet);
  }
  std::atomic_ref(head.block_status).store(TP_STATUS_KERNEL, std::memory_order_release);
  next_ = (next_ + 1) % blocks_;
  return packets;
}

void Ring::give(uint8_t* packet) {
  const auto* h = reinterpret_cast<const tpacket3_hdr*>(packet);
  uint8_t* data = packet + h->tp_mac;
  uint32_t captured = h->tp_snaplen;
  uint32_t length = h->tp_len;
  if (linkType_ == kEthernet && (h->tp_status & TP_STATUS_VLAN_VALID) != 0 && captured >= 12) {
    data -= kTagBytes;
    memmove(data, data + kTagBytes, 12);
    const uint16_t type = (h->tp_status & TP_STATUS_VLAN_TPID_VALID) != 0 ? h->hv1.tp_vlan_tpid
                                                                          : ETH_P_8021Q;
    const uint16_t tag[2] = {htons(type), htons(static_cast<uint16_t>(h->hv1.tp_vlan_tci))};
    memcpy(data + 12, tag, sizeof tag);
    captured += kTagBytes;
    length += kTagBytes;
  }
  engine_->packet(static_cast<int64_t>(h->tp_sec) * 1'000'000'000 + h->tp_nsec, linkType_, data, captured,
                  length);
}

Ring::Counts Ring::counts() {
  tpacket_stats_v3 stats{};
  socklen_t size = sizeof stats;
  // Reading sets the kernel's counters back to 0.
  if (fd_ >= 0 && getsockopt(fd_, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0) {
    counts_.heard += stats.tp_packets;
    counts_.dropped += stats.tp_drops;
  }
  return counts_;
}

}  // namespace gatehouse::capture
