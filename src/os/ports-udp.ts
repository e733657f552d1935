/** UDP sockets for those who talk with many: batched both ways. Types only. */
import type { SystemError } from '../base/errors.ts';
import type { IpPort } from '../base/ip-port.ts';
import type { Result } from '../base/result.ts';

export interface UdpHandlers {
  /** `bytes` are a view that is valid during the call only. */
  datagram(bytes: Uint8Array, from: IpPort): void;
  /** After `answerDht`: native code left somebody in `DhtBoard.askers`; at most a hundred times a second. */
  asked?(): void;
}

/**
 * What native code answers the common queries of a DHT out of. Its owner and native code read and write it
 * in turns, on one thread; native/dht/board.h has the layouts.
 */
export interface DhtBoard {
  /** Salt of the hashes, answers in ten seconds by address and by network (0: no limit), `v` of the answers. */
  readonly rules: Uint32Array;
  /** Token buckets: packets in, bytes in, packets out, bytes out. */
  readonly budget: Float64Array;
  readonly perAddress: Uint8Array;
  readonly perNetwork: Uint8Array;
  /** Addresses that may get long answers. */
  readonly verified: Uint8Array;
  readonly counts: Float64Array;
  readonly askers: Uint8Array;
}

export interface DhtAnswering {
  /** Where a routing table is now. */
  table(family: 4 | 6, memory: { readonly head: Uint8Array; readonly rows: Uint8Array }): void;
  /** With whom one talks: rows of seven words, at most a thousand; more let nobody in. */
  policy(rows: Uint32Array): void;
}

export interface UdpSocket extends AsyncDisposable {
  readonly port: number;
  /** Datagrams that the kernel dropped because the socket's queue was full. */
  readonly dropped: number;
  /** Datagrams that the kernel did not take: no way there, forbidden, its queue full. */
  readonly unsent: number;
  /** Longer than 2,024 bytes, and so not handed over. */
  readonly cut: number;
  /**
   * Copies one datagram to what leaves at the end of the batch that is being handled, or at once
   * where none is. False when the socket is closed, `to` is of the other family, or it is too long.
   */
  send(bytes: Uint8Array, to: IpPort): boolean;
  /**
   * From now on every datagram is paid from the budget and its sender looked at before it is handed over, and
   * what native code can answer is not handed over at all.
   */
  answerDht(board: DhtBoard): DhtAnswering;
}

export interface UdpSockets {
  /** `at` with port 0 takes any free one; its family is the socket's. EADDRINUSE, EADDRNOTAVAIL, EACCES. */
  open(at: IpPort, handlers: UdpHandlers): Result<UdpSocket, SystemError>;
}
