/**
 * Who has which address, and who only says so. A second claim to an address is not believed or
 * blamed for what it is: both are asked, and what they answer decides. So a spare router that takes
 * over, an address that was lent to another and a proxy are no alarm; two that answer, or one that
 * claims and does not answer, are. Pure.
 */
import type { Mac } from '../../base/ip.ts';
import type { IpAddress } from '../../base/ip6.ts';
import type { ConflictKind } from './config.ts';
import { placeKey } from './host.ts';

export interface Claim {
  readonly ifName: string;
  readonly address: IpAddress;
  readonly mac: Mac;
  /** Told to all without a question. */
  readonly announced: boolean;
  /** It is known to be there: nobody else comes to have an address by only saying so. */
  readonly known: boolean;
}

export interface Verdict {
  readonly kind: ConflictKind | 'Moved' | 'Proxy';
  readonly ifName: string;
  readonly address: IpAddress;
  /** Who claims it. */
  readonly mac: Mac;
  /** Who has, or had it; undefined where it is the box's own. */
  readonly other: Mac | undefined;
  /** For people. */
  readonly reason: string;
}

export interface GuardAround {
  /** The box's own address on this interface. */
  isOwn(ifName: string, address: IpAddress): boolean;
  isGateway(address: IpAddress): boolean;
  /** Two MAC addresses of one device: its answers through both are no conflict. */
  sameDevice(a: Mac, b: Mac): boolean;
  /** An address of the network that nobody is known to have; whoever answers for it answers for all. */
  unused(ifName: string, address: IpAddress): IpAddress | undefined;
}

export interface GuardStep {
  readonly probes: readonly { readonly ifName: string; readonly address: IpAddress }[];
  readonly verdicts: readonly Verdict[];
  /** Monotonic; Infinity for never. */
  readonly nextMs: number;
}

interface Contest {
  readonly mac: Mac;
  readonly endMs: number;
  askAgainMs: number;
  announced: boolean;
  readonly unused: IpAddress | undefined;
  readonly answered: Set<Mac>;
  /** It answered for an address that nobody has. */
  proxy: boolean;
}

interface Entry {
  readonly ifName: string;
  readonly address: IpAddress;
  mac: Mac;
  contest: Contest | undefined;
  /** No other contest before this. */
  quietUntilMs: number;
  /** It claimed the address, and did not answer for it. */
  suspect: Mac | undefined;
  /** Who had it before, as routers that stand in for each other take turns. */
  readonly formers: Set<Mac>;
}

const MAX_ENTRIES = 4096;
const MAX_CONTESTS = 16;
const MAX_FORMERS = 8;
/** How long both are listened to, and when they are asked a second time. */
const CONTEST_MS = 3000;
const ASK_AGAIN_MS = 1000;
/** After a contest nobody is asked about the address for so long, whoever claims it. */
const PAUSE_MS = 5000;
/** After an alarm, or where a proxy answers. */
const QUIET_MS = 60_000;

export class Guard {
  readonly #around: GuardAround;
  readonly #entries = new Map<string, Entry>();
  readonly #contests = new Set<Entry>();
  readonly #probes: { readonly ifName: string; readonly address: IpAddress }[] = [];
  readonly #verdicts: Verdict[] = [];
  readonly #ownQuiet = new Map<string, number>();
  /** Claims that were not looked into, since too many were under way. */
  overlooked = 0;

