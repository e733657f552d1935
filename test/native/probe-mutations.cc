// Mutated answers through the prober's parsers: probe-mutations COUNT SEED. Each is a copy of its own on the
// heap, so that ASan sees a read behind its end.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "../../native/probe/reply.h"

using gatehouse::probe::Answer;
using gatehouse::probe::Parsed;
using Bytes = std::vector<uint8_t>;

namespace {

Bytes ip4(const Bytes& payload) {
  Bytes out{0x45, 0, 0, 0, 0, 0, 0, 0, 64, 1, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2};
  out.insert(out.end(), payload.begin(), payload.end());
  return out;
}
Bytes ip6(const Bytes& payload) {
  Bytes out(40, 0);
  out[0] = 0x60;
  out[6] = 58;
  out[24] = 0x20;
  out.insert(out.end(), payload.begin(), payload.end());
  return out;
}
Bytes echo(uint8_t type) { return {type, 0, 0, 0, 0x12, 0x34, 0, 7, 1, 2, 3, 4, 0, 0, 0, 7}; }
Bytes error(uint8_t type, uint8_t code, const Bytes& quoted) {
  Bytes out{type, code, 0, 0, 0, 0, 5, 0};
  out.insert(out.end(), quoted.begin(), quoted.end());
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const long count = strtol(argv[1], nullptr, 10);
  std::mt19937 random(static_cast<uint32_t>(strtoul(argv[2], nullptr, 10)));
  const Bytes seeds[] = {ip4(echo(0)),
                         ip4(error(3, 1, ip4(echo(8)))),
                         ip4(error(3, 4, ip4(echo(8)))),
                         ip4(error(11, 0, ip4(echo(8)))),
                         echo(129),
                         error(1, 3, ip6(echo(128))),
                         error(2, 0, ip6(echo(128))),
                         error(3, 0, ip6(echo(128)))};
  long told = 0;
  for (long i = 0; i < count; i++) {
    Bytes bytes = seeds[random() % std::size(seeds)];
    for (unsigned changes = random() % 4; changes > 0; changes--) {
      bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
    }
    if (random() % 3 == 0) bytes.resize(random() % (bytes.size() + 1));
    const std::unique_ptr<uint8_t[]> own(new uint8_t[bytes.size()]);
    if (!bytes.empty()) memcpy(own.get(), bytes.data(), bytes.size());
    for (const auto parse : {gatehouse::probe::parseIpv4, gatehouse::probe::parseIcmp4,
                             gatehouse::probe::parseIcmp6}) {
      Parsed parsed;
      const bool ours = parse(own.get(), bytes.size(), &parsed);
      if (!ours) continue;
      told++;
      // What is believed is whole: a reply, or an error that quotes a request.
      if (parsed.answer == Answer::kNone) abort();
      if (parsed.answer != Answer::kReply && !parsed.quoted) abort();
    }
    uint32_t key = 0, place = 0;
    if (gatehouse::probe::parseSent(own.get(), bytes.size(), &key, &place) != (bytes.size() >= 8)) abort();
  }
  printf("%ld messages, %ld told something\n", count, told);
}
