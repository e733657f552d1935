/**
 * A whole router whose node of the DHT is flooded from the WAN or from the LAN, and what its DNS and
 * DHCP clients have of it meanwhile.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { tell } from './dhcp-crowd.ts';
import { NO_GUARD, POOL, segmentRows } from './dhcp-lan.ts';
import { Server } from './isp.ts';
import { median } from './median.ts';
import { home, type Namespaces } from './netns.ts';
import { Router } from './router.ts';

const BENCH = fileURLToPath(new URL('../bench/', import.meta.url));
const CROWD = fileURLToPath(new URL('../interop/dhcp-crowd.ts', import.meta.url));
const DHT = 'Device.X_GATEHOUSE_DHT.';
const DNS = 'Device.X_GATEHOUSE_DNS.';
const WAN = 'Device.IP.Interface.1.IPv4Address.1.';
const PORT = 6889;
const KNOWN = 200;
/** Between two clients. */
const REST_MS = 25;
/** Who comes: each goes before it comes again. */
const CLIENTS = 50;

/** The defaults of the model. */
export const BUDGET = { packetsInPerSec: 500, packetsOutPerSec: 250, bytesOutPerSec: 60_000 };

const ROWS = {
  [`${WAN}Enable`]: 'true',
  [`${WAN}IPAddress`]: '198.51.100.2',
  [`${WAN}SubnetMask`]: '255.255.255.0',
  'Device.DHCPv4.Client.1.Enable': 'false',
  'Device.DNS.Relay.Enable': 'true',
  'Device.DNS.Relay.Forwarding.1.Enable': 'true',
  'Device.DNS.Relay.Forwarding.1.DNSServer': '198.51.100.1',
  [`${DNS}Addresses`]: '192.168.1.1',
  [`${DNS}Allow`]: '192.168.1.0/24',
  // More than a client of the LAN asks for.
  [`${DNS}ClientRate`]: '0',
  [`${DNS}TLSPort`]: '0',
  [`${DNS}DNSSEC.Enable`]: 'false',
  [`${DHT}Enable`]: 'true',
  [`${DHT}BootstrapNodes`]: '10.99.0.1:6881',
  [`${DHT}PrivateNetworks`]: '10.99.0.0/16',
  ...NO_GUARD,
  // The half second in which an address is probed would hide what a flood costs.
  ...segmentRows({ Probe: 'false' }),
};

export interface Flooded {
  readonly sent: number;
  readonly packets: number;
  readonly bytes: number;
  /** Within any second. */
  readonly mostPackets: number;
  readonly mostBytes: number;
  readonly uncounted: number;
  readonly sec: number;
}

export interface Asked {
  readonly asked: number;
  readonly answered: number;
  readonly p50us: number;
  readonly p99us: number;
}

export interface Leased {
  readonly acked: number;
  readonly silent: number;
  /** DISCOVER to ACK. */
  readonly p50ms: number;
  readonly p99ms: number;
}

const quantile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor(share * (values.length - 1))] ?? Number.NaN;

export class FloodedHome implements AsyncDisposable {
  readonly router: Router;
  readonly #stack = new AsyncDisposableStack();
  readonly #spaces: Namespaces;
  readonly #folder: string;
  readonly #names: string;
  #crowd: Server | undefined;
  #clients = 0;

