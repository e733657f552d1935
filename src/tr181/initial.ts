/**
 * The rows of a first start: a router with one WAN by DHCP and one LAN, masqueraded, and a Wi-Fi where one is to be joined. The
 * configuration file's own rows come on top.
 */
import { isWirelessName } from '../base/if-name.ts';
import { formatPrefix6, type Ipv6Prefix } from '../base/ip6.ts';
import type { Result } from '../base/result.ts';
import type { Change, Fault, Model, Origin, WriteDone } from './model.ts';
import { ETHERNET, SSIDS } from './objects/interfaces.ts';
import { RADIOS } from './objects/wifi-params.ts';

export interface InitialSetup {
  /** Kernel names. */
  readonly wan: string | undefined;
  /** Several make a bridge. */
  readonly lan: readonly string[];
  /** A Wi-Fi that is joined besides: a second WAN, behind the first. */
  readonly wifi?: string | undefined;
  /** The box's own unique local /48 (RFC 4193); without one its LAN has no IPv6 but link-local. */
  readonly ula?: Ipv6Prefix;
  /** Full parameter path → value; they win over the defaults here, and add rows where they name new ones. */
  readonly overrides: Readonly<Record<string, string>>;
  /** The first administrator. */
  readonly account?: FirstAccount | undefined;
}

export interface FirstAccount {
  readonly username: string;
  /** In PHC form, or of crypt(5): that one is replaced at the first log-in. */
  readonly passwordHash: string;
}

const DNS = 'Device.X_GATEHOUSE_DNS.';
const USER = 'Device.Users.User.1.';

const REQUESTED_OPTIONS: readonly number[] = [
  1, // subnet mask
  3, // routers
  6, // resolvers
  12, // host name
  15, // domain
  26, // MTU
  28, // broadcast address
  33, // static routes
  42, // NTP servers
  51, // lease time
  54, // server
  58, // T1
  59, // T2
  119, // search domains (RFC 3397)
  121, // classless routes (RFC 3442)
  249, // classless routes, the number that older servers use
];

const ORIGIN: Origin = { user: 'gatehouse', via: 'config' };

/** Lays everything down in one write, checked like any other; all faults come together. */
export function layDownInitial(
  model: Model,
  setup: InitialSetup,
): Promise<Result<WriteDone, readonly Fault[]>> {
  const second = setup.wifi === undefined ? [] : [setup.wifi];
  const names = [...(setup.wan === undefined ? [] : [setup.wan]), ...setup.lan, ...second];
  const wireless = names.filter(isWirelessName);
  const wired = names.filter((name) => !isWirelessName(name));
  const numbered = (table: string, keys: readonly string[]) =>
    keys.map((key, i) => ({ table, key, instance: i + 1 }));
  const system = [
    ...numbered(ETHERNET, wired),
    ...numbered(SSIDS, wireless),
    ...numbered(RADIOS, wireless),
  ];
  const port = (name: string): string =>
    isWirelessName(name)
      ? `${SSIDS}${wireless.indexOf(name) + 1}`
      : `${ETHERNET}${wired.indexOf(name) + 1}`;
  const values = new Map<string, string>(
    [
      ...general(),
      ...(setup.wan === undefined ? [] : uplink('wan', FIRST_UPLINK, port(setup.wan))),
      ...second.flatMap((name) => uplink('wifi', SECOND_UPLINK, port(name))),
      ...(setup.lan.length === 0 ? [] : lan(setup.lan.map(port))),
      ...dns(setup.lan.length > 0),
      ...(setup.lan.length === 0 || setup.ula === undefined ? [] : lan6(setup.ula)),
      ...(setup.account === undefined ? [] : administrator(setup.account)),
      ...Object.entries(setup.overrides).map(([path, value]) => ({ path, value })),
    ].map(({ path, value }) => [path, value]),
  );
  const changes = [...values].map(([path, value]) => ({ path, value }));
  const stored =
    setup.account === undefined
      ? []
      : [{ path: `${USER}Password`, value: setup.account.passwordHash }];
  return model.layDown({ system, values: changes, stored }, ORIGIN);
}

const row = (object: string, values: Readonly<Record<string, string>>): Change[] =>
  Object.entries(values).map(([name, value]) => ({ path: `${object}${name}`, value }));

const general = (): Change[] => [
  ...row('Device.IP.Interface.3.', { Alias: 'loopback', Enable: 'true', Loopback: 'true' }),
  ...row('Device.Routing.Router.1.', { Alias: 'main', Enable: 'true' }),
  ...row('Device.DNS.Client.', { Enable: 'true' }),
];

