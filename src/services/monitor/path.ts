/** One probe after another to one destination, and what became of each: what trace, path MTU and ping stand on. */
import type { Clock } from '../../base/clock.ts';
import type { SystemError } from '../../base/errors.ts';
import type { IpAddress } from '../../base/ip6.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { PathNews, PathOptions, PathSocket, PathSockets } from '../../os/ports-path.ts';

export interface PathDeps {
  readonly sockets: PathSockets;
  readonly clock: Clock;
}

export interface ProbeWanted {
  readonly hopLimit: number;
  /** With the IP header. */
  readonly packetBytes: number;
  readonly timeoutMs: number;
}

/** `unreachable` has the code of ICMP or ICMPv6 in it; a router or the destination said so. */
export type ProbeOutcome =
  | {
      readonly kind: 'reached';
      readonly ms: number;
      readonly from: IpAddress;
      readonly hopLimit: number;
    }
  | { readonly kind: 'hop'; readonly ms: number; readonly from: IpAddress }
  | {
      readonly kind: 'unreachable';
      readonly ms: number;
      readonly from: IpAddress;
      readonly type: number;
      readonly code: number;
    }
  /** `mtu` 0: the router did not say; `from` undefined: it is the own link. */
  | { readonly kind: 'tooBig'; readonly mtu: number; readonly from: IpAddress | undefined }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'unsent'; readonly error: SystemError };

/** Where traceroute has sent datagrams ever since: nobody listens there. */
const UDP_PORT = 33_434;
const UDP_PORTS = 512;
const TCP_PORT = 80;
const MAX_SEQUENCE = 0xffff;

interface Asking {
  readonly sentMs: number;
  done(outcome: ProbeOutcome): void;
}

export class PathProber implements Disposable {
  readonly #deps: PathDeps;
  readonly #options: PathOptions;
  readonly #port: number;
  readonly #asking = new Map<number, Asking>();
  readonly #own = new Set<PathSocket>();
  readonly #shared: PathSocket | undefined;
  readonly #refused: SystemError | undefined;
  #next = 0;

