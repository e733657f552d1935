/** What the command line asks of the bus, in plain JSON values: `ubus-bus.ts` binds it to the real one. */
import type { Result } from '../../base/result.ts';

export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

export interface BusError {
  readonly message: string;
  /** ubus status; undefined when the bus itself could not be reached. */
  readonly status: number | undefined;
}

export interface Bus extends AsyncDisposable {
  /** All data of one answer; members of several messages are merged. */
  call(object: string, method: string, args: JsonObject): Promise<Result<JsonObject, BusError>>;
  /** Hears events by name, until disposal; also over a restart of the daemon. */
  listen(events: readonly string[], heard: (name: string, data: JsonObject) => void): Promise<void>;
}

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const text = (value: Json | undefined): string =>
  typeof value === 'string'
    ? value
    : value === undefined || value === null
      ? ''
      : JSON.stringify(value);

export const list = (value: Json | undefined): readonly Json[] => (isList(value) ? value : []);

export const isList = (value: Json | undefined): value is readonly Json[] => Array.isArray(value);
