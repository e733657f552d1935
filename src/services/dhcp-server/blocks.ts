/**
 * What a pool tells its clients, as the bytes of its options, made once for each list that clients
 * ask with: the same few devices ask with the same few lists.
 */
import { type Ipv4, ipv4, maskOf, parseIpv4 } from '../../base/ip.ts';
import { readText } from '../../wire/dhcp4-options.ts';
import type { Dhcp4View } from '../../wire/dhcp4-view.ts';
import type { PoolConfig, PoolOption } from './config.ts';
import { fnv1a } from './requester.ts';

const MAX_BLOCKS = 256;
const [MASK, ROUTER, DNS, HOST_NAME, DOMAIN, BROADCAST, WINS] = [1, 3, 6, 12, 15, 28, 44];
const [ASKED, VENDOR_CLASS, TFTP_NAME, BOOT_FILE, IPV6_ONLY, TFTP_ADDRESS] = [
  55, 60, 66, 67, 108, 150,
];
/** What a client is told that does not say what it wants. */
const UNASKED: readonly number[] = [ROUTER, DNS, DOMAIN, BROADCAST];
/** Those that the server itself answers for: the lease, its parties, how the message is laid out. */
const OWN: ReadonlySet<number> = new Set([50, 51, 52, 53, 54, 55, 57, 58, 59, 61, 82]);

export interface OptionBlock {
  readonly asked: Uint8Array;
  readonly vendorClass: string;
  /** As on the wire: mask, what was asked for in the client's order, what is forced. */
  readonly bytes: Uint8Array;
  readonly siaddr: Ipv4;
  readonly file: Uint8Array;
  /** The client would do without an IPv4 address, and the pool says that it can (RFC 8925). */
  readonly ipv6Only: boolean;
  /** It wants to be told its name. */
  readonly hostName: boolean;
}

export class OptionBlocks {
  /** The pool tells those who ask that they can do without IPv4 (RFC 8925). */
  readonly ipv6Mostly: boolean;
  readonly #pool: PoolConfig;
  readonly #plain: ReadonlyMap<number, Uint8Array>;
  /** Some option goes to certain vendors alone. */
  readonly #byVendor: boolean;
  readonly #blocks = new Map<number, OptionBlock>();

  /** `server`: the server's address in the pool's subnet. */
  constructor(pool: PoolConfig, server: Ipv4) {
    this.#pool = pool;
    this.#plain = plainOptions(pool, server);
    this.ipv6Mostly = pool.options.some((option) => option.code === IPV6_ONLY);
    this.#byVendor = pool.options.some((option) => option.vendorClassPrefix !== '');
  }

  /** What this request is to be told. */
  of(view: Dhcp4View): OptionBlock {
    const from = view.valueAt(ASKED);
    const length = view.lengthOf(ASKED);
    const vendorClass = this.#byVendor ? (view.textOf(VENDOR_CLASS) ?? '') : '';
    let hash = fnv1a(view.bytes, from, from + length);
    for (let i = 0; i < vendorClass.length; i++) {
      hash = Math.imul(hash ^ vendorClass.charCodeAt(i), 0x01000193);
    }
    const known = this.#blocks.get(hash);
    if (
      known !== undefined &&
      known.vendorClass === vendorClass &&
      same(known.asked, view, from, length)
    ) {
      return known;
    }
    // Whoever sends a new list each time costs the others a look, not memory.
    if (this.#blocks.size >= MAX_BLOCKS) this.#blocks.clear();
    const block = this.#make(view.bytes.slice(from, from + length), view.has(ASKED), vendorClass);
    this.#blocks.set(hash, block);
    return block;
  }

  #make(asked: Uint8Array, asks: boolean, vendorClass: string): OptionBlock {
    const { options } = this.#pool;
    const forThis = options.filter((option) => vendorClass.startsWith(option.vendorClassPrefix));
    const values = new Map([...this.#plain, ...[...forThis].sort(plainFirst).map(entry)]);
    const codes = new Set<number>([MASK]);
    for (const code of asks ? asked : UNASKED) codes.add(code);
    for (const option of forThis) if (option.force) codes.add(option.code);
    const bytes: number[] = [];
    for (const code of codes) {
      const value = OWN.has(code) ? undefined : values.get(code);
      if (value !== undefined) put(bytes, code, value);
    }
    return {
      asked,
      vendorClass,
      bytes: Uint8Array.from(bytes),
      siaddr: nextServer(values),
      file: values.get(BOOT_FILE) ?? new Uint8Array(0),
      ipv6Only: asked.includes(IPV6_ONLY) && values.has(IPV6_ONLY),
      hostName: asked.includes(HOST_NAME),
    };
  }
}

/** What is for one vendor stands behind what is for all, and so wins. */
const plainFirst = (a: PoolOption, b: PoolOption): number =>
  a.vendorClassPrefix.length - b.vendorClassPrefix.length;

const entry = (option: PoolOption): readonly [number, Uint8Array] => [option.code, option.value];

function plainOptions(pool: PoolConfig, server: Ipv4): ReadonlyMap<number, Uint8Array> {
  const mask = maskOf(pool.prefixLen);
  const plain = new Map<number, Uint8Array>([
    [MASK, ips([mask])],
    [ROUTER, ips(pool.routers.length > 0 ? pool.routers : [server])],
  ]);
  if (pool.prefixLen < 31) plain.set(BROADCAST, ips([ipv4(pool.min | ~mask)]));
  if (pool.dnsServers.length > 0) plain.set(DNS, ips(pool.dnsServers));
  if (pool.domain !== undefined)
    plain.set(
      DOMAIN,
      Uint8Array.from(pool.domain, (c) => c.charCodeAt(0)),
    );
  if (pool.winsServers.length > 0) plain.set(WINS, ips(pool.winsServers));
  return plain;
}

/** Boot ROMs look at siaddr, so where a TFTP server is given by address it stands there, too. */
function nextServer(values: ReadonlyMap<number, Uint8Array>): Ipv4 {
  const list = values.get(TFTP_ADDRESS);
  if (list !== undefined && list.length >= 4) {
    return ipv4(new DataView(list.buffer, list.byteOffset).getUint32(0));
  }
  const name = values.get(TFTP_NAME);
  const address = name === undefined ? undefined : parseIpv4(readText(name));
  return address?.ok ? address.value : ipv4(0);
}

const ips = (list: readonly Ipv4[]): Uint8Array =>
  Uint8Array.from(list.flatMap((a) => [a >>> 24, (a >>> 16) & 255, (a >>> 8) & 255, a & 255]));

/** A value over 255 bytes in parts (RFC 3396 §6). */
function put(bytes: number[], code: number, value: Uint8Array): void {
  for (let from = 0; from === 0 || from < value.length; from += 255) {
    const part = value.subarray(from, from + 255);
    bytes.push(code, part.length, ...part);
  }
}

function same(asked: Uint8Array, view: Dhcp4View, from: number, length: number): boolean {
  if (asked.length !== length) return false;
  for (let i = 0; i < length; i++) if (asked[i] !== view.bytes[from + i]) return false;
  return true;
}
