// KRPC queries (BEP 5) as nearly everybody writes them. What is written otherwise, right or wrong, is left to
// src/wire/krpc.ts, which knows the rest of the protocol and what to say about faults.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gatehouse::dht {

struct Query {
  const uint8_t* id;
  const uint8_t* target;  // nullptr: ping
  const uint8_t* transaction;
  size_t transactionLength;
  bool wants;  // BEP 32: n4 and n6 say of which families; else of the one that asks
  bool n4;
  bool n6;
  bool readOnly;  // BEP 43
};

// ping and find_node with nothing but what BEP 5, 32 and 43 name, in canonical form. Views over `bytes`.
bool readQuery(const uint8_t* bytes, size_t length, Query* out);

}  // namespace gatehouse::dht
