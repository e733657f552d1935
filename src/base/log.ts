export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** Fields of a structured log line. Values from the network are escaped by the JSON encoder of the sink. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Structured logging as handed to every room; the sink is built in `main.ts`. */
export interface Log {
  trace(fields: LogFields, message: string): void;
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  fatal(fields: LogFields, message: string): void;
  child(fields: LogFields): Log;
}
