// needs root: network namespaces
/**
 * The DHT's port is flooded: what leaves stays within the budget, every name is answered, and whoever
 * comes gets an address. How quickly, `make bench BENCH=dht-flood` measures.
 */
import t from 'tap';
import { BUDGET, FloodedHome } from '../lib/dht-flood.ts';
import { noNamespaces } from '../lib/netns.ts';

t.setTimeout(290_000);

const PER_SEC = 50_000;
const SEC = 2;

t.test('a flood at the node of the DHT', { skip: noNamespaces() ?? false }, async (t) => {
  await using house = new FloodedHome('dhtflood');
  await house.start();
  const restored = async () =>
    (await house.router.call('gatehouse.firewall', 'status'))['data'] as { restored: number };
  for (const from of ['wan', 'lan'] as const) {
    const before = await house.arrived();
    const [flood, names, leases] = await Promise.all([
      house.flood(from, PER_SEC, SEC),
      house.ask(200, SEC),
      house.leases(SEC),
    ]);
    t.comment(from, flood, names, leases);
    t.ok(flood.sent >= (PER_SEC * SEC) / 20, `${flood.sent} datagrams`);
    t.equal(flood.uncounted, 0);
    t.ok(names.asked > SEC);
    t.equal(names.answered, names.asked);
    t.ok(leases.acked > 0);
    t.equal(leases.silent, 0);
    const arrived = (await house.arrived()) - before;
    t.ok(arrived <= (flood.sec + 2) * BUDGET.packetsInPerSec, `${arrived} came through`);
    // It may save up for a second.
    const sec = flood.sec + 2;
    t.ok(flood.packets <= sec * BUDGET.packetsOutPerSec, `${flood.packets} packets`);
    t.ok(flood.bytes <= sec * BUDGET.bytesOutPerSec, `${flood.bytes} bytes`);
    t.ok(flood.mostPackets <= 2 * BUDGET.packetsOutPerSec, `${flood.mostPackets} within a second`);
    t.ok(flood.mostBytes <= 2 * BUDGET.bytesOutPerSec, `${flood.mostBytes} bytes within a second`);
    t.ok(flood.packets > 0, 'what it may answer, it does');
  }
  t.match(await restored(), { restored: 0 }, 'a limit in use is no change of the table');
});
