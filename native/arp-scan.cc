// Who answers for which IPv4 address on a link (RFC 826): asks for ranges of addresses by ARP, in
// passes, at a rate, and keeps who answered. createArpScan(ifIndex, mac, source, ranges, passes,
// rate, waitMs) answers an object, or -errno; `ranges` are pairs of first and last address, `rate`
// is in frames a second, 0 for as fast as the kernel takes them. Its methods never block:
//
//   work(budgetMs): sends what is due and takes what came: ms until there is something to do, -errno
//   answers(from, into: Uint32Array): fills three words for each answer from the `from`th on (address;
//     kinds << 16 | first two bytes of the MAC; the other four) and answers how many
//   progress(into: Float64Array of 6): fills frames sent, most that may be, answers, 1 at the end,
//     frames that fitted nothing, frames that the kernel had no room for
//   release(): frees all that it holds; -EINVAL from then on

#include <cerrno>
#include <cstring>
#include <ctime>
#include <new>

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "args.h"
#include "reactor.h"

namespace gatehouse {

namespace {

constexpr uint32_t kMostTargets = 1u << 16;
constexpr size_t kMostRanges = 256;
// Further MAC addresses for addresses that somebody answered for already.
constexpr uint32_t kMostOthers = 256;
constexpr uint32_t kMostPasses = 10;
constexpr uint32_t kMostRate = 1000000;
constexpr int kBatch = 128;
// Batches taken in one go, however many come.
constexpr int kRounds = 16;
constexpr size_t kFrame = 42;
constexpr size_t kSlot = 64;
constexpr int kReceiveBytes = 4 << 20;
// Bursts of a paced scan: this part of a second's frames, so that a Wi-Fi's queue is not filled.
constexpr double kBurstsPerSec = 50;
// While the link takes no more.
constexpr double kFullMs = 2;
// While answers are waited for: they wait in the socket's queue.
constexpr double kLookMs = 100;

enum Kinds : uint32_t {
  // Another answered for this address before.
  kOther = 1,
  // The frame came from another MAC address than the one that it claims.
  kForeign = 2,
};

struct Answer {
  uint32_t address;
  uint32_t target;
  uint8_t mac[6];
  uint8_t kinds;
};

struct Range {
  uint32_t first;
  uint32_t last;
  uint32_t at;  // targets before it
};

double nowMs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

uint32_t word(const uint8_t* at) {
  uint32_t value;
  memcpy(&value, at, sizeof value);
  return ntohl(value);
}

class ArpScan {
 public:
  ~ArpScan() {
    if (fd_ >= 0) close(fd_);
    delete[] first_;
    delete[] answers_;
  }

  int open(int ifIndex, const uint8_t* mac, uint32_t source, const uint32_t* ranges, size_t count,
           uint32_t passes, uint32_t rate, double waitMs) {
    memcpy(mac_, mac, sizeof mac_);
    source_ = source;
    passes_ = passes;
    rate_ = rate;
    waitMs_ = waitMs;
    for (size_t i = 0; i < count; i++) {
      const uint32_t first = ranges[2 * i], last = ranges[2 * i + 1];
      if (last < first || last - first >= kMostTargets - targets_) return -EINVAL;
      ranges_[i] = Range{first, last, targets_};
      targets_ += last - first + 1;
    }
    rangeCount_ = count;
    first_ = new (std::nothrow) uint32_t[targets_]();
    answers_ = new (std::nothrow) Answer[targets_ + kMostOthers];
    if (first_ == nullptr || answers_ == nullptr) return -ENOMEM;
    prepare();
    return listen(ifIndex);
  }

  // Milliseconds until there is something to do, 0 at once; or -errno.
  double work(double budgetMs) {
    const double start = nowMs();
    double now = start;
    while (!done_) {
      receive();
      if (sending_) {
        double waits = send(now);
        if (waits != 0) return waits;
      } else {
        const double left = passEndMs_ + waitMs_ - now;
        if (left > 0) return left < kLookMs ? left : kLookMs;
        nextPass();
      }
      now = nowMs();
      if (now - start >= budgetMs) break;
    }
    return 0;
  }

