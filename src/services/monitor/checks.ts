/** Whether a server is well, and how quickly it says so: by TCP, UDP, HTTP and DNS. */
import type { SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { escapeControls } from '../../base/text.ts';
import type { CheckSockets, Endpoint, HttpAnswer } from '../../os/ports-check.ts';
import type { HostNames } from '../../os/ports-path.ts';
import { type DnsMessage, decodeMessage, encodeMessage, queryOf } from '../../wire/dns.ts';
import { type DnsName, sameName } from '../../wire/dns-name.ts';
import { formatRdata } from '../../wire/dns-rdata-text.ts';
import { CLASS_IN, RCODE, rcodeName, typeName } from '../../wire/dns-registry.ts';
import { within } from './path.ts';
import type { Cause, Check } from './types.ts';

interface To {
  /** Address or name. */
  readonly host: string;
  readonly family: 4 | 6 | undefined;
  readonly port: number;
}

export type CheckSpec = To &
  (
    | { readonly kind: 'TCP' }
    | {
        readonly kind: 'UDP';
        readonly payload: Uint8Array;
        /** What the answer must hold; empty for any answer. */
        readonly expected: Uint8Array;
      }
    | {
        readonly kind: 'HTTP';
        readonly secure: boolean;
        /** With its query; starts with a slash. */
        readonly path: string;
        /** Least and greatest that are well. */
        readonly status: readonly [number, number];
        /** What the first 256 KiB of the body must hold; empty for anything. */
        readonly contains: string;
        /** The certificate must be good for at least so long, and be believed; undefined: it is not looked at. */
        readonly certificateDays: number | undefined;
      }
    | {
        readonly kind: 'DNS';
        readonly name: DnsName;
        readonly type: number;
        /** Data that one of the answers must have, or the name of a code such as NXDOMAIN; empty for any answer. */
        readonly expected: string;
      }
  );

/** In ms, each from the end of the one before. */
export interface CheckPhases {
  readonly resolveMs: number;
  readonly connectMs?: number;
  readonly tlsMs?: number;
  readonly firstByteMs?: number;
  readonly answerMs?: number;
}

export interface CheckDone {
  /** What is compared over time: all phases but the name's. */
  readonly rttUs: number;
  readonly phases: CheckPhases;
  readonly endpoint: Endpoint;
  /** What was answered, for people; such as `status 200`. */
  readonly said: string;
  readonly certificateEndsMs: number | undefined;
}

export interface CheckFailure {
  readonly cause: Cause;
  /** For people. */
  readonly detail: string;
}

export interface CheckDeps {
  readonly sockets: CheckSockets;
  readonly names: Pick<HostNames, 'resolve'>;
  readonly clock: { monoMs(): number; wallMs(): number };
  random16(): number;
}

const BODY_BYTES = 256 * 1024;
const DAY_MS = 86_400_000;
const MAX_WORDS = 200;

type Outcome = Result<CheckDone, CheckFailure>;
type Answered = Omit<CheckDone, 'endpoint' | 'phases'> & { phases: Omit<CheckPhases, 'resolveMs'> };

/** Ends soon after `signal` fires, which it does after the time that the check may take. */
export async function runCheck(
  deps: CheckDeps,
  spec: CheckSpec,
  signal: AbortSignal,
): Promise<Outcome> {
  const startMs = deps.clock.monoMs();
  const found = await within(deps.names.resolve(spec.host, spec.family), signal);
  const resolveMs = deps.clock.monoMs() - startMs;
  if (found === undefined) return wrong('Timeout', `${spec.host}: no server told its address`);
  if (!found.ok) return wrong('Unresolved', found.error.message);
  const endpoint = { ...found.value, port: spec.port };
  const asked = await ask(deps, endpoint, spec, signal);
  if (!asked.ok) return asked;
  const { phases, ...rest } = asked.value;
  return ok({ ...rest, endpoint, phases: { resolveMs, ...phases } });
}

/** The same for the engine, which wants the round trip alone. */
export const checkOf = (deps: CheckDeps, spec: CheckSpec): Check => ({
  run: async (signal) => {
    const done = await runCheck(deps, spec, signal);
    return done.ok ? { rttUs: done.value.rttUs } : { rttUs: undefined, ...done.error };
  },
});

/** The other side's words are anybody's, and as long as it likes. */
const plain = (text: string): string => escapeControls(text).slice(0, MAX_WORDS);

const wrong = (cause: Cause, detail: string): Result<never, CheckFailure> =>
  err({ cause, detail: plain(detail) });

const CAUSES: Readonly<Record<string, Cause>> = {
  ETIMEDOUT: 'Timeout',
  ECONNREFUSED: 'Unreachable',
  ECONNRESET: 'WrongAnswer',
  EPROTO: 'WrongAnswer',
  EHOSTUNREACH: 'Unreachable',
  ENETUNREACH: 'Unreachable',
};

const failed = ({ code, message }: SystemError): Result<never, CheckFailure> =>
  wrong(CAUSES[code] ?? 'NotSent', message);

const us = (ms: number): number => Math.max(1, Math.round(ms * 1000));

async function ask(
  { sockets, clock, random16 }: CheckDeps,
  to: Endpoint,
  spec: CheckSpec,
  signal: AbortSignal,
): Promise<Result<Answered, CheckFailure>> {
  const certificateEndsMs = undefined;
  switch (spec.kind) {
    case 'TCP': {
      const done = await sockets.connect(to, signal);
      if (!done.ok) return failed(done.error);
      const phases = { connectMs: done.value };
      return ok({ rttUs: us(done.value), phases, said: 'connected', certificateEndsMs });
    }
    case 'UDP': {
      const { payload, expected } = spec;
      const done = await sockets.exchange(to, payload, () => true, signal);
      if (!done.ok) return failed(done.error);
      const { ms, bytes } = done.value;
      if (!holds(bytes, expected)) return wrong('WrongAnswer', 'the answer is not as expected');
      const said = `${bytes.length} bytes`;
      return ok({ rttUs: us(ms), phases: { answerMs: ms }, said, certificateEndsMs });
    }
    case 'HTTP': {
      const { secure, path, contains, host, port } = spec;
      const named = host.includes(':') ? `[${host}]` : host;
      const usual = port === (secure ? 443 : 80);
      const wanted = {
        ...{ secure, path, host: usual ? named : `${named}:${port}` },
        bodyBytes: contains === '' ? 0 : BODY_BYTES,
      };
      const done = await sockets.get(to, wanted, signal);
      return done.ok ? readHttp(spec, done.value, clock.wallMs()) : failed(done.error);
    }
    case 'DNS': {
      const { name, type } = spec;
      const id = random16();
      const query = encodeMessage(queryOf(id, { name, type, class: CLASS_IN }, undefined));
      let message: DnsMessage | undefined;
      const accept = (bytes: Uint8Array): boolean => {
        const decoded = decodeMessage(bytes);
        if (!decoded.ok) return false;
        const [question] = decoded.value.questions;
        if (decoded.value.id !== id || !decoded.value.response) return false;
        if (question === undefined || question.type !== type) return false;
        if (!sameName(question.name, name)) return false;
        message = decoded.value;
        return true;
      };
      const done = await sockets.exchange(to, query, accept, signal);
      if (!done.ok) return failed(done.error);
      return message === undefined
        ? wrong('WrongAnswer', 'that was no answer')
        : readDns(spec, message, done.value.ms);
    }
  }
}

function readHttp(
  spec: Extract<CheckSpec, { kind: 'HTTP' }>,
  answer: HttpAnswer,
  nowMs: number,
): Result<Answered, CheckFailure> {
  const { status, connectMs, tlsMs, firstByteMs, certificateEndsMs, distrust } = answer;
  const [least, greatest] = spec.status;
  const days = spec.certificateDays;
  if (spec.secure && days !== undefined) {
    if (distrust !== undefined) return wrong('WrongAnswer', `its certificate: ${distrust}`);
    const left = ((certificateEndsMs ?? nowMs) - nowMs) / DAY_MS;
    if (left < days) {
      return wrong('WrongAnswer', `its certificate ends in ${Math.floor(left)} days`);
    }
  }
  if (status < least || status > greatest) return wrong('WrongAnswer', `status ${status}`);
  const body = new TextDecoder().decode(answer.body);
  if (!body.includes(spec.contains)) {
    return wrong('WrongAnswer', `status ${status}, but its text is not as expected`);
  }
  return ok({
    rttUs: us(connectMs + (tlsMs ?? 0) + firstByteMs),
    phases: { connectMs, ...(tlsMs === undefined ? {} : { tlsMs }), firstByteMs },
    ...{ said: `status ${status}`, certificateEndsMs },
  });
}

function readDns(
  { expected, type }: Extract<CheckSpec, { kind: 'DNS' }>,
  { rcode, answers }: DnsMessage,
  ms: number,
): Result<Answered, CheckFailure> {
  const data = answers
    .filter((record) => record.type === type)
    .map(({ rdata }) => formatRdata(type, rdata));
  const said = `${rcodeName(rcode)}${data.length === 0 ? '' : `: ${data.join(', ')}`}`;
  const well = ok({
    ...{ rttUs: us(ms), phases: { answerMs: ms }, said: plain(said) },
    certificateEndsMs: undefined,
  });
  if (expected !== '') {
    const lower = expected.toLowerCase();
    const fits =
      rcodeName(rcode).toLowerCase() === lower ||
      data.some((text) => text.toLowerCase().replace(/\.$/, '') === lower.replace(/\.$/, ''));
    return fits ? well : wrong('WrongAnswer', said);
  }
  if (rcode !== RCODE.NOERROR) return wrong('WrongAnswer', said);
  return data.length > 0 ? well : wrong('WrongAnswer', `${said}, without ${typeName(type)}`);
}

/** Whether `bytes` hold `part` somewhere. */
function holds(bytes: Uint8Array, part: Uint8Array): boolean {
  for (let at = 0; at + part.length <= bytes.length; at++) {
    if (part.every((byte, i) => bytes[at + i] === byte)) return true;
  }
  return false;
}
