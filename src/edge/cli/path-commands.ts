/** ping, trace, mtu: how a path is, from here, without a daemon. */
import { type Command, Option } from 'commander';
import { formatIp, type IpAddress } from '../../base/ip6.ts';
import type { Result } from '../../base/result.ts';
import type { Destination, PathProtocol } from '../../os/ports-path.ts';
import type { MtuReport } from '../../services/monitor/mtu.ts';
import type { ProbeOutcome } from '../../services/monitor/path.ts';
import type { PingReport } from '../../services/monitor/ping.ts';
import type { Summary } from '../../services/monitor/summary.ts';
import type { PathTools } from '../../services/monitor/tools.ts';
import type { TraceHop, TraceReport } from '../../services/monitor/trace.ts';
import type { AsTable } from '../../wire/as-table.ts';
import type { JsonObject } from './bus.ts';
import type { Session } from './session.ts';
import { type Column, table } from './table.ts';
import { within } from './typed.ts';

/** Loaded when a command is run. */
export type LoadPaths = () => Promise<PathTools & AsyncDisposable>;

interface ToOptions {
  readonly '4'?: true;
  readonly '6'?: true;
  readonly interface: string;
  readonly timeout: number;
}

interface PingOptions extends ToOptions {
  readonly count: number;
  readonly interval: number;
  readonly size: number;
}

interface TraceOptions extends ToOptions {
  readonly icmp?: true;
  readonly udp?: true;
  readonly tcp?: number;
  readonly rounds: number;
  readonly interval: number;
  readonly maxHops: number;
  readonly size: number;
  readonly names?: true;
  readonly asTable?: string;
}

interface MtuOptions extends ToOptions {
  readonly udp?: true;
}

/** Half a million ranges a family, with names. */
const AS_TABLE_BYTES = 256 << 20;

export function definePath(program: Command, session: Session): void {
  const command = (name: string, about: string): Command =>
    program
      .command(name)
      .description(about)
      .allowExcessArguments(false)
      .argument('<host>', 'name or address')
      .option('-4, --4', 'IPv4 only')
      .addOption(new Option('-6, --6', 'IPv6 only').conflicts('4'))
      .option('--interface <name>', 'leave by this network interface', '')
      .option('--timeout <ms>', 'how long an answer is waited for', within(1, 60_000), 2000);
  command('ping', 'ask a host for an echo, again and again, without a daemon')
    .option('--count <n>', 'so many times; 0: until Ctrl-C', within(0, 1_000_000), 5)
    .option('--interval <ms>', 'from one to the next', within(10, 3_600_000), 1000)
    .option('--size <bytes>', 'of the packet, with its IP header', within(28, 65_535), 84)
    .action((host: string, options: PingOptions) => ping(session, host, options));
  command('trace', 'the way to a host, hop by hop, with loss and times, without a daemon')
    .option('--icmp', 'by echo requests, as it is without --udp and --tcp')
    .addOption(new Option('--udp', 'by datagrams to ports where nobody listens').conflicts('icmp'))
    .addOption(
      new Option('--tcp <port>', 'by connections to this port')
        .argParser(within(1, 65_535))
        .conflicts(['icmp', 'udp']),
    )
    .option('--rounds <n>', 'how often each hop is asked; 0: until Ctrl-C', within(0, 100_000), 5)
    .option('--interval <ms>', 'from one round to the next', within(100, 60_000), 1000)
    .option('--max-hops <n>', 'no hop beyond', within(1, 255), 30)
    .option('--size <bytes>', 'of a packet, with its IP header', within(28, 65_535), 60)
    .option('--names', 'the names of the hops, too')
    .option(
      '--as-table <file>',
      'the AS of each hop, by a table of FIRST LAST NUMBER or PREFIX NUMBER',
    )
    .action((host: string, options: TraceOptions) => traceRoute(session, host, options));
  command('mtu', 'the largest packet that gets to a host, without a daemon')
    .option('--udp', 'by datagrams to ports where nobody listens, not by echo requests')
    .action((host: string, options: MtuOptions) => mtu(session, host, options));
}

