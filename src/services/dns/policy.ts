/**
 * Who may ask for what: one decision for a name, a type and a client. From the first that speaks:
 *
 * 1. what was allowed or blocked for a while
 * 2. the owner's answers (rewrites)
 * 3. a pause
 * 4. the group's bedtime
 * 5. the rules of the group's lists, while they apply: important allow, important block, allow, block
 * 6. safe search
 *
 * The engine is told as much of it as it can know, so that what it answers alone is the same.
 */
import type { Clock } from '../../base/clock.ts';
import type { IpAddress } from '../../base/ip6.ts';
import type { DnsEngine, EngineGroup, EnginePolicy } from '../../os/ports-dns.ts';
import { type DnsName, encodeName } from '../../wire/dns-name.ts';
import { ClientGroups, type HostFacts } from './clients.ts';
import { type Decision, type DnsAsk, redirected, rewritten } from './decision.ts';
import { judge, type ListsView } from './judge.ts';
import { OWN_PLACE } from './lists/rule.ts';
import { SideRules } from './lists/side-rules.ts';
import { newestFor, type Override, Overrides } from './overrides.ts';
import type { GroupConfig, PolicyConfig, RewriteConfig } from './policy-config.ts';
import { Rewrites } from './rewrites.ts';
import { safeSearchOf } from './safe-search.ts';
import { isDuring, type LocalTime, minutesToChange } from './schedule.ts';

/** What was made of the lists: the engine has its hashes, this is the rest. */
export interface CompiledLists {
  /** By their places in the compiled file; the first stands for the owner's rewrites. */
  readonly lists: readonly { readonly id: string; readonly name: string }[];
  readonly side: SideRules;
  /** `rewriteKey` of the rewrites whose names are in the file. */
  readonly rewriteKey: string;
}

export interface PolicyDeps {
  readonly engine: Pick<DnsEngine, 'match'>;
  readonly clock: Clock;
  /** Of Unix ms. */
  readonly localTime: (wallMs: number) => LocalTime;
  /** What the box answers of itself: it resolves in offline hours, too. */
  readonly isLocal: (ask: DnsAsk) => boolean;
}

/** Its part of the engine's policy, and when it is to be asked for again: ms from now, Infinity for never. */
export interface PolicyForEngine
  extends Pick<EnginePolicy, 'generation' | 'groups' | 'clients' | 'defaultGroup'> {
  readonly changesInMs: number;
}

const EMPTY_POLICY: PolicyConfig = {
  lists: [],
  groups: [],
  defaultGroup: undefined,
  rewrites: [],
  blockTtlSec: 60,
};
const NOTHING_COMPILED: CompiledLists = { lists: [], side: new SideRules(), rewriteKey: '' };

/** Each has two numbers with the engine, and those without a group have two: 64 in all. */
const MAX_GROUPS = 31;
const OWN_BIT = 1n << BigInt(OWN_PLACE);
/** A change of the clock or of daylight saving is noticed after so long. */
const LOOK_AGAIN_MS = 15 * 60_000;
const MINUTE_MS = 60_000;

/** Tells whether the names of these rewrites are in a compiled file. */
export const rewriteKey = (rewrites: readonly RewriteConfig[]): string =>
  rewrites
    .filter(({ enable }) => enable)
    .map(({ name, wildcard }) => `${wildcard ? '*.' : ''}${name}`)
    .sort()
    .join(' ');

export class Policy {
  readonly #deps: PolicyDeps;
  readonly #overrides = new Overrides();
  #config: PolicyConfig = EMPTY_POLICY;
  #compiled: CompiledLists = NOTHING_COMPILED;
  #rewrites = new Rewrites([]);
  #rewriteKey = '';
  #clients = new ClientGroups([], []);
  #hosts: readonly HostFacts[] = [];
  #hostOf = new Map<IpAddress, HostFacts>();
  /** Masks of the groups' lists. */
  #masks: readonly bigint[] = [];
  #defaultGroup: number | undefined;
  #generation = 1;
  /** What depends on the time: of the generation. */
  #timely = '';

