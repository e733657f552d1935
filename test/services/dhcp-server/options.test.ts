import t from 'tap';
import { toHex } from '../../../src/base/bytes.ts';
import { formatIpv4, ipv4, type PrefixLen } from '../../../src/base/ip.ts';
import type { PoolConfig } from '../../../src/services/dhcp-server/config.ts';
import { DHCP, type Dhcp4Message } from '../../../src/wire/dhcp4.ts';
import { DHCP4_OPTIONS, readText } from '../../../src/wire/dhcp4-options.ts';
import { Client, ip, ips, Lan, mac, SERVER, text } from './lan.ts';

/** What a client with these options is offered. */
async function offered(
  pool: Partial<PoolConfig>,
  options: Readonly<Record<number, Uint8Array>>,
): Promise<Dhcp4Message> {
  await using lan = new Lan();
  await lan.apply({ pools: [pool] });
  const [offer] = lan.send(new Client(mac(1), options).discover());
  if (offer === undefined) throw new TypeError('no offer');
  return offer.message;
}

const option = (code: number, value: Uint8Array, more = {}): PoolConfig['options'][number] => ({
  code,
  value,
  force: false,
  vendorClassPrefix: '',
  ...more,
});

t.test('every code stands once in the registry, in order', async (t) => {
  const codes = DHCP4_OPTIONS.map(({ code }) => code);
  t.same(
    codes,
    [...new Set(codes)].sort((a, b) => a - b),
  );
});

t.test('what is asked for, in the client’s order; what is not there is not sent', async (t) => {
  const pool = {
    winsServers: [ip('192.168.1.3')],
    routers: [ip('192.168.1.2')],
    domain: 'home.arpa',
  };
  const m = await offered(pool, { 55: Uint8Array.of(15, 6, 1, 44, 3, 66, 51, 99) });
  t.same([...m.options.keys()].slice(5), [1, 15, 6, 44, 3]);
  t.same(m.options.get(3), ips('192.168.1.2'));
  t.equal(readText(m.options.get(15) ?? new Uint8Array(0)), 'home.arpa');
});

t.test('who does not say what it wants gets what a host needs', async (t) => {
  const m = await offered({}, {});
  t.same([...m.options.keys()], [53, 54, 51, 58, 59, 1, 3, 6, 15, 28]);
  t.same(m.options.get(3), ips('192.168.1.1'), 'the server itself routes');
  t.same(m.options.get(28), ips('192.168.1.255'));
});

t.test(
  'the owner’s options replace the server’s, are forced, and may be for one vendor',
  async (t) => {
    const options = [
      option(6, ips('9.9.9.9')),
      option(42, ips('192.168.1.4'), { force: true }),
      option(43, text('for all')),
      option(43, text('for MSFT'), { vendorClassPrefix: 'MSFT' }),
      option(252, text('http://wpad/wpad.dat'), { force: true, vendorClassPrefix: 'MSFT' }),
    ];
    const asked = { 55: Uint8Array.of(6, 43) };
    const other = await offered({ options }, { ...asked, 60: text('udhcp 1.35') });
    t.same([...other.options.keys()].slice(5), [1, 6, 43, 42]);
    t.same(other.options.get(6), ips('9.9.9.9'));
    t.equal(readText(other.options.get(43) ?? new Uint8Array(0)), 'for all');
    const windows = await offered({ options }, { ...asked, 60: text('MSFT 5.0') });
    t.same([...windows.options.keys()].slice(5), [1, 6, 43, 42, 252]);
    t.equal(readText(windows.options.get(43) ?? new Uint8Array(0)), 'for MSFT');
  },
);

t.test('a value over 255 bytes goes in parts (RFC 3396)', async (t) => {
  const long = Uint8Array.from({ length: 300 }, (_, i) => i);
  const m = await offered(
    { options: [option(121, long)] },
    { 55: Uint8Array.of(121), 57: Uint8Array.of(5, 220) },
  );
  t.equal(toHex(m.options.get(121) ?? new Uint8Array(0)), toHex(long));
  const small = await offered({ options: [option(121, long)] }, { 55: Uint8Array.of(121, 15) });
  t.ok(small.options.has(15) && !small.options.has(121), 'which does not fit into 576 bytes');
});

t.test('PXE: next server and file stand in the header as well', async (t) => {
  const pxe = { vendorClassPrefix: 'PXEClient', force: true };
  const options = [
    option(60, text('PXEClient'), pxe),
    option(66, text('192.168.1.9'), pxe),
    option(67, text('pxelinux.0'), pxe),
  ];
  const m = await offered(
    { options },
    { 60: text('PXEClient:Arch:00007'), 93: Uint8Array.of(0, 7) },
  );
  t.equal(formatIpv4(m.siaddr), '192.168.1.9');
  t.equal(readText(m.file), 'pxelinux.0');
  t.equal(readText(m.options.get(60) ?? new Uint8Array(0)), 'PXEClient');
  const other = await offered({ options }, { 60: text('MSFT 5.0') });
  t.equal(other.siaddr, 0);
  t.equal(other.file.length, 0);
  const phone = await offered(
    { options: [option(150, ips('192.168.1.8'))] },
    { 55: Uint8Array.of(150) },
  );
  t.equal(formatIpv4(phone.siaddr), '192.168.1.8');
});