async function withDestination(
  session: Session,
  host: string,
  options: ToOptions,
  work: (tools: PathTools, destination: Destination) => Promise<void>,
): Promise<void> {
  await using tools = await session.environment.paths();
  const family = options['4'] ? 4 : options['6'] ? 6 : undefined;
  const found = await tools.resolve(host, family);
  if (!found.ok) return session.refused(found.error);
  await work(tools, found.value);
}

const common = (destination: Destination, options: ToOptions) => ({
  ...{ address: destination.address, scope: destination.scope, dscp: 0, fragment: true },
  ...{ ifName: options.interface, timeoutMs: options.timeout },
});

const leastBytes = (address: IpAddress): number => (typeof address === 'number' ? 28 : 48);
const endless = (count: number): number => (count === 0 ? Infinity : count);
const round3 = (ms: number | undefined): number | null =>
  ms === undefined ? null : Math.round(ms * 1000) / 1000;
const msText = (ms: number | undefined): string => (ms === undefined ? '' : ms.toFixed(2));

const plainSummary = (summary: Summary): JsonObject => ({
  ...{ sent: summary.sent, received: summary.received, lossPercent: summary.lossPercent },
  ...{ lastMs: round3(summary.lastMs), bestMs: round3(summary.bestMs) },
  ...{ meanMs: round3(summary.meanMs), worstMs: round3(summary.worstMs) },
  deviationMs: round3(summary.deviationMs),
});

/** Exit code 1 where nobody answered. */
async function ping(session: Session, host: string, options: PingOptions): Promise<void> {
  await withDestination(session, host, options, async (tools, destination) => {
    const { address } = destination;
    const text = formatIp(address);
    const packetBytes = Math.max(options.size, leastBytes(address));
    if (!session.json) session.line(`${host} (${text}), ${packetBytes} bytes`, 'bold');
    const wanted = {
      ...common(destination, options),
      ...({ protocol: 'icmp', count: endless(options.count), packetBytes } as const),
      intervalMs: options.interval,
    };
    const done = await tools.ping(wanted, session.environment.signal, (number, outcome) => {
      if (session.json) return;
      const { style, said } = outcomeText(outcome);
      session.line(`${String(number).padStart(4)}  ${said}`, style);
    });
    if (!done.ok) return session.refused(done.error);
    const { value } = done;
    if (session.json) {
      const { raw, unreachable, unsent } = value;
      session.printJson({ host, address: text, ...plainSummary(value), unreachable, unsent, raw });
    } else session.line(summaryText(value), undefined);
    if (value.received === 0) session.fail(`${host}: ${silence(value)}`);
  });
}

const silence = ({ unsentBecause, unreachable }: PingReport): string =>
  unsentBecause?.message ?? (unreachable > 0 ? 'there is no way to it' : 'no answer');

const summaryText = (summary: PingReport): string =>
  [
    `${summary.sent} sent, ${summary.received} answered, ${percent(summary.lossPercent)} lost`,
    ...(summary.received === 0
      ? []
      : [
          `best ${msText(summary.bestMs)} ms, mean ${msText(summary.meanMs)} ms, worst ${msText(summary.worstMs)} ms, deviation ${msText(summary.deviationMs)} ms`,
        ]),
  ].join('; ');

const percent = (value: number): string => `${Math.round(value * 10) / 10} %`;

function outcomeText(outcome: ProbeOutcome): {
  readonly said: string;
  readonly style: 'red' | 'yellow' | undefined;
} {
  switch (outcome.kind) {
    case 'reached': {
      const hops = outcome.hopLimit > 0 ? `  ttl ${outcome.hopLimit}` : '';
      return { said: `${msText(outcome.ms)} ms${hops}`, style: undefined };
    }
    case 'hop':
      return { said: `its hops ran out at ${formatIp(outcome.from)}`, style: 'red' };
    case 'unreachable': {
      const { from, type, code } = outcome;
      return { said: `no way, says ${formatIp(from)} (ICMP ${type}/${code})`, style: 'red' };
    }
    case 'tooBig': {
      const size = outcome.mtu > 0 ? `: at most ${outcome.mtu} bytes pass` : '';
      const who = outcome.from === undefined ? 'the own link' : formatIp(outcome.from);
      return { said: `too big for ${who}${size}`, style: 'red' };
    }
    case 'timeout':
      return { said: 'no answer', style: 'yellow' };
    case 'unsent':
      return { said: `not sent: ${outcome.error.message}`, style: 'red' };
  }
}

