/**
 * A DHCP server that says whatever a test tells it to: what no real server can be made to send.
 * It runs inside a namespace (`node dhcp-server.ts ADDRESS`), answers by broadcast on port 67, takes
 * one JSON command a line on stdin, and prints a line for each message it sees.
 */
import { createSocket } from 'node:dgram';
import { createInterface } from 'node:readline';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { ipv4, parseIpv4 } from '../../src/base/ip.ts';
import { DHCP, decodeDhcp4, encodeDhcp4, messageType } from '../../src/wire/dhcp4.ts';

export interface ServerMood {
  /** `answer` offers and acknowledges, `nak` refuses every REQUEST, `silent` says nothing. */
  mode: 'answer' | 'nak' | 'silent';
  address: string;
  /** Options of OFFER and ACK by code, values in hex. */
  options: Record<string, string>;
}

const ip = (text: string) => {
  const parsed = parseIpv4(text);
  return parsed.ok ? parsed.value : ipv4(0);
};

const own = process.argv[2] ?? '198.51.100.1';
let mood: ServerMood = { mode: 'silent', address: '198.51.100.50', options: {} };

const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
const socket = createSocket({ type: 'udp4', reuseAddr: true });

socket.on('message', (bytes) => {
  const decoded = decodeDhcp4(bytes);
  if (!decoded.ok) return;
  const asked = decoded.value;
  const type = messageType(asked);
  const parameterList = toHex(asked.options.get(55) ?? new Uint8Array(0));
  const options = Object.fromEntries(
    [...asked.options].map(([code, value]) => [code, toHex(value)]),
  );
  say({ seen: type, parameterList, options });
  if (mood.mode === 'silent' || (type !== DHCP.DISCOVER && type !== DHCP.REQUEST)) return;
  const refused = mood.mode === 'nak' && type === DHCP.REQUEST;
  const kind = refused ? DHCP.NAK : type === DHCP.DISCOVER ? DHCP.OFFER : DHCP.ACK;
  const server = ip(own);
  const serverBytes = Uint8Array.of(
    server >>> 24,
    (server >>> 16) & 255,
    (server >>> 8) & 255,
    server & 255,
  );
  const reply = encodeDhcp4({
    ...asked,
    op: 2,
    yiaddr: refused ? ipv4(0) : ip(mood.address),
    siaddr: server,
    options: new Map([
      [53, Uint8Array.of(kind)],
      [54, serverBytes],
      ...(refused
        ? []
        : Object.entries(mood.options).map(
            ([code, hex]) => [Number(code), fromHex(hex) ?? new Uint8Array(0)] as const,
          )),
    ]),
  });
  socket.send(reply, 68, '255.255.255.255', () => say({ sent: kind }));
});

socket.bind(67, '0.0.0.0', () => {
  socket.setBroadcast(true);
  say({ ready: true });
});
createInterface({ input: process.stdin }).on('line', (line) => {
  mood = { ...mood, ...(JSON.parse(line) as Partial<ServerMood>) };
  say({ mood: mood.mode });
});
