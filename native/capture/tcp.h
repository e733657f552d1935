// The state of a TCP connection as somebody in the middle sees it (RFC 9293 §3.3.2, both ends at once).
#pragma once

#include <cstdint>

namespace gatehouse::capture {

// Unseen is a flow without any segment yet; a flow whose SYN was before the capture is Midstream.
enum class TcpState : uint8_t {
  Unseen, Midstream, SynSent, SynReceived, Established, HalfClosed, Closed, Reset, Count
};

// Plain is any segment without SYN, FIN or RST. A FIN of the side that has closed already is FinAgain.
enum class TcpEvent : uint8_t { Syn, SynAck, Plain, Fin, FinAgain, Rst, Count };

inline const char* nameOf(TcpState s) {
  static constexpr const char* kNames[] = {"unseen",      "midstream",   "syn-sent", "syn-received",
                                           "established", "half-closed", "closed",   "reset"};
  return kNames[static_cast<int>(s)];
}

// A SYN on a connection that has ended begins the next one on the same ports. An ACK makes a handshake
// whole only when it comes from who began it; the caller says Plain then and nothing before.
inline TcpState step(TcpState state, TcpEvent event) {
  using enum TcpState;
  static constexpr TcpState kTable[static_cast<int>(Count)][static_cast<int>(TcpEvent::Count)] = {
      //               Syn      SynAck       Plain        Fin         FinAgain    Rst
      /* Unseen */      {SynSent, SynReceived, Midstream,   HalfClosed, HalfClosed, Reset},
      /* Midstream */   {SynSent, SynReceived, Midstream,   HalfClosed, HalfClosed, Reset},
      /* SynSent */     {SynSent, SynReceived, SynSent,     HalfClosed, HalfClosed, Reset},
      /* SynReceived */ {SynSent, SynReceived, Established, HalfClosed, HalfClosed, Reset},
      /* Established */ {Established, Established, Established, HalfClosed, HalfClosed, Reset},
      /* HalfClosed */  {SynSent, HalfClosed,  HalfClosed,  Closed,     HalfClosed, Reset},
      /* Closed */      {SynSent, SynReceived, Closed,      Closed,     Closed,     Closed},
      /* Reset */       {SynSent, SynReceived, Reset,       Reset,      Reset,      Reset},
  };
  return kTable[static_cast<int>(state)][static_cast<int>(event)];
}

}  // namespace gatehouse::capture
