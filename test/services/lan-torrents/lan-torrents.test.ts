import t from 'tap';
import { SystemError } from '#src/base/errors.ts';
import { ipv4, prefixLen } from '#src/base/ip.ts';
import { err, ok, type Result } from '#src/base/result.ts';
import type {
  CaptureReport,
  CaptureTorrents,
  HostTorrent,
  ListenOptions,
  TorrentHost,
} from '#src/os/ports-capture.ts';
import type { LanTorrentsObserved } from '#src/services/lan-torrents/config.ts';
import { Ledger, MAX_ADDRESSES, MAX_PARTS } from '#src/services/lan-torrents/ledger.ts';
import { ASKED_AN_HOUR, TorrentNames } from '#src/services/lan-torrents/names.ts';
import { LanTorrentsService, LOOK_SEC } from '#src/services/lan-torrents/service.ts';
import { FakeClock } from '../../lib/clock.ts';
import { MemoryLog } from '../../lib/log.ts';
import { REPORT } from '../capture/report.ts';

const T0 = 1_700_000_000;
const HASH = 'a'.repeat(40);
const host = (over: Partial<TorrentHost> = {}): TorrentHost => ({
  ...{ address: '192.168.1.2', mac: '02:00:00:00:00:02', sentBytes: 10, receivedBytes: 100 },
  ...{ likelySentBytes: 1, likelyReceivedBytes: 2, firstSec: T0, lastSec: T0 + 1 },
  ...over,
});
const part = (over: Partial<HostTorrent> = {}): HostTorrent => ({
  ...{ infoHash: HASH, address: '192.168.1.2', seen: ['handshake'], client: 'TR4050' },
  ...{ sentBytes: 7, receivedBytes: 70, firstSec: T0, lastSec: T0 + 1 },
  ...over,
});
const told = (
  hosts: readonly TorrentHost[] = [host()],
  infoHashes: readonly HostTorrent[] = [part()],
  forgotten = 0,
): CaptureTorrents => ({
  ...{ hosts, infoHashes, hostsForgotten: forgotten, infoHashesForgotten: 0, endsForgotten: 0 },
});
const nobody = (): undefined => undefined;

t.test('ledger: figures go on over looks, over captures, and over what the engine let go', (t) => {
  const ledger = new Ledger();
  t.equal(ledger.take('lan', told()), true);
  t.equal(ledger.take('lan', told()), false);
  t.match(ledger.devices(), [{ sentBytes: 10, likely: { receivedBytes: 2 } }]);
  ledger.take('lan', told([host({ sentBytes: 15 })], [part({ sentBytes: 9 })]));
  t.equal(ledger.devices()[0]?.sentBytes, 15);
  t.equal(ledger.torrents(nobody)[0]?.sentBytes, 9);
  // The engine forgot it and heard it again.
  ledger.take('lan', told([host({ sentBytes: 4, firstSec: T0 + 50, lastSec: T0 + 60 })], []));
  t.equal(ledger.devices()[0]?.sentBytes, 19);
  // Another capture begins.
  ledger.begin('lan');
  ledger.take('lan', told([host({ sentBytes: 30, firstSec: T0 + 70, lastSec: T0 + 90 })], []));
  t.equal(ledger.devices()[0]?.sentBytes, 49);
  t.match(ledger.devices()[0], { firstMs: T0 * 1000, lastMs: (T0 + 90) * 1000 });
  t.end();
});

