// A classic BPF program (linux/filter.h) that TypeScript wrote: Uint32Array of
// code << 16 | jump if true << 8 | jump if false, and the operand. The kernel checks it.
#pragma once

#include <cstddef>
#include <cstdint>

#include <linux/filter.h>
#include <sys/socket.h>

#include "args.h"

namespace gatehouse {

class Filter {
 public:
  template <size_t kMax>
  bool read(const Args<kMax>& args, size_t i) {
    uint32_t* word;
    size_t words;
    if (!args.words(i, &word, &words) || words == 0 || words % 2 != 0 || words / 2 > kMost) {
      return false;
    }
    for (size_t k = 0; k < words / 2; k++) {
      uint32_t head = word[2 * k];
      code_[k] = sock_filter{static_cast<uint16_t>(head >> 16), static_cast<uint8_t>(head >> 8),
                             static_cast<uint8_t>(head), word[2 * k + 1]};
    }
    length_ = static_cast<unsigned short>(words / 2);
    return true;
  }

  bool attach(int fd) {
    sock_fprog program{length_, code_};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
  }

 private:
  static constexpr size_t kMost = 256;
  sock_filter code_[kMost];
  unsigned short length_ = 0;
};

}  // namespace gatehouse
