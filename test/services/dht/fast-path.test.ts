/**
 * What native code answers without JavaScript is, byte for byte, what JavaScript would have answered, and
 * costs and counts the same: questions as peers write them and bent ones, from addresses of every kind.
 */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { ipv4 } from '#src/base/ip.ts';
import type { IpPort } from '#src/base/ip-port.ts';
import { ipv6, UNIQUE_LOCAL } from '#src/base/ip6.ts';
import { LinuxClock } from '#src/os/linux/clock.ts';
import { loadNative, Reactor } from '#src/os/linux/native.ts';
import { LinuxUdpSockets } from '#src/os/linux/udp.ts';
import { AddressPolicy, prefix4 } from '#src/services/dht/address-policy.ts';
import { Board } from '#src/services/dht/board.ts';
import { Budget } from '#src/services/dht/budget.ts';
import type { DhtBudget, Family } from '#src/services/dht/config.ts';
import { DhtNode } from '#src/services/dht/node.ts';
import { NodeTable } from '#src/services/dht/node-table.ts';
import { Verified } from '#src/services/dht/verified.ts';
import { type Bencodable, encodeBencode } from '#src/wire/bencode-writer.ts';
import { DhtPair, type PairOptions } from '../../lib/dht-pair.ts';
import { crypto, randomOf } from '../../lib/swarm.ts';

/** More of them: RUNS=3000. */
const RUNS = Number(process.env['RUNS'] ?? 60);
t.setTimeout(60_000 + RUNS * 200);
const LOOPBACK = ipv4(0x7f000001);
const BUDGET: DhtBudget = {
  ...{ packetsInPerSec: 1e6, packetsOutPerSec: 1e6, bytesInPerSec: 1e9, bytesOutPerSec: 1e9 },
  ...{ perSourcePerSec: 0, flows: 1e6 },
};

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

/** Of the internet, private, special, multicast, ours; some of one network, some of port 0. */
const ADDRESSES = [
  ...[0x2d000101, 0x2d000102, 0x2d000201, 0x08080808, 0xc0a80105, 0x0a000001].map(ipv4),
  ...[0x7f000001, 0xe0000001, 0xffffffff, 0, 0x5db8d822, 0xc6336401].map(ipv4),
  ...[(0x2a00n << 112n) | 1n, (0x2a00n << 112n) | 2n, (0x2a00n << 112n) | (1n << 64n)].map(ipv6),
  ...[(0x20010db8n << 96n) | 1n, (0x2002n << 112n) | 1n, (0xfe80n << 112n) | 1n, 1n].map(ipv6),
  ...[(0xff02n << 112n) | 1n, (0xfd77n << 112n) | 5n, 0x3fff_0000_0000n << 80n].map(ipv6),
] as const;

const from: fc.Arbitrary<IpPort> = fc.oneof(
  { weight: 3, arbitrary: fc.nat(30).map((index) => memberAt(index)) },
  {
    weight: 1,
    arbitrary: fc.record({
      address: fc.constantFrom(...ADDRESSES),
      port: fc.constantFrom(0, 1, 6881, 51_413, 65_535),
    }),
  },
);

/** A field that is there or not, and as it should be or not. */
const maybe = (value: fc.Arbitrary<Bencodable>): fc.Arbitrary<Bencodable | undefined> =>
  fc.option(value, { nil: undefined, freq: 2 });

const WANTS = ['n4', 'n6', 'n8', 'n4'] as const;
const query = fc
  .record({
    q: fc.constantFrom('ping', 'find_node', 'find_node', 'find_node', 'get_peers', 'pong'),
    t: fc.oneof({ weight: 4, arbitrary: bytes(2) }, fc.uint8Array({ maxLength: 40 })),
    v: maybe(fc.oneof({ weight: 4, arbitrary: bytes(4) }, fc.uint8Array({ maxLength: 40 }))),
    ro: maybe(fc.constantFrom(0, 1, 1, 1, 2)),
    id: bytes(20),
    target: fc.oneof({ weight: 9, arbitrary: bytes(20) }, fc.uint8Array({ maxLength: 21 })),
    want: maybe(fc.array(fc.constantFrom(...WANTS), { maxLength: 3 })),
    odd: fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, fc.constantFrom(1, 'x')),
    oddInside: fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, fc.constantFrom(1, 'x')),
  })
  .map(({ q, t: transaction, v, ro, id, target, want, odd, oddInside }) =>
    encodeBencode({
      a: {
        id,
        ...(q === 'get_peers'
          ? { info_hash: target }
          : { target: q === 'ping' ? undefined : target }),
        ...{ want, zz: oddInside },
      },
      ...{ q, ro, t: transaction, v, y: 'q', zz: odd },
    }),
  );

/** As it is, or cut, or with some bytes changed. */
const datagram = fc
  .tuple(
    query,
    fc.integer({ min: 0, max: 7 }),
    fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 3 }),
  )
  .map(([whole, how, changes]) => {
    if (how === 0) return whole.slice(0, (changes[0]?.[0] ?? 0) % (whole.length + 1));
    const made = whole.slice();
    if (how === 1) for (const [at, value] of changes) made[at % made.length] = value;
    return made;
  })
  .filter((made) => made.length > 0);

