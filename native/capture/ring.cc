#include "ring.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <ctime>

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

constexpr unsigned kBlockBytes = 1 << 18;
// As long as a block waits to be full.
constexpr unsigned kRetireMs = 50;
// No dissector looks further; frames of segmentation offload are 64 KB.
constexpr uint32_t kSnapBytes = 2048;
// The kernel takes the tag out of a frame; it is put back, so there is room in front.
constexpr int kTagBytes = 4;
constexpr uint32_t kEthernet = 1, kRawIp = 101;

int64_t nowMs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

}  // namespace

Ring::~Ring() {
  if (ring_ != nullptr) munmap(ring_, blocks_ * kBlockBytes);
  if (fd_ >= 0) close(fd_);
}

int Ring::open(const char* ifName, size_t ringBytes, bool promiscuous, const char* filter,
               char error[Filter::kErrorBytes]) {
  const int answer = setUp(ifName, ringBytes, promiscuous, filter, error);
  if (answer != 0 && fd_ >= 0) {
    close(fd_);
    fd_ = -1;
  }
  return answer;
}

int Ring::setUp(const char* ifName, size_t ringBytes, bool promiscuous, const char* filter,
                char error[Filter::kErrorBytes]) {
  // Protocol 0 hears nothing until bind, so no packet passes unfiltered.
  fd_ = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd_ < 0) return -errno;
  ifreq asked{};
  strncpy(asked.ifr_name, ifName, IFNAMSIZ - 1);
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

  sock_filter everything{BPF_RET | BPF_K, 0, 0, kSnapBytes};
  sock_fprog program{1, &everything};
  if (filter[0] != '\0') {
    if (!engine_->filter.set(filter, linkType_, error)) return error[0] == '\0' ? -ENOSYS : 1;
    // The kernel has taken tags out before it filters, so what asks for them is looked at here.
    if (strstr(filter, "vlan") == nullptr) {
      const BpfProgram* made = engine_->filter.program(linkType_);
      for (unsigned i = 0; i < made->length; i++) {
        sock_filter& at = made->instructions[i];
        if (at.code == (BPF_RET | BPF_K) && at.k > kSnapBytes) at.k = kSnapBytes;
      }
      program = {static_cast<unsigned short>(made->length), made->instructions};
    }
  }
  if (setsockopt(fd_, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) return -errno;

  // On loopback each packet goes out and comes in again.
  const int yes = 1;
  if (hardware == ARPHRD_LOOPBACK &&
      setsockopt(fd_, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof yes) != 0) {
    return -errno;
  }
  const int version = TPACKET_V3;
  if (setsockopt(fd_, SOL_PACKET, PACKET_VERSION, &version, sizeof version) != 0) return -errno;
  if (setsockopt(fd_, SOL_PACKET, PACKET_RESERVE, &kTagBytes, sizeof kTagBytes) != 0) return -errno;
  blocks_ = ringBytes / kBlockBytes;
  tpacket_req3 ring{};
  ring.tp_block_size = kBlockBytes;
  ring.tp_block_nr = static_cast<unsigned>(blocks_);
  ring.tp_frame_size = 4096;
  ring.tp_frame_nr = ring.tp_block_nr * (kBlockBytes / ring.tp_frame_size);
  ring.tp_retire_blk_tov = kRetireMs;
  if (setsockopt(fd_, SOL_PACKET, PACKET_RX_RING, &ring, sizeof ring) != 0) return -errno;
  void* at = mmap(nullptr, blocks_ * kBlockBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
  if (at == MAP_FAILED) return -errno;
  ring_ = static_cast<uint8_t*>(at);

  if (promiscuous) {
    packet_mreq wish{};
    wish.mr_ifindex = ifIndex;
    wish.mr_type = PACKET_MR_PROMISC;
    if (setsockopt(fd_, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &wish, sizeof wish) != 0) return -errno;
  }
  sockaddr_ll where{};
  where.sll_family = AF_PACKET;
  where.sll_protocol = htons(ETH_P_ALL);
  where.sll_ifindex = ifIndex;
  return bind(fd_, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0 ? 0 : -errno;
}

int64_t Ring::drain(int budgetMs) {
  const int64_t until = nowMs() + budgetMs;
  int64_t packets = 0;
  for (;;) {
    uint8_t* at = ring_ + next_ * kBlockBytes;
    auto* status = &reinterpret_cast<tpacket_block_desc*>(at)->hdr.bh1.block_status;
    if ((std::atomic_ref(*status).load(std::memory_order_acquire) & TP_STATUS_USER) != 0) {
      packets += block(at);
      std::atomic_ref(*status).store(TP_STATUS_KERNEL, std::memory_order_release);
      next_ = (next_ + 1) % blocks_;
      if (nowMs() >= until) return packets;
      continue;
    }
    const int64_t left = until - nowMs();
    if (left <= 0) return packets;
    pollfd ready{fd_, POLLIN, 0};
    const int n = poll(&ready, 1, static_cast<int>(left));
    if (n < 0 && errno != EINTR) return -errno;
    if (n > 0 && (ready.revents & (POLLERR | POLLNVAL)) != 0) {
      int error = 0;
      socklen_t size = sizeof error;
      getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
      if (error != 0) return -error;
    }
  }
}

int64_t Ring::block(uint8_t* at) {
  const tpacket_hdr_v1& head = reinterpret_cast<tpacket_block_desc*>(at)->hdr.bh1;
  uint8_t* packet = at + head.offset_to_first_pkt;
  for (uint32_t i = 0; i < head.num_pkts; i++) {
    const auto* h = reinterpret_cast<tpacket3_hdr*>(packet);
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
    engine_->packet(static_cast<int64_t>(h->tp_sec) * 1'000'000'000 + h->tp_nsec, linkType_, data,
                    captured, length);
    packet += h->tp_next_offset;
  }
  return head.num_pkts;
}

void Ring::counts(uint64_t* received, uint64_t* dropped) {
  tpacket_stats_v3 stats{};
  socklen_t size = sizeof stats;
  // Reading sets the kernel's counters back to 0.
  if (fd_ >= 0 && getsockopt(fd_, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0) {
    received_ += stats.tp_packets;
    dropped_ += stats.tp_drops;
  }
  *received = received_;
  *dropped = dropped_;
}

}  // namespace gatehouse::capture
