import { SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { Directories, Link } from '../../os/ports.ts';
import type {
  WifiConfig,
  WifiInterfaceObserved,
  WifiObserved,
  WifiRadioConfig,
  WifiScan,
} from './config.ts';
import { OFF } from './machine.ts';
import { profileFault, type WifiWanted } from './render.ts';
import { rfkillText } from './rfkill.ts';
import { Supplicant, type SupplicantDeps } from './supplicant.ts';

export interface WifiDeps extends Omit<SupplicantDeps, 'changed' | 'directories'> {
  readonly directories: Pick<Directories, 'remove' | 'list'>;
  links(): readonly Link[];
  /** Name of the radio below a kernel interface, such as phy0; undefined where it is none of Wi-Fi. */
  phyOf(ifName: string): string | undefined;
  report(observed: WifiObserved): void;
}

const RFKILL = '/dev/rfkill';
/** For so long a search by hand keeps a radio awake that has no network to join. */
const SEARCH_MS = 60_000;
const READY_MS = 500;
const READY_TRIES = 40;

/** Joins networks as a station (IEEE 802.11): one wpa_supplicant for each interface that has one to join. */
export class WifiService implements AsyncDisposable {
  readonly #deps: WifiDeps;
  readonly #supplicants = new Map<string, Supplicant>();
  /** Interface → radio; looked up again when links come and go. */
  #phys: ReadonlyMap<string, string> = new Map();
  #seen = '';
  #config: WifiConfig | undefined;
  #faults: ReadonlyMap<string, string> = new Map();
  /** Interfaces on which nothing of an earlier daemon runs. */
  readonly #swept = new Set<string>();
  readonly #searches = new Map<string, { cancel(): void }>();
  #running: Promise<void> | undefined;
  #again = false;
  #closed = false;

  constructor(deps: WifiDeps) {
    this.#deps = deps;
    this.#lookForRadios();
  }

  /** Makes `config` the whole truth; gives what could not be done. */
  async apply(config: WifiConfig): Promise<readonly string[]> {
    this.#config = config;
    await this.#work();
    return [...this.#faults].map(([ifName, fault]) => `${ifName}: ${fault}`);
  }

  linksChanged(): void {
    if (this.#lookForRadios()) void this.#work();
  }

  get observed(): WifiObserved {
    return {
      interfaces: [...this.#phys].map(([ifName, phy]): WifiInterfaceObserved => {
        const supplicant = this.#supplicants.get(ifName);
        const { state, reason } = supplicant?.station ?? OFF;
        const blocked = this.#blockOf(phy);
        const silent =
          blocked === undefined || state === 'off'
            ? undefined
            : `the radio is switched off ${blocked === 'hard' ? 'by a switch' : '(rfkill)'}`;
        return {
          ...{ ifName, phy, blocked, state, link: supplicant?.link, country: supplicant?.country },
          reason: this.#faults.get(ifName) ?? silent ?? reason,
          restarts: supplicant?.restarts ?? 0,
        };
      }),
      profileFaults: new Map(
        (this.#config?.endPoints ?? [])
          .flatMap(({ profiles }) => profiles)
          .flatMap((profile) => {
            const fault = profileFault(profile);
            return fault === undefined ? [] : [[profile.id, fault] as const];
          }),
      ),
    };
  }

  /** What is on the air. Without a network to join, wpa_supplicant is started for it, and ended later. */
  async scan(ifName: string | undefined): Promise<Result<readonly WifiScan[], SystemError>> {
    const names = [...this.#phys.keys()].filter((name) => ifName === undefined || name === ifName);
    if (names.length === 0) {
      return err(
        new SystemError(ifName === undefined ? NO_RADIO : `${ifName} is no Wi-Fi`, 'ENODEV'),
      );
    }
    const found: WifiScan[] = [];
    for (const name of names) {
      if (this.#radioOf(name)?.enable === false) {
        if (names.length > 1) continue;
        return err(new SystemError(`the radio of ${name} is off (Enable is false)`, 'ENETDOWN'));
      }
      this.#searches.get(name)?.cancel();
      this.#searches.set(
        name,
        this.#deps.clock.after(SEARCH_MS, () => {
          this.#searches.delete(name);
          void this.#work();
        }),
      );
      await this.#work();
      const networks = await this.#scanned(name);
      if (!networks.ok) return networks;
      found.push({ ifName: name, networks: networks.value });
    }
    return ok(found);
  }

  /** Lets go: what joined stays joined, for the next daemon. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const timer of this.#searches.values()) timer.cancel();
    await this.#running;
    for (const supplicant of this.#supplicants.values()) supplicant.close();
  }

  async #scanned(name: string): ReturnType<Supplicant['scan']> {
    const { clock } = this.#deps;
    for (let i = 0; ; i += 1) {
      const supplicant = this.#supplicants.get(name);
      const networks = await supplicant?.scan();
      if (networks === undefined) {
        return err(new SystemError(this.#faults.get(name) ?? `${name} is gone`, 'ENODEV'));
      }
      if (networks.ok || networks.error.code !== 'EAGAIN' || i >= READY_TRIES) return networks;
      await new Promise<void>((resolve) => clock.after(READY_MS, resolve));
    }
  }

  /** One pass at a time; the last wish always arrives. */
  async #work(): Promise<void> {
    if (this.#config === undefined || this.#closed) return;
    this.#again = true;
    this.#running ??= this.#drain();
    await this.#running;
  }

  async #drain(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false;
      await this.#pass();
      this.#report();
    }
    this.#running = undefined;
  }

  async #pass(): Promise<void> {
    const faults = new Map<string, string>();
    const known = new Set([
      ...this.#phys.keys(),
      ...(this.#config?.radios ?? []).map(({ ifName }) => ifName),
    ]);
    for (const ifName of known) {
      const phy = this.#phys.get(ifName);
      if (phy !== undefined) this.#switch(ifName, phy);
      const wanted = this.#wantedOf(ifName);
      const held = this.#supplicants.get(ifName);
      if (wanted === undefined) {
        // One that an earlier daemon left goes, too.
        if (held !== undefined || !this.#swept.has(ifName)) {
          await (held ?? this.#make(ifName)).stop();
        }
        this.#swept.add(ifName);
        this.#supplicants.delete(ifName);
        continue;
      }
      const supplicant = held ?? this.#make(ifName);
      this.#supplicants.set(ifName, supplicant);
      if (phy === undefined) {
        supplicant.absent();
        continue;
      }
      const run = await supplicant.run(wanted);
      if (!run.ok) faults.set(ifName, run.error.message);
    }
    this.#faults = faults;
  }

  /** Undefined where nothing is to be joined, or searched. */
  #wantedOf(ifName: string): WifiWanted | undefined {
    const radio = this.#radioOf(ifName);
    if (radio?.enable === false) return undefined;
    const [first] = this.#phys.keys();
    const profiles = (this.#config?.endPoints ?? [])
      .filter((endPoint) => endPoint.enable && (endPoint.ifName ?? first) === ifName)
      .flatMap((endPoint) => endPoint.profiles)
      .filter((profile) => profile.enable && profileFault(profile) === undefined);
    if (profiles.length === 0 && !this.#searches.has(ifName)) return undefined;
    return { profiles, country: radio?.country };
  }

  #radioOf(ifName: string): WifiRadioConfig | undefined {
    return this.#config?.radios.find((radio) => radio.ifName === ifName);
  }

  #make(ifName: string): Supplicant {
    return new Supplicant({ ...this.#deps, changed: () => this.#report() }, ifName);
  }

  /** A radio that is off is silent, not merely unused; one that is wanted is not left switched off. */
  #switch(ifName: string, phy: string): void {
    const blocked = this.#blockOf(phy);
    const off = this.#radioOf(ifName)?.enable === false;
    const index = this.#rfkillOf(phy);
    const wrong = off ? blocked === undefined : blocked === 'soft' && this.#wantedOf(ifName);
    if (index === undefined || !wrong) return;
    const written = this.#deps.files.writeExisting(RFKILL, rfkillText(index, off));
    if (!written.ok) this.#deps.log.warn({ interface: ifName }, written.error.message);
  }

  #rfkillOf(phy: string): number | undefined {
    const names = this.#deps.directories.list(`/sys/class/ieee80211/${phy}`);
    const name = names.ok
      ? names.value.find((one) => /^rfkill(\d{1,2}|1[01]\d|12[0-7])$/.test(one))
      : undefined;
    return name === undefined ? undefined : Number(name.slice('rfkill'.length));
  }

  #blockOf(phy: string): 'hard' | 'soft' | undefined {
    const index = this.#rfkillOf(phy);
    if (index === undefined) return undefined;
    const says = (what: string): boolean => {
      const text = this.#deps.files.readText(`/sys/class/rfkill/rfkill${index}/${what}`);
      return text.ok && text.value.trim() === '1';
    };
    return says('hard') ? 'hard' : says('soft') ? 'soft' : undefined;
  }

  /** True when others are there than before. */
  #lookForRadios(): boolean {
    const links = this.#deps
      .links()
      .filter(({ kind, loopback }) => kind === undefined && !loopback);
    const seen = links.map(({ name, ifIndex }) => `${name} ${ifIndex}`).join();
    if (seen === this.#seen) return false;
    this.#seen = seen;
    this.#phys = new Map(
      links.flatMap(({ name }) => {
        const phy = this.#deps.phyOf(name);
        return phy === undefined ? [] : [[name, phy] as const];
      }),
    );
    this.#report();
    return true;
  }

  #report(): void {
    if (!this.#closed) this.#deps.report(this.observed);
  }
}

const NO_RADIO = 'this box has no Wi-Fi that its kernel knows';
