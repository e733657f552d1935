/** The server on its journal: what was acknowledged outlives the end of the process, however it ends. */
import t from 'tap';
import { ok } from '../../../src/base/result.ts';
import { LeaseJournal } from '../../../src/services/dhcp-server/journal.ts';
import type { LeaseTable } from '../../../src/services/dhcp-server/lease.ts';
import { DHCP } from '../../../src/wire/dhcp4.ts';
import { FakeDisk } from './fake-disk.ts';
import { Client, ip, Lan, mac, SERVER } from './lan.ts';

const pools = [{ max: ip('192.168.1.109') }];

/** A server whose leases are on `disk`, `afterMs` after the boot. */
async function started(disk: FakeDisk, afterMs = 0): Promise<Lan> {
  const lan = new Lan(async (table: LeaseTable, capacity: number) => {
    const opened = await LeaseJournal.open({
      files: disk,
      paths: ['/a', '/b'],
      clock: lan.clock,
      log: lan.log,
      bootId: '11111111-2222-3333-4444-555555555555',
      random32: () => 7,
      table,
      capacity,
    });
    return opened.ok ? ok(opened.value.journal) : opened;
  });
  lan.clock.advance(afterMs);
  await lan.apply({ pools });
  for (let i = 0; i < 100 && lan.ports.length === 0; i++) await new Promise(setImmediate);
  return lan;
}

/** What comes once the disk is done. */
async function answers(
  lan: Lan,
  ...frames: readonly Uint8Array[]
): Promise<ReturnType<Lan['drain']>> {
  lan.hear(...frames);
  for (let i = 0; i < 20; i++) await new Promise(setImmediate);
  return lan.drain();
}

async function leased(lan: Lan, client: Client): Promise<number | undefined> {
  const [offer] = await answers(lan, client.discover());
  if (offer === undefined) return undefined;
  const [ack] = await answers(lan, client.select(offer.message));
  return ack?.type === DHCP.ACK ? ack.message.yiaddr : undefined;
}

t.test('after a crash everyone has what he was acknowledged, and nobody else has it', async (t) => {
  const disk = new FakeDisk();
  const before = await started(disk);
  const clients = Array.from({ length: 6 }, (_, i) => new Client(mac(i)));
  const had: (number | undefined)[] = [];
  for (const client of clients) had.push(await leased(before, client));
  t.equal(new Set(had).size, 6);
  const released = had[0] ?? SERVER;
  await answers(before, new Client(mac(0)).release(released as typeof SERVER));

  // Nothing is closed: the disk is as the power left it.
  const after = await started(disk.copy(), 1_000_000);
  t.equal(after.service.leaseAt(released as typeof SERVER)?.state, 'free');
  for (const n of [10, 11, 12, 13]) {
    const got = await leased(after, new Client(mac(n)));
    t.notOk(had.slice(1).includes(got), 'a stranger gets another one');
  }
  for (const [i, client] of clients.entries()) {
    if (i === 0) continue;
    const [ack] = await answers(after, client.renew(had[i] as typeof SERVER));
    t.equal(ack?.type, DHCP.ACK, `client ${i} renews`);
  }
  await before.service[Symbol.asyncDispose]();
  await after.service[Symbol.asyncDispose]();
  t.equal(disk.openFiles, 0);
});

t.test('told to end in the middle of a batch, it writes and answers what it took', async (t) => {
  const disk = new FakeDisk();
  const lan = await started(disk);
  const client = new Client(mac(1));
  const [offer] = await answers(lan, client.discover());
  if (offer === undefined) return t.fail('no offer');
  lan.hear(client.select(offer.message));
  const port = lan.port();
  await lan.service[Symbol.asyncDispose]();
  t.equal(port.sent.length, 1);
  const again = await started(disk, 5000);
  t.equal(again.service.leaseAt(offer.message.yiaddr)?.state, 'bound');
  await again.service[Symbol.asyncDispose]();
});
