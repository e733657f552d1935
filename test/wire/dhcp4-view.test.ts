import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { ipv4, type Mac, macBytes } from '../../src/base/ip.ts';
import { checksumOf, sumWords } from '../../src/wire/checksum.ts';
import { DHCP, type Dhcp4Message, decodeDhcp4, encodeDhcp4 } from '../../src/wire/dhcp4.ts';
import { Dhcp4Reply, shortenTimes } from '../../src/wire/dhcp4-reply.ts';
import { Dhcp4View } from '../../src/wire/dhcp4-view.ts';
import { decodeUdp4, encodeUdp4 } from '../../src/wire/udp4.ts';

const golden = JSON.parse(
  readFileSync(new URL('../golden/dhcp4.json', import.meta.url), 'utf8'),
) as { readonly mac: Mac; readonly frames: Readonly<Record<string, string>> };
const frameOf = (name: string): Uint8Array =>
  fromHex(golden.frames[name] ?? '') ?? new Uint8Array(0);

const CLIENT = macBytes('00:16:3e:00:00:01' as Mac);
const SERVER_MAC = macBytes('02:00:00:00:00:fe' as Mac);
const SERVER = ipv4(0xc0a80101);
const NONE = ipv4(0);

const requestOf = (
  options: readonly (readonly [number, Uint8Array])[],
  more: Partial<Dhcp4Message> = {},
): Dhcp4Message => ({
  op: 1,
  xid: 0xdeadbeef,
  secs: 7,
  broadcast: false,
  ciaddr: NONE,
  yiaddr: NONE,
  siaddr: NONE,
  giaddr: NONE,
  chaddr: CLIENT,
  sname: new Uint8Array(0),
  file: new Uint8Array(0),
  options: new Map(options),
  ...more,
});

const framed = (payload: Uint8Array): Uint8Array =>
  encodeUdp4({
    destinationMac: new Uint8Array(6).fill(255),
    sourceMac: CLIENT,
    source: NONE,
    destination: ipv4(0xffffffff),
    sourcePort: 68,
    destinationPort: 67,
    payload,
  });

const viewed = (frame: Uint8Array): Dhcp4View => {
  const view = new Dhcp4View();
  if (!view.read(frame, 0, frame.length)) throw new TypeError(`${view.field}: ${view.refusal}`);
  return view;
};

/** The view and the decoder say the same of a message. */
function agree(t: Test, view: Dhcp4View, message: Dhcp4Message): void {
  t.same(
    [view.op, view.xid, view.secs, view.broadcast, view.ciaddr, view.yiaddr, view.giaddr],
    [
      message.op,
      message.xid,
      message.secs,
      message.broadcast,
      message.ciaddr,
      message.yiaddr,
      message.giaddr,
    ],
  );
  t.equal(toHex(view.chaddr()), toHex(message.chaddr));
  for (let code = 1; code < 255; code++) {
    const value = view.copyOf(code);
    const other = message.options.get(code);
    if (value === undefined && other === undefined) continue;
    t.equal(value && toHex(value), other && toHex(other), `option ${code}`);
  }
}

t.test('golden: what udhcpc and dnsmasq said, anywhere in a buffer', async (t) => {
  for (const name of Object.keys(golden.frames)) {
    const frame = frameOf(name);
    const udp = decodeUdp4(frame);
    const message = udp.ok ? decodeDhcp4(udp.value.payload) : udp;
    if (!message.ok) return t.fail(name);
    const buffer = new Uint8Array(frame.length + 99).fill(0xaa);
    buffer.set(frame, 33);
    const view = new Dhcp4View();
    t.ok(view.read(buffer, 33, 33 + frame.length), name);
    agree(t, view, message.value);
    t.equal(view.type, message.value.options.get(53)?.[0]);
    t.equal(view.sourceMacNumber(), Number.parseInt(toHex(frame.subarray(6, 12)), 16));
  }
});

