/** Names of torrents: kept, and asked for one after the other, so many an hour. */
import type { Clock, Timer } from '../../base/clock.ts';

const MAX_NAMES = 1024;
const HOUR_MS = 3_600_000;
/** Questions of an hour; each may be a look-up in the DHT and thirty connections. */
export const ASKED_AN_HOUR = 20;
/** After nobody knew it. */
const AGAIN_MS = 6 * HOUR_MS;
const MAX_TRIES = 3;

export interface NamesDeps {
  readonly clock: Clock;
  /** The name, safe to print; undefined when nobody told it. Ends soon after the signal, and never throws. */
  resolve(infoHash: string, signal: AbortSignal): Promise<string | undefined>;
  /** One became known. */
  changed(): void;
}

interface Try {
  readonly tries: number;
  readonly notBeforeMs: number;
}

export class TorrentNames implements AsyncDisposable {
  readonly #deps: NamesDeps;
  readonly #names = new Map<string, string>();
  readonly #failed = new Map<string, Try>();
  /** When questions of the last hour began, on the monotonic clock. */
  #asked: number[] = [];
  #wanted: readonly string[] = [];
  #end = new AbortController();
  #running: Promise<void> | undefined;
  #timer: Timer | undefined;
  #count = 0;
  #found = 0;

  constructor(deps: NamesDeps) {
    this.#deps = deps;
  }

  get counts(): { readonly asked: number; readonly found: number } {
    return { asked: this.#count, found: this.#found };
  }

  of(infoHash: string): string | undefined {
    return this.#names.get(infoHash);
  }

  /** Asks for those of these that have none; none asks for nothing further. */
  want(infoHashes: readonly string[]): void {
    this.#wanted = infoHashes;
    this.#next();
  }

  /** Keeps the names of these alone. */
  keep(infoHashes: ReadonlySet<string>): void {
    for (const known of [this.#names, this.#failed])
      for (const key of known.keys()) if (!infoHashes.has(key)) known.delete(key);
  }

  /** Calls off what is asked for. */
  async stop(): Promise<void> {
    this.#wanted = [];
    this.#timer?.cancel();
    this.#end.abort();
    await this.#running;
    this.#end = new AbortController();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    this.#names.clear();
  }

  #next(): void {
    if (this.#running !== undefined || this.#end.signal.aborted) return;
    const nowMs = this.#deps.clock.monoMs();
    this.#asked = this.#asked.filter((ms) => nowMs - ms < HOUR_MS);
    const infoHash = this.#wanted.find((one) => this.#isDue(one, nowMs));
    if (infoHash === undefined) return;
    const [first] = this.#asked;
    if (first !== undefined && this.#asked.length >= ASKED_AN_HOUR) {
      this.#timer?.cancel();
      this.#timer = this.#deps.clock.after(first + HOUR_MS - nowMs, () => this.#next());
      return;
    }
    this.#asked.push(nowMs);
    this.#count += 1;
    this.#running = this.#ask(infoHash, this.#end.signal).finally(() => {
      this.#running = undefined;
      this.#next();
    });
  }

  #isDue(infoHash: string, nowMs: number): boolean {
    if (this.#names.has(infoHash) || this.#names.size >= MAX_NAMES) return false;
    const { tries, notBeforeMs } = this.#failed.get(infoHash) ?? { tries: 0, notBeforeMs: nowMs };
    return tries < MAX_TRIES && nowMs >= notBeforeMs;
  }

  async #ask(infoHash: string, signal: AbortSignal): Promise<void> {
    const name = await this.#deps.resolve(infoHash, signal);
    if (signal.aborted) return;
    if (name === undefined || name === '') {
      const { tries } = this.#failed.get(infoHash) ?? { tries: 0 };
      const notBeforeMs = this.#deps.clock.monoMs() + AGAIN_MS;
      this.#failed.set(infoHash, { tries: tries + 1, notBeforeMs });
      return;
    }
    this.#found += 1;
    this.#failed.delete(infoHash);
    this.#names.set(infoHash, name);
    this.#deps.changed();
  }
}