  constructor(deps: PolicyDeps) {
    this.#deps = deps;
  }

  /** At most `MAX_GROUPS` groups count. */
  apply(config: PolicyConfig): void {
    this.#config = { ...config, groups: config.groups.slice(0, MAX_GROUPS) };
    this.#rewrites = new Rewrites(config.rewrites);
    this.#rewriteKey = rewriteKey(config.rewrites);
    const at = this.#config.groups.findIndex(({ id }) => id === config.defaultGroup);
    this.#defaultGroup = at < 0 ? undefined : at;
    this.#clients = new ClientGroups(this.#config.groups, this.#hosts);
    this.#findMasks();
  }

  /** What the engine has loaded. */
  useLists(compiled: CompiledLists): void {
    this.#compiled = compiled;
    this.#findMasks();
  }

  /** Nothing that was decided changes by it, only who is whom. */
  useHosts(hosts: readonly HostFacts[]): void {
    this.#hosts = hosts;
    this.#hostOf = new Map(hosts.flatMap((host) => host.addresses.map((one) => [one, host])));
    this.#clients = new ClientGroups(this.#config.groups, hosts);
  }

  #findMasks(): void {
    const bits = new Map(this.#compiled.lists.map(({ id }, place) => [id, 1n << BigInt(place)]));
    const enabled = new Set(this.#config.lists.filter((list) => list.enable).map(({ id }) => id));
    this.#masks = this.#config.groups.map(({ lists }) =>
      lists.reduce((mask, id) => mask | (enabled.has(id) ? (bits.get(id) ?? 0n) : 0n), 0n),
    );
    this.#generation += 1;
  }

  // ---- for a while ---------------------------------------------------------------------------

  /** Rules do not hold for the client, or for anybody, for `ms`. */
  pause(client: IpAddress | undefined, ms: number): Override {
    return this.#override('pause', undefined, client, ms);
  }

  /** The name and all below it pass, whatever says otherwise. */
  allow(name: DnsName, client: IpAddress | undefined, ms: number): Override {
    return this.#override('allow', name, client, ms);
  }

  block(name: DnsName, client: IpAddress | undefined, ms: number): Override {
    return this.#override('block', name, client, ms);
  }