interface Told {
  readonly names: ReadonlyMap<IpAddress, string | undefined>;
  readonly asTable: AsTable | undefined;
}

/** On a terminal the table is drawn anew with each answer. Exit code 1 where the host was not reached. */
async function traceRoute(session: Session, host: string, options: TraceOptions): Promise<void> {
  const asTable = await loadAsTable(session, options.asTable);
  if (!asTable.ok) return session.fail(asTable.error);
  await withDestination(session, host, options, async (tools, destination) => {
    const { address } = destination;
    const protocol: PathProtocol = options.udp ? 'udp' : options.tcp === undefined ? 'icmp' : 'tcp';
    const names = new Map<IpAddress, string | undefined>();
    const asked: Promise<void>[] = [];
    const told: Told = { names, asTable: asTable.value };
    const screen = new Screen(session);
    const show = (report: TraceReport): void => {
      if (options.names) {
        for (const who of report.hops.flatMap((hop) => hop.addresses)) {
          if (names.has(who)) continue;
          names.set(who, undefined);
          asked.push(tools.nameOf(who).then((name) => void names.set(who, name)));
        }
      }
      screen.draw(() => hopsTable(session, report, told));
    };
    if (!session.json) {
      const port = options.tcp === undefined ? '' : ` port ${options.tcp}`;
      session.line(`${host} (${formatIp(address)}) by ${protocol}${port}`, 'bold');
    }
    const done = await tools.trace(
      {
        ...common(destination, options),
        ...{ protocol, port: options.tcp, maxHops: options.maxHops },
        ...{ rounds: endless(options.rounds), intervalMs: options.interval },
        packetBytes: Math.max(options.size, leastBytes(address)),
      },
      session.environment.signal,
      show,
    );
    if (!done.ok) return session.refused(done.error);
    await Promise.all(asked);
    const report = done.value;
    if (session.json) session.printJson(plainTrace(host, address, protocol, report, told));
    else screen.end(() => hopsTable(session, report, told));
    if (!report.reached) session.fail(`${host}: not reached`);
  });
}

async function loadAsTable(
  session: Session,
  path: string | undefined,
): Promise<Result<AsTable | undefined, string>> {
  if (path === undefined) return { ok: true, value: undefined };
  const bytes = session.environment.readFile(path, AS_TABLE_BYTES);
  if (!bytes.ok) return { ok: false, error: bytes.error.message };
  const { parseAsTable } = await import('../../wire/as-table.ts');
  const parsed = parseAsTable(new TextDecoder().decode(bytes.value));
  return parsed.ok ? parsed : { ok: false, error: `${path}: ${parsed.error.message}` };
}

/** A table that is drawn over itself on a terminal, and once at the end elsewhere. */
class Screen {
  readonly #session: Session;
  readonly #live: boolean;
  #lines = 0;

  constructor(session: Session) {
    this.#session = session;
    this.#live = session.environment.stdout.isTerminal && !session.json;
  }

  draw(text: () => string): void {
    if (this.#live) this.#put(text());
  }

  end(text: () => string): void {
    this.#put(text());
  }

  #put(text: string): void {
    const back = this.#lines > 0 ? `\u001b[${this.#lines}A\u001b[J` : '';
    // A line that wraps would count as two.
    this.#session.data(this.#live ? `${back}\u001b[?7l${text}\u001b[?7h` : text);
    this.#lines = text.split('\n').length - 1;
  }
}

