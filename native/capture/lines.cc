#include "lines.h"

#include <arpa/inet.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <climits>
#include <cstdio>
#include <ctime>
#include <new>

namespace gatehouse::capture {

size_t addressText(char* text, Family family, uint64_t hi, uint64_t lo) {
  if (family == Family::Ipv4) {
    return static_cast<size_t>(snprintf(text, kAddressBytes, "%u.%u.%u.%u",
                                        static_cast<unsigned>(lo >> 24 & 255),
                                        static_cast<unsigned>(lo >> 16 & 255),
                                        static_cast<unsigned>(lo >> 8 & 255),
                                        static_cast<unsigned>(lo & 255)));
  }
  if (family == Family::Ipv6) {
    const uint64_t words[2] = {__builtin_bswap64(hi), __builtin_bswap64(lo)};
    inet_ntop(AF_INET6, words, text, kAddressBytes);
    return strlen(text);
  }
  return static_cast<size_t>(
      snprintf(text, kAddressBytes, "%02x:%02x:%02x:%02x:%02x:%02x",
               static_cast<unsigned>(lo >> 40 & 255), static_cast<unsigned>(lo >> 32 & 255),
               static_cast<unsigned>(lo >> 24 & 255), static_cast<unsigned>(lo >> 16 & 255),
               static_cast<unsigned>(lo >> 8 & 255), static_cast<unsigned>(lo & 255)));
}

bool Lines::good() {
  buffer_.reset(new (std::nothrow) char[kBufferBytes]);
  if (buffer_ == nullptr) return false;
  if (csv_) {
    used_ = static_cast<size_t>(
        snprintf(buffer_.get(), kLineBytes,
                 "time,length,captured,protocols,source,source_port,destination,destination_port,name\n"));
  }
  return true;
}

bool Lines::within(int64_t ns) {
  if (perSecond_ == 0) return true;
  const int64_t second = ns / 1'000'000'000;
  if (second != second_) {
    tellLeftOut();
    second_ = second;
    inSecond_ = 0;
  }
  if (inSecond_++ < perSecond_) return true;
  leftOut_++;
  return false;
}

void Lines::tellLeftOut() {
  if (leftOut_ == 0 || kBufferBytes - used_ < 2 * kLineBytes) return;
  if (!csv_) {
    used_ += static_cast<size_t>(
        snprintf(buffer_.get() + used_, kLineBytes, "... %" PRIu64 " more in this second\n", leftOut_));
  }
  leftOut_ = 0;
}

void Lines::packet(int64_t ns, uint32_t captured, uint32_t length, const char* path, const Seen& seen,
                   const Names::Slot* name) {
  if (error() != 0 || !within(ns)) return;
  if (kBufferBytes - used_ < 2 * kLineBytes && flush() != 0) return;
  if (kBufferBytes - used_ < 2 * kLineBytes) {
    leftOut_++;
    return;
  }
  char from[kAddressBytes + 8] = "", to[kAddressBytes + 8] = "";
  char fromPort[8] = "", toPort[8] = "";
  if (seen.addressed) {
    addressText(from, seen.family, seen.fromHi, seen.fromLo);
    addressText(to, seen.family, seen.toHi, seen.toLo);
  }
  if (seen.ported) {
    snprintf(fromPort, sizeof fromPort, "%u", seen.from);
    snprintf(toPort, sizeof toPort, "%u", seen.to);
  }
  const int64_t second = ns / 1'000'000'000, rest = ns % 1'000'000'000;
  const int nameLength = name == nullptr ? 0 : name->length;
  const char* nameText = name == nullptr ? "" : name->text;
  char* at = buffer_.get() + used_;
  int n;
  if (csv_) {
    n = snprintf(at, kLineBytes, "%" PRId64 ".%09" PRId64 ",%u,%u,%s,%s,%s,%s,%s,%.*s\n", second, rest,
                 length, captured, path, from, fromPort, to, toPort, nameLength, nameText);
  } else {
    char when[32] = "";
    const time_t time = static_cast<time_t>(second);
    tm parts;
    if (gmtime_r(&time, &parts) != nullptr) strftime(when, sizeof when, "%F %T", &parts);
    // The innermost protocol says most.
    const char* colon = strrchr(path, ':');
    const char* protocol = colon == nullptr ? path : colon + 1;
    const bool ports = seen.ported;
    if (!seen.addressed) from[0] = to[0] = '-';
    n = snprintf(at, kLineBytes, "%s.%06" PRId64 "Z  %s%s%s > %s%s%s  %s  %u%s%.*s\n", when, rest / 1000,
                 from, ports ? (seen.family == Family::Ipv6 ? "." : ":") : "", fromPort, to,
                 ports ? (seen.family == Family::Ipv6 ? "." : ":") : "", toPort, protocol, length,
                 nameLength > 0 ? "  " : "", nameLength, nameText);
  }
  if (n > 0) used_ += static_cast<size_t>(n) < kLineBytes ? static_cast<size_t>(n) : kLineBytes - 1;
}

// Live packets wait for nobody: what is not taken stays for the next time.
int Lines::flush() {
  const bool patient = perSecond_ == 0;
  size_t done = 0;
  while (error() == 0 && done < used_) {
    pollfd ready{fd_, POLLOUT, 0};
    if (poll(&ready, 1, patient ? -1 : 0) == 0) break;
    // A pipe that is ready takes so many bytes at once (pipe(7)).
    const size_t part = patient || used_ - done < PIPE_BUF ? used_ - done : PIPE_BUF;
    const ssize_t n = write(fd_, buffer_.get() + done, part);
    if (n >= 0) {
      done += static_cast<size_t>(n);
    } else if (errno != EAGAIN && errno != EINTR) {
      error_ = -errno;
    }
  }
  used_ -= done;
  memmove(buffer_.get(), buffer_.get() + done, used_);
  return error();
}

}  // namespace gatehouse::capture
