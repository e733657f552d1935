// What the kernel did not take yet: a byte queue that grows by doubling and moves only when it must.

#include "reactor.h"

#include <cstdlib>
#include <cstring>

namespace gatehouse {

bool Queue::append(const uint8_t* bytes, size_t length) {
  if (length == 0) return true;
  if (head + size + length > capacity) {
    if (size + length > capacity) {
      size_t grown = capacity * 2 > size + length ? capacity * 2 : size + length;
      if (grown < 4096) grown = 4096;
      auto* moved = static_cast<uint8_t*>(malloc(grown));
      if (moved == nullptr) return false;
      if (size > 0) memcpy(moved, data + head, size);
      free(data);
      data = moved;
      capacity = grown;
    } else {
      memmove(data, data + head, size);
    }
    head = 0;
  }
  memcpy(data + head + size, bytes, length);
  size += length;
  return true;
}

void Queue::consume(size_t length) {
  head += length;
  size -= length;
  if (size == 0) clear();
}

void Queue::clear() {
  free(data);
  *this = Queue{};
}

}  // namespace gatehouse
