/**
 * What the owner is asked at first: a password, a name for the box, the time zone, the address of
 * the LAN, and how the ISP gives addresses. Everything is checked and answered at once, and laid down
 * in one write.
 */
import {
  broadcastOf,
  contains,
  type Ipv4,
  type Ipv4Prefix,
  isHostAddress,
  networkOf,
  overlaps,
  parseIpv4,
  prefixLenOf,
} from '../base/ip.ts';
import { err, type Result } from '../base/result.ts';
import type { Change, Fault, Model, Origin, WriteDone } from './model.ts';
import { hostNameFault } from './objects/device-info.ts';
import { passwordFault } from './objects/users.ts';
import { parsePosixZone } from './posix-zone.ts';
import { offsetsOf } from './zone-names.ts';

export type WanAnswer =
  | { readonly type: 'dhcp' }
  | {
      readonly type: 'static';
      readonly address: string;
      readonly mask: string;
      readonly gateway: string;
      readonly dns: readonly string[];
    };

export interface SetupAnswers {
  /** Default `admin`. */
  readonly username?: string;
  readonly password: string;
  /** Absent: the name stays as it is. */
  readonly hostName?: string;
  /** `Europe/Berlin`, or as POSIX writes it. */
  readonly timeZone: string;
  readonly lanAddress: string;
  readonly lanMask: string;
  readonly wan: WanAnswer;
}

/** A fault and the answer that it is about: `password`, `wan.gateway`, …; undefined for none of them. */
export interface SetupFault extends Fault {
  readonly field: string | undefined;
}

const USERS = 'Device.Users.User.';
const USER = `${USERS}1.`;
const IP = 'Device.IP.Interface.';
const CLIENTS = 'Device.DHCPv4.Client.';
const ROUTES = 'Device.Routing.Router.1.IPv4Forwarding.';
const SERVERS = 'Device.DNS.Client.Server.';
const MAX_SERVERS = 4;

type SetupModel = Pick<Model, 'get' | 'layDown' | 'nextInstance'>;

/** Refused with the faults of all answers together; refused altogether once there is an account. */
export async function layDownSetup(
  model: SetupModel,
  answers: SetupAnswers,
  origin: Origin,
): Promise<Result<WriteDone, readonly SetupFault[]>> {
  const faults = checkSetup(answers);
  if (faults.length > 0) return err(faults);
  const plan = planOf(model, answers);
  if (!plan.ok) return err(plan.error);
  const values = plan.value.map(({ path, value }) => ({ path, value }));
  const done = await model.layDown({ system: [], values, mustBeEmpty: [USERS] }, origin);
  if (done.ok) return done;
  const fields = new Map(plan.value.map(({ path, field }) => [path, field]));
  return err(done.error.map((fault) => ({ ...fault, field: fields.get(fault.path) })));
}

/** What is wrong with the answers by themselves. Pure. */
export function checkSetup(answers: SetupAnswers): readonly SetupFault[] {
  const faults: SetupFault[] = [];
  const fault = (field: string, message: string): void => {
    faults.push({ kind: 'outOfRange', path: field, field, message });
  };
  if (!/^[a-z][a-z0-9_.@-]{0,63}$/.test(answers.username ?? 'admin')) {
    fault('username', 'a name begins with a lower-case letter, then letters, digits and _ . @ -');
  }
  const weak = passwordFault(answers.password);
  if (weak !== undefined) fault('password', weak);
  const name = answers.hostName === undefined ? undefined : hostNameFault(answers.hostName);
  if (name !== undefined) fault('hostName', name);
  const zone = answers.timeZone;
  if (parsePosixZone(zone) === undefined && (zone.length > 64 || offsetsOf(zone) === undefined)) {
    fault('timeZone', 'there is no time zone of that name');
  }
  const lan = subnet(answers.lanAddress, answers.lanMask, 'lanAddress', 'lanMask', fault);
  if (lan !== undefined && (lan.prefixLen < 8 || lan.prefixLen > 30)) {
    fault('lanMask', 'the LAN needs room for a few devices: /8 to /30');
  }
  if (answers.wan.type === 'dhcp') return faults;
  const { address, mask, gateway, dns } = answers.wan;
  const wan = subnet(address, mask, 'wan.address', 'wan.mask', fault);
  const next = host(gateway, 'wan.gateway', fault);
  if (wan !== undefined && next !== undefined) {
    if (next === wan.address) fault('wan.gateway', 'it is the address of the box itself');
    else if (!contains(wan, next)) fault('wan.gateway', 'it is not in the subnet of the address');
  }
  if (wan !== undefined && lan !== undefined && overlaps(lan, wan)) {
    fault('lanAddress', 'LAN and WAN cannot have the same subnet; take another one for the LAN');
  }
  if (dns.length === 0 || dns.length > MAX_SERVERS) {
    fault('wan.dns', `name servers are needed: 1 to ${MAX_SERVERS}`);
  }
  for (const server of dns) host(server, 'wan.dns', fault);
  if (new Set(dns).size < dns.length) fault('wan.dns', 'a name server is named twice');
  return faults;
}

type Complain = (field: string, message: string) => void;