const step = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('ask' as const), datagram, from }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      ms: fc.constantFrom(1, 40, 700, 9_000, 700_000),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('meet' as const), id: bytes(20), index: fc.nat(200) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('lose' as const), index: fc.nat(200) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('own' as const), len: fc.constantFrom(8, 24, 32) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('rename' as const), id: bytes(20) }) },
);

/** Somebody on the internet; every third of IPv6, the first ones at addresses that ask, too. */
function memberAt(index: number): IpPort {
  const port = 1_000 + index;
  if (index % 3 === 0)
    return { address: ipv6((0x2a00n << 112n) | (BigInt(index % 50) << 64n) | 1n), port };
  return { address: ipv4(index < 20 ? 0x2d000101 + index * 256 : 0x2e000001 + index * 256), port };
}

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const familyOf = ({ address }: IpPort): Family => (typeof address === 'number' ? 4 : 6);

interface Fates {
  answered: number;
  done: number;
  handedOver: number;
}

/** Whether both said and counted the same at every step; adds what native code did to `all`. */
async function agree(options: PairOptions, steps: readonly Step[], all: Fates): Promise<boolean> {
  const families = options.families ?? [4, 6];
  const has = (at: IpPort): boolean => families.includes(familyOf(at));
  await using pair = new DhtPair(options);
  const chance = randomOf(3);
  for (let i = 0; i < 150; i++) {
    const [id, at] = [chance(20), memberAt(i + 300)];
    pair.both(({ tables }) => tables[familyOf(at)]?.answered(id, at, 20, 1));
  }
  for (const one of steps) {
    switch (one.kind) {
      case 'ask': {
        if (!has(one.from)) break;
        const { plain, native } = pair.feed(one.datagram, one.from);
        if (!isDeepStrictEqual(native, plain)) return false;
        break;
      }
      case 'wait':
        pair.clock.advance(one.ms);
        break;
      case 'meet':
        if (has(memberAt(one.index))) pair.meet(one.id, memberAt(one.index));
        break;
      case 'lose': {
        const at = memberAt(one.index + 300);
        pair.both(({ tables }) => tables[familyOf(at)]?.failed(at));
        break;
      }
      case 'own':
        pair.own = [prefix4(0x2d000101, one.len)];
        // Native code is told at the next occasion, within ten seconds.
        pair.native.asked();
        break;
      case 'rename':
        pair.both(({ tables }) => tables[4]?.rename(one.id));
        break;
    }
  }
  for (const key of ['answered', 'done', 'handedOver'] as const) all[key] += pair.fates[key];
  const { plain, native } = pair.said();
  return isDeepStrictEqual(native, plain);
}

const TIGHT = {
  packetsInPerSec: 30,
  bytesInPerSec: 3_000,
  packetsOutPerSec: 20,
  bytesOutPerSec: 5_000,
};
const KINDS: Readonly<Record<string, PairOptions>> = {
  'both families': {},
  'IPv4 alone': { families: [4] },
  'IPv6 alone': { families: [6] },
  'a tight budget': { budget: { ...TIGHT, perSourcePerSec: 10 } },
  'a limit for each source': { budget: { perSourcePerSec: 1 } },
  'a private network': {
    privateNetworks: [prefix4(0xc0a80100, 24), prefix4(0, 0), UNIQUE_LOCAL],
  },
};

t.test('whatever is asked, both say and count the same', async (t) => {
  for (const [name, options] of Object.entries(KINDS)) {
    const all = { answered: 0, done: 0, handedOver: 0 };
    const steps = fc.array(step, { minLength: 1, maxLength: 100, size: 'max' });
    await fc.assert(
      fc.asyncProperty(steps, (list) => agree(options, list, all)),
      { numRuns: RUNS, seed: 11 },
    );
    t.comment(`${name}: ${JSON.stringify(all)}`);
    t.ok(all.answered > RUNS && all.done > RUNS && all.handedOver > RUNS, `${name}: all was met`);
  }
});

t.test('each byte of a question changed, and each end', async (t) => {
  await using pair = new DhtPair();
  const id = new Uint8Array(20).fill(0x41);
  const at: IpPort = { address: ipv4(0x08080808), port: 5 };
  const chance = randomOf(5);
  for (let i = 0; i < 60; i++) {
    const [member, where] = [chance(20), memberAt(i)];
    pair.both(({ tables }) => tables[familyOf(where)]?.answered(member, where, 20, 1));
  }
  const whole = encodeBencode({
    ...{
      a: { id, target: id, want: ['n4', 'n6'] },
      q: 'find_node',
      ro: 1,
      t: 'ab',
      v: 'LT12',
      y: 'q',
    },
  });
  const differing: string[] = [];
  const feed = (bytes: Uint8Array, what: string): void => {
    const { plain, native } = pair.feed(bytes, at);
    if (!isDeepStrictEqual(native, plain)) differing.push(what);
  };
  feed(whole, 'as it is');
  t.same(pair.fates, { answered: 1, done: 0, handedOver: 0 });
  for (let end = 1; end < whole.length; end++) feed(whole.slice(0, end), `cut at ${end}`);
  for (let i = 0; i < whole.length; i++) {
    for (const value of [0, 0x30, 0x31, 0x39, 0x3a, 0x64, 0x65, 0x69, 0x6c, (whole[i] ?? 0) ^ 1]) {
      const bent = whole.slice();
      bent[i] = value;
      feed(bent, `${value} at ${i}`);
    }
  }
  t.same(differing, []);
  t.ok(pair.fates.answered > 300, 'an id may be anything');
  t.ok(pair.fates.handedOver > 500);
});

