// Of each UDP socket: which board its datagrams are answered out of.
#include "binding.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>

#include "../args.h"
#include "../reactor.h"
#include "answerer.h"

namespace gatehouse::dht {

namespace {

constexpr size_t kTableRefs = 7;

Entry* find(void* reactor, int32_t id) { return static_cast<Reactor*>(reactor)->find(id, Kind::kUdp); }

// The memory of a typed array of this size, kept until `*ref` is given up.
template <typename T>
bool keep(napi_env env, napi_value array, napi_typedarray_type type, T** out, napi_ref* ref) {
  napi_typedarray_type is;
  size_t length;
  void* at = nullptr;
  if (napi_get_typedarray_info(env, array, &is, &length, &at, nullptr, nullptr) != napi_ok || is != type) {
    return false;
  }
  size_t each = type == napi_float64_array ? 8 : type == napi_uint32_array ? 4 : 1;
  if (length * each != sizeof(T) || reinterpret_cast<uintptr_t>(at) % alignof(T) != 0) return false;
  *out = static_cast<T*>(at);
  return napi_create_reference(env, array, 1, ref) == napi_ok;
}

// dhtAttach(id, rules, budget, perAddress, perNetwork, verified, counts, askers): 0 or -errno
napi_value attach(napi_env env, napi_callback_info info) {
  Args<8> args(env, info);
  int32_t id;
  if (!args.i32(0, &id)) return number(env, -EINVAL);
  Entry* e = find(args.data, id);
  if (e == nullptr) return number(env, -EBADF);
  if (e->dht != nullptr) return number(env, -EBUSY);
  void* memory = malloc(sizeof(Answering));
  if (memory == nullptr) return number(env, -ENOMEM);
  auto* a = new (memory) Answering();
  Board& board = a->board;
  Rules* rules = nullptr;
  Verified* verified = nullptr;
  const napi_value* v = args.value;
  if (!keep(env, v[1], napi_uint32_array, &rules, &a->refs[0]) ||
      !keep(env, v[2], napi_float64_array, &board.budget, &a->refs[1]) ||
      !keep(env, v[3], napi_uint8_array, &board.perAddress, &a->refs[2]) ||
      !keep(env, v[4], napi_uint8_array, &board.perNetwork, &a->refs[3]) ||
      !keep(env, v[5], napi_uint8_array, &verified, &a->refs[4]) ||
      !keep(env, v[6], napi_float64_array, &board.counts, &a->refs[5]) ||
      !keep(env, v[7], napi_uint8_array, &board.askers, &a->refs[6])) {
    freeAnswering(env, a);
    return number(env, -EINVAL);
  }
  board.rules = rules;
  board.verified = verified;
  e->dht = a;
  return number(env, 0);
}

// dhtTable(id, family: 4 or 6, head, rows): 0 or -errno
napi_value table(napi_env env, napi_callback_info info) {
  Args<4> args(env, info);
  int32_t id;
  int32_t family;
  const uint8_t* head;
  const uint8_t* rows;
  size_t headBytes;
  size_t rowsBytes;
  if (!args.i32(0, &id) || !args.i32(1, &family) || (family != 4 && family != 6) ||
      !args.bytes(2, &head, &headBytes) || !args.bytes(3, &rows, &rowsBytes)) {
    return number(env, -EINVAL);
  }
  Entry* e = find(args.data, id);
  if (e == nullptr || e->dht == nullptr) return number(env, -EBADF);
  const size_t which = family == 6 ? 1 : 0;
  Table made;
  if (!made.set(family == 6, head, headBytes, rows, rowsBytes)) return number(env, -EINVAL);
  napi_ref refs[2] = {};
  if (napi_create_reference(env, args.value[2], 1, &refs[0]) != napi_ok) return number(env, -ENOMEM);
  if (napi_create_reference(env, args.value[3], 1, &refs[1]) != napi_ok) {
    napi_delete_reference(env, refs[0]);
    return number(env, -ENOMEM);
  }
  for (size_t i = 0; i < 2; i++) {
    napi_ref& kept = e->dht->refs[kTableRefs + 2 * which + i];
    if (kept != nullptr) napi_delete_reference(env, kept);
    kept = refs[i];
  }
  e->dht->board.tables[which] = made;
  return number(env, 0);
}

// dhtPolicy(id, rows of seven words): 0 or -errno. Copied; too many are none, and then nobody is let in.
napi_value policy(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  int32_t id;
  uint32_t* rows;
  size_t length;
  if (!args.i32(0, &id) || !args.words(1, &rows, &length)) return number(env, -EINVAL);
  Entry* e = find(args.data, id);
  if (e == nullptr || e->dht == nullptr) return number(env, -EBADF);
  size_t count = length * 4 / sizeof(Prefix);
  if (count > kMaxPrefixes) count = 0;
  auto* made = static_cast<Prefix*>(malloc((count + 1) * sizeof(Prefix)));
  if (made == nullptr) return number(env, -ENOMEM);
  memcpy(made, rows, count * sizeof(Prefix));
  free(e->dht->prefixes);
  e->dht->prefixes = made;
  e->dht->board.prefixes = made;
  e->dht->board.prefixCount = count;
  return number(env, 0);
}

// dhtTake(id, bytes, head: as a datagram's, nowMs, out): length of the answer, 0 for nothing, 1 for
// what is to be handed over, or -errno
napi_value takeOne(napi_env env, napi_callback_info info) {
  Args<5> args(env, info);
  int32_t id;
  const uint8_t* bytes;
  const uint8_t* head;
  const uint8_t* out;
  size_t length;
  size_t headBytes;
  size_t room;
  double nowMs;
  if (!args.i32(0, &id) || !args.bytes(1, &bytes, &length) || !args.bytes(2, &head, &headBytes) ||
      headBytes != kSentHeadBytes || !args.f64(3, &nowMs) || !args.bytes(4, &out, &room) ||
      room < kMaxAnswerBytes) {
    return number(env, -EINVAL);
  }
  Entry* e = find(args.data, id);
  if (e == nullptr || e->dht == nullptr) return number(env, -EBADF);
  sockaddr_storage at;
  endpointOf(head, e->v6, &at);
  size_t answer = 0;
  Fate fate = take(e->dht->board, bytes, length, endpoint(at), nowMs, const_cast<uint8_t*>(out), &answer);
  return number(env, fate == Fate::kAnswered ? static_cast<int32_t>(answer)
                                             : fate == Fate::kHandOver);
}

}  // namespace

Endpoint endpoint(const sockaddr_storage& from) {
  Endpoint out{};
  out.v6 = from.ss_family == AF_INET6;
  out.port = ntohs(reinterpret_cast<const sockaddr_in&>(from).sin_port);
  if (out.v6) {
    memcpy(out.words, &reinterpret_cast<const sockaddr_in6&>(from).sin6_addr, sizeof out.words);
    for (uint32_t& word : out.words) word = ntohl(word);
  } else {
    out.words[2] = 0xffff;
    out.words[3] = ntohl(reinterpret_cast<const sockaddr_in&>(from).sin_addr.s_addr);
  }
  return out;
}

void freeAnswering(napi_env env, Answering* answering) {
  if (answering == nullptr) return;
  for (napi_ref ref : answering->refs) {
    if (ref != nullptr) napi_delete_reference(env, ref);
  }
  free(answering->prefixes);
  free(answering);
}

}  // namespace gatehouse::dht

namespace gatehouse {

bool defineDht(napi_env env, napi_value target, Reactor* r) {
  static const Method methods[] = {{"dhtAttach", dht::attach},
                                   {"dhtTable", dht::table},
                                   {"dhtPolicy", dht::policy},
                                   {"dhtTake", dht::takeOne}};
  return define(env, target, methods, r);
}

}  // namespace gatehouse
