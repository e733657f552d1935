/**
 * A provider with IPv6 alone and MAP-T: `lan` — `r` — `isp` (a router of IPv6) — `br` (the border
 * relay: TAYGA, and nft that lets through the customer's ports only, as RFC 7597 §8.1 asks of it) —
 * `web` (IPv4 alone, 203.0.113.10 and its neighbours).
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PortRange } from '../../src/services/map/addressing.ts';
import { Server } from './isp.ts';
import type { Namespaces } from './netns.ts';

const WAN_MAC = '02:00:00:00:67:02';
const WAN_LINK_LOCAL = 'fe80::ff:fe00:6702';
const RELAY_PREFIX = '2001:db8:ffff::/64';
export const WEB = '203.0.113.10';

export interface Customer {
  /** Prefix that the provider routes to the router. */
  readonly delegated: string;
  readonly address: string;
  readonly address6: string;
  readonly ports: readonly PortRange[];
}

export const CUSTOMER: Customer = {
  delegated: '2001:db8:12:3400::/56',
  ...{ address: '192.0.2.18', address6: '2001:db8:12:3400:0:c000:212:34' },
  ports: Array.from({ length: 63 }, (_, i) => ({
    ...{ first: (i + 1) * 1024 + 0x34 * 4, last: (i + 1) * 1024 + 0x34 * 4 + 3 },
  })),
};

/** Has the same address, with the PSID after it. */
export const NEIGHBOUR: Customer = {
  delegated: '2001:db8:12:3500::/56',
  ...{ address: CUSTOMER.address, address6: '2001:db8:12:3500:0:c000:212:35' },
  ports: CUSTOMER.ports.map(({ first, last }) => ({ first: first + 4, last: last + 4 })),
};

/** Rows of a domain as a user would set it. */
export const DOMAIN_ROWS: Readonly<Record<string, string>> = {
  'Device.DHCPv4.Client.1.Enable': 'false',
  'Device.IP.Interface.1.IPv6Prefix.1.Enable': 'true',
  'Device.IP.Interface.1.IPv6Prefix.1.Prefix': CUSTOMER.delegated,
  'Device.MAP.Domain.1.Enable': 'true',
  'Device.MAP.Domain.1.WANInterface': 'Device.IP.Interface.1',
  'Device.MAP.Domain.1.IPv6Prefix': 'Device.IP.Interface.1.IPv6Prefix.1',
  'Device.MAP.Domain.1.BRIPv6Prefix': RELAY_PREFIX,
  'Device.MAP.Domain.1.Rule.1.Enable': 'true',
  'Device.MAP.Domain.1.Rule.1.IPv6Prefix': '2001:db8::/40',
  'Device.MAP.Domain.1.Rule.1.IPv4Prefix': '192.0.2.0/24',
  'Device.MAP.Domain.1.Rule.1.EABitsLength': '16',
};

export class MapNet implements AsyncDisposable {
  readonly #spaces: Namespaces;
  readonly #folder = mkdtempSync(join(tmpdir(), 'gh-map-'));
  readonly #servers: Server[] = [];

  constructor(spaces: Namespaces) {
    this.#spaces = spaces;
    const { exec } = { exec: spaces.exec.bind(spaces) };
    spaces.link(['r', 'wan0'], ['isp', 'isp0']);
    spaces.link(['r', 'lan0'], ['lan', 'eth0']);
    spaces.link(['isp', 'br0'], ['br', 'isp0']);
    spaces.link(['br', 'web0'], ['web', 'eth0']);
    exec('r', 'ip', 'link', 'set', 'wan0', 'down');
    exec('r', 'ip', 'link', 'set', 'lan0', 'down');
    exec('r', 'ip', 'link', 'set', 'wan0', 'address', WAN_MAC);
    for (const node of ['isp', 'br']) {
      exec(node, 'sh', '-c', 'echo 1 >/proc/sys/net/ipv6/conf/all/forwarding');
      exec(node, 'sh', '-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward');
    }
    const address = (node: string, text: string, ifName: string) =>
      exec(
        node,
        'ip',
        'address',
        'add',
        text,
        'dev',
        ifName,
        ...(text.includes(':') ? ['nodad'] : []),
      );
    address('isp', 'fe80::1/64', 'isp0');
    address('isp', '2001:db8:e::1/64', 'br0');
    address('br', '2001:db8:e::2/64', 'isp0');
    address('br', '203.0.113.1/24', 'web0');
    for (let host = 10; host < 26; host++) address('web', `203.0.113.${host}/24`, 'eth0');
    exec('web', 'ip', 'route', 'add', 'default', 'via', '203.0.113.1');
    exec('isp', 'ip', 'route', 'add', RELAY_PREFIX, 'via', '2001:db8:e::2');
    exec('br', 'ip', 'route', 'add', '2001:db8::/32', 'via', '2001:db8:e::1');
    address('lan', '192.168.1.100/24', 'eth0');
    exec('lan', 'ip', 'route', 'add', 'default', 'via', '192.168.1.1');
  }

