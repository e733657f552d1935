/** `Device.DHCPv4.Server.`: from rows to what the server is given whole, and what rows must hold. Pure. */
import { fromHex } from '../../base/bytes.ts';
import {
  broadcastOf,
  contains,
  formatIpv4,
  type Ipv4,
  type Ipv4Prefix,
  ipv4,
  type Mac,
  maskOf,
  networkOf,
  parseIpv4,
  prefixLenOf,
} from '../../base/ip.ts';
import type {
  Condition,
  DhcpServerConfig,
  MatchMode,
  PoolConfig,
  PoolOption,
  RuleConfig,
  SegmentConfig,
  ServerMode,
  StaticConfig,
} from '../../services/dhcp-server/config.ts';
import type { Row, RowReader } from '../reader.ts';
import type { CheckSink } from '../table.ts';
import { UNKNOWN_TIME } from '../types.ts';
import { ifNameOf, isBridge, portsOf } from './interfaces.ts';

export const SERVER = 'Device.DHCPv4.Server.';
const POOLS = `${SERVER}Pool.`;
export const RULES = `${SERVER}X_GATEHOUSE_Rule.`;
const SEGMENTS = `${SERVER}X_GATEHOUSE_Segment.`;

const ALL_BITS = 'ff:ff:ff:ff:ff:ff' as Mac;
const MODES: Readonly<Record<string, ServerMode>> = {
  Open: 'open',
  Selective: 'selective',
  Hybrid: 'hybrid',
  PassThrough: 'passThrough',
};
/** Options that the server makes itself (RFC 2131 table 3): a configured one would contradict it. */
const SERVERS_OWN: ReadonlySet<number> = new Set([50, 51, 52, 53, 54, 55, 57, 58, 59, 61, 82]);

export function compileDhcpServer(rows: RowReader): DhcpServerConfig {
  const pools = rows.rows(POOLS).toSorted((a, b) => a.number('Order') - b.number('Order'));
  const named = new Set(pools.map((pool) => pool.text('Interface')));
  for (const segment of rows.rows(SEGMENTS)) named.add(segment.text('Interface'));
  const segments = [...named].flatMap((id) => compileSegment(rows, id) ?? []);
  const guard = rows.at(`${SERVER}X_GATEHOUSE_Guard.`);
  return {
    enable: rows.at(SERVER)?.bool('Enable') === true,
    segments,
    pools: pools.map((pool) => compilePool(rows, pool, segments)),
    rules: rows
      .rows(RULES)
      .filter((rule) => rule.bool('Enable'))
      .toSorted((a, b) => a.number('Order') - b.number('Order'))
      .map(compileRule),
    guard: {
      newClientsPerSec: guard?.number('NewClientsPerSec') ?? 0,
      answersPerClient: guard?.number('AnswersPerClient') ?? 0,
      headroomPercent: guard?.number('HeadroomPercent') ?? 0,
    },
  };
}

/** Undefined for an interface that is none, or is off: nobody is served there. */
function compileSegment(rows: RowReader, id: string): SegmentConfig | undefined {
  const row = id === '' ? undefined : rows.at(id);
  const ifName = row === undefined ? undefined : ifNameOf(rows, row);
  if (row === undefined || ifName === undefined) return undefined;
  if (!row.bool('Enable') || !row.bool('IPv4Enable')) return undefined;
  const own = rows.rows(SEGMENTS).find((segment) => segment.text('Interface') === id);
  const mode = MODES[own?.text('Mode') ?? 'Open'] ?? 'open';
  const alone = mode === 'open' || mode === 'selective';
  return {
    id,
    ifName,
    ports: isBridge(rows, row) ? portsOf(rows, row) : [],
    addresses: prefixesOf(rows, row),
    mode,
    authoritative: alone && (own?.bool('Authoritative') ?? true),
    relayTo: own?.ipv4('RelayTo'),
    probe: own?.bool('Probe') ?? true,
  };
}

const prefixesOf = (rows: RowReader, row: Row): readonly Ipv4Prefix[] =>
  rows
    .rows(`${row.path}IPv4Address.`)
    .filter((entry) => entry.bool('Enable'))
    .flatMap((entry) => {
      const address = entry.ipv4('IPAddress');
      const mask = entry.ipv4('SubnetMask');
      const prefixLen = mask === undefined ? undefined : prefixLenOf(mask);
      return address === undefined || prefixLen === undefined ? [] : [{ address, prefixLen }];
    });