t.test('cut at every length it is refused with field and offset, or plain BOOTP', async (t) => {
  const frame = frameOf('discover');
  const view = new Dhcp4View();
  for (let length = 0; length < frame.length; length++) {
    const whole = new Uint8Array(frame.length).fill(0xaa);
    whole.set(frame.subarray(0, length));
    if (view.read(whole, 0, length)) t.fail(`${length} bytes were read`);
    else if (view.offset > length || view.field === '' || view.refusal === '')
      t.fail(`at ${length}`);
  }
  // Cut inside the UDP payload, with lengths that say so.
  const udp = decodeUdp4(frame);
  const payload = udp.ok ? udp.value.payload : frame;
  for (let length = 0; length < payload.length; length++) {
    const cut = framed(payload.slice(0, length));
    const read = view.read(cut, 0, cut.length);
    const decoded = decodeDhcp4(payload.slice(0, length));
    if (length >= 236 && length < 240) t.ok(read && view.type === 0, 'BOOTP without cookie');
    else t.equal(read, decoded.ok, `${length} bytes`);
  }
});

t.test('options of any kind and number read as the decoder reads them', async (t) => {
  const value = fc.uint8Array({ maxLength: 300 });
  const code = fc
    .integer({ min: 1, max: 254 })
    .filter((c) => ![50, 51, 52, 53, 54, 57, 118].includes(c));
  fc.assert(
    fc.property(fc.array(fc.tuple(code, value), { maxLength: 10 }), (list) => {
      const message = requestOf([[53, Uint8Array.of(1)], ...list]);
      const bytes = encodeDhcp4(message);
      const view = new Dhcp4View();
      if (bytes.length > 4000) return;
      if (!view.read(framed(bytes), 0, 42 + bytes.length)) throw new Error(view.refusal);
      for (const [code, value] of message.options) {
        const got = view.copyOf(code);
        if (got === undefined || toHex(got) !== toHex(value)) throw new Error(`option ${code}`);
      }
    }),
    { seed: 1, numRuns: 300 },
  );
  t.pass('300 of each');
});

t.test('overload and parts in three places are one value (RFC 3396 §7)', async (t) => {
  const bytes = encodeDhcp4(
    requestOf([
      [53, Uint8Array.of(1)],
      [52, Uint8Array.of(3)],
      [12, Uint8Array.of(97)],
    ]),
  );
  bytes.set([12, 1, 98, 255], 108);
  bytes.set([12, 2, 99, 100, 60, 1, 120, 255], 44);
  const view = viewed(framed(bytes));
  t.equal(view.textOf(12), 'abcd');
  t.equal(view.textOf(60), 'x');
  const decoded = decodeDhcp4(bytes);
  if (decoded.ok) agree(t, view, decoded.value);
  t.ok(view.valueIs(12, 'abcd') && view.textIs(12, 'abcd') && !view.textIs(12, 'abce'));
});

t.test('what is refused, and where', async (t) => {
  const refused = (change: (frame: Uint8Array) => void): string => {
    const frame = framed(encodeDhcp4(requestOf([[53, Uint8Array.of(1)]])));
    change(frame);
    const view = new Dhcp4View();
    return view.read(frame, 0, frame.length) ? 'read' : `${view.field} ${view.offset}`;
  };
  const at =
    (offset: number, ...bytes: number[]) =>
    (frame: Uint8Array) =>
      frame.set(bytes, offset);
  t.equal(
    refused(() => {}),
    'read',
  );
  t.equal(refused(at(12, 0x86, 0xdd)), 'ethernet.type 12');
  t.equal(refused(at(14, 0x65)), 'ip.version 14');
  t.equal(refused(at(14, 0x44)), 'ip.version 14');
  t.equal(refused(at(20, 0x20)), 'ip.fragment 20');
  t.equal(refused(at(23, 6)), 'ip.protocol 23');
  t.equal(refused(at(16, 0xff, 0xff)), 'ip.length 16');
  t.equal(refused(at(38, 0, 7)), 'udp.length 38');
  t.equal(refused(at(38, 9, 9)), 'udp.length 38');
  t.equal(refused(at(42, 3)), 'op 42');
  t.equal(refused(at(44, 17)), 'hlen 44');
  t.equal(refused(at(282, 53, 2, 1, 1)), 'option 53 284');
  t.equal(refused(at(282, 52, 1, 4)), 'overload 284');
  t.equal(refused(at(282, 50, 3, 1, 1, 1)), 'option 50 284');
  t.equal(refused(at(282, 12, 200)), 'options 282');
  t.equal(refused(at(282, 53, 1, 1, 53, 1, 1, 255)), 'option 53 342', 'a type in two parts');
  const many = requestOf([[53, Uint8Array.of(1)]]);
  const bytes = new Uint8Array(240 + 2 * 200);
  bytes.set(encodeDhcp4(many).subarray(0, 240));
  for (let i = 0; i < 200; i++) bytes[240 + 2 * i] = 12;
  const view = new Dhcp4View();
  t.notOk(view.read(framed(bytes), 0, 42 + bytes.length));
  t.equal(view.refusal, 'too many options');
  t.notOk(view.read(new Uint8Array(5000), 0, 5000));
});

