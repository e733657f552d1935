/** The composition root of the daemon: the one place that builds its real adapters and joins the rooms. */
import { randomBytes } from 'node:crypto';
import { errorMessage, SystemError } from '../base/errors.ts';
import { ulaPrefix } from '../base/ip6.ts';
import { err } from '../base/result.ts';
import { hashPassword, RowAccounts } from '../control/accounts.ts';
import { ConfigurationService } from '../control/configuration.ts';
import { DnsNames } from '../control/dns-names.ts';
import { followRows, noteFollowed } from '../control/followed-rows.ts';
import { History } from '../control/history.ts';
import { Control, type Steps } from '../control/loop.ts';
import type { ProcessConfig } from '../control/process-config.ts';
import type { DaemonOptions, ServiceName } from '../edge/cli/daemon-options.ts';
import { Logins } from '../edge/http/logins.ts';
import { bbfdmObject } from '../edge/ubus/bbfdm.ts';
import { openBus } from '../edge/ubus/bus.ts';
import { announceChanges, gatehouseObjects } from '../edge/ubus/gatehouse.ts';
import { bootId } from '../os/linux/boot.ts';
import { LinuxClock } from '../os/linux/clock.ts';
import { LinuxDirectories, LinuxFiles } from '../os/linux/files.ts';
import { type LogSink, openLog } from '../os/linux/log.ts';
import { loadNative, Reactor } from '../os/linux/native.ts';
import { LinuxNet } from '../os/linux/net.ts';
import { lineOf } from '../os/linux/physical-line.ts';
import { LinuxProcesses } from '../os/linux/process.ts';
import type { Program } from '../os/linux/program.ts';
import { LinuxRootHelper } from '../os/linux/root-helper.ts';
import { watchRuleset } from '../os/linux/ruleset.ts';
import { LinuxSecrets } from '../os/linux/secrets.ts';
import { openStore } from '../os/linux/store.ts';
import { LinuxPacketTaps } from '../os/linux/taps.ts';
import { releaseTextSoon } from '../os/linux/text-pages.ts';
import { readTrustedDirectory } from '../os/linux/trusted-directory.ts';
import { LinuxUnixSockets } from '../os/linux/unix.ts';
import { FirewallService } from '../services/firewall/service.ts';
import { NetworkService } from '../services/network/service.ts';
import { SystemService } from '../services/system/service.ts';
import type { UpdateService } from '../services/update/service.ts';
import { Observed } from '../state/observed.ts';
import { Rows } from '../state/rows.ts';
import { createModel } from '../tr181/engine.ts';
import { layDownInitial } from '../tr181/initial.ts';
import type { Model } from '../tr181/model.ts';
import type { Lookups, Observations } from '../tr181/table.ts';
import { auditChange } from './audit-change.ts';
import { commandsOf, httpCommands } from './commands.ts';
import { configCommands } from './config-commands.ts';
import { follow, readConfig } from './configuration-file.ts';
import { consoleCommands } from './console-commands.ts';
import { buildDhcpClient } from './dhcp-client.ts';
import { buildDhcpServer } from './dhcp-server.ts';
import { dhcpServerCommands } from './dhcp-server-commands.ts';
import { buildDhcp6Client } from './dhcp6-client.ts';
import { buildDhcp6Server } from './dhcp6-server.ts';
import { LazyDht } from './dht-lazy.ts';
import { diagnosticCalls } from './diagnostics.ts';
import { dnsCalls } from './dns-calls.ts';
import { dnsCommands, modelCalls } from './dns-commands.ts';
import { LazyDns } from './dns-lazy.ts';
import type { ServedHttp } from './http.ts';
import { loginChange } from './login-record.ts';
import { buildMap, mapCommands } from './map.ts';
import { ended, must } from './must.ts';
import { buildNeighbors } from './neighbors.ts';
import { neighborsCommands } from './neighbors-commands.ts';
import { buildOnDemand } from './on-demand.ts';
import { Records } from './records.ts';
import { buildTelemetry } from './telemetry.ts';
import { buildUpdates, firmwareCalls, updateCommands } from './update.ts';
import { LazyWifi } from './wifi-lazy.ts';

