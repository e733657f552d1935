/** The LAN as it is listened to, asked and searched: frames in, questions out, hosts. */
import t, { type Test } from 'tap';
import { ipv4, type Mac, macBytes, macOf } from '#src/base/ip.ts';
import { formatIp, type IpAddress, ipv6, linkLocalOf, prefixLen6 } from '#src/base/ip6.ts';
import { ok } from '#src/base/result.ts';
import type { FrameHandlers, FramePort, FramePorts } from '#src/os/ports.ts';
import type { NeighbourBurst } from '#src/os/ports-neighbours.ts';
import type { ArpScanAsk, ArpScanner } from '#src/os/ports-scan.ts';
import type { Conflict, NeighborsConfig, WatchObserved } from '#src/services/neighbors/config.ts';
import { HostTable } from '#src/services/neighbors/merge.ts';
import { sightingOf } from '#src/services/neighbors/sighting.ts';
import { Watch } from '#src/services/neighbors/watch.ts';
import { type Arp, decodeArp, encodeArp } from '#src/wire/arp.ts';
import { encodeMessage } from '#src/wire/dns.ts';
import { parseName } from '#src/wire/dns-name.ts';
import { decodeNeighbour, encodeNeighbour } from '#src/wire/icmp6-neighbour.ts';
import { encodeUdp4 } from '#src/wire/udp4.ts';
import { FakeClock } from '../../lib/clock.ts';
import { MemoryLog } from '../../lib/log.ts';

const LAN = 'br-lan';
const BOX = macOf(0xdca632000001);
const A = (n: number) => ipv4(0xc0a80100 + n);
const M = (n: number): Mac => macOf(0x020000000000 + n);
const len24 = 24 as never;

const arp = (op: 1 | 2, mac: Mac, senderIp: number, targetIp: number, to?: Mac): Uint8Array => {
  const message: Arp = {
    ...{ op, senderMac: macBytes(mac), senderIp: ipv4(senderIp), targetIp: ipv4(targetIp) },
    targetMac: to === undefined ? new Uint8Array(6) : macBytes(to),
  };
  return encodeArp(message);
};

class House {
  readonly clock = new FakeClock();
  readonly log = new MemoryLog();
  readonly table = new HostTable({
    maxHosts: 2000,
    vendorOf: () => undefined,
    ownNames: () => [],
  });
  readonly watch: Watch;
  readonly sent: Uint8Array[] = [];
  readonly conflicts: Conflict[] = [];
  readonly scans: ArpScanAsk[] = [];
  #handlers: FrameHandlers | undefined;
  /** Who answers by ARP, when all are asked. */
  readonly live = new Map<number, Mac>();
  reported: WatchObserved | undefined;

  constructor(t: Test, config: Partial<NeighborsConfig> = {}) {
    const port: FramePort = {
      ...{ dropped: 0, unsent: 0, broken: 0 },
      send: (bytes, start, end) => {
        this.sent.push(bytes.slice(start, end));
        return true;
      },
      flush: () => {},
      [Symbol.asyncDispose]: async () => {},
    };
    const frames: FramePorts = {
      open: (_, filter, handlers) => {
        t.equal(filter, 'neighbours');
        this.#handlers = handlers;
        return ok(port);
      },
    };
    const scanner: ArpScanner = {
      scan: async (ask) => {
        this.scans.push(ask);
        const answers = [...this.live].map(([address, mac]) => ({
          ...{ address: ipv4(address), mac, second: false, foreign: false },
        }));
        for (const answer of answers) ask.onAnswer?.(answer);
        return ok({ answers, sent: 254, stray: 0, dropped: 0, interrupted: false });
      },
    };
    const own6 = { prefixLen: prefixLen6(64) as never, dad: 'done', ifIndex: 3 } as const;
    this.watch = new Watch({
      ...{ frames, scanner, clock: this.clock, log: this.log, random16: () => 77 },
      neighbours: {
        subscribe: (listener: (burst: NeighbourBurst) => void) => {
          this.kernel = listener;
          return { [Symbol.dispose]: () => {} };
        },
      },
      net: {
        links: () =>
          [
            { ifIndex: 3, name: LAN, mac: BOX, adminUp: true },
            { ifIndex: 4, name: 'wan0', mac: BOX, adminUp: true },
          ] as never,
        addresses: () => [{ ifIndex: 3, address: A(1), prefixLen: len24 }] as never,
        addresses6: () => [{ ...own6, address: linkLocalOf(BOX) }] as never,
        routes: () => [{ prefixLen: 0, gateway: ipv4(0xc6336401) }] as never,
        routes6: () => [],
      },
      heard: (heard) => this.table.heard(heard, this.now),
      hosts: () => this.table.hosts,
      hostOf: (mac) => this.table.hostOf(mac),
      report: (observed) => {
        this.reported = observed;
      },
      announce: (conflict) => void this.conflicts.push(conflict),
    });
    t.teardown(() => this.watch[Symbol.asyncDispose]());
    const whole: NeighborsConfig = {
      ...{ interfaces: [LAN], names: [], ownName: undefined, checkSec: 60, listen: true },
      scan: { enable: false, intervalSec: 900, passes: 2, waitMs: 100, ratePerSec: 100 },
      ...{ apart: [], ...config },
    };
    this.table.configure(whole);
    this.watch.apply(whole);
  }

