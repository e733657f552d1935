/** The part of MQTT 3.1.1 that tells a broker one thing: CONNECT, PUBLISH at QoS 1, DISCONNECT, and what it answers. */
import { decodeError, ok, type Result } from '../base/result.ts';
import { encodeUtf8, utf8Bound } from './utf8.ts';

/** Of a topic, name or password (1.5.3); what is longer is cut, which no model's limit lets happen. */
const MAX_TEXT_BYTES = 65_535;

function utf8(text: string): Uint8Array {
  const bytes = new Uint8Array(utf8Bound(text));
  return bytes.subarray(0, encodeUtf8(text, bytes, 0));
}

const u16 = (value: number): readonly number[] => [value >> 8, value & 0xff];

const text = (value: string): readonly number[] => {
  const bytes = utf8(value).subarray(0, MAX_TEXT_BYTES);
  return [...u16(bytes.length), ...bytes];
};

function packet(first: number, body: readonly number[]): Uint8Array {
  const length: number[] = [];
  let rest = body.length;
  do {
    length.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest >>>= 7;
  } while (rest > 0);
  return Uint8Array.from([first, ...length, ...body]);
}

export interface MqttLogin {
  readonly clientId: string;
  /** Empty: none. Without it there is no password either (3.1.2.9). */
  readonly username: string;
  readonly password: string;
}

/** A clean session that is kept alive for `keepAliveSec` (3.1). */
export function mqttConnect({ clientId, username, password }: MqttLogin, keepAliveSec: number) {
  const named = username !== '';
  const flags = 0x02 | (named ? 0x80 : 0) | (named && password !== '' ? 0x40 : 0);
  return packet(0x10, [
    ...text('MQTT'),
    ...[4, flags],
    ...u16(keepAliveSec),
    ...text(clientId),
    ...(named ? text(username) : []),
    ...(named && password !== '' ? text(password) : []),
  ]);
}

/** At QoS 1: it is answered by PUBACK with the same `id`, not 0 (3.3). */
export const mqttPublish = (topic: string, id: number, payload: string): Uint8Array =>
  packet(0x32, [...text(topic), ...u16(id), ...utf8(payload)]);

export const MQTT_DISCONNECT: Uint8Array = Uint8Array.of(0xe0, 0);

export type MqttAnswer =
  /** `refused`: 0, or why not (3.2.2.3). */
  | { readonly type: 'connack'; readonly refused: number }
  | { readonly type: 'puback'; readonly id: number };

/** The first answer in the bytes, and how long it is; undefined while it is not whole. */
export function readMqttAnswer(
  bytes: Uint8Array,
): Result<{ readonly answer: MqttAnswer; readonly length: number } | undefined> {
  const [first, length, high = 0, low = 0] = bytes;
  if (first === undefined) return ok(undefined);
  if (first !== 0x20 && first !== 0x40) return decodeError('no CONNACK or PUBACK', 'type', 0);
  if (length === undefined) return ok(undefined);
  if (length !== 2) return decodeError('of a wrong length', 'remaining length', 1);
  if (bytes.length < 4) return ok(undefined);
  if (first === 0x40) {
    return ok({ answer: { type: 'puback', id: (high << 8) | low }, length: 4 });
  }
  if (high > 1) return decodeError('reserved bits are set', 'acknowledge flags', 2);
  return ok({ answer: { type: 'connack', refused: low }, length: 4 });
}

/** Why a broker refuses a connection, for people (3.2.2.3). */
export const mqttRefusal = (code: number): string =>
  [
    'it was taken',
    'the broker does not know this version of MQTT',
    'the broker does not like the client id',
    'the broker cannot serve now',
    'user name or password is wrong',
    'the broker does not let us in',
  ][code] ?? `the broker refuses with code ${code}`;
