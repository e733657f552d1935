/** find_node answered per CPU-second of the server, beside a node from npm and one of libtorrent. */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { encodeKrpc } from '../../src/wire/krpc.ts';
import { Talk } from '../lib/dht-net.ts';
import { median } from '../lib/median.ts';
import type { Bench, Comparison } from './run.ts';

const SERVER = fileURLToPath(new URL('dht/server.ts', import.meta.url));
const ROUNDS = 3;
const WINDOW = 64;
const LIBTORRENT = `
import json, sys, time, libtorrent as lt
s = lt.session({"listen_interfaces": "127.0.0.1:0", "enable_dht": True, "enable_lsd": False, "enable_upnp": False,
  "enable_natpmp": False, "dht_bootstrap_nodes": "", "dht_restrict_routing_ips": False, "dht_block_ratelimit": 1000000000,
  "dht_upload_rate_limit": 1000000000, "alert_mask": 0})
time.sleep(1)
print(json.dumps(["ready", s.listen_port()]), flush=True)
for line in sys.stdin:
    print(json.dumps(["ok", time.process_time()]), flush=True)
`;

/** Queries that were answered, and the CPU seconds they took the server. */
async function measure(
  child: ChildProcessWithoutNullStreams,
  queries: number,
): Promise<{ readonly perSec: number; readonly cpuSec: number }> {
  const talk = new Talk(child);
  const [, port] = await talk.next();
  // Answers of the node from npm are too long for sockets of ours.
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4_000_000 });
  let answered = 0;
  let sent = 0;
  let finished = (): void => {};
  const whole = new Promise<void>((resolve) => {
    finished = resolve;
  });
  const id = randomBytes(20);
  const next = (): void => {
    if (sent >= queries) return;
    sent++;
    const target = randomBytes(20);
    const bytes = encodeKrpc({
      ...{ type: 'query', transaction: Uint8Array.of(sent >> 8, sent), id, readOnly: false },
      query: { method: 'find_node', target, want: [] },
    });
    socket.send(bytes, Number(port), '127.0.0.1');
  };
  socket.on('message', (bytes) => {
    // Whether we are a node, too, is asked besides.
    if (bytes[bytes.length - 2] !== 0x72) return;
    answered++;
    if (answered >= queries) finished();
    else next();
  });
  // A datagram that was lost shall not end the window.
  const stalled = setInterval(next, 20);
  const before = await talk.ask<number>('cpu');
  for (let i = 0; i < WINDOW; i++) next();
  await Promise.race([whole, new Promise((resolve) => setTimeout(resolve, 15_000))]);
  clearInterval(stalled);
  const cpuSec = (await talk.ask<number>('cpu')) - before;
  socket.close();
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
  return { perSec: answered / cpuSec, cpuSec };
}

const node = (which: string): ChildProcessWithoutNullStreams =>
  spawn(process.execPath, [SERVER, which]);

const hasLibtorrent = (): boolean =>
  spawnSync('/usr/bin/python3', ['-c', 'import libtorrent']).status === 0;

export const bench: Bench = {
  name: 'dht',
  async run(): Promise<Comparison[]> {
    const peers = [
      { name: 'bittorrent-dht', start: () => node('npm'), queries: 10_000 },
      ...(hasLibtorrent()
        ? [
            {
              name: 'libtorrent (empty table)',
              start: () => spawn('/usr/bin/python3', ['-c', LIBTORRENT]),
              queries: 40_000,
            },
          ]
        : []),
    ];
    const rows: Comparison[] = [];
    for (const peer of peers) {
      const [ours, theirs] = [[], []] as [
        { readonly perSec: number; readonly cpuSec: number }[],
        { readonly perSec: number; readonly cpuSec: number }[],
      ];
      for (let round = 0; round < ROUNDS; round++) {
        ours.push(await measure(node('ours'), 40_000));
        theirs.push(await measure(peer.start(), peer.queries));
      }
      rows.push({
        ...{ name: `find_node, ${peer.name}`, unit: 'answers per CPU-second' },
        ours: median(ours.map(({ perSec }) => perSec)),
        peer: median(theirs.map(({ perSec }) => perSec)),
        ...{ peerName: peer.name, higherIsBetter: true },
        oursCpuSec: median(ours.map(({ cpuSec }) => cpuSec)),
        peerCpuSec: median(theirs.map(({ cpuSec }) => cpuSec)),
        note: '200 nodes in the table, one client, window 64',
      });
    }
    return rows;
  },
};
