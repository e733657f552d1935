// One reactor: an epoll set of descriptors, a batch of events for JavaScript and a list of
// writes from it, all in three buffers that both sides share. See native/README.md.
#pragma once

#include <cstddef>
#include <cstdint>

#include <node_api.h>
#include <sys/uio.h>
#include <uv.h>

struct sockaddr_storage;
struct sockaddr_un;

namespace gatehouse {

namespace dht {
struct Answering;
}

enum class Kind : uint8_t {
  kFree,
  kListener,
  kConnection,
  kMonitor,
  kTap,
  kFrames,
  kUdp,
  kProcess,
  kRequest,
  kDatagram,
  kPath,
};

// First word of an event; src/os/linux/native.ts has the same numbers.
enum class What : int32_t {
  kAccepted = 1,  // connection id, pid, uid, gid
  kRefused = 2,   // no descriptor was left for it
  kData = 3,      // offset and length in the input buffer
  kClosed = 4,    // errno, 0 for an orderly end
  kDrained = 5,
  kFinished = 6,  // the end of finish(): queue empty or lost, descriptor closed
  kReadable = 7,  // a monitor has datagrams: receive() them; or what readable() was asked for
  kFrame = 9,  // offset, length, 1 if outgoing
  kExited = 10,
  kFrames = 11,  // of a frame port: offset of the batch and frames in it
  kDatagrams = 12,  // of a UDP socket: likewise
  kConnected = 13,
  kAsked = 14,  // of a UDP socket of a DHT node: somebody was answered whom JavaScript may want to know
};

// The control buffer, in 32-bit words; src/os/linux/native.ts has the same numbers.
constexpr size_t kInBatch = 0;   // JavaScript is being called with a batch: writes may wait for its end
constexpr size_t kNext = 1;      // the event to be handled next
constexpr size_t kOutCount = 2;  // entries in the list of writes
constexpr size_t kOutBytes = 3;  // bytes in the output buffer
constexpr size_t kEvents = 8;
constexpr size_t kEventWords = 6;
constexpr size_t kMaxEvents = 256;
constexpr size_t kWrites = kEvents + kEventWords * kMaxEvents;
constexpr size_t kMaxWrites = 512;  // pairs of id and length
constexpr size_t kQueued = kWrites + 2 * kMaxWrites;
constexpr size_t kSlotBits = 13;
constexpr size_t kSlots = 1 << kSlotBits;  // descriptors of one reactor at a time
constexpr size_t kControlWords = kQueued + kSlots;

constexpr size_t kInputBytes = 512 * 1024;
constexpr size_t kOutputBytes = 256 * 1024;
// A descriptor may take this much of one batch, so that none starves the others.
constexpr size_t kReadBytes = 128 * 1024;

// A queue of bytes the kernel has not taken. Plain malloc: a failure is an answer, not a crash.
struct Queue {
  uint8_t* data = nullptr;
  size_t head = 0;
  size_t size = 0;
  size_t capacity = 0;

  bool append(const uint8_t* bytes, size_t length);
  void consume(size_t length);
  void clear();
};

struct Entry {
  Kind kind = Kind::kFree;
  bool finishing = false;  // a connection after finish()
  bool silent = false;     // a process after release: reaped, but nobody is told
  bool child = false;      // a process of our own, to be reaped
  bool v6 = false;         // a UDP socket of IPv6
  bool tcp = false;        // a listener whose peers have no credentials
  bool connecting = false; // a connection that does not stand yet
  int fd = -1;
  int32_t id = 0;
  int32_t failed = 0;  // errno of a connection that lost bytes
  uint32_t generation = 0;
  uint32_t interest = 0;
  int32_t chain = -1;  // first entry of the list of writes for it, during flush
  int32_t chainEnd = -1;
  uint32_t dropped = 0;  // frames or datagrams lost in the kernel
  uint32_t unsent = 0;   // of a frame port or UDP socket: what the kernel did not take
  uint32_t broken = 0;   // likewise: what was cut or whose checksum is wrong
  dht::Answering* dht = nullptr;  // of a UDP socket whose queries are answered here
  Queue queue;
};

namespace dns {
struct Bindings;
}

struct Addon;

struct Reactor {
  Addon* addon = nullptr;
  Reactor* next = nullptr;
  napi_env env = nullptr;
  napi_ref callback = nullptr;
  napi_ref buffers[3] = {};
  uv_loop_t* loop = nullptr;
  uv_poll_t poll;        // follows: libuv watches our epoll set
  uv_prepare_t prepare;  // leads: we wait for libuv's set and ours before libuv polls
  uv_idle_t idle;
  bool leads = false;
  bool started = false;
  bool closed = false;
  bool waiting = false;
  int handles = 0;  // libuv handles not closed yet
  int epoll = -1;
  int spare = -1;  // given up for a moment to accept and refuse when descriptors run out
  int32_t* control = nullptr;
  uint8_t* input = nullptr;
  uint8_t* output = nullptr;
  size_t inputUsed = 0;
  int32_t events = 0;
  size_t open = 0;       // entries that keep the process alive
  size_t freeCount = 0;  // free slots, oldest first to keep ids from coming back soon
  size_t freeHead = 0;
  uint16_t freeSlots[kSlots];
  Entry* slots[kSlots] = {};