  private constructor(deps: PathDeps, options: PathOptions, port: number | undefined) {
    this.#deps = deps;
    this.#options = options;
    this.#port = port ?? (options.protocol === 'tcp' ? TCP_PORT : UDP_PORT);
    const opened =
      options.protocol === 'tcp'
        ? undefined
        : deps.sockets.open(options, (news) => this.#heard(news));
    this.#shared = opened?.ok === true ? opened.value : undefined;
    this.#refused = opened?.ok === false ? opened.error : undefined;
  }

  /** `port`: of TCP (80), or the first one of UDP. */
  static open(
    deps: PathDeps,
    options: PathOptions,
    port?: number,
  ): Result<PathProber, SystemError> {
    const prober = new PathProber(deps, options, port);
    return prober.#refused === undefined ? ok(prober) : err(prober.#refused);
  }

  get family(): 4 | 6 {
    return typeof this.#options.address === 'number' ? 4 : 6;
  }

  /** Whether echo requests leave by a raw socket. */
  get raw(): boolean {
    return this.#shared?.raw ?? false;
  }

  /** Never rejects; `timeout` after `timeoutMs`, or at once when `signal` fires. */
  probe(wanted: ProbeWanted, signal: AbortSignal): Promise<ProbeOutcome> {
    const { protocol } = this.#options;
    const number = this.#next++;
    const sequence =
      protocol === 'udp'
        ? (this.#port + (number % UDP_PORTS)) & MAX_SEQUENCE || UDP_PORT
        : number % MAX_SEQUENCE;
    const port = protocol === 'udp' ? sequence : this.#port;
    const socket = this.#shared ?? this.#connection();
    if ('code' in socket) return Promise.resolve({ kind: 'unsent', error: socket });
    // One that is still waited for after all others were used is given up.
    this.#asking.get(sequence)?.done({ kind: 'timeout' });
    const sent = socket.send(sequence, wanted.hopLimit, wanted.packetBytes, port);
    if (!sent.ok) {
      this.#release(socket);
      return Promise.resolve(
        sent.error.code === 'EMSGSIZE'
          ? { kind: 'tooBig', mtu: socket.localMtu ?? 0, from: undefined }
          : { kind: 'unsent', error: sent.error },
      );
    }
    return new Promise((resolve) => {
      const timer = this.#deps.clock.after(wanted.timeoutMs, () => done({ kind: 'timeout' }));
      const aborted = (): void => done({ kind: 'timeout' });
      const done = (outcome: ProbeOutcome): void => {
        timer.cancel();
        signal.removeEventListener('abort', aborted);
        if (this.#asking.get(sequence) === asking) this.#asking.delete(sequence);
        this.#release(socket);
        resolve(outcome);
      };
      const asking: Asking = { sentMs: sent.value, done };
      this.#asking.set(sequence, asking);
      if (signal.aborted) return aborted();
      signal.addEventListener('abort', aborted, { once: true });
    });
  }

  [Symbol.dispose](): void {
    for (const { done } of [...this.#asking.values()]) done({ kind: 'timeout' });
    for (const socket of [...this.#own]) this.#release(socket);
    this.#shared?.[Symbol.dispose]();
  }

  #connection(): PathSocket | SystemError {
    const opened = this.#deps.sockets.open(this.#options, (news) => this.#heard(news));
    if (!opened.ok) return opened.error;
    this.#own.add(opened.value);
    return opened.value;
  }

  #release(socket: PathSocket): void {
    if (this.#own.delete(socket)) socket[Symbol.dispose]();
  }

  #heard(news: PathNews): void {
    const asking = this.#asking.get(news.sequence);
    if (asking === undefined) return;
    const ms = Math.max(0, news.atMs - asking.sentMs);
    const outcome = outcomeOf(news, ms, this.#options.address);
    if (outcome !== undefined) asking.done(outcome);
  }
}

const TIME_EXCEEDED = 11;
const UNREACHABLE = 3;
const PORT = 3;
const FRAGMENTATION_NEEDED = 4;
const TIME_EXCEEDED6 = 3;
const TOO_BIG6 = 2;
const UNREACHABLE6 = 1;
const PORT6 = 4;

/** RFC 792, RFC 1191, RFC 4443. Undefined: it says nothing about the path. */
function outcomeOf(news: PathNews, ms: number, address: IpAddress): ProbeOutcome | undefined {
  const from = news.from ?? address;
  if (news.kind === 'answer') {
    // Anybody can send to the port that a UDP probe left by.
    return from === address ? { kind: 'reached', ms, from, hopLimit: news.hopLimit } : undefined;
  }
  const { type, code, mtu, hopLimit } = news;
  const is6 = typeof address !== 'number';
  // A connection that failed without ICMP, such as by a time-out.
  if (type === 0) return undefined;
  if (type === (is6 ? TIME_EXCEEDED6 : TIME_EXCEEDED)) return { kind: 'hop', ms, from };
  if (is6 ? type === TOO_BIG6 : type === UNREACHABLE && code === FRAGMENTATION_NEEDED) {
    return { kind: 'tooBig', mtu, from };
  }
  if (type === (is6 ? UNREACHABLE6 : UNREACHABLE) && code === (is6 ? PORT6 : PORT)) {
    // From a firewall on the way it is a refusal.
    return from === address
      ? { kind: 'reached', ms, from, hopLimit }
      : { kind: 'unreachable', ms, from, type, code };
  }
  return { kind: 'unreachable', ms, from, type, code };
}

/** Resolves sooner when `signal` fires. */
export function pause(
  { clock }: Pick<PathDeps, 'clock'>,
  ms: number,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.after(ms, done);
    if (signal.aborted) done();
    else signal.addEventListener('abort', done, { once: true });
  });
}

/** Names cannot be called off: nobody waits for them longer than for the rest. Undefined when `signal` fires first. */
export function within<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve, reject) => {
    const aborted = (): void => resolve(undefined);
    signal.addEventListener('abort', aborted, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', aborted));
  });
}
