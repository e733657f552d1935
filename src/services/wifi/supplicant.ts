/** wpa_supplicant on one interface: its process, its control socket, and what it says of the network. */
import type { Clock, Timer } from '../../base/clock.ts';
import { SystemError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { Directories, Files, Processes, ProcessIdentity } from '../../os/ports.ts';
import type { DatagramSockets } from '../../os/ports-datagram.ts';
import {
  decodeScanResults,
  decodeWpaFields,
  decodeWpaWords,
  type WpaNetwork,
  wpaSsidText,
} from '../../wire/wpa-control.ts';
import { EarlierProcesses } from '../client-programs/earlier.ts';
import { Runner } from '../client-programs/runner.ts';
import type { WifiLinkObserved } from './config.ts';
import { WpaControl } from './control.ts';
import { OFF, type Station, type StationEvent, stationStep } from './machine.ts';
import { type KeyOf, renderSupplicant, type WifiWanted } from './render.ts';

export interface SupplicantDeps {
  readonly processes: Processes;
  readonly clock: Clock;
  readonly log: Log;
  readonly files: Files;
  readonly directories: Pick<Directories, 'remove'>;
  readonly sockets: DatagramSockets;
  /** Path of wpa_supplicant(8), and of its drivers the one that is used. */
  readonly program: string;
  readonly driver: string;
  /** For its configuration and sockets: `RUN_DIR/wifi`. */
  readonly folder: string;
  readonly keyOf: KeyOf;
  argumentsOf(process: ProcessIdentity): readonly string[];
  /** Something that is observed changed. */
  changed(): void;
}

/** It opens its socket some hundred milliseconds after its start, on a slow box seconds. */
const TRY_MS = 250;
const TRIES = 120;
const WELL_MS = 5000;
const GONE_MS = 4000;
const SIGNAL_MS = 30_000;
const SCAN_MS = 20_000;

/** wpa_state of STATUS (defs.h of wpa_supplicant) as an event of the machine. */
const STATES: Readonly<Record<string, StationEvent>> = {
  DISCONNECTED: { type: 'searches' },
  INACTIVE: { type: 'searches' },
  SCANNING: { type: 'searches' },
  AUTHENTICATING: { type: 'joins' },
  ASSOCIATING: { type: 'joins' },
  ASSOCIATED: { type: 'joins' },
  '4WAY_HANDSHAKE': { type: 'joins' },
  GROUP_HANDSHAKE: { type: 'joins' },
  COMPLETED: { type: 'joined' },
};

const REFUSED = 'the access point does not let it in';
const REFUSALS: Readonly<Record<string, string>> = {
  WRONG_KEY: 'the password is not the right one',
};

export class Supplicant {
  readonly #deps: SupplicantDeps;
  readonly #ifName: string;
  readonly #configPath: string;
  readonly #args: readonly string[];
  readonly #earlier: EarlierProcesses;
  readonly #runner: Runner;
  #control: WpaControl | undefined;
  #station: Station = OFF;
  #link: WifiLinkObserved | undefined;
  #country: string | undefined;
  #wanted: WifiWanted = { profiles: [], country: undefined };
  #written: string | undefined;
  /** What it was made of. */
  #asked: string | undefined;
  /** What the process that runs was started with. */
  #running: string | undefined;
  #fault: string | undefined;
  #restarts = 0;
  #tries = 0;
  #again: Timer | undefined;
  #well: Timer | undefined;
  #poll: Timer | undefined;
  /** It is being asked how it stands; `stale`: and must be asked once more. */
  #refreshing = false;
  #stale = false;
  #scanning: ((done: Result<void, SystemError>) => void)[] = [];
  #idle: (() => void) | undefined;

  constructor(deps: SupplicantDeps, ifName: string) {
    const { clock, log, processes, program, driver, folder } = deps;
    this.#deps = deps;
    this.#ifName = ifName;
    this.#configPath = `${folder}/${ifName}.conf`;
    this.#args = ['-i', ifName, '-D', driver, '-c', this.#configPath];
    this.#earlier = new EarlierProcesses(deps, {
      ...{ file: program, args: this.#args, configPath: this.#configPath, end: 'SIGTERM' },
    });
    this.#runner = new Runner({
      ...{ clock, log, processes, file: program },
      program: { renew: 'restart', release: 'SIGTERM', releaseMs: 0, end: 'SIGTERM' },
      arguments: () => this.#args,
      mayRelease: () => false,
      started: () => this.#started(),
      exited: (unwanted) => {
        if (unwanted) this.#restarts += 1;
        this.#forget();
        // What comes of it is known when the runner has heard of it, too.
        queueMicrotask(() => deps.changed());
      },
      over: () => this.#idle?.(),
    });
  }

  get station(): Station {
    if (this.#runner.trouble !== undefined)
      return { ...this.#station, reason: this.#runner.trouble };
    if (this.#fault !== undefined) return { ...this.#station, reason: this.#fault };
    return this.#runner.state === 'Backoff'
      ? { ...this.#station, reason: 'wpa_supplicant ended; it is started again' }
      : this.#station;
  }

  get link(): WifiLinkObserved | undefined {
    return this.#link;
  }

  get country(): string | undefined {
    return this.#country;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** Makes it run with these networks; without any it can search. */
  async run(wanted: WifiWanted): Promise<Result<void, SystemError>> {
    const { files, folder, keyOf } = this.#deps;
    this.#wanted = wanted;
    // A key is 4,096 rounds of PBKDF2 on the thread that serves everybody.
    const asked = JSON.stringify(wanted);
    const known = asked === this.#asked ? this.#written : undefined;
    const text = known ?? renderSupplicant(wanted, folder, keyOf);
    if (this.#written !== text) {
      // Before the file is another: what runs by the old one is taken over only if it is the same.
      if (this.#written === undefined) await this.#adopt(text);
      const written = files.writeAtomic(this.#configPath, text, 0o600);
      if (!written.ok) return written;
      this.#written = text;
    }
    this.#asked = asked;
    const stale = this.#running !== undefined && this.#running !== text;
    this.#runner.tell({ type: stale ? 'restart' : 'start' });
    return ok(undefined);
  }

  /** The interface is not there now. */
  absent(): void {
    this.#runner.tell({ type: 'gone' });
  }

  /** Ends it; the configuration, which holds the key, goes. */
  async stop(): Promise<void> {
    const { clock, directories } = this.#deps;
    if (this.#written === undefined) await this.#adopt(undefined);
    if (this.#runner.state !== 'Off') {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#idle = resolve;
      const timer = clock.after(GONE_MS, resolve);
      this.#runner.tell({ type: 'stop', release: false });
      await promise;
      timer.cancel();
      this.#idle = undefined;
    }
    this.#written = undefined;
    directories.remove(this.#configPath);
  }

  /** Lets go; it runs on for the next daemon. */
  close(): void {
    this.#earlier.close();
    this.#forget();
    this.#runner.close();
  }

  /** What is on the air, the strongest first. EAGAIN while it does not run yet, ETIMEDOUT. */
  async scan(): Promise<Result<readonly WpaNetwork[], SystemError>> {
    const asked = await this.#ask('SCAN');
    if (!asked.ok) return asked;
    if (asked.value !== 'OK' && asked.value !== 'FAIL-BUSY') {
      return err(new SystemError(`a search was refused: ${asked.value}`, 'EIO'));
    }
    const { promise, resolve } = Promise.withResolvers<Result<void, SystemError>>();
    this.#scanning.push(resolve);
    const late = this.#deps.clock.after(SCAN_MS, () =>
      resolve(err(new SystemError('the radio did not end its search in time', 'ETIMEDOUT'))),
    );
    const done = await promise;
    late.cancel();
    this.#scanning = this.#scanning.filter((one) => one !== resolve);
    if (!done.ok) return done;
    const results = await this.#ask('SCAN_RESULTS');
    if (!results.ok) return results;
    const decoded = decodeScanResults(results.value);
    return decoded.ok ? ok(decoded.value.networks) : err(new SystemError(decoded.error, 'EBADMSG'));
  }

  #ask(command: string): Promise<Result<string, SystemError>> {
    return (
      this.#control?.ask(command) ??
      Promise.resolve(err(new SystemError('wpa_supplicant is not ready yet', 'EAGAIN')))
    );
  }

  /** With `text` undefined nothing of it may run. */
  async #adopt(text: string | undefined): Promise<void> {
    const earlier = this.#earlier.take(text);
    if (earlier !== undefined) {
      const { child, args } = earlier;
      const { pid } = child.identity;
      this.#deps.log.info({ pid, interface: this.#ifName }, 'Wi-Fi station taken over');
      this.#running = text;
      this.#runner.adopt(child, args);
      this.#attachSoon();
    }
    // Two on one radio take it from one another.
    await this.#earlier.gone();
  }

  #started(): void {
    this.#running = this.#written;
    this.#fault = undefined;
    this.#well?.cancel();
    this.#well = this.#deps.clock.after(WELL_MS, () => this.#runner.tell({ type: 'healthy' }));
    this.#attachSoon();
  }

  #attachSoon(): void {
    this.#tell({ type: 'started' });
    this.#tries = 0;
    this.#attach();
  }

  #attach(): void {
    const { sockets, clock, folder } = this.#deps;
    const control = new WpaControl({
      ...{ sockets, clock, own: `${folder}/own-${this.#ifName}` },
      server: `${folder}/${this.#ifName}`,
      event: (name, rest) => this.#event(name, rest),
      failed: (error) => this.#lost(error),
    });
    const opened = control.open();
    if (!opened.ok) {
      this.#lost(opened.error);
      return;
    }
    this.#control = control;
    void control.ask('ATTACH').then((attached) => {
      if (this.#control !== control) return;
      if (attached.ok && attached.value === 'OK') {
        this.#tries = 0;
        this.#fault = undefined;
        this.#refresh();
      } else this.#lost(new SystemError('wpa_supplicant tells nothing', 'EIO'));
    });
  }

  /** It is not there yet, or any more. */
  #lost(error: SystemError): void {
    this.#control?.close();
    this.#control = undefined;
    this.#tries += 1;
    if (this.#tries === TRIES) {
      this.#fault = `its control socket: ${error.message}`;
      this.#deps.changed();
    }
    const wait = this.#tries < TRIES ? TRY_MS : SIGNAL_MS;
    this.#again?.cancel();
    this.#again = this.#deps.clock.after(wait, () => this.#attach());
  }

  /** Whatever belonged to the process. */
  #forget(): void {
    for (const timer of [this.#again, this.#well, this.#poll]) timer?.cancel();
    this.#control?.close();
    this.#control = undefined;
    this.#running = undefined;
    this.#link = undefined;
    this.#scanned(err(new SystemError('wpa_supplicant ended', 'ENOTCONN')));
    this.#station = stationStep(this.#station, { type: 'ended' });
  }

  #tell(event: StationEvent): void {
    const before = this.#station;
    this.#station = stationStep(before, event);
    if (before.state === this.#station.state && before.reason === this.#station.reason) return;
    const { state, reason } = this.#station;
    this.#deps.log.info(
      { interface: this.#ifName, ...(reason === undefined ? {} : { reason }) },
      `station: ${before.state} → ${state}`,
    );
    this.#deps.changed();
  }

  #event(name: string, rest: string): void {
    const words = decodeWpaWords(rest);
    switch (name) {
      case 'CTRL-EVENT-SCAN-RESULTS':
        this.#scanned(ok(undefined));
        break;
      case 'CTRL-EVENT-SCAN-FAILED':
        this.#scanned(err(new SystemError('the radio could not search', 'EIO')));
        break;
      case 'CTRL-EVENT-NETWORK-NOT-FOUND':
        this.#tell({ type: 'absent' });
        break;
      case 'CTRL-EVENT-SSID-TEMP-DISABLED':
        this.#tell({ type: 'refused', reason: REFUSALS[words.get('reason') ?? ''] ?? REFUSED });
        break;
      case 'CTRL-EVENT-ASSOC-REJECT':
      case 'CTRL-EVENT-AUTH-REJECT': {
        const code = /^\d{1,5}$/.exec(words.get('status_code') ?? '')?.[0] ?? 'unknown';
        this.#tell({ type: 'refused', reason: `${REFUSED} (status ${code} of IEEE 802.11)` });
        break;
      }
      case 'CTRL-EVENT-REGDOM-CHANGE':
        this.#keepsTo(words.get('alpha2'));
        this.#deps.changed();
        break;
      case '':
      case 'SME':
      case 'WPA':
      case 'CTRL-EVENT-CONNECTED':
      case 'CTRL-EVENT-DISCONNECTED':
        this.#refresh();
        break;
      default:
    }
  }

  #scanned(how: Result<void, SystemError>): void {
    for (const done of this.#scanning.splice(0)) done(how);
  }

  /** Asks how it stands: after events, and from time to time for the signal. Once more after all that come meanwhile. */
  #refresh(): void {
    this.#poll?.cancel();
    this.#poll = this.#deps.clock.after(SIGNAL_MS, () => this.#refresh());
    this.#stale = true;
    if (this.#refreshing) return;
    this.#refreshing = true;
    void (async () => {
      while (this.#stale) {
        this.#stale = false;
        await this.#look();
      }
      this.#refreshing = false;
    })();
  }

  async #look(): Promise<void> {
    const control = this.#control;
    if (control === undefined) return;
    const status = await control.ask('STATUS');
    if (!status.ok || this.#control !== control) return;
    const fields = decodeWpaFields(status.value);
    const event = STATES[fields.get('wpa_state') ?? ''];
    const joined = event?.type === 'joined';
    const signal = joined ? await control.ask('SIGNAL_POLL') : status;
    // Events of the country come before anybody listens.
    const driver = await control.ask('STATUS-DRIVER');
    if (this.#control !== control) return;
    this.#link = joined
      ? this.#linkOf(fields, signal.ok ? decodeWpaFields(signal.value) : new Map())
      : undefined;
    if (driver.ok) this.#keepsTo(decodeWpaFields(driver.value).get('country'));
    if (event !== undefined) this.#tell(event);
    this.#deps.changed();
  }

  /** The world (00) and other names that are no country's say nothing. */
  #keepsTo(country: string | undefined): void {
    this.#country = /^[A-Z]{2}$/.exec(country ?? '')?.[0] ?? this.#country;
  }

  #linkOf(
    status: ReadonlyMap<string, string>,
    signal: ReadonlyMap<string, string>,
  ): WifiLinkObserved {
    const bssid = status.get('bssid') ?? '';
    return {
      ssid: wpaSsidText(status.get('ssid') ?? '') ?? '',
      bssid: /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(bssid) ? bssid : '',
      frequencyMhz: whole(signal.get('FREQUENCY')) ?? whole(status.get('freq')) ?? 0,
      keyManagement: /^[A-Za-z0-9/+. -]{1,32}$/.exec(status.get('key_mgmt') ?? '')?.[0] ?? '',
      profile: this.#wanted.profiles[whole(status.get('id')) ?? -1]?.id,
      signalDbm: whole(signal.get('RSSI')),
      linkSpeedMbps: whole(signal.get('LINKSPEED')),
    };
  }
}

const whole = (text: string | undefined): number | undefined =>
  text !== undefined && /^-?\d{1,6}$/.test(text) ? Number(text) : undefined;
