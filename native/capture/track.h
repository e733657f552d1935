// Packets on their way into files: one thread puts them, as blocks of pcapng, into chunks of memory, and
// others take the chunks. No lock is held for a packet.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

#include "pcapng.h"

namespace gatehouse::capture {

// What becomes of packets besides their being counted; of the thread that counts them.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void packet(int64_t ns, uint32_t linkType, const uint8_t* data, uint32_t captured,
                      uint32_t length) = 0;
};

struct Chunk {
  std::unique_ptr<uint8_t[]> bytes;
  size_t size = 0;
  // What stands before it does not change any more.
  std::atomic<size_t> used{0};
  int64_t newestNs = 0;
};
using ChunkPtr = std::shared_ptr<Chunk>;

// nullptr without memory.
inline ChunkPtr makeChunk(size_t size) {
  auto chunk = std::make_shared<Chunk>();
  chunk->bytes.reset(new (std::nothrow) uint8_t[size]);
  chunk->size = size;
  return chunk->bytes == nullptr ? nullptr : chunk;
}

// Where chunks go, from any thread.
class Shelf {
 public:
  virtual ~Shelf() = default;
  // Takes a chunk, or nullptr, and gives the next, with room for `need` bytes; nullptr when there is no room.
  virtual ChunkPtr next(ChunkPtr full, size_t need) = 0;
  // True when a chunk that is not full is wanted now that nothing comes.
  virtual bool hungry() = 0;
};

class Track final : public Sink {
 public:
  Track(Shelf* shelf, uint32_t snapBytes) : shelf_(shelf), snapBytes_(snapBytes) {}

  void packet(int64_t ns, uint32_t, const uint8_t* data, uint32_t captured, uint32_t length) override {
    if (captured > snapBytes_) captured = snapBytes_;
    const size_t need = pcapng::packetBytes(captured);
    if (refused_ || chunk_ == nullptr || chunk_->size - used_ < need) {
      if (!refused_) {
        chunk_ = shelf_->next(std::move(chunk_), need);
        used_ = 0;
      }
      if (chunk_ == nullptr) {
        refused_ = true;
        dropped_.fetch_add(1, std::memory_order_relaxed);
        return;
      }
    }
    used_ += pcapng::packet(chunk_->bytes.get() + used_, ns, 0, data, captured, length);
    chunk_->newestNs = ns;
    chunk_->used.store(used_, std::memory_order_release);
  }

  // Between two blocks of the ring; `idle` when there is none at the moment.
  void pause(bool idle) {
    refused_ = false;
    if (idle && chunk_ != nullptr && shelf_->hungry()) finish();
  }
  // Gives away what it has.
  void finish() {
    if (chunk_ != nullptr) chunk_ = shelf_->next(std::move(chunk_), 0);
  }

  // Packets that found no room.
  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  Shelf* shelf_;
  uint32_t snapBytes_;
  ChunkPtr chunk_;
  size_t used_ = 0;
  bool refused_ = false;
  std::atomic<uint64_t> dropped_{0};
};

}  // namespace gatehouse::capture