t.test('ledger: addresses of one MAC address are one device, of each torrent too', (t) => {
  const ledger = new Ledger();
  const six = { address: '2001:db8::2' };
  const other = { address: '192.168.1.3', mac: '02:00:00:00:00:03' };
  ledger.take(
    'lan',
    told(
      [host(), host(six), host(other)],
      [part(), part({ ...six, seen: ['dht-get'] }), part({ ...other, infoHash: 'b'.repeat(40) })],
    ),
  );
  const [mine, theirs] = ledger.devices();
  t.match(mine, { addresses: ['192.168.1.2', '2001:db8::2'], sentBytes: 20 });
  t.match(theirs, { addresses: ['192.168.1.3'] });
  const [first, second] = ledger.torrents((infoHash) => (infoHash === HASH ? 'Name' : undefined));
  t.match(first, { name: 'Name', parts: [{ device: mine?.id, seen: ['handshake', 'dht-get'] }] });
  t.equal(first?.parts.length, 1);
  t.match(second, { name: undefined, parts: [{ device: theirs?.id }] });
  t.end();
});

t.test(
  'ledger: what is old goes, and does not come back from the engine; what is cleared begins anew',
  (t) => {
    const ledger = new Ledger();
    ledger.take('lan', told([host(), host({ address: '192.168.1.3', lastSec: T0 + 100 })]));
    t.equal(ledger.forget((T0 + 50) * 1000), true);
    t.equal(ledger.forget((T0 + 50) * 1000), false);
    t.equal(
      ledger.take('lan', told([host(), host({ address: '192.168.1.3', lastSec: T0 + 100 })])),
      false,
    );
    t.same(ledger.devices()[0]?.addresses, ['192.168.1.3']);
    t.same(ledger.torrents(nobody), []);
    ledger.clear();
    t.same(ledger.devices(), []);
    // The clock was put back meanwhile.
    t.equal(ledger.take('lan', told([host({ firstSec: 5, lastSec: 9 })])), true);
    t.match(ledger.devices(), [{ firstMs: 5000, sentBytes: 10 }]);
    t.end();
  },
);

t.test('ledger: bounds, and rows that are numbered by place', (t) => {
  const ledger = new Ledger();
  const hosts = Array.from({ length: MAX_ADDRESSES + 10 }, (_, i) =>
    host({ address: `10.0.${i >> 8}.${i & 255}`, mac: `m${i}`, lastSec: T0 + i }),
  );
  const parts = Array.from({ length: MAX_PARTS + 5 }, (_, i) =>
    part({ infoHash: i.toString(16).padStart(40, '0'), lastSec: T0 + i }),
  );
  ledger.take('lan', told(hosts, parts, 3));
  t.equal(ledger.devices().length, MAX_ADDRESSES);
  t.equal(ledger.torrents(nobody).length, MAX_PARTS);
  t.equal(ledger.forgotten, 10 + 5 + 3);
  const ids = ledger.torrents(nobody).map(({ id }) => id);
  t.same(
    ids.toSorted((a, b) => a - b),
    Array.from({ length: MAX_PARTS }, (_, i) => i + 1),
  );
  ledger.clear();
  ledger.take('lan', told([host({ lastSec: T0 + 9 })], [part({ lastSec: T0 + 9 })]));
  t.equal(ledger.torrents(nobody)[0]?.id, 1);
  t.end();
});

t.test('names: one at a time, so many an hour, three times', async (t) => {
  const clock = new FakeClock();
  const asked: string[] = [];
  let answer: string | undefined = 'Some name';
  let changes = 0;
  const names = new TorrentNames({
    clock,
    resolve: async (infoHash) => {
      asked.push(infoHash);
      return answer;
    },
    changed: () => {
      changes += 1;
    },
  });
  const turns = async (): Promise<void> => {
    for (let i = 0; i < 200; i++) await Promise.resolve();
  };
  names.want(['a', 'b']);
  t.same(asked, ['a']);
  await turns();
  t.same(asked, ['a', 'b']);
  t.equal(names.of('a'), 'Some name');
  t.equal(changes, 2);
  answer = undefined;
  const many = Array.from({ length: 40 }, (_, i) => `c${i}`);
  names.want(many);
  await turns();
  t.equal(asked.length, ASKED_AN_HOUR);
  clock.advance(3_600_000);
  await turns();
  t.equal(asked.length, 2 * ASKED_AN_HOUR);
  for (let hour = 0; hour < 60; hour++) {
    clock.advance(3_600_000);
    names.want(many);
    await turns();
  }
  // Nobody knew them, three times.
  t.equal(asked.filter((one) => one === 'c0').length, 3);
  t.equal(asked.length, 2 + 3 * 40);
  t.same(names.counts, { asked: 122, found: 2 });
  names.keep(new Set(['b']));
  t.same([names.of('a'), names.of('b')], [undefined, 'Some name']);
  await names[Symbol.asyncDispose]();
});

