// A live capture: threads that empty the kernel's rings, with all that is counted, written and kept.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "keep.h"
#include "record.h"
#include "ring.h"

namespace gatehouse::capture {

class Live {
 public:
  // Counts go to `engine`, which nobody else may use but under `Use`.
  explicit Live(Engine* engine) : engine_(engine), ring_(engine) {}
  ~Live();
  Live(const Live&) = delete;
  Live& operator=(const Live&) = delete;

  // Opens the ring: 0, -errno, or 1 and `error` filled when the filter is none.
  int open(const RingOptions& options, char error[Filter::kErrorBytes]);
  // Between open and start; of recording 0 or -errno.
  int record(const std::string& path, const FileLimits& limits, uint32_t snapBytes);
  void keep(int64_t ns, size_t bytes);
  // 0 or -errno.
  int start();
  // What came before is counted and written still. Idempotent; from any thread but its own.
  void stop();

  // Of the rings that share the packets; -errno without.
  int group() const { return ring_.group(); }

  bool isOpen() const { return ring_.isOpen(); }
  bool isStarted() const { return started_; }
  // The packets of the last seconds into a new file, from any thread: how many, or -errno.
  int64_t dump(const std::string& path);

  struct Figures {
    uint64_t packets = 0;
    uint64_t bytes = 0;
    Ring::Counts ring;
    // What the network card or the kernel lost before anybody could hear it.
    uint64_t interfaceDropped = 0;
    // What found no room on its way to the disk.
    uint64_t queueDropped = 0;
    uint64_t keepDropped = 0;
    Recorder::Told recorded;
    // Why it ended by itself, as -errno; 0 while it goes.
    int error = 0;
  };
  Figures figures();

  // The engine, for whoever wants a report while threads count.
  class Use {
   public:
    explicit Use(Live* live) : live_(live) {
      live_->wanted_.fetch_add(1);
      live_->lock_.lock();
      live_->wanted_.fetch_sub(1);
    }
    ~Use() { live_->lock_.unlock(); }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    Live* live_;
  };

 private:
  void work();
  bool takeOne();
  void drain();
  std::string head(uint32_t snapBytes) const;
  std::string ending(uint64_t written);
  uint64_t interfaceDropped() const;

  Engine* engine_;
  Ring ring_;
  RingOptions options_;
  int64_t startNs_ = 0;
  uint64_t dropsBefore_ = 0;
  std::unique_ptr<Recorder> recorder_;
  std::unique_ptr<Track> recordTrack_;
  std::unique_ptr<Keep> keep_;
  std::unique_ptr<Track> keepTrack_;
  std::mutex lock_;
  std::atomic<int> wanted_{0};
  std::mutex countsLock_;
  std::atomic<uint64_t> packets_{0};
  std::atomic<uint64_t> bytes_{0};
  uint64_t taken_ = 0;
  std::atomic<int> error_{0};
  std::atomic<bool> stopping_{false};
  bool started_ = false;
  int wakeFd_ = -1;
  std::thread thread_;
};

}  // namespace gatehouse::capture
