/**
 * A box on loopback for tests of HTTP: the real model with accounts and history, a real bus, real
 * TLS and sockets; time alone is moved by the test.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SystemError } from '../../../src/base/errors.ts';
import { err, ok } from '../../../src/base/result.ts';
import { RowAccounts } from '../../../src/control/accounts.ts';
import { DhcpDevices } from '../../../src/control/dhcp-devices.ts';
import type { CaptureParts } from '../../../src/edge/http/context.ts';
import type {
  CallRecord,
  LinkCounters,
  LoginRecord,
  Metrics,
  WebFile,
} from '../../../src/edge/http/faces.ts';
import { HttpService } from '../../../src/edge/http/service.ts';
import { parseAccounts } from '../../../src/edge/ubus/accounts.ts';
import { bbfdmObject } from '../../../src/edge/ubus/bbfdm.ts';
import { Broker } from '../../../src/edge/ubus/broker.ts';
import { UbusClient } from '../../../src/edge/ubus/client.ts';
import type { CommandService } from '../../../src/edge/ubus/gatehouse.ts';
import { LinuxDownloads } from '../../../src/os/linux/download.ts';
import { LinuxDirectories, LinuxFiles } from '../../../src/os/linux/files.ts';
import { NodeHttpListeners } from '../../../src/os/linux/http-listen.ts';
import { LinuxSpools } from '../../../src/os/linux/spool.ts';
import { NodeCertificates } from '../../../src/os/linux/tls-x509.ts';
import type { HttpListeners, RootHelper } from '../../../src/os/ports.ts';
import { UpdateService } from '../../../src/services/update/service.ts';
import type { Model } from '../../../src/tr181/model.ts';
import type { AuditEntry } from '../../../src/tr181/writer.ts';
import { router } from '../../lib/box.ts';
import { FakeClock } from '../../lib/clock.ts';
import type { MemoryLog } from '../../lib/log.ts';
import { counting, GROUP, PASSWD, ROOT } from '../ubus/fakes.ts';
import { type Answered, type Asked, ask } from './client.ts';

export const PASSWORD = 'correct horse battery';
export const SETUP = {
  username: 'admin',
  password: PASSWORD,
  timeZone: 'Europe/Berlin',
  lanAddress: '192.168.1.1',
  lanMask: '255.255.255.0',
  wan: { type: 'dhcp' },
};

/** A client with the cookie and the token of its session. */
export interface Visitor {
  cookie: string;
  csrf: string;
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Answered>;
  post(
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string | undefined>>,
  ): Promise<Answered>;
  /** Takes over the session that an answer gave. */
  enter(answer: Answered): Visitor;
}

export interface Box {
  readonly port: number;
  readonly redirectPort: number;
  readonly host: string;
  readonly ca: string;
  readonly service: HttpService;
  readonly listeners: HttpListeners;
  readonly model: Model;
  readonly clock: FakeClock;
  readonly log: MemoryLog;
  readonly audit: AuditEntry[];
  readonly logins: LoginRecord[];
  readonly calls: CallRecord[];
  readonly bus: UbusClient;
  /** What is to be answered before anything is put into effect. */
  readonly held: Promise<void>[];
  readonly links: LinkCounters[];
  readonly lan: string[];
  readonly folder: string;
  readonly web: Map<string, WebFile>;
  ask(asked: Omit<Asked, 'port' | 'ca'>): Promise<Answered>;
  visitor(localAddress?: string): Visitor;
  /** Makes the first account and is logged in as it. */
  administrator(): Promise<Visitor>;
  /** An account that may look, logged in. */
  viewer(by: Visitor): Promise<Visitor>;
}

