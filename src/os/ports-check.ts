/** Asking servers whether they are well: connections, datagrams, HTTP. Types only. */
import type { SystemError } from '../base/errors.ts';
import type { IpAddress } from '../base/ip6.ts';
import type { Result } from '../base/result.ts';

export interface Endpoint {
  readonly address: IpAddress;
  /** Of a link-local address, as the number of the interface; else 0. */
  readonly scope: number;
  readonly port: number;
}

export interface HttpAsk {
  readonly secure: boolean;
  /** For the Host header, and whom the certificate must name. */
  readonly host: string;
  /** With its query; starts with a slash. */
  readonly path: string;
  /** At most so many bytes of the body are read; 0: none. */
  readonly bodyBytes: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: Uint8Array;
  /** Each from the end of the one before, in ms; `tlsMs` undefined without TLS. */
  readonly connectMs: number;
  readonly tlsMs: number | undefined;
  readonly firstByteMs: number;
  /** Why the certificate is not believed; undefined when it is, or without TLS. */
  readonly distrust: string | undefined;
  /** End of the certificate, Unix ms. */
  readonly certificateEndsMs: number | undefined;
}

/** All end when `signal` fires, then with ETIMEDOUT; other codes are those of the kernel. */
export interface CheckSockets {
  /** Connects and hangs up; how long that took, in ms. */
  connect(to: Endpoint, signal: AbortSignal): Promise<Result<number, SystemError>>;
  /** Sends one datagram and waits for one that `accept` takes; others from there are passed over. */
  exchange(
    to: Endpoint,
    payload: Uint8Array,
    accept: (bytes: Uint8Array) => boolean,
    signal: AbortSignal,
  ): Promise<Result<{ readonly ms: number; readonly bytes: Uint8Array }, SystemError>>;
  /** One GET; EPROTO for what is no HTTP. */
  get(to: Endpoint, ask: HttpAsk, signal: AbortSignal): Promise<Result<HttpAnswer, SystemError>>;
}
