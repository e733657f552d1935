/** A change that cuts the owner off undoes itself, in the kernel, also when the daemon is killed meanwhile. */
import t from 'tap';
import { home, noNamespaces } from '../lib/netns.ts';
import { Router } from '../lib/router.ts';

t.setTimeout(290_000);

const LAN = 'Device.IP.Interface.2.IPv4Address.1.IPAddress';

t.test('set with confirmation, kill -9, and back', { skip: noNamespaces() ?? false }, async (t) => {
  await using stack = new AsyncDisposableStack();
  const spaces = stack.use(home('confirm'));
  const router = stack.use(new Router(spaces, 'r'));
  await router.start();
  const shown = () => spaces.exec('r', 'ip', '-4', '-br', 'address', 'show', 'dev', 'lan0');
  const config = async (method: string, args: object = {}) => {
    const answer = await router.call('gatehouse.config', method, args);
    if (answer['status'] !== 'success') throw new Error(String(answer['message']));
    return answer['data'] as Record<string, unknown>;
  };
  const pending = async () => (await config('status'))['pending'] as Record<string, unknown> | null;
  await router.until('the LAN has its address', () => shown().includes('192.168.1.1/24'));

  // Long enough for a kill and a start; what is waited for are states, never times.
  await config('set', { values: { [LAN]: '10.77.0.1' }, confirm: 16 });
  await router.until('the new address is in the kernel', () => shown().includes('10.77.0.1/24'));
  const token = (await pending())?.['token'];
  await router.stop('SIGKILL');
  await router.start();
  const kept = await pending();
  t.equal(kept?.['token'], token, 'the next daemon waits for the same confirmation');
  t.equal(await router.value(LAN), '10.77.0.1');
  await router.waitFor(LAN, '192.168.1.1');
  await router.until('the old address is back', () => shown().includes('192.168.1.1/24'));
  t.notOk(shown().includes('10.77.0.1'), 'and the new one is gone');
  t.equal(await pending(), null);

  await config('set', { values: { [LAN]: '10.78.0.1' }, confirm: 600 });
  await config('confirm', { token: (await pending())?.['token'] });
  await router.stop('SIGKILL');
  await router.start();
  t.equal(await router.value(LAN), '10.78.0.1', 'what was confirmed stays');
  const { entries } = await config('history');
  t.match(entries, [
    { changes: [{ path: LAN, old: '192.168.1.1', new: '10.78.0.1' }] },
    { user: 'gatehouse', changes: [{ path: LAN, old: '10.77.0.1', new: '192.168.1.1' }] },
    { changes: [{ path: LAN, old: '192.168.1.1', new: '10.77.0.1' }] },
    { user: 'gatehouse' },
  ]);

  const backup = { passphrase: 'three words here' };
  const { file } = await config('backup', backup);
  await config('set', { values: { [LAN]: '10.79.0.1' } });
  const tried = await config('restore_backup', { ...backup, file, confirm: 16 });
  await router.until('the address of the backup', () => shown().includes('10.78.0.1/24'));
  await router.stop('SIGKILL');
  await router.start();
  t.match(await pending(), { token: (tried['pending'] as Record<string, unknown>)['token'] });
  await router.waitFor(LAN, '10.79.0.1');
  await router.until('the restored address is gone', () => !shown().includes('10.78.0.1'));
  t.ok(shown().includes('10.79.0.1/24'), 'nobody confirmed it: it returned by itself');

  // The whole address, row and all, by whoever came by it.
  const row = LAN.slice(0, LAN.lastIndexOf('.') + 1);
  await config('del', { paths: [row], confirm: 16 });
  await router.until('no address is left', () => !shown().includes('10.79.0.1'));
  await router.stop('SIGKILL');
  await router.start();
  await router.until('the row is back', () => shown().includes('10.79.0.1/24'));
  t.equal(await router.value(LAN), '10.79.0.1');

  await config('restore_backup', { ...backup, file });
  await router.until('the address of the backup', () => shown().includes('10.78.0.1/24'));
});
