import fc from 'fast-check';
import t from 'tap';
import { fromHex } from '../../../src/base/bytes.ts';
import {
  formatIpv4,
  formatPrefix,
  type Ipv4,
  type Ipv4Prefix,
  ipv4,
  type PrefixLen,
  parseIpv4,
} from '../../../src/base/ip.ts';
import { type JudgedLease, judgeLease } from '../../../src/services/dhcp-client/lease.ts';
import { optionFromEnv } from '../../../src/wire/dhcp4-options.ts';

const ip = (text: string): Ipv4 => {
  const parsed = parseIpv4(text);
  return parsed.ok ? parsed.value : ipv4(0);
};
const prefix = (text: string, len: number): Ipv4Prefix => ({
  address: ip(text),
  prefixLen: len as PrefixLen,
});
const LAN = prefix('192.168.1.1', 24);

const GOOD = {
  subnet: '255.255.255.0',
  router: '198.51.100.1',
  dns: '198.51.100.1',
  lease: '3600',
  serverid: '198.51.100.1',
};

function judge(env: Record<string, string>, address = '198.51.100.20') {
  const options = new Map<number, Uint8Array>();
  const unreadable: string[] = [];
  for (const [key, value] of Object.entries(env)) {
    const option = optionFromEnv(key, value);
    if (option?.ok) options.set(...(option.value as [number, Uint8Array]));
    else if (option !== undefined) unreadable.push(`${key}: ${option.error.message}`);
  }
  return judgeLease(
    { address: ip(address), options, unreadable, receivedAtMs: 0 },
    { foreign: [LAN], maxMtu: 1500 },
  );
}

const routes = (judged: JudgedLease) =>
  judged.lease.routes.map(
    (r) =>
      `${formatPrefix({ address: r.destination, prefixLen: r.prefixLen })} ${r.gateway === undefined ? 'link' : formatIpv4(r.gateway)}`,
  );

function good(_t: unknown, env: Record<string, string>, address?: string): JudgedLease {
  const judged = judge(env, address);
  if (!judged.ok) throw new Error(judged.error);
  return judged.value;
}

t.test('an ordinary lease is taken without a remark', async (t) => {
  const judged = good(t, {
    ...GOOD,
    domain: 'isp.example',
    mtu: '1492',
    broadcast: '198.51.100.255',
  });
  t.same(judged.remarks, []);
  t.match(judged.lease, {
    prefixLen: 24,
    mtu: 1492,
    domain: 'isp.example',
    leaseSec: 3600,
    t1Sec: 1800,
    t2Sec: 3150,
  });
  t.same(routes(judged), ['0.0.0.0/0 198.51.100.1']);
});

t.test('routes: 121 over 249 over 33 and 3 (RFC 3442)', async (t) => {
  const classless = '203.0.113.0/24 198.51.100.9';
  t.same(routes(good(t, { ...GOOD, routes: '203.0.113.7/198.51.100.8' })), [
    '203.0.113.7/32 198.51.100.8',
    '0.0.0.0/0 198.51.100.1',
  ]);
  t.same(routes(good(t, { ...GOOD, routes: '203.0.113.0/198.51.100.8' })), [
    '203.0.113.0/24 198.51.100.8',
    '0.0.0.0/0 198.51.100.1',
  ]);
  t.same(routes(good(t, { ...GOOD, msstaticroutes: classless })), ['203.0.113.0/24 198.51.100.9']);
  t.same(
    routes(
      good(t, {
        ...GOOD,
        routes: '203.0.113.7/198.51.100.8',
        msstaticroutes: '10.0.0.0/8 198.51.100.7',
        staticroutes: classless,
      }),
    ),
    ['203.0.113.0/24 198.51.100.9'],
    'with 121 even the router option is ignored',
  );
  t.same(
    routes(good(t, { ...GOOD, staticroutes: '203.0.113.5/24 0.0.0.0 0.0.0.0/0 198.51.100.1' })),
    ['203.0.113.0/24 link', '0.0.0.0/0 198.51.100.1'],
  );
});

