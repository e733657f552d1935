/**
 * A backup: the configuration in one file that only its passphrase opens.
 *
 *   "GHBK"  version u8  memoryKib u32  passes u8  lanes u8  salt 16 B  nonce 12 B  sealed …
 *
 * Numbers are big-endian. `sealed` is JSON under AES-256-GCM with its 16-byte tag; the key is
 * argon2id of the passphrase, and the header in front is authenticated with it.
 */
import { ByteReader } from '../base/bytes.ts';
import type { SystemError } from '../base/errors.ts';
import { type DecodeError, decodeError, err, ok, type Result } from '../base/result.ts';
import type { Argon2Cost, Secrets } from '../os/ports.ts';
import type { Snapshot } from '../tr181/model.ts';

export interface BackupContent {
  /** Version of the software that wrote it. */
  readonly software: string;
  /** Unix ms. */
  readonly atMs: number;
  readonly revision: number;
  readonly snapshot: Snapshot;
}

const MAGIC = 0x4748424b;
const VERSION = 1;
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const KEY_BYTES = 32;
const TAG_BYTES = 16;
const HEADER_BYTES = 4 + 1 + 4 + 1 + 1 + SALT_BYTES + NONCE_BYTES;
export const MAX_BACKUP_BYTES = 8 << 20;

/** The second choice of RFC 9106 §4: a file can be tried for years, away from the box. */
const COST: Argon2Cost = { memoryKib: 65_536, passes: 3, lanes: 4 };
/** A file that comes from anywhere must not cost more than this to try. */
const MAX_COST: Argon2Cost = { memoryKib: 131_072, passes: 8, lanes: 8 };

interface Header {
  readonly cost: Argon2Cost;
  readonly salt: Uint8Array;
  readonly nonce: Uint8Array;
  /** All of it, as it is authenticated. */
  readonly bytes: Uint8Array;
  readonly sealed: Uint8Array;
}

function encodeHeader(cost: Argon2Cost, salt: Uint8Array, nonce: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC);
  view.setUint8(4, VERSION);
  view.setUint32(5, cost.memoryKib);
  view.setUint8(9, cost.passes);
  view.setUint8(10, cost.lanes);
  bytes.set(salt, 11);
  bytes.set(nonce, 11 + SALT_BYTES);
  return bytes;
}

/** What can be said without the passphrase; costs out of bounds are refused here. */
export function decodeHeader(bytes: Uint8Array): Result<Header> {
  if (bytes.byteLength > MAX_BACKUP_BYTES) return decodeError('too large for a backup', 'file', 0);
  const reader = new ByteReader(bytes);
  const magic = reader.u32('magic');
  if (reader.error === undefined && magic !== MAGIC) {
    return decodeError('this is no backup of Gatehouse', 'magic', 0);
  }
  const version = reader.u8('version');
  if (reader.error === undefined && version !== VERSION) {
    const why =
      version > VERSION
        ? 'the backup was made by a newer version of Gatehouse: update this box first'
        : 'an unknown version';
    return decodeError(why, 'version', 4);
  }
  const cost = {
    memoryKib: reader.u32('memoryKib'),
    passes: reader.u8('passes'),
    lanes: reader.u8('lanes'),
  };
  const salt = reader.take(SALT_BYTES, 'salt');
  const nonce = reader.take(NONCE_BYTES, 'nonce');
  const sealed = reader.take(reader.remaining, 'sealed');
  const { error } = reader;
  if (error !== undefined || sealed.byteLength < TAG_BYTES) {
    return decodeError(
      'the backup is cut off',
      error?.field ?? 'sealed',
      error?.offset ?? HEADER_BYTES,
    );
  }
  const { memoryKib, passes, lanes } = cost;
  const fits =
    lanes >= 1 &&
    lanes <= MAX_COST.lanes &&
    passes >= 1 &&
    passes <= MAX_COST.passes &&
    memoryKib >= 8 * lanes &&
    memoryKib <= MAX_COST.memoryKib;
  if (!fits) return decodeError('its key costs more than a backup of ours', 'memoryKib', 5);
  return ok({ cost, salt, nonce, bytes: bytes.subarray(0, HEADER_BYTES), sealed });
}

