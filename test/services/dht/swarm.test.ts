import t from 'tap';
import type { Step } from '#src/services/dht/operations.ts';
import { crypto, type Member, Swarm } from '../../lib/swarm.ts';

/** Small enough for every run; a thousand were tried the same way. */
const NODES = 200;

const member = (swarm: Swarm, index: number): Member => {
  const found = swarm.members[index % swarm.members.length];
  if (found === undefined) throw new RangeError(`no member ${index}`);
  return found;
};

t.test(
  'a swarm: every look-up succeeds, and still finds peers when half of it is gone',
  async (t) => {
    const swarm = new Swarm({ seed: 3, rttMs: 50 });
    t.teardown(() => swarm.close());
    for (let i = 0; i < NODES; i++) swarm.add();
    await swarm.start();
    await swarm.clock.advance(20_000);

    const hashes = Array.from({ length: 30 }, (_, i) => crypto.sha1(Buffer.from(`torrent ${i}`)));
    for (const [i, hash] of hashes.entries()) {
      const announcer = member(swarm, i * 37);
      const done = await swarm.clock.until(
        announcer.dht.announce(hash, 7000 + i, i % 2 === 0),
        20_000,
      );
      t.equal(done.stored, 8, 'the eight closest keep it');
    }
    for (const [i, hash] of hashes.entries()) {
      const found = await swarm.clock.until(member(swarm, i * 53 + 11).dht.getPeers(hash), 20_000);
      t.same(
        found.peers,
        [{ address: member(swarm, i * 37).at[4]?.address, port: 7000 + i }],
        `peers of ${i}`,
      );
    }

    swarm.loss = 0.1;
    for (const one of swarm.members) one.dead = (swarm.random(1)[0] ?? 0) < 131;
    const firstMs: number[] = [];
    for (let i = 0; i < 150; i++) {
      const asker = member(swarm, i * 53 + 11);
      const hash = hashes[i % hashes.length] ?? new Uint8Array(20);
      const kept = swarm.members.some(
        ({ dead, node }) =>
          !dead && node.peers.peersOf(hash, 4, false, 1, swarm.clock.monoMs()).length > 0,
      );
      if (asker.dead || !kept) continue;
      const start = swarm.clock.monoMs();
      let first: number | undefined;
      const progress = ({ peers }: Step): void => {
        if (peers > 0) first ??= swarm.clock.monoMs() - start;
      };
      await swarm.clock.until(asker.dht.getPeers(hash, { progress }), 20_000);
      firstMs.push(first ?? Infinity);
    }
    firstMs.sort((a, b) => a - b);
    const p95 = firstMs[Math.floor(firstMs.length * 0.95)] ?? Infinity;
    t.comment(`${firstMs.length} look-ups, first peer at p95 after ${p95} ms of simulated time`);
    t.ok(
      p95 <= 300,
      'with 51 % dead and 10 % loss, at round trips of 50 ms; what is not found counts as never',
    );
  },
);

t.test('a node costs at most 64 bytes in the table, of either family', async (t) => {
  const swarm = new Swarm({ seed: 5 });
  t.teardown(() => swarm.close());
  for (let i = 0; i < 40; i++) swarm.add({ families: [4, 6] });
  await swarm.start();
  await swarm.clock.advance(30_000);
  for (const family of [4, 6] as const) {
    const table = member(swarm, 7).node.tables[family];
    const nodes = (table?.size ?? 0) + (table?.spares ?? 0);
    t.ok(nodes > 20, `${nodes} nodes of IPv${family} are known`);
    // Room is made for 64 at a time.
    const each = (table?.bytes ?? 0) / Math.ceil(nodes / 64) / 64;
    t.ok(each <= 64, `${each} bytes each`);
  }
  const hash = crypto.sha1(Buffer.from('both families'));
  await swarm.clock.until(
    member(swarm, 3).dht.announce(hash, 7000, false, { implied: true }),
    20_000,
  );
  const found = await swarm.clock.until(member(swarm, 30).dht.getPeers(hash), 20_000);
  t.same(
    found.peers.map(({ address }) => typeof address).sort(),
    ['bigint', 'number'],
    'found over both families',
  );
});

t.test('IPv6 is learnt from IPv4 (BEP 32)', async (t) => {
  const swarm = new Swarm({ seed: 6 });
  t.teardown(() => swarm.close());
  for (let i = 0; i < 20; i++) swarm.add({ families: [4, 6] });
  await swarm.start();
  const late = swarm.add({ families: [4, 6] });
  const known = member(swarm, 0).at[4];
  late.node.start(known === undefined ? [] : [known]);
  await swarm.clock.advance(60_000);
  t.ok((late.node.tables[6]?.size ?? 0) > 3, 'though only an IPv4 address was known');
});

t.test('a look-up tells how far it is, and ends with what it has when it is told to', async (t) => {
  const swarm = new Swarm({ seed: 5, rttMs: 50 });
  t.teardown(() => swarm.close());
  for (let i = 0; i < 60; i++) swarm.add();
  await swarm.start();
  await swarm.clock.advance(20_000);
  const target = crypto.sha1(Buffer.from('somewhere'));
  const asker = member(swarm, 1);
  const steps: Step[] = [];
  const whole = await swarm.clock.until(
    asker.dht.findNode(target, { progress: (step) => steps.push(step) }),
    20_000,
  );
  const last = steps.at(-1);
  t.match(last, { asked: whole[0]?.asked, peers: 0 });
  t.ok((last?.answered ?? 0) >= 8);
  const bits = steps.map(({ sharedBits }) => sharedBits ?? -1);
  t.same(
    bits,
    bits.toSorted((a, b) => a - b),
    'it comes ever closer',
  );
  t.ok((last?.sharedBits ?? 0) >= 3, `${last?.sharedBits} bits of it`);

  const stop = new AbortController();
  const { signal } = stop;
  const early = asker.dht.announce(target, 7000, false, {
    signal,
    progress: ({ answered }) => {
      if (answered === 2) stop.abort();
    },
  });
  const { stored, searches } = await swarm.clock.until(early, 20_000);
  t.equal(stored, 0, 'nobody is told any more');
  t.equal(searches[0]?.answered, 2);
  t.equal(searches[0]?.closest.length, 2, 'what was found till then');
  t.equal(asker.node.searcher.running, 0);
});