  uint32_t fill(uint32_t from, uint32_t* into, size_t words) const {
    uint32_t n = 0;
    for (uint32_t i = from; i < answered_ && (n + 1) * 3 <= words; i++, n++) {
      const Answer& a = answers_[i];
      into[3 * n] = a.address;
      into[3 * n + 1] =
          static_cast<uint32_t>(a.kinds) << 16 | static_cast<uint32_t>(a.mac[0] << 8 | a.mac[1]);
      into[3 * n + 2] = word(a.mac + 2);
    }
    return n;
  }

  void progress(double* into) {
    tpacket_stats stats{};
    socklen_t size = sizeof stats;
    if (getsockopt(fd_, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0) {
      dropped_ += stats.tp_drops;
    }
    into[0] = static_cast<double>(sent_);
    into[1] = static_cast<double>(targets_) * passes_;
    into[2] = answered_;
    into[3] = done_ ? 1 : 0;
    into[4] = static_cast<double>(stray_);
    into[5] = static_cast<double>(dropped_);
  }

 private:
  void prepare() {
    for (int i = 0; i < kBatch; i++) {
      uint8_t* f = out_[i];
      memset(f, 255, 6);
      memcpy(f + 6, mac_, 6);
      static const uint8_t fixed[] = {8, 6, 0, 1, 8, 0, 6, 4, 0, 1};
      memcpy(f + 12, fixed, sizeof fixed);
      memcpy(f + 22, mac_, 6);
      const uint32_t source = htonl(source_);
      memcpy(f + 28, &source, sizeof source);
      outVectors_[i] = iovec{f, kFrame};
      outMessages_[i].msg_hdr = msghdr{nullptr, 0, &outVectors_[i], 1, nullptr, 0, 0};
      inVectors_[i] = iovec{in_[i], kSlot};
      inMessages_[i].msg_hdr = msghdr{nullptr, 0, &inVectors_[i], 1, nullptr, 0, 0};
    }
  }

  int listen(int ifIndex) {
    // Protocol 0 hears nothing until bind, so no frame passes unfiltered.
    fd_ = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd_ < 0) return -errno;
    const uint32_t high = word(mac_), low = static_cast<uint32_t>(mac_[4] << 8 | mac_[5]);
    // Untagged; IPv4 over Ethernet; a reply; to this machine.
    sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 9),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 14),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x00010800, 0, 7),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 18),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x06040002, 0, 5),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 32),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, high, 0, 3),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 36),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, low, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, kSlot),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    sock_fprog program{sizeof code / sizeof *code, code};
    int bytes = kReceiveBytes, on = 1;
    if (setsockopt(fd_, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0) {
      setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    }
    // A paced scan waits its turn behind the traffic of others.
    if (rate_ == 0) setsockopt(fd_, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on);
    sockaddr_ll where{};
    where.sll_family = AF_PACKET;
    where.sll_protocol = htons(ETH_P_ARP);
    where.sll_ifindex = ifIndex;
    if (setsockopt(fd_, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0 ||
        bind(fd_, reinterpret_cast<sockaddr*>(&where), sizeof where) != 0) {
      return -errno;
    }
    return 0;
  }

  // 0 when it may go on, ms to wait, or -errno.
  double send(double now) {
    int room = kBatch;
    if (rate_ > 0) {
      const double burst = rate_ / kBurstsPerSec < 1 ? 1 : rate_ / kBurstsPerSec;
      if (pacedMs_ < 0) {
        allowed_ = burst;
      } else {
        allowed_ += (now - pacedMs_) * rate_ / 1e3;
        if (allowed_ > burst) allowed_ = burst;  // what a pause missed is not made up for
      }
      pacedMs_ = now;
      if (allowed_ < 1) return (burst - allowed_) * 1e3 / rate_;
      if (allowed_ < room) room = static_cast<int>(allowed_);
    }
    // Targets up to `after` are in the batch.
    uint32_t after[kBatch];
    int count = 0;
    uint32_t t = next_;
    size_t r = range_;
    for (; t < targets_ && count < room; t++) {
      while (t - ranges_[r].at > ranges_[r].last - ranges_[r].first) r++;
      const uint32_t address = ranges_[r].first + (t - ranges_[r].at);
      if (first_[t] != 0 || address == source_) continue;
      const uint32_t wire = htonl(address);
      memcpy(out_[count] + 38, &wire, sizeof wire);
      after[count++] = t + 1;
    }
    int sent = 0;
    double waits = 0;
    while (sent < count) {
      const int n = sendmmsg(fd_, outMessages_ + sent, static_cast<unsigned>(count - sent), MSG_DONTWAIT);
      if (n > 0) {
        sent += n;
      } else if (errno == ENOBUFS || errno == EAGAIN) {
        waits = kFullMs;
        break;
      } else if (errno != EINTR) {
        return -errno;
      }
    }
    sent_ += static_cast<uint64_t>(sent);
    allowed_ -= sent;
    next_ = sent < count ? (sent > 0 ? after[sent - 1] : next_) : t;
    while (range_ + 1 < rangeCount_ && next_ >= ranges_[range_ + 1].at) range_++;
    if (next_ >= targets_) {
      sending_ = false;
      passEndMs_ = nowMs();
    }
    return waits;
  }

  void nextPass() {
    receive();
    asked_ = true;
    if (++pass_ >= passes_ || found_ == targets_) {
      done_ = true;
      return;
    }
    next_ = 0;
    range_ = 0;
    sending_ = true;
  }

  void receive() {
    for (int round = 0; round < kRounds; round++) {
      const int count = recvmmsg(fd_, inMessages_, kBatch, MSG_DONTWAIT, nullptr);
      if (count <= 0) return;
      for (int i = 0; i < count; i++) take(in_[i], inMessages_[i].msg_len);
      if (count < kBatch) return;
    }
  }

  // The index of an address that was asked for already, or targets_.
  uint32_t targetOf(uint32_t address) const {
    for (size_t r = 0; r < rangeCount_; r++) {
      if (address < ranges_[r].first || address > ranges_[r].last) continue;
      const uint32_t t = ranges_[r].at + (address - ranges_[r].first);
      if (asked_ || t < next_) return t;
    }
    return targets_;
  }

  void take(const uint8_t* frame, size_t length) {
    // The filter judged everything up to the target's MAC address.
    if (length < kFrame) return void(stray_++);
    const uint8_t* mac = frame + 22;
    static const uint8_t none[6] = {};
    const uint32_t t = targetOf(word(frame + 28));
    if (t == targets_ || (mac[0] & 1) != 0 || memcmp(mac, none, 6) == 0) return void(stray_++);
    uint8_t kinds = memcmp(frame + 6, mac, 6) == 0 ? uint8_t{0} : uint8_t{kForeign};
    if (first_[t] != 0) {
      if (memcmp(answers_[first_[t] - 1].mac, mac, 6) == 0) return;
      for (uint32_t i = 0; i < otherCount_; i++) {
        const Answer& one = answers_[others_[i]];
        if (one.target == t && memcmp(one.mac, mac, 6) == 0) return;
      }
      if (otherCount_ == kMostOthers) return void(stray_++);
      others_[otherCount_++] = answered_;
      kinds |= kOther;
    } else {
      first_[t] = answered_ + 1;
      found_++;
    }
    Answer& a = answers_[answered_++];
    a.address = word(frame + 28);
    a.target = t;
    memcpy(a.mac, mac, 6);
    a.kinds = kinds;
  }

  int fd_ = -1;
  uint8_t mac_[6] = {};
  uint32_t source_ = 0;
  Range ranges_[kMostRanges] = {};
  size_t rangeCount_ = 0;
  uint32_t targets_ = 0;
  uint32_t passes_ = 1;
  uint32_t rate_ = 0;
  double waitMs_ = 0;
  // By target: its first answer, counted from 1.
  uint32_t* first_ = nullptr;
  Answer* answers_ = nullptr;
  uint32_t answered_ = 0;
  uint32_t found_ = 0;
  // Which of the answers are further ones for their address.
  uint32_t others_[kMostOthers] = {};
  uint32_t otherCount_ = 0;
  uint64_t sent_ = 0;
  uint64_t stray_ = 0;
  uint64_t dropped_ = 0;
  uint32_t pass_ = 0;
  // A whole pass is over.
  bool asked_ = false;
  bool sending_ = true;
  bool done_ = false;
  uint32_t next_ = 0;
  size_t range_ = 0;
  double passEndMs_ = 0;
  double pacedMs_ = -1;
  double allowed_ = 0;
  uint8_t out_[kBatch][kSlot] = {};
  uint8_t in_[kBatch][kSlot] = {};
  iovec outVectors_[kBatch];
  iovec inVectors_[kBatch];
  mmsghdr outMessages_[kBatch];
  mmsghdr inMessages_[kBatch];
};

