import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { ipv4 } from '../../src/base/ip.ts';
import {
  DHCP,
  type Dhcp4Message,
  decodeDhcp4,
  encodeDhcp4,
  messageType,
} from '../../src/wire/dhcp4.ts';
import {
  DHCP4_OPTIONS,
  optionFromEnv,
  readClasslessRoutes,
  readDomainSearch,
  readIps,
  readText,
} from '../../src/wire/dhcp4-options.ts';
import { decodeUdp4 } from '../../src/wire/udp4.ts';

const message = (
  options: [number, Uint8Array][],
  more: Partial<Dhcp4Message> = {},
): Dhcp4Message => ({
  op: 2,
  xid: 0x12345678,
  secs: 3,
  broadcast: true,
  ciaddr: ipv4(0),
  yiaddr: ipv4(0xc6336402),
  siaddr: ipv4(0xc6336401),
  giaddr: ipv4(0),
  chaddr: Uint8Array.of(2, 0, 0, 0, 0, 1),
  sname: new Uint8Array(0),
  file: new Uint8Array(0),
  options: new Map(options),
  ...more,
});

t.test('a message survives the round trip', async (t) => {
  const bytes = () => fc.uint8Array({ maxLength: 700 });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 254 }), bytes()), { maxLength: 8 }),
      fc.integer({ min: 0, max: 0xffffffff }),
      (list, xid) => {
        // Option 52 would move options into header fields; it has a test of its own.
        const options = new Map(list.filter(([code]) => code !== 52));
        const sent = message([...options], { xid });
        const back = decodeDhcp4(encodeDhcp4(sent));
        if (!back.ok) throw new Error(back.error.message);
        t.same(back.value, sent);
      },
    ),
    { seed: 1, numRuns: 200 },
  );
});

t.test('truncation at every length is refused, never thrown', async (t) => {
  const whole = encodeDhcp4(
    message([
      [53, Uint8Array.of(DHCP.ACK)],
      [12, Uint8Array.of(65, 66)],
    ]),
  );
  const short = whole.subarray(0, 240);
  for (let n = 0; n < short.length; n++)
    t.notOk(decodeDhcp4(short.subarray(0, n)).ok, `${n} bytes`);
  t.ok(decodeDhcp4(short).ok, 'without any option, and without END');
  const cut = whole.subarray(0, 246);
  const result = decodeDhcp4(cut);
  t.match(result, { ok: false, error: { field: 'options', offset: 243 } });
});

t.test('overload: file and sname carry options (RFC 2132 §9.3)', async (t) => {
  const base = encodeDhcp4(
    message([
      [53, Uint8Array.of(DHCP.ACK)],
      [52, Uint8Array.of(3)],
    ]),
  );
  base.set([12, 1, 65, 255], 108);
  base.set([15, 1, 66, 255], 44);
  const back = decodeDhcp4(base);
  t.ok(back.ok);
  if (!back.ok) return;
  t.equal(messageType(back.value), DHCP.ACK);
  t.same(back.value.options.get(12), Uint8Array.of(65));
  t.same(back.value.options.get(15), Uint8Array.of(66));
  t.equal(back.value.file.length + back.value.sname.length, 0);
});

t.test('udhcpc words become the bytes of the wire', async (t) => {
  const cases: [string, string, number, string][] = [
    ['subnet', '255.255.255.0', 1, 'ffffff00'],
    ['router', '198.51.100.1 198.51.100.2', 3, 'c6336401c6336402'],
    ['dns', '192.0.2.53', 6, 'c0000235'],
    ['lease', '4294967295', 51, 'ffffffff'],
    ['mtu', '1400', 26, '0578'],
    ['timezone', '-3600', 2, 'fffff1f0'],
    [
      'staticroutes',
      '10.0.0.0/8 198.51.100.9 0.0.0.0/0 198.51.100.1',
      121,
      '080ac6336409' + '00c6336401',
    ],
    ['routes', '10.1.2.3/198.51.100.9', 33, '0a010203c6336409'],
    ['search', 'a.example b.example', 119, '0161076578616d706c65000162076578616d706c6500'],
    ['opt125', '00000de9', 125, '00000de9'],
    ['hostname', 'x\n$(id)', 12, '780a24286964' + '29'],
  ];
  for (const [key, value, code, hex] of cases) {
    const option = optionFromEnv(key, value);
    t.ok(option?.ok, key);
    if (option?.ok) t.same([option.value[0], toHex(option.value[1])], [code, hex], key);
  }
  t.equal(optionFromEnv('interface', 'wan0'), undefined);
  t.equal(optionFromEnv('opt53x', '05'), undefined);
  for (const [key, value] of [
    ['router', '1.2.3'],
    ['staticroutes', '10.0.0.0/8'],
    ['mtu', '70000'],
    ['opt43', 'xyz'],
  ]) {
    t.match(optionFromEnv(key ?? '', value ?? ''), { ok: false }, `${key}=${value}`);
  }
});