export interface Surroundings {
  readonly program: Program;
  /** Fires when the daemon shall end. */
  readonly signal: AbortSignal;
  /** Has `run` called at SIGHUP. */
  onReload(run: () => void): void;
  /** A message for whoever started it. */
  say(text: string): void;
}

const ACL_DIR = '/usr/share/acl.d';
const NFT = '/usr/sbin/nft';
/** What an apply that cannot fail could not do. */
const nothing = (_applied: unknown): readonly string[] => [];
/** From here on the box routes; the page and its first certificate come after. */
const STANDS = 'firewall and network stand';

/** Runs until the signal fires; gives the exit code. What it set in the kernel stays, for the next daemon. */
export async function runDaemon(options: DaemonOptions, around: Surroundings): Promise<number> {
  const config = readConfig(options);
  if (!config.ok) {
    for (const fault of config.error) around.say(`gatehouse: ${options.config}: ${fault}\n`);
    return 1;
  }
  await using stack = new AsyncDisposableStack();
  const { nativePath, version } = around.program;
  const clock = new LinuxClock(loadNative(nativePath));
  const level = config.value.logLevel;
  const logs = stack.use(openLog({ directory: `${options.stateDir}/log`, level, clock }));
  const { log } = logs;
  try {
    await build(stack, options, around, config.value, clock, logs);
    log.info({ pid: process.pid, version }, 'ready');
    stack.use(releaseTextSoon(loadNative(nativePath), clock, log));
    await ended(around.signal);
    log.info({}, 'ending; clients, addresses and firewall stay');
    return 0;
  } catch (cause) {
    log.fatal({ err: cause }, errorMessage(cause));
    const remedy = cause instanceof SystemError && cause.remedy ? `; ${cause.remedy}` : '';
    around.say(`gatehouse: ${errorMessage(cause)}${remedy}\n`);
    return 1;
  }
}

