#include "files.h"

#include <cerrno>
#include <cstdio>
#include <ctime>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gatehouse::capture {

namespace {

// Kept free in a file with a limit, for the statistics that end it.
constexpr size_t kEndBytes = 128;
constexpr int kPatienceMs = 100;
constexpr uint32_t kMostTries = 1000;

// PATH with number and time before its ending: lan-00002-20260102T030405Z.pcapng.
std::string numbered(const std::string& path, uint32_t number, int64_t ns) {
  const size_t slash = path.rfind('/');
  const size_t dot = path.rfind('.');
  const bool ending = dot != std::string::npos && (slash == std::string::npos ? dot > 0 : dot > slash + 1);
  const time_t sec = ns / 1'000'000'000;
  tm when{};
  gmtime_r(&sec, &when);
  char text[64], stamp[32];
  strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &when);
  snprintf(text, sizeof text, "-%05u-%s", number, stamp);
  return (ending ? path.substr(0, dot) : path) + text + (ending ? path.substr(dot) : "");
}

int openNew(const char* path, bool* pipe) {
  const int fd = ::open(path, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0600);
  if (fd >= 0 || errno != EEXIST) return fd;
  struct stat is{};
  if (lstat(path, &is) != 0 || !S_ISFIFO(is.st_mode)) {
    errno = EEXIST;
    return -1;
  }
  *pipe = true;
  return ::open(path, O_NOFOLLOW | O_WRONLY | O_CLOEXEC | O_NONBLOCK);
}

}  // namespace

Files::~Files() {
  if (fd_ >= 0) ::close(fd_);
}

int Files::open(int64_t ns) { return next(ns) ? 0 : -counts_.error; }

bool Files::next(int64_t ns) {
  std::string name;
  // A capture that began in the same second may have the same name.
  for (uint32_t tries = 0; tries < kMostTries; tries++) {
    name = limits_.any() ? numbered(path_, ++number_, ns) : path_;
    fd_ = openNew(name.c_str(), &pipe_);
    if (fd_ >= 0 || errno != EEXIST || !limits_.any()) break;
  }
  if (fd_ < 0) {
    counts_.error = errno;
    return false;
  }
  names_.push_back(name);
  at_ = 0;
  beganNs_ = ns;
  if (!put(head_.data(), head_.size())) {
    ::close(fd_);
    fd_ = -1;
    if (!pipe_) unlink(name.c_str());
    names_.pop_back();
    return false;
  }
  if (limits_.files != 0 && names_.size() > limits_.files) {
    unlink(names_.front().c_str());
    names_.pop_front();
  }
  if (limits_.files == 0 && names_.size() > kMostNames) names_.pop_front();
  return true;
}

// All of it, or of a file nothing: it never ends within a block.
bool Files::put(const void* bytes, size_t size) {
  const auto* from = static_cast<const uint8_t*>(bytes);
  for (size_t done = 0; done < size;) {
    const ssize_t n = ::write(fd_, from + done, size - done);
    if (n > 0) {
      done += static_cast<size_t>(n);
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN && !abandoned_.load(std::memory_order_relaxed)) {
      pollfd ready{fd_, POLLOUT, 0};
      poll(&ready, 1, kPatienceMs);
      continue;
    }
    counts_.error = n == 0 ? ENOSPC : errno;
    if (pipe_) {
      // What follows would be read as the rest of a block.
      ::close(fd_);
      fd_ = -1;
    } else if (done > 0 && (ftruncate(fd_, static_cast<off_t>(at_)) != 0 ||
                            lseek(fd_, static_cast<off_t>(at_), SEEK_SET) < 0)) {
      counts_.error = errno;
    }
    return false;
  }
  at_ += size;
  counts_.bytes += size;
  return true;
}

bool Files::run(const uint8_t* blocks, size_t size, uint64_t packets) {
  if (size == 0) return true;
  const bool good = fd_ >= 0 && put(blocks, size);
  (good ? counts_.packets : counts_.failedPackets) += packets;
  return good;
}

bool Files::write(const uint8_t* blocks, size_t size) {
  bool good = true;
  bool refused = false;
  size_t from = 0;
  uint64_t packets = 0;
  for (size_t at = 0; at < size;) {
    const uint8_t* block = blocks + at;
    const size_t bytes = pcapng::sizeOf(block);
    const bool isPacket = pcapng::typeOf(block) == pcapng::kPacket;
    if (limits_.any() && isPacket && !refused) {
      const int64_t ns = pcapng::nsOf(block);
      const uint64_t whole = at_ + (at - from);
      const bool full = limits_.maxBytes != 0 && whole > head_.size() &&
                        whole + bytes + kEndBytes > limits_.maxBytes;
      const bool old = limits_.maxNs != 0 && ns - beganNs_ >= limits_.maxNs;
      if (fd_ < 0 || full || old) {
        good = run(blocks + from, at - from, packets) && good;
        from = at;
        packets = 0;
        close();
        refused = !next(ns);
      }
    }
    packets += isPacket ? 1 : 0;
    at += bytes;
  }
  return run(blocks + from, size - from, packets) && good;
}

void Files::discard() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  if (!pipe_ && !names_.empty()) unlink(names_.back().c_str());
}

void Files::close() {
  if (fd_ < 0) return;
  const std::string last = ending_ == nullptr ? std::string() : ending_(counts_.packets);
  if (!last.empty()) put(last.data(), last.size());
  if (fd_ >= 0 && ::close(fd_) != 0) counts_.error = errno;
  fd_ = -1;
}

}  // namespace gatehouse::capture
