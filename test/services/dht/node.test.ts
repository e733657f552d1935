import t from 'tap';
import { ipv4 } from '#src/base/ip.ts';
import type { IpPort } from '#src/base/ip-port.ts';
import { type BencodeDictionary, decodeBencode } from '#src/wire/bencode.ts';
import { type Bencodable, encodeBencode } from '#src/wire/bencode-writer.ts';
import { isSecureId } from '#src/wire/dht-id.ts';
import { type Member, Swarm } from '../../lib/swarm.ts';

const id = new Uint8Array(20).fill(7);
const STRANGER: IpPort = { address: ipv4(0x2e010101), port: 5000 };

/** A member alone, and what it says to a stranger. */
function alone(options: Parameters<Swarm['add']>[0] = {}) {
  const swarm = new Swarm();
  const member = swarm.add(options);
  member.node.start([]);
  const said: Uint8Array[] = [];
  swarm.watch = (bytes, _from, to) => {
    if (to.address === STRANGER.address) said.push(bytes.slice());
  };
  const ask = (message: Bencodable, from: IpPort = STRANGER): BencodeDictionary | undefined => {
    said.length = 0;
    member.node.receive(encodeBencode(message), from);
    const first = said
      .map((bytes) => decodeBencode(bytes))
      .map((read) => (read.ok ? (read.value as BencodeDictionary) : undefined))
      .find((read) => Buffer.from(read?.get('y') as Uint8Array).toString() !== 'q');
    return first;
  };
  return { swarm, member, ask, said };
}

const query = (q: string, a: Readonly<Record<string, Bencodable>>): Record<string, Bencodable> => ({
  ...{ a: { id, ...a }, q, t: 'xy', y: 'q' },
});

const codeOf = (answer: BencodeDictionary | undefined): unknown =>
  (answer?.get('e') as readonly unknown[] | undefined)?.[0];

const METHODS: Readonly<Record<string, Readonly<Record<string, Bencodable>>>> = {
  ping: {},
  find_node: { target: id, want: ['n4', 'n6'] },
  get_peers: { info_hash: id, noseed: 1, scrape: 1, want: ['n4'] },
  announce_peer: { info_hash: id, token: id, port: 6881, implied_port: 1, seed: 1 },
  get: { target: id, seq: 1, want: ['n4'] },
  put: {
    ...{ token: id, v: 'x', k: new Uint8Array(32), sig: new Uint8Array(64), seq: 1 },
    ...{ salt: 'salt', cas: 1 },
  },
  sample_infohashes: { target: id, want: ['n4'] },
};

t.test('every field of every query with the wrong type is error 203', async (t) => {
  const { ask, member } = alone();
  for (const [method, fields] of Object.entries(METHODS)) {
    for (const name of ['id', ...Object.keys(fields)]) {
      // The value of an item may be of any type.
      if (name === 'v') continue;
      for (const wrong of [-1, 'short', [1], new Map([['a', 1]])] satisfies Bencodable[]) {
        const right = typeof fields[name];
        if (name === 'want' && Array.isArray(wrong)) continue;
        if (name === 'salt' && typeof wrong === 'string') continue;
        if (name === 'token' && typeof wrong === 'string') continue;
        const broken = query(method, { ...fields, [name]: wrong });
        t.equal(codeOf(ask(broken)), 203, `${method} ${name} ${right} as ${JSON.stringify(wrong)}`);
      }
    }
  }
  t.equal(codeOf(ask(query('no_such_method', {}))), 204);
  t.equal(codeOf(ask(query('announce_peer', METHODS['announce_peer'] ?? {}))), 203, 'a bad token');
  member.node.close();
});

