/** TCP streams between this box and others, IPv4 and IPv6: types only. */
import type { SystemError } from '../base/errors.ts';
import type { IpPort } from '../base/ip-port.ts';
import type { Result } from '../base/result.ts';

export interface TcpConnection {
  /** Where it leads; of an accepted one, where it comes from. */
  readonly remote: IpPort;
  /** Taken by `write`, and not by the kernel yet. */
  readonly queuedBytes: number;
  /**
   * Sends or queues `bytes` whole (they are copied), also before the connection stands. False, and
   * nothing is queued, when the queue would pass its limit or the connection is closed.
   */
  write(bytes: Uint8Array): boolean;
  /**
   * Closes at once; queued bytes are lost, and no handler is called any more. Idempotent. One that we
   * opened is reset: what is on its way is lost as well, and no table keeps it as one that is ending.
   */
  close(): void;
}

export interface TcpHandlers {
  /** It stands now. Not called for an accepted connection, which does already. */
  opened?(): void;
  /** `chunk` is valid only during the call, and the receiver may overwrite it: copy what must be kept. */
  data(chunk: Uint8Array): void;
  /** The queue became empty after a `write` had to queue. */
  drained?(): void;
  /** The other side closed, or it failed (`error`: ECONNREFUSED, EHOSTUNREACH, …). Called once, never after `close()`. */
  closed(error: SystemError | undefined): void;
}

export interface TcpListenOptions {
  /** Port 0 takes any. An IPv6 address hears IPv6 alone. */
  readonly local: IpPort;
  readonly maxConnections: number;
  readonly maxQueuedBytes: number;
  /** Called for each accepted connection; returning undefined refuses it. */
  accepted(connection: TcpConnection): TcpHandlers | undefined;
}

export interface TcpServer extends AsyncDisposable {
  /** As bound: with the port that was taken where 0 was asked for. */
  readonly local: IpPort;
  /** Connections refused since `maxConnections` were open, or no descriptor was left. */
  readonly refused: number;
}

export interface TcpSockets {
  /** Begins to connect. No handler is called before this has returned. ENETUNREACH, EMFILE, … are told at once. */
  connect(
    to: IpPort,
    maxQueuedBytes: number,
    handlers: TcpHandlers,
  ): Result<TcpConnection, SystemError>;
  listen(options: TcpListenOptions): Result<TcpServer, SystemError>;
}
