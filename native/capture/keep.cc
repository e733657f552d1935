#include "keep.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace gatehouse::capture {

namespace {

// One packet in a chunk, and the oldest chunk goes as a whole: so many, and not much more than that is kept.
constexpr size_t kParts = 16;
constexpr size_t kLeastChunk = 64 << 10;
constexpr size_t kMostChunk = 1 << 20;

}  // namespace

ChunkPtr Keep::next(ChunkPtr full, size_t need) {
  const std::lock_guard guard(lock_);
  if (need == 0) return nullptr;
  const size_t size = std::max(need, std::clamp(bytes_ / kParts, kLeastChunk, kMostChunk));
  const int64_t nowNs = full == nullptr ? 0 : full->newestNs;
  // All that are here are full: one is being filled at a time, by one thread, and that was `full`.
  while (!chunks_.empty() &&
         (held_ + size > bytes_ || chunks_.front()->newestNs < nowNs - ns_)) {
    held_ -= chunks_.front()->size;
    chunks_.pop_front();
  }
  if (held_ + size > bytes_) return nullptr;
  ChunkPtr chunk = makeChunk(size);
  if (chunk == nullptr) return nullptr;
  held_ += size;
  chunks_.push_back(chunk);
  return chunk;
}

int64_t Keep::dump(const std::string& path, int64_t sinceNs, const std::string& head,
                   const Files::Ending& ending) {
  std::vector<std::pair<ChunkPtr, size_t>> parts;
  {
    const std::lock_guard guard(lock_);
    for (const ChunkPtr& chunk : chunks_) {
      parts.emplace_back(chunk, chunk->used.load(std::memory_order_acquire));
    }
  }
  Files files(path, FileLimits{}, head, ending);
  const int opened = files.open(0);
  if (opened != 0) return opened;
  bool good = true;
  for (const auto& [chunk, used] : parts) {
    const uint8_t* from = chunk->bytes.get();
    const uint8_t* end = from + used;
    while (from < end && pcapng::nsOf(from) < sinceNs) from += pcapng::sizeOf(from);
    good = good && files.write(from, static_cast<size_t>(end - from));
  }
  if (good) files.close();
  const Files::Counts& counts = files.counts();
  if (good && counts.error == 0) return static_cast<int64_t>(counts.packets);
  files.discard();
  return -counts.error;
}

}  // namespace gatehouse::capture
