/**
 * Pure: which network of the LAN gets which /64 of each delegated prefix. It depends on nothing but
 * the networks and the prefix, so it is the same after a restart, a reboot, and for the next prefix
 * of the same length.
 */
import {
  formatPrefix6,
  type Ipv6Prefix,
  isLinkLocal,
  type PrefixLen6,
  subPrefix,
} from '../../base/ip6.ts';
import type { DelegatedPrefix6, Lan6Config, LanPrefix6 } from './config.ts';

const SUBNET = 64 as PrefixLen6;
/** Of each network: hosts and advertisements take no more. */
const MAX_PER_LAN = 8;

interface LanPlan {
  readonly placed: readonly LanPrefix6[];
  readonly unplaced: readonly { readonly lan: string; readonly reason: string }[];
}

export function planLan(
  lans: readonly Lan6Config[],
  clients: readonly { readonly id: string; readonly prefixes: readonly DelegatedPrefix6[] }[],
): LanPlan {
  const placed: LanPrefix6[] = [];
  const unplaced: { lan: string; reason: string }[] = [];
  const seen = new Set<string>();
  for (const { id: client, prefixes } of clients) {
    for (const { prefix: delegated, preferredUntilMs, validUntilMs } of prefixes) {
      const name = formatPrefix6(delegated);
      // Two IAs, or two clients, with one prefix.
      if (seen.has(name) || isLinkLocal(delegated.address)) continue;
      seen.add(name);
      const numbers = numbersOf(lans, delegated);
      for (const lan of lans) {
        const number = numbers.get(lan.id);
        const subnet = number === undefined ? undefined : subPrefix(delegated, SUBNET, number);
        const { id, ifName } = lan;
        if (subnet === undefined) {
          const reason = `${name} has no /64 left for it`;
          unplaced.push({ lan: id, reason });
        } else if (placed.filter((other) => other.lan === id).length < MAX_PER_LAN) {
          const times = { preferredUntilMs, validUntilMs };
          placed.push({ lan: id, ifName, client, delegated, subnet, ...times });
        }
      }
    }
  }
  return { placed, unplaced };
}

/**
 * Each network has the number that was chosen for it, or its own, if the prefix has so many; the
 * others take what is free, the lowest first. Chosen numbers go before, then the order of the networks.
 */
function numbersOf(
  lans: readonly Lan6Config[],
  delegated: Ipv6Prefix,
): ReadonlyMap<string, bigint> {
  const size = delegated.prefixLen > SUBNET ? 0n : 1n << BigInt(SUBNET - delegated.prefixLen);
  const taken = new Set<bigint>();
  const numbers = new Map<string, bigint>();
  const give = (id: string, number: bigint): void => {
    taken.add(number);
    numbers.set(id, number);
  };
  const ordered = [...lans.filter((lan) => lan.chosen), ...lans.filter((lan) => !lan.chosen)];
  for (const { id, subnet } of ordered) {
    const number = BigInt(subnet);
    if (number < size && !taken.has(number)) give(id, number);
  }
  let free = 0n;
  for (const { id } of ordered) {
    if (numbers.has(id)) continue;
    while (taken.has(free)) free++;
    if (free < size) give(id, free);
  }
  return numbers;
}
