// needs root: it builds network namespaces
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { noNamespaces } from '../lib/netns.ts';

t.setTimeout(290_000);

const LAB = join(import.meta.dirname, '../../scripts/lab');
const NAME = `t${process.pid}`;
const STATE = `/tmp/gatehouse-lab-${NAME}`;

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function lab(...args: string[]): Outcome {
  // The servers live on after `up`: its output must not be a pipe that they would keep open.
  const { status, stdout, stderr } = spawnSync(LAB, args, {
    encoding: 'utf8',
    env: { ...process.env, GATEHOUSE_LAB: NAME },
    timeout: 60_000,
  });
  return { code: status, stdout, stderr };
}

const namespaces = (): string[] =>
  spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' })
    .stdout.split('\n')
    .filter((line) => line.startsWith(`${NAME}-`));

/** PIDs that the lab recorded and that still run. */
const running = (processes: string): number[] =>
  processes
    .trim()
    .split('\n')
    .map((line) => Number(line.split(' ')[1]))
    .filter((pid) => existsSync(`/proc/${pid}`));

const skip = noNamespaces() ?? false;

t.teardown(() => {
  if (skip === false) lab('down');
});

for (const [isp, processesOf] of [
  ['dnsmasq', 3],
  ['kea', 4],
  ['dual', 6],
] as const)
  t.test(`${isp} leases addresses, and all is taken away again`, { skip }, async (t) => {
    t.match(lab('up', '--isp', isp), { code: 0, stderr: `ISP by ${isp}` });
    t.equal(namespaces().length, 4);
    const processes = readFileSync(join(STATE, 'processes'), 'utf8');
    t.equal(running(processes).length, processesOf);
    t.match(lab('status').stdout, /web: running/);

    t.equal(lab('exec', 'router', 'ip', 'link', 'set', 'wan0', 'up').code, 0);
    const client = [
      'timeout',
      '60',
      'udhcpc',
      '-i',
      'wan0',
      '-f',
      '-n',
      '-q',
      '-t',
      '20',
      '-s',
      '/bin/true',
    ];
    t.match(
      lab('exec', 'router', ...client).stderr,
      /lease of 198\.51\.100\.1\d\d obtained from 198\.51\.100\.1/,
    );

    // A plug pulled at the ISP is seen by the router.
    t.equal(lab('exec', 'isp', 'ip', 'link', 'set', 'isp0', 'down').code, 0);
    t.match(lab('exec', 'router', 'ip', 'link', 'show', 'wan0').stdout, /NO-CARRIER/);

    t.equal(lab('down').code, 0);
    t.same(namespaces(), []);
    t.same(running(processes), []);
    t.notOk(existsSync(STATE));
  });

t.test('an ISP with IPv6 delegates a prefix', { skip }, async (t) => {
  t.equal(lab('up', '--isp', 'dual').code, 0);
  t.equal(lab('exec', 'router', 'ip', 'link', 'set', 'wan0', 'up').code, 0);
  const ready = 'until ip -6 address show dev wan0 -tentative | grep -q fe80; do sleep 0.05; done';
  t.equal(lab('exec', 'router', 'timeout', '60', 'sh', '-c', ready).code, 0);
  const ask = [
    'timeout',
    '55',
    'dhclient',
    '-6',
    '-P',
    '-1',
    '-sf',
    '/bin/true',
    '-lf',
    '/dev/null',
  ];
  const got = lab('exec', 'router', ...ask, '-pf', '/dev/null', '-v', 'wan0');
  t.match(got.stderr, /IAPREFIX 2001:db8:10[0-9a-f:]*\/56/);
  t.match(
    lab('exec', 'web', 'curl', '-s', 'http://[2001:db8:cafe::10]/').stdout,
    /^hello 2001:db8:cafe::10\n$/,
  );
});

t.test('the web server answers with the address that it sees', { skip }, async (t) => {
  t.equal(lab('up').code, 0);
  t.match(
    lab('exec', 'isp', 'curl', '-s', 'http://203.0.113.10/').stdout,
    /^hello 203\.0\.113\.1\n$/,
  );
});

t.test('half a lab is replaced, and taken down', { skip }, async (t) => {
  t.equal(lab('up').code, 0);
  const processes = readFileSync(join(STATE, 'processes'), 'utf8');
  spawnSync('ip', ['netns', 'del', `${NAME}-router`]);
  t.equal(lab('up').code, 0, 'up again');
  t.same(running(processes), [], 'the servers of the first one are gone');
  spawnSync('ip', ['netns', 'del', `${NAME}-isp`]);
  t.equal(lab('down').code, 0);
  t.same(namespaces(), []);
  t.equal(lab('down').code, 0, 'down of nothing is done at once');
});

t.test('wrong use is told apart from failure', { skip }, async (t) => {
  t.match(lab(), { code: 2, stderr: /^Usage: lab up/ });
  t.equal(lab('up', '--isp', 'isc').code, 2);
  t.match(lab('exec', 'nowhere', 'true'), { code: 1, stderr: "no node 'nowhere'" });
  t.match(lab('exec', 'router', 'true'), { code: 1, stderr: 'there is no lab' });
  // A copy, because the checkout may stand where its user alone may look.
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-lab-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  chmodSync(folder, 0o755);
  copyFileSync(LAB, join(folder, 'lab'));
  const asOther = spawnSync(
    'setpriv',
    ['--reuid', '6767', '--clear-groups', 'bash', join(folder, 'lab'), 'up'],
    { encoding: 'utf8' },
  );
  t.match(asOther, { status: 1, stderr: /need root: run 'sudo / });
});
