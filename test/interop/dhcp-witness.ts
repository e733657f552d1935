/**
 * Says what DHCP passes on a switch: `node dhcp-witness.ts PORT…`, one line for each frame that
 * comes in by a port:
 *
 *     PORT MAC DISCOVER|OFFER|… STATE|to-all|to-one ADDRESS {"code":"hex",…}
 *
 * STATE is what a REQUEST says of its client (RFC 2131 table 4), ADDRESS what it is about.
 */
import { toHex } from '../../src/base/bytes.ts';
import { formatIpv4, formatMac, type Ipv4, ipv4 } from '../../src/base/ip.ts';
import { DHCP, type Dhcp4Message, decodeDhcp4, messageType } from '../../src/wire/dhcp4.ts';
import { decodeUdp4, type Udp4 } from '../../src/wire/udp4.ts';
import { RawPorts } from '../lib/frames.ts';

const NAMES = new Map<number, string>(Object.entries(DHCP).map(([name, code]) => [code, name]));
const [REQUESTED_ADDRESS, SERVER_ID] = [50, 54];

function option(message: Dhcp4Message, code: number): Ipv4 | undefined {
  const value = message.options.get(code);
  return value === undefined ? undefined : ipv4(Number.parseInt(toHex(value), 16));
}

function manner(message: Dhcp4Message, { destination, destinationMac }: Udp4): string {
  if (message.op === 2) return destinationMac.every((b) => b === 255) ? 'to-all' : 'to-one';
  if (messageType(message) !== DHCP.REQUEST) return '-';
  if (message.options.has(SERVER_ID)) return 'selecting';
  if (message.ciaddr === 0) return 'init-reboot';
  return destination === 0xffffffff ? 'rebinding' : 'renewing';
}

const ports = new RawPorts();
for (const port of process.argv.slice(2)) {
  ports.open(port, 'dhcp4', {
    frame: (bytes, start, end) => {
      const udp = decodeUdp4(bytes.slice(start, end));
      const decoded = udp.ok ? decodeDhcp4(udp.value.payload) : udp;
      if (!udp.ok || !decoded.ok) return;
      const message = decoded.value;
      const address =
        message.yiaddr || message.ciaddr || option(message, REQUESTED_ADDRESS) || ipv4(0);
      const options = Object.fromEntries(
        [...message.options].map(([code, value]) => [code, toHex(value)]),
      );
      const words = [
        ...[port, formatMac(message.chaddr), NAMES.get(messageType(message)) ?? 'BOOTP'],
        ...[manner(message, udp.value), formatIpv4(ipv4(address)), JSON.stringify(options)],
      ];
      process.stdout.write(`${words.join(' ')}\n`);
    },
  });
}
process.stdout.write('ready\n');