  kernel: ((burst: NeighbourBurst) => void) | undefined;

  get now() {
    return { monoMs: this.clock.monoMs(), wallMs: this.clock.wallMs() };
  }

  hear(...frames: readonly Uint8Array[]): void {
    for (const frame of frames) this.#handlers?.frame(frame, 0, frame.length);
    this.#handlers?.batchEnd?.();
  }

  /** Questions since the last look. */
  asked(): string[] {
    return this.sent.splice(0).map((frame) => {
      const four = decodeArp(frame);
      const to = [...frame.subarray(0, 6)].at(-1) === 255 ? 'all' : `${frame[5]}`;
      if (four.ok) return `${formatIp(four.value.targetIp)} of ${to}`;
      const six = decodeNeighbour(frame);
      return six.ok ? six.value.body.kind : 'what?';
    });
  }

  get hosts(): string[] {
    this.table.settle(this.now);
    return this.table.hosts
      .map(({ mac, addresses }) => `${mac.slice(-2)} ${addresses.map((a) => formatIp(a.address))}`)
      .sort();
  }
}

t.test('whoever is overheard is asked, and counts when it answers', async (t) => {
  const house = new House(t);
  house.hear(arp(1, M(5), A(5), A(9)));
  t.same(house.hosts, [], 'not by saying something');
  t.same(house.asked(), ['192.168.1.5 of 5']);
  house.hear(arp(1, M(5), A(5), A(9)));
  t.same(house.asked(), [], 'once is enough');
  house.hear(arp(2, M(5), A(5), A(1), BOX));
  t.same(house.hosts, ['05 192.168.1.5']);
});

t.test('an answer that nobody asked for, or that comes late, is none', async (t) => {
  const house = new House(t);
  house.hear(arp(2, M(5), A(5), A(1), BOX));
  t.same(house.hosts, []);
  house.asked();
  house.clock.advance(4000);
  house.hear(arp(2, M(5), A(5), A(1), BOX));
  t.same(house.hosts, []);
});

t.test('addresses behind a router, and the box’s own words, say nothing', async (t) => {
  const house = new House(t);
  house.hear(arp(1, M(5), 0x08080808, A(9)), arp(1, BOX, A(1), A(9)));
  t.same([house.hosts, house.asked()], [[], []]);
  house.hear(arp(1, M(5), 0, A(9)));
  t.same(house.asked(), [], 'nor does one that has no address yet');
});

t.test('what it is called by mDNS and DHCP', async (t) => {
  const host = parseName('Kitchen-TV.local');
  if (!host.ok) throw host.error;
  const record = (address: number) => ({
    ...{ name: host.value, type: 1, class: 0x8001, ttl: 120 },
    rdata: Uint8Array.of(192, 168, 1, address),
  });
  const mdns = (address: number, by = 5) =>
    encodeUdp4({
      ...{ destinationMac: Uint8Array.of(1, 0, 0x5e, 0, 0, 0xfb), sourceMac: macBytes(M(by)) },
      ...{ source: A(by), destination: ipv4(0xe00000fb), sourcePort: 5353, destinationPort: 5353 },
      payload: encodeMessage({
        ...{ id: 0, response: true, opcode: 0, authoritative: true, truncated: false },
        ...{ recursionDesired: false, recursionAvailable: false, authenticData: false },
        ...{ checkingDisabled: false, rcode: 0, questions: [], answers: [record(address)] },
        ...{ authorities: [], additionals: [], edns: undefined },
      }),
    });
  t.match(sightingOf(mdns(5)), { mac: M(5), address: A(5), calls: 'kitchen-tv', form: 'word' });
  t.equal(sightingOf(mdns(6))?.calls, undefined, 'a name for another address is not its own');
  const house = new House(t);
  house.hear(mdns(5));
  house.hear(arp(2, M(5), A(5), A(1), BOX));
  t.equal(house.table.hostOf(M(5))?.calls, 'kitchen-tv', 'what it said before counts, too');
});

