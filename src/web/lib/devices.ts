/** The LAN's devices from values of the model: who has an address, who may, how full the pools are. Pure. */
import type { Translate } from '../i18n/catalogue.ts';
import { timeMs } from './format.ts';
import type { Values } from './patch.ts';
import { rowsOf } from './paths.ts';
import { type Need, numberOf, textAt, titleOf } from './status.ts';

export const SERVER = 'Device.DHCPv4.Server.';
export const POOLS = `${SERVER}Pool.`;
export const RULES = `${SERVER}X_GATEHOUSE_Rule.`;
export const PENDING = `${SERVER}X_GATEHOUSE_Pending.`;
export const SEGMENTS = `${SERVER}X_GATEHOUSE_Segment.`;
export const OTHER_SERVERS = `${SERVER}X_GATEHOUSE_OtherServer.`;
export const OTHER_LEASES = `${SERVER}X_GATEHOUSE_OtherLease.`;
export const HOSTS = 'Device.Hosts.Host.';

/** What overview and needs speak of, without the rows of every lease. */
export const SUMMARY: readonly string[] = [
  `${SERVER}X_GATEHOUSE_Reason`,
  OTHER_SERVERS,
  ...['Alias', 'X_GATEHOUSE_Reason', 'X_GATEHOUSE_Size', 'X_GATEHOUSE_Bound'].map(
    (name) => `${POOLS}*.${name}`,
  ),
  `${HOSTS}*.Active`,
  `${HOSTS}*.X_GATEHOUSE_FirstSeen`,
];

const DAY_MS = 86_400_000;
/** A pool that is fuller than this needs the owner. */
const NEARLY_FULL = 0.9;

type Params = Readonly<Record<string, string>>;

/** The parameters of rows by their names; `pattern` gives the row and the name, in one pass over all values. */
function grouped(values: Values, pattern: RegExp): ReadonlyMap<string, Params> {
  const found = new Map<string, Record<string, string>>();
  for (const [path, { value }] of values) {
    const [, row, name] = pattern.exec(path) ?? [];
    if (row === undefined || name === undefined) continue;
    const known = found.get(row) ?? {};
    known[name] = value;
    found.set(row, known);
  }
  return found;
}

export interface Device {
  /** Path of its lease, else of its row among the hosts. */
  readonly row: string;
  readonly mac: string;
  /** What it is called; its MAC where it has no name. */
  readonly name: string;
  readonly address: string;
  readonly vendor: string;
  readonly state: 'here' | 'away' | 'lent' | 'none';
  /** The lease, and when it is over; Infinity for one without end. */
  readonly lease: string | undefined;
  readonly endMs: number | undefined;
  readonly isFixed: boolean;
  /** The rule that speaks of it alone. */
  readonly word: 'Allow' | 'Deny' | undefined;
  readonly untilMs: number | undefined;
}

/** A row for each lease, and for each host without one. */
export function devicesOf(values: Values): readonly Device[] {
  const of = (pattern: RegExp): ReadonlyMap<string, Params> => grouped(values, pattern);
  const hosts = [...of(/^(Device\.Hosts\.Host\.\d+\.)(\w+)$/)];
  const byMac = new Map(hosts.map(([, host]) => [host['PhysAddress'], host]));
  const words = new Map<string | undefined, Params>();
  for (const rule of of(/^(Device\.DHCPv4\.Server\.X_GATEHOUSE_Rule\.\d+\.)(\w+)$/).values())
    if (rule['Alias']?.startsWith('device-')) words.set(rule['Chaddr'], rule);
  const device = (row: string, mac: string, client: Params, host: Params | undefined): Device => {
    const rule = words.get(mac);
    const isLease = client['Active'] === 'true';
    return {
      ...{ row, mac },
      name: host?.['HostName'] || client['X_GATEHOUSE_HostName'] || mac,
      address: client['IPAddress'] || host?.['IPAddress'] || '',
      vendor: host?.['X_GATEHOUSE_Vendor'] ?? '',
      state:
        host === undefined
          ? isLease
            ? 'lent'
            : 'none'
          : host['Active'] === 'true'
            ? 'here'
            : 'away',
      lease: isLease ? row : undefined,
      endMs: isLease ? endOf(client['LeaseTimeRemaining']) : undefined,
      isFixed: client['X_GATEHOUSE_Static'] === 'true',
      word: rule?.['Enable'] === 'true' ? (rule['Action'] as 'Allow' | 'Deny') : undefined,
      untilMs: timeMs(rule?.['Until']),
    };
  };
  const clients = of(
    /^(Device\.DHCPv4\.Server\.Pool\.\d+\.Client\.\d+\.)(?:IPv4Address\.\d+\.)?(\w+)$/,
  );
  const lent = [...clients].map(([row, client]) => {
    const mac = client['Chaddr'] ?? '';
    return device(row, mac, client, byMac.get(mac));
  });
  const having = new Set(lent.map(({ mac }) => mac));
  const others = hosts.flatMap(([row, host]) => {
    const mac = host['PhysAddress'] ?? '';
    return having.has(mac) ? [] : [device(row, mac, {}, host)];
  });
  return [...lent, ...others];
}

