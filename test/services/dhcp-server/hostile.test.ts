/** What a host of the LAN may try. */
import t from 'tap';
import { type Mac, macBytes } from '../../../src/base/ip.ts';
import { AddressSpace } from '../../../src/services/dhcp-server/allocate.ts';
import { Requester } from '../../../src/services/dhcp-server/requester.ts';
import { DHCP } from '../../../src/wire/dhcp4.ts';
import { Dhcp4View } from '../../../src/wire/dhcp4-view.ts';
import { Client, ip, Lan, mac, SERVER, text } from './lan.ts';

const asked = (client: Client, change: (frame: Uint8Array) => void = () => {}): Requester => {
  const frame = client.discover();
  change(frame);
  const view = new Dhcp4View();
  if (!view.read(frame, 0, frame.length)) throw new TypeError(view.refusal);
  return new Requester(view);
};

t.test('host names: RFC 1123 or none', async (t) => {
  const name = (value: string | Uint8Array): string | undefined =>
    asked(new Client(mac(1), { 12: typeof value === 'string' ? text(value) : value })).hostName();
  t.equal(name('Annas-iPhone'), 'annas-iphone');
  t.equal(name('pc.home.arpa'), 'pc');
  t.equal(name('box\0\0'), 'box');
  t.equal(name('a'.repeat(63)), 'a'.repeat(63));
  for (const bad of [
    'a'.repeat(64),
    '-a',
    'a-',
    'a b',
    'a_b',
    'a\nb',
    '<script>',
    '',
    '.x',
    'a\0b',
    'naïve',
    '\x1b[2J',
    '../x',
  ]) {
    t.equal(name(bad), undefined, JSON.stringify(bad));
  }
  t.equal(name(Uint8Array.of(0xff, 0xfe)), undefined);
});

t.test('a name of option 81, as text and as labels (RFC 4702)', async (t) => {
  const name = (value: Uint8Array): string | undefined =>
    asked(new Client(mac(1), { 81: value })).hostName();
  t.equal(name(Uint8Array.of(0, 0, 0, ...text('PC7.corp.example'))), 'pc7');
  t.equal(name(Uint8Array.of(4, 0, 0, 3, ...text('pc7'), 4, ...text('corp'), 0)), 'pc7');
  t.equal(name(Uint8Array.of(4, 0, 0, 200, ...text('pc7'))), 'pc7', 'cut');
  t.equal(name(Uint8Array.of(0, 0)), undefined);
  t.equal(name(Uint8Array.of(0, 0, 0, 60, 62)), undefined);
});

t.test('vendor classes are printable or none', async (t) => {
  const said = (value: string): string | undefined =>
    asked(new Client(mac(1), { 60: text(value) })).vendorClass();
  t.equal(said('MSFT 5.0'), 'MSFT 5.0');
  t.equal(said('android-dhcp-14'), 'android-dhcp-14');
  t.equal(said('a\x1b[31mb'), undefined);
  t.equal(said('a\r\nb'), undefined);
  t.equal(said(''), undefined);
});

t.test('who nobody is', async (t) => {
  const refusal = (change: (frame: Uint8Array) => void, options = {}): string | undefined =>
    asked(new Client(mac(1), options), change).read();
  t.equal(
    refusal(() => {}),
    undefined,
  );
  t.match(
    refusal((f) => f.fill(0, 70, 76)),
    /zeros/,
  );
  t.match(
    refusal((f) => f.fill(255, 70, 76)),
    /group/,
  );
  t.match(
    refusal((f) => f.set([16], 44)),
    /6 bytes/,
  );
  t.equal(
    refusal((f) => f.set([32, 16], 43)),
    undefined,
    'InfiniBand has more',
  );
  t.match(
    refusal((f) => f.set([32, 0], 43)),
    /neither/,
  );
  t.equal(
    refusal((f) => f.set([32, 0], 43), { 61: text('\xffid') }),
    undefined,
    'RFC 4390',
  );
  t.match(
    refusal(() => {}, { 61: new Uint8Array(300) }),
    /over 255/,
  );
});

