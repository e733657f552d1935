/** capture, analyze, export, chart, filter: what is in packets, live and in files, without a daemon. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { SystemError } from '../../base/errors.ts';
import { escapeControls } from '../../base/text.ts';
import type {
  CaptureConversation,
  CaptureEndpoint,
  CaptureProgress,
  CaptureReport,
  CaptureRows,
  ListenOptions,
  ListenProgress,
  PacketLines,
  WriteOptions,
} from '../../os/ports-capture.ts';
import type { ChartKind } from '../../services/capture/chart.ts';
import type { CsvTable } from '../../services/capture/csv.ts';
import type { CaptureService } from '../../services/capture/service.ts';
import type { Json } from './bus.ts';
import { type FilterOptions, filtered, filterRequest } from './capture-filter.ts';
import {
  type WritingOptions,
  writeOf,
  writesFile,
  writesFiles,
  writtenText,
} from './capture-write.ts';
import { EXIT } from './environment.ts';
import { amount, type Count, quantity, spark, timeSpan } from './figures.ts';
import type { Session } from './session.ts';
import { type Column, pairs } from './table.ts';
import { printTorrents } from './torrent-text.ts';
import { duration, within } from './typed.ts';

/** Rows of each table on a terminal, unless `--top` says otherwise. */
const SHOWN = 10;
/** Of the lists in data: all endpoints and conversations that the engine keeps. */
const ALL: CaptureRows = { endpoints: 65_536, conversations: 65_536, flows: 1000, names: 1000 };

/** Loaded when one of its commands is run. */
export type LoadCapture = () => Promise<CaptureService>;

export function defineCapture(program: Command, session: Session): void {
  const top = (): Option =>
    new Option('--top <rows>', 'rows of each list').argParser((text) => {
      if (!/^[1-9]\d{0,6}$/.test(text))
        throw new InvalidArgumentError('a whole number from 1 on is wanted');
      return Number(text);
    });
  const file = 'pcap or pcapng file, packed by gzip or zstd or not; - for standard input';
  const command = (name: string, about: string): Command =>
    filtered(program.command(name))
      .description(about)
      .allowExcessArguments(false)
      .argument('<file>', file)
      .addOption(top());
  writesFile(command('analyze', 'who talked how much with what, in a capture file'))
    .option('-v, --verbose', 'a line for each packet, ahead of the summary')
    .action((path: string, options: AnalyzeWanted) => analyze(session, path, options));
  writesFiles(filtered(program.command('capture')))
    .description('who talks how much with what, on an interface, now; until Ctrl-C')
    .allowExcessArguments(false)
    .argument(
      '<interface>',
      'network interface, such as eth0, or wan and lan as the router calls them',
    )
    .option('--for <time>', 'only for so long: 60s, 5m', duration)
    .option('--no-promiscuous', 'only what is for this machine, or for all')
    .option('--ring <MiB>', 'room for what comes while nobody looks, 1 to 512', within(1, 512), 16)
    .option('--threads <count>', 'shared out over so many processors, 1 to 16', within(1, 16), 1)
    .option('-v, --verbose', 'a line for each packet as it comes, of some hundreds a second')
    .addOption(top())
    .action((ifName: string, options: LiveOptions) => live(session, ifName, options));
  const filter = program.command('filter').description('filters of packets');
  filtered(filter.command('explain'))
    .description('what a filter is as text, and the program that the kernel would run')
    .action((options: FilterOptions) => explain(session, options));
  command('export', 'the statistics of a capture file as CSV')
    .option(
      '--table <name>',
      'summary, protocols, endpoints, conversations, flows, names, bandwidth or sizes; all without',
    )
    .option('--packets', 'a row for each packet instead')
    .action((path: string, options: ExportOptions) => exportCsv(session, path, options));
  command('chart', 'the statistics of a capture file as a picture, SVG or PNG')
    .addOption(
      new Option('--kind <kind>', 'protocols, talkers, bandwidth or sizes').default('bandwidth'),
    )
    .option('--title <text>', 'what stands above it')
    .option('--output <file>', 'into this file, .svg or .png; without, SVG on standard output')
    .option('--force', 'replace the file')
    .action((path: string, options: ChartOptions) => drawChart(session, path, options));
}