  /** The way of IPv6 between provider and router; the router's end is up. */
  routed(delegated = CUSTOMER.delegated): void {
    const { exec } = { exec: this.#spaces.exec.bind(this.#spaces) };
    exec('isp', 'ip', 'route', 'replace', delegated, 'via', WAN_LINK_LOCAL, 'dev', 'isp0');
    exec('r', 'ip', '-6', 'route', 'replace', 'default', 'via', 'fe80::1', 'dev', 'wan0');
  }

  /** Starts the border relay for a customer; what leaves it from other ports is counted and dropped. */
  async relay({ address, address6, ports }: Customer = CUSTOMER): Promise<void> {
    const { exec } = { exec: this.#spaces.exec.bind(this.#spaces) };
    const config = join(this.#folder, 'relay.conf');
    writeFileSync(
      config,
      `tun-device nat64
ipv4-addr 192.0.2.254
ipv6-addr 2001:db8:e::64
prefix ${RELAY_PREFIX}
map ${address} ${address6}
`,
    );
    exec('br', 'tayga', '--mktun', '-c', config);
    // A relay for many customers has room for what they begin at once.
    exec('br', 'ip', 'link', 'set', 'nat64', 'up', 'txqueuelen', '4000');
    exec('br', 'ip', 'route', 'add', '192.0.2.0/24', 'dev', 'nat64');
    exec('br', 'ip', 'route', 'add', RELAY_PREFIX, 'dev', 'nat64');
    const sets = ports.map(({ first, last }) => `${first}-${last}`).join(', ');
    exec(
      'br',
      'nft',
      `table ip relay {
        counter foreign {}
        set ports { type inet_service; flags interval; elements = { ${sets} } }
        chain forward {
          type filter hook forward priority filter; policy accept;
          iifname "nat64" ip frag-off & 0x1fff != 0 accept comment "behind a first fragment"
          iifname "nat64" meta l4proto { tcp, udp } th sport @ports accept
          iifname "nat64" icmp type echo-request icmp id != { ${sets} } counter name foreign drop
          iifname "nat64" meta l4proto icmp accept
          iifname "nat64" counter name foreign drop
        }
      }`,
    );
    const pid = join(this.#folder, 'relay.pid');
    this.#servers.push(
      new Server(this.#spaces, 'br', 'tayga', ['--nodetach', '-c', config, '-p', pid]),
    );
  }

  /**
   * A second customer beside the first, with whom it shares the address: router `r2`, host `lan2`. The
   * relay tells them apart by the port, and by the IPv6 address on the way back.
   */
  async neighbour(): Promise<void> {
    const { exec } = { exec: this.#spaces.exec.bind(this.#spaces) };
    const { address, address6, ports, delegated } = NEIGHBOUR;
    this.#spaces.link(['r2', 'wan0'], ['isp', 'isp1']);
    this.#spaces.link(['r2', 'lan0'], ['lan2', 'eth0']);
    exec('r2', 'ip', 'link', 'set', 'wan0', 'down');
    exec('r2', 'ip', 'link', 'set', 'lan0', 'down');
    exec('r2', 'ip', 'link', 'set', 'wan0', 'address', WAN_MAC);
    exec('isp', 'ip', 'address', 'add', 'fe80::1/64', 'dev', 'isp1', 'nodad');
    exec('isp', 'ip', 'route', 'add', delegated, 'via', WAN_LINK_LOCAL, 'dev', 'isp1');
    exec('lan2', 'ip', 'address', 'add', '192.168.1.100/24', 'dev', 'eth0');
    exec('lan2', 'ip', 'route', 'add', 'default', 'via', '192.168.1.1');
    const config = join(this.#folder, 'relay2.conf');
    writeFileSync(
      config,
      `tun-device nat64b
ipv4-addr 192.0.2.253
ipv6-addr 2001:db8:e::65
prefix ${RELAY_PREFIX}
map ${address} ${address6}
`,
    );
    exec('br', 'tayga', '--mktun', '-c', config);
    exec('br', 'ip', 'link', 'set', 'nat64b', 'up', 'txqueuelen', '4000');
    for (const name of ['all', 'nat64b', 'web0'])
      exec('br', 'sh', '-c', `echo 0 >/proc/sys/net/ipv4/conf/${name}/rp_filter`);
    exec('br', 'ip', '-6', 'rule', 'add', 'from', address6, 'lookup', '102');
    exec('br', 'ip', '-6', 'route', 'add', RELAY_PREFIX, 'dev', 'nat64b', 'table', '102');
    exec('br', 'ip', 'rule', 'add', 'fwmark', '2', 'lookup', '102');
    exec('br', 'ip', 'route', 'add', address, 'dev', 'nat64b', 'table', '102');
    const sets = ports.map(({ first, last }) => `${first}-${last}`).join(', ');
    exec(
      'br',
      'nft',
      `table ip relay {
        chain tell {
          type filter hook prerouting priority mangle; policy accept;
          iifname "web0" meta l4proto { tcp, udp } th dport { ${sets} } meta mark set 2
          iifname "web0" icmp id { ${sets} } meta mark set 2
        }
        chain forward {
          iifname "nat64b" meta l4proto { tcp, udp } th sport { ${sets} } accept
          iifname "nat64b" icmp id { ${sets} } accept
          iifname "nat64b" counter name foreign drop
        }
      }`,
    );
    const pid = join(this.#folder, 'relay2.pid');
    this.#servers.push(
      new Server(this.#spaces, 'br', 'tayga', ['--nodetach', '-c', config, '-p', pid]),
    );
  }

  /** Packets that came to the relay from ports that are not the customer's. */
  get foreign(): number {
    const text = this.#spaces.exec('br', 'nft', 'list', 'counter', 'ip', 'relay', 'foreign');
    return Number(/packets (\d+)/.exec(text)?.[1] ?? Number.NaN);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) await server[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Runs a program inside `node` to its end without blocking this process; gives stdout, or throws. */
export async function within(
  spaces: Namespaces,
  node: string,
  file: string,
  ...args: string[]
): Promise<string> {
  const child = spawn('ip', spaces.argv(node, file, ...args), {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let bad = '';
  child.stdout.on('data', (chunk) => (out += String(chunk)));
  child.stderr.on('data', (chunk) => (bad += String(chunk)));
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`${file} ended with ${code}: ${bad}${out}`);
  return out;
}
