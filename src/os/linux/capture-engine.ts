/** The native capture engine over files and pipes. */
import { close, constants, fstat, open } from 'node:fs';
import { constants as os } from 'node:os';
import { promisify } from 'node:util';
import { errorCode, errorMessage, SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type {
  AnalyzeOptions,
  CaptureEngine,
  CaptureReport,
  CaptureRows,
  ListenOptions,
} from '../ports-capture.ts';
import type { NativeCapture, RawCapture } from './capture-native.ts';
import { systemError } from './errno.ts';
import { packing, unpacked } from './unpack.ts';

/**
 * What is kept at most: some 55 MB, touched as it fills. A flow takes 208 bytes, a conversation 112,
 * an endpoint 88, each with up to 32 in its index.
 */
export interface CaptureLimits {
  readonly flows: number;
  readonly conversations: number;
  readonly endpoints: number;
}
const LIMITS: CaptureLimits = { flows: 65_536, conversations: 65_536, endpoints: 65_536 };

const PIECE_BYTES = 16 << 20;
const FIRST_BYTES = 64 << 10;
const TAKE_BYTES = 256 << 10;
/** How long a silent pipe keeps Ctrl-C waiting. */
const WAIT_MS = 100;
/** Of a second, between two looks at how it goes. */
const PARTS = 10;
const STDIN = 0;

const ETHERNET = 1;

/** A filter that was taken, or the program that came of it. */
function checked<T extends 0 | Uint32Array>(text: string, answer: T | string | number): T {
  if (typeof answer === 'object' || answer === 0) return answer as T;
  if (typeof answer === 'string')
    throw new SystemError(`${JSON.stringify(text)} is no filter: ${answer}`, 'EINVAL');
  if (answer === -os.errno.ENOSYS)
    throw new SystemError('filters need libpcap, which this machine does not have', 'ENOSYS', {
      remedy: 'install libpcap0.8',
    });
  throw systemError('the filter', answer as number);
}

function reportOf(raw: RawCapture, rows: CaptureRows): Omit<CaptureReport, 'interrupted'> {
  const report = raw.report(rows.endpoints, rows.conversations, rows.flows, rows.names);
  if (typeof report === 'number') throw systemError('the capture engine', report);
  return JSON.parse(Buffer.from(report.buffer).toString('latin1')) as Omit<
    CaptureReport,
    'interrupted'
  >;
}

const openFd = promisify(open);
const closeFd = promisify(close);
const statFd = promisify(fstat);

export class LinuxCaptureEngine implements CaptureEngine {
  readonly #native: NativeCapture;
  readonly #limits: CaptureLimits;

  constructor(native: NativeCapture, limits: CaptureLimits = LIMITS) {
    this.#native = native;
    this.#limits = limits;
  }

  async analyze(
    path: string,
    options: AnalyzeOptions,
  ): Promise<Result<CaptureReport, SystemError>> {
    let fd = STDIN;
    try {
      // A pipe without a writer must not hold a thread of the pool.
      if (path !== '-') fd = await openFd(path, constants.O_RDONLY | constants.O_NONBLOCK);
      const is = await statFd(fd);
      if (is.isDirectory()) return err(new SystemError(`${path} is a directory`, 'EISDIR'));
      return ok(await this.#run(fd, is.isFile() ? is.size : undefined, options));
    } catch (thrown) {
      if (thrown instanceof SystemError) return err(thrown);
      return err(
        new SystemError(`${path}: ${errorMessage(thrown)}`, errorCode(thrown), { cause: thrown }),
      );
    } finally {
      if (fd !== STDIN) await closeFd(fd);
    }
  }

  async listen(
    ifName: string,
    options: ListenOptions,
  ): Promise<Result<CaptureReport, SystemError>> {
    const { rows, signal, filter = '', promiscuous, ringBytes, onProgress } = options;
    const { flows, conversations, endpoints } = this.#limits;
    const raw = this.#native.createCapture(flows, conversations, endpoints);
    if (typeof raw === 'number') return err(systemError('the capture engine', raw));
    const endMs = performance.now() + (options.forMs ?? Number.POSITIVE_INFINITY);
    const over = (): boolean => signal.aborted || performance.now() >= endMs;
    try {
      const opened = raw.listen(ifName, ringBytes, promiscuous ? 1 : 0, filter);
      if (opened === -os.errno.EPERM || opened === -os.errno.EACCES)
        return err(systemError(ifName, opened, 'packets are for root, or with CAP_NET_RAW'));
      if (typeof opened === 'number' && opened !== 0 && opened !== -os.errno.ENOSYS)
        return err(systemError(ifName, opened));
      checked(filter, opened === 0 ? 0 : opened);
      const [figures, heard] = [new Float64Array(4), new Float64Array(2)];
      const live = (wanted: CaptureRows): CaptureReport => ({
        ...reportOf(raw, wanted),
        format: 'live',
        interrupted: false,
        live: { heardPackets: heard[0] ?? 0, droppedPackets: heard[1] ?? 0 },
      });
      while (!over()) {
        for (let part = 0; part < PARTS && !over(); part++) {
          const n = await raw.drain(
            Math.max(0, Math.min(WAIT_MS, Math.ceil(endMs - performance.now()))),
          );
          if (n < 0) return err(systemError(ifName, n));
        }
        raw.progress(figures);
        raw.heard(heard);
        const progress = {
          packets: figures[1] ?? 0,
          bytes: figures[2] ?? 0,
          droppedPackets: heard[1] ?? 0,
        };
        onProgress?.(progress, live);
      }
      // What came before the signal is in the ring, in a block that the kernel gives soon.
      const n = await raw.drain(WAIT_MS);
      if (n < 0) return err(systemError(ifName, n));
      raw.heard(heard);
      return ok(live(rows));
    } catch (thrown) {
      if (thrown instanceof SystemError) return err(thrown);
      throw thrown;
    } finally {
      raw.release();
    }
  }

  compileFilter(text: string): Result<Uint32Array, SystemError> {
    try {
      return ok(checked(text, this.#native.compileFilter(text, ETHERNET)));
    } catch (thrown) {
      if (thrown instanceof SystemError) return err(thrown);
      throw thrown;
    }
  }

  async #run(
    fd: number,
    totalBytes: number | undefined,
    options: AnalyzeOptions,
  ): Promise<CaptureReport> {
    const { flows, conversations, endpoints } = this.#limits;
    const raw = this.#native.createCapture(flows, conversations, endpoints);
    if (typeof raw === 'number') throw systemError('the capture engine', raw);
    try {
      const { filter } = options;
      if (filter !== undefined) checked(filter, raw.filter(filter));
      return await this.#read(raw, fd, totalBytes, options);
    } finally {
      raw.release();
    }
  }

  async #read(
    raw: RawCapture,
    fd: number,
    totalBytes: number | undefined,
    { rows, signal, onProgress }: AnalyzeOptions,
  ): Promise<CaptureReport> {
    const figures = new Float64Array(4);
    let readBytes = 0;
    let reported = 0;
    const tell = (): void => {
      raw.progress(figures);
      if (readBytes - reported < PIECE_BYTES) return;
      reported = readBytes;
      onProgress?.({ packets: figures[1] ?? 0, readBytes, totalBytes });
    };
    const wanted = (): boolean => signal?.aborted !== true && figures[3] === 0;
    /** The outcome of one piece of work, asked again while a pipe is silent; 0 as well when nobody waits any longer. */
    const patiently = async (work: () => Promise<number> | number): Promise<number> => {
      while (wanted()) {
        const n = await work();
        if (n >= 0) return n;
        if (n !== -os.errno.EAGAIN) throw systemError('reading', n);
      }
      return 0;
    };
    const take = async (bytes: number): Promise<Uint8Array> => {
      const into = new Uint8Array(bytes);
      const n = await patiently(() => raw.take(fd, into, WAIT_MS));
      readBytes += n;
      return into.subarray(0, n);
    };
    const feed = async (bytes: Uint8Array): Promise<void> => {
      const n = await raw.feed(bytes);
      if (n < 0) throw systemError('the capture engine', n);
      tell();
    };

    let first = await take(FIRST_BYTES);
    while (first.length > 0 && first.length < 4 && wanted()) {
      const more = await take(FIRST_BYTES);
      if (more.length === 0) break;
      first = Buffer.concat([first, more]);
    }
    const packed = packing(first);
    let broken: string | undefined;
    if (packed === undefined) {
      await feed(first);
      for (;;) {
        const n = await patiently(() => raw.read(fd, PIECE_BYTES, WAIT_MS));
        if (n === 0) break;
        readBytes += n;
        tell();
      }
    } else {
      const pieces = async function* (): AsyncGenerator<Uint8Array> {
        for (let piece = first; piece.length > 0; piece = await take(TAKE_BYTES)) yield piece;
      };
      broken = await unpacked(packed, pieces(), async (bytes) => {
        if (wanted()) await feed(bytes);
        return wanted();
      });
    }
    const interrupted = signal?.aborted === true;
    if (!interrupted) raw.end();
    const read = reportOf(raw, rows);
    if (broken === undefined || interrupted) return { ...read, interrupted };
    // What is wrong with the packing explains what is wrong with what was in it.
    raw.progress(figures);
    const errorOffset = read.errorOffset ?? figures[0] ?? 0;
    return { ...read, interrupted, truncated: true, error: broken, errorOffset };
  }
}
