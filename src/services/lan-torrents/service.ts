/** Hears the links of the LAN for BitTorrent, keeps what was heard, and names the torrents where that is wanted. */
import type { Clock, Timer } from '../../base/clock.ts';
import { errorMessage, SystemError } from '../../base/errors.ts';
import { formatIp } from '../../base/ip6.ts';
import type { Log } from '../../base/log.ts';
import { err } from '../../base/result.ts';
import type {
  CaptureEngine,
  CapturePrefix,
  LiveCapture,
  TorrentSeen,
} from '../../os/ports-capture.ts';
import type { LanTorrentsConfig, LanTorrentsObserved } from './config.ts';
import { Ledger } from './ledger.ts';
import { TorrentNames } from './names.ts';

/** Each has a thread, a ring and tables of its own. */
const MAX_LINKS = 4;
const RING_BYTES = 4 << 20;
/** Headers and what is said first; a request to a tracker is the longest of it. */
const SNAP_BYTES = 640;
const NO_ROWS = { endpoints: 0, conversations: 0, flows: 0, names: 0 };
/** Between two looks at what the engine knows. */
export const LOOK_SEC = 10;
const RETRY_MS = 30_000;
const MAX_PREFIXES = 64;

export interface LanTorrentsDeps {
  readonly engine: Pick<CaptureEngine, 'listen'>;
  readonly clock: Clock;
  readonly log: Log;
  /** The link is there and up. */
  isUp(ifName: string): boolean;
  /** The networks that the box has an address in there: whose hosts are counted. */
  networks(ifName: string): readonly CapturePrefix[];
  /** See `NamesDeps`; what is thrown is a fault, and told in the log. */
  resolve(infoHash: string, signal: AbortSignal): Promise<string | undefined>;
  /** Why no names can be asked for now, for people; empty when they can. */
  whyNoNames(): string;
  /** Devices, torrents, names or how it goes are others; figures alone are not told. */
  report(value: LanTorrentsObserved): void;
}

interface Hearing {
  readonly ifName: string;
  /** Of its networks, as text. */
  readonly networks: string;
  readonly end: AbortController;
  live: LiveCapture | undefined;
  over: Promise<void>;
  looks: number;
  droppedPackets: number;
}

/** What no client does with a private torrent (BEP 27). */
const OPEN: ReadonlySet<TorrentSeen> = new Set(['dht-get', 'dht-announce', 'lan-search']);
const OFF: LanTorrentsConfig = { enable: false, resolveNames: false, keepSec: 0, links: [] };

export class LanTorrentsService implements AsyncDisposable {
  readonly #deps: LanTorrentsDeps;
  readonly #ledger = new Ledger();
  readonly #names: TorrentNames;
  readonly #hearings = new Map<string, Hearing>();
  /** Networks of links that could not be heard, until it is tried again. */
  readonly #unheard = new Map<string, string>();
  #config = OFF;
  #fault = '';
  #retry: Timer | undefined;
  #droppedBefore = 0;
  #changes: Promise<unknown> = Promise.resolve();
  #looked: { readonly atMs: number; readonly observed: LanTorrentsObserved } | undefined;
  /** Something new was taken, and not yet told. */
  #news = false;