const NO_BOTH = '--verbose writes lines for people: not with --json; see export --packets';
interface LiveOptions extends FilterOptions, WritingOptions {
  readonly verbose?: boolean;
  readonly top?: number;
  readonly for?: number;
  readonly promiscuous: boolean;
  readonly ring: number;
  readonly threads: number;
}

interface Options extends FilterOptions {
  readonly top?: number;
}

interface AnalyzeWanted extends Options, WritingOptions {
  readonly verbose?: boolean;
}

interface ExportOptions extends Options {
  readonly table?: string;
  readonly packets?: boolean;
}

/** Standard output: lines of packets are written by the engine itself. */
const STDOUT = 1;

/** The filter that was asked for, or undefined after it was said what is wrong with it. */
function filterOf(
  session: Session,
  service: CaptureService,
  options: FilterOptions,
): string | undefined {
  const built = service.filter(filterRequest(options));
  if (built.ok) return built.value;
  for (const fault of built.error) session.fail(fault, EXIT.usage);
  return undefined;
}

/** What a filter is as text, and what the kernel would run. */
async function explain(session: Session, options: FilterOptions): Promise<void> {
  const service = await session.environment.capture();
  const filter = filterOf(session, service, options);
  if (filter === undefined) return;
  const program = service.explain(filter);
  if (!program.ok) return refuse(session, program.error);
  if (session.json) session.printJson({ filter, program: program.value });
  else {
    session.data(`${filter === '' ? 'everything' : filter}\n\n`);
    session.data(
      program.value.map((line, i) => `(${String(i).padStart(3, '0')}) ${line}\n`).join(''),
    );
  }
}

function refuse(session: Session, { message, remedy, code }: SystemError): void {
  session.fail(
    remedy === undefined ? message : `${message} (${remedy})`,
    code === 'EINVAL' ? EXIT.usage : EXIT.failed,
  );
}

/** `-v | head` has what it wanted. */
const isUnread = ({ code }: SystemError, lines: boolean): boolean => lines && code === 'EPIPE';

const rowsOf = (top: number | undefined): CaptureRows =>
  top === undefined ? ALL : { endpoints: top, conversations: top, flows: top, names: top };

/** Says what stands in the way, or gives what was read, with a bar on the terminal meanwhile. */
async function read(
  session: Session,
  path: string,
  rows: CaptureRows,
  options: FilterOptions & WritingOptions,
  lines?: PacketLines,
): Promise<{ report: CaptureReport; service: CaptureService } | undefined> {
  const { environment } = session;
  const service = await environment.capture();
  const filter = filterOf(session, service, options);
  const write = writing(session, options);
  if (filter === undefined || write === false) return undefined;
  const { stderr, signal } = environment;
  const startedMs = environment.wallMs();
  let shown = false;
  const onProgress = (progress: CaptureProgress): void => {
    const elapsedMs = environment.wallMs() - startedMs;
    // What is read at once needs no bar.
    if (elapsedMs < 300) return;
    shown = true;
    stderr.write(`\r\u001b[K${progressText(progress, elapsedMs)}`);
  };
  const found = await service.analyze(path, {
    rows,
    signal,
    ...(filter === '' ? {} : { filter }),
    ...(write === undefined ? {} : { write }),
    ...(lines === undefined ? {} : { lines }),
    ...(lines === undefined && stderr.isTerminal && !session.json ? { onProgress } : {}),
  });
  if (shown) stderr.write('\r\u001b[K');
  if (!found.ok) {
    if (!isUnread(found.error, lines !== undefined)) refuse(session, found.error);
    return undefined;
  }
  return { report: found.value, service };
}

export function progressText(
  { packets, readBytes, totalBytes }: CaptureProgress,
  elapsedMs: number,
): string {
  const perSec = readBytes / Math.max(0.001, elapsedMs / 1000);
  const rate = `${quantity(packets)} packets, ${amount(perSec, 'B/s')}`;
  if (totalBytes === undefined || totalBytes === 0) return `${amount(readBytes, 'B')}  ${rate}`;
  const part = Math.min(1, readBytes / totalBytes);
  const done = Math.round(part * 30);
  const left = timeSpan(Math.ceil((totalBytes - readBytes) / Math.max(1, perSec)));
  return `[${'#'.repeat(done)}${'.'.repeat(30 - done)}] ${Math.floor(part * 100)} %  ${rate}, ${left} left`;
}

