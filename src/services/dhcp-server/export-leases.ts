/**
 * Leases as text that other servers, and people's programs, read: dnsmasq's lease file, ISC dhcpd's
 * (dhcpd.leases(5)), JSON. Times of leases count from the boot; `now` ties them to the wall clock.
 */
import { toHex } from '../../base/bytes.ts';
import { formatIpv4 } from '../../base/ip.ts';
import type { Lease } from './lease.ts';

/** The same moment by two clocks. */
export interface ExportNow {
  /** CLOCK_BOOTTIME. */
  readonly bootMs: number;
  readonly wallMs: number;
}

const ETHERNET = 1;
/** Names of hardware types in dhcpd's language. */
const HARDWARE: Readonly<Record<number, string>> = {
  [ETHERNET]: 'ethernet',
  6: 'token-ring',
  8: 'fddi',
  32: 'infiniband',
};

/** Bound leases, one a line: `END MAC ADDRESS NAME CLIENT-ID`. dnsmasq has no others. */
export function exportDnsmasq(leases: Iterable<Lease>, now: ExportNow): string {
  const lines: string[] = [];
  for (const lease of inOrder(leases)) {
    if (lease.state !== 'bound') continue;
    const { htype, chaddr, clientId, hostName } = lease;
    const type = htype === ETHERNET && chaddr.length > 0 ? '' : `${toHex(Uint8Array.of(htype))}-`;
    const end = endWallMs(lease, now);
    lines.push(
      [
        end === Number.POSITIVE_INFINITY ? 0 : Math.floor(end / 1000),
        type + colonHex(chaddr),
        formatIpv4(lease.address),
        hostName ?? '*',
        clientId === undefined ? '*' : colonHex(clientId),
      ].join(' '),
    );
  }
  return lines.map((line) => `${line}\n`).join('');
}

/** Bound and free leases; a declined address is `abandoned`, as dhcpd has it. */
export function exportIsc(leases: Iterable<Lease>, now: ExportNow): string {
  const blocks: string[] = ['authoring-byte-order little-endian;\n'];
  for (const lease of inOrder(leases)) {
    const { state, chaddr, clientId, hostName, vendorClass } = lease;
    const binding = state === 'bound' ? 'active' : state === 'free' ? 'free' : 'abandoned';
    const hardware = HARDWARE[lease.htype] ?? `unknown-${lease.htype}`;
    blocks.push(
      `lease ${formatIpv4(lease.address)} {\n`,
      `  starts ${iscTime(lease.lastWallMs)};\n`,
      `  ends ${iscTime(endWallMs(lease, now))};\n`,
      `  cltt ${iscTime(lease.lastWallMs)};\n`,
      `  binding state ${binding};\n`,
      ...(state === 'bound' ? ['  next binding state free;\n'] : []),
      ...(chaddr.length > 0 ? [`  hardware ${hardware} ${colonHex(chaddr)};\n`] : []),
      ...(clientId === undefined ? [] : [`  uid ${quoted(clientId)};\n`]),
      ...(vendorClass === undefined
        ? []
        : [`  set vendor-class-identifier = ${quoted(new TextEncoder().encode(vendorClass))};\n`]),
      ...(hostName === undefined ? [] : [`  client-hostname ${JSON.stringify(hostName)};\n`]),
      '}\n',
    );
  }
  return blocks.join('');
}

/** An array of objects, by address; times in ISO 8601, `ends` null for a lease without end. */
export function exportJson(leases: Iterable<Lease>, now: ExportNow): string {
  const rows = inOrder(leases).map((lease) => {
    const end = endWallMs(lease, now);
    return {
      address: formatIpv4(lease.address),
      state: lease.state,
      hardwareType: lease.htype,
      hardwareAddress: colonHex(lease.chaddr),
      clientId: lease.clientId === undefined ? null : colonHex(lease.clientId),
      hostName: lease.hostName ?? null,
      vendorClass: lease.vendorClass ?? null,
      interface: lease.segment,
      pool: lease.pool ?? null,
      ends: end === Number.POSITIVE_INFINITY ? null : isoTime(end),
      firstSeen: isoTime(lease.firstWallMs),
      lastSeen: isoTime(lease.lastWallMs),
    };
  });
  return `${JSON.stringify(rows, null, 2)}\n`;
}

export type ExportFormat = 'dnsmasq' | 'isc' | 'json';

export const EXPORTERS: Readonly<
  Record<ExportFormat, (leases: Iterable<Lease>, now: ExportNow) => string>
> = { dnsmasq: exportDnsmasq, isc: exportIsc, json: exportJson };

const inOrder = (leases: Iterable<Lease>): Lease[] =>
  [...leases].sort((a, b) => a.address - b.address || (a.segment < b.segment ? -1 : 1));

const endWallMs = ({ expiresAtMs }: Lease, now: ExportNow): number =>
  now.wallMs + (expiresAtMs - now.bootMs);

/** Longest that a Date can hold (ECMA-262 §21.4.1.1). */
const LAST_MS = 8.64e15;

const asDate = (ms: number): Date => new Date(Math.max(-LAST_MS, Math.min(LAST_MS, ms)));

const isoTime = (ms: number): string => asDate(ms).toISOString();

/** `WEEKDAY YYYY/MM/DD HH:MM:SS` in UTC. */
function iscTime(ms: number): string {
  if (ms === Number.POSITIVE_INFINITY) return 'never';
  const date = asDate(Math.max(0, ms));
  const text = date.toISOString();
  const [day = '', time = ''] = text.replace(/^\+0*/, '').split('T');
  return `${date.getUTCDay()} ${day.replaceAll('-', '/')} ${time.slice(0, 8)}`;
}

function colonHex(bytes: Uint8Array): string {
  return toHex(bytes).replaceAll(/..(?=.)/g, '$&:');
}

/** A string of dhcpd's: what is not plain ASCII in octal. */
function quoted(bytes: Uint8Array): string {
  let text = '';
  for (const b of bytes) {
    const plain = b >= 0x20 && b < 0x7f && b !== 0x22 && b !== 0x5c;
    text += plain ? String.fromCharCode(b) : `\\${b.toString(8).padStart(3, '0')}`;
  }
  return `"${text}"`;
}
