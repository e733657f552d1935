/**
 * Statistics as CSV (RFC 4180): one table with a head, or all of them in one file, a row for each
 * value: table, row, column, value.
 */
import type { CaptureReport } from '../../os/ports-capture.ts';

type Cell = string | number | undefined;
type Row = Readonly<Record<string, Cell>>;

/** The tables, by name, in the order in which they are written. */
const TABLES = {
  summary: ({ format, interfaces, packets, bytes, cutPackets, firstSec, lastSec }) => [
    { format, interfaces, packets, bytes, cutPackets, firstSec, lastSec },
  ],
  protocols: ({ protocols }) => protocols.map((row) => ({ ...row })),
  endpoints: ({ endpoints }) => endpoints.map((row) => ({ ...row })),
  conversations: ({ conversations }) => conversations.map((row) => ({ ...row })),
  flows: ({ flows }) => flows.map((row) => ({ ...row })),
  names: ({ names }) => names.map((row) => ({ ...row })),
  bandwidth: ({ bandwidth: { startSec, stepSec, packets, bytes } }) =>
    packets.map((count, i) => ({
      startSec: startSec + i * stepSec,
      seconds: stepSec,
      packets: count,
      bytes: bytes[i] ?? 0,
    })),
  sizes: ({ sizes }) => sizes.map((row) => ({ ...row })),
} as const satisfies Record<string, (report: CaptureReport) => readonly Row[]>;

export type CsvTable = keyof typeof TABLES;
export const CSV_TABLES = Object.keys(TABLES) as readonly CsvTable[];

const cell = (value: Cell): string => {
  const text = value === undefined ? '' : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

const line = (cells: readonly Cell[]): string => `${cells.map(cell).join(',')}\r\n`;

/** One table; columns that only some rows have are empty in the others. */
export function csvTable(report: CaptureReport, name: CsvTable): string {
  const rows: readonly Row[] = TABLES[name](report);
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return [columns, ...rows.map((row) => columns.map((column) => row[column]))].map(line).join('');
}

/** All tables; rows are numbered from 1. */
export function csvAll(report: CaptureReport): string {
  let text = line(['table', 'row', 'column', 'value']);
  for (const name of CSV_TABLES) {
    const rows: readonly Row[] = TABLES[name](report);
    for (const [i, row] of rows.entries()) {
      for (const [column, value] of Object.entries(row)) text += line([name, i + 1, column, value]);
    }
  }
  return text;
}
