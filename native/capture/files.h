// pcapng files as they are written: one, or one after the other. Of one thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>

#include "pcapng.h"

namespace gatehouse::capture {

// No snap length is longer; and no packet, with all that segmentation offload does.
constexpr uint32_t kMostSnapBytes = 262'144;

// With a limit, a file that reaches it is followed by the next one. 0 is none.
struct FileLimits {
  uint64_t maxBytes = 0;
  int64_t maxNs = 0;
  uint32_t files = 0;  // the oldest are removed
  bool any() const { return maxBytes != 0 || maxNs != 0; }
};

class Files {
 public:
  struct Counts {
    uint64_t packets = 0;
    uint64_t bytes = 0;
    // What a full or broken disk cost.
    uint64_t failedPackets = 0;
    int error = 0;  // the last, as errno has it
  };
  // What the files that end say about the capture, as blocks, with so many packets written.
  using Ending = std::function<std::string(uint64_t written)>;

  // `head`: the blocks that each file begins with.
  Files(std::string path, const FileLimits& limits, std::string head, Ending ending)
      : path_(std::move(path)), limits_(limits), head_(std::move(head)), ending_(std::move(ending)) {}
  ~Files();
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;

  // The first file, which must not be there yet, or a pipe that somebody reads: 0 or -errno.
  int open(int64_t ns);
  // Whole blocks. False when not all of them could be written.
  bool write(const uint8_t* blocks, size_t size);
  // Ends the last file.
  void close();
  // The same, and removes it.
  void discard();
  // A pipe that nobody empties is given up, from any thread.
  void abandon() { abandoned_.store(true, std::memory_order_relaxed); }

  const Counts& counts() const { return counts_; }
  // The newest that were not removed, the oldest of them first: of files without a bound not more than so many.
  static constexpr size_t kMostNames = 256;
  const std::deque<std::string>& names() const { return names_; }

 private:
  bool next(int64_t ns);
  bool put(const void* bytes, size_t size);
  bool run(const uint8_t* blocks, size_t size, uint64_t packets);

  std::string path_;
  FileLimits limits_;
  std::string head_;
  Ending ending_;
  Counts counts_;
  std::deque<std::string> names_;
  std::atomic<bool> abandoned_{false};
  int fd_ = -1;
  bool pipe_ = false;
  uint32_t number_ = 0;
  uint64_t at_ = 0;
  int64_t beganNs_ = 0;
};

}  // namespace gatehouse::capture
