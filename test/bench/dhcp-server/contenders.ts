/** The DHCP servers that are compared, each alone in the namespace `server` on interface srv0, 10.0.0.1/8. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Namespaces } from '../../lib/netns.ts';
import { Router } from '../../lib/router.ts';
import { cpuSec } from '../../lib/usage.ts';

const POOL = ['10.1.0.0', '10.4.255.255'] as const;
const LEASE_SEC = 3600;
const SERVER_CORE = '0';

export interface Running extends AsyncDisposable {
  /** User and system time of the process so far (proc(5), stat 14 and 15). */
  cpuSec(): number;
}

export interface Contender {
  readonly name: string;
  start(spaces: Namespaces): Promise<Running>;
}

/**
 * All threads of a process on the server's core. What else the machine does disturbs less with this
 * priority, which everything measured has alike.
 */
function pin(pid: number): void {
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    execFileSync('taskset', ['-cp', SERVER_CORE, task], { stdio: 'ignore' });
    execFileSync('renice', ['-n', '-19', '-p', task], { stdio: 'ignore' });
  }
}

/** A program in the namespace, ready when it has said so on stdout or stderr. */
async function program(
  spaces: Namespaces,
  ready: RegExp,
  argv: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Running> {
  const [file = '', ...args] = spaces.argv('server', argv[0] ?? '', ...argv.slice(1));
  const child: ChildProcess = spawn('ip', [file, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const said: string[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on('line', (line) => {
      said.push(line);
      if (ready.test(line)) resolve();
    });
  }
  child.once('exit', () => reject(new Error(`it ended: ${said.slice(-20).join('\n')}`)));
  await promise;
  const pid = child.pid ?? 0; // `ip netns exec` becomes the program
  pin(pid);
  return {
    cpuSec: () => cpuSec(pid),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
    },
  };
}

/** With a folder of its own, removed at its end. */
async function inFolder(run: (folder: string) => Promise<Running>): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'gh-bench-dhcp-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const running = await run(folder);
    return {
      cpuSec: () => running.cpuSec(),
      async [Symbol.asyncDispose]() {
        await running[Symbol.asyncDispose]();
        remove();
      },
    };
  } catch (thrown) {
    remove();
    throw thrown;
  }
}

const version = (file: string, ...args: string[]): string =>
  /\d+\.\d+(\.\d+)?/.exec(spawnSync(file, args, { encoding: 'utf8' }).stdout)?.[0] ?? '';

/** Debian's Kea as it comes: raw sockets, memfile written at each lease, no fsync. */
export const kea = (): Contender => ({
  name: `Kea ${version('kea-dhcp4', '-v')}`,
  start: (spaces) =>
    inFolder(async (folder) => {
      // A copy, because Debian's AppArmor profile ties the installed path to /etc/kea.
      const file = join(folder, 'kea-dhcp4');
      copyFileSync('/usr/sbin/kea-dhcp4', file);
      const config = {
        'interfaces-config': { interfaces: ['srv0'], 'dhcp-socket-type': 'raw' },
        'lease-database': {
          type: 'memfile',
          persist: true,
          name: join(folder, 'leases'),
          'lfc-interval': 0,
        },
        'valid-lifetime': LEASE_SEC,
        authoritative: true,
        subnet4: [
          {
            id: 1,
            subnet: '10.0.0.0/8',
            pools: [{ pool: POOL.join(' - ') }],
            'option-data': [
              { name: 'routers', data: '10.0.0.1' },
              { name: 'domain-name-servers', data: '10.0.0.1' },
            ],
          },
        ],
        loggers: [
          {
            name: 'kea-dhcp4',
            output_options: [{ output: 'stdout', flush: true }],
            severity: 'INFO',
          },
          ...['leases', 'packets', 'alloc-engine', 'dhcp4', 'bad-packets', 'options'].map(
            (name) => ({
              name: `kea-dhcp4.${name}`,
              severity: name === 'dhcp4' ? 'INFO' : 'WARN',
              output_options: [{ output: 'stdout' }],
            }),
          ),
        ],
      };
      writeFileSync(join(folder, 'kea.json'), JSON.stringify({ Dhcp4: config }));
      return await program(spaces, /DHCP4_STARTED/, [file, '-c', join(folder, 'kea.json')], {
        KEA_PIDFILE_DIR: folder,
        KEA_LOCKFILE_DIR: folder,
        KEA_DHCP_DATA_DIR: folder,
      });
    }),
});

/** fsync of its lease file at each lease. It puts clients into the kernel's ARP table. */
export const dnsmasq = (): Contender => ({
  name: `dnsmasq ${version('dnsmasq', '--version')}`,
  start: (spaces) =>
    inFolder((folder) =>
      program(spaces, /DHCP, IP range/, [
        ...['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--port=0', '--user=root'],
        ...['--pid-file=', '--log-facility=-', '--quiet-dhcp', '--interface=srv0'],
        ...['--bind-interfaces', '--no-ping', '--dhcp-authoritative', '--dhcp-lease-max=1000000'],
        `--dhcp-leasefile=${join(folder, 'leases')}`,
        `--dhcp-range=${POOL.join()},255.0.0.0,${LEASE_SEC}`,
      ]),
    ),
});

const SERVER = 'Device.DHCPv4.Server.';
const LAN = 'Device.IP.Interface.2';
const ROWS: Readonly<Record<string, string>> = {
  [`${LAN}.IPv4Address.1.IPAddress`]: '10.0.0.1',
  [`${LAN}.IPv4Address.1.SubnetMask`]: '255.0.0.0',
  [`${SERVER}Pool.1.MinAddress`]: POOL[0],
  [`${SERVER}Pool.1.MaxAddress`]: POOL[1],
  [`${SERVER}Pool.1.SubnetMask`]: '255.0.0.0',
  [`${SERVER}Pool.1.LeaseTime`]: String(LEASE_SEC),
  // Nor do the others look whether an address is used, or limit clients.
  [`${SERVER}X_GATEHOUSE_Segment.1.Interface`]: LAN,
  [`${SERVER}X_GATEHOUSE_Segment.1.Probe`]: 'false',
  [`${SERVER}X_GATEHOUSE_Guard.NewClientsPerSec`]: '0',
  [`${SERVER}X_GATEHOUSE_Guard.AnswersPerClient`]: '0',
  [`${SERVER}X_GATEHOUSE_Guard.HeadroomPercent`]: '0',
};

/** The daemon as it ships: each lease is on disk (O_DSYNC) before its ACK. */
export const gatehouse = (): Contender => ({
  name: 'gatehouse',
  async start(spaces) {
    const router = new Router(spaces, 'server', { lan: ['srv0'], rows: ROWS });
    const end = async (): Promise<void> => {
      await router.stop();
      await router[Symbol.asyncDispose]();
      rmSync(router.folder, { recursive: true, force: true });
    };
    try {
      await router.start('--only', 'dhcp-server');
      const { pid } = router;
      // It holds port 67 (hexadecimal 43) once its leases are there.
      await router.until('it serves', () =>
        readFileSync(`/proc/${pid}/net/udp`, 'utf8').includes(':0043 '),
      );
      pin(pid);
      return { cpuSec: () => cpuSec(pid), [Symbol.asyncDispose]: end };
    } catch (thrown) {
      await end();
      throw thrown;
    }
  },
});
