// The packets of the last seconds, in bounded memory, of which a file can be made at any time.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>

#include "files.h"
#include "track.h"

namespace gatehouse::capture {

class Keep final : public Shelf {
 public:
  // Up to `bytes`, and as much again while a file is made.
  Keep(int64_t ns, size_t bytes) : ns_(ns), bytes_(bytes) {}

  ChunkPtr next(ChunkPtr full, size_t need) override;
  // Whoever looks sees the chunks that are being filled, too.
  bool hungry() override { return false; }

  // Writes what is not older than `sinceNs` into a new file, from any thread: the number of packets, or
  // -errno, and no file. `head` and `ending` as Files has them.
  int64_t dump(const std::string& path, int64_t sinceNs, const std::string& head,
               const Files::Ending& ending);

  int64_t ns() const { return ns_; }

 private:
  int64_t ns_;
  size_t bytes_;
  std::mutex lock_;
  std::deque<ChunkPtr> chunks_;
  size_t held_ = 0;
};

}  // namespace gatehouse::capture
