/** What can be had of a capture: its statistics, as data, as CSV, as a chart. */
import type { SystemError } from '../../base/errors.ts';
import { ok, type Result } from '../../base/result.ts';
import type {
  AnalyzeOptions,
  CaptureEngine,
  CaptureLink,
  CaptureReport,
  ListenOptions,
} from '../../os/ports-capture.ts';
import { bpfText } from './bpf-text.ts';
import { CHART_KINDS, type ChartKind, chart, chartPicture } from './chart.ts';
import { CSV_TABLES, type CsvTable, csvAll, csvTable } from './csv.ts';
import { type FilterRequest, filterText } from './filter.ts';

export interface CaptureService {
  /** Links that could be heard. */
  links(): Promise<Result<readonly CaptureLink[], SystemError>>;
  readonly chartKinds: readonly ChartKind[];
  readonly csvTables: readonly CsvTable[];
  analyze(path: string, options: AnalyzeOptions): Promise<Result<CaptureReport, SystemError>>;
  listen(ifName: string, options: ListenOptions): Promise<Result<CaptureReport, SystemError>>;
  /** One table, or without a name all of them; in pieces of text, to be written one after the other. */
  csv(report: CaptureReport, table: CsvTable | undefined): Iterable<string>;
  /** The text of a filter, empty for everything; or all that is wrong with what is asked for. */
  filter(request: FilterRequest): Result<string, readonly string[]>;
  /** The kernel's program of a filter, one line an instruction. */
  explain(filter: string): Result<readonly string[], SystemError>;
  /** An SVG document. */
  chart(report: CaptureReport, kind: ChartKind, title: string): string;
  /** The same as a PNG file. */
  chartPng(report: CaptureReport, kind: ChartKind, title: string): Uint8Array;
}

export interface CaptureAround {
  readonly links: CaptureService['links'];
  /** A PNG file of the three bytes of each pixel. */
  png(width: number, height: number, rgb: Uint8Array): Uint8Array;
}

export const captureService = (
  engine: CaptureEngine,
  { links, png }: CaptureAround,
): CaptureService => ({
  links,
  chartKinds: CHART_KINDS,
  csvTables: CSV_TABLES,
  analyze: (path, options) => engine.analyze(path, options),
  listen: (ifName, options) => engine.listen(ifName, options),
  csv: (report, table) => (table === undefined ? csvAll(report) : csvTable(report, table)),
  filter: filterText,
  explain: (filter) => {
    const program = engine.compileFilter(filter);
    return program.ok ? ok(bpfText(program.value)) : program;
  },
  chart,
  chartPng: (...asked) => {
    const { width, height, rgb } = chartPicture(...asked);
    return png(width, height, rgb);
  },
});
