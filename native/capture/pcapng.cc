#include "pcapng.h"

#include <sys/utsname.h>

namespace gatehouse::capture::pcapng {

namespace {

class Block {
 public:
  explicit Block(uint32_t type) {
    u32(type);
    u32(0);
  }
  void u16(uint16_t v) { raw(&v, sizeof v); }
  void u32(uint32_t v) { raw(&v, sizeof v); }
  void u64(uint64_t v) { raw(&v, sizeof v); }
  void raw(const void* from, size_t size) { bytes_.append(static_cast<const char*>(from), size); }
  void option(uint16_t code, const void* value, size_t size) {
    u16(code);
    u16(static_cast<uint16_t>(size));
    raw(value, size);
    bytes_.resize((bytes_.size() + 3) & ~size_t{3});
  }
  void option(uint16_t code, const std::string& text) {
    if (!text.empty() && text.size() <= UINT16_MAX) option(code, text.data(), text.size());
  }
  void option(uint16_t code, uint64_t v) { option(code, &v, sizeof v); }
  // Two words, the upper first.
  void time(int64_t ns) {
    u32(static_cast<uint32_t>(static_cast<uint64_t>(ns) >> 32));
    u32(static_cast<uint32_t>(ns));
  }
  void timeOption(uint16_t code, int64_t ns) {
    u16(code);
    u16(8);
    time(ns);
  }
  std::string end() {
    const auto size = static_cast<uint32_t>(bytes_.size() + 4);
    u32(size);
    memcpy(&bytes_[4], &size, sizeof size);
    return std::move(bytes_);
  }

 private:
  std::string bytes_;
};

std::string systemName() {
  utsname is{};
  return uname(&is) == 0 ? std::string(is.sysname) + " " + is.release : std::string();
}

}  // namespace

std::string section() {
  Block block(kSection);
  block.u32(0x1a2b3c4d);
  block.u16(1);
  block.u16(0);
  block.u64(~uint64_t{0});  // of unknown length
  block.option(3, systemName());  // shb_os
  block.option(4, "Gatehouse");   // shb_userappl
  block.u32(0);                   // opt_endofopt
  return block.end();
}

std::string interface(const Interface& about) {
  Block block(kInterface);
  block.u16(static_cast<uint16_t>(about.linkType));
  block.u16(0);
  block.u32(about.snapBytes);
  block.option(2, about.name);
  const uint8_t nanoseconds = 9;
  block.option(9, &nanoseconds, 1);
  // Kind 0 is the text of a filter.
  if (!about.filter.empty()) block.option(11, std::string(1, '\0') + about.filter);
  block.option(12, systemName());
  block.u32(0);
  return block.end();
}

std::string statistics(const Statistics& s) {
  Block block(kStatistics);
  block.u32(0);
  block.time(s.endNs);
  block.timeOption(2, s.startNs);
  block.timeOption(3, s.endNs);
  block.option(4, s.heard);
  block.option(5, s.interfaceDrops);
  block.option(7, s.ringDrops);
  block.option(8, s.written);
  block.u32(0);
  return block.end();
}

void NameBlock::add(uint64_t hi, uint64_t lo, const char* name, size_t length) {
  const bool four = hi == 0 && lo <= UINT32_MAX;
  const uint64_t words[2] = {__builtin_bswap64(hi), __builtin_bswap64(lo)};
  const size_t addressBytes = four ? 4 : 16;
  const uint16_t head[2] = {static_cast<uint16_t>(four ? 1 : 2),
                            static_cast<uint16_t>(addressBytes + length + 1)};
  records_.append(reinterpret_cast<const char*>(head), sizeof head);
  records_.append(reinterpret_cast<const char*>(words) + sizeof words - addressBytes, addressBytes);
  records_.append(name, length).push_back('\0');
  records_.resize((records_.size() + 3) & ~size_t{3});
}

std::string NameBlock::end() {
  if (records_.empty()) return {};
  Block block(kNames);
  block.raw(records_.data(), records_.size());
  block.u32(0);  // nrb_record_end
  return block.end();
}

}  // namespace gatehouse::capture::pcapng