  constructor(deps: LanTorrentsDeps) {
    this.#deps = deps;
    this.#names = new TorrentNames({
      clock: deps.clock,
      resolve: (infoHash, signal) =>
        deps.resolve(infoHash, signal).catch((thrown: unknown) => {
          deps.log.error({ reason: errorMessage(thrown) }, 'a torrent cannot be named');
          return undefined;
        }),
      changed: () => this.#tell(),
    });
  }

  /** As it is now. */
  get observed(): LanTorrentsObserved {
    const { enable, resolveNames, links } = this.#config;
    const listening = this.#hearings.size > 0;
    const whyNoNames = enable && resolveNames ? this.#deps.whyNoNames() : '';
    const waits = enable && !listening ? 'no link of the LAN is there and up' : '';
    const tooMany =
      enable && links.length > MAX_LINKS
        ? `only ${links.slice(0, MAX_LINKS).join(', ')} are listened to`
        : '';
    const going = listening ? 'listening' : this.#fault === '' ? 'waiting' : 'failed';
    return {
      status: enable ? going : 'off',
      reason: [this.#fault || waits, tooMany, whyNoNames].filter((text) => text !== '').join('; '),
      devices: this.#ledger.devices(),
      torrents: this.#ledger.torrents((infoHash) => this.#names.of(infoHash)),
      forgotten: this.#ledger.forgotten,
      droppedPackets: [...this.#hearings.values()].reduce(
        (sum, { droppedPackets }) => sum + droppedPackets,
        this.#droppedBefore,
      ),
      names: this.#names.counts,
    };
  }

  /** With the figures of this moment, or of one that is no longer past than that. */
  look(maxAgeMs = 0): LanTorrentsObserved {
    const nowMs = this.#deps.clock.monoMs();
    if (this.#looked === undefined || nowMs - this.#looked.atMs >= maxAgeMs) {
      for (const hearing of this.#hearings.values()) this.#take(hearing);
      this.#looked = { atMs: nowMs, observed: this.observed };
    }
    return this.#looked.observed;
  }

  async apply(config: LanTorrentsConfig): Promise<readonly string[]> {
    return this.#inTurn(async () => {
      this.#config = config;
      this.#unheard.clear();
      await this.#follow();
      if (!config.enable) await this.#forgetAll();
      else if (!config.resolveNames) await this.#names.stop();
      else this.#askNames();
      this.#tell();
      return [];
    });
  }

  /** Links or addresses are others now. */
  surroundingsChanged(): void {
    if (this.#config.enable) void this.#inTurn(() => this.#follow());
  }

  /** Forgets all that was heard. */
  async clear(): Promise<void> {
    await this.#inTurn(async () => {
      this.#unheard.clear();
      // The engines forget only with their captures.
      for (const hearing of [...this.#hearings.values()]) await this.#end(hearing);
      await this.#forgetAll();
      await this.#follow();
      this.#tell();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inTurn(async () => {
      this.#config = OFF;
      await this.#follow();
      await this.#names[Symbol.asyncDispose]();
    });
  }

  async #forgetAll(): Promise<void> {
    await this.#names.stop();
    this.#names.keep(new Set());
    this.#ledger.clear();
    this.#droppedBefore = 0;
    this.#fault = '';
  }

  /** One change after the other. */
  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const done = this.#changes.then(run);
    this.#changes = done.catch(() => undefined);
    return done;
  }

  /** Hears what is to be heard, and no other link. */
  async #follow(): Promise<void> {
    const { enable, links } = this.#config;
    const before = [...this.#hearings.keys()].join();
    const wanted = enable ? links.slice(0, MAX_LINKS).filter((name) => this.#deps.isUp(name)) : [];
    for (const hearing of [...this.#hearings.values()]) {
      const { ifName, networks } = hearing;
      if (!wanted.includes(ifName) || networks !== this.#networksOf(ifName))
        await this.#end(hearing);
    }
    for (const ifName of this.#unheard.keys())
      if (!wanted.includes(ifName)) this.#unheard.delete(ifName);
    for (const ifName of wanted) {
      const networks = this.#networksOf(ifName);
      // What could not be heard as it is now is tried again after a time, not whenever others change.
      if (this.#hearings.has(ifName) || networks === '') continue;
      if (this.#unheard.get(ifName) !== networks) this.#begin(ifName);
    }
    if (this.#unheard.size === 0) this.#stopRetry();
    if ([...this.#hearings.keys()].join() !== before) this.#tell();
  }

  #networksOf(ifName: string): string {
    const all = this.#deps.networks(ifName);
    return all.map(({ address, prefixLen }) => `${formatIp(address)}/${prefixLen}`).join(' ');
  }

  #begin(ifName: string): void {
    const end = new AbortController();
    const hearing: Hearing = {
      ...{ ifName, networks: this.#networksOf(ifName), end, live: undefined },
      ...{ over: Promise.resolve(), looks: 0, droppedPackets: 0 },
    };
    this.#unheard.delete(ifName);
    this.#hearings.set(ifName, hearing);
    this.#ledger.begin(ifName);
    this.#fault = '';
    hearing.over = this.#deps.engine
      .listen(ifName, {
        ...{ rows: NO_ROWS, signal: end.signal, promiscuous: false, ringBytes: RING_BYTES },
        ...{ snapBytes: SNAP_BYTES, local: this.#deps.networks(ifName).slice(0, MAX_PREFIXES) },
        onStart: (live) => {
          hearing.live = live;
        },
        onProgress: ({ droppedPackets }) => {
          hearing.droppedPackets = droppedPackets;
          hearing.looks += 1;
          if (hearing.looks % LOOK_SEC === 0) this.#turn(hearing);
          else if (this.#news) this.#tell();
        },
      })
      .catch((thrown: unknown) => err(new SystemError(errorMessage(thrown), 'EINVAL')))
      .then((heard) => {
        hearing.live = undefined;
        this.#droppedBefore += hearing.droppedPackets;
        if (this.#hearings.get(ifName) !== hearing) return;
        // By itself: the link went away, or it could not be heard at all.
        this.#hearings.delete(ifName);
        this.#fault = heard.ok ? '' : heard.error.message;
        this.#deps.log.warn({ ifName, reason: this.#fault }, 'the LAN is not heard');
        this.#unheard.set(ifName, hearing.networks);
        this.#retry ??= this.#deps.clock.after(RETRY_MS, () => {
          this.#retry = undefined;
          this.#unheard.clear();
          this.surroundingsChanged();
        });
        this.#tell();
      });
  }

  #stopRetry(): void {
    this.#retry?.cancel();
    this.#retry = undefined;
  }

  async #end(hearing: Hearing): Promise<void> {
    this.#take(hearing);
    this.#hearings.delete(hearing.ifName);
    hearing.end.abort();
    await hearing.over;
  }

  /** What came since the last look. */
  #take({ ifName, live }: Hearing): void {
    if (live === undefined) return;
    try {
      this.#news = this.#ledger.take(ifName, live.torrents()) || this.#news;
    } catch (thrown) {
      this.#deps.log.warn({ ifName, reason: errorMessage(thrown) }, 'the engine told nothing');
    }
  }

  #turn(hearing: Hearing): void {
    this.#take(hearing);
    const { keepSec } = this.#config;
    const aged = this.#ledger.forget(this.#deps.clock.wallMs() - keepSec * 1000);
    // Infohashes also go for lack of room.
    const known = this.#ledger.torrents(() => undefined);
    this.#names.keep(new Set(known.map(({ infoHash }) => infoHash)));
    this.#askNames();
    if (this.#news || aged) this.#tell();
  }

  /**
   * Only for torrents that their own clients told to everybody, the newest first: others may be private, which
   * must not be looked up in the DHT (BEP 27).
   */
  #askNames(): void {
    if (!this.#config.resolveNames || this.#deps.whyNoNames() !== '') return;
    const open = this.#ledger
      .torrents(() => undefined)
      .filter(({ parts }) => parts.some(({ seen }) => seen.some((how) => OPEN.has(how))))
      .sort((a, b) => b.firstMs - a.firstMs);
    this.#names.want(open.map(({ infoHash }) => infoHash));
  }

  #tell(): void {
    this.#news = false;
    this.#looked = undefined;
    this.#deps.report(this.observed);
  }
}
