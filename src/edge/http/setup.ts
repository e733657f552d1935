/** The first-run set-up as one plan for the model: account, time zone, LAN address and WAN in a single write. */
import { err, ok, type Result } from '../../base/result.ts';
import type { Change, Fault, LayDownPlan, Model } from '../../tr181/model.ts';

export interface Setup {
  readonly username: string;
  readonly password: string;
  readonly timeZone: string;
  readonly lanAddress: string;
  readonly lanMask: string;
  readonly wan:
    | { readonly type: 'dhcp' }
    | {
        readonly type: 'static';
        readonly address: string;
        readonly mask: string;
        readonly gateway: string;
        readonly dns: readonly string[];
      };
  readonly hostName: string | undefined;
}

const MAX_RESOLVERS = 8;

/** Shapes alone; what the values are worth is the model's to say. */
export function readSetup(
  fields: Readonly<Record<string, unknown>>,
): Result<Setup, readonly Fault[]> {
  const faults: Fault[] = [];
  const text = (
    from: Readonly<Record<string, unknown>>,
    name: string,
    optional?: string,
  ): string => {
    const value = from[name] ?? optional;
    if (typeof value === 'string') return value;
    faults.push({ kind: 'badArguments', path: name, message: `${name} is missing` });
    return '';
  };
  const wan = wanOf(fields['wan'], text, faults);
  const setup: Setup = {
    username: text(fields, 'username', 'admin'),
    password: text(fields, 'password'),
    timeZone: text(fields, 'timeZone'),
    lanAddress: text(fields, 'lanAddress'),
    lanMask: text(fields, 'lanMask'),
    wan,
    hostName: fields['hostName'] === undefined ? undefined : text(fields, 'hostName'),
  };
  return faults.length === 0 ? ok(setup) : err(faults);
}

function wanOf(
  value: unknown,
  text: (from: Readonly<Record<string, unknown>>, name: string) => string,
  faults: Fault[],
): Setup['wan'] {
  const wan = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  if (wan['type'] === 'dhcp') return { type: 'dhcp' };
  if (wan['type'] !== 'static') {
    faults.push({ kind: 'badArguments', path: 'wan.type', message: 'wan.type is dhcp or static' });
    return { type: 'dhcp' };
  }
  const dns: unknown = wan['dns'] ?? [];
  const fits =
    Array.isArray(dns) && dns.length <= MAX_RESOLVERS && dns.every((d) => typeof d === 'string');
  if (!fits) {
    const message = `wan.dns is a list of at most ${MAX_RESOLVERS} addresses`;
    faults.push({ kind: 'badArguments', path: 'wan.dns', message });
  }
  return {
    type: 'static',
    address: text(wan, 'address'),
    mask: text(wan, 'mask'),
    gateway: text(wan, 'gateway'),
    dns: fits ? dns : [],
  };
}

const USER = 'Device.Users.User.1.';
const IP = 'Device.IP.Interface.';
const ROUTES = 'Device.Routing.Router.1.IPv4Forwarding.';
const RESOLVERS = 'Device.DNS.Client.Server.';
const CLIENTS = 'Device.DHCPv4.Client.';

type Readable = Pick<Model, 'get' | 'instances'>;

export function setupPlan(model: Readable, setup: Setup): Result<LayDownPlan, readonly Fault[]> {
  const lan = interfaceOf(model, 'Lan');
  const wan = interfaceOf(model, 'Wan');
  const missing = [
    ...(lan === undefined ? ['Lan'] : []),
    ...(wan === undefined && setup.wan.type === 'static' ? ['Wan'] : []),
  ];
  if (lan === undefined || missing.length > 0) {
    return err(
      missing.map((zone) => ({
        kind: 'conflict',
        path: IP,
        message: `there is no interface in zone ${zone}`,
      })),
    );
  }
  const values: Change[] = [
    ...row(USER, {
      Alias: 'owner',
      Enable: 'true',
      Username: setup.username,
      Password: setup.password,
      X_GATEHOUSE_Role: 'Administrator',
    }),
    { path: 'Device.Time.LocalTimeZone', value: setup.timeZone },
    ...row(firstOrNext(model, `${lan}IPv4Address.`), {
      Enable: 'true',
      IPAddress: setup.lanAddress,
      SubnetMask: setup.lanMask,
    }),
    ...(setup.hostName === undefined || setup.hostName === ''
      ? []
      : [{ path: 'Device.DeviceInfo.HostName', value: setup.hostName }]),
    ...(wan === undefined ? [] : wanValues(model, wan, setup.wan)),
  ];
  return ok({ system: [], values });
}

function wanValues(model: Readable, wan: string, asked: Setup['wan']): Change[] {
  const clients = rowsOf(model, CLIENTS).filter(
    (path) => paramOf(model, `${path}Interface`) === wan.slice(0, -1),
  );
  const enable = (value: string): Change[] =>
    clients.map((path) => ({ path: `${path}Enable`, value }));
  if (asked.type === 'dhcp') {
    if (clients.length > 0) return enable('true');
    return row(nextRow(model, CLIENTS), { Enable: 'true', Interface: wan.slice(0, -1) });
  }
  const { address, mask, gateway, dns } = asked;
  const firstResolver = numberAfter(rowsOf(model, RESOLVERS));
  return [
    ...enable('false'),
    ...row(nextRow(model, `${wan}IPv4Address.`), {
      Enable: 'true',
      IPAddress: address,
      SubnetMask: mask,
    }),
    ...row(nextRow(model, ROUTES), {
      Enable: 'true',
      GatewayIPAddress: gateway,
      Interface: wan.slice(0, -1),
    }),
    ...dns.flatMap((DNSServer, i) =>
      row(`${RESOLVERS}${firstResolver + i}.`, { Enable: 'true', DNSServer }),
    ),
  ];
}

const row = (object: string, values: Readonly<Record<string, string>>): Change[] =>
  Object.entries(values).map(([name, value]) => ({ path: `${object}${name}`, value }));

/** Object path of the first interface of a zone. */
function interfaceOf(model: Readable, zone: string): string | undefined {
  return rowsOf(model, IP).find((path) => paramOf(model, `${path}X_GATEHOUSE_Zone`) === zone);
}

/** Rows right below a table, by object path. */
function rowsOf(model: Readable, table: string): readonly string[] {
  const rows = model.instances(table, { firstLevel: true });
  return rows.ok ? rows.value.map(({ path }) => path) : [];
}

function paramOf(model: Readable, path: string): string | undefined {
  const [answer] = model.get([path]);
  return answer?.result.ok === true ? answer.result.value[0]?.value : undefined;
}

const numberAfter = (rows: readonly string[]): number =>
  Math.max(0, ...rows.map((path) => Number(path.slice(0, -1).split('.').at(-1)))) + 1;

const nextRow = (model: Readable, table: string): string =>
  `${table}${numberAfter(rowsOf(model, table))}.`;

/** The first static row, which is the one that people see as the LAN's address. */
function firstOrNext(model: Readable, table: string): string {
  const rows = rowsOf(model, table);
  return (
    rows.find((path) => paramOf(model, `${path}AddressingType`) !== 'DHCP') ?? nextRow(model, table)
  );
}