t.test('an answer to a stranger is at most three times the question', async (t) => {
  const swarm = new Swarm({ seed: 2 });
  t.teardown(() => swarm.close());
  for (let i = 0; i < 30; i++) swarm.add({ families: [4, 6] });
  await swarm.start();
  await swarm.clock.advance(20_000);
  const member = swarm.members[5] as Member;
  for (let i = 0; i < 60; i++)
    member.node.peers.announce(
      id,
      { address: ipv4(0x2d640001 + i), port: 80 },
      i > 3,
      swarm.clock.monoMs(),
    );
  for (const [method, fields] of Object.entries(METHODS)) {
    const bytes = encodeBencode(query(method, fields));
    let out = 0;
    swarm.watch = (answer, _from, to) => {
      const read = decodeBencode(answer);
      const kind = read.ok ? ((read.value as BencodeDictionary).get('y') as Uint8Array) : id;
      // Whether the stranger is there is asked besides.
      if (to.address === STRANGER.address && kind[0] !== 0x71) out += answer.length;
    };
    member.node.receive(bytes, STRANGER);
    t.ok(out > 0 && out <= 3 * bytes.length, `${method}: ${bytes.length} in, ${out} out`);
  }
});

t.test('whatever arrives, no more goes out than the budget', async (t) => {
  const budget = {
    packetsOutPerSec: 50,
    bytesOutPerSec: 5_000,
    packetsInPerSec: 500,
    bytesInPerSec: 50_000,
  };
  const { swarm, member } = alone({ budget });
  let [packets, bytes] = [0, 0];
  swarm.watch = (datagram, from) => {
    if (from !== member.at[4]) return;
    packets++;
    bytes += datagram.length + 28;
  };
  const SECONDS = 10;
  for (let ms = 0; ms < SECONDS * 1000; ms++) {
    await swarm.clock.advance(1);
    for (let i = 0; i < 50; i++) {
      const from = { address: ipv4(0x2d000001 + ((ms * 50 + i) % 60_000) * 256), port: 1024 + i };
      member.node.receive(encodeBencode(query('find_node', { target: id })), from);
    }
  }
  t.ok(packets > 50 * SECONDS * 0.5, 'what may be answered is');
  t.ok(packets <= 50 * (SECONDS + 1), `${packets} packets in ${SECONDS} s`);
  t.ok(bytes <= 5_000 * (SECONDS + 1), `${bytes} bytes`);
  t.ok(member.node.counters.droppedBudget > 400_000);
  member.node.close();
});

t.test('one address does not get the answers of all', async (t) => {
  const { ask, member } = alone({ budget: { perSourcePerSec: 5 } });
  let answered = 0;
  for (let i = 0; i < 200; i++) if (ask(query('ping', {})) !== undefined) answered++;
  t.equal(answered, 50, 'five a second, counted over ten');
  member.node.close();
});

t.test('nobody is talked to whose address is not on the internet', async (t) => {
  const { swarm, member } = alone();
  let sent = 0;
  swarm.watch = () => sent++;
  for (const address of [
    0x7f000001, 0x0a000001, 0xc0a80101, 0xac100001, 0xa9fe0001, 0xe0000001, 0x64400001, 0,
  ])
    member.node.receive(encodeBencode(query('ping', {})), { address: ipv4(address), port: 6881 });
  member.node.receive(encodeBencode(query('ping', {})), { ...STRANGER, port: 0 });
  t.equal(sent, 0);
  t.equal(member.node.counters.droppedAddress, 9);
  t.equal(await member.node.ping({ address: ipv4(0x7f000001), port: 1 }), undefined);
  member.node.close();
});

t.test(
  'an answer counts only from where it was asked, with its transaction, and once',
  async (t) => {
    const { swarm, member } = alone();
    let asked: BencodeDictionary | undefined;
    swarm.watch = (bytes) => {
      const read = decodeBencode(bytes);
      asked = read.ok ? (read.value as BencodeDictionary) : undefined;
    };
    const pinged = member.node.ping(STRANGER);
    const answer = encodeBencode({ r: { id }, t: asked?.get('t') as Uint8Array, y: 'r' });
    member.node.receive(answer, { ...STRANGER, port: 5001 });
    member.node.receive(encodeBencode({ r: { id }, t: 'nope', y: 'r' }), STRANGER);
    t.equal(member.node.asker.counters.stray, 2);
    t.equal(member.node.tables[4]?.size, 0);
    member.node.receive(answer, STRANGER);
    t.same((await pinged)?.id, id);
    t.equal(member.node.tables[4]?.size, 1, 'it answered, so it is in');
    member.node.receive(answer, STRANGER);
    t.equal(member.node.asker.counters.stray, 3);
    member.node.close();
  },
);