t.test('names: who is called off tells nothing any more', async (t) => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const names = new TorrentNames({
    clock: new FakeClock(),
    resolve: (_infoHash, signal) => {
      signal.addEventListener('abort', () => resolve('late'));
      return promise;
    },
    changed: () => t.fail('told'),
  });
  names.want(['a']);
  await names.stop();
  t.equal(names.of('a'), undefined);
});

function box({ up = ['br-lan'], whyNoNames = '', nameless = false } = {}) {
  const clock = new FakeClock({ wallMs: (T0 + 10) * 1000 });
  const heard: { ifName: string; options: ListenOptions }[] = [];
  const reports: LanTorrentsObserved[] = [];
  const asked: string[] = [];
  let torrents = told([host()], [part({ seen: ['handshake', 'dht-get'] })]);
  let network = 0xc0a80100;
  let fault: SystemError | undefined;
  const log = new MemoryLog();
  const service = new LanTorrentsService({
    ...{ clock, log },
    engine: {
      listen: (ifName, options) => {
        if (fault !== undefined) return Promise.resolve(err(fault));
        const { promise, resolve } = Promise.withResolvers<Result<CaptureReport, SystemError>>();
        // An engine that begins knows nothing.
        if (heard.length > 0) torrents = told([], []);
        heard.push({ ifName, options });
        options.signal.addEventListener('abort', () => resolve(ok(REPORT)));
        options.onStart?.({
          dump: async () => ok(0),
          torrents: () => torrents,
        });
        return promise;
      },
    },
    isUp: (ifName) => up.includes(ifName),
    networks: () => [{ address: ipv4(network), prefixLen: prefixLen(24) ?? 0 }],
    resolve: async (infoHash) => {
      asked.push(infoHash);
      if (nameless) throw new SystemError('no memory', 'ENOMEM');
      return 'Some name';
    },
    whyNoNames: () => whyNoNames,
    report: (value) => void reports.push(value),
  });
  const second = (): void => {
    for (const { options } of heard)
      if (!options.signal.aborted)
        options.onProgress?.({ packets: 1, bytes: 1, droppedPackets: 2 }, () => REPORT);
  };
  return {
    ...{ clock, heard, reports, asked, service, up, log },
    looks: (): void => {
      for (let i = 0; i < LOOK_SEC; i++) second();
    },
    tell: (value: CaptureTorrents): void => {
      torrents = value;
    },
    move: (to: number): void => {
      network = to;
    },
    break: (error: SystemError | undefined): void => {
      fault = error;
    },
  };
}
const ON = { enable: true, resolveNames: false, keepSec: 3600, links: ['br-lan'] };

t.test(
  'service: hears nothing while it is off, and forgets all when it is switched off',
  async (t) => {
    const { service, heard, looks, reports, tell, clock } = box();
    tell(told([host({ lastSec: T0 + 20 })], [part({ lastSec: T0 + 20 })]));
    await service.apply({ ...ON, enable: false });
    t.same(heard, []);
    t.match(service.look(), { status: 'off', devices: [] });
    await service.apply(ON);
    t.match(heard, [{ ifName: 'br-lan', options: { snapBytes: 640, promiscuous: false } }]);
    t.match(heard[0]?.options.local, [{ address: 0xc0a80100, prefixLen: 24 }]);
    looks();
    t.match(reports.at(-1), { status: 'listening', reason: '', torrents: [{ infoHash: HASH }] });
    t.equal(service.look(1000).torrents.length, 1);
    // What somebody else's look took first is told all the same.
    tell(
      told([host({ lastSec: T0 + 20 })], [part({ infoHash: 'b'.repeat(40), lastSec: T0 + 20 })]),
    );
    t.equal(service.look(1000).torrents.length, 1);
    clock.advance(1000);
    t.equal(service.look(1000).torrents.length, 2);
    looks();
    t.equal(reports.at(-1)?.torrents.length, 2);
    // Figures alone are not told.
    const count = reports.length;
    looks();
    t.equal(reports.length, count);
    t.equal(service.look().droppedPackets, 2);
    await service.apply({ ...ON, enable: false });
    t.equal(heard[0]?.options.signal.aborted, true);
    t.match(reports.at(-1), { status: 'off', devices: [], torrents: [], droppedPackets: 0 });
    await service[Symbol.asyncDispose]();
  },
);

