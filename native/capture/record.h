// Writes what is captured into files, on a thread of its own: a slow disk holds nobody up. What waits
// for it is bounded, and what finds no room there is counted.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "files.h"
#include "track.h"

namespace gatehouse::capture {

class Recorder final : public Shelf {
 public:
  // Memory of all chunks that are being filled, wait or are written.
  static constexpr size_t kChunkBytes = 1 << 20;
  static constexpr size_t kMostBytes = 64u << 20;

  Recorder(std::string path, const FileLimits& limits, std::string head, Files::Ending ending)
      : files_(std::move(path), limits, std::move(head), std::move(ending)) {}
  ~Recorder() override { close(); }

  // Opens the first file: 0 or -errno.
  int open(int64_t ns);
  // After the tracks have given away what they have: ends the file. A pipe that nobody empties is given
  // up after a while.
  void close();

  ChunkPtr next(ChunkPtr full, size_t need) override;
  bool hungry() override;

  struct Told {
    Files::Counts counts;
    std::vector<std::string> names;
  };
  Told told();

 private:
  void work();

  Files files_;
  std::mutex lock_;
  std::condition_variable changed_;
  std::deque<ChunkPtr> waiting_;
  size_t held_ = 0;
  bool ending_ = false;
  bool ended_ = false;
  Told told_;
  std::thread thread_;
};

}  // namespace gatehouse::capture
