/**
 * The lease files of other servers, so that a network changes servers without changing addresses:
 * dnsmasq's, ISC dhcpd's (dhcpd.leases(5)) and Kea's memfile (CSV). Pure: text in, rows out, and for
 * each row that is not taken over its line and why.
 */
import { fromHex } from '../../base/bytes.ts';
import { type Ipv4, isHostAddress, parseIpv4 } from '../../base/ip.ts';
import { importIsc } from './import-isc.ts';
import { clientKey, type Lease, newLease } from './lease.ts';
import type { Now } from './recover.ts';
import { hostLabel, PRINTABLE } from './requester.ts';

export interface ImportedLease {
  /** Where it stands in the file, from 1 on. */
  readonly line: number;
  readonly address: Ipv4;
  readonly htype: number;
  readonly chaddr: Uint8Array;
  readonly clientId: Uint8Array | undefined;
  /** Checked, as if the client had sent it. */
  readonly hostName: string | undefined;
  readonly vendorClass: string | undefined;
  /** Unix ms; Infinity for a lease without end. One that is over is taken over as free. */
  readonly endsWallMs: number;
  /** Unix ms of the latest ACK, where the file tells it. */
  readonly startsWallMs: number | undefined;
  /** Its client gave it back, or the server took it back. */
  readonly free: boolean;
}

export interface ImportFault {
  readonly line: number;
  readonly reason: string;
}

export interface LeaseImport {
  readonly format: 'dnsmasq' | 'isc' | 'kea';
  /** At most one for each address: the latest in the file. */
  readonly leases: readonly ImportedLease[];
  readonly faults: readonly ImportFault[];
}

/** What a format's reader found of one lease, unchecked; undefined where the file says nothing. */
export interface RawLease {
  readonly line: number;
  readonly address: string;
  readonly htype: number;
  readonly chaddr: Uint8Array;
  readonly clientId: Uint8Array | undefined;
  readonly hostName: string | undefined;
  readonly vendorClass: string | undefined;
  readonly endsWallMs: number;
  readonly startsWallMs: number | undefined;
  readonly free: boolean;
}

/** Rows as they are read; a later one for the same address replaces the one before. */
export class ImportRows {
  readonly #byAddress = new Map<Ipv4, ImportedLease>();
  readonly #faults: ImportFault[] = [];

  fault(line: number, reason: string): void {
    this.#faults.push({ line, reason });
  }

  /** The latest word on this address is that nobody has it. */
  drop(address: string): void {
    const parsed = parseIpv4(address);
    if (parsed.ok) this.#byAddress.delete(parsed.value);
  }

  add(raw: RawLease): void {
    const { line } = raw;
    const address = parseIpv4(raw.address);
    const problem = address.ok ? problemOf(raw, address.value) : address.error.message;
    if (problem !== undefined) this.fault(line, problem);
    if (!address.ok || problem !== undefined) return;
    const clientId = identifierOf(raw);
    const hostName = hostLabel(raw.hostName);
    if (raw.hostName !== undefined && hostName === undefined) {
      this.fault(
        line,
        `taken over without its name, which is no host name: ${quote(raw.hostName)}`,
      );
    }
    const vendorClass =
      raw.vendorClass !== undefined && PRINTABLE.test(raw.vendorClass)
        ? raw.vendorClass
        : undefined;
    this.#byAddress.delete(address.value);
    this.#byAddress.set(address.value, {
      ...raw,
      address: address.value,
      clientId,
      hostName,
      vendorClass,
    });
  }

  result(format: LeaseImport['format']): LeaseImport {
    // One client has one lease; of several the latest in the file.
    const byClient = new Map<string, ImportedLease>();
    for (const lease of this.#byAddress.values()) {
      const key = clientKey(lease.htype, lease.chaddr, lease.clientId);
      const before = byClient.get(key);
      if (before !== undefined) {
        const [loser, winner] = before.free || !lease.free ? [before, lease] : [lease, before];
        this.fault(loser.line, `its client has another lease, in line ${winner.line}`);
        byClient.set(key, winner);
      } else byClient.set(key, lease);
    }
    const faults = this.#faults.toSorted((a, b) => a.line - b.line);
    return { format, leases: [...byClient.values()], faults };
  }
}

/** Less than two bytes tell nobody from another (RFC 2132 §9.14). */
const identifierOf = ({ clientId }: RawLease): Uint8Array | undefined =>
  (clientId?.length ?? 0) >= 2 ? clientId : undefined;

function problemOf(raw: RawLease, address: Ipv4): string | undefined {
  const { chaddr, htype } = raw;
  if (!isHostAddress(address)) return `${raw.address} is no address of a host`;
  if (htype === ETHERNET && chaddr.length !== 0 && chaddr.length !== 6) {
    return `an Ethernet address has 6 bytes, not ${chaddr.length}`;
  }
  if (chaddr.length > 16) return 'hardware address over 16 bytes';
  if ((raw.clientId?.length ?? 0) > 255) return 'client identifier over 255 bytes';
  return identifierOf(raw) === undefined && chaddr.length === 0
    ? 'neither hardware address nor client identifier'
    : undefined;
}

