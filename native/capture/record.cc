#include "record.h"

#include <algorithm>
#include <chrono>

namespace gatehouse::capture {

namespace {

constexpr auto kGrace = std::chrono::seconds(5);

}  // namespace

int Recorder::open(int64_t ns) {
  const int answer = files_.open(ns);
  if (answer != 0) return answer;
  told_ = {files_.counts(), {files_.names().begin(), files_.names().end()}};
  thread_ = std::thread([this] { work(); });
  return 0;
}

void Recorder::close() {
  if (!thread_.joinable()) return;
  {
    std::unique_lock guard(lock_);
    ending_ = true;
    changed_.notify_all();
    // As long as it goes on, however slowly.
    size_t before = SIZE_MAX;
    while (!ended_ && held_ < before) {
      before = held_;
      changed_.wait_for(guard, kGrace, [&] { return ended_ || held_ < before; });
    }
  }
  files_.abandon();
  thread_.join();
}

ChunkPtr Recorder::next(ChunkPtr full, size_t need) {
  const std::lock_guard guard(lock_);
  if (full != nullptr) {
    waiting_.push_back(std::move(full));
    changed_.notify_all();
  }
  const size_t size = std::max(need, kChunkBytes);
  if (need == 0 || held_ + size > kMostBytes) return nullptr;
  ChunkPtr chunk = makeChunk(size);
  if (chunk != nullptr) held_ += size;
  return chunk;
}

bool Recorder::hungry() {
  const std::lock_guard guard(lock_);
  return waiting_.empty();
}

Recorder::Told Recorder::told() {
  const std::lock_guard guard(lock_);
  return told_;
}

void Recorder::work() {
  std::unique_lock guard(lock_);
  for (;;) {
    changed_.wait(guard, [&] { return !waiting_.empty() || ending_; });
    if (waiting_.empty()) break;
    const ChunkPtr chunk = std::move(waiting_.front());
    waiting_.pop_front();
    guard.unlock();
    files_.write(chunk->bytes.get(), chunk->used.load(std::memory_order_acquire));
    Told now{files_.counts(), {files_.names().begin(), files_.names().end()}};
    guard.lock();
    told_ = std::move(now);
    held_ -= chunk->size;
    changed_.notify_all();
  }
  guard.unlock();
  files_.close();
  guard.lock();
  told_ = {files_.counts(), {files_.names().begin(), files_.names().end()}};
  ended_ = true;
  changed_.notify_all();
}

}  // namespace gatehouse::capture
