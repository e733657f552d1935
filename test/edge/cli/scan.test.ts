/** `gatehouse scan`: which link is asked how, and how answers are told. */
import t from 'tap';
import { SystemError } from '#src/base/errors.ts';
import { ipv4, type Mac, macOf, type PrefixLen, prefixLen } from '#src/base/ip.ts';
import { err, ok } from '#src/base/result.ts';
import type { Scans } from '#src/edge/cli/scan-commands.ts';
import type { ArpAnswer, ArpScanAsk, ScanInterface } from '#src/os/ports-scan.ts';
import { cli, FakeBus } from './fake.ts';

const NO_BITS = 0 as PrefixLen;
const A = (n: number) => ipv4(0xc0a80100 + n);
const link = (name: string, length = 24): ScanInterface => ({
  ...{ name, ifIndex: 3, mac: macOf(0xdca632000001) },
  addresses: [{ address: A(1), prefixLen: prefixLen(length) ?? NO_BITS }],
});
const answer = (n: number, mac: Mac, more: Partial<ArpAnswer> = {}): ArpAnswer => ({
  ...{ address: A(n), mac, second: false, foreign: false },
  ...more,
});

class FakeScans implements Scans {
  readonly asked: ArpScanAsk[] = [];
  answers: readonly ArpAnswer[] = [];
  links: readonly ScanInterface[] = [link('br-lan')];
  refused: SystemError | undefined;
  readonly scanner = {
    scan: async (ask: ArpScanAsk) => {
      this.asked.push(ask);
      if (this.refused !== undefined) return err(this.refused);
      const { answers } = this;
      return ok({ answers, sent: 254, stray: 1, dropped: 2, interrupted: false });
    },
  };
  interfaces(): readonly ScanInterface[] {
    return this.links;
  }
  vendorOf(): string | undefined {
    return 'Raspberry Pi';
  }
  readonly frames: { readonly ifIndex: number; readonly frame: Uint8Array }[] = [];
  async send(ifIndex: number, frame: Uint8Array) {
    if (this.refused !== undefined) return err(this.refused);
    this.frames.push({ ifIndex, frame });
    return ok(undefined);
  }
  wake(...args: string[]) {
    return cli(['wake', ...args], undefined, { scans: async () => this });
  }
  run(...args: string[]) {
    return cli(['scan', ...args], undefined, { scans: async () => this });
  }
}

t.test('the only link is asked, without the addresses at its edges', async (t) => {
  const scans = new FakeScans();
  scans.answers = [
    answer(9, macOf(0x020000000009), { second: true, foreign: true }),
    answer(2, macOf(0xdca632000002)),
  ];
  const { code, out, err: said } = await scans.run();
  t.equal(code, 0);
  t.match(scans.asked, [{ ifIndex: 3, source: A(1), passes: 2, waitMs: 500, ratePerSec: 500 }]);
  t.same(scans.asked[0]?.ranges, [{ first: A(1), last: A(254) }]);
  const [, first = '', second = ''] = out.split('\n');
  t.match(first, /^192\.168\.1\.2 +dc:a6:32:00:00:02 +Raspberry Pi/);
  t.match(second, /^192\.168\.1\.9 +02:00:00:00:00:09 \(made up\) .*second.*another MAC/);
  t.notMatch(second, /Raspberry/, 'a made-up address has no vendor');
  t.match(said, /2 answers to 254 requests/);
  t.match(said, /2 frames were lost/);
});

t.test('as data', async (t) => {
  const scans = new FakeScans();
  scans.answers = [answer(2, macOf(0xdca632000002))];
  const { out } = await scans.run('br-lan', '--json');
  t.same(JSON.parse(out), {
    interface: 'br-lan',
    answers: [
      {
        ...{ ip: '192.168.1.2', mac: 'dc:a6:32:00:00:02', vendor: 'Raspberry Pi' },
        ...{ randomised: false, second: false, foreign: false },
      },
    ],
    ...{ sent: 254, stray: 1, dropped: 2, interrupted: false },
  });
});

