// Feeds the DNS engine what a network may send, mutated: queries, responses to be kept, compiled
// lists and cache files (with checksums made right, so that what lies behind them is reached). Built
// with ASan and UBSan, each input in memory of its own size. Ends with 0 and says how many answers
// there were; aborts on the first breach.
//
//   dns-fuzz RUNS SEED FOLDER
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../native/dns/builder.h"
#include "../../native/dns/engine.h"

using namespace gatehouse::dns;

namespace {

uint64_t state;

uint64_t next() {
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}
size_t below(size_t n) { return next() % n; }

void must(bool holds, const char* what) {
  if (holds) return;
  fprintf(stderr, "breach: %s\n", what);
  abort();
}

struct Bytes {
  uint8_t data[4096];
  size_t length = 0;

  void add(const void* bytes, size_t n) {
    memcpy(data + length, bytes, n);
    length += n;
  }
  void add16(unsigned value) {
    put16(data + length, value);
    length += 2;
  }
  void name(const char* text) {
    while (*text != 0) {
      size_t n = strcspn(text, ".");
      data[length++] = static_cast<uint8_t>(n);
      add(text, n);
      text += n + (text[n] == '.');
    }
    data[length++] = 0;
  }
};

constexpr const char* kNames[] = {"cached.example", "ads.example", "x.ads.example", "box.lan",
                                  "a.b.c.d.e.f.g.h.example", "NoBody.Invalid", "unknown.example"};
constexpr uint16_t kTypes[] = {1, 28, 15, 65, 6};

Bytes query() {
  Bytes b;
  static constexpr uint8_t kOptions[] = {0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8};
  bool opt = below(2) == 0;
  b.add16(static_cast<unsigned>(next() & 0xffff));
  b.add16(below(2) == 0 ? 0x0100 : 0x0130);
  b.add16(1);
  b.add16(0);
  b.add16(0);
  b.add16(opt);
  b.name(kNames[below(7)]);
  b.add16(kTypes[below(5)]);
  b.add16(1);
  if (!opt) return b;
  b.data[b.length++] = 0;
  b.add16(41);
  b.add16(static_cast<unsigned>(below(5000)));
  b.add16(0);
  b.add16(below(2) == 0 ? 0x8000 : 0);
  bool options = below(2) == 0;
  b.add16(options ? sizeof kOptions : 0);
  if (options) b.add(kOptions, sizeof kOptions);
  return b;
}

Bytes response(const char* name, uint16_t type) {
  Bytes b;
  size_t count = below(4) == 0 ? 60 : below(3);
  b.add16(0);
  b.add16(0x8180);
  b.add16(1);
  b.add16(static_cast<unsigned>(count));
  b.add16(0);
  b.add16(0);
  b.name(name);
  b.add16(type);
  b.add16(1);
  for (size_t i = 0; i < count; i++) {
    static constexpr uint8_t kRest[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 0, 0, 4, 1, 2, 3, 4};
    b.add(kRest, sizeof kRest);
  }
  return b;
}

void mutate(Bytes& b) {
  for (size_t steps = below(4); steps > 0; steps--) {
    size_t at = below(b.length + 1);
    switch (below(6)) {
      case 0:
        b.length = at;
        break;
      case 1:
        if (at < b.length) b.data[at] ^= static_cast<uint8_t>(1 << below(8));
        break;
      case 2:
        if (at < b.length) b.data[at] = static_cast<uint8_t>(next());
        break;
      case 3: {
        size_t n = below(20);
        if (b.length + n > sizeof b.data) break;
        memmove(b.data + at + n, b.data + at, b.length - at);
        for (size_t i = 0; i < n; i++) b.data[at + i] = static_cast<uint8_t>(next());
        b.length += n;
        break;
      }
      case 4: {
        size_t n = below(20);
        if (at + n > b.length) break;
        memmove(b.data + at, b.data + at + n, b.length - at - n);
        b.length -= n;
        break;
      }
      default: {
        static constexpr uint8_t kEdges[] = {0, 1, 12, 41, 63, 64, 127, 128, 191, 192, 255};
        if (at < b.length) b.data[at] = kEdges[below(sizeof kEdges)];
      }
    }
  }
}

// In memory of just its size, so that a read beyond is seen.
struct Exact {
  uint8_t* data;
  size_t length;
  explicit Exact(const Bytes& b) : data(static_cast<uint8_t*>(malloc(b.length))), length(b.length) {
    memcpy(data, b.data, length);
  }
  ~Exact() { free(data); }
};

uint64_t answers, stored, loaded;

void ask(Engine* engine, int64_t nowMs) {
  Bytes b = query();
  mutate(b);
  Exact wire(b);
  static constexpr size_t kLimits[] = {0, 0, 512, 600, 65535};
  size_t limit = kLimits[below(5)];
  size_t room = limit == 0 ? kUdpLimit : limit;
  auto* out = static_cast<uint8_t*>(malloc(room));
  Address client{0, below(4) == 0 ? next() : 0xffffc0a80101};
  Decision d = engine->ask(wire.data, wire.length, client, limit, nowMs, out);
  if (d.outcome == Outcome::kAnswer) {
    answers++;
    must(d.length >= kHeader && d.length <= room, "the answer fits");
    must(memcmp(out, wire.data, 2) == 0 && (out[2] & 0x80) != 0, "id and QR");
    must(get16(out + 4) == 1, "one question");
    size_t question = engine->last().questionBytes();
    must(memcmp(out + kHeader, wire.data + kHeader, question) == 0, "the question as asked");
    // Apart from an OPT at its end it is a response as the cache would take it.
    if ((out[2] & 2) == 0) {
      size_t opt = 0;
      if (engine->last().edns) {
        for (size_t i = kHeader + question; i + 11 <= d.length; i++) {
          if (out[i] == 0 && get16(out + i + 1) == 41 && i + 11u + get16(out + i + 9) == d.length) opt = i;
        }
        must(opt > 0, "an OPT for an OPT");
        put16(out + 10, get16(out + 10) - 1u);
      }
      uint16_t ttls[kMaxTtls];
      must(checkResponse(out, opt > 0 ? opt : d.length, wire.data + kHeader,
                         engine->last().name.length, engine->last().type, ttls) >= 0,
           "a whole response");
    }
  }
  free(out);
}

void keep(Engine* engine, int64_t nowMs) {
  const char* text = kNames[below(7)];
  uint16_t type = kTypes[below(5)];
  Bytes b = response(text, type);
  // The name in lower case, as the caller gives it.
  Bytes plain;
  plain.name(text);
  Name name;
  must(name.read(plain.data, plain.length), "a name");
  memcpy(b.data + kHeader, name.bytes, name.length);
  if (below(3) > 0) mutate(b);
  name.hashWith(engine->key());
  Exact wire(b);
  uint8_t options[600] = {};
  size_t optionsLength = below(4) == 0 ? below(600) : 0;
  CacheItem item{&name, type, static_cast<uint8_t>(below(4)), wire.data, wire.length, options,
                 optionsLength / 4 * 4, static_cast<uint32_t>(below(1000)), 1, next(), nowMs};
  stored += engine->cache.put(item);
}

void writeFile(const char* path, const uint8_t* data, size_t length) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  must(fd >= 0 && write(fd, data, length) == static_cast<ssize_t>(length), "written");
  close(fd);
}

