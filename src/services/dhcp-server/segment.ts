/** A configured segment with its pools, ready to be asked: compiled from the configuration, pure. */
import { contains, type Ipv4, type Ipv4Prefix, ipv4, macNumber, maskOf } from '../../base/ip.ts';
import type { Dhcp4View } from '../../wire/dhcp4-view.ts';
import { AddressSpace } from './allocate.ts';
import { OptionBlocks } from './blocks.ts';
import type { PoolConfig, SegmentConfig, StaticConfig } from './config.ts';
import { identifierKey } from './lease.ts';
import { Offers } from './offers.ts';
import { belongs } from './policy.ts';
import type { Requester } from './requester.ts';

const [RELAY_AGENT, SUBNET_SELECTION] = [82, 118];
/** Sub-option of the relay agent's option (RFC 3527 §3). */
const LINK_SELECTION = 5;

export class Pool {
  readonly config: PoolConfig;
  readonly prefix: Ipv4Prefix;
  /** The server's address towards this pool's clients. */
  readonly server: Ipv4;
  /** The server has an address in the pool's subnet: its clients may be on the segment itself. */
  readonly direct: boolean;
  readonly space: AddressSpace;
  readonly blocks: OptionBlocks;
  /** Leases that are bound, and addresses in quarantine: kept by whoever changes leases. */
  bound = 0;
  quarantined = 0;
  readonly #byMac = new Map<number, StaticConfig>();
  readonly #byClientId = new Map<string, StaticConfig>();
  readonly #statics = new Map<number, StaticConfig>();

  constructor(config: PoolConfig, segment: SegmentConfig) {
    this.config = config;
    this.prefix = { address: config.min, prefixLen: config.prefixLen };
    const own = segment.addresses.find(({ address }) => contains(this.prefix, address));
    this.direct = own !== undefined;
    this.server = own?.address ?? segment.addresses[0]?.address ?? ipv4(0);
    this.space = new AddressSpace(config.min, config.max);
    this.blocks = new OptionBlocks(config, this.server);
    for (const row of config.statics) {
      if (!row.enable || !contains(this.prefix, row.address)) continue;
      this.#statics.set(row.address, row);
      if (row.clientId !== undefined) {
        this.#byClientId.set(identifierKey(row.clientId, 0, row.clientId.length), row);
      } else if (row.chaddr !== undefined) this.#byMac.set(macNumber(row.chaddr), row);
    }
    const mask = maskOf(config.prefixLen);
    if (config.prefixLen < 31) {
      this.space.leaveOut(ipv4(config.min & mask));
      this.space.leaveOut(ipv4(config.min | ~mask));
    }
    for (const address of config.reserved) this.space.leaveOut(address);
    for (const address of this.#statics.keys()) this.space.leaveOut(ipv4(address));
    for (const address of config.routers) this.space.leaveOut(address);
    for (const { address } of segment.addresses) this.space.leaveOut(address);
  }

  /** The client's own row, by client identifier or by MAC. */
  staticOf(who: Requester): StaticConfig | undefined {
    return this.#byClientId.get(who.key) ?? this.#byMac.get(who.mac);
  }

  hasStaticFor(mac: number): boolean {
    return this.#byMac.has(mac);
  }

  /** An address that a pool of any kind of client may give: its own ones, and static ones. */
  owns(address: Ipv4): boolean {
    return this.space.has(address) || this.#statics.has(address);
  }

  isStatic(address: Ipv4): boolean {
    return this.#statics.has(address);
  }
}

export class Segment {
  readonly config: SegmentConfig;
  /** Those that can be served, in their order. */
  readonly pools: readonly Pool[];
  readonly offers = new Offers();
  readonly #own: ReadonlySet<number>;

  constructor(config: SegmentConfig, pools: readonly PoolConfig[]) {
    this.config = config;
    this.pools = pools
      .filter((pool) => pool.enable && pool.fault === undefined && pool.segment === config.id)
      .map((pool) => new Pool(pool, config));
    this.#own = new Set(config.addresses.map(({ address }) => address));
  }

  get name(): string {
    return this.config.ifName;
  }

  isOwn(address: Ipv4): boolean {
    return this.#own.has(address);
  }

  /** It was sent to everyone on the segment or to this server: another server's unicast passes by on a bridge. */
  concerns(view: Dhcp4View): boolean {
    const to = view.destinationIp;
    if (to === 0xffffffff || this.#own.has(to)) return true;
    return this.config.addresses.some((own) => to === ipv4(own.address | ~maskOf(own.prefixLen)));
  }

  /**
   * The subnet that a client says, or its relay says for it, that it is on: RFC 3011, RFC 3527,
   * then giaddr; 0.0.0.0 for the segment itself.
   */
  selector(view: Dhcp4View): Ipv4 {
    if (view.has(SUBNET_SELECTION)) return view.ipOf(SUBNET_SELECTION);
    if (view.giaddr === 0) return view.giaddr;
    return linkSelection(view) ?? view.giaddr;
  }

  /** Clients that speak through `selector` can have addresses of this pool. */
  reaches(pool: Pool, selector: Ipv4): boolean {
    return selector === 0 ? pool.direct : contains(pool.prefix, selector);
  }

  /** The pool is for this client. */
  accepts(pool: Pool, who: Requester, selector: Ipv4): boolean {
    return (
      this.reaches(pool, selector) && belongs(pool.config, who, pool.staticOf(who) !== undefined)
    );
  }

  /** The address is on a subnet of those who speak through `selector`. */
  onLink(address: Ipv4, selector: Ipv4): boolean {
    for (const pool of this.pools) {
      if (this.reaches(pool, selector) && contains(pool.prefix, address)) return true;
    }
    return false;
  }

  /** A static row in a pool that is for this client: of an owner's own making, so it is known. */
  staticOf(who: Requester, selector: Ipv4): StaticConfig | undefined {
    for (const pool of this.pools) {
      const row = this.accepts(pool, who, selector) ? pool.staticOf(who) : undefined;
      if (row !== undefined) return row;
    }
    return undefined;
  }

  take(address: Ipv4): void {
    for (const pool of this.pools) pool.space.take(address);
  }

  giveBack(address: Ipv4, kind: 'fresh' | 'used' | 'held'): void {
    for (const pool of this.pools) pool.space.giveBack(address, kind);
  }
}

/** Sub-options of option 82 are code, length, value (RFC 3046 §2.0). */
function linkSelection(view: Dhcp4View): Ipv4 | undefined {
  if (!view.has(RELAY_AGENT)) return undefined;
  let at = view.valueAt(RELAY_AGENT);
  const end = at + view.lengthOf(RELAY_AGENT);
  while (at + 2 <= end) {
    const length = view.bytes[at + 1] ?? 0;
    if (view.bytes[at] === LINK_SELECTION && length === 4 && at + 6 <= end) {
      return ipv4(new DataView(view.bytes.buffer, view.bytes.byteOffset).getUint32(at + 2));
    }
    at += 2 + length;
  }
  return undefined;
}