/** What is wrong with the file, after all that it gave. */
function complain(session: Session, path: string, report: CaptureReport): void {
  const { error, errorOffset, truncated, packets } = report;
  if (error === null) return;
  const where = isNone(report) ? '' : `, at byte ${errorOffset ?? 0}`;
  const before = truncated && packets > 0 ? '; what was before it was read' : '';
  session.fail(`${called(path)}: ${error}${where}${before}`);
}

/** Rows and pictures do not tell themselves that Ctrl-C ended them. */
function tellPart(session: Session, { interrupted, packets }: CaptureReport): void {
  if (interrupted) session.note(`interrupted: of the first ${quantity(packets)} packets alone`);
}

const called = (path: string): string => (path === '-' ? 'standard input' : path);

/** There is nothing to show of what is no capture at all; of a broken one there is what was readable. */
const isNone = ({ format, error }: CaptureReport): boolean =>
  format === 'unknown' && error !== null;

/** What is to be written; false after it was said what is wrong with the options. */
function writing(session: Session, options: WritingOptions): WriteOptions | undefined | false {
  const write = writeOf(options);
  if (typeof write !== 'string') return write;
  session.fail(write, EXIT.usage);
  return false;
}

async function analyze(session: Session, path: string, options: AnalyzeWanted): Promise<void> {
  const { top, verbose = false } = options;
  if (verbose && session.json) return session.fail(NO_BOTH, EXIT.usage);
  const wanted = session.json ? rowsOf(top) : rowsOf(top ?? SHOWN);
  const lines = verbose ? { fd: STDOUT, csv: false } : undefined;
  const done = await read(session, path, wanted, options, lines);
  if (done === undefined) return;
  if (verbose && !isNone(done.report)) session.data('\n');
  if (session.json) session.printJson(done.report as unknown as Json);
  else if (!isNone(done.report)) print(session, path, done.report);
  complain(session, path, done.report);
}

async function live(session: Session, ifName: string, options: LiveOptions): Promise<void> {
  const { stderr, signal, capture } = session.environment;
  const service = await capture();
  const filter = filterOf(session, service, options);
  const write = writing(session, options);
  if (filter === undefined || write === false) return;
  const { verbose = false } = options;
  if (verbose && session.json) return session.fail(NO_BOTH, EXIT.usage);
  let last: ListenProgress = { packets: 0, bytes: 0, droppedPackets: 0 };
  const onProgress = (now: ListenProgress): void => {
    const [packets, bits] = [now.packets - last.packets, (now.bytes - last.bytes) * 8];
    last = now;
    stderr.write(
      `\r\u001b[K${quantity(now.packets)} packets, ${quantity(packets)}/s, ${amount(bits, 'bit/s')}, ${now.droppedPackets} dropped`,
    );
  };
  const shown = stderr.isTerminal && !session.json && !verbose;
  const wanted: ListenOptions = {
    rows: session.json ? rowsOf(options.top) : rowsOf(options.top ?? SHOWN),
    signal,
    promiscuous: options.promiscuous,
    ringBytes: options.ring << 20,
    threads: options.threads,
    ...(options.for === undefined ? {} : { forMs: options.for * 1000 }),
    ...(filter === '' ? {} : { filter }),
    ...(write === undefined ? {} : { write }),
    ...(verbose ? { lines: { fd: STDOUT, csv: false } } : {}),
    ...(shown ? { onProgress } : {}),
  };
  let found = await service.listen(ifName, wanted);
  if (!found.ok && found.error.code === 'ENODEV') {
    const known = await kernelName(session, ifName);
    if (known !== undefined) found = await service.listen(known, wanted);
  }
  if (shown) stderr.write('\r\u001b[K');
  if (!found.ok) {
    const { code, message } = found.error;
    if (code === 'ENODEV') session.fail(`${message} (gatehouse interfaces tells which there are)`);
    else if (!isUnread(found.error, verbose)) refuse(session, found.error);
    return;
  }
  if (session.json) session.printJson(found.value as unknown as Json);
  else print(session, ifName, found.value);
}