  constructor(name: string) {
    this.#folder = mkdtempSync(join(tmpdir(), 'gh-dht-flood-'));
    this.#stack.defer(() => rmSync(this.#folder, { recursive: true }));
    for (const source of ['dht/flood', 'dns/load', 'dns/responder']) {
      const out = this.#program(source);
      execFileSync('gcc', ['-O2', '-Wall', join(BENCH, `${source}.c`), '-o', out]);
    }
    this.#names = join(this.#folder, 'names');
    const lines = Array.from({ length: KNOWN }, (_, i) => `known${i}.example\n`);
    writeFileSync(this.#names, lines.join(''));
    const spaces = this.#stack.use(home(name));
    this.#spaces = spaces;
    spaces.exec('lan', 'ip', 'address', 'add', '192.168.1.50/24', 'dev', 'eth0');
    this.router = this.#stack.use(new Router(spaces, 'r', { rows: ROWS }));
  }

  /** Until the names are known and leases are given. */
  async start(only = 'firewall,network,dns,dhcp-server,dht'): Promise<void> {
    const responder = this.#run('isp', 'dns/responder', '198.51.100.1', '53');
    this.#stack.defer(() => void responder.kill());
    await once(responder.stdout, 'data');
    await this.router.start('--only', only);
    await this.router.waitFor(`${POOL}Status`, 'Enabled');
    await this.router.waitFor(`${DHT}Status`, 'Starting');
    // Where those are to be answered who say that they are there.
    this.#spaces.exec('r', 'ip', 'route', 'add', '10.99.0.0/16', 'via', '198.51.100.1');
    this.#crowd = this.#stack.use(
      new Server(this.#spaces, 'lan', process.execPath, [CROWD, 'eth0']),
    );
    await this.#crowd.said(/^ready$/);
    await this.router.until('it knows all names', async () => {
      const { asked, good } = await this.#ask('once', 8, 0);
      return good === asked;
    });
    await this.leases(0);
  }

  /** What leaves is counted at the WAN, whose addresses all datagrams say that they come from. */
  async flood(from: 'wan' | 'lan', perSec: number, sec: number): Promise<Flooded> {
    const wan = ['isp', 'isp0', 'wan0', '198.51.100.2'] as const;
    if (from === 'wan') return this.#flood(wan, perSec, sec);
    const lan = ['lan', 'eth0', 'lan0', '192.168.1.1'] as const;
    const [said, heard] = await Promise.all([
      this.#flood(lan, perSec, sec),
      this.#flood(wan, 0, sec),
    ]);
    return { ...heard, sent: said.sent };
  }

  /** A client of the LAN asks for names that are known. */
  ask(perSec: number, sec: number): Promise<Asked> {
    return this.#ask('paced', perSec, sec);
  }

  /** One client after the other, for so long; at least one. */
  async leases(sec: number): Promise<Leased> {
    const crowd = this.#crowd;
    if (crowd === undefined) throw new Error('it was not started');
    const took: number[] = [];
    let silent = 0;
    const end = performance.now() + sec * 1000;
    do {
      this.#clients = (this.#clients % CLIENTS) + 1;
      const one = { first: this.#clients, count: 1 };
      const outcome = await tell(crowd, { do: 'acquire', ...one, tries: 3, waitMs: 5000 });
      silent += outcome.silent;
      if (outcome.acked === 1) took.push(outcome.ms);
      await tell(crowd, { do: 'release', ...one });
      await pause(REST_MS);
    } while (performance.now() < end);
    return { acked: took.length, silent, p50ms: median(took), p99ms: quantile(took, 0.99) };
  }

  /** Datagrams that came to the node's sockets, whether or not there was room for them. */
  async arrived(): Promise<number> {
    const stats = await this.router.get(`${DHT}Stats.`);
    return (
      Number(stats[`${DHT}Stats.PacketsReceived`]) + Number(stats[`${DHT}Stats.DroppedKernel`])
    );
  }

  /** Entries of connection tracking. */
  flows(): number {
    const path = '/proc/sys/net/netfilter/nf_conntrack_count';
    return Number(this.#spaces.exec('r', 'cat', path));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  async #flood(
    [node, ifName, theirs, address]: readonly [string, string, string, string],
    perSec: number,
    sec: number,
  ): Promise<Flooded> {
    const mac = this.#spaces.exec('r', 'cat', `/sys/class/net/${theirs}/address`).trim();
    const args = [ifName, mac, address, String(PORT), String(perSec), String(sec)];
    const child = this.#run(node, 'dht/flood', ...args);
    const [out, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    if (code !== 0) throw new Error(`flood ${args.join(' ')}: exit ${code}`);
    const figures = out.trim().split(' ').map(Number);
    const [sent = 0, packets = 0, bytes = 0, mostPackets = 0, mostBytes = 0] = figures;
    const [uncounted = 0, took = 0] = figures.slice(5);
    return { sent, packets, bytes, mostPackets, mostBytes, uncounted, sec: took };
  }

  async #ask(mode: 'once' | 'paced', how: number, sec: number): Promise<Asked & { good: number }> {
    const args = ['192.168.1.1', '53', this.#names, mode, String(how), String(sec)];
    const child = this.#run('lan', 'dns/load', ...args);
    const [out] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    const [asked = 0, answered = 0, good = 0, , p50us = 0, p99us = 0] = out
      .trim()
      .split(' ')
      .map(Number);
    return { asked, answered, good, p50us, p99us };
  }

  #run(node: string, source: string, ...args: string[]) {
    return spawn('ip', this.#spaces.argv(node, this.#program(source), ...args), {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  }

  #program(source: string): string {
    return join(this.#folder, source.replace('/', '-'));
  }
}
