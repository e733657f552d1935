/** leases: what the WAN's DHCP clients were leased, and what the LAN's hosts were lent. */
import { isObject, type Json, type JsonObject, list, text } from './bus.ts';
import { timeSpan } from './figures.ts';
import type { Value } from './router.ts';
import type { Session } from './session.ts';
import { type Column, statusStyle } from './table.ts';

/** One DHCPv4 client and what it was leased. */
interface Lease {
  readonly client: string;
  readonly values: ReadonlyMap<string, string>;
}

const ofLease = (title: string, name: string): Column<Lease> => ({
  title,
  cell: ({ values }) => values.get(name) ?? '',
});

const LEASED_COLUMNS: readonly Column<Lease>[] = [
  { title: 'CLIENT', cell: ({ client, values }) => values.get('Alias') ?? client },
  {
    title: 'STATE',
    cell: ({ values }) =>
      values.get('Status') === 'Enabled'
        ? (values.get('DHCPStatus') ?? '')
        : (values.get('Status') ?? ''),
    style: ({ values }) =>
      statusStyle(
        (values.get('Status') === 'Enabled' ? values.get('DHCPStatus') : values.get('Status')) ??
          '',
      ),
  },
  ofLease('ADDRESS', 'IPAddress'),
  ofLease('NETMASK', 'SubnetMask'),
  ofLease('ROUTER', 'IPRouters'),
  ofLease('DNS', 'DNSServers'),
  ofLease('SERVER', 'DHCPServer'),
  { title: 'REMAINING', cell: ({ values }) => remaining(values.get('LeaseTimeRemaining') ?? '') },
];

/** TR-181 `LeaseTimeRemaining`: seconds; −1 is for ever. */
export function remaining(text: string): string {
  const sec = Number(text);
  if (text === '' || !Number.isFinite(sec)) return '';
  if (sec < 0) return 'for ever';
  return timeSpan(sec);
}

const LEASED6_COLUMNS: readonly Column<Lease>[] = [
  { title: 'CLIENT', cell: ({ client, values }) => values.get('Alias') ?? client },
  {
    title: 'STATE',
    cell: ({ values }) => stateOf6(values),
    style: ({ values }) => statusStyle(stateOf6(values)),
  },
  ofLease('ADDRESSES', 'X_GATEHOUSE_Addresses'),
  ofLease('PREFIXES', 'X_GATEHOUSE_Prefixes'),
  ofLease('DNS', 'X_GATEHOUSE_DNSServers'),
  {
    title: 'REMAINING',
    cell: ({ values }) => remaining(values.get('X_GATEHOUSE_LeaseTimeRemaining') ?? ''),
  },
];

const stateOf6 = (values: Lease['values']): string =>
  (values.get('Status') === 'Enabled' ? values.get('X_GATEHOUSE_State') : values.get('Status')) ??
  '';

/** Where delegated prefixes went: rows of `IPv6Prefix.` that came out of them. */
const PART_COLUMNS: readonly Column<Lease>[] = [
  ofLease('PREFIX', 'Prefix'),
  { title: 'ON', cell: ({ client }) => client },
  ofLease('STATE', 'PrefixStatus'),
  ofLease('VALID UNTIL', 'ValidLifetime'),
];

/** Groups the parameters of `Device.DHCPv4.Client.{i}.` itself by instance. */
export const leasesOf = (rows: readonly Value[]): Lease[] =>
  grouped(rows, /^Device\.DHCPv4\.Client\.(\d+)\.([^.]+)$/);

/** Groups parameters by the first part of `pattern`; its second is their name. */
function grouped(rows: readonly Value[], pattern: RegExp): Lease[] {
  const leases = new Map<string, Map<string, string>>();
  for (const { path, value } of rows) {
    const match = pattern.exec(path);
    const [, client = '', name = ''] = match ?? [];
    if (match === null) continue;
    const values = leases.get(client) ?? new Map<string, string>();
    values.set(name, value);
    leases.set(client, values);
  }
  return [...leases].map(([client, values]) => ({ client, values }));
}

export const LENT_COLUMNS: readonly Column<JsonObject>[] = [
  { title: 'ADDRESS', cell: ({ address }) => text(address) },
  { title: 'MAC', cell: ({ mac }) => text(mac) },
  { title: 'NAME', cell: ({ hostName }) => text(hostName ?? '') },
  { title: 'STATE', cell: ({ state }) => text(state) },
  { title: 'REMAINING', cell: ({ remainingSec }) => remaining(text(remainingSec)) },
];

/** Every lease, page by page; undefined after it was said why not. */
export async function lentLeases(session: Session, all = false): Promise<JsonObject[] | undefined> {
  const found: JsonObject[] = [];
  for (let after: Json = '0.0.0.0'; ; ) {
    const data = await session.ask('dhcp-server', 'leases', { after, all });
    if (data === undefined) return undefined;
    const page = list(data['leases']).filter(isObject);
    found.push(...page);
    const last = page.at(-1)?.['address'];
    if (data['more'] !== true || last === undefined) return found;
    after = last;
  }
}

export async function leases(session: Session): Promise<void> {
  const wan = await leasedLeases(session);
  if (wan === undefined) return;
  const { wan4, wan6, parts } = wan;
  if (!session.json) {
    if (wan4.length + wan6.length === 0) session.note('no DHCP client is configured');
    session.print(LEASED_COLUMNS, wan4);
    for (const [columns, rows] of [
      [LEASED6_COLUMNS, wan6],
      [PART_COLUMNS, parts],
    ] as const) {
      if (rows.length === 0) continue;
      session.data('\n');
      session.print(columns, rows);
    }
  }
  const lan = await lentLeases(session);
  if (lan === undefined) return;
  if (session.json) {
    const plain = (rows: readonly Lease[]) =>
      rows.map(({ client, values }) => ({ client, ...Object.fromEntries(values) }));
    session.printJson({ wan: plain(wan4), wan6: plain(wan6), prefixes: plain(parts), lan });
  } else if (lan.length > 0) {
    if (wan4.length + wan6.length > 0) session.data('\n');
    session.print(LENT_COLUMNS, lan);
  }
}

interface Leased {
  readonly wan4: readonly Lease[];
  readonly wan6: readonly Lease[];
  /** What the LAN has of delegated prefixes. */
  readonly parts: readonly Lease[];
}

const LEASED_PATHS = ['Device.DHCPv4.Client.', 'Device.DHCPv6.Client.', 'Device.IP.Interface.'];

async function leasedLeases(session: Session): Promise<Leased | undefined> {
  let found: Leased | undefined;
  await session.withRouter(async (router) => {
    const rows = session.rows(await router.get(LEASED_PATHS));
    if (rows === undefined) return;
    const names = new Map(
      grouped(rows, /^Device\.IP\.Interface\.(\d+)\.([^.]+)$/).map(({ client, values }) => [
        client,
        values.get('Alias') ?? client,
      ]),
    );
    const prefixes = grouped(rows, /^Device\.IP\.Interface\.(\d+\.IPv6Prefix\.\d+)\.([^.]+)$/);
    found = {
      wan4: leasesOf(rows),
      wan6: grouped(rows, /^Device\.DHCPv6\.Client\.(\d+)\.([^.]+)$/),
      parts: prefixes
        .filter(({ values }) => values.get('Origin') === 'Child')
        .map(({ client, values }) => ({
          client: names.get(client.split('.')[0] ?? '') ?? '',
          values,
        })),
    };
  });
  return found;
}
