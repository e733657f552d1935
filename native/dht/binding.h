// One UDP socket's part in a DHT node: the shared board, held as long as the socket.
#pragma once

#include <netinet/in.h>
#include <node_api.h>

#include "board.h"

namespace gatehouse::dht {

struct Answering {
  Board board;
  // What keeps the board's memory: seven parts, then head and rows of both tables.
  napi_ref refs[11] = {};
  Prefix* prefixes = nullptr;
  double nowMs = 0;   // of the batch at hand
  double toldMs = 0;  // when JavaScript was last told of askers
};

Endpoint endpoint(const sockaddr_storage& from);
void freeAnswering(napi_env env, Answering* answering);

}  // namespace gatehouse::dht