t.test(
  'who only asks is not asked back (BEP 43), and a read-only node answers nobody',
  async (t) => {
    const { said, member, ask } = alone();
    ask({ ...query('ping', {}), ro: 1 });
    t.equal(said.length, 1, 'the answer alone');
    member.node.close();
    const quiet = alone({ readOnly: true });
    t.equal(quiet.ask(query('ping', {})), undefined);
    quiet.member.node.close();
  },
);

t.test('the tables outlast a restart: the id stays, the nodes are asked first', async (t) => {
  const swarm = new Swarm({ seed: 4 });
  t.teardown(() => swarm.close());
  for (let i = 0; i < 20; i++) swarm.add({ families: [4, 6] });
  await swarm.start();
  await swarm.clock.advance(30_000);
  const [first, again] = [swarm.members[3] as Member, swarm.add({ families: [4, 6] })];
  const saved = first.node.save();
  const known = (first.node.tables[4]?.size ?? 0) + (first.node.tables[6]?.size ?? 0);
  t.ok(saved.length <= 64 * known + 64, `${saved.length} bytes for ${known} nodes`);
  again.node.start([], saved);
  t.same(again.node.tables[4]?.own, first.node.tables[4]?.own);
  t.equal(again.node.tables[4]?.size, 0);
  first.dead = true;
  await swarm.clock.advance(30_000);
  t.ok((again.node.tables[4]?.size ?? 0) > 5);
  t.ok((again.node.tables[6]?.size ?? 0) > 5);
  const damaged = saved.subarray(0, saved.length - 1);
  const fresh = swarm.add();
  fresh.node.start([], damaged);
  t.notSame(
    fresh.node.tables[4]?.own,
    first.node.tables[4]?.own,
    'damaged: as if nothing was kept',
  );
});

t.test('the id becomes one for the address that others see (BEP 42)', async (t) => {
  const swarm = new Swarm({ seed: 12 });
  t.teardown(() => swarm.close());
  for (let i = 0; i < 20; i++) swarm.add();
  await swarm.start();
  await swarm.clock.advance(60_000);
  for (const { node, at } of swarm.members.slice(0, 5)) {
    const own = node.tables[4]?.own ?? id;
    t.ok(at[4] !== undefined && isSecureId(own, at[4].address));
  }
});

t.test(
  'samples of what is announced, the same for everybody until the interval is over (BEP 51)',
  async (t) => {
    const swarm = new Swarm({ seed: 13 });
    t.teardown(() => swarm.close());
    for (let i = 0; i < 3; i++) swarm.add();
    await swarm.start();
    const [a, b] = [swarm.members[0] as Member, swarm.members[1] as Member];
    for (let i = 0; i < 30; i++)
      a.node.peers.announce(
        id.map((_, j) => i + j),
        STRANGER,
        false,
        swarm.clock.monoMs(),
      );
    const to = a.at[4] as IpPort;
    // They know one another, so answers may be longer than three questions.
    await swarm.clock.until(Promise.all([a, b].map(({ dht }) => dht.findNode(id))), 20_000);
    const first = await swarm.clock.until(b.dht.sample(to, id), 5_000);
    t.equal(first?.hashes.length, 20);
    t.equal(first?.num, 30);
    const second = await swarm.clock.until(b.dht.sample(to, id), 5_000);
    t.same(second?.hashes, first?.hashes);
    t.ok((second?.intervalSec ?? 0) > 500);
  },
);
