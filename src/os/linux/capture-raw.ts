/** What reading files and hearing live packets share of the native engine. */
import { constants as os } from 'node:os';
import { SystemError } from '../../base/errors.ts';
import type {
  CapturePrefix,
  CaptureReport,
  CaptureRows,
  CaptureTorrents,
} from '../ports-capture.ts';
import type { NativeCapture, RawCapture } from './capture-native.ts';
import { systemError } from './errno.ts';

/** No packet is longer. */
export const WHOLE_BYTES = 262_144;

/**
 * What is kept at most. A flow takes 192 bytes, a conversation 112,
 * an endpoint 88, each with up to 32 in its index.
 */
export interface CaptureLimits {
  readonly flows: number;
  readonly conversations: number;
  readonly endpoints: number;
}
/** @throws SystemError without memory */
export function createRaw(native: NativeCapture, limits: CaptureLimits, times = 1): RawCapture {
  const [flows, conversations, endpoints] = [
    limits.flows * times,
    limits.conversations * times,
    limits.endpoints * times,
  ];
  const raw = native.createCapture(flows, conversations, endpoints);
  if (typeof raw === 'number') throw systemError('the capture engine', raw);
  return raw;
}

/** A filter that was taken, or the program that came of it. */
export function checked<T extends 0 | Uint32Array>(text: string, answer: T | string | number): T {
  if (typeof answer === 'object' || answer === 0) return answer as T;
  if (typeof answer === 'string')
    throw new SystemError(`${JSON.stringify(text)} is no filter: ${answer}`, 'EINVAL');
  if (answer === -os.errno.ENOSYS)
    throw new SystemError('filters need libpcap, which this machine does not have', 'ENOSYS', {
      remedy: 'install libpcap0.8',
    });
  throw systemError('the filter', answer as number);
}

/** Why packets cannot be written there. */
export const writeError = (path: string, negative: number): SystemError =>
  negative === -os.errno.EEXIST
    ? systemError(path, negative, 'what is there is never overwritten: take another name')
    : systemError(path, negative);

/** As `RawCapture.local` takes them. */
export function prefixBytes(prefixes: readonly CapturePrefix[]): Uint8Array {
  const bytes = Buffer.alloc(18 * prefixes.length);
  for (const [i, { address, prefixLen }] of prefixes.entries()) {
    const at = 18 * i;
    bytes[at] = typeof address === 'number' ? 4 : 6;
    bytes[at + 1] = prefixLen;
    const value = BigInt(address);
    bytes.writeBigUInt64BE(value >> 64n, at + 2);
    bytes.writeBigUInt64BE(BigInt.asUintN(64, value), at + 10);
  }
  return bytes;
}

/** @throws SystemError when it is over */
export function torrentsOf(raw: Pick<RawCapture, 'torrents'>): CaptureTorrents {
  const told = raw.torrents();
  if (typeof told === 'number') throw systemError('the capture engine', told);
  return JSON.parse(Buffer.from(told.buffer).toString('latin1')) as CaptureTorrents;
}

export function reportOf(
  raw: Pick<RawCapture, 'report'>,
  rows: CaptureRows,
): Omit<CaptureReport, 'interrupted'> {
  const report = raw.report(rows.endpoints, rows.conversations, rows.flows, rows.names);
  if (typeof report === 'number') throw systemError('the capture engine', report);
  return JSON.parse(Buffer.from(report.buffer).toString('latin1')) as Omit<
    CaptureReport,
    'interrupted'
  >;
}
