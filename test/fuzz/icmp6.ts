import { toHex } from '../../src/base/bytes.ts';
import { BugError } from '../../src/base/errors.ts';
import { ALL_NODES, ipv6, type PrefixLen6 } from '../../src/base/ip6.ts';
import { decodeNd, encodeNd, type NdPacket } from '../../src/wire/icmp6.ts';
import { checksum6 } from '../../src/wire/ip6.ts';

const mac = Uint8Array.of(2, 0, 0, 0, 0, 1);
const prefix = { address: ipv6(0x20010db8n << 96n), prefixLen: 64 as PrefixLen6 };
const seed: NdPacket = {
  ...{ sourceMac: mac, destinationMac: mac, destination: ALL_NODES },
  source: ipv6((0xfe80n << 112n) | 1n),
  body: {
    kind: 'advertisement',
    advertisement: {
      ...{ hopLimit: 64, managed: false, other: true, preference: 'high', lifetimeSec: 1800 },
      ...{ reachableMs: 0, retransMs: 0 },
      options: [
        { kind: 'sourceLinkLayer', mac },
        ...[
          {
            kind: 'prefix',
            prefix,
            onLink: true,
            autonomous: true,
            validSec: 9,
            preferredSec: 5,
          } as const,
        ],
        { kind: 'route', prefix, preference: 'low', lifetimeSec: 60 },
        { kind: 'rdnss', lifetimeSec: 60, servers: [ipv6(1n)] },
        { kind: 'dnssl', lifetimeSec: 60, domains: ['lan', 'home.arpa'] },
        { kind: 'captivePortal', uri: 'https://a/' },
        { kind: 'pref64', prefix: { ...prefix, prefixLen: 96 as PrefixLen6 }, lifetimeSec: 1800 },
      ],
    },
  },
};

/** The checksum is mended, so that mutations get behind it. */
function mended(bytes: Uint8Array): Uint8Array {
  const length = bytes.length - 54;
  if (length < 4) return bytes;
  const frame = bytes.slice();
  const view = new DataView(frame.buffer);
  view.setUint16(18, length);
  view.setUint16(56, 0);
  const at = (from: number) => ipv6((view.getBigUint64(from) << 64n) | view.getBigUint64(from + 8));
  view.setUint16(56, checksum6(at(22), at(38), 58, frame.subarray(54)));
  return frame;
}

/** Whatever a router or host on the link says: nothing throws, and what decodes is the same when encoded again. */
export const target = {
  name: 'icmp6',
  run(bytes: Uint8Array): void {
    for (const frame of [bytes, mended(bytes)]) {
      const packet = decodeNd(frame);
      if (!packet.ok) continue;
      const once = encodeNd(packet.value);
      const again = decodeNd(once);
      if (!again.ok || toHex(encodeNd(again.value)) !== toHex(once)) {
        throw new BugError('not the same again');
      }
    }
  },
  seeds: (): Uint8Array[] => [
    encodeNd(seed),
    encodeNd({
      ...seed,
      body: { kind: 'solicitation', options: [{ kind: 'sourceLinkLayer', mac }] },
    }),
  ],
};
