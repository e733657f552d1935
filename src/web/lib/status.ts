/** From values of the model to one word and one sentence. Pure; the words are in the catalogue. */

import type { Key } from '../i18n/en.ts';
import { prefixLength } from './format.ts';
import type { Values } from './patch.ts';
import { asReference, rowsOf } from './paths.ts';

export type State = 'up' | 'degraded' | 'down' | 'unknown' | 'off';

export const IP = 'Device.IP.Interface.';
export const CLIENTS = 'Device.DHCPv4.Client.';
export const ETHERNET = 'Device.Ethernet.Interface.';
export const NAT = 'Device.NAT.InterfaceSetting.';

export const textAt = (values: Values, path: string): string => values.get(path)?.value ?? '';

/** Remaining seconds now of a value that counts down since it was read; undefined for 0 and for no value. */
export function countdownSec(values: Values, path: string, nowMs: number): number | undefined {
  const found = values.get(path);
  const seconds = Number(found?.value ?? 0);
  if (found === undefined || seconds === 0) return undefined;
  if (seconds < 0) return Number.POSITIVE_INFINITY;
  return Math.max(0, seconds - (nowMs - found.atMs) / 1000);
}

/** Seconds now of a value that counts up since it was read. */
export function elapsedSec(values: Values, path: string, nowMs: number): number | undefined {
  const found = values.get(path);
  return found === undefined ? undefined : Number(found.value) + (nowMs - found.atMs) / 1000;
}

export function interfaceState(values: Values, row: string): State {
  if (textAt(values, `${row}Enable`) === 'false') return 'off';
  switch (textAt(values, `${row}Status`)) {
    case 'Up':
      return 'up';
    case 'Dormant':
      return 'degraded';
    case '':
    case 'Unknown':
      return 'unknown';
    default:
      return 'down';
  }
}

export function clientState(values: Values, row: string): State {
  if (textAt(values, `${row}Enable`) !== 'true') return 'off';
  if (textAt(values, `${row}Status`).startsWith('Error')) return 'down';
  if (textAt(values, `${row}IPAddress`) === '') return 'down';
  const late = textAt(values, `${row}DHCPStatus`) === 'Rebinding';
  return late || textAt(values, `${row}X_GATEHOUSE_Reason`) !== '' ? 'degraded' : 'up';
}

export const objectState = (status: string): State =>
  status === 'Enabled' || status === 'Up'
    ? 'up'
    : status === 'Disabled'
      ? 'off'
      : status === ''
        ? 'unknown'
        : 'down';

/** The DHCP client on an IP interface. */
export const clientOn = (values: Values, row: string): string | undefined =>
  rowsOf(values.keys(), CLIENTS).find(
    (client) => textAt(values, `${client}Interface`) === asReference(row),
  );

export const zoneRows = (values: Values, zone: 'Wan' | 'Lan'): readonly string[] =>
  rowsOf(values.keys(), IP).filter((row) => textAt(values, `${row}X_GATEHOUSE_Zone`) === zone);

/** What a person calls a row: its Alias, else its name, else its number. */
export function titleOf(values: Values, row: string): string {
  const alias = textAt(values, `${row}Alias`);
  // `cpe-3` is what the model calls a row that nobody named.
  const given = /^cpe-\d+$/.test(alias) ? '' : alias;
  return given || textAt(values, `${row}Name`) || alias || asReference(row);
}

/** Addresses of an interface that the kernel has, as `192.168.1.1/24`. */
export const addressesOf = (values: Values, row: string): readonly string[] =>
  rowsOf(values.keys(), `${row}IPv4Address.`).flatMap((address) => {
    const ip = textAt(values, `${address}IPAddress`);
    if (ip === '' || textAt(values, `${address}Enable`) === 'false') return [];
    const length = prefixLength(textAt(values, `${address}SubnetMask`));
    return [length === undefined ? ip : `${ip}/${length}`];
  });

export interface Verdict {
  readonly state: State;
  readonly key: Key;
  readonly args: Readonly<Record<string, string>>;
  /** Interface that it speaks of. */
  readonly row?: string;
}

const RANK: Readonly<Record<State, number>> = { up: 0, degraded: 1, unknown: 2, off: 3, down: 4 };

