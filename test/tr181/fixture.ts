import { SystemError } from '../../src/base/errors.ts';
import { type Ipv4, type PrefixLen, parseIpv4, parseMac, prefixLen } from '../../src/base/ip.ts';
import { err, ok, type Result } from '../../src/base/result.ts';
import { hashPassword } from '../../src/control/accounts.ts';
import { LinuxSecrets } from '../../src/os/linux/secrets.ts';
import type { ClientObserved } from '../../src/services/dhcp-client/config.ts';
import type { NetworkObserved } from '../../src/services/network/config.ts';
import { Observed } from '../../src/state/observed.ts';
import { Rows } from '../../src/state/rows.ts';
import { createModel } from '../../src/tr181/engine.ts';
import { layDownInitial } from '../../src/tr181/initial.ts';
import type { Fault, Model, Notice } from '../../src/tr181/model.ts';
import type { Lookups, ObjectGroup, Observations, ServiceCalls } from '../../src/tr181/table.ts';
import type { AuditEntry } from '../../src/tr181/writer.ts';
import { FakeClock } from '../lib/clock.ts';
import { MemoryLog } from '../lib/log.ts';
import { willingCalls } from '../lib/model.ts';
import { MemoryStore } from '../state/memory-store.ts';

export const ORIGIN = { user: 'test', via: 'cli', address: 'pid 1' };

export interface Bench {
  readonly model: Model;
  readonly rows: Rows;
  readonly store: MemoryStore;
  readonly observed: Observed<Observations>;
  readonly clock: FakeClock;
  readonly log: MemoryLog;
  readonly audit: AuditEntry[];
  readonly files: Map<string, string>;
  readonly renewed: string[];
  /** `Allow MAC SECONDS`, as asked of the DHCP server. */
  readonly decided: string[];
  /** Reboots and power-offs that were asked for. */
  readonly down: string[];
  readonly stats: Map<string, bigint>;
  /** What commands call; a test may put its own in the place of one. */
  readonly calls: ServiceCalls;
  /** The value of one parameter, or the kind of the fault. */
  get(path: string): string;
  /** Kinds of faults, or `done`. */
  set(path: string, value: string): Promise<string>;
  /** The same store and a new daemon. */
  restart(): Bench;
}

export function bench(
  options: { groups?: readonly ObjectGroup[]; store?: MemoryStore } = {},
): Bench {
  const store = options.store ?? new MemoryStore();
  const log = new MemoryLog();
  const clock = new FakeClock();
  const rows = new Rows(store);
  const observed = new Observed<Observations>(log);
  const audit: AuditEntry[] = [];
  const files = new Map<string, string>();
  const renewed: string[] = [];
  const decided: string[] = [];
  const stats = new Map<string, bigint>();
  const down: string[] = [];
  const goesDown = (what: string): Result<void, SystemError> => {
    if (observed.get('system')?.helperMissing !== undefined) {
      return err(new SystemError('no root helper runs here', 'ENOENT'));
    }
    down.push(what);
    return ok(undefined);
  };
  const calls: ServiceCalls = {
    ...willingCalls,
    dhcpServerDecide: async (mac, action, seconds) => {
      decided.push(`${action} ${mac} ${seconds}`);
      return ok(undefined);
    },
    dhcpRenew: (id) => {
      renewed.push(id);
      return Promise.resolve(ok(undefined));
    },
    reboot: () => Promise.resolve(goesDown('reboot')),
    powerOff: () => Promise.resolve(goesDown('power off')),
    factoryReset: () => Promise.resolve(goesDown('factory reset')),
    firmwareDownload: (slot, url, activate) =>
      Promise.resolve(goesDown(`download ${slot} ${url} ${activate}`)),
    firmwareActivate: (slot) => Promise.resolve(goesDown(`activate ${slot}`)),
  };
  const lookups: Lookups = {
    mapUsage: () => undefined,
    linkStats: (ifName) => {
      const n = stats.get(ifName);
      return n === undefined ? undefined : linkStats(n);
    },
    readText: (path) => files.get(path),
    dns: () => undefined,
    syslog: () => [{ id: 'Device.X_GATEHOUSE_Syslog.Collector.1', sent: 3, dropped: 2, queued: 1 }],
    dnsLogged: () => 0,
    monitor: () => undefined,
    dht: () => undefined,
    lanTorrents: () => observed.get('lanTorrents'),
    monoMs: () => clock.monoMs(),
    boottimeMs: () => clock.boottimeMs(),
    wallMs: () => clock.wallMs(),
  };
  const model = createModel({
    rows,
    observed,
    lookups,
    calls,
    product: { name: 'Gatehouse', version: '0.1.0' },
    audit: async (entries) => void audit.push(...entries),
    hashPassword: (password) => hashPassword(new LinuxSecrets(), password),
    log,
    ...(options.groups === undefined ? {} : { groups: options.groups }),
  });
  return {
    model,
    rows,
    store,
    observed,
    clock,
    log,
    audit,
    files,
    renewed,
    decided,
    down,
    stats,
    calls,
    get: (path) => {
      const [answer] = model.get([path]);
      if (answer?.result.ok !== true) return answer?.result.error.kind ?? 'nothing';
      return answer.result.value.map(({ value }) => value).join('|');
    },
    set: async (path, value) => {
      const done = await model.set([{ path, value }], ORIGIN);
      return done.ok ? 'done' : kinds(done.error);
    },
    restart: () => bench({ ...options, store }),
  };
}

