import t from 'tap';
import { ipv4 } from '#src/base/ip.ts';
import { formatIpPort } from '#src/base/ip-port.ts';
import { Crawler } from '#src/services/dht/crawler.ts';
import { Follower } from '#src/services/dht/follower.ts';
import { announcementValue } from '#src/wire/update-announcement.ts';
import { MemoryLog } from '../../lib/log.ts';
import { type Member, randomOf, Swarm } from '../../lib/swarm.ts';
import { MemoryStore } from '../../state/memory-store.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);

async function swarmOf(t: { teardown(run: () => void): void }, nodes: number, seed: number) {
  const swarm = new Swarm({ seed });
  t.teardown(() => swarm.close());
  for (let i = 0; i < nodes; i++) swarm.add();
  await swarm.start();
  await swarm.clock.advance(20_000);
  return swarm;
}

t.test(
  'an hour of crawling: packets, endpoints and infohashes stay within the budget',
  async (t) => {
    const swarm = await swarmOf(t, 60, 21);
    const now = (): number => swarm.clock.monoMs();
    for (const [i, { node }] of swarm.members.entries())
      for (let j = 0; j < 30; j++)
        node.peers.announce(
          randomOf(i * 100 + j + 1)(20),
          { address: ipv4(0x2d500001), port: 1 },
          false,
          now(),
        );
    const budget = { packetsOutPerSec: 20, packetsInPerSec: 60, flows: 40 };
    const self = swarm.add({ budget });
    self.node.start([swarm.members[0]?.at[4]].filter((at) => at !== undefined));
    await swarm.clock.advance(20_000);
    const crawler = new Crawler({
      ...{ node: self.node, operations: self.dht, clock: swarm.clock, random: randomOf(9) },
      config: { enable: true, startMin: 0, lengthMin: 1_440, packetsPerSec: 5, maxHashes: 500 },
    });
    const perSec = new Map<number, number>();
    const spoken = new Map<string, number>();
    let mostFlows = 0;
    swarm.watch = (_bytes, from, to) => {
      if (from !== self.at[4]) return;
      const second = Math.floor(now() / 1000);
      perSec.set(second, (perSec.get(second) ?? 0) + 1);
      spoken.set(formatIpPort(to), now());
      if (self.node.flows > mostFlows) mostFlows = self.node.flows;
    };
    crawler.start();
    for (let minute = 0; minute < 60; minute++) {
      await swarm.clock.advance(60_000);
      // Peers are forgotten after half an hour: others announce again.
      const one = swarm.members[minute] as Member;
      one.node.peers.announce(
        randomOf(7_000 + minute)(20),
        { address: ipv4(0x2d500001), port: 1 },
        false,
        now(),
      );
    }
    crawler.stop();
    t.ok(crawler.observed.hashes > 100, `${crawler.observed.hashes} infohashes`);
    t.ok(crawler.observed.hashes <= 500);
    t.ok(
      Math.max(...perSec.values()) <= 40,
      `at most ${Math.max(...perSec.values())} packets in a second`,
    );
    const total = [...perSec.values()].reduce((sum, count) => sum + count, 0);
    t.ok(total <= 20 * 3_600, `${total} packets in the hour`);
    t.ok(mostFlows > 0 && mostFlows <= 40, `at most ${mostFlows} endpoints within three minutes`);
    t.ok(crawler.observed.nodesAsked < 60 * 7, 'nobody is asked before the interval that it named');
  },
);

t.test('it works at its hours, and not at all by default', async (t) => {
  const swarm = await swarmOf(t, 10, 22);
  const self = swarm.members[0] as Member;
  const minute = Math.floor(swarm.clock.wallMs() / 60_000) % 1_440;
  const crawler = new Crawler({
    ...{ node: self.node, operations: self.dht, clock: swarm.clock, random: randomOf(9) },
    config: {
      enable: true,
      startMin: (minute + 30) % 1_440,
      lengthMin: 10,
      packetsPerSec: 5,
      maxHashes: 10,
    },
  });
  crawler.start();
  await swarm.clock.advance(20 * 60_000);
  t.same([crawler.observed.running, crawler.observed.nodesAsked], [false, 0]);
  await swarm.clock.advance(15 * 60_000);
  t.ok(crawler.observed.running && crawler.observed.nodesAsked > 0);
  await swarm.clock.advance(15 * 60_000);
  t.notOk(crawler.observed.running);
  crawler.stop();
});

t.test('announcements: followed, never rolled back, kept over a restart, put again', async (t) => {
  const swarm = await swarmOf(t, 30, 23);
  const [maker, box] = [swarm.members[3] as Member, swarm.members[17] as Member];
  const seed = randomOf(5)(32);
  const salt = bytes('gatehouse');
  const value = (version: string) =>
    announcementValue({
      version,
      url: 'https://example.org/b',
      sha256: new Uint8Array(32).fill(1),
    });
  const key = maker.dht.sign(seed, salt, 1, 1).signed?.key ?? new Uint8Array(0);
  const announcements = { publicKey: Buffer.from(key).toString('hex'), salt: 'gatehouse' };
  const store = new MemoryStore();
  const follow = (): Follower =>
    new Follower({
      ...{ operations: box.dht, clock: swarm.clock, log: new MemoryLog(), store, announcements },
    });
  const publish = (version: string, seq: number) =>
    swarm.clock.until(maker.dht.put(maker.dht.sign(seed, salt, value(version), seq)), 20_000);
  const follower = follow();
  follower.start();
  t.equal(follower.observed, undefined);
  await publish('1.1', 1);
  await swarm.clock.until(follower.look(), 20_000);
  t.match(follower.observed, { seq: 1, version: '1.1', url: 'https://example.org/b' });
  await publish('1.2', 2);
  await swarm.clock.until(follower.look(), 20_000);
  t.match(follower.observed, { seq: 2, version: '1.2' });
  follower.stop();
  // The store writes behind the event loop.
  await swarm.clock.advance(1);

  // Every node that had the newer one is gone; somebody puts the older one again.
  for (const member of swarm.members) member.node.items.tidy(Infinity);
  await publish('1.1', 1);
  const later = follow();
  later.start();
  t.match(later.observed, { seq: 2, version: '1.2' }, 'a restart forgets nothing');
  await swarm.clock.until(later.look(), 20_000);
  t.match(later.observed, { seq: 2, version: '1.2', refused: 1 });
  const other = swarm.members[9] as Member;
  const found = await swarm.clock.until(other.dht.getMutable(key, salt), 20_000);
  t.equal(found?.signed?.seq, 2, 'it was put again, so that others find it');
  later.stop();
  await swarm.clock.advance(1);

  // Signed rightly, but nothing that a box could install.
  await swarm.clock.until(maker.dht.put(maker.dht.sign(seed, salt, bytes('gibberish'), 9)), 20_000);
  const last = follow();
  last.start();
  await swarm.clock.until(last.look(), 20_000);
  t.match(last.observed, { seq: 2, refused: 1 });
  last.stop();
});
