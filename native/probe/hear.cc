// What comes back: replies, errors, the kernel's stamps, and which probe each of them is about.
#include <cerrno>
#include <cstring>
#include <ctime>

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "prober.h"
#include "sockets.h"

namespace gatehouse::probe {

namespace {

// The wall clock is steered all the time; a difference of this much is a step.
constexpr int64_t kStepNs = 1000000;
// Rounds of one drain, so that a flood of strangers' messages does not hold the loop.
constexpr int kRounds = 64;

struct Heard {
  int64_t stampNs = 0;
  uint8_t ttl = 0;
  const sock_extended_err* error = nullptr;
};

Heard readControl(msghdr* message) {
  Heard heard;
  for (cmsghdr* c = CMSG_FIRSTHDR(message); c != nullptr; c = CMSG_NXTHDR(message, c)) {
    const size_t length = c->cmsg_len - CMSG_LEN(0);
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPING &&
        length >= sizeof(scm_timestamping)) {
      timespec stamp;
      memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
      heard.stampNs = static_cast<int64_t>(stamp.tv_sec) * 1000000000 + stamp.tv_nsec;
    } else if ((c->cmsg_level == SOL_IP && c->cmsg_type == IP_TTL) ||
               (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_HOPLIMIT)) {
      int value = 0;
      if (length >= sizeof value) memcpy(&value, CMSG_DATA(c), sizeof value);
      heard.ttl = static_cast<uint8_t>(value);
    } else if (((c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR) ||
                (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_RECVERR)) &&
               length >= sizeof(sock_extended_err)) {
      heard.error = reinterpret_cast<const sock_extended_err*>(CMSG_DATA(c));
    }
  }
  return heard;
}

void addressOf(const sockaddr_in6& from, bool six, uint8_t* out) {
  memset(out, 0, 16);
  if (six) {
    memcpy(out, &from.sin6_addr, 16);
  } else {
    memcpy(out, &reinterpret_cast<const sockaddr_in*>(&from)->sin_addr, 4);
  }
}

}  // namespace

int Incoming::read(int fd, size_t most, int flags) {
  const size_t count = most < kBatch ? most : kBatch;
  for (size_t i = 0; i < count; i++) {
    vectors[i] = {bytes[i], kReadBytes};
    messages[i].msg_hdr = {};
    messages[i].msg_hdr.msg_name = &from[i];
    messages[i].msg_hdr.msg_namelen = sizeof from[i];
    messages[i].msg_hdr.msg_iov = &vectors[i];
    messages[i].msg_hdr.msg_iovlen = 1;
    messages[i].msg_hdr.msg_control = control[i];
    messages[i].msg_hdr.msg_controllen = kControlBytes;
  }
  return recvmmsg(fd, messages, static_cast<unsigned>(count), flags | MSG_DONTWAIT, nullptr);
}

void Prober::sentStamp(Family& family, const uint8_t* bytes, size_t length, int64_t stamp) {
  uint32_t key = 0, place = 0;
  if (!parseSent(bytes, length, &key, &place) || key != key_) return;
  Slot& slot = family.slots[place & (slotCount_ - 1)];
  if (slot.state == State::kFree || slot.place != place || slot.stamped) return;
  slot.stamp = stamp;
  slot.stamped = true;
}

void Prober::drainErrors(Family& family) {
  const bool six = isSix(family);
  Incoming& in = buffers_->errors;
  for (int round = 0; round < kRounds && errorCount_ + kBatch <= kNotSent; round++) {
    const int n = in.read(family.fd, kBatch, MSG_ERRQUEUE);
    if (n <= 0) return;
    for (int i = 0; i < n; i++) {
      const Heard heard = readControl(&in.messages[i].msg_hdr);
      const size_t length = in.messages[i].msg_len;
      if (heard.error == nullptr) continue;
      const uint8_t origin = heard.error->ee_origin;
      if (origin == SO_EE_ORIGIN_TIMESTAMPING) {
        sentStamp(family, in.bytes[i], length, heard.stampNs);
      } else if (origin == SO_EE_ORIGIN_ICMP || origin == SO_EE_ORIGIN_ICMP6) {
        // The message is the request that the error quotes, the name whom it was for.
        Parsed parsed;
        if (length < kEchoBytes) continue;
        parsed.type = heard.error->ee_type;
        parsed.code = heard.error->ee_code;
        parsed.sequence = static_cast<uint16_t>(in.bytes[i][6] << 8 | in.bytes[i][7]);
        parsed.id = family.id;
        parsed.quoted = true;
        parsed.information = heard.error->ee_info;
        addressOf(in.from[i], six, parsed.target);
        parsed.answer = parsed.type == (six ? 1 : 3)    ? Answer::kUnreachable
                        : parsed.type == (six ? 3 : 11) ? Answer::kExceeded
                                                        : Answer::kOther;
        uint8_t offender[16] = {};
        const auto* at = reinterpret_cast<const sockaddr_in6*>(SO_EE_OFFENDER(heard.error));
        const auto* end = static_cast<const uint8_t*>(in.messages[i].msg_hdr.msg_control) +
                          in.messages[i].msg_hdr.msg_controllen;
        const size_t need = six ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
        if (reinterpret_cast<const uint8_t*>(at) + need <= end) {
          if (six) {
            memcpy(offender, &at->sin6_addr, 16);
          } else {
            memcpy(offender, &reinterpret_cast<const sockaddr_in*>(at)->sin_addr, 4);
          }
        }
        if (settle(family, parsed, offender, heard.ttl, heard.stampNs, heard.stampNs != 0,
                   toMs(clockNs(CLOCK_MONOTONIC)), &errors_[errorCount_])) {
          errorCount_++;
        }
      }
    }
    if (static_cast<size_t>(n) < kBatch) return;
  }
}