t.test('service: follows links and their networks; a fault is told and tried again', async (t) => {
  const { service, heard, up, move, clock, reports, break: broken } = box({ up: [] });
  const settled = async (): Promise<void> => {
    for (let i = 0; i < 50; i++) await Promise.resolve();
  };
  await service.apply(ON);
  t.match(service.look(), { status: 'waiting', reason: /no link/ });
  up.push('br-lan');
  service.surroundingsChanged();
  await settled();
  t.equal(heard.length, 1);
  service.surroundingsChanged();
  await settled();
  t.equal(heard.length, 1);
  move(0x0a000000);
  service.surroundingsChanged();
  await settled();
  t.equal(heard.length, 2);
  t.equal(heard[0]?.options.signal.aborted, true);
  broken(new SystemError('no right to it', 'EPERM'));
  move(0x0b000000);
  service.surroundingsChanged();
  await settled();
  t.match(reports.at(-1), { status: 'failed', reason: 'no right to it' });
  broken(undefined);
  clock.advance(30_000);
  await settled();
  t.match(reports.at(-1), { status: 'listening', reason: '' });
  broken(new SystemError('no right to it', 'EPERM'));
  move(0x0c000000);
  service.surroundingsChanged();
  await settled();
  t.match(reports.at(-1), { status: 'failed', reason: 'no right to it' });
  await service.apply({ ...ON, enable: false });
  t.match(reports.at(-1), { status: 'off', reason: '' });
  t.equal(clock.pending, 0);
  await service[Symbol.asyncDispose]();
});

t.test(
  'service: a link that cannot be heard is tried again in time, or when it is another',
  async (t) => {
    const { service, up, move, clock, log, break: broken, heard } = box();
    const settled = async (): Promise<void> => {
      for (let i = 0; i < 50; i++) await Promise.resolve();
    };
    const changes = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        service.surroundingsChanged();
        await settled();
      }
    };
    const tries = (): number =>
      log.lines.filter(({ message }) => message === 'the LAN is not heard').length;
    broken(new SystemError('no right to it', 'EPERM'));
    await service.apply(ON);
    await settled();
    t.equal(tries(), 1);
    await changes(20);
    t.equal(tries(), 1, 'others change all the time');
    clock.advance(29_999);
    await changes(1);
    t.equal(tries(), 1);
    clock.advance(1);
    await settled();
    t.equal(tries(), 2, 'its time has come, whatever changed meanwhile');
    move(0x0a000000);
    await changes(2);
    t.equal(tries(), 3, 'it has another network');
    up.length = 0;
    await changes(1);
    up.push('br-lan');
    await changes(2);
    t.equal(tries(), 4, 'it was down');
    await service.apply(ON);
    await settled();
    t.equal(tries(), 5, 'somebody asks for it');
    broken(undefined);
    clock.advance(30_000);
    await settled();
    t.equal(heard.length, 1);
    await service.apply({ ...ON, enable: false });
    t.equal(clock.pending, 0);
    await service[Symbol.asyncDispose]();
  },
);