async function build(
  stack: AsyncDisposableStack,
  options: DaemonOptions,
  around: Surroundings,
  config: ProcessConfig,
  clock: LinuxClock,
  logs: LogSink,
): Promise<void> {
  const { stateDir, runDir } = options;
  const { version, nativePath, pluginPath, webPath, command } = around.program;
  const { log } = logs;
  const [files, directories] = [new LinuxFiles(), new LinuxDirectories()];
  const textOf = (path: string): string | undefined => {
    const text = files.readText(path);
    return text.ok ? text.value : undefined;
  };
  const own = ['hook', 'spool', 'map', 'wifi'];
  for (const name of own) must(directories.make(`${runDir}/${name}`, 0o700));

  const native = loadNative(nativePath);
  const reactor = stack.use(new Reactor(native, { leads: true }));
  const sockets = new LinuxUnixSockets(reactor);
  const processes = new LinuxProcesses(reactor);
  const taps = new LinuxPacketTaps(reactor);
  const net = stack.use(must(LinuxNet.open(reactor)));
  const records = stack.use(new Records(stateDir, clock, log));
  const store = stack.use(must(await openStore(stateDir)));

  const observed = new Observed<Observations>(log, clock);
  const network = stack.use(
    new NetworkService({
      net,
      clock,
      log: log.child({ service: 'network' }),
      files,
      resolvConfPath: `${runDir}/resolv.conf`,
      report: (value) => observed.publish('network', value),
    }),
  );
  // The model knows the links from its first answer on.
  observed.publish('network', network.observed);
  const firewall = stack.use(
    new FirewallService({
      processes,
      clock,
      log: log.child({ service: 'firewall' }),
      nft: NFT,
      linkNames: () => new Set(net.links().map((link) => link.name)),
      report: (value) => observed.publish('firewall', value),
    }),
  );
  const helper = stack.use(new LinuxRootHelper({ sockets, clock, path: `${runDir}/root.sock` }));
  const system = stack.use(
    new SystemService({
      helper,
      log: log.child({ service: 'system' }),
      kernelName: () => {
        const name = files.readText('/proc/sys/kernel/hostname');
        return name.ok ? name.value.trim() : '';
      },
      report: (value) => observed.publish('system', value),
    }),
  );
  observed.publish('system', system.observed);
  const updates: UpdateService = stack.use(
    buildUpdates({
      ...{ helper, clock, files },
      log: log.child({ service: 'update' }),
      isWell: () => Object.keys(control.convergence.failing).length === 0,
      report: (value) => observed.publish('update', value),
    }),
  );
  observed.publish('update', updates.observed);
  const map = buildMap(stack, {
    ...{ reactor, processes, clock, files, directories, net, network, observed, runDir },
    ...{ log: log.child({ service: 'map' }), nft: NFT },
  });
  const wifi = await LazyWifi.build(stack, {
    ...{ reactor, processes, clock, files, directories, net, observed, runDir },
    log: log.child({ service: 'wifi' }),
  });
  stack.use(must(watchRuleset(reactor, () => firewall.rulesetChanged())));
  const boot = must(bootId(files));
  const { service: dhcpClient, monitor } = buildDhcpClient(stack, {
    ...{ net, network, processes, taps, store, sockets, files, directories, clock, observed },
    ...{ bootId: boot, runDir, pluginPath },
    log: log.child({ service: 'dhcp-client' }),
    hook6: (message) => dhcp6Client.hook(message),
  });
  const dhcpServer = stack.use(
    buildDhcpServer({
      ...{ reactor, net, clock, stateDir, observed },
      log: log.child({ service: 'dhcp-server' }),
      bootId: boot,
      model: () => model,
    }),
  );
  const neighbors = must(
    buildNeighbors(stack, {
      ...{ native, reactor, net, clock, store, files, observed },
      log: log.child({ service: 'neighbors' }),
      vendorsPath: around.program.vendorsPath,
      leases: () => dhcpServer.service.leases(),
      ownNames: config.http.names,
      emit: (path, args) => void model.emit(path, args),
    }),
  );
  stack.use(
    net.subscribe((events) => {
      const links = events.some(({ what }) => what === 'link' || what === 'resync');
      neighbors.networkChanged(links);
      if (!links) return;
      dhcpClient.linksChanged();
      dhcpServer.service.linksChanged();
      firewall.linksChanged();
    }),
  );

  const dhcp6Server = stack.use(
    await buildDhcp6Server({
      ...{ reactor, net, network, store, clock, observed },
      log: log.child({ service: 'dhcp6-server' }),
      bootId: boot,
      model: () => model,
    }),
  );

  const dhcp6Client = await buildDhcp6Client(stack, {
    ...{ net, network, processes, taps, store, files, directories, clock, observed },
    ...{ bootId: boot, runDir, pluginPath, server: dhcp6Server },
    log: log.child({ service: 'dhcp6-client' }),
  });

  const rows = new Rows(store);
  const secrets = new LinuxSecrets(loadNative(around.program.nativePath));
  const history = new History({ store, clock, secrets, bootId: boot });
  const dns = new LazyDns(async () =>
    (await import('./dns.ts')).buildDns(stack, {
      ...{ native, net, clock, files, stateDir, observed, neighbors: neighbors.service },
      log: log.child({ service: 'dns' }),
      policyConfig: () => model.compileAll().dnsPolicy,
      pageNames: config.http.names,
    }),
  );
  const dht = new LazyDht(stack, { reactor, net, clock, store, observed, log });
  const onDemand = buildOnDemand(stack, {
    ...{ native, reactor, processes, net, store, clock, log, observed, stateDir, dht },
    model: () => model,
  });
  let answering = false;
  let laidDown: Promise<unknown> = Promise.resolve();
  const lookups: Lookups = {
    linkStats: (ifName) => {
      net.refreshStats();
      return net.links().find(({ name }) => name === ifName)?.stats;
    },
    ...{ mapUsage: (id) => map.usage(id), readText: (path) => textOf(path) },
    ...{ dns: () => dns.service?.observed, dnsLogged: () => dns.face?.log.lastId ?? 0 },
    ...onDemand.lookups,
    ...{ dht: () => dht.observed, syslog: () => telemetry.syslog },
    ...{ monoMs: () => clock.monoMs(), boottimeMs: () => clock.boottimeMs() },
    wallMs: () => clock.wallMs(),
  };
  const model: Model = stack.use(
    createModel({
      rows,
      observed,
      log: log.child({ room: 'tr181' }),
      product: { name: 'Gatehouse', version },
      lookups,
      calls: {
        dhcpServerRelease: (address) => dhcpServer.release(address),
        dhcpServerDecide: (...word) => dhcpServer.decide(...word),
        dhcpRenew: async (id) => {
          const asked = await dhcpClient.renew(id);
          return asked.ok ? asked : err(new SystemError(asked.error, 'EAGAIN'));
        },
        dhcp6Renew: async (id) => {
          const asked = dhcp6Client.renew(id);
          return asked.ok ? asked : err(new SystemError(asked.error, 'EAGAIN'));
        },
        reboot: () => system.reboot(),
        powerOff: () => system.powerOff(),
        factoryReset: () => system.factoryReset(),
        ...firmwareCalls(updates, helper),
        ...onDemand.calls,
        ...diagnosticCalls({ reactor, clock }),
        ...dnsCalls(() => dns.face && modelCalls(dns.face)),
      },
      hashPassword: (password) => hashPassword(secrets, password),
      journal: history,
      audit: (entries) => {
        const recorded = records.all(entries.map(auditChange));
        if (answering) return recorded;
        // Nobody waits for an answer about what is laid down first: `ready` does.
        laidDown = Promise.all([laidDown, recorded]);
        return Promise.resolve();
      },
    }),
  );
  const configuration = stack.use(
    new ConfigurationService({
      model,
      history,
      clock,
      secrets,
      log: log.child({ room: 'control' }),
      version,
      audit: (what, origin) => records.done(`config ${what}`, origin),
    }),
  );
  const first = rows.empty;
  if (first) {
    const { interfaces, rows: overrides, account } = config;
    const ula = ulaPrefix(secrets.randomBytes(5));
    const laid = await layDownInitial(model, { ...interfaces, ula, overrides, account });
    if (!laid.ok) {
      const faults = laid.error.map((fault) => fault.message).join('; ');
      throw new SystemError(`the rows of ${options.config} were refused: ${faults}`, 'EINVAL');
    }
    if (options.uci !== undefined) must(await noteFollowed(store, config.rows));
  }

  // What was not confirmed is undone before anything of it is put into effect.
  await configuration.recover();
  if (!first && options.uci !== undefined) {
    await follow(options.config, followRows({ store, model }, config.rows), log);
  }
  answering = true;
  const runs = (name: ServiceName) => options.only?.includes(name) ?? true;
  if (runs('dhcp-client')) {
    // Nor is a lease of an earlier daemon missing in it.
    const earlier = model.compileAll();
    dhcpClient.recover(earlier.dhcpClient);
    observed.publish('dhcpClient', dhcpClient.observed);
    dhcp6Client.recover(earlier.dhcp6Client);
    observed.publish('dhcp6Client', dhcp6Client.observed);
  }

  const bus = stack.use(
    must(
      openBus({
        sockets,
        path: options.ubusSocket,
        clock,
        log: log.child({ room: 'ubus' }),
        randomU32: () => randomBytes(4).readUInt32BE(),
        self: { pid: process.pid, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
        readText: (path) => textOf(path) ?? '',
        aclDirectory: () => readTrustedDirectory(ACL_DIR),
      }),
    ),
  );
  around.onReload(() => bus.reload());
  bus.client.serve(bbfdmObject(model));
  const startedAtMs = clock.monoMs();
  const status = () => ({
    version,
    pid: process.pid,
    uptimeSec: Math.floor((clock.monoMs() - startedAtMs) / 1000),
    revision: model.revision,
    applied: control.convergence.applied,
    failing: control.convergence.failing,
    bus: bus.stats ?? 'ubusd',
    lostLogLines: logs.dropped,
    lostAuditRecords: records.lost,
  });
  let http: ServedHttp | undefined;
  const telemetry = stack.use(
    buildTelemetry({ observed, net, lookups, status, logs, clock, http: () => http?.status }),
  );
  const accounts = new RowAccounts({ rows, model, secrets });
  const named = dnsCommands({
    ...{ dns: () => dns.face, names: new DnsNames({ model }), clock },
    audit: (what, origin) => records.done(`dns ${what}`, origin),
  });
  const demanded = onDemand.commands((what, origin) => records.done(what, origin));
  const services = [
    ...commandsOf({ dhcpClient, dhcp6Client, network, firewall }),
    dhcpServerCommands(dhcpServer.service, dhcpServer.devices, () => clock.boottimeMs()),
    neighborsCommands(neighbors, model),
    mapCommands(map),
    wifi.commands(model),
    ...demanded.all,
    named,
    configCommands(configuration, model),
    updateCommands(updates, (what, origin) => records.done(`update ${what}`, origin)),
    consoleCommands({
      accounts,
      logins: new Logins({
        accounts,
        clock,
        log: log.child({ room: 'console' }),
        audit: (login) => records.all([loginChange('console', login)]),
      }),
      lineOf: (pid) => lineOf(files, pid),
    }),
    httpCommands(() => http?.status),
  ];
  for (const object of gatehouseObjects({ services, status })) bus.client.serve(object);
  stack.use(announceChanges(model, bus.client));

  // Closed before it is open: the firewall is there before any interface comes up. Leases of an
  // earlier daemon are taken up before the network is compared with what is wanted.
  const steps: Steps = {
    firewall: async (wanted) => {
      if (!runs('firewall')) return [];
      const applied = await firewall.apply(wanted);
      return applied.ok ? [] : [applied.error.message];
    },
    dhcpClient: (wanted) => (runs('dhcp-client') ? nothing(dhcpClient.apply(wanted)) : []),
    dhcp6Client: (wanted) => (runs('dhcp-client') ? nothing(dhcp6Client.apply(wanted)) : []),
    // A radio that is switched off cannot be brought up.
    wifi: (wanted) => (runs('network') ? wifi.apply(wanted) : []),
    // Its address is planned before the network is compared with what is wanted.
    map: (wanted) => (runs('network') ? map.apply(wanted) : []),
    network: (wanted) => {
      if (!runs('network')) return [];
      if (runs('firewall') && !firewall.stood) {
        return ['no interface is brought up before the firewall stands'];
      }
      return network.apply(wanted).map((error) => error.message);
    },
    dhcp6Server: (wanted) => (runs('dhcp-server') ? dhcp6Server.apply(wanted) : []),
    dhcpServer: (wanted) => (runs('dhcp-server') ? nothing(dhcpServer.apply(wanted)) : []),
    dns: (wanted) => (runs('dns') ? dns.apply(wanted) : []),
    dnsPolicy: (wanted) => dns.applyPolicy(wanted),
    dnsLog: (wanted) => dns.applyLog(wanted),
    neighbors: (wanted) => (runs('neighbors') ? nothing(neighbors.apply(wanted)) : []),
    ...onDemand.steps,
    monitor: (wanted) => (runs('monitor') ? onDemand.steps.monitor(wanted) : []),
    loadTest: (wanted) => (runs('monitor') ? onDemand.steps.loadTest(wanted) : []),
    dht: (wanted) => (runs('dht') ? dht.apply(wanted) : []),
    ...telemetry.steps,
    system: (wanted) => system.apply(wanted),
  };
  must(monitor.listen());
  const control = stack.use(
    new Control({ model, steps, clock, log: log.child({ room: 'control' }) }),
  );
  // Not sooner: from the first pause on, requests are answered.
  must(await records.opened);
  await control.converge();
  if (Object.keys(control.convergence.failing).length === 0) log.info({}, STANDS);
  await laidDown;
  await monitor.readSpool();
  await updates.start();
  if (!runs('http')) return;
  const { startHttp } = await import('./http.ts');
  http = stack.use(
    await startHttp({
      ...{ stateDir, clock, logs, secrets, net, rows, model, configuration, updates },
      ...{ webPath, version, command },
      ...{
        devices: dhcpServer.devices,
        dns: named,
        captures: demanded.capture,
        ...{ monitor: demanded.monitor, loadTest: demanded.loadTest, alerts: demanded.alerts },
        metrics: telemetry,
      },
      https: options.https,
      http: options.http,
      names: config.http.names,
      bootId: boot,
      bus: stack.use(bus.another()),
      holdEffects: (answered) => control.hold(answered),
      certificateUsed: (material) => dns.useCertificate(material),
      record: (changes) => records.all(changes),
      onRecorded: (heard) => records.listen(heard),
    }),
  );
}