size_t Prober::receive(Family& family, Result* results, size_t capacity) {
  const bool six = isSix(family);
  Incoming& in = buffers_->heard;
  size_t filled = 0;
  for (int round = 0; round < kRounds && filled < capacity; round++) {
    const int n = in.read(family.fd, capacity - filled, 0);
    // An error that waits at a ping socket is told here once; its message is in the error queue.
    if (n < 0 && errno != EAGAIN && errno != EINTR) continue;
    if (n <= 0) break;
    // A stamp of sending is queued before its packet leaves: after this they are all there.
    drainErrors(family);
    const int64_t monotonic = clockNs(CLOCK_MONOTONIC);
    const int64_t wall = clockNs(CLOCK_REALTIME);
    for (int i = 0; i < n; i++) {
      msghdr& header = in.messages[i].msg_hdr;
      const size_t length = in.messages[i].msg_len;
      Parsed parsed;
      const bool ours = six                        ? parseIcmp6(in.bytes[i], length, &parsed)
                        : family.way == Way::kRaw ? parseIpv4(in.bytes[i], length, &parsed)
                                                  : parseIcmp4(in.bytes[i], length, &parsed);
      const Heard heard = readControl(&header);
      uint8_t from[16];
      addressOf(in.from[i], six, from);
      const bool stamped = heard.stampNs != 0;
      if (!ours || !settle(family, parsed, from, heard.ttl, stamped ? heard.stampNs : wall, stamped,
                           toMs(monotonic), &results[filled])) {
        counters.strangers++;
        continue;
      }
      filled++;
    }
    if (static_cast<size_t>(n) < kBatch) break;
  }
  return filled;
}

// True with `out` filled when this is about a probe of ours that nobody had heard of so far.
bool Prober::settle(Family& family, const Parsed& parsed, const uint8_t* from, uint8_t ttl,
                    int64_t heard, bool stamped, double nowMs, Result* out) {
  const bool six = isSix(family);
  const size_t addressBytes = six ? 16 : 4;
  // A ping socket has an identifier of the kernel's, which sorts its messages out.
  if (family.way == Way::kRaw && parsed.id != family.id) return false;
  const uint32_t index = parsed.sequence & (slotCount_ - 1);
  Slot& slot = family.slots[index];
  if (slot.state == State::kFree || (slot.place & 0xffff) != parsed.sequence) {
    if (parsed.trailed && parsed.key == key_) counters.late++;
    return false;
  }
  if (parsed.answer == Answer::kReply) {
    if (!parsed.trailed || parsed.key != key_ || parsed.place != slot.place) return false;
    // Somebody else's address answers only for a group.
    const bool group = six ? slot.address[0] == 0xff : slot.address[0] >= 224;
    if (!group && memcmp(from, slot.address, addressBytes) != 0) return false;
  } else if (!parsed.quoted || memcmp(parsed.target, slot.address, addressBytes) != 0) {
    return false;
  }
  // A second answer is a duplicate only if it is a reply; an error after a reply tells nothing.
  const bool again = slot.state == State::kAnswered;
  if (again && parsed.answer != Answer::kReply) return false;

  *out = Result{};
  out->tag = slot.tag;
  out->type = parsed.type;
  out->code = parsed.code;
  out->ttl = ttl;
  out->family = six ? 6 : 4;
  out->sequence = parsed.sequence;
  out->information = static_cast<int32_t>(parsed.information);
  memcpy(out->from, from, addressBytes);
  out->sentMs = slot.sentMs;
  out->stamps = static_cast<uint8_t>((slot.stamped ? 1 : 0) | (stamped ? 2 : 0));
  const double monotonicMs = nowMs - slot.sentMs;
  const int64_t offset = clockNs(CLOCK_REALTIME) - clockNs(CLOCK_MONOTONIC);
  const int64_t drift = offset - slot.offset;
  out->rttMs = toMs(heard - slot.stamp);
  if (heard == 0 || drift > kStepNs || drift < -kStepNs || out->rttMs < 0 ||
      out->rttMs > monotonicMs + toMs(kStepNs)) {
    if (heard != 0) counters.clockSteps++;
    out->rttMs = monotonicMs;
    out->stamps = 0;
  }
  if (out->stamps != 3) counters.unstamped++;
  if (again) {
    out->outcome = static_cast<uint8_t>(Outcome::kDuplicate);
    counters.duplicates++;
    return true;
  }
  slot.state = State::kAnswered;
  underWay_--;
  switch (parsed.answer) {
    case Answer::kReply:
      out->outcome = static_cast<uint8_t>(Outcome::kReply);
      counters.replies++;
      break;
    case Answer::kUnreachable:
      out->outcome = static_cast<uint8_t>(Outcome::kUnreachable);
      counters.errors++;
      break;
    case Answer::kExceeded:
      out->outcome = static_cast<uint8_t>(Outcome::kExceeded);
      counters.errors++;
      break;
    default:
      out->outcome = static_cast<uint8_t>(Outcome::kOther);
      counters.errors++;
      break;
  }
  return true;
}

}  // namespace gatehouse::probe