t.test('a client identifier of one byte tells nobody from another: the MAC counts', async (t) => {
  const [a, b] = [
    asked(new Client(mac(1), { 61: text('x') })),
    asked(new Client(mac(2), { 61: text('x') })),
  ];
  a.read();
  b.read();
  t.not(a.key, b.key);
  t.equal(a.clientId(), undefined);
  t.match([a.randomised, asked(new Client('02:00:00:00:00:09' as Mac)).randomised], [false, true]);
});

t.test('a name stays with who had it first, as long as the lease is bound', async (t) => {
  await using lan = new Lan();
  await lan.apply({});
  const [nas, thief] = [
    new Client(mac(1), { 12: text('nas') }),
    new Client(mac(2), { 12: text('nas') }),
  ];
  const first = lan.lease(nas) ?? SERVER;
  const second = lan.lease(thief) ?? SERVER;
  t.equal(lan.service.leaseNamed('nas')?.address, first);
  lan.send(nas.release(first));
  lan.send(thief.renew(second));
  t.equal(lan.service.leaseNamed('nas')?.address, second);
  lan.send(thief.renew(second, { options: { 12: text('other') } }));
  t.equal(lan.service.leaseNamed('nas'), undefined);
  t.equal(lan.service.leaseNamed('other')?.address, second);
});

t.test('65,000 made-up clients: memory is bounded, and who is known is served', async (t) => {
  await using lan = new Lan();
  const guard = { newClientsPerSec: 20, answersPerClient: 10, headroomPercent: 10 };
  await lan.apply({ segment: { mode: 'selective' }, config: { guard, rules: [] } });
  for (let i = 0; i < 65_000; i += 500) {
    const frames = Array.from({ length: 500 }, (_, n) => {
      const frame = new Client(mac(0)).discover();
      frame.set(macBytes(mac(i + n)), 70);
      frame.set([2, 1], 70);
      return frame;
    });
    lan.hear(...frames);
  }
  const { pending, counts } = lan.service.observed;
  t.equal(pending.length, 256, 'the oldest went');
  t.equal(counts.refused, 65_000);
  t.ok(lan.log.lines.length < 10, 'nor is the log flooded');

  await lan.apply({ config: { guard } });
  for (let i = 0; i < 5000; i++) lan.hear(new Client(mac(i)).discover());
  t.equal(lan.service.observed.counts.offer, 20);
  t.match(lan.service.observed.counts, { limited: 4980 });
  lan.drain();
});

t.test('addresses are chosen in constant time, each once, the longest free first', async (t) => {
  const space = new AddressSpace(ip('10.0.0.0'), ip('10.0.255.255'));
  const seen = new Set<number>();
  for (let i = 0; i < 65_536; i++) {
    const address = space.choose(7);
    if (address === undefined || seen.has(address)) return t.fail(`the ${i}th`);
    seen.add(address);
    space.take(address);
  }
  t.equal(space.choose(7), undefined);
  t.equal(space.free, 0);
  for (const n of [5, 3, 9]) space.giveBack(ip(`10.0.0.${n}`), 'used');
  space.giveBack(ip('10.0.0.1'), 'held');
  t.equal(space.choose(3), ip('10.0.0.5'));
  space.take(ip('10.0.0.5'));
  t.equal(space.choose(3), ip('10.0.0.3'));
  space.leaveOut(ip('10.0.0.3'));
  space.leaveOut(ip('10.0.0.9'));
  t.equal(space.choose(3), ip('10.0.0.1'), 'what is held comes last');
  t.equal(space.usable, 65_534);
  t.notOk(space.has(ip('10.0.0.3')));
  space.giveBack(ip('10.0.0.3'), 'used');
  t.equal(space.free, 1, 'what is left out never comes back');
  t.equal(new AddressSpace(ip('10.0.0.9'), ip('10.0.0.1')).choose(1), undefined, 'nothing at all');
});

t.test('a message of any other kind is counted and no more', async (t) => {
  await using lan = new Lan();
  await lan.apply({});
  lan.hear(new Client(mac(1)).message(DHCP.LEASEACTIVE), Uint8Array.of(1, 2, 3));
  t.same(lan.drain(), []);
  t.equal(lan.service.observed.counts.discarded, 2);
});