function hopsTable(session: Session, { hops }: TraceReport, { names, asTable }: Told): string {
  const who = (hop: TraceHop): string =>
    hop.addresses
      .map((address) => {
        const name = names.get(address);
        return name === undefined ? formatIp(address) : `${name} (${formatIp(address)})`;
      })
      .join(' ') || '*';
  const asText = ({ addresses: [first] }: TraceHop): string => {
    const found = first === undefined ? undefined : asTable?.asOf(first);
    return found === undefined ? '' : `AS${found.number} ${found.name}`.trim();
  };
  const times = (title: string, of: (hop: TraceHop) => number | undefined): Column<TraceHop> => ({
    title,
    cell: (hop) => msText(of(hop)),
  });
  const columns: readonly Column<TraceHop>[] = [
    { title: 'HOP', cell: ({ hopLimit }) => String(hopLimit) },
    { title: 'HOST', cell: who },
    ...(asTable === undefined ? [] : [{ title: 'AS', cell: asText }]),
    {
      title: 'LOSS',
      cell: ({ lossPercent }) => percent(lossPercent),
      style: ({ lossPercent }) => (lossPercent > 0 ? 'yellow' : undefined),
    },
    { title: 'SENT', cell: ({ sent }) => String(sent) },
    times('LAST', ({ lastMs }) => lastMs),
    times('BEST', ({ bestMs }) => bestMs),
    times('MEAN', ({ meanMs }) => meanMs),
    times('WORST', ({ worstMs }) => worstMs),
    times('DEV', ({ deviationMs }) => deviationMs),
    { title: '', cell: ({ mark }) => mark, style: () => 'red' },
  ];
  return table(columns, hops, session.paint);
}

const plainTrace = (
  host: string,
  address: IpAddress,
  protocol: PathProtocol,
  { hops, reached, rounds }: TraceReport,
  { names, asTable }: Told,
): JsonObject => ({
  ...{ host, address: formatIp(address), protocol, reached, rounds },
  hops: hops.map((hop) => ({
    hop: hop.hopLimit,
    hosts: hop.addresses.map((who) => {
      const as = asTable?.asOf(who);
      return {
        ...{ address: formatIp(who), name: names.get(who) ?? null },
        as: as === undefined ? null : { number: as.number, name: as.name },
      };
    }),
    ...plainSummary(hop),
    mark: hop.mark === '' ? null : hop.mark,
  })),
});

async function mtu(session: Session, host: string, options: MtuOptions): Promise<void> {
  await withDestination(session, host, options, async (tools, destination) => {
    const { signal } = session.environment;
    const wanted = {
      ...common(destination, options),
      ...({ protocol: options.udp ? 'udp' : 'icmp', port: undefined } as const),
    };
    const done = await tools.findMtu(wanted, signal, (size, outcome) => {
      session.note(`${String(size).padStart(6)} bytes: ${outcomeText(outcome).said}`);
    });
    if (!done.ok) {
      if (done.error.kind === 'system') return session.refused(done.error.error);
      return session.fail(`${host}: no answer`);
    }
    const address = formatIp(destination.address);
    if (session.json) return session.printJson({ host, address, ...plainMtu(done.value) });
    session.line(`${host} (${address}): ${done.value.mtuBytes} bytes`, 'bold');
    for (const { from, mtuBytes } of done.value.said) {
      session.line(`${formatIp(from)} says that ${mtuBytes} bytes pass`, undefined);
    }
    if (!done.value.blackHole) return;
    const { lostBehind } = done.value;
    const where = lostBehind === undefined ? '' : ` behind ${formatIp(lostBehind)}`;
    session.line(`larger packets vanish${where} without a word: a black hole`, 'red');
  });
}

const plainMtu = (report: MtuReport): JsonObject => ({
  ...{ mtuBytes: report.mtuBytes, linkMtuBytes: report.linkMtuBytes },
  said: report.said.map(({ from, mtuBytes }) => ({ from: formatIp(from), mtuBytes })),
  blackHole: report.blackHole,
  lostBehind: report.lostBehind === undefined ? null : formatIp(report.lostBehind),
  ...{ probes: report.probes, tookMs: round3(report.ms) },
});
