/** config …, set --confirm, backup and restore: what is asked of the bus, and what is printed. */
import t from 'tap';
import { SystemError } from '../../../src/base/errors.ts';
import { err, ok } from '../../../src/base/result.ts';
import type { JsonObject } from '../../../src/edge/cli/bus.ts';
import { cli, FakeBus } from './fake.ts';

const PENDING = { token: 'ab', revision: 8, user: 'root', via: 'ubus', remainingMs: 59_001 };
const ENTRY = {
  revision: 8,
  time: '2026-01-02T03:04:05.000Z',
  user: 'ann',
  via: 'http',
  added: ['Device.DNS.Client.Server.4.'],
  removed: [],
  changes: [
    { path: 'Device.Users.User.1.Password', old: null, new: null, secret: true },
    { path: 'Device.X.Y', old: 'a\u001b[2J', new: null },
  ],
};

/** Answers `gatehouse.config` by command; keeps what was asked. */
function bus(answers: Readonly<Record<string, JsonObject | string>>): FakeBus {
  return new FakeBus({
    'gatehouse call': ({ service, command }) => {
      const answer = service === 'config' ? answers[String(command)] : undefined;
      return typeof answer === 'object'
        ? { status: 'success', message: null, data: answer }
        : { status: 'error', message: answer ?? 'no such command', data: null };
    },
  });
}

const asked = ({ calls }: FakeBus): unknown =>
  calls.map(({ args }) => ({ command: args['command'], args: args['args'] }));

t.test('history: newest first as it comes, escaped, and what waits', async (t) => {
  const b = bus({ history: { revision: 8, pending: PENDING, entries: [ENTRY] } });
  const ran = await cli(['config', 'history'], b);
  t.equal(ran.code, 0);
  t.match(
    ran.out,
    /^REVISION +TIME +WHO +WHAT\n8 +2026-01-02T03:04:05\.000Z +ann by http +\+ Device\.DNS\.Client\.Server\.4\., and 2 more\n$/,
  );
  t.match(ran.err, /revision 8 by root is undone in 60 s; 'gatehouse config confirm' keeps it/);
  const json = await cli(['--json', 'config', 'history'], b);
  t.match(JSON.parse(json.out), { entries: [ENTRY], pending: PENDING });
  const none = await cli(['config', 'history'], bus({ history: { entries: [] } }));
  t.match(none, { code: 0, out: '', err: /no changes yet/ });
});

