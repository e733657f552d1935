import { BugError } from '../../src/base/errors.ts';
import { ipv4, macOf, type PrefixLen } from '../../src/base/ip.ts';
import { linkLocalOf } from '../../src/base/ip6.ts';
import { conntrackDump, decodeConntrack } from '../../src/wire/conntrack.ts';
import {
  decodeAddress,
  decodeLink,
  decodeRoute,
  type RtAddress,
  type RtRoute,
} from '../../src/wire/rtnetlink.ts';
import {
  decodeAcknowledgement,
  decodeMessages,
  NetlinkWriter,
} from '../../src/wire/rtnetlink-frame.ts';
import { decodeNeighbour, writeUseNeighbour } from '../../src/wire/rtnetlink-neighbour.ts';
import {
  dumpRoutes,
  writeAddAddress,
  writeAddBridge,
  writeReplaceRoute,
  writeSetLink,
} from '../../src/wire/rtnetlink-requests.ts';

const address: RtAddress = {
  ifIndex: 3,
  address: ipv4(0xc0000207),
  prefixLen: 24 as PrefixLen,
  broadcast: ipv4(0xc00002ff),
  protocol: 71,
};
const route: RtRoute = {
  type: 'unicast',
  destination: ipv4(0xc6336400),
  prefixLen: 25 as PrefixLen,
  gateway: ipv4(0xcb007109),
  ifIndex: 3,
  metric: 300,
  source: ipv4(0xc0000207),
  table: 254,
  protocol: 71,
  scope: 'universe',
  onLink: true,
};

/** No bytes make a decoder throw, and what decodes is in range and can be asked again. */
export const target = {
  name: 'rtnetlink',
  run(bytes: Uint8Array): void {
    const messages = decodeMessages(bytes);
    if (!messages.ok) return;
    for (const message of messages.value) {
      decodeAcknowledgement(message);
      decodeLink(message.body);
      decodeConntrack(message.body);
      const a = decodeAddress(message.body);
      if (a.ok && a.value !== undefined) {
        if (a.value.prefixLen > 32) throw new BugError('prefix of an address');
        writeAddAddress(new NetlinkWriter(), 1, a.value);
      }
      const n = decodeNeighbour(message.body);
      if (n.ok && n.value?.kind === 'neighbour') {
        writeUseNeighbour(new NetlinkWriter(), 1, n.value);
      }
      const r = decodeRoute(message.body);
      if (r.ok && r.value !== undefined) {
        if (r.value.prefixLen > 32) throw new BugError('prefix of a route');
        writeReplaceRoute(new NetlinkWriter(), 1, r.value);
      }
    }
  },
  seeds: (): Uint8Array[] => {
    const all = new NetlinkWriter();
    writeAddAddress(all, 1, address);
    writeReplaceRoute(all, 2, route);
    const links = new NetlinkWriter();
    writeAddBridge(links, 1, 'br-lan');
    writeSetLink(links, 2, { ifIndex: 2, adminUp: true, mtu: 1500, master: 3 });
    const neighbours = new NetlinkWriter();
    writeUseNeighbour(neighbours, 1, { ifIndex: 3, address: address.address });
    writeUseNeighbour(neighbours, 2, { ifIndex: 3, address: linkLocalOf(macOf(7)) });
    return [all.bytes(), links.bytes(), neighbours.bytes(), dumpRoutes(7), conntrackDump(7)];
  },
};
