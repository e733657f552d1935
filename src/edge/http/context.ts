/** What every route has at hand, and the small things that all of them do alike. */
import type { Context } from 'hono';
import type { Clock } from '../../base/clock.ts';
import type { SystemError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Result } from '../../base/result.ts';
import type { HttpExchange } from '../../os/ports.ts';
import type { UpdateService } from '../../services/update/service.ts';
import type { Fault, Model, Origin } from '../../tr181/model.ts';
import type { UbusClient } from '../ubus/client.ts';
import type { CommandService } from '../ubus/gatehouse.ts';
import type { CertificateKeeper } from './certificates.ts';
import type { EventHub } from './events.ts';
import type {
  Account,
  Accounts,
  CallRecord,
  Configuration,
  DhcpDevices,
  Line,
  LineQuery,
  Metrics,
  WebFiles,
} from './faces.ts';
import type { Logins } from './logins.ts';
import type { Session, Sessions } from './sessions.ts';

/** Commands of captures, and the files that they wrote. */
export interface CaptureParts extends Pick<CommandService, 'commands'> {
  /** A file as it is now; ENOENT without one of that name. */
  read(
    name: string,
    origin: Origin,
  ): Promise<Result<{ bytes: number; body: ReadableStream<Uint8Array> }, SystemError>>;
}

export interface Parts {
  readonly model: Model;
  readonly accounts: Accounts;
  readonly sessions: Sessions;
  readonly logins: Logins;
  readonly certificates: Pick<CertificateKeeper, 'caPem' | 'status' | 'import' | 'backToOwn'>;
  readonly configuration: Configuration;
  readonly devices: Pick<DhcpDevices, 'decide' | 'forget' | 'fix'>;
  readonly dns: Pick<CommandService, 'commands'>;
  readonly captures: CaptureParts;
  readonly monitor: Pick<CommandService, 'commands'>;
  readonly alerts: Pick<CommandService, 'commands'>;
  readonly loadTest: Pick<CommandService, 'commands'>;
  readonly updates: Pick<
    UpdateService,
    'begin' | 'write' | 'install' | 'cancel' | 'activate' | 'rollback'
  >;
  readonly metrics: Metrics;
  readonly events: EventHub;
  readonly bus: Pick<UbusClient, 'lookup' | 'callId' | 'subscribe' | 'listen'>;
  readonly web: WebFiles;
  readonly clock: Clock;
  readonly log: Log;
  readonly version: string;
  hostName(): string;
  /** Names and addresses under which the box may be asked, besides loopback. */
  allowedHosts(): readonly string[];
  logs(query: LineQuery): Promise<readonly Line[]>;
  audit(query: LineQuery): Promise<readonly Line[]>;
  /** Resolves when it is on disk. */
  recordCall(record: CallRecord): Promise<void>;
  /** What is changed from now on is put into effect once `answered` resolves, or soon after at the latest. */
  holdEffects(answered: Promise<void>): void;
  /** Where plain HTTP leads to. */
  httpsPort(): number;
  /** In a time that does not tell where they differ. */
  equal(a: string, b: string): boolean;
  /** 256 random bits as text. */
  token(): string;
}

export interface Env {
  Bindings: HttpExchange;
  Variables: {
    /** Set behind the guard alone. */
    session: Session;
    account: Account;
    sessionId: string;
  };
}

export type Ctx = Context<Env>;

export const COOKIE = 'gatehouse';
export const MAX_BODY_BYTES = 64 * 1024;

export const refuse = (c: Ctx, status: 400 | 401 | 403 | 404 | 413 | 415 | 503, error: string) =>
  c.json({ error }, status);

export const faulty = (c: Ctx, faults: readonly Fault[]) => c.json({ faults }, 422);

/** Who asks, for the audit trail. */
export const originOf = (c: Ctx): Origin => ({
  user: c.var.session.user,
  via: 'http',
  address: c.env.peer.address,
});

/** For what is no change of the model, and is to be in the trail all the same. */
export const record = ({ recordCall }: Parts, c: Ctx, path: string): Promise<void> =>
  recordCall({ user: c.var.session.user, address: c.env.peer.address, path });

/** The value of one cookie (RFC 6265 §5.4). */
export function cookieOf(header: string | undefined, name: string): string | undefined {
  for (const part of (header ?? '').split(';')) {
    const equals = part.indexOf('=');
    if (part.slice(0, equals).trim() === name) return part.slice(equals + 1).trim();
  }
  return undefined;
}

type Fields = Readonly<Record<string, unknown>>;

/** The body as a JSON object, or the answer that refuses it. */
export async function fieldsOf(c: Ctx, maxBytes = MAX_BODY_BYTES): Promise<Fields | Response> {
  const type = (c.req.header('content-type') ?? '').split(';')[0]?.trim().toLowerCase();
  // A form of another site can send text, but not this type without asking first.
  if (type !== 'application/json') return refuse(c, 415, 'application/json is wanted');
  const body = await c.env.readBody(maxBytes);
  if (!body.ok) return refuse(c, 413, `more than ${maxBytes} bytes`);
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body.value));
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Fields;
  } catch {
    // Told below.
  }
  return refuse(c, 400, 'not a JSON object');
}

export const textOf = (fields: Fields, name: string): string | undefined => {
  const value = fields[name];
  return typeof value === 'string' ? value : undefined;
};

export const textsOf = (
  fields: Fields,
  name: string,
  max: number,
): readonly string[] | undefined => {
  const value = fields[name];
  return Array.isArray(value) && value.length <= max && value.every((v) => typeof v === 'string')
    ? value
    : undefined;
};

/** An object whose values are all texts. */
export const mapOf = (
  fields: Fields,
  name: string,
): Readonly<Record<string, string>> | undefined => {
  const value = fields[name];
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const entries = Object.entries(value);
  return entries.every(([, v]) => typeof v === 'string')
    ? (Object.fromEntries(entries) as Record<string, string>)
    : undefined;
};

/** An answer came instead of a value. */
export const isResponse = (value: unknown): value is Response => value instanceof Response;