t.test('a search asks by ARP and IPv6, and answers count', async (t) => {
  const house = new House(t);
  house.live.set(A(7), M(7));
  const searched = house.watch.scanNow();
  for (let i = 0; i < 20; i++) {
    await new Promise(setImmediate);
    house.clock.advance(50);
    if (i !== 3) continue;
    const source = linkLocalOf(M(8));
    house.hear(
      encodeNeighbour({
        ...{ sourceMac: macBytes(M(8)), destinationMac: macBytes(BOX), source },
        destination: linkLocalOf(BOX),
        body: { kind: 'echoReply', id: 77, sequence: 0, data: new Uint8Array(6) },
      }),
      encodeNeighbour({
        ...{ sourceMac: macBytes(M(9)), destinationMac: macBytes(BOX), source: linkLocalOf(M(9)) },
        destination: linkLocalOf(BOX),
        body: { kind: 'echoReply', id: 78, sequence: 0, data: new Uint8Array(6) },
      }),
    );
  }
  const report = await searched;
  t.match(report, { running: false, answered: 2, reason: '' });
  t.match(house.scans, [{ passes: 2, waitMs: 100, ratePerSec: 100, source: A(1) }]);
  t.same(house.scans[0]?.ranges, [{ first: A(1), last: A(254) }]);
  t.same(house.hosts, ['07 192.168.1.7', '08 fe80::ff:fe00:8'], 'an answer to another is none');
  t.ok(house.asked().filter((kind) => kind === 'echoRequest').length === 2, 'one for each pass');
});

t.test('searches come at their interval, the first soon', async (t) => {
  const house = new House(t, {
    scan: { enable: true, intervalSec: 900, passes: 1, waitMs: 0, ratePerSec: 100 },
  });
  const pass = async (sec: number) => {
    for (let i = 0; i < sec; i++) {
      house.clock.advance(1000);
      await new Promise(setImmediate);
    }
  };
  await pass(25);
  t.equal(house.scans.length, 1);
  await pass(850);
  t.equal(house.scans.length, 1);
  await pass(60);
  t.equal(house.scans.length, 2);
});

t.test('a gateway on another link that becomes another device', async (t) => {
  const house = new House(t);
  const tell = (mac: Mac) =>
    house.kernel?.({
      changed: [{ ifIndex: 4, address: ipv4(0xc6336401), mac, state: 'reachable' }],
      ...{ gone: [], learned: [], resync: false },
    });
  tell(M(1));
  tell(M(1));
  t.same(house.conflicts, []);
  tell(M(2));
  t.match(house.conflicts, [{ kind: 'GatewayChange', ifName: 'wan0', mac: M(2), other: M(1) }]);
  t.equal(house.reported?.conflicts.length, 1);
});

t.test(
  'a hundred thousand MAC addresses: nobody is invented, everything has its bound',
  async (t) => {
    const house = new House(t);
    house.hear(arp(1, M(5), A(5), A(9)));
    house.hear(arp(2, M(5), A(5), A(1), BOX));
    house.asked();
    let asked = 0;
    for (let i = 0; i < 100_000; i++) {
      // Ten seconds of flood.
      if (i % 100 === 0) house.clock.advance(10);
      const address: IpAddress = A(2 + (i % 250));
      house.hear(arp(i % 2 === 0 ? 1 : 2, macOf(0x060000000000 + i), address, A(9)));
      asked += house.asked().length;
    }
    t.same(house.hosts, ['05 192.168.1.5']);
    const { heard, skipped, unasked } = house.watch.observed.counts();
    t.equal(heard + skipped, 100_002);
    t.ok(skipped > 90_000, 'most were not even read');
    t.ok(asked < 1000, `${asked} questions`);
    t.ok(unasked > 0);
    t.ok(house.watch.observed.conflicts.length <= 64);
  },
);

t.test('an IPv6 address that somebody else claims is tested, too', async (t) => {
  const house = new House(t);
  const address = ipv6((0xfe80n << 112n) | 5n);
  const advert = (mac: Mac, solicited: boolean) =>
    encodeNeighbour({
      ...{ sourceMac: macBytes(mac), source: address },
      destinationMac: solicited ? macBytes(BOX) : Uint8Array.of(0x33, 0x33, 0, 0, 0, 1),
      destination: solicited ? linkLocalOf(BOX) : ipv6((0xff02n << 112n) | 1n),
      body: {
        ...{ kind: 'advertisement', target: address, mac: macBytes(mac) },
        ...{ router: false, solicited, override: true },
      },
    });
  house.hear(advert(M(5), false));
  t.same(house.asked(), ['solicitation']);
  house.hear(advert(M(5), true));
  house.hear(advert(M(6), false));
  t.same(house.asked(), ['solicitation', 'solicitation'], 'who it is, and who has the address');
  house.hear(advert(M(5), true), advert(M(6), true));
  house.clock.advance(3100);
  t.match(house.conflicts, [{ kind: 'Duplicate', mac: M(6), other: M(5) }]);
});
