// Packets and bytes over time and by size, in a fixed room each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace gatehouse::capture {

// Bins of one second. A capture that outgrows them doubles their width, and two become one.
class Series {
 public:
  static constexpr size_t kBins = 4096;
  static constexpr int64_t kSecond = 1'000'000'000;

  struct Bin {
    uint64_t packets;
    uint64_t bytes;
  };

  void count(int64_t ns, uint32_t bytes) {
    if (ns < from_ || ns >= to_) move(ns);
    current_->packets++;
    current_->bytes += bytes;
  }

  // Bins of another series, each counted as of its beginning.
  void add(const Series& other) {
    if (!other.any_) return;
    if (any_ && other.start_ >= start_) return addBins(other);
    // It begins with the older one.
    const Series mine = *this;
    *this = other;
    current_ = bins_;
    from_ = to_ = 0;
    if (mine.any_) addBins(mine);
  }

  bool any() const { return any_; }
  // When the first bin begins, in whole seconds of Unix time.
  int64_t startSec() const { return start_ / kSecond; }
  uint64_t widthSec() const { return width_ / kSecond; }
  // Up to the last bin with a packet in it.
  size_t used() const { return used_; }
  const Bin& at(size_t i) const { return bins_[i]; }

 private:
  void addBins(const Series& other) {
    for (size_t i = 0; i < other.used_; i++) {
      const Bin& bin = other.bins_[i];
      if (bin.packets == 0) continue;
      const int64_t ns = other.start_ + static_cast<int64_t>(i * other.width_);
      if (ns < from_ || ns >= to_) move(ns);
      current_->packets += bin.packets;
      current_->bytes += bin.bytes;
    }
  }

  void move(int64_t ns) {
    if (!any_) {
      any_ = true;
      // Rounded down, below 0 too.
      start_ = (ns / kSecond - (ns % kSecond < 0 ? 1 : 0)) * kSecond;
    }
    // A packet that is older than the first one counts as of then.
    if (ns < start_) ns = start_;
    uint64_t bin = static_cast<uint64_t>(ns - start_) / width_;
    while (bin >= kBins) {
      for (size_t i = 0; i < kBins / 2; i++) {
        bins_[i] = {bins_[2 * i].packets + bins_[2 * i + 1].packets,
                    bins_[2 * i].bytes + bins_[2 * i + 1].bytes};
      }
      memset(&bins_[kBins / 2], 0, kBins / 2 * sizeof(Bin));
      used_ = (used_ + 1) / 2;
      width_ *= 2;
      bin /= 2;
    }
    current_ = &bins_[bin];
    if (bin + 1 > used_) used_ = bin + 1;
    from_ = start_ + static_cast<int64_t>(bin * width_);
    // The last bin of a time at the edge of what 64 bits hold.
    to_ = __builtin_add_overflow(from_, static_cast<int64_t>(width_), &to_) ? INT64_MAX : to_;
  }

  Bin bins_[kBins] = {};
  Bin* current_ = bins_;
  int64_t start_ = 0;
  int64_t from_ = 0;
  int64_t to_ = 0;
  uint64_t width_ = kSecond;
  size_t used_ = 0;
  bool any_ = false;
};

// How many packets were how long: 0–19, 20–39, 40–79 and so on to 5120 and more.
class Sizes {
 public:
  static constexpr size_t kBins = 10;
  void count(uint32_t bytes) {
    const uint32_t twenties = bytes / 20;
    size_t bin = twenties == 0 ? 0 : 32 - static_cast<size_t>(__builtin_clz(twenties));
    if (bin >= kBins) bin = kBins - 1;
    bins_[bin]++;
  }
  void add(const Sizes& other) {
    for (size_t i = 0; i < kBins; i++) bins_[i] += other.bins_[i];
  }
  static uint32_t least(size_t bin) { return bin == 0 ? 0 : 20u << (bin - 1); }
  uint64_t at(size_t bin) const { return bins_[bin]; }

 private:
  uint64_t bins_[kBins] = {};
};

}  // namespace gatehouse::capture