/** The kernel's name of the interface that the model calls so, such as `wan`, where a router answers. */
async function kernelName(session: Session, alias: string): Promise<string | undefined> {
  if (!(await session.reachable())) return undefined;
  let name: string | undefined;
  await session.withRouter(async (router) => {
    const answer = await router.get(['Device.IP.Interface.*.Alias', 'Device.IP.Interface.*.Name']);
    const rows = answer.ok ? answer.value.rows : [];
    const row = rows.find(({ path, value }) => path.endsWith('.Alias') && value === alias);
    const beside = row?.path.replace(/Alias$/, 'Name');
    name = rows.find(({ path }) => path === beside)?.value;
  });
  return name;
}

async function exportCsv(session: Session, path: string, options: ExportOptions): Promise<void> {
  const { top, table, packets = false } = options;
  const { csvTables } = await session.environment.capture();
  if (table !== undefined && !csvTables.includes(table as CsvTable))
    return session.fail(`no table ${table}: there are ${csvTables.join(', ')}`, EXIT.usage);
  if (packets && table !== undefined)
    return session.fail('--packets and --table are one or the other', EXIT.usage);
  const lines = packets ? { fd: STDOUT, csv: true } : undefined;
  const done = await read(session, path, rowsOf(top), options, lines);
  if (done === undefined) return;
  if (!packets && !isNone(done.report))
    await session.pieces(done.service.csv(done.report, table as CsvTable | undefined));
  tellPart(session, done.report);
  complain(session, path, done.report);
}

interface ChartOptions extends Options {
  readonly kind: string;
  readonly title?: string;
  readonly output?: string;
  readonly force?: true;
}

async function drawChart(session: Session, path: string, options: ChartOptions): Promise<void> {
  const { kind, title, output = '' } = options;
  const { chartKinds } = await session.environment.capture();
  if (!chartKinds.includes(kind as ChartKind))
    return session.fail(`no chart ${kind}: there are ${chartKinds.join(', ')}`, EXIT.usage);
  if (output !== '' && !/\.(svg|png)$/.test(output))
    return session.fail(`${output}: a picture ends in .svg or .png`, EXIT.usage);
  const done = await read(session, path, rowsOf(options.top ?? 50), options);
  if (done === undefined) return;
  if (isNone(done.report)) return complain(session, path, done.report);
  const name = called(path).split('/').at(-1) ?? path;
  const asked = [done.report, kind as ChartKind, title ?? `${name}: ${kind}`] as const;
  if (output === '') session.data(done.service.chart(...asked));
  else {
    const bytes = output.endsWith('.png')
      ? done.service.chartPng(...asked)
      : new TextEncoder().encode(done.service.chart(...asked));
    session.writeFile(output, bytes, options.force);
  }
  tellPart(session, done.report);
  complain(session, path, done.report);
}

const named = (address: string, names: ReadonlyMap<string, string>): string => {
  const name = names.get(address);
  return name === undefined ? address : `${address} (${name})`;
};

const ENDPOINTS: readonly Column<CaptureEndpoint>[] = [
  { title: 'ADDRESS', cell: ({ address }) => address },
  { title: 'NAME', cell: ({ name }) => name ?? '' },
  { title: 'BYTES', cell: ({ bytes, missedBytes }) => about(bytes, missedBytes) },
  { title: 'PACKETS', cell: ({ packets }) => quantity(packets) },
  { title: 'SENT', cell: ({ sentBytes }) => quantity(sentBytes) },
  { title: 'RECEIVED', cell: ({ receivedBytes }) => quantity(receivedBytes) },
];

/** A figure that may be too low by so much says it. */
const about = (value: number, missed: number | undefined): string =>
  missed === undefined ? quantity(value) : `${quantity(value)} (+${quantity(missed)})`;