/** TR-106 writes a time that never comes as the last second of 9999. */
const endOf = (text: string | undefined): number | undefined =>
  text?.startsWith('9999-') ? Number.POSITIVE_INFINITY : timeMs(text);

export const leaseEnd = (values: Values, path: string): number | undefined =>
  endOf(textAt(values, path));

/** Row of the table of fixed addresses that names this MAC. */
export function fixedRow(values: Values, mac: string): string | undefined {
  for (const [path, { value }] of values) {
    if (value === mac && /\.StaticAddress\.\d+\.Chaddr$/.test(path))
      return path.slice(0, -'Chaddr'.length);
  }
  return undefined;
}

/** Hosts that are here, and how many of all were first seen within a day. */
export function hostCounts(values: Values, nowMs: number): { here: number; fresh: number } {
  let [here, fresh] = [0, 0];
  for (const host of grouped(values, /^(Device\.Hosts\.Host\.\d+\.)(\w+)$/).values()) {
    if (host['Active'] === 'true') here++;
    if ((timeMs(host['X_GATEHOUSE_FirstSeen']) ?? 0) > nowMs - DAY_MS) fresh++;
  }
  return { here, fresh };
}

export interface Fill {
  readonly bound: number;
  readonly size: number;
  readonly nearlyFull: boolean;
}

export function fillOf(values: Values, pool: string): Fill {
  const bound = Number(textAt(values, `${pool}X_GATEHOUSE_Bound`));
  const size = Number(textAt(values, `${pool}X_GATEHOUSE_Size`));
  return { bound, size, nearlyFull: size > 0 && bound >= size * NEARLY_FULL };
}

/** What of the LAN's addresses needs the owner. */
export function addressNeeds(values: Values): readonly Need[] {
  const found: Need[] = [];
  const say = (state: Need['state'], key: Need['key'], args: Need['args'], where: string): void => {
    found.push({ state, key, args, href: `#/devices/${where}` });
  };
  const reason = textAt(values, `${SERVER}X_GATEHOUSE_Reason`);
  if (reason !== '') say('down', 'need.leases', { reason }, 'pools');
  for (const row of rowsOf(values.keys(), OTHER_SERVERS))
    say('down', 'need.other', { address: textAt(values, `${row}IPAddress`) }, 'others');
  for (const row of rowsOf(values.keys(), POOLS)) {
    const name = titleOf(values, row);
    const why = textAt(values, `${row}X_GATEHOUSE_Reason`);
    const { bound, size, nearlyFull } = fillOf(values, row);
    const where = `pools/${numberOf(row)}`;
    if (why !== '') say('down', 'need.pool', { name, reason: why }, where);
    else if (nearlyFull)
      say('degraded', 'need.full', { name, n: String(bound), all: String(size) }, where);
  }
  const waiting = rowsOf(values.keys(), PENDING).length;
  if (waiting > 0) say('degraded', 'need.waiting', { n: String(waiting) }, 'waiting');
  return found;
}

/** Whom a rule speaks of, in words. */
export function whom(values: Values, rule: string, t: Translate): string {
  const at = (name: string): string => textAt(values, `${rule}${name}`);
  const said: string[] = [];
  const [mac, mask] = [at('Chaddr'), at('ChaddrMask')];
  if (mac !== '') {
    // A mask of whole bytes from the left is a beginning.
    const [begins] = /^(?:ff:)*ff(?=(?::00)+$)/.exec(mask) ?? [];
    if (mask === '' || mask === 'ff:ff:ff:ff:ff:ff') said.push(t('rule.mac', { mac }));
    else if (begins !== undefined) said.push(t('rule.macs', { mac: mac.slice(0, begins.length) }));
    else said.push(t('rule.mask', { mac, mask }));
  }
  const random = at('RandomisedMAC');
  if (random === 'Only' || random === 'Never') said.push(t(`rule.${random}`));
  for (const name of ['VendorClassID', 'HostName'] as const) {
    const text = at(name);
    if (text === '') continue;
    const how = at(`${name}Mode`) as 'Exact' | 'Prefix' | 'Suffix' | 'Substring';
    said.push(t(`rule.${name}`, { how: t(`choice.${how}`), text }));
  }
  const place = at('Interface');
  if (place !== '') said.push(t('rule.on', { name: titleOf(values, `${place}.`) }));
  return said.length === 0 ? t('rule.everyone') : said.join(', ');
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