/** `given` stands for the updates of a box with slots. */
export async function box(
  t: { teardown(run: () => unknown): void },
  given?: UpdateService,
  dns: Pick<CommandService, 'commands'> = { commands: {} },
  captures: CaptureParts = {
    commands: {},
    read: async () => err(new SystemError('none', 'ENOENT')),
  },
  metrics: Metrics = { token: undefined, text: async () => '' },
  monitor: Pick<CommandService, 'commands'> = { commands: {} },
  loadTest: Pick<CommandService, 'commands'> = { commands: {} },
  alerts: Pick<CommandService, 'commands'> = { commands: {} },
): Promise<Box> {
  const folder = mkdtempSync(join(tmpdir(), 'gh-http-'));
  const house = await router(new FakeClock({ wallMs: Date.now() }));
  const { model, config: configuration, rows, secrets, clock, log, audit, bootId } = house;
  const logins: LoginRecord[] = [];
  const calls: CallRecord[] = [];
  const held: Promise<void>[] = [];

  const accounts = parseAccounts(PASSWD, GROUP);
  const broker = new Broker({ randomU32: counting(), accounts, ownUid: 0 });
  const client = (): UbusClient => {
    const made = new UbusClient({
      connect: (opened) => ok(broker.attach(ROOT, opened)),
      peerOf: (id) => broker.peerOf(id),
      ...{ clock, log },
    });
    made.start();
    return made;
  };
  const [bus, callers] = [client(), client()];
  bus.serve(bbfdmObject(model));
  await bus.ready();

  const links: LinkCounters[] = [];
  const lan: string[] = [];
  const web = new Map<string, WebFile>();
  const listeners = new NodeHttpListeners({
    handler: (request, exchange) => service.handle(request, exchange),
    log,
  });
  const updates =
    given ??
    new UpdateService({
      ...{ clock, log, places: undefined, files: new LinuxFiles() },
      helper: { missing: undefined } as RootHelper,
      spools: new LinuxSpools(),
      downloads: new LinuxDownloads(),
      isWell: () => true,
      report: () => {},
    });
  const service: HttpService = new HttpService({
    ...{
      updates,
      dns,
      captures,
      monitor,
      loadTest,
      alerts,
      metrics,
      model,
      configuration,
      clock,
      log,
      bus: callers,
      bootId,
      listeners,
    },
    accounts: new RowAccounts({ rows, model, secrets }),
    devices: new DhcpDevices({ model, clock, leaseOf: () => undefined }),
    files: new LinuxFiles(),
    directories: new LinuxDirectories(),
    directory: join(folder, 'tls'),
    makeCertificates: new NodeCertificates(),
    https: [{ host: '127.0.0.1', port: 0 }],
    http: [{ host: '127.0.0.2', port: 0 }],
    lanAddresses: () => lan,
    certificateUsed: () => {},
    names: ['router.example'],
    links: () => links,
    web: { read: (path) => web.get(path) },
    version: '0.1.0',
    hostName: () => 'gatehouse',
    logs: async ({ limit }) =>
      log.lines
        .slice(-limit)
        .reverse()
        .map(({ level, message }) => ({ level, msg: message })),
    audit: async ({ limit }) => audit.slice(-limit).map(({ path }) => ({ path })),
    equal: (a, b) => secrets.equal(Buffer.from(a), Buffer.from(b)),
    token: () => Buffer.from(secrets.randomBytes(32)).toString('hex'),
    recordLogin: async (record) => void logins.push(record),
    recordCall: async (record) => void calls.push(record),
    holdEffects: (answered) => void held.push(answered),
  });
  t.teardown(async () => {
    await service[Symbol.asyncDispose]();
    configuration[Symbol.dispose]();
    await callers[Symbol.asyncDispose]();
    await bus[Symbol.asyncDispose]();
    model[Symbol.dispose]();
    rmSync(folder, { recursive: true });
  });
  await service.start();
  const [port = 0, redirectPort = 0] = listeners.ports;
  const ca = new LinuxFiles().readText(join(folder, 'tls/ca.pem'));
  if (!ca.ok) throw ca.error;
  const caPem = ca.value.slice(ca.value.indexOf('-----BEGIN CERTIFICATE'));
  const host = `127.0.0.1:${port}`;

  const made: Box = {
    ...{ port, redirectPort, host, ca: caPem, service, listeners, model, clock, log, audit },
    ...{ logins, calls, held, bus, links, lan, folder, web },
    ask: (asked) => ask({ ...asked, port, ca: caPem }),
    visitor: (localAddress) => visitor(made, localAddress),
    administrator: async () => {
      const owner = visitor(made);
      const done = await owner.post('/api/setup', SETUP);
      if (done.status !== 200) throw new Error(done.text);
      return owner.enter(done);
    },
    viewer: async (by) => {
      const done = await by.post('/api/add', {
        path: 'Device.Users.User.',
        values: {
          Enable: 'true',
          Username: 'guest',
          Password: PASSWORD,
          X_GATEHOUSE_Role: 'Viewer',
        },
      });
      if (done.status !== 200) throw new Error(done.text);
      const guest = visitor(made);
      return guest.enter(await guest.post('/api/login', { username: 'guest', password: PASSWORD }));
    },
  };
  return made;
}

function visitor(made: Box, localAddress?: string): Visitor {
  const from = localAddress === undefined ? {} : { localAddress };
  const self: Visitor = {
    cookie: '',
    csrf: '',
    get: (path, headers = {}) =>
      made.ask({ path, headers: { host: made.host, cookie: self.cookie, ...headers }, ...from }),
    post: (path, body = {}, headers = {}) => {
      const all = {
        host: made.host,
        origin: `https://${made.host}`,
        cookie: self.cookie,
        'x-gatehouse-token': self.csrf,
        'content-type': 'application/json',
        ...headers,
      };
      const sent = Object.entries(all).filter((h): h is [string, string] => h[1] !== undefined);
      const text =
        typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
      return made.ask({
        ...{ path, method: 'POST', body: text, headers: Object.fromEntries(sent) },
        ...from,
      });
    },
    enter: (answer) => {
      self.cookie = (answer.headers['set-cookie']?.[0] ?? '').split(';')[0] ?? '';
      self.csrf = String(JSON.parse(answer.text).csrf);
      return self;
    },
  };
  return self;
}
