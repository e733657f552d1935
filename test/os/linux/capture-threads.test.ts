/** Packets shared out over threads: what they count together is what one thread counts alone, of the same packets. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import t from 'tap';
import { ipv4 } from '#src/base/ip.ts';
import { ipv6 } from '#src/base/ip6.ts';
import { LinuxCaptureEngine } from '#src/os/linux/capture-engine.ts';
import { loadNative } from '#src/os/linux/native.ts';
import type { CaptureReport, CaptureTorrents } from '#src/os/ports-capture.ts';
import { datagrams } from '../../lib/datagrams.ts';
import { runAlone, sh } from '../../lib/netns.ts';
import { getPeers, HASH } from '../../lib/torrent-packets.ts';
import { until } from '../../lib/until.ts';

const ROWS = { endpoints: 1e4, conversations: 1e4, flows: 1e4, names: 100 };
const engine = new LinuxCaptureEngine(loadNative());
const HOSTS = 40;
const FLOWS = 200;

/** What must not depend on who counted; each ring has a stamp of its own for a packet. */
function counted({ protocols, sizes, bandwidth, tcp, totals, ...report }: CaptureReport) {
  const by = (rows: readonly object[]) =>
    rows.map((row) => JSON.stringify({ ...row, firstSec: 0, lastSec: 0 })).sort();
  return {
    ...{ packets: report.packets, bytes: report.bytes, sizes, tcp, totals },
    approximation: report.approximation,
    protocols: by(protocols),
    endpoints: by(report.endpoints),
    conversations: by(report.conversations),
    flows: by(report.flows),
    names: by(report.names),
    torrents: [by(report.torrents.hosts), by(report.torrents.infoHashes)],
    // A second may begin between two stamps.
    bandwidth: [bandwidth.packets, bandwidth.bytes].map((bins) => bins.reduce((a, b) => a + b, 0)),
  };
}

/** A query of the DHT; one host has several sockets, and says the same of each. */
function wanted(i: number): Uint8Array {
  const hash = Buffer.from(HASH);
  hash[0] = i % HOSTS;
  return getPeers(hash);
}

async function traffic(): Promise<void> {
  const sockets = await Promise.all(
    Array.from({ length: FLOWS }, async (_, i) => {
      const socket = createSocket('udp4');
      socket.bind(0, `127.0.1.${1 + (i % HOSTS)}`);
      await once(socket, 'listening');
      return socket;
    }),
  );
  const sink = createSocket('udp4');
  sink.bind(0, '127.0.0.1');
  await once(sink, 'listening');
  for (let round = 0; round < 10; round++) {
    await Promise.all(
      sockets.map(
        (socket, i) =>
          new Promise((resolve) =>
            socket.send(
              round === 0 ? wanted(i) : Buffer.alloc(10 + i),
              sink.address().port,
              '127.0.0.1',
              resolve,
            ),
          ),
      ),
    );
  }
  for (const socket of [...sockets, sink]) socket.close();
  await datagrams(40, '::1');
}

runAlone(t, 'threads', import.meta.url, () => {
  t.test('as one counts', async (t) => {
    sh('ip', 'link', 'set', 'lo', 'up');
    const ending = new AbortController();
    const wanted = {
      ...{ rows: ROWS, promiscuous: false, ringBytes: 4 << 20 },
      ...{ filter: 'udp', signal: ending.signal },
    };
    const seen: CaptureReport[] = [];
    const started = Array.from({ length: 3 }, () => Promise.withResolvers<void>());
    const listening = [1, 2, 4].map((threads, i) =>
      engine.listen('lo', {
        ...wanted,
        threads,
        onStart: () => started[i]?.resolve(),
        onProgress: (_, report) => seen.push(report(ROWS)),
      }),
    );
    await Promise.all(started.map(({ promise }) => promise));
    await traffic();
    ending.abort();
    const reports = await Promise.all(listening);
    const [one, ...more] = reports.map((found) => {
      if (!found.ok) throw found.error;
      return found.value;
    });
    if (one === undefined) throw new Error('nothing was heard');
    t.equal(one.protocols.find(({ path }) => path === 'eth:ip:udp')?.packets, 10 * FLOWS);
    t.equal(one.totals.endpoints, HOSTS + 2);
    t.equal(one.torrents.infoHashes.length, HOSTS);
    t.equal(one.torrents.hosts.length, HOSTS);
    for (const shared of more) {
      t.same(counted(shared), counted(one));
      t.match(shared.live, { droppedPackets: 0, heardPackets: shared.packets });
    }
  });

  t.test('torrents of the networks that are named alone', async (t) => {
    const ending = new AbortController();
    const eight = { address: ipv4(0x7f000108), prefixLen: 29 };
    const six = { address: ipv6(1n), prefixLen: 128 };
    let now = (): CaptureTorrents | undefined => undefined;
    const over = engine.listen('lo', {
      ...{ rows: ROWS, promiscuous: false, ringBytes: 4 << 20, signal: ending.signal },
      ...{ snapBytes: 640, local: [eight, six] },
      onStart: (live) => {
        now = () => live.torrents();
      },
    });
    await traffic();
    const socket = createSocket('udp6');
    socket.bind(0, '::1');
    await once(socket, 'listening');
    await new Promise((sent) => socket.send(getPeers(HASH), 9, '::1', sent));
    socket.close();
    const seen = await until('IPv6 is heard', () => {
      const torrents = now();
      return torrents?.hosts.some(({ address }) => address === '::1') ? torrents : undefined;
    });
    const eightOf = Array.from({ length: 8 }, (_, i) => `127.0.1.${8 + i}`);
    t.same(seen.hosts.map(({ address }) => address).sort(), [...eightOf, '::1'].sort());
    t.equal(seen.infoHashes.length, 9);
    ending.abort();
    t.match(await over, { ok: true, value: { torrents: { hosts: { length: 9 } } } });
    t.throws(() => now(), /invalid argument/i);
    const wrong = { address: ipv4(0), prefixLen: 33 };
    const wanted = { rows: ROWS, promiscuous: false, ringBytes: 4 << 20, signal: ending.signal };
    t.match(await engine.listen('lo', { ...wanted, local: [wrong] }), {
      error: { code: 'EINVAL' },
    });
  });

  t.test('writing is for one thread', async (t) => {
    const { signal } = new AbortController();
    const wanted = { rows: ROWS, promiscuous: false, ringBytes: 4 << 20, signal, threads: 2 };
    const found = await engine.listen('lo', { ...wanted, write: { path: '/nowhere/x' } });
    t.match(found, { ok: false, error: { code: 'EINVAL', message: /one thread/ } });
    const filtered = await engine.listen('lo', { ...wanted, filter: 'no such thing' });
    t.match(filtered, { ok: false, error: { code: 'EINVAL' } });
  });
});
