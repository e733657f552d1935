/** `IPPing()` and `TraceRoute()` of a running, unprivileged daemon, over ubus and the command line. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { home, noNamespaces } from '../lib/netns.ts';
import { Router } from '../lib/router.ts';

t.setTimeout(180_000);

const MAIN = join(import.meta.dirname, '../../src/main.ts');
const DIAGNOSTICS = 'Device.IP.Diagnostics.';

t.test('the daemon measures paths', { skip: noNamespaces() ?? false }, async (t) => {
  await using stack = new AsyncDisposableStack();
  const spaces = stack.use(home('pathdiag'));
  spaces.exec('lan', 'ip', 'address', 'add', '192.168.1.5/24', 'dev', 'eth0');
  const router = stack.use(new Router(spaces, 'r'));
  await router.start();
  await router.until('the LAN has its address', () =>
    spaces.exec('r', 'ip', '-br', 'address').includes('192.168.1.1/24'),
  );
  const operate = async (command: string, input: Record<string, string>) => {
    const [done] = await router.rows('operate', { command: `${DIAGNOSTICS}${command}()`, input });
    const { output = [] } = done as unknown as { output?: { path: string; data: string }[] };
    return Object.fromEntries(output.map((row) => [row.path, row.data]));
  };
  const here = { Host: '192.168.1.5' };
  const done = await operate('IPPing', { ...here, NumberOfRepetitions: '4' });
  t.match(done, { Status: 'Complete', IPAddressUsed: here.Host, SuccessCount: '4' });
  t.match(done, { FailureCount: '0', MinimumResponseTimeDetailed: /^[1-9]\d*$/ });
  const large = { ...here, DataBlockSize: '4000', Interface: 'Device.IP.Interface.2' };
  t.match(await operate('IPPing', large), { SuccessCount: '3' }, 'in fragments, by its interface');
  t.match(await operate('IPPing', { Host: 'no.such.host.invalid' }), {
    ...{ Status: 'Error_CannotResolveHostName', IPAddressUsed: '', SuccessCount: '0' },
  });
  t.match(await operate('IPPing', { Host: '203.0.113.1' }), { Status: 'Error_NoRouteToHost' });
  t.match(await operate('TraceRoute', { ...here, NumberOfTries: '2' }), {
    ...{ Status: 'Complete', IPAddressUsed: here.Host, 'RouteHops.1.HostAddress': here.Host },
    'RouteHops.1.RTTimes': /^\d+,\d+$/,
  });

  const cli = (...args: string[]) =>
    spawnSync(process.execPath, [MAIN, '--ubus-socket', router.socket, '--json', ...args], {
      encoding: 'utf8',
      timeout: 60_000,
    });
  const said = cli('operate', `${DIAGNOSTICS}IPPing()`, 'Host=192.168.1.5', 'ProtocolVersion=IPv4');
  t.equal(said.status, 0, said.stderr);
  t.match(said.stdout, /"Complete"/);
});