t.test('diff', async (t) => {
  const b = bus({ diff: { from: 3, to: 8, ...ENTRY } });
  const ran = await cli(['config', 'diff', '3', '8'], b);
  t.match(ran.out, /\+ +Device\.DNS\.Client\.Server\.4\./);
  t.match(ran.out, /~ +Device\.Users\.User\.1\.Password +\(secret\)/);
  t.match(ran.out, /~ +Device\.X\.Y +a\\x1b\[2J → –/);
  t.notOk(ran.out.includes('\u001b'));
  await cli(['config', 'diff', '3'], b);
  t.same(asked(b), [
    { command: 'diff', args: { from: 3, to: 8 } },
    { command: 'diff', args: { from: 3 } },
  ]);
  t.equal((await cli(['config', 'diff', 'x'], b)).code, 2);
  const same = await cli(['config', 'diff', '3'], bus({ diff: { changes: [] } }));
  t.match(same, { code: 0, out: '', err: /no difference/ });
});

t.test('restore, confirm, rollback, and their refusals', async (t) => {
  const b = bus({ restore: { revision: 9 }, confirm: {}, rollback: 'no change waits\nat all' });
  t.match(await cli(['config', 'restore', '3'], b), {
    code: 0,
    err: /as it was at 3; it is 9 now/,
  });
  t.match(await cli(['config', 'confirm'], b), { code: 0, err: /the change stays/ });
  const refused = await cli(['config', 'rollback'], b);
  t.match(refused, { code: 1, err: 'gatehouse: no change waits\ngatehouse: at all\n' });
  t.equal((await cli(['config', 'confirm'])).code, 1, 'no daemon');
  t.equal((await cli(['config', 'restore'], b)).code, 2);
});

t.test('set --confirm', async (t) => {
  const b = bus({ set: { revision: 8, pending: PENDING } });
  const ran = await cli(['set', '--confirm', '60', 'Device.X.A=1', 'Device.X.B=a=b'], b);
  t.match(ran, { code: 0, out: '', err: /is undone in 60 s/ });
  const stdin = { readStdin: async () => '{"Device.X.A": true}' };
  await cli(['set', '--confirm', '5', '-'], b, stdin);
  t.same(asked(b), [
    { command: 'set', args: { values: { 'Device.X.A': '1', 'Device.X.B': 'a=b' }, confirm: 60 } },
    { command: 'set', args: { values: { 'Device.X.A': 'true' }, confirm: 5 } },
  ]);
  t.equal((await cli(['set', '--confirm', '60', 'Device.X.A=1', 'Device.X.A=2'], b)).code, 2);
  t.equal((await cli(['set', '--confirm', 'soon', 'Device.X.A=1'], b)).code, 2);
  t.equal((await cli(['set', '--confirm', '60', 'nonsense'], b)).code, 2);
  const none = await cli(
    ['set', '--confirm', '60', 'Device.X.A=1'],
    bus({ set: { pending: null } }),
  );
  t.match(none, { code: 0, err: /nothing was changed/ });
});

t.test('add, del and returns with --confirm', async (t) => {
  const env = { GATEHOUSE_PASSPHRASE: 'three words here' };
  const surroundings = { env, readFile: () => ok(new TextEncoder().encode('sealed')) };
  const waits = { revision: 8, pending: PENDING };
  const b = bus({
    add: { ...waits, path: 'Device.X.3.', instance: 3 },
    ...{ del: waits, restore: waits, restore_backup: waits },
  });
  const added = await cli(['add', '--confirm', '60', 'Device.X.', 'A=1'], b);
  t.match(added, { code: 0, out: 'Device.X.3.\n', err: /is undone in 60 s/ });
  for (const args of [
    ['del', '--confirm', '60', 'Device.X.1.', 'Device.X.2.'],
    ['config', 'restore', '--confirm', '60', '3'],
    ['restore', '--confirm', '60', 'x.ghb'],
  ]) {
    const ran = await cli(args, b, surroundings);
    t.match(ran, { code: 0, out: '', err: /is undone in 60 s/ }, args.join(' '));
    t.match(JSON.parse((await cli(['--json', ...args], b, surroundings)).out), waits);
    const none = await cli(args, bus({}), surroundings);
    t.match(none, { code: 1, err: /no such command/ });
  }
  const sent = [
    { command: 'add', args: { path: 'Device.X.', values: { A: '1' }, confirm: 60 } },
    { command: 'del', args: { paths: ['Device.X.1.', 'Device.X.2.'], confirm: 60 } },
    { command: 'restore', args: { revision: 3, confirm: 60 } },
    {
      command: 'restore_backup',
      args: { passphrase: 'three words here', file: 'c2VhbGVk', confirm: 60 },
    },
  ];
  t.same(asked(b), [...sent.slice(0, 1), ...sent.slice(1).flatMap((one) => [one, one])]);
  t.equal((await cli(['del', '--confirm', 'soon', 'Device.X.1.'], b)).code, 2);
  t.equal((await cli(['add', '--confirm', '60', 'Device.X.', 'A=1', 'A=2'], b)).code, 2);
});

t.test('backup: the passphrase never comes from the arguments', async (t) => {
  const b = bus({ backup: { file: Buffer.from('sealed').toString('base64') } });
  const written: unknown[] = [];
  const writeFile = (path: string, bytes: Uint8Array, replace: boolean) => {
    written.push({ path, text: Buffer.from(bytes).toString(), replace });
    return ok(undefined);
  };
  const questions: string[] = [];
  const typed = (...lines: string[]) => ({
    writeFile,
    readSecret: async (question: string) => {
      questions.push(question);
      return lines.shift();
    },
  });
  const ran = await cli(['backup', 'x.ghb'], b, typed('three words here', 'three words here'));
  t.match(ran, { code: 0, err: /x\.ghb: 6 bytes/ });
  t.same(questions, ['Passphrase: ', 'Once more: ']);
  const other = await cli(['backup', 'x.ghb'], b, typed('three words here', 'three words'));
  t.match(other, { code: 1, err: /two different passphrases/ });
  const env = { GATEHOUSE_PASSPHRASE: 'of the environment' };
  t.equal((await cli(['backup', '--force', 'x.ghb'], b, { env, writeFile })).code, 0);
  const readStdin = async () => 'of a pipe\nand more';
  t.equal((await cli(['--json', 'backup', 'x.ghb'], b, { readStdin, writeFile })).code, 0);
  t.same(asked(b), [
    { command: 'backup', args: { passphrase: 'three words here' } },
    { command: 'backup', args: { passphrase: 'of the environment' } },
    { command: 'backup', args: { passphrase: 'of a pipe' } },
  ]);
  t.same(
    written,
    [false, true, false].map((replace) => ({ path: 'x.ghb', text: 'sealed', replace })),
  );
  const there = await cli(['backup', 'x.ghb'], b, {
    env,
    writeFile: () => err(new SystemError('write x.ghb: file already exists', 'EEXIST')),
  });
  t.match(there, { code: 1, err: /already exists; --force writes over it/ });
  t.equal((await cli(['backup', 'x.ghb', 'secret'], b)).code, 2);
  const weak = await cli(['backup', 'x.ghb'], bus({ backup: 'too short' }), { env, writeFile });
  t.match(weak, { code: 1, err: /too short/ });
  t.equal(written.length, 3, 'nothing is written then');
});

t.test('restore', async (t) => {
  const b = bus({ restore_backup: { revision: 12 } });
  const env = { GATEHOUSE_PASSPHRASE: 'three words here' };
  const readFile = () => ok(new TextEncoder().encode('sealed'));
  const ran = await cli(['restore', 'x.ghb'], b, { env, readFile });
  t.match(ran, { code: 0, err: /restored; the configuration is 12 now/ });
  t.same(asked(b), [
    { command: 'restore_backup', args: { passphrase: 'three words here', file: 'c2VhbGVk' } },
  ]);
  t.match(await cli(['restore', 'none'], b, { env }), { code: 1, err: /no such file/ });
  const alien = bus({ restore_backup: { revision: 12, absentPorts: ['eth0', 'eth\u001b1'] } });
  const warned = await cli(['restore', 'x.ghb'], alien, { env, readFile });
  t.match(warned, { code: 0, err: /this box has no eth0, eth\\x1b1: if the backup is of another/ });
  const none = await cli(['restore', 'x.ghb'], b, { readFile });
  t.match(none, { code: 2, err: /no passphrase was given/ });
});
