import type { Log, LogFields, LogLevel } from '../../src/base/log.ts';

interface LogLine {
  readonly level: LogLevel;
  readonly fields: LogFields;
  readonly message: string;
}

/** A log that keeps its lines, so that a test can ask what was said; `lines` is shared with its children. */
export class MemoryLog implements Log {
  readonly lines: LogLine[];
  readonly #bound: LogFields;

  constructor(lines: LogLine[] = [], bound: LogFields = {}) {
    this.lines = lines;
    this.#bound = bound;
  }

  trace(fields: LogFields, message: string): void {
    this.#add('trace', fields, message);
  }
  debug(fields: LogFields, message: string): void {
    this.#add('debug', fields, message);
  }
  info(fields: LogFields, message: string): void {
    this.#add('info', fields, message);
  }
  warn(fields: LogFields, message: string): void {
    this.#add('warn', fields, message);
  }
  error(fields: LogFields, message: string): void {
    this.#add('error', fields, message);
  }
  fatal(fields: LogFields, message: string): void {
    this.#add('fatal', fields, message);
  }
  child(fields: LogFields): Log {
    return new MemoryLog(this.lines, { ...this.#bound, ...fields });
  }

  /** Messages at `level`, in order. */
  messages(level: LogLevel): readonly string[] {
    return this.lines.filter((line) => line.level === level).map((line) => line.message);
  }

  #add(level: LogLevel, fields: LogFields, message: string): void {
    this.lines.push({ level, fields: { ...this.#bound, ...fields }, message });
  }
}
