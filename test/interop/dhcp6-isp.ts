/**
 * A DHCPv6 server that says whatever a test tells it to: what no real server can be made to send.
 * It runs inside a namespace (`node dhcp6-isp.ts INTERFACE`), takes one JSON command a line on stdin,
 * and prints a line for each message it sees.
 */
import { createSocket } from 'node:dgram';
import { createInterface } from 'node:readline';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { formatPrefix6, type Ipv6, parseIpv6, parseIpv6Prefix } from '../../src/base/ip6.ts';
import {
  CLIENT_PORT6,
  DHCP6,
  type Dhcp6Option,
  decodeDhcp6,
  encodeDhcp6,
  SERVER_PORT6,
} from '../../src/wire/dhcp6.ts';
import { CODEC6, OPTION6 } from '../../src/wire/dhcp6-options.ts';

export interface Isp6Mood {
  mode: 'answer' | 'silent';
  /** One for each IA_NA. */
  addresses: string[];
  /** All of them in the first IA_PD, or one for each where it is asked for several. */
  prefixes: string[];
  /** Told with lifetimes of zero in the answer to a RENEW or REBIND. */
  gone: string[];
  preferredSec: number;
  validSec: number;
  t1Sec: number;
  /** Status of every IA in the answer to a RENEW or REBIND, which then has nothing else. */
  renewStatus: number;
  /** Further options by code, values in hex. */
  options: Record<string, string>;
  /** Appended to each message as it is, in hex. */
  tail: string;
}

let mood: Isp6Mood = {
  ...{ mode: 'silent', addresses: [], prefixes: [], gone: [], options: {}, tail: '' },
  ...{ preferredSec: 600, validSec: 1200, t1Sec: 300, renewStatus: 0 },
};

const SERVER = Uint8Array.of(0, 3, 0, 1, 2, 0, 0, 0, 0, 9);
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
const ifName = process.argv[2] ?? 'isp0';
const socket = createSocket({ type: 'udp6', reuseAddr: true });

const address = (text: string): Ipv6 => {
  const parsed = parseIpv6(text);
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.value;
};
const prefix = (text: string) => {
  const parsed = parseIpv6Prefix(text);
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.value;
};
const status = (code: number): Dhcp6Option => ({
  code: OPTION6.STATUS_CODE,
  value: CODEC6.status.encode({ code, text: '' }),
});

/** What an IA of a request is answered. */
function answerIa({ code, value }: Dhcp6Option, renewal: boolean, place: number, of: number) {
  const ia = CODEC6.ia.decode(value);
  if (!ia.ok) throw new Error(ia.error.message);
  const isPd = code === OPTION6.IA_PD;
  const { preferredSec, validSec, t1Sec } = mood;
  const lease = (text: string, times: { preferredSec: number; validSec: number }): Dhcp6Option =>
    isPd
      ? {
          code: OPTION6.IAPREFIX,
          value: CODEC6.iaPrefix.encode({ ...prefix(text), ...times, options: [] }),
        }
      : {
          code: OPTION6.IAADDR,
          value: CODEC6.iaAddress.encode({ address: address(text), ...times, options: [] }),
        };
  const all = isPd ? mood.prefixes : mood.addresses;
  const given = of > 1 || !isPd ? all.slice(place, place + 1) : all;
  const gone = renewal && isPd ? mood.gone : [];
  const options =
    renewal && mood.renewStatus !== 0
      ? [status(mood.renewStatus)]
      : [
          ...gone.map((text) => lease(text, { preferredSec: 0, validSec: 0 })),
          ...given.map((text) => lease(text, { preferredSec, validSec })),
          ...(given.length + gone.length === 0 ? [status(isPd ? 6 : 2)] : []),
        ];
  const times = { t1Sec, t2Sec: Math.floor(t1Sec * 1.6) };
  return { code, value: CODEC6.ia.encode({ iaid: ia.value.iaid, ...times, options }) };
}

const hintsOf = ({ code, value }: Dhcp6Option): readonly string[] => {
  const ia = CODEC6.ia.decode(value);
  if (code !== OPTION6.IA_PD || !ia.ok) return [];
  return ia.value.options.flatMap((option) => {
    const read = CODEC6.iaPrefix.decode(option.value);
    return option.code === OPTION6.IAPREFIX && read.ok ? [formatPrefix6(read.value)] : [];
  });
};

socket.on('message', (bytes, from) => {
  const decoded = decodeDhcp6(bytes);
  if (!decoded.ok) return;
  const { type, transactionId, options } = decoded.value.message;
  const client = options.find(({ code }) => code === OPTION6.CLIENTID);
  const ias = options.filter(({ code }) => code === OPTION6.IA_NA || code === OPTION6.IA_PD);
  const iaids = ias.map(({ value }) => new DataView(value.buffer, value.byteOffset).getUint32(0));
  say({
    ...{ seen: type, duid: toHex(client?.value ?? new Uint8Array(0)), iaids, transactionId },
    ...{ hints: ias.flatMap(hintsOf), codes: options.map(({ code }) => code) },
    sent: Object.fromEntries(options.map(({ code, value }) => [code, toHex(value)])),
  });
  if (mood.mode === 'silent' || client === undefined) return;
  const rapid = type === DHCP6.SOLICIT && options.some(({ code }) => code === OPTION6.RAPID_COMMIT);
  const renewal = type === DHCP6.RENEW || type === DHCP6.REBIND;
  const pds = ias.filter(({ code }) => code === OPTION6.IA_PD);
  const answers =
    type === DHCP6.RELEASE
      ? [status(0)]
      : ias.map((ia) =>
          answerIa(
            ia,
            renewal,
            Math.max(0, pds.indexOf(ia)),
            ia.code === OPTION6.IA_PD ? pds.length : 1,
          ),
        );
  const reply = encodeDhcp6({
    relays: [],
    message: {
      type: type === DHCP6.SOLICIT && !rapid ? DHCP6.ADVERTISE : DHCP6.REPLY,
      transactionId,
      options: [
        client,
        { code: OPTION6.SERVERID, value: SERVER },
        ...(rapid ? [{ code: OPTION6.RAPID_COMMIT, value: new Uint8Array(0) }] : []),
        ...answers,
        ...Object.entries(mood.options).map(([code, hex]) => ({
          code: Number(code),
          value: fromHex(hex) ?? new Uint8Array(0),
        })),
      ],
    },
  });
  const tail = fromHex(mood.tail) ?? new Uint8Array(0);
  socket.send(Uint8Array.from([...reply, ...tail]), CLIENT_PORT6, from.address);
});

socket.bind(SERVER_PORT6, '::', () => {
  socket.addMembership('ff02::1:2', `::%${ifName}`);
  say({ ready: true });
});
createInterface({ input: process.stdin }).on('line', (line) => {
  mood = { ...mood, ...(JSON.parse(line) as Partial<Isp6Mood>) };
  say({ mood: mood.mode });
});
