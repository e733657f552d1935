// Filters in the language of pcap-filter(7), compiled and run by the system's libpcap. The library is
// looked up when a filter is first wanted: it need not be on the machine, and nothing else depends on it.
#pragma once

#include <cstddef>
#include <cstdint>

#include <linux/filter.h>
#include <sys/time.h>

namespace gatehouse::capture {

// As <pcap/bpf.h> has it; instructions are those of the kernel.
struct BpfProgram {
  unsigned int length;
  sock_filter* instructions;
};

class Filter {
 public:
  static constexpr size_t kTextBytes = 4096;
  static constexpr size_t kErrorBytes = 256;

  Filter() = default;
  ~Filter();
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  // Takes a filter for all packets from now on. False and `error` filled when it cannot be compiled for
  // this link type; `error` is empty when there is no libpcap.
  bool set(const char* text, uint32_t linkType, char error[kErrorBytes]);
  bool any() const { return text_[0] != '\0'; }
  // Whether a packet passes. False, too, and `unfit()` from then on, where the filter makes no sense on
  // a link of this type.
  bool passes(uint32_t linkType, const uint8_t* data, uint32_t captured, uint32_t length);
  bool unfit() const { return unfit_; }
  // The program for a link type; nullptr when there is none.
  const BpfProgram* program(uint32_t linkType);

 private:
  static constexpr size_t kPrograms = 16;
  // Of <pcap/pcap.h>.
  struct Header {
    timeval at;
    uint32_t captured;
    uint32_t length;
  };
  struct Library {
    void* (*openDead)(int linkType, int snapLength);
    int (*compile)(void*, BpfProgram*, const char*, int optimize, uint32_t netmask);
    char* (*error)(void*);
    void (*close)(void*);
    void (*freeCode)(BpfProgram*);
    int (*filter)(const BpfProgram*, const Header*, const uint8_t*);
    bool load();
  };
  struct Compiled {
    uint32_t linkType;
    BpfProgram program;
  };
  const BpfProgram* compile(uint32_t linkType, char error[kErrorBytes]);

  Library library_ = {};
  char text_[kTextBytes] = {};
  Compiled compiled_[kPrograms] = {};
  size_t count_ = 0;
  bool unfit_ = false;
};

}  // namespace gatehouse::capture
