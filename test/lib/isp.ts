import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ServerMood } from '../interop/dhcp-server.ts';
import type { Isp6Mood } from '../interop/dhcp6-isp.ts';
import type { Namespaces } from './netns.ts';

/** A server process in a namespace, ended by its process on disposal. */
export class Server implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly lines: string[] = [];
  /** Removed with it. */
  folder: string | undefined;
  #heard: (() => void)[] = [];

  constructor(
    spaces: Namespaces,
    node: string,
    file: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
  ) {
    this.#child = spawn('ip', spaces.argv(node, file, ...args), {
      env: { ...process.env, ...env },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => {
        this.lines.push(line);
        for (const wake of this.#heard.splice(0)) wake();
      });
    }
    this.#child.once('exit', () => {
      for (const wake of this.#heard.splice(0)) wake();
    });
  }

  /** Waits until a line that fits was printed, from line number `from` on. */
  async said(pattern: RegExp, from = 0): Promise<string> {
    for (;;) {
      const line = this.lines.slice(from).find((l) => pattern.test(l));
      if (line !== undefined) return line;
      if (this.#child.exitCode !== null) throw new Error(`it ended: ${this.lines.join('\n')}`);
      await new Promise<void>((resolve) => this.#heard.push(resolve));
    }
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  write(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Closes its stdin. */
  end(): void {
    this.#child.stdin?.end();
  }

  /** Stops and continues the process: a server that is silent, but there. */
  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
    if (this.folder !== undefined) rmSync(this.folder, { recursive: true, force: true });
  }

  async #end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}

const NODE = process.execPath;

/** The range of `home`'s ISP, for dnsmasq. */
export const ISP_RANGE = [
  '--interface=isp0',
  '--dhcp-range=198.51.100.100,198.51.100.199,255.255.255.0,120',
];

/** dnsmasq for one interface of `node`, with 198.51.100.0/24 there. Leases are two minutes, the least it can. */
export async function dnsmasq(
  spaces: Namespaces,
  node: string,
  ...more: string[]
): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'gh-dnsmasq-'));
  const server = new Server(spaces, node, 'dnsmasq', [
    ...[
      '--keep-in-foreground',
      '--conf-file=/dev/null',
      '--no-resolv',
      '--no-hosts',
      '--user=root',
    ],
    ...[
      '--pid-file=',
      '--log-facility=-',
      '--log-dhcp',
      '--port=0',
      '--dhcp-authoritative',
      '--no-ping',
    ],
    ...[`--dhcp-leasefile=${folder}/leases`, ...more],
  ]);
  server.folder = folder;
  await server.said(/started, version|DHCP, IP range/);
  return server;
}

/** Kea for `isp0` with 198.51.100.0/24 and the given times, in seconds. */
export async function kea(
  spaces: Namespaces,
  node: string,
  times: { readonly lease: number; readonly t1: number; readonly t2: number },
): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'gh-kea-'));
  // A copy, because Debian's AppArmor profile ties the installed path to /etc/kea.
  copyFileSync('/usr/sbin/kea-dhcp4', join(folder, 'kea-dhcp4'));
  writeFileSync(
    join(folder, 'kea.json'),
    JSON.stringify({
      Dhcp4: {
        'interfaces-config': { interfaces: ['isp0'], 'dhcp-socket-type': 'raw' },
        'lease-database': { type: 'memfile', name: join(folder, 'leases'), 'lfc-interval': 0 },
        'valid-lifetime': times.lease,
        'renew-timer': times.t1,
        'rebind-timer': times.t2,
        authoritative: true,
        subnet4: [
          {
            id: 1,
            subnet: '198.51.100.0/24',
            pools: [{ pool: '198.51.100.100 - 198.51.100.199' }],
            'option-data': [{ name: 'routers', data: '198.51.100.1' }],
          },
        ],
        loggers: [{ name: 'kea-dhcp4', output_options: [{ output: 'stdout' }], severity: 'INFO' }],
      },
    }),
  );
  const server = new Server(
    spaces,
    node,
    join(folder, 'kea-dhcp4'),
    ['-c', join(folder, 'kea.json')],
    {
      KEA_PIDFILE_DIR: folder,
      KEA_LOCKFILE_DIR: folder,
      KEA_DHCP_DATA_DIR: folder,
    },
  );
  server.folder = folder;
  await server.said(/DHCP4_STARTED/);
  return server;
}

/** What Kea is told of IPv6: a subnet of its link, and what it delegates. */
export interface Kea6Options {
  readonly preferred: number;
  readonly valid: number;
  readonly t1: number;
  readonly t2: number;
  /** `prefix/length-delegated`, such as `2001:db8:1000::/40-56`. */
  readonly delegates: readonly string[];
  readonly options?: readonly object[];
  /** Links isp1, isp2 … in place of isp0, each with a subnet and a /40 to delegate of its own. */
  readonly links?: number;
}

/** The prefix that Kea delegates of on a link of many. */
export const delegatedOn = (link: number): string => `2001:${(0x3000 + link).toString(16)}`;

