#include "convert.h"

#include <cerrno>

namespace gatehouse::capture {

int Converter::open() {
  buffer_.reset(new (std::nothrow) uint8_t[kBufferBytes]);
  return buffer_ == nullptr ? -ENOMEM : files_.open(0);
}

uint8_t* Converter::room(size_t bytes) {
  if (kBufferBytes - used_ < bytes) flush();
  uint8_t* at = buffer_.get() + used_;
  used_ += bytes;
  return at;
}

void Converter::packet(int64_t ns, uint32_t linkType, const uint8_t* data, uint32_t captured,
                       uint32_t length) {
  if (error_ != 0) return;
  uint32_t link = 0;
  while (link < linkCount_ && links_[link] != linkType) link++;
  if (link == linkCount_) {
    if (link == kLinks) {
      error_ = -E2BIG;
      return;
    }
    links_[linkCount_++] = linkType;
    const std::string about = pcapng::interface({{}, {}, linkType, 0});
    memcpy(room(about.size()), about.data(), about.size());
  }
  if (captured > snapBytes_) captured = snapBytes_;
  pcapng::packet(room(pcapng::packetBytes(captured)), ns, link, data, captured, length);
}

void Converter::flush() {
  if (error_ == 0 && !files_.write(buffer_.get(), used_)) error_ = -files_.counts().error;
  used_ = 0;
}

int Converter::close() {
  flush();
  files_.close();
  const int error = files_.counts().error;
  return error_ != 0 ? error_ : -error;
}

}  // namespace gatehouse::capture