t.test('readers refuse what does not fit', async (t) => {
  t.notOk(readIps(Uint8Array.of(1, 2, 3), 'x').ok);
  t.notOk(readIps(new Uint8Array(0), 'x').ok);
  t.notOk(readClasslessRoutes(Uint8Array.of(33, 1, 2, 3, 4), 'x').ok);
  t.notOk(readClasslessRoutes(Uint8Array.of(24, 1, 2, 3, 4, 5), 'x').ok);
  t.equal(readText(Uint8Array.of(65, 0)), 'A');
  // RFC 3397: the second name points back into the first.
  const search = fromHex('0161076578616d706c65000162c002') ?? new Uint8Array(0);
  t.same(readDomainSearch(search, 'x'), { ok: true, value: ['a.example', 'b.example'] });
  t.notOk(readDomainSearch(Uint8Array.of(0xc0, 0x00), 'x').ok, 'a pointer to itself');
  t.notOk(readDomainSearch(Uint8Array.of(1, 65, 0xc0, 0x02), 'x').ok, 'a pointer to a pointer');
});

t.test('the registry has one row per code and per word', async (t) => {
  t.equal(new Set(DHCP4_OPTIONS.map((row) => row.code)).size, DHCP4_OPTIONS.length);
  const words = DHCP4_OPTIONS.flatMap((row) => row.env ?? []);
  t.equal(new Set(words).size, words.length);
});

t.test('golden: a DISCOVER of udhcpc 1.35 as it left a veth', async (t) => {
  const frame = fromHex(
    'ffffffffffff02000000000108004500014800000000401179a600000000ffffffff004400430134aafa0101' +
      '0600783b090f0000000000000000000000000000000000000000020000000001' +
      '00'.repeat(202) +
      '6382536335010139020240370203063c0c756468637020312e33352e303d0701020000000001ff' +
      '' +
      '00'.repeat(25),
  );
  t.ok(frame);
  if (frame === undefined) return;
  const udp = decodeUdp4(frame);
  t.ok(udp.ok);
  if (!udp.ok) return;
  t.same([udp.value.sourcePort, udp.value.destinationPort], [68, 67]);
  const discover = decodeDhcp4(udp.value.payload);
  t.ok(discover.ok);
  if (!discover.ok) return;
  t.equal(messageType(discover.value), DHCP.DISCOVER);
  t.equal(toHex(discover.value.chaddr), '020000000001');
  t.equal(toHex(discover.value.options.get(55) ?? new Uint8Array(0)), '0306');
  t.equal(readText(discover.value.options.get(60) ?? new Uint8Array(0)), 'udhcp 1.35.0');
  for (let n = 0; n < frame.length; n++) t.notOk(decodeUdp4(frame.subarray(0, n)).ok);
});

t.test('golden: an ACK of dnsmasq 2.90, on the wire and as udhcpc 1.35 told it', async (t) => {
  const golden: { frames: Record<string, string>; env: Record<string, string> } = JSON.parse(
    readFileSync(new URL('../golden/dhcp4.json', import.meta.url), 'utf8'),
  );
  const frame = fromHex(golden.frames['ack'] ?? '');
  const udp = frame && decodeUdp4(frame);
  const ack = udp?.ok ? decodeDhcp4(udp.value.payload) : undefined;
  if (!ack?.ok) return t.fail('not decoded');
  const told = new Map<number, Uint8Array>();
  for (const [key, value] of Object.entries(golden.env)) {
    const option = optionFromEnv(key, value);
    if (option === undefined) continue;
    t.ok(option.ok, key);
    if (option.ok) told.set(option.value[0], option.value[1]);
  }
  const codes = (map: ReadonlyMap<number, unknown>) => [...map.keys()].sort((a, b) => a - b);
  t.same(codes(told), codes(ack.value.options));
  for (const [code, value] of ack.value.options) {
    // Compressed on the wire, plain from the hook: the same names.
    const names = (bytes: Uint8Array | undefined) =>
      code === 119 ? readDomainSearch(bytes ?? new Uint8Array(0), 'x') : bytes;
    t.same(names(told.get(code)), names(value), `option ${code}`);
  }
});
