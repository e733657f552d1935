// Makes a compiled file. Names come in any order and as often as they like; each is held as the slot
// that it will be, so a build needs hardly more than the file has.
#pragma once

#include "blocks.h"

namespace gatehouse::dns {

class Builder {
 public:
  static Builder* open(const Key& key);
  void close();

  bool addList(const ListRecord& list);
  // Records of list, kind * 3 + scope (exact, below, both), length and dotted name. 0 or -errno;
  // what is no name is counted in `refused`.
  int add(const uint8_t* batch, size_t length);
  // Written beside `path` and renamed. 0 or -errno.
  int finish(const char* path, const uint8_t* note, size_t noteLength);

  uint32_t names() const { return names_; }
  uint32_t refused() const { return refused_; }
  uint64_t fileBytes() const { return fileBytes_; }

 private:
  static constexpr int kPartBits = 4;
  static constexpr size_t kParts = 1 << kPartBits;  // by the first bits of the hash
  static constexpr size_t kClassSlots = 1 << 17;

  // Open addressing, at most four fifths full; a slot of class 0 is free. It grows by a quarter, and
  // the parts one at a time, so that little more than what is needed is ever held.
  struct Part {
    uint64_t* slots;
    size_t capacity;
    size_t count;
  };

  bool grow(Part& part, size_t which);
  int addRule(uint64_t hash, uint8_t list, uint8_t kind, uint8_t scope);
  int classOf(const Class& content);
  int write(int fd, const uint8_t* note, size_t noteLength);

  Key key_;
  uint32_t names_;
  uint32_t refused_;
  uint64_t fileBytes_;
  size_t lists_;
  ListRecord list_[kMaxLists];
  Part parts_[kParts];
  Class* classes_;
  size_t classCount_;
  size_t classCapacity_;
  uint16_t* classIndex_;
};

}  // namespace gatehouse::dns