const keaConfig6 = (
  folder: string,
  { delegates, options = [], links, ...times }: Kea6Options,
): string =>
  JSON.stringify({
    Dhcp6: {
      'data-directory': folder,
      'interfaces-config': { interfaces: linksOf(links).map((link) => `isp${link}`) },
      'lease-database': { type: 'memfile', name: join(folder, 'leases'), 'lfc-interval': 0 },
      ...{ 'preferred-lifetime': times.preferred, 'valid-lifetime': times.valid },
      ...{ 'renew-timer': times.t1, 'rebind-timer': times.t2 },
      subnet6: linksOf(links).map((link) => {
        const net = `2001:db8:f${link === 0 ? '' : link.toString(16).padStart(2, '0')}:`;
        const own = links === undefined ? delegates : [`${delegatedOn(link)}::/40-56`];
        return {
          ...{ id: link + 1, subnet: `${net}:/64`, interface: `isp${link}`, 'rapid-commit': true },
          pools: [{ pool: `${net}:1000 - ${net}:1fff` }],
          'pd-pools': own.map((text) => {
            const [, prefix, length, delegated] = /^(.*)\/(\d+)-(\d+)$/.exec(text) ?? [];
            return { prefix, 'prefix-len': Number(length), 'delegated-len': Number(delegated) };
          }),
          'option-data': [{ name: 'dns-servers', data: '2001:db8:f::1' }, ...options],
        };
      }),
      loggers: [{ name: 'kea-dhcp6', output_options: [{ output: 'stdout' }], severity: 'INFO' }],
    },
  });

const linksOf = (links: number | undefined): readonly number[] =>
  links === undefined ? [0] : Array.from({ length: links }, (_, i) => i + 1);

/** Kea for DHCPv6 on `isp0`, which has 2001:db8:f::1/64. */
export class Kea6 implements AsyncDisposable {
  readonly server: Server;
  readonly #folder: string;

  private constructor(server: Server, folder: string) {
    this.server = server;
    this.#folder = folder;
  }

  static async start(spaces: Namespaces, node: string, options: Kea6Options): Promise<Kea6> {
    const folder = mkdtempSync(join(tmpdir(), 'gh-kea6-'));
    // A copy, for the reason given at `kea`.
    copyFileSync('/usr/sbin/kea-dhcp6', join(folder, 'kea-dhcp6'));
    writeFileSync(join(folder, 'kea.json'), keaConfig6(folder, options));
    if (options.links === undefined) {
      const address = ['address', 'replace', '2001:db8:f::1/64', 'dev', 'isp0', 'nodad'];
      spaces.exec(node, 'ip', ...address);
    }
    // It listens on the link-local address, which must be past duplicate detection.
    const tentative = ['-6', 'address', 'show', 'tentative'];
    while (spaces.exec(node, 'ip', ...tentative) !== '') await pause(50);
    const args = ['-c', join(folder, 'kea.json')];
    const env = { KEA_PIDFILE_DIR: folder, KEA_LOCKFILE_DIR: folder };
    const server = new Server(spaces, node, join(folder, 'kea-dhcp6'), args, env);
    server.folder = folder;
    await server.said(/DHCP6_STARTED/);
    return new Kea6(server, folder);
  }

  /** As an ISP does by night. */
  async configure(options: Kea6Options): Promise<void> {
    const from = this.server.lines.length;
    writeFileSync(join(this.#folder, 'kea.json'), keaConfig6(this.#folder, options));
    this.server.signal('SIGHUP');
    await this.server.said(/DHCP6_CONFIG_COMPLETE|CONFIG_COMPLETE/, from);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.server[Symbol.asyncDispose]();
  }
}

/** Router advertisements of the ISP on `isp0`: a default route by it, and 2001:db8:f::/64 on the link. */
export async function advertiser(spaces: Namespaces, node: string): Promise<Server> {
  const server = new Server(spaces, node, 'dnsmasq', [
    ...['--keep-in-foreground', '--conf-file=/dev/null', '--no-resolv', '--no-hosts'],
    ...['--user=root', '--pid-file=', '--log-facility=-', '--port=0', '--interface=isp0'],
    ...['--bind-interfaces', '--enable-ra', '--ra-param=isp0,10,120'],
    '--dhcp-range=2001:db8:f::,ra-only,64,600',
  ]);
  await server.said(/router advertisement|started, version/);
  return server;
}

/** The DHCPv6 server that says what it is told. */
export class TalkingServer6 implements AsyncDisposable {
  readonly server: Server;

  constructor(spaces: Namespaces, node: string) {
    const script = fileURLToPath(new URL('../interop/dhcp6-isp.ts', import.meta.url));
    this.server = new Server(spaces, node, NODE, [script, 'isp0']);
  }

  async mood(mood: Partial<Isp6Mood>): Promise<void> {
    await this.server.said(/"ready"/);
    const from = this.server.lines.length;
    this.server.write(JSON.stringify(mood));
    await this.server.said(/"mood"/, from);
  }

  /** Messages that it saw. */
  get all(): readonly Seen6[] {
    return this.server.lines
      .map((line) => JSON.parse(line) as Partial<Seen6>)
      .filter((line): line is Seen6 => line.seen !== undefined);
  }

  /** Those of a type. */
  seen(type: number): readonly Seen6[] {
    return this.all.filter((message) => message.seen === type);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.server[Symbol.asyncDispose]();
  }
}

interface Seen6 {
  readonly seen: number;
  readonly duid: string;
  readonly iaids: readonly number[];
  readonly hints: readonly string[];
  readonly sent: Readonly<Record<string, string>>;
}

/** The server that says what it is told. */
export class TalkingServer implements AsyncDisposable {
  readonly server: Server;

  constructor(spaces: Namespaces, node: string) {
    const script = fileURLToPath(new URL('../interop/dhcp-server.ts', import.meta.url));
    this.server = new Server(spaces, node, NODE, [script, '198.51.100.1']);
  }

  async mood(mood: Partial<ServerMood>): Promise<void> {
    await this.server.said(/"ready"/);
    const from = this.server.lines.length;
    this.server.write(JSON.stringify(mood));
    await this.server.said(/"mood"/, from);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.server[Symbol.asyncDispose]();
  }
}
