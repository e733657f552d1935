/** Messages between a client and its server, as frames on the wire. */
import { type Mac, macBytes } from '../../../src/base/ip.ts';
import {
  ALL_DHCP_SERVERS,
  type Ipv6,
  type Ipv6Prefix,
  parseIpv6,
  parseIpv6Prefix,
} from '../../../src/base/ip6.ts';
import { DHCP6, type Dhcp6Option, encodeDhcp6 } from '../../../src/wire/dhcp6.ts';
import { CODEC6, OPTION6 } from '../../../src/wire/dhcp6-options.ts';
import { encodeUdp6 } from '../../../src/wire/udp6.ts';

export const DUID = Uint8Array.of(0, 4, ...Array.from({ length: 16 }, (_, i) => i));
export const SERVER = Uint8Array.of(0, 3, 0, 1, 2, 0, 0, 0, 0, 9);

export const at = (text: string): Ipv6 => {
  const parsed = parseIpv6(text);
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.value;
};
export const net = (text: string): Ipv6Prefix => {
  const parsed = parseIpv6Prefix(text);
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.value;
};

interface Times {
  readonly pref?: number;
  readonly valid?: number;
}
export const lease = (text: string, { pref = 600, valid = 1200 }: Times = {}): Dhcp6Option =>
  text.includes('/')
    ? {
        code: OPTION6.IAPREFIX,
        value: CODEC6.iaPrefix.encode({
          ...net(text),
          preferredSec: pref,
          validSec: valid,
          options: [],
        }),
      }
    : {
        code: OPTION6.IAADDR,
        value: CODEC6.iaAddress.encode({
          address: at(text),
          preferredSec: pref,
          validSec: valid,
          options: [],
        }),
      };

export const status = (code: number): Dhcp6Option => ({
  code: OPTION6.STATUS_CODE,
  value: CODEC6.status.encode({ code, text: '' }),
});

export const ia = (
  kind: 'na' | 'pd',
  iaid: number,
  options: readonly Dhcp6Option[] = [],
  t1Sec = 300,
  t2Sec = 480,
): Dhcp6Option => ({
  code: kind === 'na' ? OPTION6.IA_NA : OPTION6.IA_PD,
  value: CODEC6.ia.encode({ iaid, t1Sec, t2Sec, options }),
});

export interface Said {
  readonly type: number;
  readonly xid?: number;
  readonly duid?: Uint8Array;
  /** Undefined for none. */
  readonly server?: Uint8Array | undefined;
  readonly options?: readonly Dhcp6Option[];
}

const CLIENT_IP = at('fe80::1');
const SERVER_IP = at('fe80::9');

/** A client's message goes out, a server's comes in. */
export function frame({
  type,
  xid = 0x123456,
  duid = DUID,
  options = [],
  ...more
}: Said): Uint8Array {
  const fromServer = type === DHCP6.ADVERTISE || type === DHCP6.REPLY;
  const server = 'server' in more ? more.server : fromServer ? SERVER : undefined;
  const payload = encodeDhcp6({
    relays: [],
    message: {
      type,
      transactionId: xid,
      options: [
        { code: OPTION6.CLIENTID, value: duid },
        ...(server === undefined ? [] : [{ code: OPTION6.SERVERID, value: server }]),
        ...options,
      ],
    },
  });
  return encodeUdp6({
    payload,
    destinationMac: macBytes('02:00:00:00:00:01' as Mac),
    sourceMac: macBytes('02:00:00:00:00:02' as Mac),
    ...(fromServer
      ? { source: SERVER_IP, destination: CLIENT_IP, sourcePort: 547, destinationPort: 546 }
      : {
          source: CLIENT_IP,
          destination: ALL_DHCP_SERVERS,
          sourcePort: 546,
          destinationPort: 547,
        }),
  });
}
