/**
 * RFC 8415 §18.3: what a server answers. Pure: bindings that change are given back, and the caller
 * answers when they are durable.
 *
 * | message             | server id | by unicast   | IA without binding   | IA with binding |
 * |---------------------|-----------|--------------|----------------------|-----------------|
 * | SOLICIT             | never     | discarded    | allocate             | extend          |
 * | REQUEST             | ours      | UseMulticast | allocate             | extend          |
 * | CONFIRM             | never     | discarded    | on the link or not   | the same        |
 * | RENEW               | ours      | UseMulticast | NoBinding            | extend          |
 * | REBIND              | never     | discarded    | adopt, else 0        | extend          |
 * | RELEASE             | ours      | UseMulticast | NoBinding            | release         |
 * | DECLINE             | ours      | UseMulticast | NoBinding            | decline         |
 * | INFORMATION-REQUEST | ours or none | discarded | (no IA is allowed)   | (the same)      |
 */
import { contains6, formatPrefix6, type Ipv6, type Ipv6Prefix } from '../../base/ip6.ts';
import { DHCP6, type Dhcp6Option } from '../../wire/dhcp6.ts';
import { CODEC6, OPTION6, STATUS6 } from '../../wire/dhcp6-options.ts';
import { type Binding, type Bindings, bindingKey } from './bindings.ts';
import type { Dhcp6ServerConfig, Lease6View, Pool6Config, Segment6Config } from './config.ts';
import { leaseFor, poolOf, staticOf } from './leases.ts';
import { replyOptions } from './reply.ts';
import type { ClientRequest, RequestedIa } from './request.ts';

export interface World {
  readonly config: Dhcp6ServerConfig;
  readonly segment: Segment6Config;
  readonly bindings: Bindings;
  readonly serverId: Uint8Array;
  readonly bootMs: number;
  readonly wallMs: number;
  /** False while the store takes nothing: then nothing new is given, and nothing for longer than the disk knows. */
  readonly durable: boolean;
  random64(): bigint;
  /** The owner's rules: whether any of these MACs, or a client of unknown ones, is served. */
  allowed(request: ClientRequest): boolean;
}

/** `binding` undefined deletes it. */
export interface BindingChange {
  readonly key: string;
  readonly binding: Binding | undefined;
}

/** Why a message is not answered: it is none of ours, refused by rules, or nothing new can be made durable. */
export type Silence = 'discarded' | 'refused' | 'notDurable';

export type Outcome =
  | { readonly silent: Silence }
  | {
      readonly silent: undefined;
      readonly type: typeof DHCP6.ADVERTISE | typeof DHCP6.REPLY;
      readonly options: readonly Dhcp6Option[];
      /** To be durable before the answer goes out. */
      readonly changes: readonly BindingChange[];
      readonly pool: Pool6Config | undefined;
    };

/** What becomes of an IA. */
type IaAction = 'allocate' | 'extend' | 'noBinding' | 'adopt' | 'release' | 'decline';

interface MessageRule {
  readonly clientId: 'must' | 'may';
  readonly serverId: 'ours' | 'never' | 'may';
  readonly unicast: 'discard' | 'useMulticast';
  /** Undefined: not about bindings. */
  readonly ia: { readonly none: IaAction; readonly bound: IaAction } | undefined;
  /** It gives something, so the owner's rules decide. */
  readonly gives: boolean;
}

// biome-ignore format: a table
export const MESSAGES: ReadonlyMap<number, MessageRule> = new Map<number, MessageRule>([
  [DHCP6.SOLICIT, { clientId: 'must', serverId: 'never', unicast: 'discard', ia: { none: 'allocate', bound: 'extend' }, gives: true }],
  [DHCP6.REQUEST, { clientId: 'must', serverId: 'ours', unicast: 'useMulticast', ia: { none: 'allocate', bound: 'extend' }, gives: true }],
  [DHCP6.CONFIRM, { clientId: 'must', serverId: 'never', unicast: 'discard', ia: undefined, gives: false }],
  [DHCP6.RENEW, { clientId: 'must', serverId: 'ours', unicast: 'useMulticast', ia: { none: 'noBinding', bound: 'extend' }, gives: true }],
  [DHCP6.REBIND, { clientId: 'must', serverId: 'never', unicast: 'discard', ia: { none: 'adopt', bound: 'extend' }, gives: true }],
  [DHCP6.RELEASE, { clientId: 'must', serverId: 'ours', unicast: 'useMulticast', ia: { none: 'noBinding', bound: 'release' }, gives: false }],
  [DHCP6.DECLINE, { clientId: 'must', serverId: 'ours', unicast: 'useMulticast', ia: { none: 'noBinding', bound: 'decline' }, gives: false }],
  [DHCP6.INFORMATION_REQUEST, { clientId: 'may', serverId: 'may', unicast: 'discard', ia: undefined, gives: true }],
]);

