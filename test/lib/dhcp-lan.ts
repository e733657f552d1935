import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { DhcpServerObserved } from '../../src/services/dhcp-server/config.ts';
import { Server } from './isp.ts';
import { Namespaces, sh } from './netns.ts';
import { Router, type RouterOptions } from './router.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const SERVER = 'Device.DHCPv4.Server.';
export const POOL = `${SERVER}Pool.1.`;
const SEGMENT = `${SERVER}X_GATEHOUSE_Segment.1.`;

const program = (name: string): string =>
  fileURLToPath(new URL(`../interop/${name}.ts`, import.meta.url));

export interface DhcpLanOptions extends RouterOptions {
  /** Segments with a switch each; the daemon knows them as `lan0`, `lan1`… */
  readonly segments?: number;
}

/**
 * A router whose DHCP server serves a switch: `r` lan0 — `sw` br0 — eth0 of each node that is plugged
 * in. Nothing of the router runs but server and network.
 */
export class DhcpLan implements AsyncDisposable {
  readonly spaces: Namespaces;
  readonly router: Router;
  readonly #stack = new AsyncDisposableStack();
  readonly #ports: string[] = [];

  constructor(name: string, { segments = 1, ...options }: DhcpLanOptions = {}) {
    this.spaces = this.#stack.use(new Namespaces(name));
    for (let i = 0; i < segments; i++) {
      this.spaces.make('sw');
      this.#ip('link', 'add', `br${i}`, 'type', 'bridge');
      this.#ip('link', 'set', `br${i}`, 'up');
      this.#join(['r', `lan${i}`], `r${i}`, i);
    }
    this.router = this.#stack.use(new Router(this.spaces, 'r', options));
  }

  start(): Promise<void> {
    return this.router.start('--only', 'dhcp-server,network');
  }

  /** A node on a segment; its interface is `eth0`, its port on the switch is called `to-NODE`. */
  plug(node: string, segment = 0): void {
    this.#join([node, 'eth0'], node, segment);
  }

  /** Into another socket of the wall; the node is not told. */
  move(node: string, segment: number): void {
    this.#ip('link', 'set', `to-${node}`, 'master', `br${segment}`);
  }

  /** Hears all ports that are plugged in so far. */
  async witness(): Promise<Server> {
    const heard = this.#server('sw', program('dhcp-witness'), ...this.#ports);
    await heard.said(/^ready$/);
    return heard;
  }

  /** A crowd of clients on `node`. */
  async crowd(node: string): Promise<Server> {
    const crowd = this.#server(node, program('dhcp-crowd'), 'eth0');
    await crowd.said(/^ready$/);
    return crowd;
  }

  /** A command line of `gatehouse`: what it printed, stdout and stderr. */
  async cli(...args: string[]): Promise<string> {
    const program = join(ROOT, sh(join(ROOT, 'scripts/entry')).trim());
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [program, ...args], {
      env: { ...process.env, GATEHOUSE_UBUS_SOCKET: this.router.socket },
    });
    return `${stdout}${stderr}`;
  }

  /** Ends with the LAN. */
  use<T extends AsyncDisposable>(value: T): T {
    return this.#stack.use(value);
  }

  /** The daemon answers on the segment: its pool is served. */
  async served(pool = POOL): Promise<void> {
    await this.router.waitFor(`${pool}Status`, 'Enabled');
  }

  /** Counters and pools as they are now; the model has them a quarter of a second later. */
  async status(): Promise<Pick<DhcpServerObserved, 'counts' | 'pools'>> {
    const { data } = await this.router.call('gatehouse.dhcp-server', 'status');
    return data as DhcpServerObserved;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }

  #server(node: string, file: string, ...args: string[]): Server {
    return this.#stack.use(new Server(this.spaces, node, process.execPath, [file, ...args]));
  }

  #join(end: readonly [node: string, ifName: string], name: string, segment: number): void {
    const port = `to-${name}`;
    this.spaces.link(end, ['sw', port]);
    this.#ip('link', 'set', port, 'master', `br${segment}`);
    this.#ports.push(port);
  }

  #ip(...args: string[]): void {
    this.spaces.exec('sw', 'ip', ...args);
  }
}

/** Rows of a LAN of another size than the first start's. */
export const lanRows = (lan: {
  readonly address: string;
  readonly mask: string;
  readonly min: string;
  readonly max: string;
  readonly more?: Readonly<Record<string, string>>;
}): Record<string, string> => ({
  'Device.IP.Interface.2.IPv4Address.1.IPAddress': lan.address,
  'Device.IP.Interface.2.IPv4Address.1.SubnetMask': lan.mask,
  [`${POOL}MinAddress`]: lan.min,
  [`${POOL}MaxAddress`]: lan.max,
  [`${POOL}SubnetMask`]: lan.mask,
  ...lan.more,
});

/** How the server shares the LAN: parameters of `X_GATEHOUSE_Segment.`. */
export const segmentRows = (values: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries({ Interface: 'Device.IP.Interface.2', ...values }).map(([name, value]) => [
      `${SEGMENT}${name}`,
      value,
    ]),
  );

/** Limits that a crowd would meet. */
export const NO_GUARD: Readonly<Record<string, string>> = {
  [`${SERVER}X_GATEHOUSE_Guard.NewClientsPerSec`]: '0',
  [`${SERVER}X_GATEHOUSE_Guard.AnswersPerClient`]: '0',
};