  Entry* find(int32_t id) const {
    Entry* e = slots[static_cast<size_t>(id) & (kSlots - 1)];
    return e != nullptr && e->kind != Kind::kFree && e->id == id ? e : nullptr;
  }
  Entry* find(int32_t id, Kind kind) const {
    Entry* e = find(id);
    return e != nullptr && e->kind == kind ? e : nullptr;
  }
  // Takes over `fd` in any case; nullptr with errno set when there is no slot or epoll refuses.
  Entry* add(Kind kind, int fd, uint32_t interest);
  bool want(Entry* e, uint32_t interest);
  // Closes and forgets. The id never fits again.
  void drop(Entry* e);
  void keepAlive(int delta);
  void push(What what, int32_t id, int32_t a = 0, int32_t b = 0, int32_t c = 0, int32_t d = 0);
  int32_t& queued(const Entry* e) {
    return control[kQueued + (static_cast<size_t>(e->id) & (kSlots - 1))];
  }
  void turn(int timeoutMs);
  void dispatch();
  void shutdown();
};

// What one environment holds; freed when all libuv handles of all its reactors are closed.
struct Addon {
  Reactor* reactors = nullptr;
  dns::Bindings* dns = nullptr;
  napi_async_cleanup_hook_handle hook = nullptr;
  bool ending = false;
};

void settle(Addon* addon);

// Each kind's reaction to readiness. They push at most kEventsPerTurn events, except the
// listener, which looks for room itself.
constexpr int32_t kEventsPerTurn = 16;
void listenerReady(Reactor* r, Entry* e);
void connectionReady(Reactor* r, Entry* e, uint32_t ready);
// The name of a Unix socket; false with errno set when it is none or too long.
bool unixAddress(const char* path, sockaddr_un* out);
// Of tcp.cc: a connection that was under way stands now, or has failed and is gone.
void connectionMade(Reactor* r, Entry* e, uint32_t ready);
// Small messages leave at once.
void undelayed(int fd);
// Of loop.cc: how a reactor joins and leaves Node's loop, and how long that would wait.
// `kLoopItself` is the loop's own descriptor in the set of a reactor that leads.
constexpr uint64_t kLoopItself = ~uint64_t{0};
bool startFollowing(Reactor* r);
bool startLeading(Reactor* r);
void leaveLoop(Reactor* r);
int loopTimeout(Reactor* r);

void monitorReady(Reactor* r, Entry* e);
void tapReady(Reactor* r, Entry* e);
void framesReady(Reactor* r, Entry* e);
void udpReady(Reactor* r, Entry* e);
void processReady(Reactor* r, Entry* e);
void datagramReady(Reactor* r, Entry* e);
void pathReady(Reactor* r, Entry* e);
// Frames lost in the kernel since the socket was opened.
uint32_t packetsDropped(Entry* e);
// Hands the kernel at most kVectors frames, one vector each; counts what it does not take.
constexpr int kVectors = 64;
void sendFrames(Entry* e, iovec* vectors, int count);
// The same for datagrams, each behind its head.
void sendDatagrams(Entry* e, iovec* vectors, int count);
// Where such a head leads: port and address. The length of what is written.
constexpr size_t kSentHeadBytes = 20;
uint32_t endpointOf(const uint8_t* head, bool v6, sockaddr_storage* out);
void flush(Reactor* r);

bool defineUnix(napi_env env, napi_value target, Reactor* r);
bool defineTcp(napi_env env, napi_value target, Reactor* r);
bool defineNetlink(napi_env env, napi_value target, Reactor* r);
bool definePacket(napi_env env, napi_value target, Reactor* r);
bool defineFrames(napi_env env, napi_value target, Reactor* r);
bool defineUdp(napi_env env, napi_value target, Reactor* r);
bool defineDht(napi_env env, napi_value target, Reactor* r);
bool defineProcess(napi_env env, napi_value target, Reactor* r);
bool defineDatagram(napi_env env, napi_value target, Reactor* r);
bool definePath(napi_env env, napi_value target, Reactor* r);
bool defineArpScan(napi_env env, napi_value target);
bool definePrivileges(napi_env env, napi_value target);
bool defineCapture(napi_env env, napi_value target);
bool defineProbe(napi_env env, napi_value target);
bool defineCrypt(napi_env env, napi_value target);

bool definePages(napi_env env, napi_value target);
napi_value createReactor(napi_env env, napi_callback_info info);

}  // namespace gatehouse