ArpScan* of(napi_env env, napi_callback_info info) {
  napi_value self = nullptr;
  void* at = nullptr;
  if (napi_get_cb_info(env, info, nullptr, nullptr, &self, nullptr) != napi_ok ||
      napi_unwrap(env, self, &at) != napi_ok) {
    return nullptr;
  }
  return static_cast<ArpScan*>(at);
}

napi_value real(napi_env env, double value) {
  napi_value out = nullptr;
  napi_create_double(env, value, &out);
  return out;
}

napi_value work(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  ArpScan* scan = of(env, info);
  double budgetMs = 0;
  if (scan == nullptr || !args.f64(0, &budgetMs)) return number(env, -EINVAL);
  return real(env, scan->work(budgetMs));
}

napi_value answers(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  ArpScan* scan = of(env, info);
  uint32_t from = 0;
  uint32_t* into = nullptr;
  size_t words = 0;
  if (scan == nullptr || !args.u32(0, &from) || !args.words(1, &into, &words)) {
    return number(env, -EINVAL);
  }
  return number(env, static_cast<int32_t>(scan->fill(from, into, words)));
}

napi_value progress(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  ArpScan* scan = of(env, info);
  double* into = nullptr;
  size_t length = 0;
  if (scan == nullptr || !args.doubles(0, &into, &length) || length < 6) {
    return number(env, -EINVAL);
  }
  scan->progress(into);
  return number(env, 0);
}