/** An address that somebody else uses is left alone for so long. */
const DECLINED_MS = 86_400_000;

export function answer(request: ClientRequest, world: World): Outcome {
  const rule = MESSAGES.get(request.type);
  if (rule === undefined || !isForUs(request, rule, world)) return { silent: 'discarded' };
  const { clientId } = request;
  const ids: Dhcp6Option[] = [
    ...(clientId === undefined ? [] : [{ code: OPTION6.CLIENTID, value: clientId }]),
    { code: OPTION6.SERVERID, value: world.serverId },
  ];
  const reply = (
    options: readonly Dhcp6Option[],
    pool: Pool6Config | undefined,
    changes: readonly BindingChange[] = [],
    type: typeof DHCP6.ADVERTISE | typeof DHCP6.REPLY = DHCP6.REPLY,
  ): Outcome => ({ silent: undefined, type, options: [...ids, ...options], changes, pool });

  if (!request.multicast && !request.relayed) {
    if (rule.unicast === 'discard') return { silent: 'discarded' };
    return reply([statusOption(STATUS6.UseMulticast, 'ask by multicast')], undefined);
  }
  if (rule.gives && !world.allowed(request)) return { silent: 'refused' };
  if (request.type === DHCP6.CONFIRM) {
    const status = confirm(request, world);
    return status === undefined ? { silent: 'discarded' } : reply([status], undefined);
  }
  const pool = poolOf(world.config, world.segment, request);
  if (pool === undefined) return { silent: 'discarded' };
  if (rule.ia === undefined || clientId === undefined) {
    return reply(replyOptions(request, pool), pool);
  }
  const parts: IaPart[] = [];
  const pending = new Pending(world, clientId);
  for (const ia of request.ias) {
    const part = answerIa(ia, rule.ia, { request, world, pool, clientId, pending });
    if (part !== undefined) parts.push(part);
  }
  // A client whose every IA we know nothing of is another server's business (RFC 8415 §18.3.5).
  const { ias, temporary } = request;
  if (parts.length === 0 && ias.length + temporary.length > 0 && temporary.length === 0) {
    return { silent: world.durable ? 'discarded' : 'notDurable' };
  }
  const iaOptions = [
    ...parts.map(({ option }) => option),
    ...temporary.map((iaid) => temporaryRefused(iaid)),
  ];
  const changes = parts.flatMap((part) => part.changes);
  if (!rule.gives) {
    return reply([...iaOptions, statusOption(STATUS6.Success, 'done')], pool, changes);
  }
  const options = [...iaOptions, ...replyOptions(request, pool)];
  if (request.type !== DHCP6.SOLICIT) return reply(options, pool, changes);
  if (request.rapidCommit && pool.rapidCommit && changes.length > 0) {
    const rapid = { code: OPTION6.RAPID_COMMIT, value: new Uint8Array(0) };
    return reply([rapid, ...options], pool, changes);
  }
  // An offer binds nobody: the REQUEST brings the addresses back.
  const preference = { code: OPTION6.PREFERENCE, value: CODEC6.u8.encode(pool.preference) };
  return reply(
    pool.preference === 0 ? options : [preference, ...options],
    pool,
    [],
    DHCP6.ADVERTISE,
  );
}

/** RFC 8415 §16: identifiers that must or must not be there, and ours where one is meant. */
function isForUs(request: ClientRequest, rule: MessageRule, world: World): boolean {
  const { clientId, serverId, ias } = request;
  if (rule.clientId === 'must' && clientId === undefined) return false;
  if (request.type === DHCP6.INFORMATION_REQUEST && ias.length > 0) return false;
  if (serverId === undefined) return rule.serverId !== 'ours';
  return rule.serverId !== 'never' && isSame(serverId, world.serverId);
}

interface IaPart {
  readonly option: Dhcp6Option;
  readonly changes: readonly BindingChange[];
}

interface IaContext {
  readonly request: ClientRequest;
  readonly world: World;
  readonly pool: Pool6Config;
  readonly clientId: Uint8Array;
  readonly pending: Pending;
}

/** What this one message takes, on top of the bindings, so that its IAs do not get the same twice. */
class Pending {
  readonly #world: World;
  readonly #taken = new Set<string>();
  /** New bindings that the client may still be given. */
  left: number;

  constructor(world: World, clientId: Uint8Array) {
    const { bindingsPerClient } = world.config.guard;
    this.#world = world;
    this.left =
      bindingsPerClient === 0 ? Infinity : bindingsPerClient - world.bindings.countOf(clientId);
  }