function host(text: string, field: string, fault: Complain): Ipv4 | undefined {
  const parsed = parseIpv4(text);
  if (!parsed.ok) fault(field, 'an address looks like 192.168.1.1');
  else if (!isHostAddress(parsed.value)) fault(field, 'no device can have this address');
  else return parsed.value;
  return undefined;
}

function subnet(
  addressText: string,
  maskText: string,
  addressField: string,
  maskField: string,
  fault: Complain,
): Ipv4Prefix | undefined {
  const address = host(addressText, addressField, fault);
  const mask = parseIpv4(maskText);
  const prefixLen = mask.ok ? prefixLenOf(mask.value) : undefined;
  if (prefixLen === undefined) fault(maskField, 'a mask looks like 255.255.255.0');
  if (address === undefined || prefixLen === undefined) return undefined;
  const made = { address, prefixLen };
  // RFC 1122 §3.2.1.3; RFC 3021 allows both in a /31.
  if (prefixLen < 31 && (address === networkOf(made) || address === broadcastOf(made))) {
    fault(addressField, 'the first and the last address of a subnet belong to no device');
    return undefined;
  }
  return made;
}

interface PlannedValue extends Change {
  readonly field: string;
}

/** Which parameters the answers go to, on the interfaces that there are. */
function planOf(
  model: SetupModel,
  answers: SetupAnswers,
): Result<readonly PlannedValue[], readonly SetupFault[]> {
  const [lan, wan] = [zoneOf(model, 'Lan'), zoneOf(model, 'Wan')];
  const missing = (field: string, message: string): Result<never, readonly SetupFault[]> =>
    err([{ kind: 'conflict', path: field, field, message }]);
  if (lan === undefined) return missing('lanAddress', 'no interface of the box is for the LAN');
  if (wan === undefined && answers.wan.type === 'static') {
    return missing('wan.address', 'no interface of the box is for the WAN');
  }
  const value = (path: string, text: string, field: string): PlannedValue => ({
    path,
    value: text,
    field,
  });
  const lanRow = staticAddressOf(model, lan);
  const values = [
    value(`${USER}Enable`, 'true', 'username'),
    value(`${USER}Username`, answers.username ?? 'admin', 'username'),
    value(`${USER}Password`, answers.password, 'password'),
    value(`${USER}X_GATEHOUSE_Role`, 'Administrator', 'username'),
    value('Device.Time.LocalTimeZone', answers.timeZone, 'timeZone'),
    value(`${lanRow}Enable`, 'true', 'lanAddress'),
    value(`${lanRow}IPAddress`, answers.lanAddress, 'lanAddress'),
    value(`${lanRow}SubnetMask`, answers.lanMask, 'lanMask'),
  ];
  if (answers.hostName !== undefined) {
    values.push(value('Device.DeviceInfo.HostName', answers.hostName, 'hostName'));
  }
  if (wan !== undefined) values.push(...wanValues(model, wan, answers.wan));
  return { ok: true, value: values };
}

function wanValues(model: SetupModel, wan: string, answer: WanAnswer): PlannedValue[] {
  const id = wan.slice(0, -1);
  const clients = read(model, `${CLIENTS}*.Interface`)
    .filter(({ value }) => value === id)
    .map(({ path }) => path.slice(0, -'Interface'.length));
  const dhcp = String(answer.type === 'dhcp');
  const values = clients.map((client) => ({
    path: `${client}Enable`,
    value: dhcp,
    field: 'wan.type',
  }));
  const put = (object: string, field: string, given: Readonly<Record<string, string>>): void => {
    for (const [name, value] of Object.entries(given)) {
      values.push({ path: object + name, value, field });
    }
  };
  if (answer.type === 'dhcp') {
    if (clients.length === 0) {
      const client = `${CLIENTS}${model.nextInstance(CLIENTS)}.`;
      put(client, 'wan.type', { Enable: 'true', Interface: id });
    }
    return values;
  }
  const address = staticAddressOf(model, wan);
  put(address, 'wan.address', { Enable: 'true', IPAddress: answer.address });
  put(address, 'wan.mask', { SubnetMask: answer.mask });
  const route = `${ROUTES}${model.nextInstance(ROUTES)}.`;
  put(route, 'wan.gateway', { Enable: 'true', GatewayIPAddress: answer.gateway, Interface: id });
  const first = model.nextInstance(SERVERS);
  for (const [i, server] of answer.dns.entries()) {
    put(`${SERVERS}${first + i}.`, 'wan.dns', { Enable: 'true', DNSServer: server });
  }
  return values;
}

const read = (model: SetupModel, path: string): readonly { path: string; value: string }[] => {
  const [answer] = model.get([path]);
  return answer?.result.ok === true ? answer.result.value : [];
};

/** Object path of the first interface of a zone. */
function zoneOf(model: SetupModel, zone: 'Lan' | 'Wan'): string | undefined {
  const found = read(model, `${IP}*.X_GATEHOUSE_Zone`).find(({ value }) => value === zone);
  return found?.path.slice(0, -'X_GATEHOUSE_Zone'.length);
}

/** The address row of an interface that people set, or where the next one goes. */
function staticAddressOf(model: SetupModel, object: string): string {
  const table = `${object}IPv4Address.`;
  const found = read(model, `${table}*.AddressingType`).find(({ value }) => value === 'Static');
  return found?.path.slice(0, -'AddressingType'.length) ?? `${table}${model.nextInstance(table)}.`;
}
