/** History, differences, return, and the change that undoes itself unless it is confirmed. */
import t from 'tap';
import { KEPT_CHANGES } from '../../src/control/history.ts';
import { layDownInitial } from '../../src/tr181/initial.ts';
import { type Box, must, router, start } from '../lib/box.ts';
import { FakeClock } from '../lib/clock.ts';
import { messages, ORIGIN, record, settled } from '../tr181/fixture.ts';

const LAN = 'Device.IP.Interface.2.IPv4Address.1.IPAddress';
const CODE = 'Device.DeviceInfo.ProvisioningCode';
const USERS = 'Device.Users.User.';
const PASSPHRASE = 'three words here';

/** What is in the store but for revision, history and numbers that were given out. */
const configuration = ({ store }: Box): string =>
  [...store.data]
    .filter(([key]) => /^tr181\/[pi]\//.test(key))
    .map(([key, value]) => `${key}=${new TextDecoder().decode(value)}`)
    .sort()
    .join('\n');

t.test('every change is kept with who, when and how, newest first', async (t) => {
  const box = await router();
  box.clock.advance(5000);
  t.equal(await box.set(LAN, '192.168.7.1'), 'done');
  const [last, first] = box.config.history();
  t.match(last, {
    revision: 2,
    time: '2026-01-01T00:00:05.000Z',
    user: 'test',
    via: 'cli',
    address: 'pid 1',
    added: [],
    removed: [],
    changes: [{ path: LAN, old: '192.168.1.1', new: '192.168.7.1' }],
  });
  t.match(first, { revision: 1, user: 'gatehouse', via: 'config' });
  t.ok(first?.added.includes('Device.DHCPv4.Client.1.'));
  t.equal(await box.set(LAN, '192.168.7.1'), 'done');
  t.equal(box.config.history().length, 2, 'what changes nothing is no change');
  t.same(start(box.store).config.history(), box.config.history(), 'over a restart, too');
});

t.test('the last twenty, and no more in the store', async (t) => {
  const box = await router();
  for (let i = 0; i < KEPT_CHANGES + 5; i++) await box.set(CODE, `code ${i}`);
  t.equal(box.config.history().length, KEPT_CHANGES);
  t.equal([...box.store.entries('history/e/')].length, KEPT_CHANGES);
  const oldest = box.config.history().at(-1)?.revision ?? 0;
  t.equal(oldest, 7);
  const gone = await box.config.restore(5, ORIGIN);
  t.match(gone.ok || messages(gone.error), /there is no configuration 5; there are 6 to 26/);
  must(await box.config.restore(6, ORIGIN));
  t.equal(box.get(CODE), 'code 4');
});

t.test('a change that the disk refuses is not in the history either', async (t) => {
  const box = await router();
  box.store.failing = 'ENOSPC';
  t.match(await box.set(CODE, 'x', 60), /nothing was changed/);
  box.store.failing = undefined;
  t.equal(box.config.history().length, 1);
  t.equal(box.config.pending, undefined);
  t.equal(box.clock.pending, 0);
});

t.test('differences between any two, either way', async (t) => {
  const box = await router();
  await box.set(CODE, 'one');
  await box.set(LAN, '192.168.7.1');
  await box.set(CODE, 'two');
  const added = must(
    await box.model.add('Device.DNS.Client.Server.', { DNSServer: '9.9.9.9' }, ORIGIN),
  );
  await box.set(LAN, '192.168.1.1');
  const diff = (from: number, to: number) => {
    const found = box.config.diff(from, to);
    if (!found.ok) throw new Error(found.error);
    return found.value;
  };
  t.same(diff(1, 6), {
    added: [added.path],
    removed: [],
    changes: [
      { path: CODE, old: null, new: 'two' },
      { path: `${added.path}Alias`, old: null, new: `cpe-${added.instance}` },
      { path: `${added.path}DNSServer`, old: null, new: '9.9.9.9' },
    ].sort((a, b) => (a.path === CODE ? -1 : a.path < b.path ? 1 : -1)),
  });
  t.same(diff(6, 2).removed, [added.path]);
  t.same(
    diff(6, 2).changes.find(({ path }) => path === CODE),
    { path: CODE, old: 'two', new: 'one' },
  );
  t.same(diff(3, 3), { added: [], removed: [], changes: [] });
  for (const [from, to] of [
    [0, 2],
    [1, 7],
    [1.5, 2],
  ] as const) {
    t.notOk(box.config.diff(from, to).ok, `${from} to ${to}`);
  }
});

t.test('a return brings back rows under their numbers, and is a change itself', async (t) => {
  const box = await router();
  const before = configuration(box);
  must(await box.model.del(['Device.DHCPv4.Client.1.'], ORIGIN));
  await box.set(LAN, '10.9.8.7');
  must(await box.model.add('Device.DNS.Client.Server.', { DNSServer: '9.9.9.9' }, ORIGIN));
  await box.set('Device.DNS.Client.Enable', 'false');
  const seen = record(box.model, 'Device.');
  box.audit.length = 0;
  const done = must(await box.config.restore(1, ORIGIN));
  t.equal(configuration(box), before);
  t.equal(done.revision, 6, 'forward, not back');
  t.match(box.config.history()[0], { revision: 6, user: 'test', removed: [/Server/] });
  await settled();
  t.ok(seen.includes('added Device.DHCPv4.Client.1.'));
  t.ok(seen.includes(`${LAN}=192.168.1.1`));
  t.ok(seen.includes('Device.DNS.Client.Enable=true'), 'to a default, too');
  t.match(
    box.audit.find(({ path }) => path === LAN),
    { op: 'set', old: '10.9.8.7', new: '192.168.1.1', origin: ORIGIN },
  );
  t.ok(box.audit.some(({ op, path }) => op === 'del' && path.includes('Server')));
  must(await box.config.restore(5, ORIGIN));
  t.equal(box.get(LAN), '10.9.8.7', 'and there and back again');
  t.equal(box.get('Device.DHCPv4.ClientNumberOfEntries'), '0');
  const again = start(box.store);
  t.equal(again.get(LAN), '10.9.8.7');
});

t.test('accounts stay as they are, and their secrets leave by no way', async (t) => {
  const box = await router();
  const admin = { Enable: 'true', Username: 'admin', X_GATEHOUSE_Role: 'Administrator' };
  must(await box.model.add(USERS, { ...admin, Password: PASSPHRASE }, ORIGIN));
  const hash = box.rows.values(`${USERS}1.`)?.get('Password') ?? '';
  await box.set(`${USERS}1.Password`, 'another good one');
  t.match(box.config.history()[0]?.changes, [
    { path: `${USERS}1.Password`, old: null, new: null, secret: true },
  ]);
  t.notOk(JSON.stringify(box.config.history()).includes('argon2id'));
  const kept = [...box.store.entries('history/')].map(([, v]) => new TextDecoder().decode(v));
  t.notOk(kept.join('').includes('argon2id'), 'nor is it kept a second time');
  const now = box.rows.values(`${USERS}1.`)?.get('Password');
  must(await box.config.restore(1, ORIGIN));
  t.equal(box.rows.values(`${USERS}1.`)?.get('Password'), now);
  t.not(now, hash);
});

t.test('what is not confirmed undoes itself', async (t) => {
  const box = await router();
  const told: unknown[] = [];
  box.config.onPending((pending) => told.push(pending?.remainingMs));
  t.equal(await box.set(LAN, '10.0.0.1', 60), 'done');
  const { pending } = box.config;
  t.match(pending, {
    token: /^[0-9a-f]{32}$/,
    revision: 2,
    user: 'test',
    via: 'cli',
    remainingMs: 60_000,
    deadlineMs: box.clock.wallMs() + 60_000,
  });
  box.clock.advance(59_999);
  await settled();
  t.equal(box.get(LAN), '10.0.0.1');
  t.equal(box.config.pending?.remainingMs, 1);
  box.clock.advance(1);
  await settled();
  t.equal(box.get(LAN), '192.168.1.1');
  t.equal(box.config.pending, undefined);
  t.match(box.config.history()[0], { revision: 3, user: 'gatehouse', via: 'config' });
  t.equal(box.store.get('history/pending'), undefined);
  t.equal(box.clock.pending, 0, 'no timer is left');
  t.same(told, [60_000, undefined]);
});

t.test('what is confirmed stays', async (t) => {
  const box = await router();
  await box.set(LAN, '10.0.0.1', 60);
  const token = box.config.pending?.token;
  t.match(await box.config.confirm('0'.repeat(32), ORIGIN), { ok: false, error: /another change/ });
  box.store.failing = 'EIO';
  t.match(await box.config.confirm(token, ORIGIN), { ok: false, error: /still waits/ });
  box.store.failing = undefined;
  t.ok(box.config.pending, 'a confirmation that is not on disk is none');
  t.ok((await box.config.confirm(token, ORIGIN)).ok);
  t.same(box.confirmed, ['confirm by test']);
  box.clock.advance(3_600_000);
  await settled();
  t.equal(box.get(LAN), '10.0.0.1');
  t.match(await box.config.confirm(token, ORIGIN), { ok: false, error: /no change waits/ });
  t.match(await box.config.rollback(ORIGIN), { ok: false, error: /no change waits/ });
  const next = start(box.store);
  await next.config.recover();
  t.equal(next.get(LAN), '10.0.0.1');
});

t.test('one at a time, and nothing else meanwhile', async (t) => {
  const box = await router();
  for (const bad of [0, -1, 1.5, 3601, Number.NaN]) {
    t.match(await box.set(LAN, '10.0.0.1', bad), /1 to 3600 seconds/, `${bad}`);
  }
  await box.set(LAN, '10.0.0.1', 60);
  t.match(await box.set(LAN, '10.0.0.2', 60), /waits to be confirmed/);
  t.match(await box.set(CODE, 'x'), /waits to be confirmed/);
  const add = await box.model.add('Device.DNS.Client.Server.', {}, ORIGIN);
  const del = await box.model.del(['Device.DHCPv4.Client.1.'], ORIGIN);
  const restore = await box.config.restore(1, ORIGIN);
  for (const refused of [add, del, restore]) t.match(refused, { ok: false });
  t.ok((await box.config.rollback({ ...ORIGIN, user: 'ann' })).ok);
  t.equal(box.get(LAN), '192.168.1.1');
  t.match(box.config.history()[0], { user: 'ann' });
  t.same(box.confirmed, ['rollback by ann']);
  t.equal(await box.set(CODE, 'x'), 'done');
});

t.test('rows that came with it go, rows that went come back', async (t) => {
  const box = await router();
  const before = configuration(box);
  must(await box.model.del(['Device.IP.Interface.2.'], ORIGIN, { confirmSec: 5 }));
  box.clock.advance(5000);
  await settled();
  t.equal(configuration(box), before);
  must(
    await box.model.add('Device.DNS.Client.Server.', { DNSServer: '9.9.9.9' }, ORIGIN, {
      confirmSec: 5,
    }),
  );
  box.clock.advance(5000);
  await settled();
  t.equal(configuration(box), before);
});

t.test('killed meanwhile: the next daemon of that boot goes on waiting', async (t) => {
  const box = await router();
  await box.set(LAN, '10.0.0.1', 60);
  // Nothing of the first daemon runs from here on; its clock goes on as the machine's.
  const next = start(box.store, new FakeClock({ monoMs: 31_000 }));
  await next.config.recover();
  t.equal(next.get(LAN), '10.0.0.1');
  t.equal(next.config.pending?.remainingMs, 30_000);
  t.equal(next.config.pending?.token, box.config.pending?.token);
  next.clock.setWall(0);
  next.clock.advance(29_999);
  await settled();
  t.equal(next.get(LAN), '10.0.0.1', 'whatever became of the wall clock');
  next.clock.advance(1);
  await settled();
  t.equal(next.get(LAN), '192.168.1.1');
  const after = start(next.store);
  await after.config.recover();
  t.equal(after.get(LAN), '192.168.1.1');
  t.equal(after.config.pending, undefined);
});

t.test('too late, or after a reboot: undone before anything is put into effect', async (t) => {
  for (const [clock, bootId] of [
    [new FakeClock({ monoMs: 61_000 }), 'boot 1'],
    [new FakeClock({ monoMs: 1_000 }), 'boot 2'],
  ] as const) {
    const box = await router();
    await box.set(LAN, '10.0.0.1', 60);
    const next = start(box.store, clock, bootId);
    await next.config.recover();
    t.equal(next.get(LAN), '192.168.1.1', bootId);
    t.equal(next.config.pending, undefined);
    t.equal(next.clock.pending, 0);
  }
});

t.test('a full disk delays the return, and cannot prevent it', async (t) => {
  const box = await router();
  await box.set(LAN, '10.0.0.1', 60);
  box.store.failing = 'ENOSPC';
  box.clock.advance(60_000);
  await settled();
  t.equal(box.get(LAN), '10.0.0.1');
  t.match(await box.config.confirm(undefined, ORIGIN), { ok: false, error: /being undone/ });
  box.clock.advance(1000);
  await settled();
  t.equal(box.clock.nextDelayMs, 2000, 'the next pause is longer');
  box.store.failing = undefined;
  box.clock.advance(2000);
  await settled();
  t.equal(box.get(LAN), '192.168.1.1');
  t.equal(box.config.pending, undefined);
});

t.test(
  'a configuration that no longer makes sense is let be, with a word in the log',
  async (t) => {
    const box = await router();
    await box.set(LAN, '10.0.0.1', 60);
    // As if an update had changed what an address is.
    const key = 'history/e/000000000002';
    const change = new TextDecoder().decode(box.store.get(key));
    box.store.data.set(key, Buffer.from(change.replace('192.168.1.1', 'no address')));
    const next = start(box.store, new FakeClock(), 'boot 2');
    await next.config.recover();
    t.equal(next.get(LAN), '10.0.0.1');
    t.equal(next.config.pending, undefined);
    t.ok(next.log.messages('error').some((message) => /could not be brought back/.test(message)));
    t.equal(await next.set(CODE, 'x'), 'done', 'and life goes on');
  },
);

t.test('after disposal no timer is left, and the record is', async (t) => {
  const box = await router();
  await box.set(LAN, '10.0.0.1', 60);
  box.config[Symbol.dispose]();
  t.equal(box.clock.pending, 0);
  t.ok(box.store.get('history/pending'));
});

t.test('histories of another version, or broken, are as good as none', async (t) => {
  const box = await router();
  box.store.data.set('history/e/000000000001', Buffer.from('{"v":2}'));
  box.store.data.set('history/pending', Buffer.from('not JSON'));
  const next = start(box.store);
  t.same(next.config.history(), []);
  t.equal(next.config.pending, undefined);
  t.equal(await next.set(CODE, 'x'), 'done');
});

t.test('a backup makes the same box again, accounts included', async (t) => {
  const box = await router();
  const admin = { Enable: 'true', Username: 'admin', X_GATEHOUSE_Role: 'Administrator' };
  must(await box.model.add(USERS, { ...admin, Password: PASSPHRASE }, ORIGIN));
  await box.set('Device.Time.LocalTimeZone', 'Europe/Berlin');
  await box.set(LAN, '192.168.7.1');
  const weak = await box.config.backup('short');
  t.match(weak, { ok: false, error: /a passphrase has 10 to 128 characters/ });
  const made = await box.config.backup(PASSPHRASE);
  if (!made.ok) throw new Error(made.error);
  const before = configuration(box);
  await box.set(LAN, '10.0.0.1');
  const wrong = await box.config.restoreBackup(made.value, `${PASSPHRASE}!`, ORIGIN);
  t.match(wrong.ok || messages(wrong.error), /wrong passphrase, or the file was changed/);
  t.equal(box.get(LAN), '10.0.0.1');
  must(await box.config.restoreBackup(made.value, PASSPHRASE, ORIGIN));
  t.equal(configuration(box), before);
  t.match(box.config.history()[0], { changes: [{ path: LAN, new: '192.168.7.1' }] });
  // A new card in the same box: its ports were numbered in another order.
  const fresh = start();
  must(await layDownInitial(fresh.model, { wan: 'eth1', lan: ['eth0'], overrides: {} }));
  must(await fresh.config.restoreBackup(made.value, PASSPHRASE, ORIGIN));
  t.equal(configuration(fresh), before);
  t.equal(fresh.rows.systemKey('Device.Ethernet.Interface.', 1), 'eth0', 'numbers, too');
});

t.test('a backup without accounts leaves those that there are', async (t) => {
  const old = await router();
  const made = await old.config.backup(PASSPHRASE);
  if (!made.ok) throw new Error(made.error);
  const box = await router();
  const admin = { Enable: 'true', Username: 'admin', X_GATEHOUSE_Role: 'Administrator' };
  must(await box.model.add(USERS, { ...admin, Password: PASSPHRASE }, ORIGIN));
  must(await box.config.restoreBackup(made.value, PASSPHRASE, ORIGIN));
  t.equal(box.get(`${USERS}1.Username`), 'admin');
});

t.test('a return that is on trial comes back by itself', async (t) => {
  const box = await router();
  await box.set(LAN, '192.168.7.1');
  must(await box.config.restore(1, ORIGIN, { confirmSec: 5 }));
  t.equal(box.get(LAN), '192.168.1.1');
  box.clock.advance(5000);
  await settled();
  t.equal(box.get(LAN), '192.168.7.1');
  must(await box.config.restore(1, ORIGIN, { confirmSec: 5 }));
  t.ok((await box.config.confirm(undefined, ORIGIN)).ok);
  box.clock.advance(5000);
  await settled();
  t.equal(box.get(LAN), '192.168.1.1', 'confirmed, it stays');
});

t.test(
  'a backup on trial takes all with it when it goes: accounts, and which port is which',
  async (t) => {
    const account = { Enable: 'true', X_GATEHOUSE_Role: 'Administrator' };
    const old = await router();
    must(await old.model.add(USERS, { ...account, Username: 'ann', Password: PASSPHRASE }, ORIGIN));
    const made = await old.config.backup(PASSPHRASE);
    if (!made.ok) throw new Error(made.error);
    const box = start();
    must(await layDownInitial(box.model, { wan: 'eth1', lan: ['eth0'], overrides: {} }));
    const own = { ...account, Username: 'bob', Password: 'another good one' };
    must(await box.model.add(USERS, own, ORIGIN));
    const before = configuration(box);
    const hash = box.rows.values(`${USERS}1.`)?.get('Password');
    const restored = await box.config.restoreBackup(made.value, PASSPHRASE, ORIGIN, {
      confirmSec: 60,
    });
    must(restored);
    t.equal(box.get(`${USERS}1.Username`), 'ann');
    t.equal(box.rows.systemKey('Device.Ethernet.Interface.', 1), 'eth0');
    // Killed meanwhile, and started too late.
    const next = start(box.store, new FakeClock({ monoMs: 61_000 }));
    await next.config.recover();
    t.equal(configuration(next), before);
    t.equal(next.get(`${USERS}1.Username`), 'bob');
    t.equal(next.rows.values(`${USERS}1.`)?.get('Password'), hash, 'who could log in still can');
    t.equal(next.rows.systemKey('Device.Ethernet.Interface.', 1), 'eth1');
    t.equal(next.rows.systemKey('Device.Ethernet.Interface.', 2), 'eth0');
    t.equal(next.store.get('history/pending'), undefined, 'and nothing of it is kept');
  },
);

t.test('a password on trial comes back, too', async (t) => {
  const box = await router();
  const admin = { Enable: 'true', Username: 'admin', X_GATEHOUSE_Role: 'Administrator' };
  must(await box.model.add(USERS, { ...admin, Password: PASSPHRASE }, ORIGIN));
  const hash = box.rows.values(`${USERS}1.`)?.get('Password');
  await box.set(`${USERS}1.Password`, 'another good one', 5);
  t.not(box.rows.values(`${USERS}1.`)?.get('Password'), hash);
  t.ok((await box.config.rollback(ORIGIN)).ok);
  t.equal(box.rows.values(`${USERS}1.`)?.get('Password'), hash);
});
