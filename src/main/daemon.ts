/** The composition root of the daemon: the one place that builds its real adapters and joins the rooms. */
import { errorMessage, SystemError } from '../base/errors.ts';
import { err } from '../base/result.ts';
import { hashPassword, RowAccounts } from '../control/accounts.ts';
import { DnsNames } from '../control/dns-names.ts';
import { History } from '../control/history.ts';
import { Control } from '../control/loop.ts';
import type { ProcessConfig } from '../control/process-config.ts';
import type { DaemonOptions, ServiceName } from '../edge/cli/daemon-options.ts';
import { Logins } from '../edge/http/logins.ts';
import { bbfdmObject } from '../edge/ubus/bbfdm.ts';
import { announceChanges, gatehouseObjects } from '../edge/ubus/gatehouse.ts';
import { LinuxClock } from '../os/linux/clock.ts';
import { type LogSink, openLog } from '../os/linux/log.ts';
import { loadNative } from '../os/linux/native.ts';
import { lineOf } from '../os/linux/physical-line.ts';
import type { Program } from '../os/linux/program.ts';
import { releaseTextSoon } from '../os/linux/text-pages.ts';
import { Rows } from '../state/rows.ts';
import { createModel } from '../tr181/engine.ts';
import type { Model } from '../tr181/model.ts';
import type { Lookups } from '../tr181/table.ts';
import { auditChange } from './audit-change.ts';
import { buildBox } from './box.ts';
import { openDaemonBus } from './bus.ts';
import { commandsOf, httpCommands } from './commands.ts';
import { configCommands } from './config-commands.ts';
import { takeUpConfiguration } from './configuration.ts';
import { readConfig } from './configuration-file.ts';
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
import { effects } from './effects.ts';
import type { ServedHttp } from './http.ts';
import { loginChange } from './login-record.ts';
import { buildMap, mapCommands } from './map.ts';
import { ended, must } from './must.ts';
import { buildNeighbors } from './neighbors.ts';
import { neighborsCommands } from './neighbors-commands.ts';
import { buildOnDemand } from './on-demand.ts';
import { openPlatform } from './platform.ts';
import { buildTelemetry } from './telemetry.ts';
import { updateCommands } from './update.ts';
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

const NFT = '/usr/sbin/nft';
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
  const { version, webPath, command, pluginPath, vendorsPath } = around.program;
  const { log } = logs;
  const platform = await openPlatform(stack, { options, program: around.program, clock, logs });
  const { net, store, files, records, secrets, observed } = platform;
  const box = buildBox(stack, platform, {
    ...{ log, runDir, nft: NFT },
    isWell: () => Object.keys(control.convergence.failing).length === 0,
  });
  const { network, firewall, system, updates } = box;
  const map = buildMap(stack, {
    ...platform,
    ...{ network, runDir, nft: NFT },
    log: log.child({ service: 'map' }),
  });
  const wifi = await LazyWifi.build(stack, {
    ...platform,
    runDir,
    log: log.child({ service: 'wifi' }),
  });
  const { service: dhcpClient, monitor } = buildDhcpClient(stack, {
    ...platform,
    ...{ network, runDir, pluginPath },
    log: log.child({ service: 'dhcp-client' }),
    hook6: (message) => dhcp6Client.hook(message),
  });
  const dhcpServer = stack.use(
    buildDhcpServer({
      ...platform,
      stateDir,
      log: log.child({ service: 'dhcp-server' }),
      model: () => model,
    }),
  );
  const neighbors = must(
    buildNeighbors(stack, {
      ...platform,
      vendorsPath,
      log: log.child({ service: 'neighbors' }),
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
      ...platform,
      network,
      log: log.child({ service: 'dhcp6-server' }),
      model: () => model,
    }),
  );

  const dhcp6Client = await buildDhcp6Client(stack, {
    ...platform,
    ...{ network, runDir, pluginPath, server: dhcp6Server },
    log: log.child({ service: 'dhcp6-client' }),
  });

  const rows = new Rows(store);
  const history = new History(platform);
  const dnsLog = log.child({ service: 'dns' });
  const dns = new LazyDns(stack, dnsLog, async (attempt) =>
    (await import('./dns.ts')).buildDns(attempt, {
      ...platform,
      ...{ stateDir, neighbors: neighbors.service },
      log: dnsLog,
      policyConfig: () => model.compileAll().dnsPolicy,
      pageNames: config.http.names,
    }),
  );
  const dht = new LazyDht(stack, { ...platform, log });
  const onDemand = buildOnDemand(stack, {
    ...platform,
    ...{ log, stateDir, dht },
    model: () => model,
  });
  let answering = false;
  let laidDown: Promise<unknown> = Promise.resolve();
  const lookups: Lookups = {
    linkStats: (ifName) => {
      net.refreshStats();
      return net.links().find(({ name }) => name === ifName)?.stats;
    },
    ...{ mapUsage: (id) => map.usage(id), readText: platform.textOf },
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
        ...box.calls,
        ...onDemand.calls,
        ...diagnosticCalls(platform),
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
  const configuration = await takeUpConfiguration(stack, {
    ...platform,
    ...{ rows, model, history, options, config, version, log },
    audit: (what, origin) => records.done(`config ${what}`, origin),
  });
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

  const bus = openDaemonBus(stack, platform, {
    path: options.ubusSocket,
    log: log.child({ room: 'ubus' }),
  });
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
    configCommands(configuration, model, () => net.links().map(({ name }) => name)),
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

  must(monitor.listen());
  const control = stack.use(
    new Control({
      ...{ model, clock, log: log.child({ room: 'control' }) },
      steps: effects(runs, {
        ...{ firewall, dhcpClient, dhcp6Client, wifi, map, network, dhcp6Server, dhcpServer },
        ...{ dns, neighbors, dht, onDemand, telemetry, system },
      }),
    }),
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
      ...platform,
      ...{ stateDir, logs, rows, model, configuration, updates },
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
      bus: stack.use(bus.another()),
      holdEffects: (answered) => control.hold(answered),
      certificateUsed: (material) => dns.useCertificate(material),
      record: (changes) => records.all(changes),
      onRecorded: (heard) => records.listen(heard),
    }),
  );
}
