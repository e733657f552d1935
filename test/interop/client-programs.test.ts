/** Every client program that is installed does what its face says (services/client-programs/program.ts). */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { formatIpv4 } from '../../src/base/ip.ts';
import type {
  ClientProgram,
  HookMessage,
  Launch,
} from '../../src/services/client-programs/program.ts';
import { udhcpc } from '../../src/services/dhcp-client/udhcpc.ts';
import { dibbler } from '../../src/services/dhcp6-client/dibbler.ts';
import { odhcp6c } from '../../src/services/dhcp6-client/odhcp6c.ts';
import { decodeLeaseMessage } from '../../src/wire/lease.ts';
import { dnsmasq, ISP_RANGE, Kea6, type Server } from '../lib/isp.ts';
import { home, type Namespaces, noNamespaces, signalIfThere } from '../lib/netns.ts';
import { DUID, net } from '../services/dhcp6-client/talk.ts';

t.setTimeout(290_000);

const PLUGIN = fileURLToPath(new URL('../../build/native/lease-plugin', import.meta.url));
const UID = 6767;
const CAPS = '-all,+net_admin,+net_raw,+net_bind_service';

/** A program in the namespace `r`, as the daemon would run it; nobody listens, so its hook spools. */
class Stage implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'gh-program-'));
  readonly hook = join(this.folder, 'hook/c1');
  readonly work = join(this.folder, 'work');
  readonly #spaces: Namespaces;
  #child: ChildProcess | undefined;
  #heard = 0;

  constructor(spaces: Namespaces) {
    this.#spaces = spaces;
    for (const name of ['', 'hook', 'spool', 'work']) {
      mkdirSync(join(this.folder, name), { recursive: true });
      chownSync(join(this.folder, name), UID, UID);
    }
    chmodSync(this.folder, 0o755);
    copyFileSync(PLUGIN, this.hook);
    chmodSync(this.hook, 0o755);
  }

  start(file: string, launch: Launch): void {
    for (const name of launch.stale) rmSync(join(this.work, name), { force: true });
    for (const { name, text } of launch.files) {
      writeFileSync(join(this.work, name), text);
      chownSync(join(this.work, name), UID, UID);
    }
    const caps = ['--inh-caps', CAPS, '--ambient-caps', CAPS, '--bounding-set', CAPS];
    const ids = ['--reuid', `${UID}`, '--regid', `${UID}`, '--clear-groups', '--no-new-privs'];
    const argv = ['setpriv', ...ids, ...caps, 'env', '-i', file, ...launch.args];
    this.#child = spawn('ip', this.#spaces.argv('r', ...(argv as [string, ...string[]])), {
      stdio: 'ignore',
    });
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  async ended(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    await once(child, 'exit');
  }

  read = (name: string): string | undefined => {
    const path = join(this.work, name);
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  };

  /** What its hook says next that the program translates to something. */
  async said<Said>(program: Pick<ClientProgram<never, Said>, 'translate'>): Promise<Said> {
    for (const end = performance.now() + 60_000; performance.now() < end; await pause(20)) {
      const names = readdirSync(join(this.folder, 'spool')).filter((name) => /^\d/.test(name));
      for (const name of names.toSorted().slice(this.#heard)) {
        this.#heard++;
        const message = decodeLeaseMessage(readFileSync(join(this.folder, 'spool', name)));
        if (!message.ok) throw new Error(message.error.message);
        const heard: HookMessage = message.value;
        const said = program.translate(heard, this.read);
        if (said.ok && said.value !== undefined) return said.value;
      }
    }
    throw new Error('the hook was silent');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal('SIGKILL');
    for (const pid of this.#spaces.pids('r')) signalIfThere(pid, 'SIGKILL');
    await this.ended();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const placeOf = ({ places }: { readonly places: readonly string[] }): string | undefined =>
  places.find((place) => existsSync(place));

/** The same for each: bound, renewed, ended with its lease kept, started again, released. */
async function holds<Said>(
  t: Pick<typeof import('tap').default, 'ok' | 'equal' | 'notOk' | 'pass'>,
  stage: Stage,
  program: Pick<
    ClientProgram<never, Said>,
    'renew' | 'release' | 'releaseMs' | 'end' | 'translate' | 'places'
  >,
  launch: () => Launch,
  server: Server,
  released: RegExp,
  leaseOf: (said: Said) => string,
): Promise<void> {
  const file = placeOf(program) ?? '';
  const etc = readFileSync('/etc/resolv.conf', 'latin1');
  stage.start(file, launch());
  const lease = leaseOf(await stage.said(program));
  t.ok(lease, `bound to ${lease}`);
  if (program.renew === 'restart') {
    stage.signal(program.end);
    await stage.ended();
    stage.start(file, launch());
  } else {
    stage.signal(program.renew);
  }
  t.equal(leaseOf(await stage.said(program)), lease, 'renewed');
  stage.signal(program.end);
  await stage.ended();
  t.notOk(
    server.lines.some((line) => released.test(line)),
    'its end gives nothing back',
  );
  stage.start(file, launch());
  t.equal(leaseOf(await stage.said(program)), lease, 'the same again');
  stage.signal(program.release);
  await server.said(released);
  t.pass('released');
  t.equal(readFileSync('/etc/resolv.conf', 'latin1'), etc, 'nothing of /etc was touched');
}

const skipOf = (program: { readonly places: readonly string[]; readonly name: string }) =>
  noNamespaces() ?? (placeOf(program) === undefined ? `${program.name} is not installed` : false);

t.test('udhcpc', { skip: skipOf(udhcpc) }, async (t) => {
  await using stack = new AsyncDisposableStack();
  const spaces = stack.use(home('prog4'));
  const server = stack.use(await dnsmasq(spaces, 'isp', ...ISP_RANGE));
  const stage = stack.use(new Stage(spaces));
  const config = {
    ...{ id: 'dhcp4.1', enable: true, ifName: 'wan0', requestOptions: [1, 3, 6], sentOptions: [] },
    ...{ routeMetric: 1, discoverIntervalSec: 1, discoverPauseSec: 1, useResolvers: true },
  };
  const launch = () => udhcpc.launch({ config, hook: stage.hook, lastAddress: undefined });
  await holds(t, stage, udhcpc, launch, server, /DHCPRELEASE/, ({ address }) => {
    // It releases from its address, which its user sets.
    const set = ['address', 'replace', `${formatIpv4(address)}/24`, 'dev', 'wan0'];
    spaces.exec('r', 'ip', ...set);
    return formatIpv4(address);
  });
});

for (const program of [dibbler, odhcp6c])
  t.test(program.name, { skip: skipOf(program) }, async (t) => {
    await using stack = new AsyncDisposableStack();
    const spaces = stack.use(home(`prog6${program.name.slice(0, 3)}`));
    const times = { preferred: 300, valid: 600, t1: 150, t2: 240 };
    const kea = stack.use(
      await Kea6.start(spaces, 'isp', { ...times, delegates: ['2001:db8:1000::/40-56'] }),
    );
    const stage = stack.use(new Stage(spaces));
    const config = {
      ...{ id: 'dhcp6.1', instance: 1, enable: true, ifName: 'wan0', requestAddresses: true },
      ...{
        prefixHints: [net('::/0')],
        rapidCommit: false,
        requestedOptions: [23],
        sentOptions: [],
      },
      ...{ suggestedT1Sec: undefined, suggestedT2Sec: undefined, useResolvers: true },
    };
    const none = { lastAddresses: new Map(), lastPrefixes: new Map() };
    const launch = () =>
      program.launch({ config, hook: stage.hook, folder: stage.work, duid: DUID, ...none });
    await holds(t, stage, program, launch, kea.server, /RELEASE_(NA|PD)/, (said) =>
      (said?.ias ?? [])
        .flatMap(({ kind, leases }) => leases.map(({ address }) => `${kind} ${address}`))
        .toSorted()
        .join(),
    );
  });
