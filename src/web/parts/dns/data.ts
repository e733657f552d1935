/** What the place of DNS reads and asks: paths, shapes of answers, devices by address. */
import { HOSTS } from '../../lib/devices.ts';
import type { Values } from '../../lib/patch.ts';
import { rowsOf } from '../../lib/paths.ts';
import { textAt } from '../../lib/status.ts';

export const DNS = 'Device.X_GATEHOUSE_DNS.';
export const RELAY = 'Device.DNS.Relay.';
export const FORWARDING = `${RELAY}Forwarding.`;
export const LISTS = `${DNS}List.`;
export const GROUPS = `${DNS}Group.`;
export const OVERRIDES = `${DNS}Override.`;
export const STATS = `${DNS}Stats.`;
export const LOG = `${DNS}QueryLog.`;

export type LoggedBy = 'block' | 'rewrite' | 'local' | 'cache' | 'stale' | 'upstream' | 'error';

export interface Entry {
  readonly id: number;
  readonly time: string;
  readonly client: string;
  readonly name: string;
  readonly type: string;
  readonly by: LoggedBy;
  readonly rule: string | null;
}

export interface LogAnswer {
  readonly privacy: string;
  readonly last: number;
  readonly entries: readonly Entry[];
}

interface Top {
  readonly key: string;
  readonly count: number;
}

export interface StatsAnswer {
  readonly privacy: string;
  readonly topNames: readonly Top[];
  readonly topBlocked: readonly Top[];
  readonly topClients: readonly Top[];
  readonly hours: readonly { from: string; queries: number; blocked: number }[];
}

export interface WhyAnswer {
  readonly name: string;
  readonly verdict: 'pass' | 'allow' | 'block' | 'rewrite';
  readonly by: string | null;
  readonly group: string | null;
}

/** Devices of the LAN by one of their addresses, those with a name first. */
export function devicesAt(values: Values): readonly { address: string; name: string }[] {
  return rowsOf(values.keys(), HOSTS)
    .map((row) => {
      const address = textAt(values, `${row}IPAddress`);
      return { address, name: textAt(values, `${row}HostName`) || address };
    })
    .filter(({ address }) => address !== '')
    .sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
}

/** What the device at an address is called; every address of it counts. */
export function nameAt(values: Values, address: string): string | undefined {
  for (const [path, { value }] of values) {
    if (value !== address || !path.startsWith(HOSTS) || !path.endsWith('IPAddress')) continue;
    const row = path.slice(0, path.indexOf('.', HOSTS.length) + 1);
    return textAt(values, `${row}HostName`) || undefined;
  }
  return undefined;
}
