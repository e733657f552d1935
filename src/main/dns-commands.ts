/** `gatehouse.dns`: the DNS server, as ubus, the page and the command line offer it. */
import { formatIp, type IpAddress, ipv6 } from '../base/ip6.ts';
import { err, type Result } from '../base/result.ts';
import type { DnsNames, NameWord } from '../control/dns-names.ts';
import { type CommandAnswer, type CommandService, done, failed } from '../edge/ubus/gatehouse.ts';
import type { DnsObserved } from '../services/dns/config.ts';
import type { DnsOperations } from '../services/dns/operations.ts';
import type {
  OverrideWanted,
  PolicyConfig,
  PolicyObserved,
} from '../services/dns/policy-config.ts';
import type { QueryLog } from '../services/dns/query-log.ts';
import type { Why } from '../services/dns/why.ts';
import type { Origin } from '../tr181/model.ts';
import type { DnsRecord } from '../wire/dns.ts';
import { type DnsName, formatName, lowerName, parseName } from '../wire/dns-name.ts';
import { formatRdata } from '../wire/dns-rdata-text.ts';
import { OPTION, rcodeName, typeCode, typeName } from '../wire/dns-registry.ts';
import type { DnsCalls } from './dns-calls.ts';

/** The running server. */
export interface DnsFace {
  readonly observed: DnsObserved;
  readonly policy: PolicyObserved;
  /** Names of lists, groups and upstreams for people stand in the configuration. */
  readonly config: PolicyConfig;
  readonly log: QueryLog;
  readonly operations: Pick<
    DnsOperations,
    'query' | 'lookUp' | 'addressesOf' | 'override' | 'cancel' | 'flush'
  >;
  /** Which rule decides; undefined while the server is off. */
  why(name: DnsName, client: IpAddress): Promise<Why | undefined>;
  /** Empty: all that are fetched. Resolves when nothing is under way any more. */
  update(list: string): Promise<Result<void, string>>;
}

export interface DnsCommandsDeps {
  /** Undefined where it does not run, or is off. */
  dns(): DnsFace | undefined;
  readonly names: DnsNames;
  /** For the trail: what was said past the rows. */
  audit(what: string, origin: Origin): Promise<void>;
  readonly clock: { boottimeMs(): number };
}

const OFF = 'the DNS server does not run: Device.DNS.Relay.Enable';
/** Entries in one answer: a message on the bus has a limit. */
const PAGE = 500;
const MAX_SECONDS = 604_800;

type Args = Readonly<Record<string, unknown>>;
type Run = CommandService['commands'][string]['run'];

export function dnsCommands(deps: DnsCommandsDeps): CommandService {
  const running =
    (run: (dns: DnsFace, args: Args, origin: Origin) => Promise<CommandAnswer>): Run =>
    async (args, { origin }) => {
      const dns = deps.dns();
      return dns === undefined ? failed(OFF) : run(dns, args, origin);
    };
  const name = { name: 'string' } as const;
  const word =
    (kind: 'allow' | 'block'): Run =>
    async (args, context) => {
      if (args['seconds'] === undefined || args['seconds'] === 0) {
        return forGood(deps.names, kind, args, context.origin);
      }
      return running((dns, given, origin) => forAWhile(deps, dns, kind, given, origin))(
        args,
        context,
      );
    };
  return {
    name: 'dns',
    about: 'names for the LAN: what is asked, answered, blocked',
    commands: {
      status: {
        about: 'whether it answers, where, whom it asks, what was said for a while',
        args: {},
        run: running(async (dns) => done(statusOf(dns, deps.clock.boottimeMs()))),
      },
      query: {
        about: 'asks the server for a name, as the box or as a client of the LAN',
        args: { ...name, type: 'string', client: 'string' },
        run: running(query),
      },
      why: {
        about: 'which rule decides for a name, and a client',
        args: { ...name, client: 'string' },
        run: running(why),
      },
      block: {
        about:
          'blocks a name and all below it: for good, or for so many seconds, then also for one client',
        args: { ...name, seconds: 'int32', client: 'string' },
        run: word('block'),
      },
      allow: {
        about:
          'lets a name and all below it pass: for good, or for so many seconds, then also for one client',
        args: { ...name, seconds: 'int32', client: 'string' },
        run: word('allow'),
      },
      forget: {
        about: 'takes back what block or allow said for good',
        args: name,
        run: (args, { origin }) => forGood(deps.names, 'forget', args, origin),
      },
      pause: {
        about: 'blocks nothing for so many seconds, for one client or for all',
        args: { seconds: 'int32', client: 'string' },
        run: running((dns, args, origin) => forAWhile(deps, dns, 'pause', args, origin)),
      },
      cancel: {
        about: 'ends what was said for a while, by its number',
        args: { id: 'int32' },
        run: running(async (dns, { id }, origin) => {
          if (!dns.operations.cancel(Number(id))) return failed('there is none of that number');
          await deps.audit(`cancel ${String(id)}`, origin);
          return done();
        }),
      },
      lists: {
        about: 'every list with its rules, its last update and what is wrong',
        args: {},
        run: running(async (dns) => done({ names: dns.policy.names, lists: listsOf(dns) })),
      },
      update: {
        about: 'fetches one list, by its path or name, or all of them',
        args: { list: 'string' },
        run: running(async (dns, args) => {
          const wanted = text(args, 'list');
          const known = dns.config.lists.find(({ id, name: called }) =>
            [id, `${id}.`, called].includes(wanted),
          );
          if (wanted !== '' && known === undefined) return failed(`no list ${wanted}`);
          const updated = await dns.update(known?.id ?? '');
          return updated.ok ? done({ lists: listsOf(dns) }) : failed(updated.error);
        }),
      },
      stats: {
        about: 'top names and clients, by hour, by who answered, latency by upstream',
        args: {},
        run: running(async (dns) => done(statsOf(dns))),
      },
      log: {
        about: `at most ${PAGE} queries, the newest first; those after an id, oldest first`,
        args: { after: 'int32', limit: 'int32', text: 'string', blocked: 'int8' },
        run: running(async (dns, args) => done(logOf(dns, args))),
      },
      flush: {
        about: 'forgets the answers for one name, or all',
        args: name,
        run: running(async (dns, args, origin) => {
          const flushed = dns.operations.flush(text(args, 'name'));
          if (!flushed.ok) return failed(flushed.error);
          await deps.audit(`flush ${text(args, 'name')}`.trim(), origin);
          return done({ forgotten: flushed.value });
        }),
      },
    },
  };
}

