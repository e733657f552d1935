// What a QUIC client says first, of versions 1 (RFC 9000, RFC 9001) and 2 (RFC 9369).
#pragma once

#include "bytes.h"

namespace gatehouse::capture {

constexpr size_t kHelloBytes = 2048;

// Opens the Initial packet at the start of a datagram of a client and puts the TLS handshake in it, from
// its beginning up to the first gap, into `hello`: how many bytes, 0 when it is no such packet. Looks at
// this one packet alone, of which the end may be missing: what a client spreads over several Initials is
// found as far as the first has it. The tag of AES-GCM is not verified. Anybody can make a valid one,
// since the keys follow from the packet, and of a packet that was cut the tag is gone.
size_t quicHello(View datagram, uint8_t (&hello)[kHelloBytes]);

}  // namespace gatehouse::capture