function compilePool(rows: RowReader, row: Row, segments: readonly SegmentConfig[]): PoolConfig {
  const segment = segments.find(({ id }) => id === row.text('Interface'));
  const placed = place(row, segment);
  const { move } = placed;
  const leaseSec = row.number('LeaseTime');
  const vendorClass = condition(row, 'VendorClassID', (text) => text);
  const chaddr = condition(row, 'Chaddr', (text) => text as Mac);
  return {
    id: row.id,
    enable: row.bool('Enable'),
    segment: segment?.id,
    fault: placed.fault,
    vendorClass: vendorClass && {
      ...vendorClass,
      mode: row.text('VendorClassIDMode') as MatchMode,
    },
    clientId: condition(row, 'ClientID', fromHex),
    userClass: condition(row, 'UserClassID', fromHex),
    chaddr: chaddr && { ...chaddr, mask: maskIn(row) },
    allowed: row.text('AllowedDevices') as PoolConfig['allowed'],
    min: placed.min,
    max: placed.max,
    prefixLen: placed.subnet.prefixLen,
    reserved: listIn(row, 'ReservedAddresses').map(move),
    leaseSec: leaseSec < 0 ? Number.POSITIVE_INFINITY : leaseSec,
    routers: listIn(row, 'IPRouters').map(move),
    dnsServers: listIn(row, 'DNSServers').map(move),
    domain: row.text('DomainName') || undefined,
    winsServers: listIn(row, 'WINSServers').map(move),
    dscp: row.number('DSCPMark'),
    options: rows
      .rows(`${row.path}Option.`)
      .filter((option) => option.bool('Enable'))
      .flatMap((option) => compileOption(option) ?? []),
    statics: rows
      .rows(`${row.path}StaticAddress.`)
      .flatMap((entry) => compileStatic(entry, move) ?? []),
  };
}

interface Placed {
  readonly subnet: Ipv4Prefix;
  readonly min: Ipv4;
  readonly max: Ipv4;
  /** An address as configured → as it is in effect. */
  readonly move: (address: Ipv4) => Ipv4;
  readonly fault: string | undefined;
}

/** Where the pool lies: as configured, or moved along with its interface. */
function place(row: Row, segment: SegmentConfig | undefined): Placed {
  const none = ipv4(0);
  const stay = (address: Ipv4): Ipv4 => address;
  const unplaced = (fault: string): Placed => ({
    subnet: { address: none, prefixLen: 32 as Ipv4Prefix['prefixLen'] },
    ...{ min: none, max: none, move: stay, fault },
  });
  const min = row.ipv4('MinAddress');
  const max = row.ipv4('MaxAddress');
  if (row.text('Interface') === '') return unplaced('Interface is not set');
  if (segment === undefined) return unplaced(`${row.text('Interface')} is disabled or has no port`);
  if (min === undefined || max === undefined)
    return unplaced('MinAddress or MaxAddress is not set');
  const [first] = segment.addresses;
  if (first === undefined) return unplaced(`${segment.id} has no static address`);

  const mask = row.ipv4('SubnetMask');
  const prefixLen = mask === undefined ? undefined : prefixLenOf(mask);
  const holds = (subnet: Ipv4Prefix): boolean => contains(subnet, min) && contains(subnet, max);
  const home = segment.addresses.find(holds);
  if (home !== undefined) {
    const subnet = { address: home.address, prefixLen: prefixLen ?? home.prefixLen };
    return { subnet, min, max, move: stay, fault: outside(subnet, min, max) };
  }
  if (!row.bool('X_GATEHOUSE_FollowInterface')) {
    const range = `${formatIpv4(min)} to ${formatIpv4(max)}`;
    return unplaced(`${range} is in no subnet of ${segment.id}; set X_GATEHOUSE_FollowInterface`);
  }
  // The host part counts by the mask that the pool was made for.
  const old: Ipv4Prefix = { address: min, prefixLen: prefixLen ?? first.prefixLen };
  if (!contains(old, max)) return unplaced('MinAddress and MaxAddress are not in one subnet');
  const shift = (networkOf(first) - networkOf(old)) | 0;
  const move = (address: Ipv4): Ipv4 => (contains(old, address) ? ipv4(address + shift) : address);
  const fault = outside(first, move(min), move(max));
  return { subnet: first, min: move(min), max: move(max), move, fault };
}

function outside(subnet: Ipv4Prefix, min: Ipv4, max: Ipv4): string | undefined {
  if (min > max) return `MinAddress ${formatIpv4(min)} is above MaxAddress ${formatIpv4(max)}`;
  if (!contains(subnet, min) || !contains(subnet, max)) {
    return `${formatIpv4(min)} to ${formatIpv4(max)} does not fit the subnet of its interface`;
  }
  const last = broadcastOf(subnet);
  if (subnet.prefixLen < 31 && (min === networkOf(subnet) || max === last)) {
    return 'the first and the last address of a subnet are not for hosts';
  }
  return undefined;
}