const administrator = ({ username }: FirstAccount): Change[] =>
  row(USER, { Enable: 'true', Username: username, X_GATEHOUSE_Role: 'Administrator' });

/** Numbers of the rows that make an uplink. */
export interface UplinkNumbers {
  readonly ip: number;
  readonly nat: number;
  readonly client: number;
  readonly client6: number;
}

const FIRST_UPLINK: UplinkNumbers = { ip: 1, nat: 1, client: 1, client6: 1 };
/** The LAN and the loopback interface come between. */
const SECOND_UPLINK: UplinkNumbers = { ip: 4, nat: 2, client: 2, client6: 2 };

/** An interface towards an ISP, or whoever else gives addresses: masqueraded, IPv4 and IPv6 by DHCP. */
export function uplink(alias: string, numbers: UplinkNumbers, port: string): Change[] {
  const reference = `Device.IP.Interface.${numbers.ip}`;
  const client = `Device.DHCPv4.Client.${numbers.client}.`;
  const use = { Alias: alias, Enable: 'true', Interface: reference };
  return [
    ...row(`${reference}.`, {
      ...{ Alias: alias, Enable: 'true', LowerLayers: port, X_GATEHOUSE_Zone: 'Wan' },
    }),
    ...row(`Device.NAT.InterfaceSetting.${numbers.nat}.`, use),
    ...row(client, use),
    ...row(`Device.DHCPv6.Client.${numbers.client6}.`, { ...use, RequestPrefixes: 'true' }),
    // A server that comes back is found within 5 s: that is why these are shorter than TR-181's.
    ...row(`${client}Retransmission.`, { DiscoverInitialTimeout: '2', DiscoverMaxTimeout: '2' }),
    ...REQUESTED_OPTIONS.flatMap((code, i) =>
      row(`${client}ReqOption.${i + 1}.`, {
        ...{ Alias: `option-${code}`, Enable: 'true', Order: String(i + 1), Tag: String(code) },
      }),
    ),
  ];
}

const lan = (ports: readonly string[]): Change[] => [
  ...row('Device.IP.Interface.2.', {
    Alias: 'lan',
    Enable: 'true',
    LowerLayers: ports.join(','),
    X_GATEHOUSE_Zone: 'Lan',
  }),
  ...row('Device.IP.Interface.2.IPv4Address.1.', {
    Alias: 'lan',
    Enable: 'true',
    IPAddress: '192.168.1.1',
    SubnetMask: '255.255.255.0',
  }),
  // Moves along when the interface gets another subnet.
  ...row('Device.DHCPv4.Server.Pool.1.', {
    Alias: 'lan',
    Enable: 'true',
    Order: '1',
    Interface: 'Device.IP.Interface.2',
    MinAddress: '192.168.1.100',
    MaxAddress: '192.168.1.249',
    SubnetMask: '255.255.255.0',
    DomainName: 'lan',
  }),
];

/** The LAN asks the box. Nothing is blocked before its owner says what; what he says of single names counts for all. */
const dns = (hasLan: boolean): Change[] => [
  ...(hasLan ? [{ path: 'Device.DNS.Relay.Enable', value: 'true' }] : []),
  ...row(`${DNS}Group.1.`, { Alias: 'everybody' }),
  { path: `${DNS}DefaultGroup`, value: `${DNS}Group.1` },
  ...ownList(1, 'blocked', 'Block'),
  ...ownList(2, 'allowed', 'Allow'),
];

/** Of the names that are blocked or allowed one by one. */
const ownList = (instance: number, alias: string, effect: string): Change[] =>
  row(`${DNS}List.${instance}.`, {
    ...{ Alias: alias, Enable: 'true', Effect: effect },
    ...{ Format: 'Plain', AllGroups: 'true' },
  });

/** Hosts make their own addresses; DHCPv6 tells them the rest. */
const lan6 = (ula: Ipv6Prefix): Change[] => [
  { path: 'Device.IP.ULAPrefix', value: formatPrefix6(ula) },
  { path: 'Device.IP.Interface.2.ULAEnable', value: 'true' },
  ...row('Device.RouterAdvertisement.InterfaceSetting.1.', {
    Alias: 'lan',
    Enable: 'true',
    Interface: 'Device.IP.Interface.2',
    AdvOtherConfigFlag: 'true',
    X_GATEHOUSE_Domains: 'lan',
  }),
  ...row('Device.DHCPv6.Server.Pool.1.', {
    Alias: 'lan',
    Enable: 'true',
    Order: '1',
    Interface: 'Device.IP.Interface.2',
    X_GATEHOUSE_Domains: 'lan',
  }),
];
