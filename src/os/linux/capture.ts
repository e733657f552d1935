/** Frames of one interface into a pcap file, within limits (packet(7)). */
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { errorCode, errorMessage, SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { encodePcapHeader, encodePcapRecord } from '../../wire/pcap.ts';
import type { PacketTaps } from '../ports.ts';

export interface CaptureTask {
  readonly ifIndex: number;
  /** A file that is not there yet. */
  readonly path: string;
  readonly maxBytes: number;
  readonly maxMs: number;
}

export interface CaptureDone {
  readonly frames: number;
  readonly sizeBytes: number;
  /** Frames that the kernel dropped because they came too quickly. */
  readonly dropped: number;
}

/** Ends at a limit, at a disk that is full, and when the signal fires; what was taken by then is in the file. */
export async function captureTo(
  taps: PacketTaps,
  wallMs: () => number,
  task: CaptureTask,
  signal: AbortSignal,
): Promise<Result<CaptureDone, SystemError>> {
  const failed = (thrown: unknown) =>
    err(
      new SystemError(`${task.path}: ${errorMessage(thrown)}`, errorCode(thrown), {
        cause: thrown,
      }),
    );
  let fd: number;
  try {
    const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
    fd = openSync(task.path, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0o600);
  } catch (thrown) {
    return failed(thrown);
  }
  try {
    const full = new AbortController();
    let fault: unknown;
    let frames = 0;
    let sizeBytes = 0;
    const write = (bytes: Uint8Array): void => {
      if (full.signal.aborted) return;
      try {
        if (sizeBytes + bytes.byteLength > task.maxBytes) full.abort();
        else sizeBytes += writeSync(fd, bytes);
      } catch (thrown) {
        fault = thrown;
        full.abort();
      }
    };
    write(encodePcapHeader());
    const tap = taps.open(task.ifIndex, 'all', (frame) => {
      const before = sizeBytes;
      write(encodePcapRecord(wallMs(), frame));
      if (sizeBytes > before) frames++;
    });
    if (!tap.ok) return tap;
    const over = AbortSignal.any([signal, full.signal, AbortSignal.timeout(task.maxMs)]);
    if (!over.aborted) {
      await new Promise<void>((resolve) =>
        over.addEventListener('abort', () => resolve(), { once: true }),
      );
    }
    const { dropped } = tap.value;
    await tap.value[Symbol.asyncDispose]();
    return fault === undefined ? ok({ frames, sizeBytes, dropped }) : failed(fault);
  } finally {
    closeSync(fd);
  }
}