  isFree(prefix: Ipv6Prefix, key: string, held: boolean): boolean {
    const { bindings, bootMs } = this.#world;
    return !this.#taken.has(formatPrefix6(prefix)) && bindings.isFree(prefix, key, bootMs, held);
  }

  take(leases: readonly Lease6View[]): void {
    for (const { prefix } of leases) this.#taken.add(formatPrefix6(prefix));
  }
}

function answerIa(
  ia: RequestedIa,
  actions: { readonly none: IaAction; readonly bound: IaAction },
  context: IaContext,
): IaPart | undefined {
  const { world, clientId, request } = context;
  const key = bindingKey({ ...ia, segment: world.segment.ifName, duid: clientId });
  const known = world.bindings.get(key);
  const lives = known?.leases.some((lease) => lease.expiresAtMs > world.bootMs) === true;
  const bound = known?.state === 'bound' && lives ? known : undefined;
  const action = bound === undefined ? actions.none : actions.bound;
  switch (action) {
    case 'noBinding':
      return { option: iaOption(ia, [], STATUS6.NoBinding, 'no binding here'), changes: [] };
    case 'release':
      return bound && release(ia, key, bound, world);
    case 'decline':
      return bound && decline(ia, key, bound, world);
    case 'extend':
    case 'allocate':
      if (
        request.type === DHCP6.REQUEST &&
        ia.kind === 'address' &&
        ia.hints.some(({ address }) => !isOnLink(address, world))
      ) {
        return { option: iaOption(ia, [], STATUS6.NotOnLink, 'not of this link'), changes: [] };
      }
      return give(ia, key, known, context);
    case 'adopt':
      // The client speaks of leases that nobody here remembers: what is free it may keep.
      return give(ia, key, known, context);
  }
}

function give(
  ia: RequestedIa,
  key: string,
  known: Binding | undefined,
  { request, world, pool, clientId, pending }: IaContext,
): IaPart | undefined {
  const { bindings, segment, bootMs, wallMs } = world;
  const room = bindings.roomFor(key, bootMs);
  const isNew = known === undefined;
  const mayBeNew = !isNew || (pending.left > 0 && room !== undefined);
  if (!world.durable) return known && asTheDiskKnows(ia, known, world);
  const leases = mayBeNew
    ? leaseFor(ia, known, {
        ...{ pool, segment, bootMs, config: world.config },
        fixed: staticOf(world.config, request, ia.iaid),
        isFree: (prefix, held) => pending.isFree(prefix, key, held),
        random64: () => world.random64(),
      })
    : [];
  pending.take(leases);
  // Of what it had or named and does not keep, a client is told that it is over (RFC 8415 §18.3.4).
  const over =
    request.type === DHCP6.RENEW || request.type === DHCP6.REBIND
      ? [...ia.hints, ...(known?.leases.map(({ prefix }) => prefix) ?? [])]
      : [];
  const kept = new Set(leases.map(({ prefix }) => formatPrefix6(prefix)));
  const ended = new Map(over.map((prefix) => [formatPrefix6(prefix), prefix]));
  for (const name of kept) ended.delete(name);
  const zero = [...ended.values()]
    .filter(({ address }) => address !== 0n)
    .map((prefix) => ({ prefix, preferredSec: 0, validSec: 0, expiresAtMs: bootMs }));
  if (leases.length === 0) {
    if (zero.length > 0) return { option: iaOption(ia, zero), changes: [] };
    const [code, text] =
      ia.kind === 'address'
        ? [STATUS6.NoAddrsAvail, 'no address for you']
        : [STATUS6.NoPrefixAvail, 'no prefix for you'];
    return { option: iaOption(ia, [], code, text), changes: [] };
  }
  if (isNew) pending.left -= 1;
  const binding: Binding = {
    ...{ kind: ia.kind, iaid: ia.iaid, duid: clientId, segment: segment.ifName, pool: pool.id },
    ...{ leases, state: 'bound', source: request.source, held: false },
    ...{ direct: !request.relayed, mac: request.macs[0] },
    hostName: request.hostName ?? known?.hostName,
    ...{ lastBootMs: bootMs, lastWallMs: wallMs },
  };
  const gone = (room ?? []).map((other) => ({ key: other, binding: undefined }));
  return { option: iaOption(ia, [...leases, ...zero]), changes: [...gone, { key, binding }] };
}

/** While nothing can be written: what is left of what was, and nothing new. */
function asTheDiskKnows(ia: RequestedIa, known: Binding, world: World): IaPart | undefined {
  const leases = known.leases
    .filter((lease) => known.state === 'bound' && lease.expiresAtMs > world.bootMs)
    .map((lease): Lease6View => {
      const validSec = Math.floor((lease.expiresAtMs - world.bootMs) / 1000);
      return { ...lease, validSec, preferredSec: Math.min(lease.preferredSec, validSec) };
    });
  return leases.length === 0 ? undefined : { option: iaOption(ia, leases), changes: [] };
}