t.test('more lists than are remembered do no harm', async (t) => {
  await using lan = new Lan();
  await lan.apply({});
  for (let i = 0; i < 1000; i++) {
    const asked = { 55: Uint8Array.of(1, 3, i & 255, i >> 8) };
    const [offer] = lan.send(new Client(mac(1), asked).discover());
    if (offer?.message.options.has(3) !== true) return t.fail(`list ${i}`);
  }
  t.pass('1,000 lists');
});

t.test(
  'who belongs to a pool: vendor class, user class, client id, MAC, known or not',
  async (t) => {
    await using lan = new Lan();
    const none = { id: 's', enable: true, clientId: undefined, hostName: undefined };
    const at = (n: number) => ({ min: ip(`192.168.1.${n}`), max: ip(`192.168.1.${n + 9}`) });
    const ALL = 'ff:ff:ff:00:00:00';
    const oui = { value: '00:16:3e:00:00:00', mask: ALL, exclude: true } as unknown as NonNullable<
      PoolConfig['chaddr']
    >;
    await lan.apply({
      pools: [
        {
          id: 'known',
          ...at(10),
          allowed: 'Known',
          statics: [{ ...none, chaddr: mac(1), address: ip('192.168.1.15') }],
        },
        {
          id: 'vendor',
          ...at(20),
          vendorClass: { value: 'phone', exclude: false, mode: 'Substring' },
        },
        { id: 'user', ...at(30), userClass: { value: text('iPXE'), exclude: false } },
        { id: 'id', ...at(40), clientId: { value: text('\x01abc'), exclude: false } },
        { id: 'oui', ...at(50), chaddr: oui },
        { id: 'rest', ...at(60) },
      ],
    });
    const pool = (client: Client): string | undefined => {
      const got = lan.lease(client);
      return got === undefined ? undefined : lan.service.leaseAt(got)?.pool;
    };
    t.equal(pool(new Client(mac(1))), 'known');
    t.equal(pool(new Client(mac(2), { 60: text('smartphone 2') })), 'vendor');
    t.equal(pool(new Client(mac(3), { 77: text('iPXE') })), 'user', 'as iPXE sends it');
    t.equal(
      pool(new Client(mac(4), { 77: text('\x03abc\x04iPXE') })),
      'user',
      'as RFC 3004 has it',
    );
    t.equal(pool(new Client(mac(5), { 61: text('\x01abc') })), 'id');
    t.equal(
      pool(new Client('00:aa:aa:00:00:01' as ReturnType<typeof mac>)),
      'oui',
      'all but 00:16:3e',
    );
    t.equal(pool(new Client(mac(6))), 'rest');
  },
);

t.test('DSCP stands in the answers', async (t) => {
  await using lan = new Lan();
  await lan.apply({ pools: [{ dscp: 46 }] });
  lan.hear(new Client(mac(1)).discover());
  t.equal(lan.port().sent.at(-1)?.[15], 46 << 2);
});

// ---- LEASEQUERY (RFC 4388) -------------------------------------------------------------------

t.test(
  'a relay is told whose an address is, and where a client is; a host of the LAN is not',
  async (t) => {
    await using lan = new Lan();
    const far = {
      id: 'far',
      min: ip('10.9.0.10'),
      max: ip('10.9.0.99'),
      prefixLen: 24 as PrefixLen,
    };
    await lan.apply({ pools: [{}, far] });
    const relay = { giaddr: ip('10.9.0.1'), destination: SERVER };
    const client = new Client(mac(1), { 61: text('\x01me') });
    const has = lan.lease(client, relay) ?? ipv4(0);
    lan.clock.advance(600_000);
    const asker = new Client(mac(9));
    const [active] = lan.send(asker.message(DHCP.LEASEQUERY, { ...relay, ciaddr: has }));
    t.equal(active?.type, DHCP.LEASEACTIVE);
    t.equal(active?.message.ciaddr, has);
    t.equal(toHex(active?.message.chaddr ?? new Uint8Array(0)), '00163e000001');
    const number = (code: number) =>
      Number.parseInt(toHex(active?.message.options.get(code) ?? new Uint8Array(0)), 16);
    t.same([number(51), number(91)], [3000, 600]);
    t.same(active?.message.options.get(61), text('\x01me'));
    const ask = (more: object) =>
      lan.send(asker.message(DHCP.LEASEQUERY, { ...relay, ...more }))[0];
    t.equal(ask({ options: { 61: text('\x01me') } })?.message.ciaddr, has, 'by client identifier');
    t.equal(ask({ options: { 61: text('\x01you') } })?.type, DHCP.LEASEUNKNOWN);
    t.equal(ask({ ciaddr: ip('10.9.0.77') })?.type, DHCP.LEASEUNASSIGNED);
    t.equal(ask({ ciaddr: ip('10.8.0.77') })?.type, DHCP.LEASEUNKNOWN);
    t.equal(ask({ giaddr: ipv4(0), ciaddr: has }), undefined, 'no relay');
    t.equal(
      ask({ giaddr: ip('192.168.1.50'), ciaddr: has }),
      undefined,
      'a host that says that it is one',
    );
  },
);