  constructor(around: GuardAround) {
    this.#around = around;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** True when it is the one that has the address, as far as is known. */
  claim({ ifName, address, mac, announced, known }: Claim, nowMs: number): boolean {
    if (this.#around.isOwn(ifName, address)) {
      this.#ownClaimed(ifName, address, mac, nowMs);
      return false;
    }
    this.#answersForUnused(ifName, address, mac);
    const key = placeKey(ifName, address);
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      if (known) this.#add(key, { ifName, address, mac });
      return true;
    }
    const { contest } = entry;
    if (contest !== undefined) {
      if (!announced && (mac === entry.mac || mac === contest.mac)) contest.answered.add(mac);
      if (announced && mac === contest.mac) contest.announced = true;
      return mac === entry.mac;
    }
    if (mac === entry.mac) return true;
    if (nowMs < entry.quietUntilMs || this.#around.sameDevice(mac, entry.mac)) return false;
    if (this.#contests.size >= MAX_CONTESTS) {
      this.overlooked++;
      return false;
    }
    this.#open(entry, mac, announced, nowMs);
    return false;
  }

  /** The kernel has found out itself who has it now; for gateways of networks that are not listened to. */
  gateway(ifName: string, address: IpAddress, mac: Mac): void {
    const key = placeKey(ifName, address);
    const entry = this.#entries.get(key);
    if (entry === undefined) this.#add(key, { ifName, address, mac });
    else if (entry.mac !== mac && entry.contest === undefined) this.#move(entry, mac);
  }

  step(nowMs: number): GuardStep {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const entry of this.#contests) {
      const { contest } = entry;
      if (contest === undefined) continue;
      if (contest.endMs <= nowMs) {
        this.#judge(entry, contest, nowMs);
        continue;
      }
      if (contest.askAgainMs <= nowMs) {
        contest.askAgainMs = Number.POSITIVE_INFINITY;
        this.#ask(entry, contest);
      }
      nextMs = Math.min(nextMs, contest.endMs, contest.askAgainMs);
    }
    return { probes: this.#probes.splice(0), verdicts: this.#verdicts.splice(0), nextMs };
  }

  #add(key: string, { ifName, address, mac }: Pick<Claim, 'ifName' | 'address' | 'mac'>): void {
    if (this.#entries.size >= MAX_ENTRIES) {
      for (const [oldest, { contest }] of this.#entries) {
        if (contest !== undefined) continue;
        this.#entries.delete(oldest);
        break;
      }
    }
    this.#entries.set(key, {
      ...{ ifName, address, mac, contest: undefined, suspect: undefined },
      ...{ quietUntilMs: Number.NEGATIVE_INFINITY, formers: new Set() },
    });
  }

  #ownClaimed(ifName: string, address: IpAddress, mac: Mac, nowMs: number): void {
    const key = placeKey(ifName, address);
    if (nowMs < (this.#ownQuiet.get(key) ?? Number.NEGATIVE_INFINITY)) return;
    this.#ownQuiet.set(key, nowMs + QUIET_MS);
    const reason = 'it says to have the address of this router';
    this.#verdicts.push({ kind: 'OwnAddress', ifName, address, mac, other: undefined, reason });
  }

  #answersForUnused(ifName: string, address: IpAddress, mac: Mac): void {
    for (const { ifName: at, contest } of this.#contests) {
      if (contest?.unused === address && at === ifName && contest.mac === mac) contest.proxy = true;
    }
  }

  #open(entry: Entry, mac: Mac, announced: boolean, nowMs: number): void {
    const { ifName, address } = entry;
    entry.contest = {
      ...{ mac, announced, endMs: nowMs + CONTEST_MS, askAgainMs: nowMs + ASK_AGAIN_MS },
      ...{ unused: this.#around.unused(ifName, address), answered: new Set(), proxy: false },
    };
    this.#contests.add(entry);
    this.#ask(entry, entry.contest);
  }

  #ask({ ifName, address }: Entry, { unused }: Contest): void {
    this.#probes.push({ ifName, address });
    if (unused !== undefined) this.#probes.push({ ifName, address: unused });
  }

  #judge(entry: Entry, contest: Contest, nowMs: number): void {
    const { ifName, address, mac: other } = entry;
    const { mac, answered, announced, proxy } = contest;
    this.#contests.delete(entry);
    entry.contest = undefined;
    entry.quietUntilMs = nowMs + PAUSE_MS;
    const tell = (kind: Verdict['kind'], reason: string): void => {
      entry.quietUntilMs = nowMs + QUIET_MS;
      this.#verdicts.push({ kind, ifName, address, mac, other, reason });
    };
    const suspected = entry.suspect === mac;
    entry.suspect = undefined;
    if (answered.has(mac) && answered.has(other)) {
      if (proxy && !announced) {
        tell('Proxy', 'it answers for every address, as a proxy does');
      } else if (this.#hasAnother(entry, mac)) {
        tell('Spoof', 'it answers for an address that another has, beside its own');
      } else {
        tell('Duplicate', 'both answer when they are asked who has it');
      }
    } else if (answered.has(other)) {
      // It may have given way (RFC 5227 §2.4): it is judged by its next claim.
      if (suspected) tell('Spoof', 'it says again to have the address, and does not answer for it');
      entry.suspect = mac;
    } else if (answered.has(mac)) {
      this.#move(entry, mac);
    }
  }

  #move(entry: Entry, mac: Mac): void {
    const { ifName, address, mac: other } = entry;
    entry.mac = mac;
    // Who stood in for it before was told of then.
    const gateway = this.#around.isGateway(address) && !entry.formers.has(mac);
    if (entry.formers.size < MAX_FORMERS) entry.formers.add(other);
    const kind = gateway ? 'GatewayChange' : 'Moved';
    const reason = gateway
      ? 'the gateway answers with another MAC address than before'
      : 'whoever had it no longer answers';
    this.#verdicts.push({ kind, ifName, address, mac, other, reason });
  }

  #hasAnother(entry: Entry, mac: Mac): boolean {
    const four = typeof entry.address === 'number';
    for (const one of this.#entries.values()) {
      if (one !== entry && one.mac === mac && (typeof one.address === 'number') === four)
        return true;
    }
    return false;
  }
}
