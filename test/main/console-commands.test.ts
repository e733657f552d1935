/** Who may ask for a password's reset, and who for a check of one. */
import t from 'tap';
import { err, ok } from '../../src/base/result.ts';
import type { Accounts } from '../../src/control/accounts.ts';
import { consoleCommands } from '../../src/main/console-commands.ts';
import type { Fault, Origin } from '../../src/tr181/model.ts';

const ROOT = { pid: 700, uid: 0, gid: 0 };
/** Of processes: a serial line, a pseudo-terminal. */
const LINES: Readonly<Record<number, string>> = { 700: 'ttyS0' };

function service(logins: Parameters<typeof consoleCommands>[0]['logins']['attempt']) {
  const changed: { name: string; password: string; origin: Origin }[] = [];
  const weak: Fault = {
    kind: 'outOfRange',
    path: '',
    message: 'a password has 10 to 128 characters',
  };
  const accounts: Accounts = {
    any: () => true,
    find: () => undefined,
    verify: async () => undefined,
    changePassword: async (name, password, origin) => {
      changed.push({ name, password, origin });
      return password.length < 10 ? err([weak]) : ok(undefined);
    },
  };
  const { commands } = consoleCommands({
    accounts,
    logins: { attempt: logins },
    lineOf: (pid) => LINES[pid],
  });
  const run = (command: string, args: object, peer: typeof ROOT | undefined) =>
    commands[command]?.run(args as Readonly<Record<string, unknown>>, {
      origin: { user: 'root', via: 'ubus' },
      peer,
      signal: new AbortController().signal,
    });
  return { changed, run };
}

const wrong = async () => err({ kind: 'wrong' } as const);

t.test('a reset is taken from root at a line of the box alone', async (t) => {
  const { changed, run } = service(wrong);
  const args = { username: 'admin', password: 'correct horse' };
  const elsewhere = [
    undefined, // another broker, which does not tell who asks
    { ...ROOT, uid: 100 }, // the daemon's own user, and with it the page
    { ...ROOT, pid: 701 }, // root over SSH
  ];
  for (const peer of elsewhere) {
    for (const command of ['reset_password', 'log_in']) {
      const answer = await run(command, args, peer);
      t.match(answer, { status: 'error', message: /at the box itself/ });
    }
  }
  t.same(changed, []);
  t.match(await run('reset_password', args, ROOT), { status: 'success' });
  t.same(changed, [
    {
      name: 'admin',
      password: 'correct horse',
      origin: { user: 'root', via: 'console', address: 'ttyS0' },
    },
  ]);
});

t.test('what is wrong with it', async (t) => {
  const { run } = service(wrong);
  const weak = { username: 'admin', password: 'short' };
  t.match(await run('reset_password', weak, ROOT), { message: /10 to 128/ });
  t.match(await run('reset_password', { username: 'admin' }, ROOT), { message: /are wanted/ });
  t.match(await run('log_in', { password: 7 }, ROOT), { message: /are wanted/ });
});

t.test('a log-in is checked, counted and recorded as any other', async (t) => {
  const tried: unknown[] = [];
  const { run } = service(async (...all) => {
    tried.push(all);
    if (all[1] === 'right') return ok({ name: 'admin', role: 'Administrator' });
    return err(all[1] === 'late' ? { kind: 'wait', retryAfterSec: 30 } : { kind: 'wrong' });
  });
  const logIn = (password: string) => run('log_in', { username: 'admin', password }, ROOT);
  t.match(await logIn('right'), { status: 'success', data: { role: 'Administrator' } });
  t.match(await logIn('false'), { status: 'error', message: 'wrong name or password' });
  t.match(await logIn('late'), { status: 'error', message: /in 30 s/ });
  t.same(tried[0], ['admin', 'right', 'ttyS0', 'console']);
});
