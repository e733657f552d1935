#include "filter.h"

#include <cstring>

#include <dlfcn.h>

namespace gatehouse::capture {

namespace {

constexpr int kSnapBytes = 262'144;

template <typename F>
bool find(void* library, const char* name, F* to) {
  *to = reinterpret_cast<F>(dlsym(library, name));
  return *to != nullptr;
}

// LINKTYPE_ numbers of files and DLT_ numbers of libpcap are the same but for raw IP (pcap-common.c).
int dltOf(uint32_t linkType) {
  return linkType == 101 ? 12 : static_cast<int>(linkType);
}

}  // namespace

// Never closed: another thread may be in it.
bool Filter::Library::load() {
  void* at = dlopen("libpcap.so.0.8", RTLD_NOW | RTLD_LOCAL);
  if (at == nullptr) at = dlopen("libpcap.so.1", RTLD_NOW | RTLD_LOCAL);
  return at != nullptr && find(at, "pcap_open_dead", &openDead) &&
         find(at, "pcap_compile", &compile) && find(at, "pcap_geterr", &error) &&
         find(at, "pcap_close", &close) && find(at, "pcap_freecode", &freeCode) &&
         find(at, "pcap_offline_filter", &filter);
}

Filter::~Filter() {
  for (size_t i = 0; i < count_; i++) library_.freeCode(&compiled_[i].program);
}

bool Filter::set(const char* text, uint32_t linkType, char error[kErrorBytes]) {
  error[0] = '\0';
  if (!library_.load() || strlen(text) >= sizeof text_) return false;
  strcpy(text_, text);
  if (compile(linkType, error) != nullptr) return true;
  text_[0] = '\0';
  return false;
}

const BpfProgram* Filter::compile(uint32_t linkType, char error[kErrorBytes]) {
  const Library& l = library_;
  if (count_ == kPrograms) return nullptr;
  void* handle = l.openDead(dltOf(linkType), kSnapBytes);
  if (handle == nullptr) return nullptr;
  Compiled* to = &compiled_[count_];
  const bool good = l.compile(handle, &to->program, text_, 1, UINT32_MAX) == 0;
  if (!good) {
    strncpy(error, l.error(handle), kErrorBytes - 1);
    error[kErrorBytes - 1] = '\0';
  }
  l.close(handle);
  if (!good) return nullptr;
  to->linkType = linkType;
  count_++;
  return &to->program;
}

const BpfProgram* Filter::program(uint32_t linkType) {
  for (size_t i = 0; i < count_; i++) {
    if (compiled_[i].linkType == linkType) return &compiled_[i].program;
  }
  char error[kErrorBytes];
  return compile(linkType, error);
}

bool Filter::passes(uint32_t linkType, const uint8_t* data, uint32_t captured, uint32_t length) {
  const BpfProgram* p = unfit_ ? nullptr : program(linkType);
  if (p == nullptr) {
    unfit_ = true;
    return false;
  }
  const Header header{{0, 0}, captured, length};
  return library_.filter(p, &header, data) != 0;
}

}  // namespace gatehouse::capture
