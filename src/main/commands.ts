/** The commands of the services, as ubus and the command line offer them: `gatehouse call SERVICE COMMAND`. */

import { toHex } from '../base/bytes.ts';
import { formatIpv4, type Ipv4 } from '../base/ip.ts';
import { formatIpv6, type Ipv6 } from '../base/ip6.ts';
import { type CommandService, done, failed } from '../edge/ubus/gatehouse.ts';
import type { DhcpClientService } from '../services/dhcp-client/service.ts';
import type { Dhcp6ClientService } from '../services/dhcp6-client/service.ts';
import type { FirewallService } from '../services/firewall/service.ts';
import type { NetworkService } from '../services/network/service.ts';

export interface Services {
  readonly dhcpClient: DhcpClientService;
  readonly dhcp6Client: Dhcp6ClientService;
  readonly network: NetworkService;
  readonly firewall: FirewallService;
}

export const commandsOf = ({
  dhcpClient,
  dhcp6Client,
  network,
  firewall,
}: Services): CommandService[] => [
  {
    name: 'dhcp-client',
    about: 'the WAN’s lease: one udhcpc for each Device.DHCPv4.Client',
    commands: {
      status: {
        about: 'every client with its state, process and lease',
        args: {},
        run: async () => done(plain(dhcpClient.observed)),
      },
      renew: {
        about: 'asks the server for renewal now',
        args: { id: 'string' },
        run: async ({ id }) => {
          if (typeof id !== 'string') return failed('id is missing, such as dhcp4.1');
          const asked = await dhcpClient.renew(id);
          return asked.ok ? done() : failed(asked.error);
        },
      },
    },
  },
  {
    name: 'dhcp6-client',
    about:
      'IPv6 of the WAN: one client program for each Device.DHCPv6.Client, and where prefixes went',
    commands: {
      status: {
        about:
          'every client with its state, lease and options, and each network’s part of prefixes',
        args: {},
        run: async () => done(plain(dhcp6Client.observed)),
      },
      renew: {
        about: 'asks the server for renewal now',
        args: { id: 'string' },
        run: async ({ id }) => {
          if (typeof id !== 'string') return failed('id is missing, such as dhcp6.1');
          const asked = dhcp6Client.renew(id);
          return asked.ok ? done() : failed(asked.error);
        },
      },
    },
  },
  {
    name: 'network',
    about: 'links, addresses, routes and resolvers',
    commands: {
      status: {
        about: 'what the kernel holds, and who asked for it',
        args: {},
        run: async () => done(plain(network.observed)),
      },
    },
  },
  {
    name: 'firewall',
    about: 'table inet gatehouse of nftables',
    commands: {
      status: {
        about: 'whether the table stands, and what is masqueraded',
        args: {},
        run: async () => done(plain(firewall.observed)),
      },
    },
  },
];

/** Of the page, which is loaded after the commands are offered; undefined until then. */
export const httpCommands = (status: () => object | undefined): CommandService => ({
  name: 'http',
  about: 'the page: listeners, sessions, certificate',
  commands: {
    status: {
      about: 'where it listens, who is there, and what was refused',
      args: {},
      run: async () => {
        const now = status();
        return now === undefined ? failed('the page is not served') : done(now);
      },
    },
  },
});

const ADDRESSES: ReadonlySet<string> = new Set(['address', 'gateway', 'destination', 'server']);
const LISTS: ReadonlySet<string> = new Set(['routers', 'dnsServers']);

/** An observation as JSON: addresses dotted, counters as numbers, "never" for times without end. */
function plain(observed: object): object {
  const text = JSON.stringify(observed, (key, value: unknown) => {
    if (typeof value === 'number' && ADDRESSES.has(key)) return formatIpv4(value as Ipv4);
    if (Array.isArray(value) && LISTS.has(key)) {
      return value.map((a) => (typeof a === 'bigint' ? a : formatIpv4(a as Ipv4)));
    }
    if (value instanceof Uint8Array) return toHex(value);
    if (typeof value === 'bigint') {
      // Counters are no addresses, though both are large.
      const address = ADDRESSES.has(key) || /^\d+$/.test(key) || key === 'serverAddress';
      return address ? formatIpv6(value as Ipv6) : Number(value);
    }
    return value === Number.POSITIVE_INFINITY ? 'never' : value;
  });
  return JSON.parse(text) as object;
}
