/** Live packets of one interface: the native engine counts, writes and keeps them on threads of its own. */
import { constants as os } from 'node:os';
import { BugError, SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type {
  CaptureReport,
  CaptureRows,
  CaptureTorrents,
  CaptureWritten,
  ListenOptions,
  LiveCapture,
} from '../ports-capture.ts';
import { CaptureGroup } from './capture-group.ts';
import {
  FIGURE,
  type NativeCapture,
  NEW_GROUP,
  NO_GROUP,
  type RawCapture,
} from './capture-native.ts';
import {
  type CaptureLimits,
  checked,
  createRaw,
  prefixBytes,
  reportOf,
  torrentsOf,
  WHOLE_BYTES,
  writeError,
} from './capture-raw.ts';
import { systemError } from './errno.ts';

/** So often it is looked whether the interface is still there, and progress is told. */
const SECOND_MS = 1000;
/** What is counted needs no more of a packet. */
const STATISTICS_BYTES = 2048;
/** What somebody may still read as it goes by. */
const LINES_A_SECOND = 500;

export async function listen(
  native: NativeCapture,
  limits: CaptureLimits,
  ifName: string,
  options: ListenOptions,
): Promise<Result<CaptureReport, SystemError>> {
  const { threads = 1, lines, write, keep } = options;
  if (threads > 1 && (lines ?? write ?? keep) !== undefined)
    return err(new SystemError('what is written or kept comes from one thread', 'EINVAL'));
  const made: RawCapture[] = [];
  try {
    for (let i = 0; i < threads; i++) made.push(createRaw(native, limits));
    let fanout = threads === 1 ? NO_GROUP : NEW_GROUP;
    for (const raw of made) {
      open(raw, ifName, options, fanout);
      if (fanout === NEW_GROUP) fanout = raw.group();
    }
    const [first] = made;
    if (first === undefined) throw new BugError('no thread');
    const heard = threads === 1 ? first : new CaptureGroup(native, limits, made);
    return ok(await new Listening(heard, ifName, options).run());
  } catch (thrown) {
    if (thrown instanceof SystemError) return err(thrown);
    throw thrown;
  } finally {
    for (const raw of made) raw.release();
  }
}

function open(raw: RawCapture, ifName: string, options: ListenOptions, fanout: number): void {
  const { filter = '', lines, promiscuous, ringBytes, write, keep, local = [] } = options;
  const { path = '', snapLen = WHOLE_BYTES, maxFileBytes, maxFileSeconds, files } = write ?? {};
  const wanted = keep === undefined ? (write === undefined ? 0 : snapLen) : WHOLE_BYTES;
  const snapBytes =
    wanted === 0 ? (options.snapBytes ?? STATISTICS_BYTES) : Math.max(STATISTICS_BYTES, wanted);
  const opened = raw.listen(ifName, ringBytes, promiscuous ? 1 : 0, filter, snapBytes, fanout);
  if (opened === -os.errno.EPERM || opened === -os.errno.EACCES)
    throw systemError(ifName, opened, 'packets are for root, or with CAP_NET_RAW');
  if (typeof opened === 'number' && opened !== 0 && opened !== -os.errno.ENOSYS)
    throw systemError(ifName, opened);
  checked(filter, opened === 0 ? 0 : opened);
  const counted = local.length === 0 ? 0 : raw.local(prefixBytes(local));
  if (counted !== 0) throw systemError('the networks of the hosts', counted);
  if (lines !== undefined) {
    const n = raw.lines(lines.fd, lines.csv ? 1 : 0, LINES_A_SECOND);
    if (n !== 0) throw systemError('lines of packets', n);
  }
  if (write !== undefined) {
    const ms = (maxFileSeconds ?? 0) * 1000;
    const n = raw.record(path, maxFileBytes ?? 0, ms, files ?? 0, snapLen);
    if (n !== 0) throw writeError(path, n);
  }
  if (keep !== undefined) {
    const n = raw.keep(keep.seconds * 1000, keep.bytes);
    if (n !== 0) throw systemError('the packets that are kept', n);
  }
}

/** One engine, or several as if they were one. */
type Heard = Pick<
  RawCapture,
  'start' | 'stop' | 'live' | 'report' | 'torrents' | 'files' | 'dump' | 'linesEnd'
>;

class Listening implements LiveCapture {
  readonly #raw: Heard;
  readonly #ifName: string;
  readonly #options: ListenOptions;
  readonly #figures = new Float64Array(FIGURE.count);
  /** One piece of work at a time: dumps, and the end. */
  #last: Promise<unknown> = Promise.resolve();
  #over = false;

  constructor(raw: Heard, ifName: string, options: ListenOptions) {
    this.#raw = raw;
    this.#ifName = ifName;
    this.#options = options;
  }

  async run(): Promise<CaptureReport> {
    const { signal, forMs, onStart, onProgress } = this.#options;
    const started = this.#raw.start();
    if (started !== 0) throw systemError(this.#ifName, started);
    try {
      onStart?.(this);
      const endMs = performance.now() + (forMs ?? Number.POSITIVE_INFINITY);
      let tellMs = performance.now() + SECOND_MS;
      for (;;) {
        const nowMs = performance.now();
        if (signal.aborted || nowMs >= endMs) break;
        await pause(Math.max(1, Math.ceil(Math.min(tellMs, endMs) - nowMs)), signal);
        this.#look();
        if (performance.now() < tellMs) continue;
        tellMs += SECOND_MS;
        const [, packets = 0, bytes = 0, , droppedPackets = 0] = [0, ...this.#figures];
        const written = this.#written();
        onProgress?.(
          { packets, bytes, droppedPackets, ...(written === undefined ? {} : { written }) },
          (rows) => this.#report(rows),
        );
      }
    } finally {
      this.#over = true;
      await this.#last;
      await this.#raw.stop();
      if (this.#options.lines !== undefined) this.#raw.linesEnd();
    }
    this.#look();
    return this.#report(this.#options.rows);
  }

  dump(path: string): Promise<Result<number, SystemError>> {
    const done = this.#last.then(async (): Promise<Result<number, SystemError>> => {
      const n = this.#over ? -os.errno.EINVAL : await this.#raw.dump(path);
      return n < 0 ? err(systemError(path, n)) : ok(n);
    });
    this.#last = done;
    return done;
  }

  torrents(): CaptureTorrents {
    return torrentsOf(this.#raw);
  }

  /** Throws what ended the capture. */
  #look(): void {
    this.#raw.live(this.#figures);
    const { [FIGURE.ended]: ended = 0, [FIGURE.unread]: unread = 0 } = this.#figures;
    if (ended !== 0) throw systemError(this.#ifName, ended);
    if (unread !== 0) throw systemError('lines of packets', unread);
  }

  #report(rows: CaptureRows): CaptureReport {
    const [, , heardPackets = 0, droppedPackets = 0, interfaceDroppedPackets = 0] = this.#figures;
    const written = this.#written();
    return {
      ...reportOf(this.#raw, rows),
      format: 'live',
      interfaces: 1,
      interrupted: false,
      live: { heardPackets, droppedPackets, interfaceDroppedPackets },
      ...(written === undefined ? {} : { written }),
    };
  }

  #written(): CaptureWritten | undefined {
    if (this.#options.write === undefined) return undefined;
    const files = this.#raw.files();
    const figures = this.#figures;
    const error = figures[10] ?? 0;
    return {
      files: typeof files === 'number' ? [] : files,
      packets: figures[7] ?? 0,
      bytes: figures[8] ?? 0,
      queueDroppedPackets: figures[5] ?? 0,
      failedPackets: figures[9] ?? 0,
      ...(error === 0 ? {} : { error: systemError(this.#options.write.path, -error).message }),
    };
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
  });
}
