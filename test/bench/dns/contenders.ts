/**
 * The DNS servers that are compared, each alone on one core in the namespace `server`, on
 * 10.77.0.1. All forward to the responder, without DNSSEC, and block the names of a list
 * with the address 0.0.0.0 where they can.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  createWriteStream,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';
import type { Namespaces } from '../../lib/netns.ts';
import { Router } from '../../lib/router.ts';
import { cpuSec, residentMb, statusMb } from '../../lib/usage.ts';

export const ADDRESS = '10.77.0.1';
export const UPSTREAM = '10.78.0.53';
export const UPSTREAM_PORT = '5399';
const SERVER_CORE = '0';
const CACHE_NAMES = 50_000;

export interface Running extends AsyncDisposable {
  /** User and system time of the process so far (proc(5), stat 14 and 15). */
  cpuSec(): number;
  /** Resident, in bytes. */
  rssBytes(): number;
  /** Of its compiled list, all pages, where that is a mapped file: beside it, a collected heap is noise. */
  readonly mappedBytes?: number;
  /** The most that was resident while it compiled its list, where it does that. */
  readonly peakBytes: number | undefined;
}

/** What a server is to know beside what its upstream says. */
export interface Names {
  readonly blocked: readonly string[];
}

export interface Contender {
  readonly name: string;
  readonly blocks: boolean;
  start(spaces: Namespaces, names: Names, folder: string): Promise<Running>;
}

/** On the server's core, with a priority that everything measured has alike. */
function pin(pid: number): void {
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    execFileSync('taskset', ['-cp', SERVER_CORE, task], { stdio: 'ignore' });
    execFileSync('renice', ['-n', '-19', '-p', task], { stdio: 'ignore' });
  }
}

/** A program in the namespace. It is ready when it has said so, or else when it answers, which the caller finds out. */
export async function program(
  spaces: Namespaces,
  node: string,
  argv: readonly string[],
  ready?: RegExp,
): Promise<Running> {
  const [file = '', ...args] = spaces.argv(node, argv[0] ?? '', ...argv.slice(1));
  const child = spawn('ip', [file, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const said: string[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      if (said.push(line) > 50) said.shift();
      if (ready?.test(line)) resolve();
    });
  }
  child.once('exit', () => reject(new Error(`${argv[0]} ended: ${said.join('\n')}`)));
  if (ready === undefined) resolve();
  await promise;
  const pid = child.pid ?? 0; // `ip netns exec` becomes the program
  pin(pid);
  return {
    peakBytes: undefined,
    ...runningOf(pid),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}

async function writeLines(path: string, lines: Iterable<string>): Promise<string> {
  const stream = createWriteStream(path);
  for (const line of lines) {
    if (!stream.write(`${line}\n`)) await once(stream, 'drain');
  }
  stream.end();
  await finished(stream);
  return path;
}

const versionOf = (file: string, ...args: string[]): string => {
  const { stdout, stderr } = spawnSync(file, args, { encoding: 'utf8' });
  return (
    /\d+\.\d+(\.\d+)?/.exec(
      stdout.replace(/^.*Recursor/s, '') || stderr.replace(/^.*Recursor/s, ''),
    )?.[0] ?? ''
  );
};

/** What the kernel alone takes. */
export const echo = (): Contender => ({
  name: 'echo in C',
  blocks: false,
  async start(spaces, _names, folder) {
    const file = join(folder, 'echo');
    execFileSync('gcc', ['-O2', '-Wall', join(import.meta.dirname, 'echo.c'), '-o', file]);
    return program(spaces, 'server', [file, ADDRESS, '53'], /ready/);
  },
});

const DNS = 'Device.X_GATEHOUSE_DNS.';

/** The daemon as it ships, with the DNS server alone; it compiles the list itself. */
export const gatehouse = (): Contender => ({
  name: 'gatehouse',
  blocks: true,
  async start(spaces, { blocked }, folder) {
    const list = await writeLines(join(folder, 'list'), blocked);
    // The daemon is another user.
    chmodSync(folder, 0o755);
    const router = new Router(spaces, 'server', {
      rows: {
        'Device.DNS.Relay.Enable': 'true',
        'Device.DNS.Relay.Forwarding.1.Enable': 'true',
        'Device.DNS.Relay.Forwarding.1.DNSServer': UPSTREAM,
        'Device.DNS.Relay.Forwarding.1.X_GATEHOUSE_Port': UPSTREAM_PORT,
        [`${DNS}Addresses`]: ADDRESS,
        [`${DNS}Allow`]: '10.77.0.0/24',
        // Nor do the others limit clients, write a log, or validate.
        [`${DNS}ClientRate`]: '0',
        [`${DNS}TLSPort`]: '0',
        [`${DNS}DNSSEC.Enable`]: 'false',
        [`${DNS}QueryLog.Privacy`]: 'Off',
        [`${DNS}List.9.Enable`]: 'true',
        [`${DNS}List.9.Name`]: 'Synthetic',
        [`${DNS}List.9.AllGroups`]: 'true',
        [`${DNS}List.9.Format`]: 'Plain',
        [`${DNS}List.9.URL`]: blocked.length > 0 ? `file://${list}` : '',
      },
    });
    await router.start('--only', 'dns');
    pin(router.pid);
    const names = async (): Promise<boolean> => {
      const { data } = await router.call('gatehouse.dns', 'lists');
      return Number((data as { names?: number } | null)?.names) >= blocked.length;
    };
    await router.until('its list is compiled', names, 120_000);
    const compiling = statusMb(router.pid, 'VmHWM') * 2 ** 20;
    // The next start has the compiled file.
    await router.stop();
    await router.start('--only', 'dns');
    pin(router.pid);
    await router.until('it has the list', names);
    return {
      ...runningOf(router.pid),
      peakBytes: compiling,
      mappedBytes: mappedBytes(router.pid, '/dns-lists/'),
      async [Symbol.asyncDispose]() {
        await router.stop();
        await router[Symbol.asyncDispose]();
      },
    };
  },
});

/** Of the files whose path holds `part`. */
function mappedBytes(pid: number, part: string): number {
  let bytes = 0;
  for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
    const [, from = '', to = ''] = /^([0-9a-f]+)-([0-9a-f]+) /.exec(line) ?? [];
    if (line.includes(part)) bytes += Number.parseInt(to, 16) - Number.parseInt(from, 16);
  }
  return bytes;
}

