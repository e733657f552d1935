// The engine at work: a thread with its UDP sockets, and the two ways to JavaScript and back.
#pragma once

#include <atomic>

#include <netinet/in.h>
#include <pthread.h>

#include "engine.h"

namespace gatehouse::dns {

// Two buffers in turn: one is filled by the thread, the other is read by JavaScript. Records begin
// with their size; what does not fit is refused.
class Turns {
 public:
  bool open(size_t bytes, size_t records);
  void close();
  // Room for a record, or nullptr.
  uint8_t* add(size_t size);
  bool empty() const { return fill_ == nullptr || used_ == 0; }
  // Next records that fit into `room` bytes, at most `most`; `take` and `copy` are the reader's.
  // `take` wants the lock, and hands over what was filled if all before is read.
  void take();
  size_t copy(uint8_t* out, size_t room, size_t most, size_t* records);
  bool unread() const { return at_ < length_; }

 private:
  size_t bytes_ = 0;
  size_t most_ = 0;
  uint8_t* fill_ = nullptr;
  size_t used_ = 0;
  size_t count_ = 0;
  uint8_t* read_ = nullptr;
  size_t at_ = 0;
  size_t length_ = 0;
};

// Records of queries, in the machine's order: size, reason, group, port, scope, listener (16 bytes),
// client (16), length of the query (2); the query begins at kQueryHeader.
constexpr size_t kQueryHeader = 40;
// Of the log: size and type (2 each), RCODE, by, group, list, time in ms (double), client (16),
// length of the name (1), name.
constexpr size_t kLogHeader = 33;
// Of answers from JavaScript: listener (4), port (2), length (2), scope (4), unused (4), client (16).
constexpr size_t kAnswerHeader = 32;

struct Listener {
  std::atomic<int> fd;
  std::atomic<bool> dead;
  sa_family_t family;
  uint32_t id;
  Listener* next;
};

struct Server {
  Engine* engine = nullptr;
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  Turns queries;  // under the lock
  Turns log;
  bool logging = false;
  std::atomic<bool> logDue = false;
  // Of JavaScript's thread.
  Listener* listeners = nullptr;
  uint32_t lastId = 0;
  // Of the thread.
  int64_t loggedMs = 0;  // when the log was handed over last
  Listener* dying = nullptr;  // under the lock
  pthread_t thread;
  bool running = false;
  std::atomic<bool> stop = false;
  int epoll = -1;
  int wake = -1;
  void (*notify)(void* with) = nullptr;
  void* with = nullptr;
  struct Buffers;
  Buffers* buffers = nullptr;

  // 0 or -errno. `notify` is called by the thread when there is something for JavaScript.
  int start(size_t cacheBytes, size_t queueLength, const Key& key);
  void shutdown();

  int32_t listen(const uint8_t* address, uint16_t port, uint32_t scope);
  Listener* find(uint32_t id) const;
  void unlisten(uint32_t id);
  // Sends what JavaScript wrote; unsent ones are counted.
  void send(const uint8_t* answers, size_t length);
  uint64_t kernelDrops() const;
  // False when memory is short.
  bool setLogging(bool on);

  // Under the lock, also from JavaScript's thread.
  Decision ask(const uint8_t* wire, size_t length, const Address& client, size_t limit,
               int64_t nowMs, uint8_t* out);
  void enter() { pthread_mutex_lock(&lock); }
  void leave() { pthread_mutex_unlock(&lock); }

 private:
  static void* run(void* self);
  void loop();
  void serve(Listener* listener);
  void reap();
  void logAnswer(const Decision& d, const Address& client, const uint8_t* answer, int64_t nowMs);
  bool queue(const Decision& d, const uint8_t* wire, size_t length, const Address& client,
             const sockaddr_storage& from, uint32_t listener);
};

int64_t bootMs();

}  // namespace gatehouse::dns
