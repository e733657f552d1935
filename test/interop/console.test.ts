/** The menu of the console on a terminal of 80 × 24, with a router behind it. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { home, type Namespaces, noNamespaces, sh } from '../lib/netns.ts';
import { NODE_FLAGS } from '../lib/node-flags.ts';
import { Pty } from '../lib/pty.ts';
import { Router } from '../lib/router.ts';

t.setTimeout(290_000);
const skip = noNamespaces() ?? false;
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ENTRY = join(ROOT, sh(join(ROOT, 'scripts/entry')).trim());
const LAN = 'Device.IP.Interface.2.IPv4Address.1.IPAddress';

async function box(t: Test): Promise<{ spaces: Namespaces; router: Router }> {
  const stack = new AsyncDisposableStack();
  t.teardown(() => stack.disposeAsync());
  const spaces = stack.use(home('console'));
  const router = stack.use(new Router(spaces, 'r'));
  await router.start();
  return { spaces, router };
}

/** `gatehouse diag` as root in the router's namespace, as init starts it on the box. */
function sitDown(t: Test, spaces: Namespaces, router: Router, env: Record<string, string>): Pty {
  const argv = [process.execPath, ...NODE_FLAGS, ENTRY, '--ubus-socket', router.socket, 'diag'];
  const pty = new Pty(
    ['ip', ...spaces.argv('r', argv[0] ?? '', ...argv.slice(1), '--state-dir', router.stateDir)],
    { NO_COLOR: '', ...env },
  );
  t.teardown(() => pty[Symbol.asyncDispose]());
  return pty;
}

t.test('looking around, on a terminal without colour', { skip }, async (t) => {
  const { spaces, router } = await box(t);
  const pty = sitDown(t, spaces, router, { TERM: 'vt100' });
  const choose = async (entry: number, text: string): Promise<string> => {
    await pty.until('Choice: ');
    pty.type(`${entry}\r`);
    return pty.until(text);
  };
  const done = 'menu. ';

  t.match(await choose(1, done), /revision/);
  pty.type('\r');
  t.match(await choose(2, done), /client +wan/);
  pty.type('\r');
  t.match(await choose(3, done), /lan0 +192\.168\.1\.1\/24/);
  pty.type('\r');
  t.match(await choose(4, done), /192\.168\.1\.0\/24 +- +lan0/);
  pty.type('\r');
  await choose(5, 'name: ');
  pty.type('192.168.1.1\r');
  t.match(await pty.until('time='), /64 bytes from 192\.168\.1\.1/);
  pty.type('\u0003');
  await pty.until(done);
  pty.type('\r');

  await choose(6, 'ready');
  pty.type('q');
  await pty.until(done);
  pty.type('\r');

  await choose(7, ': ');
  pty.type('lan0\r');
  await pty.until('any key ends it.');
  pty.type('q');
  const [, path = ''] =
    /(\/tmp\/lan0-[-0-9TZ]+\.pcap): \d+ frames/.exec(await pty.until(done)) ?? [];
  t.equal(readFileSync(path).readUInt32BE(0), 0xa1b2c3d4);
  rmSync(path);
  pty.type('\r');

  await pty.until('Choice: ');
  t.notMatch(pty.shown.replaceAll('\n', ''), /\p{Cc}/u, 'nothing but lines of text');
  t.same(
    pty.shown.split('\n').filter((line) => [...line].length > 80),
    [],
    'no line is wider than the screen',
  );
  pty.type('0\r');
  t.equal(await pty.ended(), 0);
});

t.test('the address of the LAN changes, and comes back unless it is kept', { skip }, async (t) => {
  const { spaces, router } = await box(t);
  const pty = sitDown(t, spaces, router, { TERM: 'linux' });
  const change = async (to: string, answer: string): Promise<string> => {
    await pty.until('Choice: ');
    pty.type('8\r');
    await pty.until('/24: ');
    pty.type(`${to}\r`);
    await pty.until('[y/N] ');
    await router.waitFor(LAN, to);
    pty.type(answer);
    const said = await pty.until('menu. ');
    pty.type('\r');
    return said;
  };
  t.match(await change('10.99.0.1', 'n\r'), 'It is undone');
  await router.waitFor(LAN, '192.168.1.1');
  t.match(await change('10.98.0.1', 'y\r'), 'It stays');
  await pty.until('Choice: ');
  t.equal(await router.value(LAN), '10.98.0.1');
  const config = await router.call('gatehouse.config', 'status');
  t.match(config, { data: { pending: null } });
  t.ok(pty.shown.includes('\u001b[1m'), 'and with colour, where there is some');
  pty.type('\u0004');
  t.equal(await pty.ended(), 0, 'the end of input leaves');
});

t.test('a pseudo-terminal is no line of the box, and root is not enough', { skip }, async (t) => {
  const { spaces, router } = await box(t);
  const [user, password] = ['admin', 'correct horse battery'];
  const account = {
    ...{ Enable: 'true', Username: user, Password: password },
    X_GATEHOUSE_Role: 'Administrator',
  };
  await router.rows('add', { path: 'Device.Users.User.', obj_path: account });
  const pty = sitDown(t, spaces, router, { TERM: 'dumb' });
  for (const entry of [9, 14]) {
    await pty.until('Choice: ');
    pty.type(`${entry}\r`);
    t.match(await pty.until('menu. '), /the box itself/);
    pty.type('\r');
  }
  for (const command of ['reset_password', 'log_in']) {
    t.match(await router.call('gatehouse.console', command, { username: user, password }), {
      status: 'error',
      message: /at the box itself/,
    });
  }
});
