/** The bus of the daemon: ubusd where one listens, else a broker of our own at the same place. */
import type { Clock } from '../../base/clock.ts';
import type { SystemError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { ok, type Result } from '../../base/result.ts';
import type { PeerCredentials, UnixHandlers, UnixServer, UnixSockets } from '../../os/ports.ts';
import { type Accounts, parseAccounts, supplementaryGroups } from './accounts.ts';
import { type AclDirectory, loadAcl } from './acl.ts';
import { Broker, type BrokerStats } from './broker.ts';
import { UbusClient } from './client.ts';

export interface BusOptions {
  readonly sockets: UnixSockets;
  readonly path: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly randomU32: () => number;
  readonly self: PeerCredentials;
  /** Whole text of a small file; empty where it cannot be read. */
  readText(path: string): string;
  /** The access rules, such as those of /usr/share/acl.d. */
  aclDirectory(): AclDirectory | undefined;
}

export interface Bus extends AsyncDisposable {
  readonly client: UbusClient;
  /** One more client, started, for whoever calls for others: none can subscribe to objects of its own. */
  another(): UbusClient;
  /** Undefined where ubusd is the broker. */
  readonly stats: BrokerStats | undefined;
  /** Reads accounts and access rules again. */
  reload(): void;
}

/** As ubusd, what a client does not read is dropped beyond 1 MiB; the largest message, with USER and GROUP added, fits an empty queue. */
const MAX_QUEUED_BYTES = (1 << 20) + 4096;
const MAX_CONNECTIONS = 1024;
/** Access is by peer credentials, so everyone may connect. */
const MODE = 0o666;

export function openBus(options: BusOptions): Result<Bus, SystemError> {
  const { sockets, path, clock, log } = options;
  const silent: UnixHandlers = { data: () => {}, closed: () => {} };
  const there = sockets.connect(path, MAX_QUEUED_BYTES, () => silent);
  if (!there.ok) return openBroker(options);
  there.value.close();
  log.info({ path }, 'using the ubusd that listens');
  const connect = (opened: Parameters<UnixSockets['connect']>[2]) =>
    sockets.connect(path, MAX_QUEUED_BYTES, opened);
  const another = (): UbusClient => {
    const made = new UbusClient({ connect, clock, log });
    made.start();
    return made;
  };
  const client = another();
  return ok({
    client,
    another,
    stats: undefined,
    reload: () => {},
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  });
}

function openBroker(options: BusOptions): Result<Bus, SystemError> {
  const { sockets, path, clock, log, self } = options;
  const broker = new Broker({
    randomU32: options.randomU32,
    accounts: accountsOf(options),
    ownUid: self.uid,
    groupsOf: ({ pid }) => supplementaryGroups(options.readText(`/proc/${pid}/status`)),
  });
  const server = sockets.listen({
    path,
    mode: MODE,
    maxConnections: MAX_CONNECTIONS,
    maxQueuedBytes: MAX_QUEUED_BYTES,
    accepted: (connection) => broker.accept(connection),
  });
  if (!server.ok) return server;
  const reload = () => {
    const accounts = accountsOf(options);
    const directory = options.aclDirectory();
    if (directory === undefined) return;
    const { acl, problems } = loadAcl(directory, self.uid, accounts);
    for (const { file, message } of problems) log.warn({ file }, `access rules: ${message}`);
    broker.setAcl(acl, accounts);
  };
  reload();
  const another = (): UbusClient => {
    const made = new UbusClient({
      connect: (opened) => ok(broker.attach(self, opened)),
      clock,
      log,
      peerOf: (id) => broker.peerOf(id),
    });
    made.start();
    return made;
  };
  log.info({ path }, 'serving the bus');
  return ok(join(server.value, broker, another, reload));
}

const join = (
  server: UnixServer,
  broker: Broker,
  another: () => UbusClient,
  reload: () => void,
): Bus => {
  const client = another();
  return {
    client,
    another,
    get stats() {
      return broker.stats;
    },
    reload,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
};

const accountsOf = ({ readText }: BusOptions): Accounts =>
  parseAccounts(readText('/etc/passwd'), readText('/etc/group'));
