/** A DISCOVER of a client that does not exist: who answers is a server. Its offers are never taken up. */
import { ipv4 } from '../../base/ip.ts';
import { CLIENT_PORT, DHCP, encodeDhcp4, SERVER_PORT } from '../../wire/dhcp4.ts';
import { encodeUdp4 } from '../../wire/udp4.ts';

/**
 * `mac` is the server's own: the client's is made of it, locally administered and always the same,
 * so that however often is asked, no other server keeps more than one address for it.
 */
export function rogueProbe(mac: Uint8Array, xid: number): Uint8Array {
  const sourceMac = mac.map((byte, i) =>
    i === 0 ? (byte | 2) & 0xfe : i === 5 ? byte ^ 0xff : byte,
  );
  const none = ipv4(0);
  const payload = encodeDhcp4({
    op: 1,
    xid,
    secs: 0,
    // Its offer must be heard, and nobody answers ARP for this client.
    broadcast: true,
    ciaddr: none,
    yiaddr: none,
    siaddr: none,
    giaddr: none,
    chaddr: sourceMac,
    sname: new Uint8Array(0),
    file: new Uint8Array(0),
    options: new Map([
      [53, Uint8Array.of(DHCP.DISCOVER)],
      [55, Uint8Array.of(1, 3, 6)],
    ]),
  });
  return encodeUdp4({
    destinationMac: new Uint8Array(6).fill(255),
    sourceMac,
    source: none,
    destination: ipv4(0xffffffff),
    sourcePort: CLIENT_PORT,
    destinationPort: SERVER_PORT,
    payload,
  });
}
