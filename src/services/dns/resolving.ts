/** One running server's chain and all that its links stand on; `service.ts` feeds it queries. */
import type { Timer } from '../../base/clock.ts';
import type { IpAddress } from '../../base/ip6.ts';
import type { DnsEngine, MissReason } from '../../os/ports-dns.ts';
import { finish, headerOnly, STREAM_BYTES, udpLimit } from '../../wire/dns-finish.ts';
import { type DnsName, lowerName, ROOT } from '../../wire/dns-name.ts';
import { CLASS_IN, OPCODE_QUERY, RCODE, TYPE } from '../../wire/dns-registry.ts';
import { Bootstrap } from './bootstrap.ts';
import { cacheHandler } from './cache.ts';
import { chainOf, type Handlers } from './chain.ts';
import type { AnchorObserved, DnsConfig, IpRange } from './config.ts';
import type { Decision, DnsAsk } from './decision.ts';
import { designatedRecords } from './designated.ts';
import { type Denied, NsecStore } from './dnssec/nsec-store.ts';
import { RootAnchors } from './dnssec/root-anchors.ts';
import { Budget, type Now } from './dnssec/signatures.ts';
import { Validator } from './dnssec/validator.ts';
import { loggedBy, ruleText } from './explain.ts';
import { Forwarder } from './forward.ts';
import { aclHandler, forwardHandler, localHandler, readQuery } from './handlers.ts';
import { LocalZone } from './local.ts';
import { askMulticast } from './multicast.ts';
import { type CompiledLists, Policy } from './policy.ts';
import type { PolicyConfig } from './policy-config.ts';
import { policyHandler } from './policy-handler.ts';
import { type Query, type Reply, record, replyTo } from './query.ts';
import { type Resolved, resolve } from './resolve.ts';
import { targetOf } from './scrub.ts';
import type { DnsDeps } from './service.ts';
import { Upstreams } from './upstreams.ts';

export interface ResolvingDeps
  extends Pick<
    DnsDeps,
    | 'transports'
    | 'crypto'
    | 'clock'
    | 'log'
    | 'randomBytes'
    | 'localTime'
    | 'addressesOf'
    | 'hosts'
    | 'ownNames'
    | 'leaseResolvers'
    | 'anchorFile'
    | 'timeIsSure'
    | 'answered'
  > {
  readonly engine: DnsEngine;
  /** Something changed that is observed. */
  changed(): void;
}

/** A query as it came. */
export interface AskedQuery {
  readonly wire: Uint8Array;
  readonly client: IpAddress;
  readonly group: number;
  readonly reason: MissReason;
  readonly transport: Query['transport'];
  /** Undefined: what the query says of UDP. */
  readonly limitBytes: number | undefined;
}

/** The engine's own limits: what needs JavaScript, and equal answers to one network. */
const MISSES_PER_SEC = 400;
const SAME_ANSWERS_PER_SEC = 100;
/** Types that are no data but ways to ask (RFC 6895 §3.1), and 0. */
const isMeta = (type: number): boolean =>
  type === 0 || type === TYPE.OPT || (type >= 128 && type < 255);