const text = (args: Args, name: string): string => String(args[name] ?? '').trim();

async function forGood(
  names: DnsNames,
  word: NameWord,
  args: Args,
  origin: Origin,
): Promise<CommandAnswer> {
  if (text(args, 'client') !== '') {
    return failed('for one client only for a while: give seconds, or make a group of its own');
  }
  const said = await names.say(word, text(args, 'name'), origin);
  return said.ok ? done() : failed(said.error.map(({ message }) => message).join('\n'));
}

async function forAWhile(
  deps: DnsCommandsDeps,
  dns: DnsFace,
  kind: OverrideWanted['kind'],
  args: Args,
  origin: Origin,
): Promise<CommandAnswer> {
  const seconds = Number(args['seconds'] ?? 0);
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > MAX_SECONDS) {
    return failed(`seconds is 1 to ${MAX_SECONDS}: how long it holds`);
  }
  const wanted = { kind, seconds, name: text(args, 'name'), client: text(args, 'client') };
  const said = dns.operations.override(wanted);
  if (!said.ok) return failed(said.error);
  const about = [kind, wanted.name, wanted.client].filter((part) => part !== '').join(' ');
  await deps.audit(`${about} for ${seconds} s`, origin);
  return done({ overrides: overridesOf(dns.policy, deps.clock.boottimeMs()) });
}

const BOX = ipv6(1n);

async function why(dns: DnsFace, args: Args): Promise<CommandAnswer> {
  const name = parseName(text(args, 'name'));
  if (!name.ok) return failed(name.error.message);
  const client = text(args, 'client');
  const addresses = client === '' ? undefined : dns.operations.addressesOf(client);
  if (addresses?.ok === false) return failed(addresses.error);
  const found = await dns.why(lowerName(name.value), addresses?.value[0] ?? BOX);
  if (found === undefined) return failed(OFF);
  const { by = null, group = null, decides = null, alias, rules, unread } = found;
  return done({
    ...{ name: formatName(found.name), verdict: found.verdict, by, group, decides },
    alias: alias === undefined ? null : formatName(alias),
    ...{ rules, unread },
  });
}

async function query(dns: DnsFace, args: Args): Promise<CommandAnswer> {
  const type = typeCode(text(args, 'type') || 'A');
  if (type === undefined) return failed(`no type of record: ${text(args, 'type')}`);
  const client = text(args, 'client');
  const addresses = client === '' ? undefined : dns.operations.addressesOf(client);
  if (addresses?.ok === false) return failed(addresses.error);
  const asked = await dns.operations.query(text(args, 'name'), type, addresses?.value[0]);
  if (!asked.ok) return failed(asked.error);
  const { message, tookMs } = asked.value;
  const options = message.edns?.options ?? [];
  return done({
    rcode: rcodeName(message.rcode),
    authenticData: message.authenticData,
    tookMs: Math.round(tookMs * 10) / 10,
    answers: message.answers.map(plainRecord),
    authorities: message.authorities.map(plainRecord),
    /** RFC 8914. */
    errors: options
      .filter(({ code, value }) => code === OPTION.EDE && value.length >= 2)
      .map(({ value }) => ({
        code: ((value[0] ?? 0) << 8) | (value[1] ?? 0),
        text: new TextDecoder().decode(value.subarray(2)),
      })),
  });
}