function condition<T>(
  row: Row,
  name: string,
  parse: (text: string) => T | undefined,
): Condition<T> | undefined {
  const text = row.text(name);
  const value = text === '' ? undefined : parse(text);
  return value === undefined ? undefined : { value, exclude: row.bool(`${name}Exclude`) };
}

const maskIn = (row: Row): Mac => (row.text('ChaddrMask') || ALL_BITS) as Mac;

const listIn = (row: Row, name: string): readonly Ipv4[] =>
  row.list(name).flatMap((text) => {
    const parsed = parseIpv4(text);
    return parsed.ok ? [parsed.value] : [];
  });

function compileOption(row: Row): PoolOption | undefined {
  const value = fromHex(row.text('Value'));
  if (value === undefined || value.length === 0 || row.number('Tag') === 0) return undefined;
  return {
    code: row.number('Tag'),
    value,
    force: row.bool('X_GATEHOUSE_Force'),
    vendorClassPrefix: row.text('X_GATEHOUSE_VendorClassID'),
  };
}

function compileStatic(row: Row, move: (address: Ipv4) => Ipv4): StaticConfig | undefined {
  const address = row.ipv4('Yiaddr');
  const clientId = row.text('X_GATEHOUSE_ClientID');
  const chaddr = row.text('Chaddr');
  if (address === undefined || (clientId === '' && chaddr === '')) return undefined;
  return {
    id: row.id,
    enable: row.bool('Enable'),
    chaddr: chaddr === '' ? undefined : (chaddr as Mac),
    clientId: clientId === '' ? undefined : fromHex(clientId),
    address: move(address),
    hostName: row.text('X_GATEHOUSE_HostName').toLowerCase() || undefined,
  };
}

/** When a rule ends, Unix ms; Infinity for never. */
export function untilMs(row: Row): number {
  const text = row.text('Until');
  return text === UNKNOWN_TIME ? Number.POSITIVE_INFINITY : Date.parse(text);
}

function compileRule(row: Row): RuleConfig {
  const chaddr = row.text('Chaddr');
  const matched = (name: string) => {
    const value = row.text(name);
    return value === '' ? undefined : { value, mode: row.text(`${name}Mode`) as MatchMode };
  };
  const randomised = row.text('RandomisedMAC');
  return {
    id: row.id,
    action: row.text('Action') === 'Deny' ? 'deny' : 'allow',
    chaddr: chaddr === '' ? undefined : { value: chaddr as Mac, mask: maskIn(row) },
    vendorClass: matched('VendorClassID'),
    hostName: matched('HostName'),
    randomised: randomised === 'Any' ? undefined : randomised === 'Only',
    segment: row.text('Interface') || undefined,
    untilMs: untilMs(row),
  };
}

export function checkDhcpServer(rows: RowReader, out: CheckSink): void {
  for (const pool of rows.rows(POOLS)) {
    checkRange(pool, out);
    for (const option of rows.rows(`${pool.path}Option.`)) {
      const code = option.number('Tag');
      if (option.bool('Enable') && SERVERS_OWN.has(code)) {
        out.fault(`${option.path}Tag`, `the server sends option ${code} by itself`);
      }
    }
    const taken = new Map<string, string>();
    for (const entry of rows.rows(`${pool.path}StaticAddress.`)) {
      if (!entry.bool('Enable')) continue;
      const address = entry.text('Yiaddr');
      const other = taken.get(address);
      if (address !== '' && other !== undefined) {
        out.fault(`${entry.path}Yiaddr`, `${other} has ${address} already`);
      }
      taken.set(address, entry.id);
    }
  }
}

function checkRange(pool: Row, out: CheckSink): void {
  const min = pool.ipv4('MinAddress');
  const max = pool.ipv4('MaxAddress');
  if (min !== undefined && max !== undefined && min > max) {
    out.fault(
      `${pool.path}MinAddress`,
      `${formatIpv4(min)} is above MaxAddress ${formatIpv4(max)}`,
    );
  }
  const mask = pool.ipv4('SubnetMask');
  if (mask === undefined) return;
  const prefixLen = prefixLenOf(mask);
  if (prefixLen === undefined) {
    out.fault(`${pool.path}SubnetMask`, `${formatIpv4(mask)} has ones after zeros`);
  } else if (min !== undefined && max !== undefined) {
    if (!contains({ address: min, prefixLen }, max)) {
      const both = `${formatIpv4(min)} and ${formatIpv4(max)}`;
      out.fault(
        `${pool.path}SubnetMask`,
        `${both} are not in one subnet of ${formatIpv4(maskOf(prefixLen))}`,
      );
    }
  }
}