const keyOf = (
  secrets: Secrets,
  passphrase: string,
  salt: Uint8Array,
  cost: Argon2Cost,
): Promise<Result<Uint8Array, SystemError>> =>
  secrets.argon2id(new TextEncoder().encode(passphrase.normalize('NFC')), salt, cost, KEY_BYTES);

export async function sealBackup(
  secrets: Secrets,
  passphrase: string,
  content: BackupContent,
): Promise<Result<Uint8Array, SystemError>> {
  const salt = secrets.randomBytes(SALT_BYTES);
  const nonce = secrets.randomBytes(NONCE_BYTES);
  const header = encodeHeader(COST, salt, nonce);
  const key = await keyOf(secrets, passphrase, salt, COST);
  if (!key.ok) return key;
  const clear = new TextEncoder().encode(JSON.stringify(content));
  const sealed = secrets.seal(key.value, nonce, header, clear);
  const file = new Uint8Array(header.byteLength + sealed.byteLength);
  file.set(header);
  file.set(sealed, header.byteLength);
  return ok(file);
}

export async function openBackup(
  secrets: Secrets,
  passphrase: string,
  file: Uint8Array,
): Promise<Result<BackupContent, DecodeError | SystemError>> {
  const header = decodeHeader(file);
  if (!header.ok) return header;
  const { cost, salt, nonce, bytes, sealed } = header.value;
  const key = await keyOf(secrets, passphrase, salt, cost);
  if (!key.ok) return err(key.error);
  const clear = secrets.open(key.value, nonce, bytes, sealed);
  if (clear === undefined) {
    return decodeError('wrong passphrase, or the file was changed', 'sealed', HEADER_BYTES);
  }
  return parseContent(new TextDecoder().decode(clear));
}

/** What it holds is checked for its shape here, and for its sense by the model. */
export function parseContent(text: string): Result<BackupContent> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return decodeError('what it holds is not JSON', 'content', 0);
  }
  const bad = (field: string): Result<never> =>
    decodeError(`what it holds has no proper ${field}`, field, 0);
  if (!isObject(value)) return bad('content');
  const { software, atMs, revision, snapshot } = value;
  if (typeof software !== 'string') return bad('software');
  if (typeof atMs !== 'number') return bad('atMs');
  if (typeof revision !== 'number') return bad('revision');
  if (!isObject(snapshot)) return bad('snapshot');
  const { system, rows, values } = snapshot;
  if (!isListOf(system, isSystemRow)) return bad('system');
  if (!isListOf(rows, (row) => typeof row === 'string' && ROW.test(row))) return bad('rows');
  if (!isListOf(values, isChange)) return bad('values');
  return ok({
    software,
    atMs,
    revision,
    snapshot: {
      system: system as Snapshot['system'],
      rows: rows as Snapshot['rows'],
      values: values as Snapshot['values'],
    },
  });
}

const MAX_ITEMS = 50_000;
const NUMBER = '[1-9]\\d{0,8}';
const TABLE = `Device\\.(?:[A-Za-z_]\\w*\\.(?:${NUMBER}\\.)?)+`;
const ROW = new RegExp(`^(?=.{1,256}$)${TABLE}(?<=\\.${NUMBER}\\.)$`);
const OBJECT = new RegExp(`^(?=.{1,256}$)${TABLE}$`);

type Fields = Readonly<Partial<Record<string, unknown>>>;

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isListOf = (value: unknown, fits: (item: unknown) => boolean): boolean =>
  Array.isArray(value) && value.length <= MAX_ITEMS && value.every(fits);

const isChange = (item: unknown): boolean =>
  isObject(item) && typeof item['path'] === 'string' && typeof item['value'] === 'string';

function isSystemRow(item: unknown): boolean {
  if (!isObject(item)) return false;
  const { table, key, instance } = item;
  return (
    typeof table === 'string' &&
    OBJECT.test(table) &&
    typeof key === 'string' &&
    key.length <= 256 &&
    Number.isInteger(instance) &&
    Number(instance) >= 1 &&
    Number(instance) < 1e9
  );
}
