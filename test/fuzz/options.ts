import { readFileSync } from 'node:fs';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { BugError } from '../../src/base/errors.ts';
import {
  type Ipv4,
  type Ipv4Prefix,
  ipv4,
  isHostAddress,
  type Mac,
  overlaps,
  type PrefixLen,
} from '../../src/base/ip.ts';
import {
  type JudgedLease,
  judgeLease,
  resolversOf,
  searchDomainsOf,
} from '../../src/services/dhcp-client/lease.ts';
import { look, NOTHING_SEEN } from '../../src/services/dhcp-client/wire.ts';
import { decodeDhcp4, encodeDhcp4 } from '../../src/wire/dhcp4.ts';
import {
  optionFromEnv,
  readClasslessRoutes,
  readDomainSearch,
  readIps,
  readText,
  readU16,
  readU32,
} from '../../src/wire/dhcp4-options.ts';
import { decodeUdp4 } from '../../src/wire/udp4.ts';

interface Golden {
  readonly mac: Mac;
  /** Hex, from Ethernet on. */
  readonly frames: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
}

const golden: Golden = JSON.parse(
  readFileSync(new URL('../golden/dhcp4.json', import.meta.url), 'utf8'),
);

const LAN: Ipv4Prefix = { address: ipv4(0xc0a80101), prefixLen: 24 as PrefixLen };
const MAX_MTU = 1500;
const OVERLOAD = 52;
const NAME = /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/;

const must = (holds: boolean, what: string): void => {
  if (!holds) throw new BugError(what);
};

function checkLease({ lease, remarks }: JudgedLease): void {
  must(isHostAddress(lease.address), 'the address of a host');
  must(lease.prefixLen >= 8 && lease.prefixLen <= 32, 'prefix');
  must(!overlaps(lease, LAN), 'subnet over the LAN');
  must(lease.routes.length <= 64, 'too many routes');
  for (const route of lease.routes) {
    const inLan = route.prefixLen >= LAN.prefixLen;
    must(
      !inLan || !overlaps({ address: route.destination, prefixLen: route.prefixLen }, LAN),
      'route over the LAN',
    );
    must(route.gateway === undefined || isHostAddress(route.gateway), 'gateway');
  }
  const keys = lease.routes.map((route) => `${route.destination}/${route.prefixLen}`);
  must(new Set(keys).size === keys.length, 'a destination twice');
  const { t1Sec, t2Sec, leaseSec } = lease;
  must(leaseSec >= 10 && t1Sec >= 1, 'times too short');
  must(leaseSec === Infinity || (t1Sec < t2Sec && t2Sec < leaseSec), 'times out of order');
  must(lease.mtu === undefined || (lease.mtu >= 1280 && lease.mtu <= MAX_MTU), 'MTU');
  must(lease.dnsServers.every(isHostAddress) && resolversOf(lease).length <= 8, 'resolvers');
  const names = [...searchDomainsOf(lease), ...(lease.domain === undefined ? [] : [lease.domain])];
  must(
    names.every((name) => NAME.test(name) && name.length <= 253),
    'a name that is none',
  );
  must(
    remarks.every((remark) => remark.length <= 500 && !remark.includes('\n')),
    'a remark that is no line',
  );
}

function judge(address: Ipv4, options: ReadonlyMap<number, Uint8Array>): void {
  const raw = { address, options, receivedAtMs: 0 };
  const judged = judgeLease(raw, { foreign: [LAN], maxMtu: MAX_MTU });
  if (judged.ok) checkLease(judged.value);
}

function checkFrame(bytes: Uint8Array): void {
  const sent = look(NOTHING_SEEN, bytes, true, golden.mac, 0);
  const xid = sent.view.xid ?? XID;
  const got = look({ ...NOTHING_SEEN, xid }, bytes, false, golden.mac, 0);
  for (const { view, seen } of [sent, got]) {
    const total = Object.values(view.counts).reduce((sum, n) => sum + n, 0);
    must(total <= 1, 'counted twice');
    must(seen === undefined || total === 1, 'seen, but not counted');
    if (seen?.type === 'ack') judge(seen.raw.address, seen.raw.options);
  }
}

function checkMessage(bytes: Uint8Array): void {
  const message = decodeDhcp4(bytes);
  if (!message.ok) {
    must(message.error.offset <= bytes.length, 'offset behind the end');
    return;
  }
  judge(message.value.yiaddr, message.value.options);
  if (message.value.options.has(OVERLOAD)) return;
  const again = decodeDhcp4(encodeDhcp4(message.value));
  const plain = (m: typeof message.value): string =>
    JSON.stringify({ ...m, options: [...m.options].map(([code, v]) => `${code} ${toHex(v)}`) });
  must(again.ok && plain(again.value) === plain(message.value), 'not the same again');
}

function checkValue(bytes: Uint8Array): void {
  const routes = readClasslessRoutes(bytes, 'x');
  const names = readDomainSearch(bytes, 'x');
  const ips = readIps(bytes, 'x');
  must(!routes.ok || routes.value.length <= bytes.length / 5, 'more routes than bytes');
  must(!names.ok || names.value.length <= bytes.length / 2, 'more names than bytes');
  must(!ips.ok || ips.value.length * 4 === bytes.length, 'addresses');
  must(readText(bytes).length <= bytes.length, 'longer text');
  readU16(bytes, 'x');
  readU32(bytes, 'x');
}

/** The environment of the hook: pairs, each ended by a NUL as in /proc/PID/environ. */
function checkEnvironment(bytes: Uint8Array): void {
  const options = new Map<number, Uint8Array>();
  for (const pair of new TextDecoder('latin1').decode(bytes).split('\0')) {
    const equals = pair.indexOf('=');
    const option =
      equals < 0 ? undefined : optionFromEnv(pair.slice(0, equals), pair.slice(equals + 1));
    if (!option?.ok) continue;
    const [code, value] = option.value;
    must(code >= 1 && code <= 254, 'no code of an option');
    options.set(code, value);
  }
  judge(ipv4(0xc6336414), options);
}

const frames = Object.values(golden.frames).map((hex) => fromHex(hex) ?? new Uint8Array(0));
const payloadOf = (frame: Uint8Array): Uint8Array => {
  const udp = decodeUdp4(frame);
  return udp.ok ? udp.value.payload : frame;
};
const XID = new DataView((frames[0] ?? new Uint8Array(54)).buffer).getUint32(46);

/** Whatever a server, or the hook in its name, says: no bytes make us throw or harm the box. */
export const target = {
  name: 'options',
  run(bytes: Uint8Array): void {
    checkFrame(bytes);
    checkMessage(bytes);
    checkValue(bytes);
    checkEnvironment(bytes);
  },
  seeds: (): Uint8Array[] => {
    const text = Object.entries(golden.env).map(([key, value]) => `${key}=${value}\0`);
    return [
      ...frames,
      ...frames.map(payloadOf),
      new TextEncoder().encode(text.join('')),
      new TextEncoder().encode(
        'subnet=255.0.0.0\0lease=4294967295\0mtu=10\0staticroutes=192.168.1.0/25 198.51.100.1 0.0.0.0/0 198.51.100.1\0opt58=00000001\0opt59=ffffffff\0',
      ),
      fromHex('0161076578616d706c65000162c002') ?? new Uint8Array(0),
    ];
  },
};