/** Is it up? The best of the WANs answers. */
export function verdict(values: Values): Verdict {
  const wans = zoneRows(values, 'Wan').map((row) => wanVerdict(values, row));
  if (wans.length === 0) return { state: 'unknown', key: 'verdict.noWan', args: {} };
  return wans.reduce((best, next) => (RANK[next.state] < RANK[best.state] ? next : best));
}

function wanVerdict(values: Values, row: string): Verdict {
  const name = titleOf(values, row);
  const client = clientOn(values, row);
  const enabled = client !== undefined && textAt(values, `${client}Enable`) === 'true';
  const [address] = addressesOf(values, row);
  const say = (state: State, key: Key, args: Record<string, string> = {}): Verdict => ({
    state,
    key,
    args: { name, address: (address ?? '').replace(/\/.*/, ''), ...args },
    row,
  });
  const link = interfaceState(values, row);
  if (link === 'off') return say('off', 'verdict.off');
  if (link === 'unknown') return say('unknown', 'verdict.unknown');
  if (link === 'down') return say('down', 'verdict.link');
  if (enabled && textAt(values, `${client}Status`).startsWith('Error'))
    return say('down', 'verdict.clientError', {
      reason: textAt(values, `${client}X_GATEHOUSE_Reason`),
    });
  if (address === undefined) return say('down', enabled ? 'verdict.waiting' : 'verdict.noAddress');
  if (enabled && textAt(values, `${client}DHCPStatus`) === 'Rebinding')
    return say('degraded', 'verdict.rebinding');
  return say('up', 'verdict.up');
}

export interface Need {
  readonly state: State;
  readonly key: Key;
  readonly args: Readonly<Record<string, string>>;
  readonly href: string;
}

/** What needs the owner, worst first. */
export function needs(values: Values): readonly Need[] {
  const found: Need[] = [];
  const firewall = textAt(values, 'Device.X_GATEHOUSE_Firewall.Status');
  if (firewall === 'Error' || firewall === 'Disabled') {
    const reason = textAt(values, 'Device.X_GATEHOUSE_Firewall.Reason') || firewall;
    found.push({
      state: 'down',
      key: 'need.firewall',
      args: { reason },
      href: '#/network/firewall',
    });
  }
  for (const row of rowsOf(values.keys(), CLIENTS)) {
    const reason = textAt(values, `${row}X_GATEHOUSE_Reason`);
    if (reason === '' || textAt(values, `${row}Enable`) !== 'true') continue;
    const state = clientState(values, row) === 'down' ? 'down' : 'degraded';
    const args = { name: titleOf(values, row), reason };
    found.push({ state, key: 'need.client', args, href: `#/network/dhcp/${numberOf(row)}` });
  }
  for (const row of rowsOf(values.keys(), IP)) {
    if (textAt(values, `${row}Enable`) !== 'true') continue;
    const href = `#/network/interfaces/${numberOf(row)}`;
    const args = { name: titleOf(values, row) };
    const reason = textAt(values, `${row}X_GATEHOUSE_Reason`);
    if (reason !== '')
      found.push({ state: 'degraded', key: 'need.interface', args: { ...args, reason }, href });
    else if (interfaceState(values, row) === 'down')
      found.push({ state: 'down', key: 'need.link', args, href });
  }
  if (textAt(values, 'Device.DNS.Relay.Status') === 'Error') {
    const reason = textAt(values, 'Device.DNS.Relay.X_GATEHOUSE_Reason');
    found.push({ state: 'degraded', key: 'need.dns', args: { reason }, href: '#/dns' });
  }
  const restored = Number(textAt(values, 'Device.X_GATEHOUSE_Firewall.Restored'));
  if (restored > 0)
    found.push({
      state: 'degraded',
      key: 'need.restored',
      args: { n: String(restored) },
      href: '#/network/firewall',
    });
  const refused = Number(textAt(values, 'Device.X_GATEHOUSE_LeaseMonitor.RefusedMessages'));
  if (refused > 0)
    found.push({
      state: 'degraded',
      key: 'need.refused',
      args: { n: String(refused) },
      href: '#/monitor/logs',
    });
  return byWeight(found);
}

/** Worst first. */
export const byWeight = (needs: readonly Need[]): readonly Need[] =>
  needs.toSorted((a, b) => RANK[b.state] - RANK[a.state]);

export const numberOf = (row: string): string => /(\d+)\.$/.exec(row)?.[1] ?? '';
