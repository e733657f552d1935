// The capture engine's cryptography, a line of hexadecimal for each line of standard input, for
// quic-cipher.test.ts:
//
//     sha256 MESSAGE | hmac KEY MESSAGE | label SECRET LABEL LENGTH | aes KEY BLOCK
//     counter KEY BLOCK TEXT | hello DATAGRAM
//
// An empty value is a hyphen. Values lie in blocks of their own length, so that a read behind one is seen.

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>

#include "../../native/capture/cipher.h"
#include "../../native/capture/quic.h"

using namespace gatehouse::capture;

namespace {

struct Value {
  explicit Value(const std::string& hex)
      : size(hex == "-" ? 0 : hex.size() / 2), bytes(new uint8_t[size]) {
    for (size_t i = 0; i < size; i++) {
      bytes[i] = static_cast<uint8_t>(strtoul(hex.substr(2 * i, 2).c_str(), nullptr, 16));
    }
  }
  template <size_t kBytes>
  void into(uint8_t (&out)[kBytes]) const {
    if (size != kBytes) exit(2);
    memcpy(out, bytes.get(), kBytes);
  }
  size_t size;
  std::unique_ptr<uint8_t[]> bytes;
};

void say(const uint8_t* bytes, size_t size) {
  for (size_t i = 0; i < size; i++) printf("%02x", bytes[i]);
  printf("\n");
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string verb, first, second, third;
    words >> verb >> first >> second >> third;
    const Value a(first);
    uint8_t hash[kHashBytes], block[kBlockBytes], key[kBlockBytes];
    if (verb == "sha256") {
      Sha256 of;
      of.add(a.bytes.get(), a.size);
      of.finish(hash);
      say(hash, sizeof hash);
    } else if (verb == "hmac") {
      const Value message(second);
      hmac(a.bytes.get(), a.size, message.bytes.get(), message.size, hash);
      say(hash, sizeof hash);
    } else if (verb == "label") {
      a.into(hash);
      const Value label(second);
      const std::string text(label.bytes.get(), label.bytes.get() + label.size);
      const auto length = static_cast<size_t>(atol(third.c_str()));
      std::unique_ptr<uint8_t[]> out(new uint8_t[length]);
      expandLabel(hash, text.c_str(), out.get(), length);
      say(out.get(), length);
    } else if (verb == "aes" || verb == "counter") {
      a.into(key);
      Value(second).into(block);
      if (verb == "aes") {
        Aes128(key).encrypt(block, block);
        say(block, sizeof block);
      } else {
        const Value text(third);
        Aes128(key).counter(block, text.bytes.get(), text.size);
        say(text.bytes.get(), text.size);
      }
    } else if (verb == "hello") {
      uint8_t hello[kHelloBytes];
      say(hello, quicHello(View{a.bytes.get(), a.size}, hello));
    } else {
      return 2;
    }
  }
  return 0;
}
