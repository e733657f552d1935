/**
 * What the wire says of one client: udhcpc counts nothing and can miss telling, so its messages
 * are watched through a kernel filter. Gives the true DHCPStatus and `Stats.`.
 */

import { toHex } from '../../base/bytes.ts';
import type { Mac } from '../../base/ip.ts';
import { CLIENT_PORT, DHCP, decodeDhcp4, messageType, SERVER_PORT } from '../../wire/dhcp4.ts';
import { decodeUdp4 } from '../../wire/udp4.ts';
import type { MessageCounts } from './config.ts';
import type { RawLease } from './lease.ts';

const NO_MESSAGES: MessageCounts = {
  discover: 0,
  offer: 0,
  request: 0,
  decline: 0,
  release: 0,
  inform: 0,
  ack: 0,
  nack: 0,
  forceRenew: 0,
  discarded: 0,
};

export type Seen =
  | { readonly type: 'discover' | 'nak' | 'release' }
  | { readonly type: 'request'; readonly renewal: 'none' | 'unicast' | 'broadcast' }
  | { readonly type: 'ack'; readonly raw: RawLease };

export interface WireView {
  readonly counts: MessageCounts;
  /** Transaction of the client's last message: what answers it must carry. */
  readonly xid: number | undefined;
}

export const NOTHING_SEEN: WireView = { counts: NO_MESSAGES, xid: undefined };

const KEY_OF: Readonly<Record<number, keyof MessageCounts>> = {
  [DHCP.DISCOVER]: 'discover',
  [DHCP.OFFER]: 'offer',
  [DHCP.REQUEST]: 'request',
  [DHCP.DECLINE]: 'decline',
  [DHCP.ACK]: 'ack',
  [DHCP.NAK]: 'nack',
  [DHCP.RELEASE]: 'release',
  [DHCP.INFORM]: 'inform',
  [DHCP.FORCERENEW]: 'forceRenew',
};

const ALL_ONES = 0xffffffff;

/** One frame seen on the client's interface. Frames of other hosts change nothing. */
export function look(
  view: WireView,
  frame: Uint8Array,
  outgoing: boolean,
  mac: Mac,
  nowMs: number,
): { readonly view: WireView; readonly seen: Seen | undefined } {
  const udp = decodeUdp4(frame);
  const port = outgoing ? SERVER_PORT : CLIENT_PORT;
  if (!udp.ok || udp.value.destinationPort !== port) return { view, seen: undefined };
  const decoded = decodeDhcp4(udp.value.payload);
  if (!decoded.ok) {
    // Ours or not cannot be told; one that nobody can read was meant for whoever listens.
    return { view: outgoing ? view : counted(view, 'discarded'), seen: undefined };
  }
  const message = decoded.value;
  if (toHex(message.chaddr) !== mac.replaceAll(':', '')) return { view, seen: undefined };
  const type = messageType(message);
  const key = KEY_OF[type];
  const wrongWay = outgoing !== (message.op === 1);
  const stranger = !outgoing && type !== DHCP.FORCERENEW && message.xid !== view.xid;
  if (key === undefined || wrongWay || stranger) {
    return { view: counted(view, 'discarded'), seen: undefined };
  }
  const next = counted(outgoing ? { ...view, xid: message.xid } : view, key);
  switch (type) {
    case DHCP.DISCOVER:
      return { view: next, seen: { type: 'discover' } };
    case DHCP.RELEASE:
      return { view: next, seen: { type: 'release' } };
    case DHCP.NAK:
      return { view: next, seen: { type: 'nak' } };
    case DHCP.REQUEST: {
      const broadcast = udp.value.destination === ALL_ONES;
      const renewal = message.ciaddr === 0 ? 'none' : broadcast ? 'broadcast' : 'unicast';
      return { view: next, seen: { type: 'request', renewal } };
    }
    case DHCP.ACK: {
      const raw = { address: message.yiaddr, options: message.options, receivedAtMs: nowMs };
      return { view: next, seen: { type: 'ack', raw } };
    }
    default:
      return { view: next, seen: undefined };
  }
}

const counted = (view: WireView, key: keyof MessageCounts): WireView => ({
  ...view,
  counts: { ...view.counts, [key]: view.counts[key] + 1 },
});
