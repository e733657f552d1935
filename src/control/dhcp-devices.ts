/**
 * The owner's word about single devices, as rows of `Device.DHCPv4.Server.`: allow, deny, a
 * temporary exception, a static address. So what `gatehouse dhcp` and the page do with one word can
 * be read, changed, undone and backed up like any other configuration.
 */
import type { Clock } from '../base/clock.ts';
import { contains, formatIpv4, type Ipv4, type Mac } from '../base/ip.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { LeaseView } from '../services/dhcp-server/config.ts';
import type { Fault, Model, Origin } from '../tr181/model.ts';
import { dateTimeOf, UNKNOWN_TIME } from '../tr181/types.ts';

const RULES = 'Device.DHCPv4.Server.X_GATEHOUSE_Rule.';

export interface DhcpDevicesParts {
  readonly model: Pick<Model, 'get' | 'set' | 'add' | 'del' | 'compileAll'>;
  readonly clock: Pick<Clock, 'wallMs'>;
  /** The lease of a device, the newest if there are several. */
  leaseOf(mac: Mac): LeaseView | undefined;
}

/** The row that holds the word now, or held it, and the revision that this made. */
export interface DeviceDone {
  readonly path: string;
  readonly revision: number;
}

type Done = Promise<Result<DeviceDone, readonly Fault[]>>;

export class DhcpDevices {
  readonly #parts: DhcpDevicesParts;

  constructor(parts: DhcpDevicesParts) {
    this.#parts = parts;
  }

  /** Before all other rules, in place of what was said of the device before; `seconds` 0 is for good. */
  async decide(mac: Mac, action: 'Allow' | 'Deny', seconds: number, origin: Origin): Done {
    const { model } = this.#parts;
    const over = this.#expired().filter((path) => path !== this.#ruleOf(mac));
    if (over.length > 0) await model.del(over, origin);
    const values = {
      ...{ Enable: 'true', Action: action, Order: '1' },
      ...{ Chaddr: mac, Until: this.#until(seconds) },
    };
    return this.#put(RULES, this.#ruleOf(mac), mac, values, origin);
  }

  /** Takes back what `decide` said. */
  async forget(mac: Mac, origin: Origin): Done {
    const path = this.#ruleOf(mac);
    if (path === undefined) return err([fault(RULES, `nothing was said of ${mac}`)]);
    const done = await this.#parts.model.del([path], origin);
    return done.ok ? ok({ path, revision: done.value.revision }) : done;
  }

  /** From now on the device always gets `address`, or the one that it has. */
  async fix(
    mac: Mac,
    address: Ipv4 | undefined,
    hostName: string | undefined,
    origin: Origin,
  ): Done {
    const { model, leaseOf } = this.#parts;
    const wanted = address ?? leaseOf(mac)?.address;
    if (wanted === undefined) {
      return err([fault(RULES, `${mac} has no lease; say which address it shall get`)]);
    }
    const { pools } = model.compileAll().dhcpServer;
    const pool = pools.find(
      ({ fault: wrong, min, prefixLen }) =>
        wrong === undefined && contains({ address: min, prefixLen }, wanted),
    );
    if (pool === undefined) {
      return err([fault(RULES, `${formatIpv4(wanted)} is in the subnet of no pool`)]);
    }
    const table = `${pool.id}.StaticAddress.`;
    const known = pool.statics.find(({ chaddr }) => chaddr === mac);
    const values = {
      Enable: 'true',
      Chaddr: mac,
      Yiaddr: formatIpv4(wanted),
      ...(hostName === undefined ? {} : { X_GATEHOUSE_HostName: hostName }),
    };
    return this.#put(table, known && `${known.id}.`, mac, values, origin);
  }

  /** Writes the row of a device, which is added where there is none. */
  async #put(
    table: string,
    path: string | undefined,
    mac: Mac,
    values: Readonly<Record<string, string>>,
    origin: Origin,
  ): Done {
    const { model } = this.#parts;
    if (path === undefined) {
      const added = await model.add(table, { Alias: aliasOf(mac), ...values }, origin);
      if (!added.ok) return added;
      return ok({ path: added.value.path, revision: added.value.revision });
    }
    const changes = Object.entries(values).map(([name, value]) => ({ path: path + name, value }));
    const done = await model.set(changes, origin);
    return done.ok ? ok({ path, revision: done.value.revision }) : done;
  }

  #until(seconds: number): string {
    return seconds === 0 ? UNKNOWN_TIME : dateTimeOf(this.#parts.clock.wallMs() + seconds * 1000);
  }

  /** Path of the rule that `decide` made for a device. */
  #ruleOf(mac: Mac): string | undefined {
    return this.#rules().find(({ alias }) => alias === aliasOf(mac))?.path;
  }

  /** Temporary rules of single devices that are over: nobody needs them any more. */
  #expired(): readonly string[] {
    return this.#rules()
      .filter(({ alias, status }) => alias.startsWith('device-') && status === 'Expired')
      .map(({ path }) => path);
  }

  #rules(): readonly { readonly path: string; readonly alias: string; readonly status: string }[] {
    const [answer] = this.#parts.model.get([RULES], { maxDepth: 1 });
    if (answer?.result.ok !== true) return [];
    const rows = new Map<string, { alias: string; status: string }>();
    for (const { path, value } of answer.result.value) {
      const dot = path.lastIndexOf('.') + 1;
      const name = path.slice(dot);
      const row = rows.get(path.slice(0, dot)) ?? { alias: '', status: '' };
      if (name === 'Alias') row.alias = value;
      if (name === 'Status') row.status = value;
      rows.set(path.slice(0, dot), row);
    }
    return [...rows].map(([path, row]) => ({ path, ...row }));
  }
}

const aliasOf = (mac: Mac): string => `device-${mac.replaceAll(':', '')}`;

const fault = (path: string, message: string): Fault => ({ kind: 'conflict', path, message });
