/**
 * Structured logging: pino's JSON lines into a file of our own rotation. Each line is written at
 * once by one system call (some microseconds), so nothing is lost when the process dies; a disk
 * that is full costs lines, which are counted, never the daemon.
 */
import { closeSync, constants, fstatSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { pino, stdSerializers } from 'pino';
import type { Clock } from '../../base/clock.ts';
import type { Log, LogLevel } from '../../base/log.ts';
import { escapeControls } from '../../base/text.ts';
import { ROTATION, type Rotation, shift } from './rotate.ts';

export interface LogOptions {
  /** Made if it is not there; the file in it is `gatehouse.log`. */
  readonly directory: string;
  readonly level: LogLevel;
  readonly clock: Clock;
  /** Also gets every line, readable, when someone watches: the terminal's stderr. */
  readonly terminal?: { write(text: string): unknown };
  readonly rotation?: Rotation;
}

export interface LogSink extends AsyncDisposable {
  readonly log: Log;
  /** Lines that could not be written, since start. */
  readonly dropped: number;
  setLevel(level: LogLevel): void;
  /** Hears every line, as JSON, also one that could not be written. */
  watch(heard: (line: string) => void): Disposable;
}

export const LOG_FILE = 'gatehouse.log';

export function openLog(options: LogOptions): LogSink {
  const file = new LogFile(options.directory, options.rotation ?? ROTATION);
  const { clock, terminal } = options;
  const watchers = new Set<(line: string) => void>();
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: () => `,"time":"${new Date(clock.wallMs()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: stdSerializers.err, error: stdSerializers.err },
    },
    {
      write(line: string): void {
        file.write(line);
        terminal?.write(readable(line));
        for (const heard of watchers) heard(line);
      },
    },
  );
  return {
    log: logger,
    get dropped() {
      return file.dropped;
    },
    setLevel(level) {
      logger.level = level;
    },
    watch(heard) {
      watchers.add(heard);
      return { [Symbol.dispose]: () => void watchers.delete(heard) };
    },
    async [Symbol.asyncDispose]() {
      file.close();
    },
  };
}

/** Appends lines, opens the file when it can, and counts what it could not write. */
class LogFile {
  readonly #directory: string;
  readonly #path: string;
  readonly #rotation: Rotation;
  #fd: number | undefined;
  #sizeBytes = 0;
  #dropped = 0;
  #droppedReported = 0;
  /** The last write stopped in the middle of a line. */
  #torn = false;
  #closed = false;

  constructor(directory: string, rotation: Rotation) {
    this.#directory = directory;
    this.#path = join(directory, LOG_FILE);
    this.#rotation = rotation;
  }

  get dropped(): number {
    return this.#dropped;
  }

  write(line: string): void {
    if (this.#closed) return;
    try {
      const sizeBytes = Buffer.byteLength(line);
      if (this.#fd !== undefined && this.#sizeBytes + sizeBytes > this.#rotation.maxBytes)
        this.#rotate();
      this.#fd ??= this.#open();
      if (this.#dropped > this.#droppedReported) {
        const lost = this.#dropped - this.#droppedReported;
        this.#append(`{"level":"warn","lost":${lost},"msg":"log lines were lost here"}\n`);
        this.#droppedReported = this.#dropped;
      }
      this.#append(line);
    } catch {
      // Nobody can be told but by the count: this is where complaints end up.
      this.#dropped++;
    }
  }

  close(): void {
    this.#closed = true;
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #append(line: string): void {
    if (this.#fd === undefined) return;
    const bytes = Buffer.from(this.#torn ? `\n${line}` : line);
    const written = writeSync(this.#fd, bytes);
    this.#sizeBytes += written;
    this.#torn = written < bytes.length && (this.#torn ? written !== 1 : written > 0);
    if (written < bytes.length) this.#dropped++;
  }

  #open(): number {
    mkdirSync(this.#directory, { recursive: true, mode: 0o750 });
    const { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY } = constants;
    const fd = openSync(this.#path, O_APPEND | O_CREAT | O_NOFOLLOW | O_WRONLY, 0o640);
    this.#sizeBytes = fstatSync(fd).size;
    return fd;
  }

  #rotate(): void {
    shift(this.#path, this.#rotation.maxFiles);
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    this.#torn = false;
  }
}

/** `12:34:56.789 INFO  message  key=value …` of one JSON line. */
export function readable(line: string): string {
  const { level, time, msg, ...fields }: Record<string, unknown> = JSON.parse(line);
  const rest = Object.entries(fields).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const head = `${String(time).slice(11, 23)} ${String(level).toUpperCase().padEnd(5)} ${String(msg)}`;
  return `${escapeControls([head, ...rest].join('  '))}\n`;
}