const plainRecord = ({ name, type, ttl, rdata }: DnsRecord): object => ({
  name: formatName(name),
  type: typeName(type),
  ttl,
  data: formatRdata(type, rdata),
});

const statusOf = (dns: DnsFace, nowMs: number): object => {
  const { status, listeners, upstreams, cache, anchors } = dns.observed;
  return {
    status,
    listeners: listeners.map((one) => ({
      ...{ transport: one.transport, address: formatIp(one.address), port: one.port },
      error: one.error ?? null,
    })),
    upstreams: upstreams.map((one) => ({
      ...one,
      address: one.address === undefined ? null : formatIp(one.address),
      rttMs: one.rttMs ?? null,
      lastError: one.lastError ?? null,
    })),
    cache,
    anchors,
    blockedNames: dns.policy.names,
    privacy: dns.log.privacy,
    overrides: overridesOf(dns.policy, nowMs),
  };
};

const overridesOf = ({ overrides }: PolicyObserved, nowMs: number): readonly object[] =>
  overrides.map(({ id, kind, name, client, untilMs }) => ({
    ...{ id, kind },
    name: name === undefined ? null : formatName(name),
    client: client === undefined ? null : formatIp(client),
    leftSec: Math.max(0, Math.ceil((untilMs - nowMs) / 1000)),
  }));

const listsOf = ({ policy, config }: DnsFace): readonly object[] =>
  policy.lists.map((list) => {
    const { source, name, effect } = config.lists.find(({ id }) => id === list.id) ?? {};
    return {
      ...{ id: list.id, name: name ?? '', effect: effect ?? 'block' },
      url: source?.kind === 'url' ? source.url : null,
      ...{ state: list.state, fault: list.fault, format: list.format ?? null },
      ...{ rules: list.rules, rejected: list.rejected, rejectedLines: list.rejectedLines },
      ...{ sizeBytes: list.sizeBytes, sha256: list.sha256 ?? null },
      updated: timeText(list.fetchedMs),
      tried: timeText(list.triedMs),
      next: timeText(list.nextMs),
    };
  });

const timeText = (wallMs: number | undefined): string | null =>
  wallMs === undefined ? null : new Date(wallMs).toISOString();

const statsOf = (dns: DnsFace): object => {
  const { sinceMs, hours, latency, ...rest } = dns.log.statistics;
  const { upstreams, counts, cache } = dns.observed;
  return {
    since: timeText(sinceMs),
    privacy: dns.log.privacy,
    ...rest,
    hours: hours.map(({ fromMs, ...counts }) => ({ from: timeText(fromMs), ...counts })),
    latency: latency.map((one) => {
      const { address } = upstreams.find(({ id }) => id === one.upstream) ?? {};
      return { ...one, address: address === undefined ? null : formatIp(address) };
    }),
    ...{ counts, cache },
  };
};

function logOf({ log }: DnsFace, args: Args): object {
  const whole = (name: string, most: number): number =>
    Math.min(most, Math.max(0, Math.floor(Number(args[name] ?? 0)) || 0));
  const entries = log.entries({
    after: args['after'] === undefined ? undefined : whole('after', Number.MAX_SAFE_INTEGER),
    limit: whole('limit', PAGE) || PAGE,
    text: text(args, 'text'),
    blocked: Boolean(args['blocked']),
  });
  return {
    privacy: log.privacy,
    last: log.lastId,
    entries: entries.map((one) => ({
      ...{ id: one.id, time: timeText(one.wallMs), client: one.client, name: formatName(one.name) },
      ...{ type: typeName(one.type), rcode: rcodeName(one.rcode), by: one.by },
      ...{ rule: one.rule ?? null, upstream: one.upstream ?? null },
      tookMs: one.tookMs === undefined ? null : Math.round(one.tookMs * 10) / 10,
    })),
  };
}

/** For the model's commands: the same words. */
export const modelCalls = (dns: DnsFace): DnsCalls => ({
  dnsLookup: (wanted, signal) => dns.operations.lookUp(wanted, signal),
  dnsOverride: async (wanted) => dns.operations.override(wanted),
  dnsCancel: async (id) => dns.operations.cancel(id),
  dnsFlush: async (name) => dns.operations.flush(name),
  dnsUpdateList: async (id) => {
    const updated = await dns.update(id);
    const fault = dns.policy.lists.find((list) => list.id === id)?.fault ?? '';
    return updated.ok && fault !== '' ? err(fault) : updated;
  },
});
