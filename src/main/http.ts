/** HTTP with its real adapters; loaded after the bus answers, so that it costs the start nothing. */
import type { AuditChange } from '../base/audit.ts';
import { formatIpv4 } from '../base/ip.ts';
import type { LogLevel } from '../base/log.ts';
import { RowAccounts } from '../control/accounts.ts';
import type { Configuration } from '../control/configuration.ts';
import type { DhcpDevices } from '../control/dhcp-devices.ts';
import type { CaptureParts } from '../edge/http/context.ts';
import type { Line, LineQuery, Metrics } from '../edge/http/faces.ts';
import { HttpService, type ListenOn } from '../edge/http/service.ts';
import type { UbusClient } from '../edge/ubus/client.ts';
import type { CommandService } from '../edge/ubus/gatehouse.ts';
import { AUDIT_FILE } from '../os/linux/audit.ts';
import { ChildCertificates } from '../os/linux/certificate-child.ts';
import type { LinuxClock } from '../os/linux/clock.ts';
import { LinuxDirectories, LinuxFiles } from '../os/linux/files.ts';
import { NodeHttpListeners } from '../os/linux/http-listen.ts';
import { newestLines } from '../os/linux/line-files.ts';
import { LOG_FILE, type LogSink } from '../os/linux/log.ts';
import type { Command } from '../os/linux/program.ts';
import { NodeCertificates } from '../os/linux/tls-x509.ts';
import { BuiltWebFiles } from '../os/linux/web-files.ts';
import type { Net, Secrets, TlsMaterial } from '../os/ports.ts';
import type { UpdateService } from '../services/update/service.ts';
import type { Rows } from '../state/rows.ts';
import type { Model } from '../tr181/model.ts';
import { loginChange } from './login-record.ts';

export interface HttpSurroundings {
  readonly stateDir: string;
  readonly webPath: string;
  /** How this program is started. */
  readonly command: Command;
  readonly version: string;
  readonly https: readonly ListenOn[];
  readonly http: readonly ListenOn[];
  readonly names: readonly string[];
  readonly bootId: string;
  readonly clock: LinuxClock;
  readonly logs: LogSink;
  readonly secrets: Secrets;
  readonly net: Net;
  readonly rows: Rows;
  readonly model: Model;
  readonly configuration: Configuration;
  readonly devices: DhcpDevices;
  readonly dns: CommandService;
  readonly captures: CaptureParts;
  readonly monitor: CommandService;
  readonly alerts: CommandService;
  readonly loadTest: CommandService;
  readonly metrics: Metrics;
  readonly updates: UpdateService;
  readonly bus: UbusClient;
  holdEffects(answered: Promise<void>): void;
  /** Others who prove themselves by the page's certificate get it, too. */
  certificateUsed(material: TlsMaterial): void;
  record(changes: readonly AuditChange[]): Promise<void>;
  /** Has `heard` called with what was recorded. */
  onRecorded(heard: (changes: readonly AuditChange[]) => void): void;
}

const HOST_NAME = 'Device.DeviceInfo.HostName';

export interface ServedHttp extends AsyncDisposable {
  readonly status: object;
}

const LEVELS: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];

export async function startHttp(around: HttpSurroundings): Promise<ServedHttp> {
  const { clock, logs, secrets, net, model, rows, stateDir } = around;
  const log = logs.log.child({ room: 'http' });
  const files = new LinuxFiles();
  const lan = new LanAddresses(model, net);
  const listeners = new NodeHttpListeners({
    handler: (request, exchange) => service.handle(request, exchange),
    log,
  });
  const service: HttpService = new HttpService({
    ...around,
    log,
    files,
    listeners,
    directories: new LinuxDirectories(),
    directory: `${stateDir}/tls`,
    accounts: new RowAccounts({ rows, model, secrets }),
    makeCertificates: new ChildCertificates(new NodeCertificates(), around.command),
    web: new BuiltWebFiles(around.webPath),
    lanAddresses: () => lan.addresses,
    links: () => {
      net.refreshStats();
      return net
        .links()
        .filter(({ loopback }) => !loopback)
        .map(({ name, stats }) => ({ name, rxBytes: stats.rxBytes, txBytes: stats.txBytes }));
    },
    hostName: () => hostNameOf(model),
    logs: (query) => newestLines(`${stateDir}/log`, LOG_FILE, search(query)),
    audit: (query) => newestLines(`${stateDir}/audit`, AUDIT_FILE, search(query)),
    equal: (a, b) => secrets.equal(Buffer.from(a), Buffer.from(b)),
    token: () => Buffer.from(secrets.randomBytes(32)).toString('hex'),
    recordCall: (call) => around.record([{ action: 'operate', via: 'http', ...call }]),
    recordLogin: (login) => around.record([loginChange('http', login)]),
  });
  const watching = logs.watch((line) => {
    if (service.events.listeners > 0) service.events.log(JSON.parse(line) as Line);
  });
  around.onRecorded((changes) => {
    const time = new Date(clock.wallMs()).toISOString();
    for (const change of changes) service.events.audit({ time, ...change });
  });
  const follow = lan.onChange(() => void service.addressesChanged());
  const named = model.subscribe(HOST_NAME, () => void service.addressesChanged());
  await service.start();
  return {
    get status() {
      return service.status;
    },
    async [Symbol.asyncDispose]() {
      follow[Symbol.dispose]();
      if (named.ok) named.value[Symbol.dispose]();
      watching[Symbol.dispose]();
      await service[Symbol.asyncDispose]();
    },
  };
}

function hostNameOf(model: Model): string {
  const [answer] = model.get([HOST_NAME]);
  return answer?.result.ok === true ? (answer.result.value[0]?.value ?? '') : '';
}

/** What the kernel has of IPv4 on the interfaces of zone Lan, and never another address. */
class LanAddresses {
  readonly #model: Model;
  readonly #net: Net;
  #names: readonly string[];
  addresses: readonly string[];

  constructor(model: Model, net: Net) {
    this.#model = model;
    this.#net = net;
    this.#names = model.compileAll().firewall.lan;
    this.addresses = this.#read();
  }

  onChange(changed: () => void): Disposable {
    const again = (): void => {
      const now = this.#read();
      if (now.join() === this.addresses.join()) return;
      this.addresses = now;
      changed();
    };
    const rows = this.#model.rowsChanged(() => {
      this.#names = this.#model.compileAll().firewall.lan;
      again();
    });
    const net = this.#net.subscribe((events) => {
      if (events.some(({ what }) => what !== 'route')) again();
    });
    return {
      [Symbol.dispose]: () => {
        rows[Symbol.dispose]();
        net[Symbol.dispose]();
      },
    };
  }

  #read(): readonly string[] {
    const links = new Set(
      this.#net
        .links()
        .filter(({ name }) => this.#names.includes(name))
        .map(({ ifIndex }) => ifIndex),
    );
    return this.#net
      .addresses()
      .filter(({ ifIndex }) => links.has(ifIndex))
      .map(({ address }) => formatIpv4(address))
      .sort();
  }
}

function search({ level, text, limit }: LineQuery) {
  const least = LEVELS.indexOf(level as LogLevel);
  const needle = text?.toLowerCase();
  return {
    limit,
    wanted: (line: Line, whole: string): boolean =>
      (least < 0 || LEVELS.indexOf(line['level'] as LogLevel) >= least) &&
      (needle === undefined || whole.toLowerCase().includes(needle)),
  };
}