/** Only what the client names and has; the rest of the binding stays. */
function release(ia: RequestedIa, key: string, bound: Binding, { wallMs }: World): IaPart {
  const named = new Set(ia.hints.map(formatPrefix6));
  const left = bound.leases.filter(({ prefix }) => !named.has(formatPrefix6(prefix)));
  const binding: Binding =
    left.length === 0
      ? // Kept, so that the client gets the same again.
        { ...bound, state: 'released', lastWallMs: wallMs }
      : { ...bound, leases: left, lastWallMs: wallMs };
  return { option: iaOption(ia, [], STATUS6.Success, 'released'), changes: [{ key, binding }] };
}

/** Each declined address becomes a binding of its own that nobody can use. */
function decline(ia: RequestedIa, key: string, bound: Binding, world: World): IaPart {
  const named = new Set(ia.hints.map(formatPrefix6));
  const bad = bound.leases.filter(({ prefix }) => named.has(formatPrefix6(prefix)));
  const left = bound.leases.filter(({ prefix }) => !named.has(formatPrefix6(prefix)));
  const changes: BindingChange[] = [
    { key, binding: left.length === 0 ? undefined : { ...bound, leases: left } },
    ...bad.map(({ prefix }) => ({
      key: `declined/${formatPrefix6(prefix)}`,
      binding: {
        ...bound,
        ...{ state: 'declined' as const, lastWallMs: world.wallMs, lastBootMs: world.bootMs },
        leases: [
          {
            ...{ prefix, preferredSec: 0, validSec: DECLINED_MS / 1000 },
            expiresAtMs: world.bootMs + DECLINED_MS,
          },
        ],
      },
    })),
  ];
  return {
    option: iaOption(ia, [], STATUS6.Success, 'noted'),
    changes: bad.length === 0 ? [] : changes,
  };
}

/** RFC 8415 §18.3.3: whether all addresses are of this link; nothing to say when there are none. */
function confirm({ ias }: ClientRequest, world: World): Dhcp6Option | undefined {
  const hints = ias.filter(({ kind }) => kind === 'address').flatMap((ia) => ia.hints);
  if (hints.length === 0 || world.segment.prefixes.length === 0) return undefined;
  return hints.every(({ address }) => isOnLink(address, world))
    ? statusOption(STATUS6.Success, 'all on this link')
    : statusOption(STATUS6.NotOnLink, 'not of this link');
}

const isOnLink = (address: Ipv6, { segment, bootMs }: World): boolean =>
  segment.prefixes.some((p) => p.validUntilMs > bootMs && contains6(p.prefix, address));

/** T1 and T2 are half and four fifths of the shortest preferred lifetime (RFC 8415 §21.4). */
function iaOption(
  ia: RequestedIa,
  leases: readonly Lease6View[],
  status?: number,
  text = '',
): Dhcp6Option {
  const preferred = leases.map(({ preferredSec }) => preferredSec).filter((sec) => sec > 0);
  const shortest = preferred.length === 0 ? 0 : Math.min(...preferred);
  const options: Dhcp6Option[] = leases.map(({ prefix, preferredSec, validSec }) => {
    const rest = { address: prefix.address, preferredSec, validSec, options: [] };
    return ia.kind === 'address'
      ? { code: OPTION6.IAADDR, value: CODEC6.iaAddress.encode(rest) }
      : {
          code: OPTION6.IAPREFIX,
          value: CODEC6.iaPrefix.encode({ ...rest, prefixLen: prefix.prefixLen }),
        };
  });
  if (status !== undefined) options.push(statusOption(status, text));
  const value = CODEC6.ia.encode({
    ...{ iaid: ia.iaid, options },
    t1Sec: shortest * 0.5,
    t2Sec: shortest * 0.8,
  });
  return { code: ia.kind === 'address' ? OPTION6.IA_NA : OPTION6.IA_PD, value };
}

/** Temporary addresses (§21.5): hosts make them by themselves (RFC 8981). */
function temporaryRefused(iaid: number): Dhcp6Option {
  const value = new Uint8Array(4);
  new DataView(value.buffer).setUint32(0, iaid);
  const status = statusOption(STATUS6.NoAddrsAvail, 'no temporary addresses');
  const inner = CODEC6.options.encode([status]);
  const whole = new Uint8Array(4 + inner.length);
  whole.set(value);
  whole.set(inner, 4);
  return { code: OPTION6.IA_TA, value: whole };
}

const statusOption = (code: number, text: string): Dhcp6Option => ({
  code: OPTION6.STATUS_CODE,
  value: CODEC6.status.encode({ code, text }),
});

const isSame = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);
