// needs root: network namespaces
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { fromHex, toHex } from '#src/base/bytes.ts';
import { formatIpPort } from '#src/base/ip-port.ts';
import type { BencodeValue } from '#src/wire/bencode.ts';
import { BOX4, BOX6, DhtNet, PORT, Talk } from '../lib/dht-net.ts';
import { runAlone } from '../lib/netns.ts';
import { until } from '../lib/until.ts';

t.setTimeout(290_000);

const PEERS = 12;
const FIRST = 10;
const SCRIPT = fileURLToPath(new URL('dht-libtorrent.py', import.meta.url));
const hasLibtorrent = spawnSync('/usr/bin/python3', ['-c', 'import libtorrent']).status === 0;

const text = (value: BencodeValue | undefined): string =>
  value instanceof Uint8Array ? Buffer.from(value).toString() : '';
const hash = (): string => randomBytes(20).toString('hex');
const bytes = (hex: string): Uint8Array => fromHex(hex) ?? new Uint8Array(0);

runAlone(t, 'a swarm of libtorrent', import.meta.url, () => {
  t.test('twelve nodes of libtorrent and one of ours', { skip: !hasLibtorrent }, async (t) => {
    using net = new DhtNet();
    const service = await net.service(t);
    const talk = new Talk(
      net.spawn(t, '/usr/bin/python3', SCRIPT, String(FIRST), String(PEERS), BOX4, BOX6),
    );
    await talk.next();
    const counts = await talk.ask<readonly number[]>('nodes');
    t.ok(Math.min(...counts) >= 3, `all of them know others: ${counts}`);
    const running = service.running;
    if (running === undefined) throw new RangeError('it does not run');
    const { node, operations } = running;
    await until('they are in our tables', () => {
      const [v4, v6] = [node.tables[4], node.tables[6]];
      return (v4?.size ?? 0) >= 6 && (v6?.size ?? 0) >= 6;
    });

    await t.test('peers: theirs found by us, ours by them', async (t) => {
      const [theirs, ours] = [hash(), hash()];
      await talk.ask('announce', 3, theirs, t.testdir({}));
      const found = await until('we find what it announced', async () => {
        const { peers } = await operations.getPeers(bytes(theirs));
        return peers.length > 0 ? peers.map(formatIpPort) : undefined;
      });
      t.ok(
        found.every((at) => at.endsWith(`:${PORT}`)),
        found.join(' '),
      );
      const announced = await operations.announce(bytes(ours), 7002, false);
      t.ok(announced.stored >= 8, `${announced.stored} keep it: ${announced.refusals}`);
      const seen = await talk.ask<readonly (readonly [string, number])[] | null>('peers', 8, ours);
      t.ok(
        seen?.some(([address, port]) => [BOX4, BOX6].includes(address) && port === 7002),
        JSON.stringify(seen),
      );
      const implied = hash();
      const told = await operations.announce(bytes(implied), PORT, false, { implied: true });
      t.ok(told.stored >= 8, `${told.stored} keep it: ${told.refusals}`);
    });

    await t.test('immutable items, both ways', async (t) => {
      const [target, stored] = await talk.ask<readonly [string, number]>('put', 2, 'of libtorrent');
      t.ok(stored > 0);
      t.equal(text((await operations.getImmutable(bytes(target)))?.value), 'of libtorrent');
      const put = await operations.put({ value: Buffer.from('of gatehouse'), signed: undefined });
      t.ok(put.ok && put.value.stored >= 8, JSON.stringify(put));
      const ours = put.ok ? toHex(put.value.target) : '';
      t.equal(await talk.ask('get', 9, ours), 'of gatehouse');
    });

    await t.test('mutable items with salt, both ways', async (t) => {
      const [theirSeed, ourSeed] = [randomBytes(32), randomBytes(32)];
      const salt = Buffer.from('salt');
      const publicOf = (seed: Uint8Array): Uint8Array =>
        operations.sign(seed, undefined, 1, 1).signed?.key ?? new Uint8Array(0);
      const theirs = publicOf(theirSeed);
      const put = await talk.ask<number>(
        ...['put-mutable', 4, toHex(theirSeed), toHex(theirs), 'signed by libtorrent', 'salt'],
      );
      t.ok(put > 0);
      const got = await operations.getMutable(theirs, salt);
      t.equal(text(got?.value), 'signed by libtorrent');
      const item = operations.sign(ourSeed, salt, Buffer.from('signed by gatehouse'), 3);
      const done = await operations.put(item);
      t.ok(done.ok && done.value.stored >= 8, JSON.stringify(done));
      t.equal(
        await talk.ask('get-mutable', 7, toHex(publicOf(ourSeed)), 'salt'),
        'signed by gatehouse',
      );
    });
  });
});
