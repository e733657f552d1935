/** `gatehouse.wifi`: what its commands do; loaded with the first of them. */
import { BugError } from '../base/errors.ts';
import { type CommandAnswer, done, failed } from '../edge/ubus/gatehouse.ts';
import type { WifiService } from '../services/wifi/service.ts';
import { uplink } from '../tr181/initial.ts';
import type { Change, Model, Origin } from '../tr181/model.ts';
import { joinChanges, type WifiWish } from '../tr181/wifi-plan.ts';
import { wifiChannelOf } from '../wire/wpa-control.ts';
import type { WifiCommand } from './wifi-lazy.ts';

export type WifiModel = Pick<Model, 'get' | 'layDown' | 'del' | 'nextInstance'>;

interface Around {
  readonly service: WifiService;
  readonly model: WifiModel;
  readonly origin: Origin;
}

type Args = Readonly<Record<string, unknown>>;

export const wifiCommand = (
  name: WifiCommand,
  around: Around,
  args: Args,
): Promise<CommandAnswer> => COMMANDS[name](around, args);

const COMMANDS: Readonly<
  Record<WifiCommand, (around: Around, args: Args) => Promise<CommandAnswer>>
> = {
  status: async ({ service, model }) =>
    done({ interfaces: service.observed.interfaces.map(plain), ...saved(model) }),

  scan: async ({ service }, { interface: ifName }) => {
    if (ifName !== undefined && typeof ifName !== 'string') return failed('interface is a name');
    const found = await service.scan(ifName);
    if (!found.ok) return failed(found.error.message);
    return done({
      networks: found.value.flatMap(({ ifName: name, networks }) =>
        networks.map(({ ssid, bssid, frequencyMhz, signalDbm, security }) => ({
          ...{ interface: name, ssid, bssid, frequencyMhz, signalDbm, security },
          channel: wifiChannelOf(frequencyMhz)?.channel ?? null,
        })),
      ),
    });
  },

  join: async ({ model, origin }, { ssid, password, hidden, country }) => {
    const text = (value: unknown): value is string | undefined =>
      value === undefined || typeof value === 'string';
    if (typeof ssid !== 'string' || ssid === '') return failed('ssid is missing');
    if (!text(password) || !text(country)) return failed('password and country are texts');
    if (country !== undefined && !/^[A-Z]{2}$/.test(country)) {
      return failed('a country is two capital letters, such as DE');
    }
    const key = password === '' ? undefined : password;
    return await join(
      model,
      { ssid, key, hidden: hidden === true || hidden === 1, country },
      origin,
    );
  },

  leave: async ({ model, origin }, { ssid }) => {
    const all = profilesOf(model);
    const gone = all.filter((profile) => ssid === undefined || profile.ssid === ssid);
    if (gone.length === 0) {
      const known = all.map((profile) => profile.ssid).join(', ');
      return failed(known === '' ? 'no network is known' : `known networks: ${known}`);
    }
    const paths = gone.length === all.length ? [`${END_POINT}*.`] : gone.map(({ path }) => path);
    const left = await model.del(paths, origin);
    return left.ok ? done({ left: gone.map((one) => one.ssid) }) : refused(left.error);
  },
};

const refused = (faults: readonly { readonly message: string }[]): CommandAnswer =>
  failed(faults.map(({ message }) => message).join('\n'));

const plain = (one: WifiService['observed']['interfaces'][number]): object => ({
  ...{ interface: one.ifName, phy: one.phy, state: one.state, reason: one.reason ?? null },
  ...{ blocked: one.blocked ?? null, country: one.country ?? null, restarts: one.restarts },
  ...{ ssid: one.link?.ssid ?? null, bssid: one.link?.bssid ?? null },
  frequencyMhz: one.link?.frequencyMhz ?? null,
  channel: one.link === undefined ? null : (wifiChannelOf(one.link.frequencyMhz)?.channel ?? null),
  security: one.link?.keyManagement ?? null,
  signalDbm: one.link?.signalDbm ?? null,
  linkSpeedMbps: one.link?.linkSpeedMbps ?? null,
});

interface KnownProfile {
  readonly path: string;
  readonly ssid: string;
  readonly priority: number;
}

const read = (model: WifiModel, path: string): readonly Change[] => {
  const [answer] = model.get([path]);
  return answer?.result.ok === true ? answer.result.value : [];
};

function profilesOf(model: WifiModel): readonly KnownProfile[] {
  const all = read(model, 'Device.WiFi.EndPoint.*.Profile.*.');
  const textOf = (path: string): string => all.find((one) => one.path === path)?.value ?? '';
  return all.flatMap(({ path, value }) => {
    const own = /^(Device\.WiFi\.EndPoint\.\d+\.Profile\.\d+\.)SSID$/.exec(path)?.[1];
    if (own === undefined) return [];
    return [{ path: own, ssid: value, priority: Number(textOf(`${own}Priority`)) }];
  });
}

const saved = (model: WifiModel): object => ({
  networks: profilesOf(model).map(({ ssid, priority }) => ({ ssid, priority })),
});

const END_POINT = 'Device.WiFi.EndPoint.';

async function join(model: WifiModel, wish: WifiWish, origin: Origin): Promise<CommandAnswer> {
  const [before] = read(model, `${END_POINT}*.Enable`);
  const endPoint = before === undefined ? model.nextInstance(END_POINT) : numberIn(before.path);
  const profiles = profilesOf(model);
  const same = profiles.find(({ ssid }) => ssid === wish.ssid);
  const table = `${END_POINT}${endPoint}.Profile.`;
  const profile = same === undefined ? model.nextInstance(table) : lastNumberOf(same.path);
  // The lowest number is the first radio, which a station has.
  const [ssid] = read(model, 'Device.WiFi.SSID.*.Name')
    .map(({ path }) => numberIn(path))
    .sort((a, b) => a - b);
  const [radio] = read(model, 'Device.WiFi.Radio.*.Name')
    .map(({ path }) => numberIn(path))
    .sort((a, b) => a - b);
  if (ssid === undefined) return failed('this box has no Wi-Fi that its kernel knows');
  const values = [
    ...joinChanges(wish, { endPoint, profile, radio }),
    // What is joined now is wanted before all others.
    ...profiles
      .filter((one) => one.path !== same?.path && one.priority === 0)
      .map(({ path }) => ({ path: `${path}Priority`, value: '1' })),
    ...uplinkOf(model, `Device.WiFi.SSID.${ssid}`),
  ];
  const laid = await model.layDown({ system: [], values }, origin);
  return laid.ok ? done({ ssid: wish.ssid }) : refused(laid.error);
}

/** Nothing where an interface lies on it already, whatever it is for. */
function uplinkOf(model: WifiModel, port: string): readonly Change[] {
  const below = read(model, 'Device.IP.Interface.*.LowerLayers');
  if (below.some(({ value }) => value.split(',').includes(port))) return [];
  return uplink(
    'wifi',
    {
      ip: model.nextInstance('Device.IP.Interface.'),
      nat: model.nextInstance('Device.NAT.InterfaceSetting.'),
      client: model.nextInstance('Device.DHCPv4.Client.'),
      client6: model.nextInstance('Device.DHCPv6.Client.'),
    },
    port,
  );
}

/** The first instance number of a path. */
function numberIn(path: string): number {
  const found = /\.(\d+)\./.exec(path)?.[1];
  if (found === undefined) throw new BugError(`no number in ${path}`);
  return Number(found);
}

const lastNumberOf = (path: string): number => Number(path.split('.').at(-2));