// ---- answers ---------------------------------------------------------------------------------

const checksums = (frame: Uint8Array): readonly number[] => {
  const udpBytes = frame.length - 34;
  const pseudo = sumWords(frame, 26, 34) + 17 + udpBytes;
  return [
    checksumOf(sumWords(frame, 14, 34)),
    checksumOf(pseudo + sumWords(frame, 34, frame.length)),
  ];
};

function answer(
  request: Dhcp4Message,
  write: (reply: Dhcp4Reply) => void,
  type: number = DHCP.ACK,
  yiaddr = ipv4(0xc0a80164),
): { readonly frame: Uint8Array; readonly message: Dhcp4Message; readonly reply: Dhcp4Reply } {
  const reply = new Dhcp4Reply();
  const view = viewed(framed(encodeDhcp4(request)));
  reply.begin(view, type, SERVER_MAC, SERVER, yiaddr);
  write(reply);
  const frame = reply.bytes.slice(0, reply.finish(view));
  const udp = decodeUdp4(frame);
  const message = udp.ok ? decodeDhcp4(udp.value.payload) : udp;
  if (!message.ok) throw new TypeError(message.error.message);
  return { frame, message: message.value, reply };
}

t.test('golden: an ACK, byte for byte', async (t) => {
  const { frame } = answer(requestOf([[53, Uint8Array.of(3)]]), (reply) => {
    reply.dscp = 48;
    reply.times(7200);
    reply.block(Uint8Array.of(1, 4, 255, 255, 255, 0));
  });
  t.equal(
    toHex(frame),
    // Ethernet; IPv4 with DSCP 48, don't fragment; UDP 67 to 68; BOOTREPLY to the client's own MAC.
    `00163e0000010200000000fe0800${'45c00148000040004011b52fc0a80101c0a80164'}${'00430044013455be'}` +
      `02010600deadbeef00000000${'00000000'}c0a80164${'00000000'}${'00000000'}00163e000001${'00'.repeat(10 + 192)}` +
      `638253633501053604c0a80101330400001c203a0400000e103b040000189c0104ffffff00ff${'00'.repeat(26)}`,
  );
});

t.test('every answer reads back, with right checksums', async (t) => {
  const option = fc.tuple(
    fc.integer({ min: 60, max: 254 }).filter((c) => c !== 82),
    fc.uint8Array({ maxLength: 255 }),
  );
  fc.assert(
    fc.property(
      fc.uniqueArray(option, { maxLength: 6, selector: ([code]) => code }),
      fc.integer({ min: 0, max: 1500 }),
      (list, size) => {
        const maxSize = new Uint8Array([size >> 8, size & 255]);
        const fitted: number[] = [];
        const { frame, message } = answer(
          requestOf([
            [53, Uint8Array.of(3)],
            [57, maxSize],
          ]),
          (reply) => {
            reply.times(60);
            for (const [code, value] of list) if (reply.option(code, value)) fitted.push(code);
          },
        );
        if (frame.length - 14 > Math.max(576, size)) throw new Error(`${frame.length} bytes`);
        if (frame.length < 342) throw new Error('shorter than BOOTP allows');
        if (checksums(frame).some((sum) => sum !== 0)) throw new Error('checksum');
        const keys = [...message.options.keys()];
        if (keys.join() !== [53, 54, 51, 58, 59, ...fitted].join()) throw new Error(keys.join());
        for (const [code, value] of list) {
          const got = message.options.get(code);
          if (fitted.includes(code) && toHex(got ?? new Uint8Array(0)) !== toHex(value))
            throw new Error(`${code}`);
        }
      },
    ),
    { seed: 1, numRuns: 300 },
  );
  t.pass('300 of each');
});

