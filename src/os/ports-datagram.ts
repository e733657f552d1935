/** Unix datagram sockets: how a program with a control socket of that kind is spoken to. */
import type { SystemError } from '../base/errors.ts';
import type { Result } from '../base/result.ts';

export interface DatagramSocket {
  /** Whole or not at all; EAGAIN when the server's queue is full, ECONNREFUSED when it is gone. */
  send(bytes: Uint8Array): Result<void, SystemError>;
  /** Closes at once and takes the socket's own file away. Idempotent. */
  close(): void;
}

export interface DatagramHandlers {
  /** One datagram, valid only during the call. */
  data(datagram: Uint8Array): void;
  /** It failed, or a datagram was longer than 64 KiB; it is closed. Never called after `close()`. */
  failed(error: SystemError): void;
}

export interface DatagramSockets {
  /**
   * A socket named `own` (mode 0600; one that an earlier daemon left there is replaced), connected to
   * `server`: nobody else can send to it. ENOENT and ECONNREFUSED while nobody serves there.
   */
  open(
    own: string,
    server: string,
    handlers: DatagramHandlers,
  ): Result<DatagramSocket, SystemError>;
}
