/** DNS over one TCP or TLS connection (RFC 7766, RFC 7858): many queries under way, told apart by ids of our own. */
import { randomInt } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { SystemError } from '../../base/errors.ts';
import { formatIp } from '../../base/ip6.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { DnsEndpoint } from '../ports-dns-transport.ts';
import { failure, type SharedConnection, timeout } from './dns-shared.ts';
import { StreamFrames } from './dns-stream-frames.ts';
import { pinFault, tlsOptions } from './dns-tls.ts';

interface Pending {
  readonly query: Uint8Array;
  settle(result: Result<Uint8Array, SystemError>): void;
}

/** Under way on one connection; more are refused. */
const MAX_PENDING = 1024;
const IDLE_MS = 15_000;

export class StreamConnection implements SharedConnection {
  readonly #to: DnsEndpoint;
  readonly #socket: Socket;
  readonly #pending = new Map<number, Pending>();
  readonly #frames = new StreamFrames();
  /** Not sent before it is known who is there. */
  #waiting: Uint8Array[] | undefined = [];
  #idle: NodeJS.Timeout | undefined;
  closed = false;
  used = false;

  constructor(to: DnsEndpoint, extraRoots: readonly string[]) {
    this.#to = to;
    if (to.protocol === 'tls') {
      const socket = connectTls(tlsOptions(to, extraRoots, ['dot']));
      socket.once('secureConnect', () => this.#proved(socket));
      this.#socket = socket;
    } else {
      this.#socket = connect({ host: formatIp(to.address), port: to.port });
      this.#socket.once('connect', () => this.#open());
    }
    this.#socket.setNoDelay(true);
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk));
    this.#socket.on('error', (cause) => this.#end(failure(to, cause)));
    this.#socket.on('close', () =>
      this.#end(new SystemError('the connection was closed', 'ECONNRESET')),
    );
  }

  ask(
    query: Uint8Array,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Result<Uint8Array, SystemError>> {
    if (this.closed) return Promise.resolve(err(new SystemError('closed', 'ECONNRESET')));
    if (this.#pending.size >= MAX_PENDING) {
      return Promise.resolve(err(new SystemError('too many queries under way', 'ENOBUFS')));
    }
    clearTimeout(this.#idle);
    return new Promise((resolve) => {
      const id = this.#freeId();
      const timer = setTimeout(() => pending.settle(err(timeout(this.#to))), timeoutMs);
      const aborted = (): void =>
        pending.settle(err(new SystemError('no longer wanted', 'ECANCELED')));
      const pending: Pending = {
        query,
        settle: (result) => {
          clearTimeout(timer);
          signal.removeEventListener('abort', aborted);
          this.#pending.delete(id);
          if (this.#pending.size === 0) this.#rest();
          resolve(result);
        },
      };
      this.#pending.set(id, pending);
      const framed = new Uint8Array(2 + query.length);
      framed.set([query.length >> 8, query.length & 255]);
      framed.set(query, 2);
      framed.set([id >> 8, id & 255], 2);
      if (this.#waiting === undefined) this.#socket.write(framed);
      else this.#waiting.push(framed);
      if (signal.aborted) aborted();
      else signal.addEventListener('abort', aborted, { once: true });
    });
  }

  close(): void {
    this.#end(new SystemError('closed', 'ECANCELED'));
  }

  #freeId(): number {
    for (;;) {
      const id = randomInt(0x10000);
      if (!this.#pending.has(id)) return id;
    }
  }

  #proved(socket: TLSSocket): void {
    const fault = pinFault(this.#to, socket);
    if (fault === undefined) this.#open();
    else this.#end(fault);
  }

  #open(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const framed of waiting) this.#socket.write(framed);
  }

  #read(chunk: Uint8Array): void {
    const messages = this.#frames.push(chunk);
    if (messages === undefined) {
      this.#end(new SystemError('it sends no DNS', 'EPROTO'));
      return;
    }
    for (const message of messages) {
      if (message.length < 12) continue;
      const pending = this.#pending.get(((message[0] ?? 0) << 8) | (message[1] ?? 0));
      if (pending === undefined) continue;
      // To whoever asked, his own id.
      message.set(pending.query.subarray(0, 2));
      this.used = true;
      pending.settle(ok(message));
    }
  }

  /** Nobody waits: it is kept for a while. */
  #rest(): void {
    if (this.closed) return;
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.close(), IDLE_MS);
    this.#idle.unref();
  }

  #end(error: SystemError): void {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.#idle);
    this.#socket.destroy();
    for (const pending of [...this.#pending.values()]) pending.settle(err(error));
  }
}