export class Resolving implements Disposable {
  readonly #deps: ResolvingDeps;
  readonly policy: Policy;
  readonly upstreams: Upstreams;
  readonly #forwarder: Forwarder;
  readonly #bootstrap: Bootstrap;
  readonly #chain: (query: Query) => Promise<Reply | undefined>;
  readonly #ending = new AbortController();
  readonly #multicasts = new Map<string, Promise<Resolved>>();
  readonly #anchors: RootAnchors;
  #validator: Validator | undefined;
  readonly #nsecs = new NsecStore();
  #validates: boolean | undefined;
  #zone: LocalZone;
  #access: readonly IpRange[] = [];
  #config: DnsConfig | undefined;
  #policyTimer: Timer | undefined;
  /** What decided a query that policy answered. */
  readonly #decisions = new WeakMap<Query, Decision>();
  readonly #counts = {
    ...{ refused: 0, malformed: 0, local: 0, blocked: 0, cacheHits: 0, staleAnswers: 0 },
    ...{ prefetches: 0, forwarded: 0, failed: 0, rebindRefused: 0, secure: 0, bogus: 0 },
    ...{ synthesised: 0, streamQueries: 0 },
  };

  constructor(deps: ResolvingDeps) {
    this.#deps = deps;
    const { engine, clock, transports, randomBytes, localTime } = deps;
    const net = { transports, randomBytes, clock };
    const isLocal = ({ name, type }: DnsAsk): boolean =>
      this.#zone.answer(name, type) !== undefined;
    this.policy = new Policy({ engine, clock, localTime, isLocal });
    this.upstreams = new Upstreams({ clock });
    this.#forwarder = new Forwarder({ ...net, upstreams: this.upstreams });
    this.#bootstrap = new Bootstrap({ ...net, changed: () => this.#applyUpstreams() });
    this.#anchors = new RootAnchors({
      ...{ crypto: deps.crypto, clock, log: deps.log, file: deps.anchorFile },
      now: () => this.#now(),
      refresh: () => {
        this.#validator?.forget(ROOT);
        void this.#validator?.trustOf(ROOT, new Budget());
      },
    });
    this.#zone = this.#buildZone(undefined);
    const counts = this.#counts;
    const isSplit = (name: DnsName): boolean => this.upstreams.isSplit(name);
    const follow = (query: Query, name: DnsName) => inner({ ...query, name, reason: 'unknown' });
    const handlers: Handlers = {
      acl: aclHandler(() => this.#access, counts),
      policy: policyHandler({
        ...{ policy: this.policy, cache: engine.cache, follow, counts },
        decided: (query, decision) => void this.#decisions.set(query, decision),
      }),
      local: localHandler({
        ...{ isSplit, follow, counts },
        zone: () => this.#zone,
        asksMulticast: () => this.#config?.local.mdns === true,
      }),
      cache: cacheHandler({
        ...{ cache: engine.cache, clock, counts },
        staleSec: () => this.#config?.cache.staleSec ?? 0,
        hopeless: ({ name }) => this.upstreams.allDown(name),
      }),
      forward: forwardHandler({
        counts,
        resolve: (query) => this.#resolve(query),
        multicast: (query) => this.#multicast(query),
      }),
    };
    this.#chain = chainOf(handlers);
    // An alias is the owner's own doing: what it leads to is not judged again.
    const inner = chainOf(handlers, 'local');
  }

  get counts() {
    const { joined, overload } = this.#forwarder;
    return { ...this.#counts, joined, overload };
  }

  get anchors(): readonly AnchorObserved[] {
    return this.#config?.dnssec.enable === true ? this.#anchors.observed : [];
  }

  async apply(config: DnsConfig): Promise<void> {
    this.#config = config;
    const { engine } = this.#deps;
    engine.setCache({ staleSec: config.cache.staleSec, prefetch: config.cache.prefetch });
    this.#anchors.configure(config.dnssec.anchors);
    this.#nsecs.clear();
    this.#validator = config.dnssec.enable ? this.#buildValidator(config) : undefined;
    this.#applyUpstreams();
    this.factsChanged();
  }

  factsChanged(): void {
    this.policy.useHosts([...this.#deps.hosts()]);
    this.#zone = this.#buildZone(this.#config);
    this.#access = this.#config === undefined ? [] : this.#accessOf(this.#config);
    if (!this.#deps.engine.setLocal(this.#zone.entries())) {
      this.#deps.log.warn({}, 'the table of local names has no room for all of them');
      this.#deps.engine.setLocal([]);
    }
    this.#applyUpstreams();
    this.policyChanged();
  }

  applyPolicy(config: PolicyConfig): void {
    this.policy.apply(config);
    this.policyChanged();
  }

  useLists(compiled: CompiledLists): void {
    this.policy.useLists(compiled);
    this.policyChanged();
  }

  /** What the policy says is something else now: overrides, lists, the time. */
  policyChanged(): void {
    const config = this.#config;
    if (config === undefined || this.#ending.signal.aborted) return;
    const { changesInMs, ...policy } = this.policy.forEngine();
    this.#deps.engine.setPolicy({
      ...policy,
      access: this.#access,
      limits: {
        queriesPerSec: config.clientPerSec,
        missesPerSec: config.clientPerSec === 0 ? 0 : Math.min(config.clientPerSec, MISSES_PER_SEC),
        sameAnswersPerSec: config.clientPerSec === 0 ? 0 : SAME_ANSWERS_PER_SEC,
      },
    });
    this.#policyTimer?.cancel();
    this.#policyTimer = this.#deps.clock.after(changesInMs, () => this.policyChanged());
    this.#deps.changed();
  }

  /** The whole answer, fitted to its query; undefined for none. */
  async answer(asked: AskedQuery): Promise<Uint8Array | undefined> {
    const { wire, limitBytes } = asked;
    if (limitBytes !== undefined) this.#counts.streamQueries++;
    const message = readQuery(wire);
    if (message === undefined) {
      this.#counts.malformed++;
      return headerOnly(wire, RCODE.FORMERR, false);
    }
    const [question] = message.questions;
    if (message.response) return undefined;
    if (message.opcode !== OPCODE_QUERY) return headerOnly(wire, RCODE.NOTIMP, false);
    if (message.edns !== undefined && message.edns.version > 0) {
      return headerOnly(wire, RCODE.BADVERS, true);
    }
    if (question === undefined || message.questions.length > 1) {
      return headerOnly(wire, RCODE.FORMERR, false);
    }
    if (question.class !== CLASS_IN || isMeta(question.type)) {
      return headerOnly(wire, RCODE.REFUSED, false);
    }
    const query: Query = {
      message,
      name: lowerName(question.name),
      type: question.type,
      dnssecOk: message.edns?.dnssecOk === true,
      checkingDisabled: message.checkingDisabled,
      client: asked.client,
      transport: asked.transport,
      group: asked.group,
      reason: asked.reason,
    };
    const reply = query.type === TYPE.ANY ? anyReply(query) : await this.#chain(query);
    if (reply === undefined) return undefined;
    if (query.reason !== 'prefetch') this.#tell(query, reply);
    const limit = limitBytes ?? udpLimit(message.edns);
    return finish(message, reply.wire, reply.options, reply.ageSec, Math.min(limit, STREAM_BYTES));
  }

  /** For the log. */
  #tell(query: Query, { wire, by, upstream, tookMs }: Reply): void {
    const decision = this.#decisions.get(query);
    const decider = decision === undefined || decision.kind === 'pass' ? undefined : decision.by;
    this.#deps.answered({
      ...{ client: query.client, name: query.name, type: query.type, upstream, tookMs },
      rcode: (wire[3] ?? 0) & 15,
      by: loggedBy(by, decision),
      rule: decider && ruleText(decider),
    });
  }

  /** A question of the box's own, such as of a diagnosis: through local names, cache and resolvers. */
  resolveName(name: DnsName, type: number): Promise<Resolved> {
    return this.#ask(lowerName(name), type, false, false);
  }

  /** Names that the answer to a name leads to; none where it has no answer. */
  async aliasesOf(name: DnsName): Promise<readonly DnsName[]> {
    const { parts } = await this.resolveName(name, TYPE.A);
    const aliases = (parts.answers ?? []).filter(({ type }) => type === TYPE.CNAME);
    return aliases.map((rr) => lowerName(targetOf(rr)));
  }

  [Symbol.dispose](): void {
    this.#ending.abort();
    this.#policyTimer?.cancel();
    this.#anchors[Symbol.dispose]();
    this.#bootstrap[Symbol.dispose]();
    this.#forwarder[Symbol.dispose]();
  }

  #resolve(query: Query): Promise<Resolved> {
    return this.#ask(query.name, query.type, query.dnssecOk, query.checkingDisabled);
  }

  #ask(
    name: DnsName,
    type: number,
    dnssecOk: boolean,
    checkingDisabled: boolean,
  ): Promise<Resolved> {
    const config = this.#config;
    const validator = this.#validator;
    if (validator !== undefined && !checkingDisabled && !this.upstreams.isSplit(name)) {
      const denied = this.#nsecs.deny(name, type, this.#deps.clock.monoMs());
      if (denied !== undefined) return Promise.resolve(this.#synthesised(denied, dnssecOk));
    }
    return resolve(
      {
        ask: (asked) => this.#forwarder.ask(asked),
        validate:
          validator === undefined
            ? undefined
            : (qtype, scrubbed, ends) => validator.validate(qtype, scrubbed, ends),
        config: { cache: config?.cache ?? NO_CACHE, rebind: config?.rebind ?? NO_REBIND },
        isSplit: (one) => this.upstreams.isSplit(one),
        counts: this.#counts,
      },
      ...([name, type, dnssecOk, checkingDisabled] as const),
    );
  }

  /** Proved before of all names around it (RFC 8198). */
  #synthesised({ rcode, authorities, leftSec }: Denied, dnssecOk: boolean): Resolved {
    this.#counts.synthesised++;
    const most = Math.min(leftSec, this.#config?.cache.maxNegativeTtlSec ?? 0);
    const told = dnssecOk ? authorities : authorities.filter(({ type }) => type === TYPE.SOA);
    const parts = {
      ...{ rcode, authenticData: true },
      authorities: told.map((rr) => ({ ...rr, ttl: Math.min(rr.ttl, most) })),
    };
    return { parts, keepSec: most, upstream: undefined, tookMs: 0, unreachable: false };
  }

  #buildValidator({ dnssec }: DnsConfig): Validator {
    const { crypto, clock } = this.#deps;
    const flags = { dnssecOk: true, checkingDisabled: true };
    return new Validator({
      crypto,
      ask: (name, type) => this.#forwarder.ask({ name, type, ...flags }),
      anchors: () => this.#anchors.trusted,
      rootKeys: (set) => this.#anchors.seen(set),
      negativeAnchors: dnssec.negativeAnchors,
      learned: (...told) => this.#nsecs.learn(...told, clock.monoMs()),
      takesWhatComes: () => this.upstreams.for(ROOT).every(({ id }) => id === 'lease'),
      validates: (able) => {
        if (able === this.#validates) return;
        this.#validates = able;
        const { log } = this.#deps;
        if (able) log.info({}, 'answers are validated');
        else log.warn({}, 'the provider’s resolver keeps signatures back: nothing is validated');
      },
      monoMs: () => clock.monoMs(),
      now: () => this.#now(),
    });
  }

  #now(): Now {
    const { clock, timeIsSure } = this.#deps;
    return { sec: timeIsSure() ? Math.floor(clock.wallMs() / 1000) : undefined };
  }

  #multicast({ name, type }: Query): Promise<Resolved> {
    const key = `${type} ${name}`;
    let underWay = this.#multicasts.get(key);
    if (underWay === undefined) {
      const { transports, randomBytes } = this.#deps;
      const [high = 0, low = 0] = randomBytes(2);
      underWay = askMulticast(
        transports,
        this.#config?.listen.interfaces ?? [],
        ...([(high << 8) | low, name, type, this.#ending.signal] as const),
      ).finally(() => this.#multicasts.delete(key));
      this.#multicasts.set(key, underWay);
    }
    return underWay;
  }

  #applyUpstreams(): void {
    const config = this.#config;
    if (config === undefined) return;
    const lease = config.useLeaseResolvers ? this.#deps.leaseResolvers() : [];
    const byName = config.upstreams.filter(
      ({ enable, addresses }) => enable && addresses.length === 0,
    );
    this.#bootstrap.apply(
      byName.flatMap(({ name }) => name ?? []),
      config.bootstrap.length > 0 ? config.bootstrap : lease,
    );
    this.upstreams.apply(config.upstreams, lease, (name) => this.#bootstrap.addressesOf(name));
    this.#deps.changed();
  }

  /** Whom the owner allows, and whoever shares an IPv6 subnet of the LAN: the provider chooses those. */
  #accessOf(config: DnsConfig): readonly IpRange[] {
    const subnets = config.listen.interfaces.flatMap((ifName) =>
      this.#deps
        .addressesOf(ifName)
        .flatMap(({ address, scopeId }) =>
          typeof address === 'bigint' && scopeId === 0 ? [{ address, prefixLen: 64 }] : [],
        ),
    );
    return [...config.allow, ...subnets];
  }

  #buildZone(config: DnsConfig | undefined): LocalZone {
    const { hosts, ownNames, addressesOf } = this.#deps;
    if (config === undefined) return new LocalZone({ ...NO_FACTS, config: NO_LOCAL });
    const ownAddresses = [
      ...config.listen.addresses,
      ...config.listen.interfaces.flatMap((ifName) =>
        addressesOf(ifName)
          .filter(({ scopeId }) => scopeId === 0)
          .map(({ address }) => address),
      ),
    ];
    const names = [...ownNames()];
    return new LocalZone({
      config: config.local,
      hosts: [...hosts()].flatMap(({ name, addresses }) =>
        name === undefined ? [] : [{ name, addresses }],
      ),
      ownAddresses,
      ownNames: names,
      designated: designatedRecords(config, [...names, ...config.local.ownNames], ownAddresses),
    });
  }
}

const NO_CACHE: DnsConfig['cache'] = {
  ...{ sizeBytes: 0, minTtlSec: 0, maxTtlSec: 0, maxNegativeTtlSec: 0, staleSec: 0 },
  prefetch: false,
};
const NO_REBIND: DnsConfig['rebind'] = { enable: true, exempt: [] };
const NO_LOCAL: DnsConfig['local'] = {
  ...{ domain: '' as DnsName, ownNames: [], ttlSec: 0, records: [], mdns: false },
};
const NO_FACTS = { hosts: [], ownAddresses: [], ownNames: [], designated: [] } as const;

/** Whoever asks for all gets little (RFC 8482 §4.2). */
function anyReply(query: Query): Reply {
  const text = (words: string): number[] => [
    words.length,
    ...Array.from(words, (c) => c.charCodeAt(0)),
  ];
  const rdata = Uint8Array.from([...text('RFC8482'), ...text('')]);
  return replyTo(query, 'local', {
    rcode: RCODE.NOERROR,
    answers: [record(query.name, HINFO, 3600, rdata)],
  });
}

const HINFO = 13;
