/**
 * Pure: which IPv4 address and ports a customer of a MAP domain has, and whose a port is
 * (RFC 7597 §5). The same arithmetic for MAP-T (RFC 7599) and MAP-E.
 */
import {
  contains,
  formatPrefix,
  type Ipv4,
  type Ipv4Prefix,
  ipv4,
  overlaps,
} from '../../base/ip.ts';
import {
  contains6,
  formatPrefix6,
  type Ipv6,
  type Ipv6Prefix,
  ipv6,
  overlaps6,
  type PrefixLen6,
} from '../../base/ip6.ts';
import { err, ok, type Result } from '../../base/result.ts';

/** A mapping rule. With `eaLen` 0 the PSID is that of the rule itself. */
export interface MapRule {
  readonly prefix6: Ipv6Prefix;
  readonly prefix4: Ipv4Prefix;
  /** Embedded-address bits behind `prefix6`, 0 to 48. */
  readonly eaLen: number;
  /** Other customers may be reached by it, without the border relay. */
  readonly fmr: boolean;
  /** Bits of a port before the PSID, 0 to 15 (§5.1, a). */
  readonly psidOffset: number;
  /** Bits of the PSID where the rule gives it itself, 0 to 16. */
  readonly psidLen: number;
  readonly psid: number;
  /** Ports of sets that begin below 1024, as `A` = 0 gives them, are used as well. */
  readonly systemPorts: boolean;
}

/** Ports from `first` to `last`, both included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** One end of a domain: what the customer with this IPv6 prefix is and has. */
export interface MapAddressing {
  readonly address: Ipv4;
  /** True: the address is shared, and only the ports of `ports` are the customer's. */
  readonly shared: boolean;
  readonly psid: number;
  readonly psidLen: number;
  /** Ascending, none overlapping; all ports when the address is not shared. */
  readonly ports: readonly PortRange[];
  /** The MAP IPv6 address (§6). */
  readonly address6: Ipv6;
}

/** RFC 7597 §5.1: what stands for a port that came before PSIDs. */
export const DEFAULT_PSID_OFFSET = 6;
const ALL_PORTS: readonly PortRange[] = [{ first: 0, last: 65535 }];
const PORT_BITS = 16;
/** Behind it stands the interface identifier. */
const SUBNET_BITS = 64;
const MAX_EA_LEN = 48;
const SYSTEM_PORTS = 1024;

/** How the EA bits of a rule fall into bits of the address (p) and of the PSID (q), §5.2. */
const split = ({ eaLen, prefix4, psidLen }: MapRule): { p: number; q: number } => {
  if (eaLen === 0) return { p: 0, q: psidLen };
  const p = Math.min(eaLen, 32 - prefix4.prefixLen);
  return { p, q: eaLen - p };
};

/** What makes a rule impossible, for people; undefined when nothing does. */
export function ruleFault(rule: MapRule): string | undefined {
  const { prefix6, prefix4, eaLen, psidOffset, psidLen, psid } = rule;
  const { p, q } = split(rule);
  if (eaLen > MAX_EA_LEN) return `${eaLen} EA bits; at most ${MAX_EA_LEN} are possible`;
  if (prefix6.prefixLen + eaLen > SUBNET_BITS) {
    return `too long: a prefix of ${prefix6.prefixLen} and ${eaLen} EA bits do not fit ${SUBNET_BITS}`;
  }
  if (prefix6.prefixLen === 0) return 'the IPv6 prefix is empty';
  if (q > PORT_BITS) return `impossible EA bits: ${q} of ${eaLen} would be those of a PSID`;
  if (psidOffset + q > PORT_BITS) {
    return `a port has no room for ${psidOffset} bits before a PSID of ${q}`;
  }
  if (psid >= 2 ** psidLen) return `PSID ${psid} has more than ${psidLen} bits`;
  if (eaLen > 0 && psidLen > 0 && psidLen !== q) {
    return `the EA bits hold a PSID of ${q} bits, not of ${psidLen}`;
  }
  if (prefix4.prefixLen + p < 32 && (q > 0 || eaLen === 0)) {
    return `${formatPrefix(prefix4)} and ${eaLen} EA bits are no whole address`;
  }
  const top = prefix4.address >>> 24;
  if (prefix4.prefixLen < 8 || top === 0 || top === 127 || top >= 224) {
    return `${formatPrefix(prefix4)} holds no addresses of customers`;
  }
  return undefined;
}

/** For each rule what makes it impossible beside the others: who owns an address must be told by one alone. */
export function ruleFaults(rules: readonly MapRule[]): readonly (string | undefined)[] {
  return rules.map((rule, i) => {
    const fault = ruleFault(rule);
    if (fault !== undefined) return fault;
    const rival = rules.find((other, j) => j !== i && clash(rule, other));
    if (rival === undefined) return undefined;
    return `overlaps the rule ${formatPrefix6(rival.prefix6)}, ${formatPrefix(rival.prefix4)}`;
  });
}

function clash(a: MapRule, b: MapRule): boolean {
  if (overlaps6(a.prefix6, b.prefix6)) return true;
  if (!overlaps(a.prefix4, b.prefix4)) return false;
  // Customers who share one address, each with a rule of their own.
  const alike = a.psidLen === b.psidLen && a.psidOffset === b.psidOffset && a.psidLen > 0;
  return !(a.eaLen === 0 && b.eaLen === 0 && alike && a.psid !== b.psid);
}

