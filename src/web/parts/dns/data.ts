/** What the place of DNS reads and asks: paths, shapes of answers, devices by address. */

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
