import { randomBytes } from 'node:crypto';
import t from 'tap';
import { ipv4 } from '#src/base/ip.ts';
import type { IpPort } from '#src/base/ip-port.ts';
import { Asker } from '#src/services/dht/asker.ts';
import { Budget } from '#src/services/dht/budget.ts';
import { FakeClock } from '../../lib/clock.ts';

const BUDGET = {
  ...{ packetsInPerSec: 100, packetsOutPerSec: 100, bytesInPerSec: 1e6, bytesOutPerSec: 1e6 },
  ...{ perSourcePerSec: 10, flows: 1 },
};
const node = (i: number): IpPort => ({ address: ipv4(0x2d000000 + i), port: 6881 });

t.test('a query that finds no room is given up in time, and those behind it go', async (t) => {
  const clock = new FakeClock();
  const sent: IpPort[] = [];
  const asker = new Asker({
    ...{ clock, random: (count) => randomBytes(count), budget: new Budget(BUDGET, 1) },
    ...{ version: new Uint8Array(4), readOnly: false, idOf: () => new Uint8Array(20) },
    send: (_bytes, to) => {
      sent.push(to);
      return true;
    },
    ...{ heard: () => {}, silent: () => {} },
  });
  const told: string[] = [];
  const ask = (i: number): void =>
    asker.ask(
      node(i),
      { method: 'ping' },
      {
        answered: () => told.push(`${i} answered`),
        lost: (why) => told.push(`${i} ${why}`),
      },
    );
  ask(1);
  t.equal(sent.length, 1);
  // It would be one endpoint too many, for three minutes.
  ask(2);
  clock.advance(1_000);
  ask(1);
  t.equal(sent.length, 1, 'in its turn');
  clock.advance(3_900);
  t.notOk(told.includes('2 unsent'));
  clock.advance(200);
  t.ok(told.includes('2 unsent'));
  t.same(sent, [node(1), node(1)], 'the one behind it is asked');
  t.equal(asker.counters.refused, 1);
  clock.advance(60_000);
  t.equal(asker.pending, 0);
  t.equal(clock.pending, 0);
});