  #override(
    kind: Override['kind'],
    name: DnsName | undefined,
    client: IpAddress | undefined,
    ms: number,
  ): Override {
    const untilMs = this.#deps.clock.boottimeMs() + ms;
    return this.#overrides.add({ kind, name, client, untilMs });
  }

  /** Ends it early; false when there is none of that id. */
  endOverride(id: number): boolean {
    return this.#overrides.remove(id);
  }

  get overrides(): readonly Override[] {
    return this.#overrides.at(this.#deps.clock.boottimeMs());
  }

  // ---- decisions -----------------------------------------------------------------------------

  /** `ask.name` is in lower case. */
  decide(ask: DnsAsk, client: IpAddress): Decision {
    const overrides = this.overrides;
    const place = this.#placeOf(client);
    const group = place === undefined ? undefined : this.#config.groups[place];
    const { blockTtlSec } = this.#config;
    const blockMode = group?.blockMode ?? 'zero';
    const said = newestFor(overrides, ['allow', 'block'], client, ask.name);
    if (said !== undefined) {
      const by = { kind: 'override', override: said } as const;
      const shared = said.client === undefined && !hasOwn(overrides, client);
      return said.kind === 'allow'
        ? { kind: 'allow', by, shared }
        : { kind: 'block', by, shared, mode: blockMode, ttlSec: blockTtlSec };
    }
    const rewrite = this.#rewrites.of(ask.name, group?.id);
    if (rewrite !== undefined && !rewrite.answers.some(({ kind }) => kind === 'pass')) {
      return rewritten(ask, rewrite.answers, rewrite.ttlSec, { kind: 'rewrite', rewrite }, true);
    }
    const shared = !hasOwn(overrides, client);
    const paused = newestFor(overrides, ['pause'], client, ask.name);
    if (paused !== undefined) {
      return { kind: 'allow', by: { kind: 'override', override: paused }, shared };
    }
    if (group === undefined || place === undefined) return { kind: 'pass', shared };
    const now = this.#now();
    const isOff = group.offlineDuring !== undefined && isDuring(group.offlineDuring, now);
    if (isOff && !this.#deps.isLocal(ask)) {
      const by = { kind: 'offline', group: group.name } as const;
      return { kind: 'block', by, shared, mode: blockMode, ttlSec: blockTtlSec };
    }
    if (group.filterDuring !== undefined && !isDuring(group.filterDuring, now)) {
      return { kind: 'pass', shared };
    }
    return this.#filter(ask, client, group, this.#masks[place] ?? 0n, shared);
  }

  #filter(
    ask: DnsAsk,
    client: IpAddress,
    group: GroupConfig,
    mask: bigint,
    shared: boolean,
  ): Decision {
    const view: ListsView = {
      mask,
      match: (name, listMask) => this.#deps.engine.match(encodeName(name), listMask),
      compiled: this.#compiled,
      client,
      host: this.#hostOf.get(client),
    };
    const judged = judge(ask, view);
    const both = shared && judged.shared;
    if (judged.effect === 'block') {
      const { by, answers } = judged;
      const ttlSec = this.#config.blockTtlSec;
      return answers.length > 0
        ? rewritten(ask, answers, ttlSec, by, both)
        : { kind: 'block', by, shared: both, mode: group.blockMode, ttlSec };
    }
    const safe = group.safeSearch ? safeSearchOf(ask.name) : undefined;
    if (safe !== undefined && safe !== ask.name) return redirected(safe, both);
    return judged.effect === 'allow'
      ? { kind: 'allow', by: judged.by, shared: both }
      : { kind: 'pass', shared: both };
  }

  /**
   * With the names that the answer leads through (CNAME): a list that blocks one of them blocks the
   * name. What is allowed, or answered by the owner, is not looked into.
   */
  decideChain(ask: DnsAsk, targets: readonly DnsName[], client: IpAddress): Decision {
    const first = this.decide(ask, client);
    let { shared } = first;
    if (first.kind !== 'pass') return first;
    for (const name of targets) {
      const decision = this.decide({ name, type: ask.type }, client);
      shared &&= decision.shared;
      if (decision.kind === 'block') return { ...decision, shared, alias: name };
    }
    return { ...first, shared };
  }

  // ---- the engine ----------------------------------------------------------------------------

  /** The number that the engine knows the client's group by: a bit of `passMask`. */
  engineGroupOf(client: IpAddress): number {
    return this.#numberOf(this.#placeOf(client), client);
  }

  /** What the list at a place of the compiled file is called. */
  listName(place: number): string | undefined {
    return this.#compiled.lists[place]?.name;
  }

  get generation(): number {
    return this.#generation;
  }

  /** To be asked for after each change, and when its time has come. */
  forEngine(): PolicyForEngine {
    const { groups } = this.#config;
    const now = this.#now();
    const overrides = this.overrides;
    const timely = [
      ...overrides.map(({ id }) => id),
      ...groups.flatMap(({ offlineDuring, filterDuring }) =>
        [offlineDuring, filterDuring].map((one) => one !== undefined && isDuring(one, now)),
      ),
    ].join();
    if (timely !== this.#timely) this.#generation += 1;
    this.#timely = timely;
    const everybody = overrides.filter(({ client }) => client === undefined);
    const numbers: EngineGroup[] = [undefined, ...groups].flatMap((group, i) => {
      const mask = i === 0 ? 0n : (this.#masks[i - 1] ?? 0n);
      const one = this.#engineGroup(group, mask, now, everybody);
      return [one, { ...one, slow: true }];
    });
    const entries = this.#clients.entries().map(({ address, prefixLen, group }) => ({
      ...{ address, prefixLen },
      group: prefixLen === wholeLength(address) ? this.#numberOf(group, address) : 2 + 2 * group,
    }));
    return {
      generation: this.#generation,
      groups: numbers,
      clients: [...entries, ...this.#strangers(overrides, entries)],
      defaultGroup: this.#defaultGroup === undefined ? 0 : 2 + 2 * this.#defaultGroup,
      changesInMs: this.#changesInMs(now),
    };
  }

  #engineGroup(
    group: GroupConfig | undefined,
    mask: bigint,
    now: LocalTime,
    everybody: readonly Override[],
  ): EngineGroup {
    const { blockTtlSec } = this.#config;
    const isOff =
      (group?.offlineDuring !== undefined && isDuring(group.offlineDuring, now)) || false;
    const filters = group?.filterDuring === undefined || isDuring(group.filterDuring, now);
    const paused = everybody.some(({ kind }) => kind === 'pause');
    const listMask = filters && !paused ? mask : 0n;
    const allowed = listMask !== 0n && everybody.some(({ kind }) => kind === 'allow');
    // Until the file has their names, the engine might block what the owner answers himself.
    const unknown = this.#rewriteKey !== '' && this.#rewriteKey !== this.#compiled.rewriteKey;
    return {
      listMask: this.#rewriteKey === '' ? listMask : listMask | OWN_BIT,
      blockMode: group?.blockMode ?? 'zero',
      blockTtlSec,
      slow: (isOff && !paused) || allowed || unknown,
      hasPatterns: (listMask & this.#compiled.side.patternLists) !== 0n,
      hasAllowPatterns: (listMask & this.#compiled.side.overrulingLists) !== 0n,
    };
  }

  /** Addresses that no selector names, but an override does. */
  #strangers(
    overrides: readonly Override[],
    entries: readonly { readonly address: IpAddress; readonly prefixLen: number }[],
  ): EnginePolicy['clients'] {
    const known = new Set(
      entries.filter((one) => one.prefixLen === wholeLength(one.address)).map((one) => one.address),
    );
    const own = new Set(overrides.flatMap(({ client }) => client ?? []));
    return [...own]
      .filter((address) => !known.has(address))
      .map((address) => ({
        address,
        prefixLen: wholeLength(address),
        group: this.#numberOf(this.#placeOf(address), address),
      }));
  }

  #numberOf(place: number | undefined, client: IpAddress): number {
    const number = place === undefined ? 0 : 2 + 2 * place;
    // What holds for one client alone is not for the cache, which knows groups.
    return hasOwn(this.overrides, client) ? number + 1 : number;
  }

  #placeOf(client: IpAddress): number | undefined {
    return this.#clients.of(client) ?? this.#defaultGroup;
  }

  #now(): LocalTime {
    return this.#deps.localTime(this.#deps.clock.wallMs());
  }

  #changesInMs(now: LocalTime): number {
    const minutes = this.#config.groups
      .flatMap(({ offlineDuring, filterDuring }) => [offlineDuring ?? [], filterDuring ?? []])
      .reduce((least, one) => Math.min(least, minutesToChange(one, now)), Infinity);
    const { clock } = this.#deps;
    const scheduleMs =
      minutes === Infinity
        ? Infinity
        : Math.min(LOOK_AGAIN_MS, minutes * MINUTE_MS - (clock.wallMs() % MINUTE_MS));
    return Math.max(0, Math.min(scheduleMs, this.#overrides.nextEndMs - clock.boottimeMs()));
  }

  // ---- for `why` -----------------------------------------------------------------------------

  /** The client's group, its lists' mask, and what is known of the lists. */
  viewOf(client: IpAddress): {
    readonly group: GroupConfig | undefined;
    readonly mask: bigint;
    readonly compiled: CompiledLists;
    readonly host: HostFacts | undefined;
  } {
    const place = this.#placeOf(client);
    return {
      group: place === undefined ? undefined : this.#config.groups[place],
      mask: place === undefined ? 0n : (this.#masks[place] ?? 0n),
      compiled: this.#compiled,
      host: this.#hostOf.get(client),
    };
  }
}

const wholeLength = (address: IpAddress): number => (typeof address === 'number' ? 32 : 128);

const hasOwn = (overrides: readonly Override[], address: IpAddress): boolean =>
  overrides.some(({ client }) => client === address);
