/** leases: what the WAN's DHCP clients were leased, and what the LAN's hosts were lent. */
import { isObject, type Json, type JsonObject, list, text } from './bus.ts';
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
  const [days, hours, minutes] = [
    Math.floor(sec / 86_400),
    Math.floor(sec / 3600) % 24,
    Math.floor(sec / 60) % 60,
  ];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${sec % 60} s` : `${sec} s`;
}

/** Groups the parameters of `Device.DHCPv4.Client.{i}.` itself by instance. */
export function leasesOf(rows: readonly Value[]): Lease[] {
  const leases = new Map<string, Map<string, string>>();
  for (const { path, value } of rows) {
    const match = /^Device\.DHCPv4\.Client\.(\d+)\.([^.]+)$/.exec(path);
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
  if (!session.json) {
    if (wan.length === 0) session.note('no DHCP client is configured');
    session.print(LEASED_COLUMNS, wan);
  }
  const lan = await lentLeases(session);
  if (lan === undefined) return;
  if (session.json) {
    const leased = wan.map(({ client, values }) => ({ client, ...Object.fromEntries(values) }));
    session.printJson({ wan: leased, lan });
  } else if (lan.length > 0) {
    if (wan.length > 0) session.data('\n');
    session.print(LENT_COLUMNS, lan);
  }
}

async function leasedLeases(session: Session): Promise<readonly Lease[] | undefined> {
  let found: readonly Lease[] | undefined;
  await session.withRouter(async (router) => {
    const rows = session.rows(await router.get(['Device.DHCPv4.Client.']));
    if (rows !== undefined) found = leasesOf(rows);
  });
  return found;
}