/** A router as it is after its first start: eth0 is WAN, eth1 is LAN. */
export async function router(
  setup: { lan?: readonly string[]; overrides?: Readonly<Record<string, string>> } = {},
): Promise<Bench> {
  const made = bench();
  const done = await layDownInitial(made.model, {
    wan: 'eth0',
    lan: setup.lan ?? ['eth1'],
    overrides: setup.overrides ?? {},
  });
  if (!done.ok) throw new Error(done.error.map((fault) => fault.message).join('\n'));
  return made;
}

export const kinds = (faults: readonly Fault[]): string =>
  faults.map((fault) => fault.kind).join(' ');

export const messages = (faults: readonly Fault[]): string =>
  faults.map((fault) => fault.message).join('\n');

/** Lets everything that is queued in microtasks and immediates run. */
export const settled = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) await new Promise<void>((done) => setImmediate(done));
};

/** Notices as they come, as short texts. */
export function record(model: Model, pattern: string): string[] {
  const seen: string[] = [];
  const subscribed = model.subscribe(pattern, ({ notices }) => seen.push(...notices.map(short)));
  if (!subscribed.ok) throw new Error(subscribed.error.message);
  return seen;
}

const short = (notice: Notice): string =>
  notice.kind === 'value' ? `${notice.path}=${notice.value}` : `${notice.kind} ${notice.path}`;

export function address(text: string): Ipv4 {
  const parsed = parseIpv4(text);
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.value;
}

export function length(n: number): PrefixLen {
  const parsed = prefixLen(n);
  if (parsed === undefined) throw new Error(`no prefix length ${n}`);
  return parsed;
}

const linkStats = (n: bigint): NetworkObserved['links'][number]['stats'] => ({
  rxBytes: n,
  txBytes: n + 1n,
  rxPackets: n + 2n,
  txPackets: n + 3n,
  rxErrors: n + 4n,
  txErrors: n + 5n,
  rxDropped: n + 6n,
  txDropped: n + 7n,
  multicast: n + 8n,
  collisions: n + 9n,
});

export function link(
  name: string,
  values: Partial<NetworkObserved['links'][number]> = {},
): NetworkObserved['links'][number] {
  const mac = parseMac('02:00:5e:00:53:01');
  return {
    ifIndex: 2,
    name,
    mac: mac.ok ? mac.value : undefined,
    mtu: 1500,
    minMtu: 68,
    maxMtu: 65535,
    adminUp: true,
    carrier: true,
    operState: 'up',
    loopback: false,
    kind: undefined,
    master: undefined,
    stats: linkStats(0n),
    changedAtMs: 0,
    ...values,
  };
}

export const network = (values: Partial<NetworkObserved> = {}): NetworkObserved => ({
  links: [link('eth0'), link('eth1')],
  addresses: [],
  addresses6: [],
  ipv6Capable: true,
  defaultRoutes6: [],
  routes: [],
  resolvers: [],
  searchDomains: [],
  forwarding: true,
  items: [],
  restored: 0,
  ...values,
});

export const client = (values: Partial<ClientObserved> = {}): ClientObserved => ({
  id: 'dhcp4.1',
  status: 'Enabled',
  reason: undefined,
  dhcpStatus: 'Bound',
  lease: {
    address: address('198.51.100.7'),
    prefixLen: length(24),
    routers: [address('198.51.100.1')],
    dnsServers: [address('198.51.100.53'), address('9.9.9.9')],
    domain: 'example.net',
    server: address('198.51.100.1'),
    leaseSec: 3600,
    expiresAtMs: 3_601_000,
    t1AtMs: 1_801_000,
    t2AtMs: 3_151_000,
    options: [
      { code: 1, hex: 'ffffff00' },
      { code: 3, hex: 'c6336401' },
      { code: 43, hex: '0104deadbeef' },
    ],
  },
  counts: {
    discover: 1,
    offer: 2,
    request: 3,
    decline: 0,
    release: 0,
    inform: 0,
    ack: 5,
    nack: 0,
    forceRenew: 0,
    discarded: 4,
  },
  pid: 4711,
  restarts: 2,
  ...values,
});