size_t readFile(const char* path, uint8_t* data, size_t room) {
  int fd = open(path, O_RDONLY);
  ssize_t n = read(fd, data, room);
  close(fd);
  must(n > 0 && static_cast<size_t>(n) < room, "read");
  return static_cast<size_t>(n);
}

uint32_t crcOf(const uint8_t* data, size_t length) {
  Crc crc;
  crc.add(data, length);
  return crc.value();
}

// A mutated file whose checksums hold.
void mutated(const uint8_t* data, size_t length, size_t header, size_t bodyCrc, size_t headerCrc,
             const char* path) {
  static uint8_t copy[65536];
  memcpy(copy, data, length);
  for (size_t i = below(3) + 1; i > 0; i--) {
    size_t at = below(4) == 0 ? below(header) : below(length);
    copy[at] = below(2) == 0 ? static_cast<uint8_t>(next()) : copy[at] ^ static_cast<uint8_t>(1 << below(8));
  }
  if (below(8) == 0) length = header + below(length - header);
  if (length > header) store(copy + bodyCrc, crcOf(copy + header, length - header));
  store(copy + headerCrc, crcOf(copy, headerCrc));
  writeFile(path, copy, length);
}

void noLock(void*, bool) {}

Policy* policy(uint8_t mode) {
  Bytes b;
  uint32_t fixed[] = {1, 1, 0, 1, 0, 0, 0, 0};
  Group group{~uint64_t{0}, 60, static_cast<BlockMode>(mode), 0};
  uint8_t everybody[24] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 96, 1};
  b.add(fixed, sizeof fixed);
  b.add(&group, sizeof group);
  b.add(everybody, sizeof everybody);
  return Policy::read(b.data, b.length);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  uint64_t runs = strtoull(argv[1], nullptr, 10);
  state = strtoull(argv[2], nullptr, 10) * 0x9e3779b97f4a7c15 + 1;
  char lists[512], cacheFile[512], other[512];
  snprintf(lists, sizeof lists, "%s/lists", argv[3]);
  snprintf(cacheFile, sizeof cacheFile, "%s/cache", argv[3]);
  snprintf(other, sizeof other, "%s/other", argv[3]);

  Key key{1, 2};
  Engine* engine = Engine::open(1 << 20, key);
  must(engine != nullptr, "an engine");
  Builder* builder = Builder::open(key);
  ListRecord list{};
  memcpy(list.name, "Ads", list.nameLength = 3);
  must(builder->addList(list), "a list");
  Bytes batch;
  for (const char* name : {"ads.example", "nobody.invalid", "h.example", "..", "x"}) {
    uint8_t head[3] = {0, 2, static_cast<uint8_t>(strlen(name))};
    batch.add(head, 3);
    batch.add(name, strlen(name));
  }
  must(builder->add(batch.data, batch.length) == 0 && builder->refused() == 1, "added");
  must(builder->finish(lists, batch.data, 10) == 0, "built");
  builder->close();
  Blocks* blocks = Blocks::open(lists);
  must(blocks != nullptr, "lists");
  engine->setBlocks(blocks);
  Bytes local;
  Bytes answer = response("box.lan", 1);
  uint16_t head[2] = {1, static_cast<uint16_t>(answer.length)};
  local.add(head, 4);
  local.add(answer.data, answer.length);
  engine->setLocal(readLocal(local.data, local.length, 1, key));
  engine->setPolicy(policy(0));

  static uint8_t listBytes[65536], cacheBytes[65536];
  size_t listLength = readFile(lists, listBytes, sizeof listBytes);
  for (int i = 0; i < 100; i++) keep(engine, 0);
  uint32_t count;
  must(engine->cache.dump(cacheFile, 0, 0, 100, &count, noLock, nullptr) == 0, "dumped");
  size_t cacheLength = readFile(cacheFile, cacheBytes, sizeof cacheBytes);

  int64_t nowMs = 0;
  for (uint64_t run = 0; run < runs; run++) {
    nowMs += static_cast<int64_t>(below(50));
    ask(engine, nowMs);
    if (below(8) == 0) keep(engine, nowMs);
    if (below(4096) == 0) {
      Policy* before = engine->setPolicy(policy(static_cast<uint8_t>(below(3))));
      before->close();
    }
    if (below(1024) == 0) {
      mutated(listBytes, listLength, sizeof(BlockHeader), offsetof(BlockHeader, bodyCrc),
              offsetof(BlockHeader, headerCrc), other);
      Blocks* changed = Blocks::open(other);
      if (changed != nullptr) {
        loaded++;
        Name name;
        Bytes b;
        b.name(kNames[below(7)]);
        must(name.read(b.data, b.length), "a name");
        name.hashWith(changed->header().key);
        Match m = changed->match(name, ~uint64_t{0});
        must(m.label <= name.labels, "a label of the name");
        if (m.verdict == Match::kBlocked) must(m.list < changed->header().lists, "a list");
        changed->close();
      }
      mutated(cacheBytes, cacheLength, 40, 28, 32, other);
      engine->cache.load(other, nowMs, 0, &count, noLock, nullptr);
    }
  }
  printf("%" PRIu64 " queries, %" PRIu64 " answers, %" PRIu64 " responses kept, %" PRIu64
         " changed files loaded\n", runs, answers, stored, loaded);
  engine->close();
  return 0;
}
