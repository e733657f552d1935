// Packets of a capture file into another one, by the thread that reads them: all wait for the disk.
#pragma once

#include <memory>
#include <string>

#include "files.h"
#include "track.h"

namespace gatehouse::capture {

class Converter final : public Sink {
 public:
  Converter(std::string path, uint32_t snapBytes)
      : files_(std::move(path), FileLimits{}, pcapng::section(), nullptr), snapBytes_(snapBytes) {}

  // 0 or -errno.
  int open();
  void packet(int64_t ns, uint32_t linkType, const uint8_t* data, uint32_t captured,
              uint32_t length) override;
  // Writes what is left and ends the file: 0, or why not all is in it, as -errno.
  int close();

 private:
  static constexpr size_t kBufferBytes = 1 << 20;
  static constexpr uint32_t kLinks = 64;

  uint8_t* room(size_t bytes);
  void flush();

  Files files_;
  uint32_t snapBytes_;
  std::unique_ptr<uint8_t[]> buffer_;
  size_t used_ = 0;
  // An interface for each type of link, as they come.
  uint32_t links_[kLinks] = {};
  uint32_t linkCount_ = 0;
  int error_ = 0;
};

}  // namespace gatehouse::capture