t.test('hostile answers are refused or clamped, with the reason', async (t) => {
  const remark = (env: Record<string, string>, says: RegExp) => {
    const judged = good(t, { ...GOOD, ...env });
    t.match(judged.remarks.join('\n'), says, JSON.stringify(env));
    return judged.lease;
  };
  t.equal(
    remark({ subnet: '0.0.0.0', router: '' }, /netmask 0\.0\.0\.0 is not usable/).prefixLen,
    32,
  );
  t.equal(remark({ subnet: '255.0.255.0' }, /netmask/).prefixLen, 32);
  t.same(remark({ router: '203.0.113.1' }, /router 203\.0\.113\.1 is outside/).routes, []);
  t.same(
    remark(
      { staticroutes: '192.168.1.0/24 198.51.100.1' },
      /192\.168\.1\.0\/24 .* refused: it lies in/,
    ).routes,
    [],
  );
  t.same(remark({ staticroutes: '192.168.1.128/25 198.51.100.1' }, /refused/).routes, []);
  t.same(remark({ staticroutes: '127.0.0.0/8 198.51.100.1' }, /refused/).routes, []);
  t.equal(remark({ mtu: '10' }, /MTU 10 ignored/).mtu, undefined);
  t.equal(remark({ mtu: '9000' }, /MTU 9000 clamped to 1500/).mtu, 1500);
  t.equal(remark({ lease: '0' }, /lease of 0 s clamped/).leaseSec, 10);
  t.equal(remark({ domain: 'x\n$(touch /tmp/owned)' }, /domain .* ignored/).domain, undefined);
  remark({ hostname: 'x\n$(id)' }, /host name "x\\n\$\(id\)" ignored/);
  const many = Array.from({ length: 60 }, (_, i) => `198.51.100.${i + 100}`).join(' ');
  t.equal(
    remark({ dns: many }, /only the first 8 of 60 DNS servers/).dnsServers.length,
    60,
    'all are kept, not all are used',
  );
  t.same(
    remark({ dns: '127.0.0.1 0.0.0.0 198.51.100.20' }, /3 unusable DNS servers/).dnsServers,
    [],
  );
  t.equal(
    remark({ search: 'good.example bad..example' }, /search: bad label/).searchDomains.length,
    0,
  );

  t.match(judge(GOOD, '127.0.0.5'), { ok: false, error: /cannot be the address of a host/ });
  t.match(judge(GOOD, '224.0.0.5'), { ok: false, error: /cannot be/ });
  t.match(judge(GOOD, '198.51.100.255'), { ok: false, error: /broadcast/ });
  t.match(judge({ ...GOOD, router: '192.168.1.254' }, '192.168.1.9'), {
    ok: false,
    error: /overlaps 192\.168\.1\.0\/24/,
  });
  t.match(judge({ ...GOOD, subnet: '255.255.0.0' }, '192.168.200.9'), {
    ok: false,
    error: /overlaps/,
  });
});

t.test('a /32 lease reaches its router over the link', async (t) => {
  const judged = good(t, { ...GOOD, subnet: '255.255.255.255', router: '203.0.113.1' });
  t.same(routes(judged), ['0.0.0.0/0 203.0.113.1']);
});

t.test('times', async (t) => {
  t.match(good(t, { ...GOOD, lease: '4294967295' }).lease, { leaseSec: Infinity, t1Sec: Infinity });
  t.match(good(t, { ...GOOD, opt58: '00000064', opt59: '000000c8' }).lease, {
    t1Sec: 100,
    t2Sec: 200,
  });
  t.match(good(t, { ...GOOD, opt58: '00000064', opt59: '00ffffff' }).lease, {
    t1Sec: 100,
    t2Sec: 3150,
  });
  t.match(good(t, { ...GOOD, opt58: '00000e00', opt59: '000000c8' }).lease, {
    t1Sec: 114,
    t2Sec: 200,
  });
});

t.test('options are all kept, also the unknown ones', async (t) => {
  const { lease } = good(t, { ...GOOD, opt224: 'deadbeef', opt43: '01' });
  t.same(
    lease.options.find((o) => o.code === 224),
    { code: 224, hex: 'deadbeef' },
  );
  t.equal(fromHex('zz'), undefined);
});

t.test(
  'whatever bytes options hold, a judgement comes out and the LAN is left alone',
  async (t) => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.constantFrom(1, 3, 6, 12, 15, 26, 28, 33, 51, 54, 58, 59, 119, 121, 249),
            fc.uint8Array({ maxLength: 40 }),
          ),
        ),
        fc.integer({ min: 0, max: 0xffffffff }),
        (options, address) => {
          const judged = judgeLease(
            { address: ipv4(address), options: new Map(options), receivedAtMs: 0 },
            { foreign: [LAN], maxMtu: 1500 },
          );
          if (!judged.ok) return;
          const { lease } = judged.value;
          const inLan = (a: number, len: number) =>
            len >= 24 && (a & 0xffffff00) >>> 0 === (LAN.address & 0xffffff00) >>> 0;
          if (lease.routes.some((r) => inLan(r.destination, r.prefixLen)))
            throw new Error('route over the LAN');
          const { t1Sec, t2Sec, leaseSec } = lease;
          const ordered = leaseSec === Infinity || (t1Sec < t2Sec && t2Sec < leaseSec);
          if (leaseSec < 10 || t1Sec < 1 || !ordered) throw new Error('times');
          if (lease.mtu !== undefined && (lease.mtu < 1280 || lease.mtu > 1500))
            throw new Error('mtu');
        },
      ),
      { seed: 7, numRuns: 3000 },
    );
    t.pass('3000 leases');
  },
);
