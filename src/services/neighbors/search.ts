/** Searches the LAN for who is there: by ARP, by echo to all IPv6 hosts, and by asking for IPv6 addresses that they are likely to have. */
import type { Clock, Timer } from '../../base/clock.ts';
import { ipv4, type Mac } from '../../base/ip.ts';
import type { IpAddress } from '../../base/ip6.ts';
import type { ArpScanner } from '../../os/ports-scan.ts';
import type { HostView, ScanConfig, ScanReport } from './config.ts';
import type { LanPort } from './port.ts';
import { guesses6, rangesOf } from './segment.ts';

export interface SearchDeps {
  readonly scanner: ArpScanner;
  readonly clock: Clock;
  random16(): number;
  hosts(): readonly HostView[];
  ports(): readonly LanPort[];
  answered(port: LanPort, mac: Mac, address: IpAddress): void;
  report(): void;
}

/** Other things come first when the daemon starts. */
const FIRST_MS = 20_000;
/** Between two bursts, so that the queue of a Wi-Fi is not filled. */
const BURST_MS = 20;
const NO_CONFIG: ScanConfig = {
  enable: false,
  intervalSec: 0,
  passes: 1,
  waitMs: 0,
  ratePerSec: 1,
};

export class Search implements AsyncDisposable {
  readonly #deps: SearchDeps;
  readonly #end = new AbortController();
  #config = NO_CONFIG;
  #next: Timer | undefined;
  #running: Promise<ScanReport> | undefined;
  #report: ScanReport = {
    ...{ running: false, endedMs: undefined, tookMs: 0, sent: 0, answered: 0, reason: '' },
  };
  /** Interface whose answers are awaited, and who answered there. */
  #awaited: { readonly name: string; readonly echoId: number } | undefined;
  readonly #who = new Set<Mac>();
  #first = true;

  constructor(deps: SearchDeps) {
    this.#deps = deps;
  }

  get report(): ScanReport {
    return this.#report;
  }

  /** Whether an answer on this interface may be one to a question of a search. */
  expects(ifName: string, echoId: number | undefined): boolean {
    const { name, echoId: own } = this.#awaited ?? {};
    return name === ifName && (echoId === undefined || echoId === own);
  }

  apply(config: ScanConfig): void {
    const { enable, intervalSec } = this.#config;
    this.#config = config;
    if (config.enable === enable && config.intervalSec === intervalSec) return;
    this.#arm();
  }

  /** Searches now, or joins the search that is under way. */
  now(): Promise<ScanReport> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      this.#arm();
    });
    return this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    this.#next?.cancel();
    await this.#running;
  }

  #arm(): void {
    this.#next?.cancel();
    const { enable, intervalSec } = this.#config;
    if (!enable || this.#end.signal.aborted || this.#running !== undefined) return;
    const waitMs = this.#first ? Math.min(FIRST_MS, intervalSec * 1000) : intervalSec * 1000;
    this.#next = this.#deps.clock.after(waitMs, () => void this.now());
  }

  async #run(): Promise<ScanReport> {
    const { clock, ports, report } = this.#deps;
    this.#first = false;
    this.#next?.cancel();
    this.#who.clear();
    const startMs = clock.monoMs();
    let sent = 0;
    const reasons: string[] = [];
    this.#report = { ...this.#report, running: true };
    report();
    for (const port of ports()) {
      if (this.#end.signal.aborted) break;
      this.#awaited = { name: port.segment.name, echoId: this.#deps.random16() };
      const four = await this.#arp(port);
      if (typeof four === 'string') reasons.push(`${port.segment.name}: ${four}`);
      else sent += four;
      sent += await this.#solicit(port, this.#awaited.echoId);
      this.#awaited = undefined;
    }
    this.#report = {
      ...{ running: false, endedMs: clock.wallMs(), tookMs: clock.monoMs() - startMs, sent },
      ...{ answered: this.#who.size, reason: reasons.join('; ') },
    };
    report();
    return this.#report;
  }

  /** How many were asked, or why it could not be done. */
  async #arp(port: LanPort): Promise<number | string> {
    const { segment } = port;
    const ranges = rangesOf(segment);
    const [own] = segment.own4;
    if (ranges.length === 0 || own === undefined) return 0;
    const { passes, waitMs, ratePerSec } = this.#config;
    const done = await this.#deps.scanner.scan({
      ...{ ifIndex: segment.ifIndex, mac: segment.mac, source: ipv4(own.address), ranges },
      ...{ passes, waitMs, ratePerSec, signal: this.#end.signal },
      onAnswer: ({ address, mac, foreign }) => {
        // Whoever answers in the name of another MAC address is nobody.
        if (!foreign) this.#found(port, mac, address);
      },
    });
    return done.ok ? done.value.sent : done.error.message;
  }

  /** Answers come to whoever listens: `expects` tells that they are some. */
  async #solicit(port: LanPort, echoId: number): Promise<number> {
    const { segment } = port;
    if (segment.own6.length === 0) return 0;
    const { passes, waitMs, ratePerSec } = this.#config;
    const atOnce = Math.max(1, Math.floor((ratePerSec * BURST_MS) / 1000));
    const pauseMs = Math.max(BURST_MS, 1000 / ratePerSec);
    let sent = 0;
    for (let pass = 0; pass < passes; pass++) {
      sent += port.echo(echoId, pass);
      port.flush();
      const guesses = guesses6(segment, this.#deps.hosts());
      for (let i = 0; i < guesses.length; i += atOnce) {
        if (!(await this.#pause(pauseMs))) return sent;
        for (const address of guesses.slice(i, i + atOnce)) if (port.ask(address)) sent++;
        port.flush();
      }
      if (!(await this.#pause(waitMs))) return sent;
    }
    return sent;
  }

  #found(port: LanPort, mac: Mac, address: IpAddress): void {
    this.#who.add(mac);
    this.#deps.answered(port, mac, address);
  }

  /** Somebody answered a question of a search. */
  noteAnswer(mac: Mac): void {
    this.#who.add(mac);
  }

  /** False when the search shall end. */
  #pause(ms: number): Promise<boolean> {
    const { signal } = this.#end;
    return new Promise((resolve) => {
      const timer = this.#deps.clock.after(ms, () => {
        signal.removeEventListener('abort', stop);
        resolve(true);
      });
      const stop = (): void => {
        timer.cancel();
        resolve(false);
      };
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop, { once: true });
    });
  }
}
