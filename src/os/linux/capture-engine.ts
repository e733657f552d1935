/** The native capture engine over files and pipes. */
import { close, constants, fstat, open } from 'node:fs';
import { constants as os } from 'node:os';
import { promisify } from 'node:util';
import { errorCode, SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type {
  AnalyzeOptions,
  CaptureEngine,
  CaptureReport,
  ListenOptions,
} from '../ports-capture.ts';
import { listen } from './capture-listen.ts';
import type { NativeCapture, RawCapture } from './capture-native.ts';
import {
  type CaptureLimits,
  checked,
  createRaw,
  reportOf,
  WHOLE_BYTES,
  writeError,
} from './capture-raw.ts';
import { failureWords, systemError } from './errno.ts';
import { otherPacking, packing, unpacked } from './unpack.ts';

/** Some 55 MB, touched as they fill. */
const LIMITS: CaptureLimits = { flows: 65_536, conversations: 65_536, endpoints: 65_536 };

const PIECE_BYTES = 16 << 20;
const FIRST_BYTES = 64 << 10;
const TAKE_BYTES = 256 << 10;
/** How long a silent pipe keeps Ctrl-C waiting. */
const WAIT_MS = 100;
const STDIN = 0;

const ETHERNET = 1;

const openFd = promisify(open);
const closeFd = promisify(close);
const statFd = promisify(fstat);

/** What is read, and how it is called where that fails. */
interface From {
  readonly fd: number;
  readonly what: string;
}

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
    const what = path === '-' ? 'standard input' : path;
    let fd = STDIN;
    try {
      // A pipe without a writer must not hold a thread of the pool.
      if (path !== '-') fd = await openFd(path, constants.O_RDONLY | constants.O_NONBLOCK);
      const is = await statFd(fd);
      if (is.isDirectory()) return err(new SystemError(`${path} is a directory`, 'EISDIR'));
      return ok(await this.#run({ fd, what }, is.isFile() ? is.size : undefined, options));
    } catch (thrown) {
      if (thrown instanceof SystemError) return err(thrown);
      const told = `${what}: ${failureWords(thrown)}`;
      return err(new SystemError(told, errorCode(thrown), { cause: thrown }));
    } finally {
      if (fd !== STDIN) await closeFd(fd);
    }
  }

  listen(ifName: string, options: ListenOptions): Promise<Result<CaptureReport, SystemError>> {
    return listen(this.#native, this.#limits, ifName, options);
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
    from: From,
    totalBytes: number | undefined,
    options: AnalyzeOptions,
  ): Promise<CaptureReport> {
    const raw = createRaw(this.#native, this.#limits);
    try {
      const { filter, lines, write } = options;
      if (filter !== undefined) checked(filter, raw.filter(filter));
      if (write !== undefined) {
        const n = raw.convert(write.path, write.snapLen ?? WHOLE_BYTES);
        if (n !== 0) throw writeError(write.path, n);
      }
      if (lines !== undefined) {
        const n = raw.lines(lines.fd, lines.csv ? 1 : 0, 0);
        if (n !== 0) throw systemError('lines of packets', n);
      }
      return await this.#read(raw, from, totalBytes, options);
    } finally {
      raw.release();
    }
  }

  async #read(
    raw: RawCapture,
    { fd, what }: From,
    totalBytes: number | undefined,
    options: AnalyzeOptions,
  ): Promise<CaptureReport> {
    const { rows, signal, onProgress } = options;
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
        if (n !== -os.errno.EAGAIN) throw systemError(what, n);
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
    if (options.write !== undefined) {
      const n = raw.finish();
      if (n !== 0) throw systemError(options.write.path, n);
    }
    if (options.lines !== undefined) {
      const n = raw.linesEnd();
      if (n !== 0) throw systemError('lines of packets', n);
    }
    const read = reportOf(raw, rows);
    const other = read.format === 'unknown' ? otherPacking(first) : undefined;
    if (other !== undefined) return { ...read, interrupted, error: other };
    if (broken === undefined || interrupted) return { ...read, interrupted };
    // What is wrong with the packing explains what is wrong with what was in it.
    raw.progress(figures);
    const errorOffset = read.errorOffset ?? figures[0] ?? 0;
    return { ...read, interrupted, truncated: true, error: broken, errorOffset };
  }
}