napi_value release(napi_env env, napi_callback_info info) {
  napi_value self = nullptr;
  void* at = nullptr;
  if (napi_get_cb_info(env, info, nullptr, nullptr, &self, nullptr) != napi_ok ||
      napi_remove_wrap(env, self, &at) != napi_ok) {
    return number(env, -EINVAL);
  }
  delete static_cast<ArpScan*>(at);
  return number(env, 0);
}

void drop(napi_env, void* data, void*) { delete static_cast<ArpScan*>(data); }

napi_value createArpScan(napi_env env, napi_callback_info info) {
  Args<7> args(env, info);
  int32_t ifIndex = 0;
  const uint8_t* mac = nullptr;
  size_t macBytes = 0, words = 0;
  uint32_t source = 0, passes = 0, rate = 0;
  uint32_t* ranges = nullptr;
  double waitMs = 0;
  if (!args.i32(0, &ifIndex) || ifIndex <= 0 || !args.bytes(1, &mac, &macBytes) || macBytes != 6 ||
      !args.u32(2, &source) || !args.words(3, &ranges, &words) || words == 0 || words % 2 != 0 ||
      words / 2 > kMostRanges || !args.u32(4, &passes) || passes < 1 || passes > kMostPasses ||
      !args.u32(5, &rate) || rate > kMostRate || !args.f64(6, &waitMs) || !(waitMs >= 0) ||
      waitMs > 60000) {
    return number(env, -EINVAL);
  }
  auto* scan = new (std::nothrow) ArpScan();
  if (scan == nullptr) return number(env, -ENOMEM);
  const int opened = scan->open(ifIndex, mac, source, ranges, words / 2, passes, rate, waitMs);
  napi_value object = nullptr;
  static const Method methods[] = {
      {"work", work}, {"answers", answers}, {"progress", progress}, {"release", release}};
  if (opened != 0 || napi_create_object(env, &object) != napi_ok ||
      !define(env, object, methods, nullptr) ||
      napi_wrap(env, object, scan, drop, nullptr, nullptr) != napi_ok) {
    delete scan;
    return number(env, opened != 0 ? opened : -ENOMEM);
  }
  return object;
}

}  // namespace

bool defineArpScan(napi_env env, napi_value target) {
  static const Method methods[] = {{"createArpScan", createArpScan}};
  return define(env, target, methods, nullptr);
}

}  // namespace gatehouse