t.test('service: with a torrent that found no room its name goes', async (t) => {
  const { service, looks, tell, asked } = box();
  const settled = async (): Promise<void> => {
    for (let i = 0; i < 200; i++) await Promise.resolve();
  };
  const nameOf = (hash: string): string | undefined =>
    service.look().torrents.find(({ infoHash }) => infoHash === hash)?.name;
  await service.apply({ ...ON, resolveNames: true });
  looks();
  await settled();
  t.equal(nameOf(HASH), 'Some name');
  const others = Array.from({ length: MAX_PARTS }, (_, i) =>
    part({ infoHash: i.toString(16).padStart(40, '0'), seen: ['lan-search'], lastSec: T0 + 20 }),
  );
  tell(told([host()], others));
  looks();
  await settled();
  t.equal(asked.length, ASKED_AN_HOUR);
  tell(told([host()], [part({ lastSec: T0 + 30 })]));
  looks();
  t.equal(service.look().torrents.length, MAX_PARTS);
  t.equal(nameOf(HASH), undefined);
  await service[Symbol.asyncDispose]();
});

t.test('service: names are asked for only where that is wanted and can be', async (t) => {
  const settled = async (): Promise<void> => {
    for (let i = 0; i < 50; i++) await Promise.resolve();
  };
  const { service, looks, tell, asked, reports } = box();
  await service.apply(ON);
  looks();
  await settled();
  t.same(asked, []);
  const maybePrivate = part({ infoHash: HASH.replace(/^../, 'ee'), seen: ['http-tracker', 'utp'] });
  tell(told([host()], [maybePrivate, part({ seen: ['handshake', 'dht-get'] })]));
  await service.apply({ ...ON, resolveNames: true });
  looks();
  await settled();
  t.same(asked, [HASH]);
  t.equal(reports.at(-1)?.torrents[0]?.name, 'Some name');
  // What is known is kept when nothing more is asked.
  await service.apply(ON);
  t.equal(service.look().torrents[0]?.name, 'Some name');
  await service[Symbol.asyncDispose]();
  const deaf = box({ whyNoNames: 'the DHT node is off' });
  await deaf.service.apply({ ...ON, resolveNames: true });
  deaf.looks();
  await settled();
  t.same(deaf.asked, []);
  t.equal(deaf.service.look().reason, 'the DHT node is off');
  await deaf.service[Symbol.asyncDispose]();
  const broken = box({ nameless: true });
  await broken.service.apply({ ...ON, resolveNames: true });
  broken.looks();
  await settled();
  t.same(broken.asked, [HASH]);
  t.match(
    broken.log.lines.filter(({ level }) => level === 'error'),
    [{ fields: { reason: 'no memory' } }],
  );
  broken.looks();
  await settled();
  t.same(broken.asked, [HASH], 'not before hours have passed');
  await broken.service[Symbol.asyncDispose]();
});

t.test('service: of more links than it may hear it tells which ones', async (t) => {
  const links = ['a', 'b', 'c', 'd', 'e'];
  const { service, heard } = box({ up: links });
  await service.apply({ ...ON, links });
  t.same(
    heard.map(({ ifName }) => ifName),
    ['a', 'b', 'c', 'd'],
  );
  t.match(service.look(), { status: 'listening', reason: 'only a, b, c, d are listened to' });
  await service[Symbol.asyncDispose]();
});

t.test('service: clear forgets, and hears on; what is old goes by itself', async (t) => {
  const { service, looks, heard, clock, tell, reports } = box();
  await service.apply(ON);
  looks();
  t.equal(service.look().devices.length, 1);
  clock.advance(5000);
  await service.clear();
  t.equal(heard.length, 2);
  t.same(service.look().devices, []);
  tell(told([host({ lastSec: T0 + 20 })], [part({ lastSec: T0 + 20 })]));
  looks();
  t.equal(service.look().torrents.length, 1);
  clock.advance(3_700_000);
  looks();
  t.match(reports.at(-1), { devices: [], torrents: [] });
  await service[Symbol.asyncDispose]();
});