t.test('other networks, passes, wait and rate', async (t) => {
  const scans = new FakeScans();
  const networks = ['--network', '10.0.0.0/30', '--network', '10.0.1.4/32'];
  await scans.run(...networks, '--passes', '1', '--wait', '0', '--rate', '0');
  t.match(scans.asked, [{ passes: 1, waitMs: 0, ratePerSec: 0 }]);
  t.same(scans.asked[0]?.ranges, [
    { first: ipv4(0x0a000001), last: ipv4(0x0a000002) },
    { first: ipv4(0x0a000104), last: ipv4(0x0a000104) },
  ]);
});

t.test('what cannot be asked', async (t) => {
  const scans = new FakeScans();
  const fails = async (args: readonly string[], code: number, said: RegExp): Promise<void> => {
    t.match(await scans.run(...args), { code, out: '', err: said });
  };
  await fails(['--passes', '11'], 2, /from 1 to 10/);
  await fails(['--wait', 'x'], 2, /whole number/);
  await fails(['--network', '10.0.0.0/33'], 2, /such as/);
  await fails(['--network', '10.0.0/8'], 2, /such as/);
  await fails(['--network', '10.0.0.0/8'], 2, /16,777,214 addresses are too many/);
  await fails(['eth9'], 1, /eth9 is not here.*br-lan/);
  t.same(scans.asked, []);
  scans.refused = new SystemError('refused', 'EPERM', { remedy: 'be root' });
  await fails([], 1, /refused; be root/);
  scans.links = [link('a'), link('b')];
  await fails([], 2, /on which interface: a, b/);
  scans.links = [];
  await fails([], 1, /no interface here/);
});

t.test('wake: a frame on each link, or on one', async (t) => {
  const scans = new FakeScans();
  scans.links = [link('a'), link('b')];
  const done = await scans.wake('DC:A6:32:00:00:09', '--json');
  t.equal(done.code, 0);
  t.same(JSON.parse(done.out), { mac: 'dc:a6:32:00:00:09', interfaces: ['a', 'b'] });
  t.equal(
    Buffer.from(scans.frames[0]?.frame ?? []).toString('hex'),
    `ffffffffffffdca6320000010842ffffffffffff${'dca632000009'.repeat(16)}`,
  );
  t.match(await scans.wake('dc:a6:32:00:00:09', 'b'), { code: 0, err: /was called on b\n/ });
  t.equal(scans.frames.length, 3);
  t.match(await scans.wake('dc:a6:32'), { code: 2, err: /MAC address is wanted/ });
  t.match(await scans.wake('dc:a6:32:00:00:09', 'c'), { code: 1, err: /a, b/ });
  scans.refused = new SystemError('refused', 'EPERM', { remedy: 'be root' });
  const refused = { code: 1, err: /b: refused; be root/ };
  t.match(await scans.wake('dc:a6:32:00:00:09', 'b'), refused);
});

t.test('wake: by what the router knows of the device', async (t) => {
  const scans = new FakeScans();
  scans.links = [link('a')];
  const host = (name: string, mac: string, ...addresses: string[]) => ({ name, mac, addresses });
  const hosts = [
    host('nas', 'dc:a6:32:00:00:09', '192.168.1.9', 'fe80::9'),
    host('tv', 'dc:a6:32:00:00:0a', '192.168.1.10'),
    host('', '02:00:00:00:00:0a', '192.168.1.10'),
  ];
  const data = { hosts, more: false };
  const bus = () =>
    new FakeBus({ 'gatehouse call': () => ({ status: 'success', message: null, data }) });
  const wake = (...args: string[]) => cli(['wake', ...args], bus(), { scans: async () => scans });
  for (const wanted of ['nas', 'NAS', '192.168.1.9', 'fe80::9']) {
    const called = { code: 0, err: /^dc:a6:32:00:00:09 was called on a\n/ };
    t.match(await wake(wanted), called, wanted);
  }
  t.match(await wake('192.168.1.10'), { code: 2, err: /which of dc:.*0a, 02:.*0a\?/ });
  t.match(await wake('printer'), { code: 2, err: /printer: no MAC address, and .* no device/ });
  t.match(await wake(''), { code: 2, err: /no device of that name/ });
});
