/** A DHT node that answers find_node on 127.0.0.1, ours or one from npm, with 200 nodes in its table; tells its CPU seconds when asked. */
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { Client } from 'bittorrent-dht';
import { ipv4, prefixLen } from '../../../src/base/ip.ts';
import { LinuxClock } from '../../../src/os/linux/clock.ts';
import { digests } from '../../../src/os/linux/digests.ts';
import { ed25519 } from '../../../src/os/linux/ed25519.ts';
import { loadNative, Reactor } from '../../../src/os/linux/native.ts';
import { LinuxUdpSockets } from '../../../src/os/linux/udp.ts';
import type { UdpSocket } from '../../../src/os/ports-udp.ts';
import { AddressPolicy } from '../../../src/services/dht/address-policy.ts';
import { DhtNode } from '../../../src/services/dht/node.ts';

const NODES = 200;
const LOOPBACK = ipv4(0x7f000001);

function ours(): number {
  const native = loadNative();
  const clock = new LinuxClock(native);
  let socket: UdpSocket | undefined;
  const len = prefixLen(8);
  const node = new DhtNode({
    ...{ clock, random: (count) => randomBytes(count), crypto: { sha1: digests.sha1, ...ed25519 } },
    ...{ families: [4], readOnly: false },
    policy: new AddressPolicy(
      len === undefined ? [] : [{ address: ipv4(0x7f000000), prefixLen: len }],
      () => [],
    ),
    budget: {
      ...{ packetsInPerSec: 1e9, packetsOutPerSec: 1e9, bytesInPerSec: 1e12, bytesOutPerSec: 1e12 },
      ...{ perSourcePerSec: 0, flows: 1e6 },
    },
    send: (bytes, to) => socket?.send(bytes, to) ?? false,
  });
  const opened = new LinuxUdpSockets(new Reactor(native, { leads: true })).open(
    { address: LOOPBACK, port: 0 },
    { datagram: (bytes, from) => node.receive(bytes, from), asked: () => node.asked() },
  );
  if (!opened.ok) throw opened.error;
  socket = opened.value;
  node.attach([socket]);
  for (let i = 0; (node.tables[4]?.size ?? 0) < NODES && i < 100_000; i++) {
    const id = new Uint8Array(randomBytes(20));
    // As many nodes as there are, so many buckets would be full.
    const own = node.tables[4]?.own ?? id;
    for (let bit = 0; bit < i % 26; bit++) {
      const mask = 0x80 >> (bit & 7);
      id[bit >> 3] = ((id[bit >> 3] ?? 0) & ~mask) | ((own[bit >> 3] ?? 0) & mask);
    }
    node.tables[4]?.answered(id, { address: ipv4(0x7f010000 + i), port: 1 + (i % 60_000) }, 10, 1);
  }
  return opened.value.port;
}

async function npm(): Promise<number> {
  const dht = new Client({ bootstrap: false });
  await new Promise<void>((resolve) => dht.listen(0, '127.0.0.1', resolve));
  for (let i = 0; i < NODES; i++)
    dht.addNode({ host: `127.1.0.${i}`, port: 1 + i, id: randomBytes(20) });
  return dht.address().port;
}

const port = process.argv[2] === 'npm' ? await npm() : ours();
process.stdout.write(`${JSON.stringify(['ready', port])}\n`);
for await (const _line of createInterface({ input: process.stdin })) {
  const { user, system } = process.cpuUsage();
  process.stdout.write(`${JSON.stringify(['ok', (user + system) / 1e6])}\n`);
}
