/** Checks on Node's sockets. */
import { createSocket } from 'node:dgram';
import { type ClientRequest, type IncomingMessage, request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import { connect as tcpConnect } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../base/clock.ts';
import { errorCode, SystemError } from '../../base/errors.ts';
import { formatIp } from '../../base/ip6.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { CheckSockets, Endpoint, HttpAnswer, HttpAsk } from '../ports-check.ts';
import { failureWords } from './errno.ts';

const hostOf = ({ address, scope }: Endpoint): string =>
  scope === 0 ? formatIp(address) : `${formatIp(address)}%${scope}`;

const failure = (what: string, cause: unknown): SystemError => {
  const code = errorCode(cause);
  // llhttp's and OpenSSL's codes are no errno: whoever answered does not speak the protocol.
  const known = /^E[A-Z]+$/.test(code) ? code : 'EPROTO';
  return new SystemError(`${what}: ${failureWords(cause)}`, known, { cause });
};

const late = (what: string): SystemError => new SystemError(`${what}: no answer`, 'ETIMEDOUT');

export class LinuxCheckSockets implements CheckSockets {
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  connect(to: Endpoint, signal: AbortSignal): Promise<Result<number, SystemError>> {
    return settle<number>('connect', signal, (done) => {
      const startMs = this.#clock.monoMs();
      const socket = tcpConnect({ host: hostOf(to), port: to.port });
      socket.once('connect', () => done(ok(this.#clock.monoMs() - startMs)));
      socket.on('error', (cause) => done(err(failure('connect', cause))));
      // Reset, so that the box keeps no state of it; one that does not stand yet is only given up.
      return () => void (socket.connecting ? socket.destroy() : socket.resetAndDestroy());
    });
  }

  exchange(
    to: Endpoint,
    payload: Uint8Array,
    accept: (bytes: Uint8Array) => boolean,
    signal: AbortSignal,
  ): Promise<Result<{ readonly ms: number; readonly bytes: Uint8Array }, SystemError>> {
    return settle<{ ms: number; bytes: Uint8Array }>('datagram', signal, (done) => {
      const socket = createSocket(typeof to.address === 'number' ? 'udp4' : 'udp6');
      const failed = (cause: unknown): void => done(err(failure('datagram', cause)));
      socket.on('error', failed);
      // Connected: the kernel passes on what comes from there alone, and its ICMP errors.
      socket.connect(to.port, hostOf(to));
      socket.once('connect', () => {
        const startMs = this.#clock.monoMs();
        socket.on('message', (bytes) => {
          if (accept(bytes)) done(ok({ ms: this.#clock.monoMs() - startMs, bytes }));
        });
        socket.send(payload, (cause) => {
          if (cause !== null) failed(cause);
        });
      });
      return () => socket.close();
    });
  }

  get(to: Endpoint, ask: HttpAsk, signal: AbortSignal): Promise<Result<HttpAnswer, SystemError>> {
    return settle<HttpAnswer>('HTTP', signal, (done) => {
      const exchange = new HttpExchange(this.#clock, to, ask, done);
      return () => exchange.end();
    });
  }
}

/** One GET with its phases. */
class HttpExchange {
  readonly #clock: Clock;
  readonly #ask: HttpAsk;
  readonly #done: (outcome: Result<HttpAnswer, SystemError>) => void;
  readonly #request: ClientRequest;
  readonly #startMs: number;
  #connectedMs: number | undefined;
  #securedMs: number | undefined;
  #tls: Pick<HttpAnswer, 'distrust' | 'certificateEndsMs'> = {
    distrust: undefined,
    certificateEndsMs: undefined,
  };

  constructor(
    clock: Clock,
    to: Endpoint,
    ask: HttpAsk,
    done: (outcome: Result<HttpAnswer, SystemError>) => void,
  ) {
    this.#clock = clock;
    this.#ask = ask;
    this.#done = done;
    this.#startMs = clock.monoMs();
    const shared = {
      ...{ host: hostOf(to), port: to.port, path: ask.path, agent: false },
      headers: { host: ask.host, 'user-agent': 'gatehouse', connection: 'close' },
    };
    // Why a certificate is not believed is told, instead of a connection that only fails.
    const named = ask.host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
    const isName = !/^[\d.]+$|:/.test(named);
    this.#request = ask.secure
      ? secureRequest({ ...shared, rejectUnauthorized: false, servername: isName ? named : '' })
      : plainRequest(shared);
    const failed = (cause: unknown): void => done(err(failure('HTTP', cause)));
    this.#request.on('error', failed);
    this.#request.once('socket', (socket) => {
      socket.once('connect', () => {
        this.#connectedMs = this.#clock.monoMs();
      });
      socket.once('secureConnect', () => this.#secured(socket as TLSSocket));
    });
    this.#request.once('response', (response) => this.#answered(response, failed));
    this.#request.end();
  }

  end(): void {
    this.#request.destroy();
  }

  #secured(socket: TLSSocket): void {
    this.#securedMs = this.#clock.monoMs();
    const { valid_to: end } = socket.getPeerCertificate();
    const endsMs = Date.parse(end);
    const error: unknown = socket.authorizationError;
    this.#tls = {
      certificateEndsMs: Number.isNaN(endsMs) ? undefined : endsMs,
      distrust: socket.authorized ? undefined : error instanceof Error ? error.message : `${error}`,
    };
  }

  #answered(response: IncomingMessage, failed: (cause: unknown) => void): void {
    const nowMs = this.#clock.monoMs();
    const connectedMs = this.#connectedMs ?? this.#startMs;
    const answer = {
      ...{ status: response.statusCode ?? 0, ...this.#tls },
      connectMs: connectedMs - this.#startMs,
      tlsMs: this.#securedMs === undefined ? undefined : this.#securedMs - connectedMs,
      firstByteMs: nowMs - (this.#securedMs ?? connectedMs),
    };
    const { bodyBytes } = this.#ask;
    const parts: Buffer[] = [];
    let size = 0;
    const whole = (): void => {
      this.#done(ok({ ...answer, body: Buffer.concat(parts).subarray(0, bodyBytes) }));
    };
    response.on('error', failed);
    if (bodyBytes === 0) {
      whole();
      return;
    }
    response.on('data', (part: Buffer) => {
      parts.push(part);
      size += part.length;
      if (size >= bodyBytes) whole();
    });
    response.once('end', whole);
    response.once('aborted', () => failed(new SystemError('the body was cut', 'EPROTO')));
  }
}

/** Runs `start` to its first outcome, then closes what it opened; `start` gives how. */
function settle<T>(
  what: string,
  signal: AbortSignal,
  start: (done: (outcome: Result<T, SystemError>) => void) => () => void,
): Promise<Result<T, SystemError>> {
  return new Promise((resolve) => {
    let close: (() => void) | undefined;
    let over = false;
    const done = (outcome: Result<T, SystemError>): void => {
      if (over) return;
      over = true;
      signal.removeEventListener('abort', aborted);
      close?.();
      resolve(outcome);
    };
    const aborted = (): void => done(err(late(what)));
    if (signal.aborted) return aborted();
    signal.addEventListener('abort', aborted, { once: true });
    close = start(done);
    if (over) close();
  });
}
