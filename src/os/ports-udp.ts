/** UDP sockets for those who talk with many: batched both ways. Types only. */
import type { SystemError } from '../base/errors.ts';
import type { IpPort } from '../base/ip-port.ts';
import type { Result } from '../base/result.ts';

export interface UdpHandlers {
  /** `bytes` are a view that is valid during the call only. */
  datagram(bytes: Uint8Array, from: IpPort): void;
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
}

export interface UdpSockets {
  /** `at` with port 0 takes any free one; its family is the socket's. EADDRINUSE, EADDRNOTAVAIL, EACCES. */
  open(at: IpPort, handlers: UdpHandlers): Result<UdpSocket, SystemError>;
}