t.test('where answers go (RFC 2131 §4.1)', async (t) => {
  const where = (
    more: Partial<Dhcp4Message>,
    type: number = DHCP.ACK,
    yiaddr = ipv4(0xc0a80164),
  ): string => {
    const { frame } = answer(requestOf([[53, Uint8Array.of(3)]], more), () => {}, type, yiaddr);
    const udp = decodeUdp4(frame);
    if (!udp.ok) return 'nowhere';
    const { destination, destinationPort, destinationMac } = udp.value;
    return `${destination.toString(16)}:${destinationPort} ${toHex(destinationMac)}`;
  };
  const [client, all] = ['00163e000001', 'ffffffffffff'];
  t.equal(where({}), `c0a80164:68 ${client}`);
  t.equal(where({ broadcast: true }), `ffffffff:68 ${all}`);
  t.equal(where({ ciaddr: ipv4(0xc0a80107), broadcast: true }), `c0a80107:68 ${client}`);
  t.equal(
    where({ giaddr: ipv4(0x0a000001), broadcast: true }),
    `a000001:67 ${client}`,
    'back to the relay',
  );
  t.equal(where({ ciaddr: ipv4(0xc0a80107) }, DHCP.NAK), `ffffffff:68 ${all}`);
  t.equal(where({ giaddr: ipv4(0x0a000001) }, DHCP.NAK), `a000001:67 ${client}`);
  t.equal(where({}, DHCP.ACK, NONE), `ffffffff:68 ${all}`, 'nothing to go by');
});

t.test('option 82 comes last, or not at all (RFC 3046 §2.2)', async (t) => {
  const agent = new Uint8Array(200).fill(1);
  const request = requestOf(
    [
      [53, Uint8Array.of(3)],
      [82, agent],
      [61, Uint8Array.of(1, 2)],
    ],
    { giaddr: ipv4(0x0a000001) },
  );
  const fits = answer(request, (reply) => reply.option(6, new Uint8Array(8)));
  t.equal([...fits.message.options.keys()].at(-1), 82);
  t.notOk(fits.reply.relayOptionDropped);
  const full = answer(request, (reply) => reply.option(43, new Uint8Array(250)));
  t.notOk(full.message.options.has(82));
  t.ok(full.reply.relayOptionDropped);
});

t.test(
  'a block that does not fit leaves whole options out, never half of a long one',
  async (t) => {
    const long = [...Array.from({ length: 255 }, () => 7)];
    const block = Uint8Array.from([
      43,
      200,
      ...long.slice(0, 200),
      119,
      255,
      ...long,
      119,
      10,
      ...long.slice(0, 10),
      15,
      2,
      97,
      98,
    ]);
    const { message } = answer(requestOf([[53, Uint8Array.of(3)]]), (reply) => reply.block(block));
    t.same([...message.options.keys()], [53, 54, 43, 15]);
  },
);

t.test('a lease is made shorter in a finished answer', async (t) => {
  const { frame } = answer(requestOf([[53, Uint8Array.of(3)]]), (reply) => reply.times(Infinity));
  const read = (): readonly number[] => {
    const udp = decodeUdp4(frame);
    const message = udp.ok ? decodeDhcp4(udp.value.payload) : udp;
    if (!message.ok) return [];
    return [51, 58, 59].map((code) =>
      Number.parseInt(toHex(message.value.options.get(code) ?? new Uint8Array(0)), 16),
    );
  };
  t.same(read(), [0xffffffff, 0xffffffff, 0xffffffff]);
  shortenTimes(frame, 0, frame.length, 100);
  t.same(read(), [100, 50, 87]);
  t.same(checksums(frame), [0, 0]);
});
