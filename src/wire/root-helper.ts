/**
 * What the root helper is asked and what it answers (native/root-message.h draws both): messages of
 * fixed length with one of a few verbs. A request is sent in one piece.
 */
import { ByteReader } from '../base/bytes.ts';
import { decodeError, ok, type Result } from '../base/result.ts';
import { isHostLabel } from '../base/text.ts';

/** What it has done by the slot writer (native/slot-writer.c), where the box has slots. */
export type SlotVerb = 'install' | 'activate' | 'confirm' | 'rollback' | 'factory-reset' | 'status';

export type RootRequest =
  | { readonly verb: 'reboot' | 'poweroff' | SlotVerb }
  /** One label of a host name (RFC 1123 §2.1). */
  | { readonly verb: 'hostname'; readonly name: string };

/** What came of a request; all but `done` and `failed` are refusals. */
export type RootOutcome = (typeof OUTCOMES)[number];

export interface RootAnswer {
  /** Undefined when the request was not understood. */
  readonly verb: RootRequest['verb'] | undefined;
  readonly outcome: RootOutcome;
  /** The errno of `failed`, else 0. */
  readonly errno: number;
}

export const ROOT_REQUEST_BYTES = 72;
export const ROOT_ANSWER_BYTES = 12;
const ARGUMENT_AT = 8;
const ARGUMENT_BYTES = 64;

const MAGIC = 0x47485248; // "GHRH"
const VERSION = 1;
const KIND_REQUEST = 1;
const KIND_ANSWER = 2;

/** By their numbers. */
const VERBS = [
  undefined,
  'reboot',
  'poweroff',
  'hostname',
  'install',
  'activate',
  'confirm',
  'rollback',
  'factory-reset',
  'status',
] as const;
const OUTCOMES = [
  'done',
  'malformed',
  'unknownVerb',
  'badArgument',
  'stranger',
  'tooMany',
  'goingDown',
  'failed',
  'busy',
  'absent',
] as const;

export function encodeRootRequest(request: RootRequest): Uint8Array {
  const bytes = new Uint8Array(ROOT_REQUEST_BYTES);
  const argument = request.verb === 'hostname' ? request.name : '';
  putHead(bytes, KIND_REQUEST, VERBS.indexOf(request.verb), argument.length);
  // A label is ASCII.
  for (let i = 0; i < argument.length; i++) bytes[ARGUMENT_AT + i] = argument.charCodeAt(i);
  return bytes;
}

export function decodeRootRequest(bytes: Uint8Array): Result<RootRequest> {
  const head = decodeHead(bytes, KIND_REQUEST, ROOT_REQUEST_BYTES);
  if (!head.ok) return head;
  const length = head.value.last;
  if (length > ARGUMENT_BYTES) return decodeError(`${length} bytes`, 'length', 7);
  const argument = bytes.subarray(ARGUMENT_AT, ARGUMENT_AT + length);
  const rest = bytes.subarray(ARGUMENT_AT + length);
  if (rest.some((byte) => byte !== 0)) {
    return decodeError('bytes after the argument', 'argument', ARGUMENT_AT + length);
  }
  const verb = VERBS[head.value.verb];
  if (verb === undefined) return decodeError(`verb ${head.value.verb}`, 'verb', 6);
  if (verb === 'hostname') {
    const name = String.fromCharCode(...argument);
    return isHostLabel(name)
      ? ok({ verb, name })
      : decodeError('no host name', 'argument', ARGUMENT_AT);
  }
  return length === 0 ? ok({ verb }) : decodeError('it takes no argument', 'length', 7);
}

export function encodeRootAnswer({ verb, outcome, errno }: RootAnswer): Uint8Array {
  const bytes = new Uint8Array(ROOT_ANSWER_BYTES);
  putHead(bytes, KIND_ANSWER, VERBS.indexOf(verb), OUTCOMES.indexOf(outcome)).setUint32(8, errno);
  return bytes;
}

export function decodeRootAnswer(bytes: Uint8Array): Result<RootAnswer> {
  const head = decodeHead(bytes, KIND_ANSWER, ROOT_ANSWER_BYTES);
  if (!head.ok) return head;
  const { verb, last } = head.value;
  if (verb >= VERBS.length) return decodeError(`verb ${verb}`, 'verb', 6);
  const outcome = OUTCOMES[last];
  if (outcome === undefined) return decodeError(`outcome ${last}`, 'outcome', 7);
  const errno = new DataView(bytes.buffer, bytes.byteOffset).getUint32(8);
  return (errno === 0) === (outcome !== 'failed')
    ? ok({ verb: VERBS[verb], outcome, errno })
    : decodeError(`errno ${errno} of ${outcome}`, 'errno', 8);
}

function putHead(bytes: Uint8Array, kind: number, verb: number, last: number): DataView {
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC);
  view.setUint8(4, VERSION);
  view.setUint8(5, kind);
  view.setUint8(6, verb);
  view.setUint8(7, last);
  return view;
}

/** The eight bytes that both begin with. */
function decodeHead(
  bytes: Uint8Array,
  kind: number,
  length: number,
): Result<{ readonly verb: number; readonly last: number }> {
  if (bytes.length !== length) {
    return decodeError(`${bytes.length} bytes of ${length}`, 'length', bytes.length);
  }
  const r = new ByteReader(bytes);
  if (r.u32('magic') !== MAGIC) return decodeError('no message of the root helper', 'magic', 0);
  const version = r.u8('version');
  if (version !== VERSION) return decodeError(`version ${version}`, 'version', 4);
  const got = r.u8('kind');
  if (got !== kind) return decodeError(`kind ${got}`, 'kind', 5);
  return ok({ verb: r.u8('verb'), last: r.u8('last') });
}