/** The rule for a delegated prefix: the longest match (§5, basic mapping rule). */
export const basicRule = <R extends MapRule>(
  rules: readonly R[],
  delegated: Ipv6Prefix,
): R | undefined =>
  rules
    .filter(({ prefix6 }) => covers(prefix6, delegated))
    .toSorted((a, b) => b.prefix6.prefixLen - a.prefix6.prefixLen)[0];

const covers = (outer: Ipv6Prefix, inner: Ipv6Prefix): boolean =>
  outer.prefixLen <= inner.prefixLen && contains6(outer, inner.address);

/** What the customer with the delegated prefix has by a rule without fault, or why nothing, for people. */
export function addressing(rule: MapRule, delegated: Ipv6Prefix): Result<MapAddressing, string> {
  const { prefix6, eaLen } = rule;
  if (!covers(prefix6, delegated)) {
    return err(`${formatPrefix6(delegated)} is not in ${formatPrefix6(prefix6)}`);
  }
  const used = prefix6.prefixLen + eaLen;
  if (delegated.prefixLen < used) {
    return err(`${formatPrefix6(delegated)} ends before the EA bits do, at ${used}`);
  }
  if (delegated.prefixLen > SUBNET_BITS) {
    return err(`${formatPrefix6(delegated)} is too long: the MAP address needs a /64`);
  }
  const { q } = split(rule);
  const ea = bitsOf(delegated.address, prefix6.prefixLen, eaLen);
  const psid = eaLen === 0 ? rule.psid : Number(ea & ((1n << BigInt(q)) - 1n));
  if (eaLen > 0 && rule.psidLen > 0 && rule.psid !== psid) {
    return err(`the PSID is ${psid} by the delegated prefix, and ${rule.psid} by the rule`);
  }
  // The border relay takes the bits between the EA bits and the interface identifier for zero.
  if (bitsOf(delegated.address, used, SUBNET_BITS - used) !== 0n) {
    return err(`${formatPrefix6(delegated)} is not the first part of its customer's prefix`);
  }
  return finish(rule, delegated.address, ea, psid);
}

/** Who has this address and port by a rule without fault: the customer's prefix, or undefined when nobody has. */
export function customerOf(rule: MapRule, address: Ipv4, port: number): Ipv6Prefix | undefined {
  const { prefix4, prefix6, eaLen } = rule;
  if (!contains(prefix4, address)) return undefined;
  const { p, q } = split(rule);
  const m = PORT_BITS - rule.psidOffset - q;
  if (q > 0) {
    const block = port >>> (PORT_BITS - rule.psidOffset);
    if (rule.psidOffset > 0 && block === 0 && !rule.systemPorts) return undefined;
    if (rule.psidOffset === 0 && port < SYSTEM_PORTS && !rule.systemPorts) return undefined;
  }
  const psid = (port >>> m) & (2 ** q - 1);
  if (eaLen === 0) return q === 0 || psid === rule.psid ? prefix6 : undefined;
  const suffixBits = 32 - prefix4.prefixLen;
  const suffix = suffixBits === 0 ? 0 : (address & (2 ** suffixBits - 1)) >>> (suffixBits - p);
  const ea = (BigInt(suffix >>> 0) << BigInt(q)) | BigInt(psid);
  const end = prefix6.prefixLen + eaLen;
  return {
    address: ipv6(prefix6.address | (ea << BigInt(128 - end))),
    prefixLen: end as PrefixLen6,
  };
}

/** How many ports the ranges have; port 0 is none. */
export const portCount = (ranges: readonly PortRange[]): number =>
  ranges.reduce((sum, { first, last }) => sum + last - Math.max(1, first) + 1, 0);

function finish(
  rule: MapRule,
  network: Ipv6,
  ea: bigint,
  psid: number,
): Result<MapAddressing, string> {
  const { prefix4 } = rule;
  const { p, q } = split(rule);
  const suffix = Number(ea >> BigInt(rule.eaLen === 0 ? 0 : q));
  // A prefix shorter than 32 is the customer's whole: the box takes its first address.
  const address = ipv4(prefix4.address + suffix * 2 ** (32 - prefix4.prefixLen - p));
  const ports = portsOf(rule, q, psid);
  if (ports.length === 0) return err(`PSID ${psid} has none but system ports`);
  const identifier = (BigInt(address) << 16n) | BigInt(psid);
  return ok({
    ...{ address, shared: q > 0, psid, psidLen: q, ports },
    address6: ipv6(network | identifier),
  });
}

/** §5.1: port = A, PSID, j; the sets of a customer in ascending order. */
function portsOf(rule: MapRule, q: number, psid: number): readonly PortRange[] {
  if (q === 0) return ALL_PORTS;
  const a = rule.psidOffset;
  const m = PORT_BITS - a - q;
  const ranges: PortRange[] = [];
  for (let block = a > 0 && !rule.systemPorts ? 1 : 0; block < 2 ** a; block++) {
    const base = block * 2 ** (PORT_BITS - a) + psid * 2 ** m;
    const lowest = a === 0 && !rule.systemPorts ? SYSTEM_PORTS : 0;
    const first = Math.max(base, lowest);
    const last = base + 2 ** m - 1;
    if (first <= last) ranges.push({ first, last });
  }
  return ranges;
}

/** `count` bits of an address from bit `from` on, counted from the left. */
const bitsOf = (address: Ipv6, from: number, count: number): bigint =>
  (address >> BigInt(128 - from - count)) & ((1n << BigInt(count)) - 1n);
