/**
 * Statistics as CSV (RFC 4180): one table with a head, or all of them in one file, a row for each
 * value: table, row, column, value. In pieces: all tables of a large capture are more than the heap holds.
 */
import type { CaptureReport } from '../../os/ports-capture.ts';

type Cell = string | number | undefined;

interface Table {
  /** Always all of them, in this order, so that a script finds each where it was. */
  readonly columns: readonly string[];
  rows(report: CaptureReport): Iterable<object>;
}

const BOTH_WAYS = ['packets', 'bytes', 'packetsFromA', 'bytesFromA', 'packetsFromB', 'bytesFromB'];

/** The tables, by name, in the order in which they are written. */
const TABLES = {
  summary: {
    columns: ['format', 'interfaces', 'packets', 'bytes', 'cutPackets', 'firstSec', 'lastSec'],
    rows: (report) => [report],
  },
  protocols: {
    columns: ['protocol', 'path', 'packets', 'bytes'],
    rows: ({ protocols }) => protocols,
  },
  endpoints: {
    columns: [
      ...['address', 'family', 'name', 'packets', 'bytes', 'sentPackets', 'sentBytes'],
      ...['receivedPackets', 'receivedBytes', 'missedPackets', 'missedBytes'],
    ],
    rows: ({ endpoints }) => endpoints,
  },
  conversations: {
    columns: [
      ...['a', 'b', 'family', ...BOTH_WAYS, 'flows', 'firstSec', 'lastSec'],
      ...['missedPackets', 'missedBytes'],
    ],
    rows: ({ conversations }) => conversations,
  },
  flows: {
    columns: [
      ...['a', 'b', 'family', 'protocol', 'portA', 'portB', ...BOTH_WAYS, 'firstSec', 'lastSec'],
      ...['application', 'name', 'alpn', 'state', 'client', 'connections', 'retransmissions'],
      ...['outOfOrder', 'rttUs'],
    ],
    rows: ({ flows }) => flows,
  },
  names: { columns: ['name', 'queries', 'hellos'], rows: ({ names }) => names },
  bandwidth: {
    columns: ['startSec', 'seconds', 'packets', 'bytes'],
    rows: ({ bandwidth: { startSec, stepSec, packets, bytes } }) =>
      packets.map((count, i) => ({
        startSec: startSec + i * stepSec,
        seconds: stepSec,
        packets: count,
        bytes: bytes[i] ?? 0,
      })),
  },
  sizes: { columns: ['leastBytes', 'packets'], rows: ({ sizes }) => sizes },
} as const satisfies Record<string, Table>;

export type CsvTable = keyof typeof TABLES;
export const CSV_TABLES = Object.keys(TABLES) as readonly CsvTable[];

const PIECE_CHARS = 65_536;

const cell = (value: Cell): string => {
  const text = value === undefined ? '' : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

const line = (cells: readonly Cell[]): string => `${cells.map(cell).join(',')}\r\n`;

const cellOf = (row: object, column: string): Cell => (row as Record<string, Cell>)[column];

/** One table; columns that a row has not are empty. */
export const csvTable = (report: CaptureReport, name: CsvTable): Iterable<string> =>
  pieces(linesOf(report, name));

function* linesOf(report: CaptureReport, name: CsvTable): Iterable<string> {
  const { columns, rows }: Table = TABLES[name];
  yield line(columns);
  for (const row of rows(report)) yield line(columns.map((column) => cellOf(row, column)));
}

/** All tables; rows are numbered from 1, and there is no line of what a row has not. */
export const csvAll = (report: CaptureReport): Iterable<string> => pieces(linesOfAll(report));

function* linesOfAll(report: CaptureReport): Iterable<string> {
  yield line(['table', 'row', 'column', 'value']);
  for (const name of CSV_TABLES) {
    const { columns, rows }: Table = TABLES[name];
    let number = 0;
    for (const row of rows(report)) {
      number += 1;
      for (const column of columns) {
        const value = cellOf(row, column);
        if (value !== undefined) yield line([name, number, column, value]);
      }
    }
  }
}

function* pieces(lines: Iterable<string>): Iterable<string> {
  let piece = '';
  for (const one of lines) {
    piece += one;
    if (piece.length < PIECE_CHARS) continue;
    yield piece;
    piece = '';
  }
  yield piece;
}
