/** What the DHCPv6 client asks of its program, and the programs that there are. */
import {
  formatIpv6,
  type Ipv6,
  type Ipv6Prefix,
  parseIpv6,
  parseIpv6Prefix,
} from '../../base/ip6.ts';
import type { ClientProgram } from '../client-programs/program.ts';
import type { Client6Config } from './config.ts';
import { iaKey, type RawIa, type RawReply } from './lease.ts';

export interface Wish6 {
  readonly config: Client6Config & { readonly ifName: string };
  /** The plugin's path for this client. */
  readonly hook: string;
  /** The client's own folder. */
  readonly folder: string;
  /** This box's, for good. */
  readonly duid: Uint8Array;
  /** What was held last is asked for first; by IAID. */
  readonly lastAddresses: ReadonlyMap<number, Ipv6>;
  readonly lastPrefixes: ReadonlyMap<number, Ipv6Prefix>;
}

/** Its hook tells of an answer, or of nothing that matters here. */
export type Program6 = ClientProgram<Wish6, RawReply | undefined>;

/** IAIDs of a client: no two clients of a box share one (RFC 8415 §12). */
const IAIDS_PER_CLIENT = 256;
export const addressIaid = ({ instance }: Pick<Client6Config, 'instance'>): number =>
  instance * IAIDS_PER_CLIENT;
export const prefixIaid = ({ instance }: Pick<Client6Config, 'instance'>, place: number): number =>
  instance * IAIDS_PER_CLIENT + 1 + place;

/** Of what a hook tells of without saying which IA it is in. */
export const UNKNOWN_IAID = 0;

/** The answer with each lease in an IA: what is in an unknown one is of the first that is asked for. */
export function withIaids(reply: RawReply, config: Client6Config): RawReply {
  const ias = new Map<string, RawIa>();
  for (const ia of reply.ias) {
    const first = ia.kind === 'address' ? addressIaid(config) : prefixIaid(config, 0);
    const iaid = ia.iaid === UNKNOWN_IAID ? first : ia.iaid;
    const key = iaKey(ia.kind, iaid);
    const before = ias.get(key);
    const leases = [...(before?.leases ?? []), ...ia.leases];
    ias.set(key, { ...(before ?? ia), iaid, leases });
  }
  const asked = reply.asked.filter(
    (key) => key !== iaKey('address', 0) && key !== iaKey('prefix', 0),
  );
  return { ...reply, ias: [...ias.values()], asked: [...new Set([...asked, ...ias.keys()])] };
}

/** A comment in a program's file that tells what it was written for, but for what is asked for first. */
export function wishLine({ config, hook, folder, duid }: Wish6): string {
  const text = JSON.stringify({ config, hook, folder, duid: [...duid] }, (_key, value: unknown) => {
    if (value instanceof Uint8Array) return [...value];
    return typeof value === 'bigint' ? formatIpv6(value as Ipv6) : value;
  });
  // Names of interfaces and paths are this box's own; nothing here ends the line.
  return `# ${text.replace(/[^ -~]/g, '?')}`;
}

/** Addresses and prefixes of an environment: texts, checked. */
export const address6 = (text: string | undefined): Ipv6 | undefined => {
  const parsed = parseIpv6(text ?? '');
  return parsed.ok ? parsed.value : undefined;
};
export const prefix6 = (text: string): Ipv6Prefix | undefined => {
  const parsed = parseIpv6Prefix(text);
  return parsed.ok ? parsed.value : undefined;
};

/** Seconds of an environment; Infinity for 0xffffffff. */
export function lifetime(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const value = Number(text);
  return value > 0xffffffff ? undefined : value === 0xffffffff ? Infinity : value;
}
