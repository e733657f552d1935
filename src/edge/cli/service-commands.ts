/** status, services, leases, call: the router as a whole and its services. */
import { parseJsonObject } from './arguments.ts';
import type { JsonObject } from './bus.ts';
import { render } from './data.ts';
import { EXIT } from './environment.ts';
import type { Value } from './router.ts';
import type { Session } from './session.ts';
import { type Column, statusStyle } from './table.ts';

export async function overview(session: Session, what: 'status' | 'services'): Promise<void> {
  await session.withRouter(async (router) => {
    const answer = await router[what]();
    if (!answer.ok) session.fail(answer.error.message);
    else if (session.json) session.printJson(answer.value);
    else session.data(render(answer.value, session.paint));
  });
}

export async function call(
  session: Session,
  service: string,
  command: string,
  input: string | undefined,
): Promise<void> {
  let args: JsonObject = {};
  if (input !== undefined) {
    const parsed = parseJsonObject(input === '-' ? await session.environment.readStdin() : input);
    if (!parsed.ok) return session.fail(`arguments: ${parsed.error.message}`, EXIT.usage);
    args = parsed.value;
  }
  await session.withRouter(async (router) => {
    const answer = await router.command(service, command, args);
    if (!answer.ok) return session.fail(answer.error.message);
    const { status, message, data } = answer.value;
    if (session.json) session.printJson({ status, message, data });
    else if (data !== null) session.data(render(data, session.paint));
    if (status !== 'success') session.fail(message ?? `${service} ${command} failed`);
    else if (message !== null) session.note(message);
  });
}

/** One DHCPv4 client and what it was leased. */
interface Lease {
  readonly client: string;
  readonly values: ReadonlyMap<string, string>;
}

const ofLease = (title: string, name: string): Column<Lease> => ({
  title,
  cell: ({ values }) => values.get(name) ?? '',
});

const LEASE_COLUMNS: readonly Column<Lease>[] = [
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

export async function leases(session: Session): Promise<void> {
  await session.withRouter(async (router) => {
    const rows = session.rows(await router.get(['Device.DHCPv4.Client.']));
    if (rows === undefined) return;
    const list = leasesOf(rows);
    if (session.json)
      session.printJson(
        list.map(({ client, values }) => ({ client, ...Object.fromEntries(values) })),
      );
    else if (list.length === 0) session.note('no DHCP client is configured');
    else session.print(LEASE_COLUMNS, list);
  });
}
