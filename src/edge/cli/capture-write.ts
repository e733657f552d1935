/** Options of `capture` and `analyze` that write packets into files, and what is said of it. */
import type { Command } from 'commander';
import type { CaptureWritten, WriteOptions } from '../../os/ports-capture.ts';
import { amount } from './figures.ts';
import { duration, size, within } from './typed.ts';

export interface WritingOptions {
  readonly write?: string;
  readonly snapLength?: number;
  readonly fileSize?: number;
  readonly fileTime?: number;
  readonly files?: number;
}

const MAX_SNAP = 262_144;

/** A file, of so many bytes of each packet. */
export const writesFile = (command: Command): Command =>
  command
    .option('--write <file>', 'writes the packets as pcapng, too; into a new file, or a pipe')
    .option(
      '--snap-length <bytes>',
      'with --write: only so much of each packet',
      within(1, MAX_SNAP),
    );

/** One file after the other, besides. */
export const writesFiles = (command: Command): Command =>
  writesFile(command)
    .option('--file-size <size>', 'with --write: the next file after so much, such as 100M', size)
    .option('--file-time <time>', 'with --write: the next file after so long: 60s, 1h', duration)
    .option(
      '--files <count>',
      'with --file-size or --file-time: so many stay, the oldest are removed',
      within(1, 100_000),
    );

/** What to write; undefined for nothing, and a text where the options do not fit. */
export function writeOf(options: WritingOptions): WriteOptions | string | undefined {
  const { write, snapLength, fileSize, fileTime, files } = options;
  if (write === undefined)
    return [snapLength, fileSize, fileTime, files].every((value) => value === undefined)
      ? undefined
      : '--snap-length, --file-size, --file-time and --files go with --write FILE';
  if (write === '-')
    return '--write - is not there: the tables are on standard output; write into a file, or a pipe by mkfifo';
  if (files !== undefined && fileSize === undefined && fileTime === undefined)
    return '--files goes with --file-size or --file-time';
  return {
    path: write,
    ...(snapLength === undefined ? {} : { snapLen: snapLength }),
    ...(fileSize === undefined ? {} : { maxFileBytes: fileSize }),
    ...(fileTime === undefined ? {} : { maxFileSeconds: fileTime }),
    ...(files === undefined ? {} : { files }),
  };
}

/** What is in the files, and what is not and why. */
export function writtenText(written: CaptureWritten): string {
  const { files, packets, bytes, queueDroppedPackets, failedPackets, error } = written;
  const [first = 'nothing', ...others] = files;
  const where = others.length === 0 ? first : `${first} and ${others.length} more`;
  return [
    `${packets} packets, ${amount(bytes, 'B')}: ${where}`,
    ...(queueDroppedPackets > 0 ? [`${queueDroppedPackets} lost: the disk was too slow`] : []),
    ...(failedPackets > 0 ? [`${failedPackets} lost: ${error ?? ''}`] : []),
  ].join('; ');
}