const runningOf = (pid: number): Pick<Running, 'cpuSec' | 'rssBytes'> => ({
  cpuSec: () => cpuSec(pid),
  rssBytes: () => residentMb(pid) * 2 ** 20,
});

export const unbound = (): Contender => ({
  name: `unbound ${versionOf('unbound', '-V')}`,
  blocks: true,
  async start(spaces, { blocked }, folder) {
    const zones = await writeLines(
      join(folder, 'zones'),
      blocked.values().map((name) => `local-zone: "${name}" always_null`),
    );
    const conf = join(folder, 'unbound.conf');
    writeFileSync(
      conf,
      `server:
  num-threads: 1
  interface: ${ADDRESS}
  access-control: 0.0.0.0/0 allow
  do-not-query-localhost: no
  username: ""
  chroot: ""
  directory: "${folder}"
  pidfile: ""
  use-syslog: no
  module-config: "iterator"
  msg-cache-size: 64m
  rrset-cache-size: 128m
  num-queries-per-thread: 4096
  outgoing-range: 8192
  minimal-responses: yes
  include: "${zones}"
forward-zone:
  name: "."
  forward-addr: ${UPSTREAM}@${UPSTREAM_PORT}
remote-control:
  control-enable: no
`,
    );
    return program(spaces, 'server', ['unbound', '-d', '-c', conf]);
  },
});

export const dnsmasq = (): Contender => ({
  name: `dnsmasq ${versionOf('dnsmasq', '--version')}`,
  blocks: true,
  async start(spaces, { blocked }, folder) {
    const conf = await writeLines(
      join(folder, 'dnsmasq.conf'),
      blocked.values().map((name) => `address=/${name}/0.0.0.0`),
    );
    return program(spaces, 'server', [
      ...['dnsmasq', '--keep-in-foreground', `--conf-file=${conf}`, '--user=root', '--pid-file='],
      ...[`--listen-address=${ADDRESS}`, '--bind-interfaces', '--no-hosts', '--no-resolv'],
      ...[`--server=${UPSTREAM}#${UPSTREAM_PORT}`, `--cache-size=${CACHE_NAMES}`],
      ...['--dns-forward-max=1000', '--log-facility=-'],
    ]);
  },
});

/** The response policy zone that gives each of the names, and those below, the address 0.0.0.0. */
function* policyZone(names: readonly string[]): Generator<string> {
  yield '$TTL 3600';
  yield '@ SOA localhost. nobody.invalid. 1 3600 1200 604800 60';
  yield '@ NS localhost.';
  for (const name of names) yield `${name} A 0.0.0.0`;
}

export const recursor = (): Contender => ({
  name: `pdns-recursor ${versionOf('pdns_recursor', '--version')}`,
  blocks: true,
  async start(spaces, { blocked }, folder) {
    const zone = await writeLines(join(folder, 'rpz'), policyZone(blocked));
    const lua = join(folder, 'policy.lua');
    writeFileSync(lua, blocked.length > 0 ? `rpzFile("${zone}", {policyName="bench"})\n` : '');
    const settings = {
      'config-dir': folder,
      'socket-dir': folder,
      'local-address': ADDRESS,
      'allow-from': '0.0.0.0/0',
      'dont-query': '',
      'forward-zones-recurse': `.=${UPSTREAM}:${UPSTREAM_PORT}`,
      'lua-config-file': lua,
      dnssec: 'off',
      threads: '1',
      'pdns-distributes-queries': 'no',
      daemon: 'no',
      'write-pid': 'no',
      'disable-syslog': 'yes',
      quiet: 'yes',
      loglevel: '3',
    };
    const options = Object.entries(settings).map(([key, value]) => `--${key}=${value}`);
    return program(spaces, 'server', ['pdns_recursor', ...options]);
  },
});

/** Its lists are tables of Lua, in which a million names want more than is to be had; it is measured without. */
export const knotResolver = (): Contender => ({
  name: `knot-resolver ${versionOf('kresd', '-V')}`,
  blocks: false,
  async start(spaces, _names, folder) {
    const conf = join(folder, 'kresd.conf');
    writeFileSync(
      conf,
      `net.listen('${ADDRESS}', 53, { kind = 'dns' })
trust_anchors.remove('.')
cache.size = 64 * MB
policy.add(policy.all(policy.STUB('${UPSTREAM}@${UPSTREAM_PORT}')))
`,
    );
    return program(spaces, 'server', ['kresd', '-n', '-c', conf, folder]);
  },
});

export const folderOf = (): Disposable & { readonly path: string } => {
  const path = mkdtempSync(join(tmpdir(), 'gh-bench-dns-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
};
