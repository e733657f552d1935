/** One interface of the LAN that is listened to, and how questions are put on it. */
import { type Ipv4, ipv4, type Mac, macBytes } from '../../base/ip.ts';
import { ALL_NODES, type IpAddress, type Ipv6 } from '../../base/ip6.ts';
import type { FramePort } from '../../os/ports.ts';
import { encodeArp } from '../../wire/arp.ts';
import { encodeNeighbour, groupMac, solicitedNode } from '../../wire/icmp6-neighbour.ts';
import type { Segment } from './segment.ts';

const NOBODY = new Uint8Array(6);

export class LanPort {
  readonly segment: Segment;
  readonly frames: FramePort;

  constructor(segment: Segment, frames: FramePort) {
    this.segment = segment;
    this.frames = frames;
  }

  /** One question who has `address`, to `mac` alone or to all; false when the interface has no address to ask from. */
  ask(address: IpAddress, mac?: Mac): boolean {
    const to = mac === undefined ? undefined : macBytes(mac);
    return typeof address === 'number' ? this.#arp(address, to) : this.#solicit(address, to);
  }

  /** One echo request to all, from each of the own IPv6 addresses, so that hosts answer with theirs of that network. */
  echo(id: number, sequence: number): number {
    const { mac, own6 } = this.segment;
    for (const { address: source } of own6) {
      const body = { kind: 'echoRequest', id, sequence, data: NOBODY } as const;
      this.#send(
        encodeNeighbour({
          ...{ sourceMac: macBytes(mac), destinationMac: groupMac(ALL_NODES) },
          ...{ source, destination: ALL_NODES, body },
        }),
      );
    }
    return own6.length;
  }

  flush(): void {
    this.frames.flush();
  }

  #arp(address: Ipv4, to: Uint8Array | undefined): boolean {
    const { mac, own4 } = this.segment;
    const [own] = own4;
    if (own === undefined) return false;
    const frame = encodeArp({
      ...{ op: 1, senderMac: macBytes(mac), senderIp: ipv4(own.address) },
      ...{ targetMac: NOBODY, targetIp: address },
    });
    if (to !== undefined) frame.set(to);
    return this.#send(frame);
  }

  #solicit(address: Ipv6, to: Uint8Array | undefined): boolean {
    const { mac, linkLocal: source } = this.segment;
    if (source === undefined) return false;
    const own = macBytes(mac);
    const group = solicitedNode(address);
    return this.#send(
      encodeNeighbour({
        ...{ sourceMac: own, destinationMac: to ?? groupMac(group), source },
        destination: to === undefined ? group : address,
        body: { kind: 'solicitation', target: address, mac: own },
      }),
    );
  }

  #send(frame: Uint8Array): boolean {
    return this.frames.send(frame, 0, frame.length);
  }
}
