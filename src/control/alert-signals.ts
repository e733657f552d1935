/** Pure: what of all that the services report can be bad, as the alerts look at it. */
import type { Signal } from '../services/alerts/config.ts';
import type { Notice } from '../tr181/model.ts';
import type { Observations } from '../tr181/table.ts';

/** Names by row, as somebody gave them. */
export type TargetNames = ReadonlyMap<string, string>;

const HOST_CHANGE = 'Device.Hosts.X_GATEHOUSE_HostChange!';
const CONFLICT = 'Device.Hosts.X_GATEHOUSE_AddressConflict!';

export const SIGNALS_FROM: readonly (keyof Observations)[] = [
  'monitor',
  'network',
  'dhcpClient',
  'dhcp6Client',
];

export function alertSignals(seen: Readonly<Partial<Observations>>, names: TargetNames): Signal[] {
  return [...targets(seen.monitor, names), ...links(seen.network), ...leases(seen)];
}

function targets(monitor: Observations['monitor'] | undefined, names: TargetNames): Signal[] {
  return (monitor?.targets ?? []).flatMap((target): Signal[] => {
    // Nothing is known yet.
    if (target.status === 'Waiting') return [];
    const { id: subject, address, cause, detail, status } = target;
    const reason =
      status === 'Up' ? 'it answers' : [status, cause, detail].filter(Boolean).join(', ');
    const common = {
      ...{ subject, name: names.get(subject) ?? subject, reason },
      ...(address === undefined ? {} : { host: address }),
    };
    return [
      { watch: 'Target', bad: status === 'Down', ...common },
      { watch: 'TargetLossy', bad: status !== 'Up', ...common },
    ];
  });
}

const links = (network: Observations['network'] | undefined): Signal[] =>
  (network?.links ?? []).map(({ name, operState }) => ({
    ...{ watch: 'Link', subject: name, name, usedOnly: true },
    // A bridge without ports and a tunnel do not say.
    bad: operState !== 'up' && operState !== 'unknown',
    reason: `the link is ${operState}`,
  }));

function leases({ dhcpClient, dhcp6Client }: Readonly<Partial<Observations>>): Signal[] {
  const clients = [...(dhcpClient?.clients ?? []), ...(dhcp6Client?.clients ?? [])];
  return clients
    .filter(({ status }) => status !== 'Disabled')
    .map(({ id, lease, reason }) => ({
      ...{ watch: 'Lease', subject: id, name: id, bad: lease === undefined },
      reason: lease === undefined ? (reason ?? 'no server gives one') : 'there is one',
    }));
}

/** A device that was never seen before, or an address in the wrong hands, if that is what the model tells. */
export function newsOfLan(notice: Notice): Signal | undefined {
  if (notice.kind !== 'event') return undefined;
  if (notice.path === HOST_CHANGE) return newDevice(notice.args);
  return notice.path === CONFLICT ? conflict(notice.args) : undefined;
}

type Args = Readonly<Record<string, string>>;

function newDevice(args: Args): Signal | undefined {
  const { Change, PhysAddress = '', HostName = '', IPAddress = '', Device = PhysAddress } = args;
  // One that is known under another MAC address is not new.
  if (Change !== 'New' || Device !== PhysAddress) return undefined;
  return {
    ...{ watch: 'NewDevice', subject: PhysAddress, name: HostName || PhysAddress, bad: true },
    reason: ['a new device', PhysAddress, IPAddress].filter(Boolean).join(', '),
  };
}

function conflict({ Kind = '', IPAddress = '', PhysAddress = '', Reason = '' }: Args): Signal {
  return {
    ...{ watch: 'AddressConflict', subject: `${IPAddress} ${PhysAddress}`, name: IPAddress },
    ...{ bad: true, reason: `${Kind} by ${PhysAddress}: ${Reason}` },
  };
}