t.test('who asked is told in order, up to sixty-four, and the rest is counted', async (t) => {
  const chance = randomOf(9);
  const asked: IpPort[] = [];
  const board = new Board({
    ...{ budget: new Budget(BUDGET, 1), salt: 1, verified: new Verified(1) },
    ...{ version: new Uint8Array(4), policy: new AddressPolicy([], () => []) },
    tables: { 4: new NodeTable(4, chance(20), { spread: true }) },
  });
  await using reactor = new Reactor(loadNative());
  const ids: number[] = [];
  const attach = reactor.attach.bind(reactor);
  reactor.attach = (id, sink) => {
    ids.push(id);
    attach(id, sink);
  };
  const opened = new LinuxUdpSockets(reactor).open(
    { address: LOOPBACK, port: 0 },
    { datagram: () => {} },
  );
  if (!opened.ok) throw opened.error;
  board.attach([opened.value]);
  const head = new Uint8Array(20);
  const view = new DataView(head.buffer);
  const ask = (i: number, readOnly: boolean): void => {
    view.setUint32(0, 1_000 + i, true);
    view.setUint32(4, 0x2d000101 + i * 256, true);
    const ro = readOnly ? 1 : undefined;
    const bytes = encodeBencode({ ...{ a: { id: chance(20) }, q: 'ping', ro, t: 'x', y: 'q' } });
    t.ok(reactor.raw.dhtTake(ids[0] ?? 0, bytes, head, 5, new Uint8Array(704)) > 1);
  };
  for (let i = 0; i < 100; i++) ask(i, i % 4 === 3);
  board.takeAskers((_id, from) => asked.push(from));
  t.equal(asked.length, 64);
  t.same(asked[1], { address: 0x2d000201, port: 1_001 });
  t.equal(
    asked.some(({ port }) => port % 4 === 3),
    false,
    'who only asks is nobody for a table',
  );
  t.equal(board.counts.missedAskers, 75 - 64);
  board.takeAskers(() => t.fail('told already'));
  ask(200, false);
  board.takeAskers(({ length }, { port }) => t.same([length, port], [20, 1_200]));
});

t.test(
  'two nodes on sockets learn of each other, and JavaScript sees no common question',
  async (t) => {
    await using reactor = new Reactor(loadNative());
    const clock = new LinuxClock(loadNative());
    let seen = 0;
    const make = (seed: number): { node: DhtNode; at: IpPort } => {
      const opened = new LinuxUdpSockets(reactor).open(
        { address: LOOPBACK, port: 0 },
        {
          datagram: (bytes, from) => {
            if (bytes[bytes.length - 2] === 0x71) seen++;
            node.receive(bytes, from);
          },
          asked: () => {
            node.asked();
          },
        },
      );
      if (!opened.ok) throw opened.error;
      const node = new DhtNode({
        ...{
          clock,
          crypto,
          families: [4],
          readOnly: false,
          random: randomOf(seed),
          budget: BUDGET,
        },
        policy: new AddressPolicy([prefix4(0x7f000000, 8)], () => []),
        send: (bytes, to) => opened.value.send(bytes, to),
      });
      node.attach([opened.value]);
      return { node, at: { address: LOOPBACK, port: opened.value.port } };
    };
    const [one, two] = [make(1), make(2)];
    t.teardown(() => {
      one.node.close();
      two.node.close();
    });
    t.match(await one.node.ping(two.at), { id: two.node.tables[4]?.own });
    t.ok(one.node.tables[4]?.knows(two.at), 'who answered is in');
    // It is asked back, over the queue of those who asked.
    for (let i = 0; i < 1_000 && two.node.tables[4]?.knows(one.at) !== true; i++)
      await new Promise((resolve) => setTimeout(resolve, 20));
    t.ok(two.node.tables[4]?.knows(one.at), 'who asked is in, once it answered');
    t.equal(seen, 0);
    const { queriesAnswered, packetsIn, packetsOut } = two.node.counters;
    t.match(
      { queriesAnswered, packetsIn, packetsOut },
      { queriesAnswered: 1, packetsIn: 2, packetsOut: 2 },
    );
    // A get_peers is JavaScript's, on the same socket.
    const found = new Promise((resolve) => {
      one.node.asker.ask(
        two.at,
        {
          method: 'get_peers',
          infoHash: new Uint8Array(20),
          want: [],
          scrape: false,
          noSeed: false,
        },
        { answered: ({ response }) => resolve(response.token?.length), lost: resolve },
      );
    });
    t.equal(await found, 8);
    t.equal(seen, 1);
  },
);