function print(session: Session, path: string, report: CaptureReport): void {
  const { paint } = session;
  const title = (text: string): void => session.data(`\n${paint('bold', text)}\n`);
  const seconds = report.lastSec - report.firstSec;
  const when = (sec: number): string => new Date(sec * 1000).toISOString();
  const perSec = (text: string): string => (seconds > 0 ? `, ${text}` : '');
  const lines: [string, string][] = [
    [report.live === undefined ? 'File' : 'Interface', `${called(path)}, ${report.format}`],
    [
      'Packets',
      `${report.packets.toLocaleString('en')}${perSec(`${quantity(report.packets / seconds)}/s`)}`,
    ],
    [
      'Bytes',
      `${report.bytes.toLocaleString('en')}${perSec(amount((report.bytes * 8) / seconds, 'bit/s'))}`,
    ],
  ];
  if (report.packets > 0) {
    lines.push(
      ['From', when(report.firstSec)],
      ['To', `${when(report.lastSec)}, ${timeSpan(seconds)}`],
    );
    lines.push(['Bandwidth', spark(report.bandwidth.bytes, 60)]);
  }
  if (report.tcp.connections > 0) {
    const { connections, handshakes, retransmissions } = report.tcp;
    lines.push([
      'TCP',
      `${connections} connections, ${handshakes} shaken hands, ${retransmissions} segments sent again`,
    ]);
  }
  if (report.live !== undefined) {
    const { heardPackets, droppedPackets, interfaceDroppedPackets } = report.live;
    const before =
      interfaceDroppedPackets > 0 ? `; ${interfaceDroppedPackets} lost before, by the link` : '';
    lines.push([
      'Kernel',
      `${heardPackets} heard, ${droppedPackets} of them dropped for want of room${before}`,
    ]);
  }
  if (report.written !== undefined) lines.push(['Written', writtenText(report.written)]);
  if (report.interrupted) lines.push(['Read', 'until it was interrupted']);
  session.data(pairs(lines, paint));

  const share = (bytes: number): string =>
    report.bytes > 0 ? `${((bytes / report.bytes) * 100).toFixed(1)} %` : '';
  const protocols: Count[] = report.protocols.map(({ path: place, protocol, packets, bytes }) => ({
    label: `${'  '.repeat(place.split(':').length - 1)}${protocol}`,
    packets,
    bytes,
  }));
  if (protocols.length > 0) {
    title('Protocols');
    session.print<Count>(
      [
        { title: 'PROTOCOL', cell: ({ label }) => label },
        { title: 'PACKETS', cell: ({ packets }) => quantity(packets) },
        { title: 'BYTES', cell: ({ bytes }) => quantity(bytes) },
        { title: 'SHARE', cell: ({ bytes }) => share(bytes) },
      ],
      protocols,
    );
  }
  if (report.endpoints.length > 0) {
    title(`Top talkers (${report.endpoints.length} of ${report.totals.endpoints})`);
    session.print(ENDPOINTS, report.endpoints);
  }
  if (report.conversations.length > 0) {
    const names = new Map(
      report.endpoints.flatMap(({ address, name }) =>
        name === undefined ? [] : [[address, name]],
      ),
    );
    title(`Conversations (${report.conversations.length} of ${report.totals.conversations})`);
    session.print<CaptureConversation>(
      [
        { title: 'A', cell: ({ a }) => named(a, names) },
        { title: 'B', cell: ({ b }) => named(b, names) },
        { title: 'BYTES', cell: ({ bytes, missedBytes }) => about(bytes, missedBytes) },
        { title: 'PACKETS', cell: ({ packets }) => quantity(packets) },
        { title: 'A → B', cell: ({ bytesFromA }) => quantity(bytesFromA) },
        { title: 'B → A', cell: ({ bytesFromB }) => quantity(bytesFromB) },
      ],
      report.conversations,
    );
  }
  if (report.names.length > 0) {
    title('Names');
    session.print(
      [
        { title: 'NAME', cell: ({ name }) => name },
        { title: 'ASKED', cell: ({ queries }) => String(queries) },
        { title: 'GREETED', cell: ({ hellos }) => String(hellos) },
      ],
      report.names,
    );
  }
  printTorrents(session, report.torrents);
  const { exact, endpointFloorBytes, conversationFloorBytes } = report.approximation;
  const floor = Math.max(endpointFloorBytes, conversationFloorBytes);
  if (!exact)
    session.note(
      escapeControls(
        'there were more than the tables hold: a figure with (+N) may be too low by up to N, ' +
          `and whoever they let go had at most ${amount(floor, 'B')}`,
      ),
    );
}
