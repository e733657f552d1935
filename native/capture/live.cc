#include "live.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace gatehouse::capture {

namespace {

// How long what the kernel has put into the ring may take to be handed over, at the end.
constexpr int kLastMs = 2000;
constexpr int kLastStepMs = 100;
// A block that is not full is handed over after 50 ms; so long a dump waits for what came before it.
constexpr timespec kBeforeDump{0, 120'000'000};

int64_t clockNs(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

Live::~Live() {
  stop();
  if (wakeFd_ >= 0) close(wakeFd_);
}

int Live::open(const RingOptions& options, char error[Filter::kErrorBytes]) {
  options_ = options;
  const int answer = ring_.open(options, error);
  if (answer != 0) return answer;
  startNs_ = clockNs(CLOCK_REALTIME);
  dropsBefore_ = 0;
  dropsBefore_ = interfaceDropped();
  return 0;
}

std::string Live::head(uint32_t snapBytes) const {
  return pcapng::section() +
         pcapng::interface({options_.ifName, options_.filter, ring_.linkType(), snapBytes});
}

std::string Live::ending(uint64_t written) {
  pcapng::NameBlock names;
  {
    const Use use(this);
    engine_->names(&names);
  }
  const Figures now = figures();
  return names.end() + pcapng::statistics({startNs_, clockNs(CLOCK_REALTIME), now.ring.heard,
                                           now.interfaceDropped, now.ring.dropped, written});
}

int Live::record(const std::string& path, const FileLimits& limits, uint32_t snapBytes) {
  recorder_ = std::make_unique<Recorder>(path, limits, head(snapBytes),
                                         [this](uint64_t written) { return ending(written); });
  const int answer = recorder_->open(startNs_);
  if (answer != 0) {
    recorder_.reset();
    return answer;
  }
  recordTrack_ = std::make_unique<Track>(recorder_.get(), snapBytes);
  engine_->sinks[0] = recordTrack_.get();
  return 0;
}

void Live::keep(int64_t ns, size_t bytes) {
  keep_ = std::make_unique<Keep>(ns, bytes);
  keepTrack_ = std::make_unique<Track>(keep_.get(), options_.snapBytes);
  engine_->sinks[1] = keepTrack_.get();
}

int Live::start() {
  wakeFd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wakeFd_ < 0) return -errno;
  if (options_.fanout != RingOptions::kNoFanout) {
    const int admitted = ring_.admit();
    if (admitted != 0) return admitted;
  }
  started_ = true;
  thread_ = std::thread([this] { work(); });
  return 0;
}

void Live::stop() {
  if (thread_.joinable()) {
    stopping_.store(true);
    const uint64_t one = 1;
    if (write(wakeFd_, &one, sizeof one) < 0) error_.store(-errno);
    thread_.join();
  }
  if (recordTrack_ != nullptr) {
    engine_->sinks[0] = nullptr;
    recordTrack_->finish();
  }
  if (recorder_ != nullptr) recorder_->close();
}

bool Live::takeOne() {
  if (!ring_.ready()) return false;
  // Who wants a report is not kept from it by a flood.
  while (wanted_.load(std::memory_order_relaxed) > 0) std::this_thread::yield();
  {
    const std::lock_guard guard(lock_);
    taken_ += ring_.take();
    packets_.store(engine_->packets(), std::memory_order_relaxed);
    bytes_.store(engine_->bytes(), std::memory_order_relaxed);
  }
  const bool idle = !ring_.ready();
  if (recordTrack_ != nullptr) recordTrack_->pause(idle);
  if (keepTrack_ != nullptr) keepTrack_->pause(idle);
  if (idle && engine_->lines != nullptr) engine_->lines->flush();
  return true;
}

void Live::work() {
  prctl(PR_SET_NAME, "capture");
  while (!stopping_.load(std::memory_order_relaxed)) {
    if (takeOne()) continue;
    const int answer = ring_.wait(wakeFd_, -1);
    if (answer != 0) {
      error_.store(answer);
      break;
    }
  }
  drain();
}

// What the kernel has counted is in the ring, or becomes so within a moment.
void Live::drain() {
  if (ring_.shut() != 0) return;
  const int64_t until = clockNs(CLOCK_MONOTONIC) + kLastMs * 1'000'000LL;
  for (;;) {
    while (takeOne()) continue;
    Ring::Counts counts;
    {
      const std::lock_guard guard(countsLock_);
      counts = ring_.counts();
    }
    if (taken_ >= counts.heard - counts.dropped || clockNs(CLOCK_MONOTONIC) >= until) return;
    // An interface that went away makes the wait short; the rest comes by the kernel's own timer.
    if (ring_.wait(-1, kLastStepMs) != 0) usleep(1000);
  }
}

// Of the network namespace that this thread is in, as the ring is.
uint64_t Live::interfaceDropped() const {
  FILE* f = fopen("/proc/thread-self/net/dev", "re");
  if (f == nullptr) return 0;
  char line[512];
  uint64_t drops = 0;
  while (fgets(line, sizeof line, f) != nullptr) {
    char name[64];
    unsigned long long dropped = 0, fifo = 0;
    // Name, and of what was received: bytes, packets, errors, dropped, fifo.
    if (sscanf(line, " %63[^:]: %*u %*u %*u %llu %llu", name, &dropped, &fifo) == 3 &&
        options_.ifName == name) {
      drops = dropped + fifo;
    }
  }
  fclose(f);
  return drops - std::min(drops, dropsBefore_);
}

Live::Figures Live::figures() {
  Figures now;
  now.packets = packets_.load(std::memory_order_relaxed);
  now.bytes = bytes_.load(std::memory_order_relaxed);
  {
    const std::lock_guard guard(countsLock_);
    now.ring = ring_.counts();
  }
  now.interfaceDropped = interfaceDropped();
  if (recordTrack_ != nullptr) now.queueDropped = recordTrack_->dropped();
  if (keepTrack_ != nullptr) now.keepDropped = keepTrack_->dropped();
  if (recorder_ != nullptr) now.recorded = recorder_->told();
  now.error = error_.load();
  return now;
}

int64_t Live::dump(const std::string& path) {
  if (keep_ == nullptr) return -EINVAL;
  const int64_t sinceNs = clockNs(CLOCK_REALTIME) - keep_->ns();
  if (thread_.joinable()) nanosleep(&kBeforeDump, nullptr);
  return keep_->dump(path, sinceNs, head(options_.snapBytes),
                     [this](uint64_t written) { return ending(written); });
}

}  // namespace gatehouse::capture
