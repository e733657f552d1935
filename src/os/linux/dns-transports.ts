/** DNS queries on their way to resolvers: UDP with a socket each, TCP and TLS with a connection shared, HTTPS with a session shared. */
import { createSocket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import { SystemError } from '../../base/errors.ts';
import { formatIp } from '../../base/ip6.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { DnsEndpoint, DnsTransports } from '../ports-dns-transport.ts';
import { HttpsSession } from './dns-https-session.ts';
import { failure, type SharedConnection, timeout } from './dns-shared.ts';
import { StreamConnection } from './dns-stream-connection.ts';

export interface DnsTransportOptions {
  /** PEM of roots that are trusted besides those that Node brings. */
  readonly extraRoots?: readonly string[];
}

/** Kept at once; the one not used for longest makes room. */
const MAX_SHARED = 64;

export class NodeDnsTransports implements DnsTransports {
  readonly #options: DnsTransportOptions;
  readonly #shared = new Map<string, SharedConnection>();

  constructor(options: DnsTransportOptions = {}) {
    this.#options = options;
  }

  udp(
    to: DnsEndpoint,
    query: Uint8Array,
    timeoutMs: number,
    accept: (answer: Uint8Array) => boolean,
    signal: AbortSignal,
  ): Promise<Result<Uint8Array, SystemError>> {
    return new Promise((resolve) => {
      const socket = createSocket(typeof to.address === 'number' ? 'udp4' : 'udp6');
      let settled = false;
      const settle = (result: Result<Uint8Array, SystemError>): void => {
        if (settled) return;
        settled = true;
        clearTimeout(timer);
        signal.removeEventListener('abort', aborted);
        socket.close();
        resolve(result);
      };
      const failed = (cause: unknown): void => settle(err(failure(to, cause)));
      const aborted = (): void => settle(err(new SystemError('no longer wanted', 'ECANCELED')));
      const timer = setTimeout(() => settle(err(timeout(to))), timeoutMs);
      socket.on('error', failed);
      socket.on('message', (answer) => {
        if (!settled && accept(answer)) settle(ok(Uint8Array.from(answer)));
      });
      if (signal.aborted) return aborted();
      signal.addEventListener('abort', aborted, { once: true });
      // Connected: the kernel passes on only what comes from there, and says when nobody is.
      socket.connect(to.port, formatIp(to.address), () => {
        if (!settled) socket.send(query, (cause) => void (cause && failed(cause)));
      });
    });
  }

  async stream(
    to: DnsEndpoint,
    query: Uint8Array,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Result<Uint8Array, SystemError>> {
    const started = process.hrtime.bigint();
    const first = this.#connection(to);
    const fresh = !first.used;
    const got = await first.ask(query, timeoutMs, signal);
    if (got.ok || fresh || got.error.code === 'ETIMEDOUT' || signal.aborted) return got;
    // The server had closed a connection that was idle (RFC 7766 §6.2.4): once more on a new one.
    const tookMs = Number((process.hrtime.bigint() - started) / 1_000_000n);
    if (tookMs >= timeoutMs) return got;
    return this.#connection(to).ask(query, timeoutMs - tookMs, signal);
  }

  async multicast(
    ifName: string,
    query: Uint8Array,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<readonly Uint8Array[]> {
    const own = networkInterfaces()[ifName] ?? [];
    const v4 = own.find(({ family }) => family === 'IPv4')?.address;
    const hasV6 = own.some(({ family }) => family === 'IPv6');
    const asked: Promise<readonly Uint8Array[]>[] = [];
    if (v4 !== undefined) asked.push(oneShot('udp4', v4, MDNS4, query, waitMs, signal));
    if (hasV6)
      asked.push(oneShot('udp6', `::%${ifName}`, `${MDNS6}%${ifName}`, query, waitMs, signal));
    return (await Promise.all(asked)).flat();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#shared.values()) connection.close();
    this.#shared.clear();
  }

  #connection(to: DnsEndpoint): SharedConnection {
    const key = `${to.protocol} ${formatIp(to.address)} ${to.port} ${to.name ?? ''} ${to.path} ${to.pins.join()}`;
    let connection = this.#shared.get(key);
    this.#shared.delete(key);
    if (connection === undefined || connection.closed) {
      const roots = this.#options.extraRoots ?? [];
      connection =
        to.protocol === 'https' ? new HttpsSession(to, roots) : new StreamConnection(to, roots);
    }
    this.#shared.set(key, connection);
    if (this.#shared.size > MAX_SHARED) {
      const [oldest] = this.#shared;
      if (oldest !== undefined) {
        oldest[1].close();
        this.#shared.delete(oldest[0]);
      }
    }
    return connection;
  }
}

/** RFC 6762 §3. */
const MDNS4 = '224.0.0.251';
const MDNS6 = 'ff02::fb';
const MDNS_PORT = 5353;
const MAX_MULTICAST = 64;
/** Where one answered, others do within this (RFC 6762 §6). */
const OTHERS_MS = 120;

/** A question from a port of its own, which is answered by unicast (RFC 6762 §6.7); the first whole answers are enough. */
function oneShot(
  type: 'udp4' | 'udp6',
  source: string,
  group: string,
  query: Uint8Array,
  waitMs: number,
  signal: AbortSignal,
): Promise<readonly Uint8Array[]> {
  return new Promise((resolve) => {
    const answers: Uint8Array[] = [];
    const socket = createSocket(type);
    let open = true;
    const end = (): void => {
      if (!open) return;
      open = false;
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      socket.close();
      resolve(answers);
    };
    let timer = setTimeout(end, waitMs);
    socket.on('error', end);
    socket.on('message', (answer) => {
      if (answers.length === 0) {
        clearTimeout(timer);
        timer = setTimeout(end, Math.min(waitMs, OTHERS_MS));
      }
      answers.push(Uint8Array.from(answer));
      if (answers.length === MAX_MULTICAST) end();
    });
    if (signal.aborted) return end();
    signal.addEventListener('abort', end, { once: true });
    socket.bind(0, type === 'udp4' ? source : undefined, () => {
      if (!open) return;
      try {
        socket.setMulticastInterface(source);
        socket.setMulticastTTL(255);
      } catch {
        // The interface lost its address meanwhile: nobody answers there.
        return end();
      }
      socket.send(query, MDNS_PORT, group, (cause) => void (cause && end()));
    });
  });
}
