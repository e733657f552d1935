/** Requests of DHCP clients, and what becomes of them when bytes go astray. */
import { type Ipv4, ipv4 } from '../../src/base/ip.ts';
import { DHCP, encodeDhcp4 } from '../../src/wire/dhcp4.ts';
import { encodeUdp4 } from '../../src/wire/udp4.ts';

const NONE = ipv4(0);
const EVERYONE = new Uint8Array(6).fill(255);

/** mulberry32: numbers from 0 to 1, the same for the same seed. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

const bytesOf = (address: Ipv4): Uint8Array =>
  Uint8Array.of(address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255);

export interface Request {
  readonly type: number;
  readonly mac: Uint8Array;
  readonly xid: number;
  readonly ciaddr?: Ipv4;
  readonly requested?: Ipv4;
  readonly server?: Ipv4;
}

export function requestOf({ type, mac, xid, ciaddr, requested, server }: Request): Uint8Array {
  return encodeDhcp4({
    ...{ op: 1, xid, secs: 0, broadcast: false, ciaddr: ciaddr ?? NONE },
    ...{ yiaddr: NONE, siaddr: NONE, giaddr: NONE, chaddr: mac },
    ...{ sname: new Uint8Array(0), file: new Uint8Array(0) },
    options: new Map([
      [53, Uint8Array.of(type)],
      [61, Uint8Array.of(1, ...mac)],
      ...(requested ? [[50, bytesOf(requested)] as const] : []),
      ...(server ? [[54, bytesOf(server)] as const] : []),
      [55, Uint8Array.of(1, 3, 6, 15, 28)],
    ]),
  });
}

/** From a client to everyone, or to its server. */
export function frameOf(
  payload: Uint8Array,
  sourceMac: Uint8Array,
  to: { readonly mac?: Uint8Array; readonly source: Ipv4; readonly destination?: Ipv4 },
): Uint8Array {
  return encodeUdp4({
    destinationMac: to.mac ?? EVERYONE,
    ...{ sourceMac, source: to.source, destination: to.destination ?? ipv4(0xffffffff) },
    ...{ sourcePort: 68, destinationPort: 67, payload },
  });
}

const TYPES = Object.values(DHCP);
const HOSTILE = [0, 1, 52, 53, 54, 61, 77, 81, 82, 118, 119, 121, 125, 127, 128, 254, 255];

/** A request of any kind with some bytes changed, cut off, or put in; of eight frames one has wrong headers, too. */
export function mutate(next: () => number): Uint8Array {
  const below = (n: number): number => Math.floor(next() * n);
  const mac = Uint8Array.of(0x02, 0x99, 0, below(4), below(256), below(256));
  const address = ipv4(0xc0a80100 + below(256));
  let payload = requestOf({
    ...{ type: TYPES[below(TYPES.length)] ?? 1, mac, xid: below(0xffff_ffff) },
    ...(next() < 0.3 ? { ciaddr: address } : {}),
    ...(next() < 0.5 ? { requested: address } : {}),
    ...(next() < 0.3 ? { server: ipv4(0xc0a80101) } : {}),
  });
  for (let edits = below(6); edits > 0; edits--) {
    // Most of a message are zeros that nobody looks at: half of the edits fall among the options.
    const at = next() < 0.5 ? 240 + below(payload.length - 240) : below(payload.length);
    const value = next() < 0.5 ? (HOSTILE[below(HOSTILE.length)] ?? 0) : below(256);
    if (next() < 0.85) payload[at] = value;
    else if (next() < 0.5) payload = payload.slice(0, Math.max(241, at));
    else {
      const longer = new Uint8Array(Math.min(1472, payload.length + below(600)));
      longer.set(payload.subarray(0, longer.length));
      payload = longer.fill(value, Math.min(at, longer.length));
    }
  }
  const frame = frameOf(payload, mac, { source: next() < 0.3 ? address : NONE });
  if (next() < 0.125) frame[12 + below(30)] = below(256);
  return frame;
}