const ETHERNET = 1;
const KEA_HEADER = 'address,hwaddr,client_id,valid_lifetime,expire,subnet_id';
const ISC_START =
  /^\s*(lease\s+[\d.]+\s*\{|authoring-byte-order\s|server-duid\s|# The format of this file is doc)/m;

/** Reads the leases of any of the three; which one it is shows in the text. */
export function importLeases(text: string, nowWallMs: number): LeaseImport {
  if (text.startsWith(KEA_HEADER)) return importKea(text);
  const rows = new ImportRows();
  if (ISC_START.test(text)) {
    importIsc(text, rows);
    return rows.result('isc');
  }
  return importDnsmasq(text, nowWallMs, rows);
}

/** A lease of the table for an imported one, on this boot's clock; not in the table yet. */
export function adopt(row: ImportedLease, segment: string, now: Omit<Now, 'bootId'>): Lease {
  const { address, chaddr, clientId, htype, endsWallMs, startsWallMs = now.wallMs } = row;
  const lease = newLease(segment, clientKey(htype, chaddr, clientId), address);
  const over = row.free || endsWallMs <= now.wallMs;
  lease.state = over ? 'free' : 'bound';
  lease.chaddr = chaddr;
  lease.clientId = clientId;
  lease.hostName = row.hostName;
  lease.vendorClass = row.vendorClass;
  lease.htype = htype;
  // The ACK was not in the future, whatever the clock of then said.
  const ackWallMs = Math.min(startsWallMs, now.wallMs);
  lease.firstWallMs = ackWallMs;
  lease.lastWallMs = ackWallMs;
  lease.bootMs = now.bootMs - (now.wallMs - ackWallMs);
  const leftMs = endsWallMs - now.wallMs;
  lease.expiresAtMs = now.bootMs + (over ? Math.min(0, leftMs) : leftMs);
  lease.leaseSec = Math.max(0, Math.round((lease.expiresAtMs - lease.bootMs) / 1000));
  return lease;
}

/** Seconds that are no time of this century: dnsmasq without a clock (HAVE_BROKEN_RTC) writes lengths. */
const LENGTH_BELOW = 10 ** 9;

/** `END MAC ADDRESS NAME CLIENT-ID`, `*` for none; END 0 for none; MAC as `TYPE-MAC` where it is not Ethernet. */
function importDnsmasq(text: string, nowWallMs: number, rows: ImportRows): LeaseImport {
  let ip6 = false;
  for (const [i, content] of text.split('\n').entries()) {
    const line = i + 1;
    const fields = content.trim().split(/\s+/);
    const [end = '', mac = '', address = '', name = '', id = ''] = fields;
    if (end === '') continue;
    if (end === 'duid') {
      ip6 = true;
      continue;
    }
    if (ip6 || address.includes(':')) {
      rows.fault(line, 'an IPv6 lease is not taken over');
      continue;
    }
    const typed = /^([0-9a-fA-F]{2})-(.*)$/.exec(mac);
    const chaddr = hexBytes(typed?.[2] ?? mac);
    const clientId = id === '*' ? undefined : hexBytes(id);
    const seconds = Number(end);
    if (fields.length !== 5 || !/^\d{1,15}$/.test(end)) {
      rows.fault(line, 'not five fields: end, MAC, address, name, client id');
    } else if (chaddr === undefined) rows.fault(line, `not a hardware address: ${quote(mac)}`);
    else if (id !== '*' && clientId === undefined) {
      rows.fault(line, `not a client identifier: ${quote(id)}`);
    } else {
      const fromMs = seconds < LENGTH_BELOW ? nowWallMs : 0;
      rows.add({
        line,
        address,
        htype: typed === null ? ETHERNET : Number.parseInt(typed[1] ?? '', 16),
        chaddr,
        clientId,
        hostName: name === '*' ? undefined : name,
        vendorClass: undefined,
        endsWallMs: seconds === 0 ? Number.POSITIVE_INFINITY : fromMs + seconds * 1000,
        startsWallMs: undefined,
        free: false,
      });
    }
  }
  return rows.result('dnsmasq');
}

const KEA_FOREVER = 0xffffffff;

/** Kea's `kea-leases4.csv`; a comma in a value stands as `&#x2c`. Lines are appended: the last one counts. */
function importKea(text: string): LeaseImport {
  const rows = new ImportRows();
  for (const [i, content] of text.split('\n').entries()) {
    const line = i + 1;
    if (i === 0 || content.trim() === '') continue;
    const values = content.trimEnd().split(',');
    const [address = '', mac = '', id = '', length = '', expire = ''] = values;
    const [hostName = '', state = ''] = values.slice(8);
    const chaddr = hexBytes(mac);
    const clientId = id === '' ? undefined : hexBytes(id);
    const seconds = Number(length);
    if (values.length < 10 || !/^\d{1,10}$/.test(length) || !/^-?\d{1,15}$/.test(expire)) {
      rows.fault(line, 'not a line of a Kea lease file');
    } else if (chaddr === undefined || (id !== '' && clientId === undefined)) {
      rows.fault(line, `not a hardware address or client identifier: ${quote(`${mac} ${id}`)}`);
    } else if (state === '1') {
      rows.drop(address);
      rows.fault(line, `${address} is declined: somebody else uses it`);
    } else if (state !== '0' && state !== '2') {
      rows.fault(line, `unknown state ${quote(state)}`);
    } else if (seconds === 0) rows.drop(address);
    else {
      rows.add({
        line,
        address,
        htype: ETHERNET,
        chaddr,
        clientId,
        hostName: hostName === '' ? undefined : hostName.replaceAll('&#x2c', ','),
        vendorClass: undefined,
        endsWallMs: seconds === KEA_FOREVER ? Number.POSITIVE_INFINITY : Number(expire) * 1000,
        startsWallMs: seconds === KEA_FOREVER ? undefined : (Number(expire) - seconds) * 1000,
        free: state === '2',
      });
    }
  }
  return rows.result('kea');
}

/** `01:02:0a`; none for the empty text. */
function hexBytes(text: string): Uint8Array | undefined {
  if (text === '') return new Uint8Array(0);
  return /^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2})*$/.test(text)
    ? fromHex(text.replaceAll(':', ''))
    : undefined;
}

const quote = (text: string): string => JSON.stringify(text.slice(0, 64));
