/**
 * The head of an update bundle, `gatehouse-VERSION-ARCH.gup` (native/bundle.h reads the same). It has
 * a fixed length, its last 64 bytes sign all that is before them, and the parts follow it one after
 * the other, in the manifest's order and without gaps, to the end of the file:
 *
 *      0  8 bytes  "GHBUNDLE"
 *      8  u32      format 1
 *     12  u32      length of the manifest
 *     16  manifest, JSON in one way to write it, then zeros
 *   4032  64 bytes, Ed25519 (RFC 8032) over bytes 0 to 4031
 */
import { ByteReader, fromHex, toHex } from '../base/bytes.ts';
import { decodeError, ok, type Result } from '../base/result.ts';

export const BUNDLE_HEAD_BYTES = 4096;
export const BUNDLE_SIGNED_BYTES = 4032;
/** No bundle may be longer, head included. */
export const MAX_BUNDLE_BYTES = 1024 * 1024 * 1024;

const MAGIC = 0x4748_4255_4e44_4c45n; // "GHBUNDLE"
const FORMAT = 1;
const MANIFEST_AT = 16;
const MAX_MANIFEST_BYTES = BUNDLE_SIGNED_BYTES - MANIFEST_AT;
const MAX_SERIAL = 999_999_999_999_999;
const SHA256_BYTES = 32;

const PRODUCT = /^[a-z0-9_-]{1,32}$/;
const VERSION = /^[0-9A-Za-z.+~_-]{1,48}$/;

/** What a bundle brings, in this order. */
export const PART_NAMES = ['kernel', 'initramfs', 'rootfs'] as const;
export type PartName = (typeof PART_NAMES)[number];

export interface BundlePart {
  /** At least 1. */
  readonly sizeBytes: number;
  readonly sha256: Uint8Array;
}

export interface Manifest {
  /** `gatehouse`; lower-case letters, digits, `_` and `-`. */
  readonly product: string;
  /** Such as `arm64`, by the same letters. */
  readonly arch: string;
  /** Letters, digits and `.+~_-`, at most 48. */
  readonly version: string;
  /** Rises with every release; what is older than the last confirmed one is not installed. 1 to 15 digits. */
  readonly serial: number;
  readonly parts: Readonly<Record<PartName, BundlePart>>;
}

export interface BundleHead {
  readonly manifest: Manifest;
  /** Not checked here. */
  readonly signature: Uint8Array;
}

/** Bytes of the whole file. */
export const bundleBytes = ({ parts }: Manifest): number =>
  PART_NAMES.reduce((sum, name) => sum + parts[name].sizeBytes, BUNDLE_HEAD_BYTES);

/** What the signature is made over. */
export function signedBytes(manifest: Manifest): Result<Uint8Array> {
  const checked = checkManifest(manifest);
  if (!checked.ok) return checked;
  const bytes = new Uint8Array(BUNDLE_SIGNED_BYTES);
  const text = manifestText(manifest);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, MAGIC);
  view.setUint32(8, FORMAT);
  view.setUint32(12, text.length);
  // All of it is ASCII, and far shorter than the room for it.
  for (let i = 0; i < text.length; i++) bytes[MANIFEST_AT + i] = text.charCodeAt(i);
  return ok(bytes);
}

export function encodeBundleHead({ manifest, signature }: BundleHead): Result<Uint8Array> {
  const signed = signedBytes(manifest);
  if (!signed.ok) return signed;
  const length = BUNDLE_HEAD_BYTES - BUNDLE_SIGNED_BYTES;
  if (signature.length !== length) {
    return decodeError(`${signature.length} bytes of ${length}`, 'signature', 0);
  }
  return ok(new Uint8Array([...signed.value, ...signature]));
}

export function decodeBundleHead(bytes: Uint8Array): Result<BundleHead> {
  if (bytes.length !== BUNDLE_HEAD_BYTES) {
    return decodeError(`${bytes.length} bytes of ${BUNDLE_HEAD_BYTES}`, 'length', bytes.length);
  }
  const r = new ByteReader(bytes);
  if (r.u64('magic') !== MAGIC) return decodeError('it does not begin as one', 'magic', 0);
  const format = r.u32('format');
  if (format !== FORMAT) return decodeError(`format ${format}`, 'format', 8);
  const length = r.u32('length');
  if (length > MAX_MANIFEST_BYTES) return decodeError(`${length} bytes`, 'length', 12);
  const text = String.fromCharCode(...r.take(length, 'manifest'));
  const rest = r.take(BUNDLE_SIGNED_BYTES - r.offset, 'padding');
  if (rest.some((byte) => byte !== 0)) {
    return decodeError('bytes after the manifest', 'padding', MANIFEST_AT + length);
  }
  const manifest = parseManifest(text);
  if (!manifest.ok) return manifest;
  return ok({ manifest: manifest.value, signature: bytes.slice(BUNDLE_SIGNED_BYTES) });
}

const manifestText = ({ product, arch, version, serial, parts }: Manifest): string =>
  JSON.stringify({
    arch,
    parts: PART_NAMES.map((name) => ({
      name,
      sha256: toHex(parts[name].sha256),
      size: parts[name].sizeBytes,
    })),
    product,
    serial,
    version,
  });

function parseManifest(text: string): Result<Manifest> {
  const wrong = (why: string) => decodeError(why, 'manifest', MANIFEST_AT);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return wrong('the manifest is no JSON');
  }
  if (!isObject(parsed)) return wrong('the manifest is no object');
  const { arch, parts, product, serial, version } = parsed;
  if (
    typeof arch !== 'string' ||
    typeof product !== 'string' ||
    typeof version !== 'string' ||
    typeof serial !== 'number' ||
    !Array.isArray(parts)
  ) {
    return wrong('the manifest lacks a field');
  }
  const [kernel, initramfs, rootfs] = parts.map(parsePart);
  if (kernel === undefined || initramfs === undefined || rootfs === undefined) {
    return wrong('the manifest lacks a part');
  }
  const manifest = { product, arch, version, serial, parts: { kernel, initramfs, rootfs } };
  const checked = checkManifest(manifest);
  if (!checked.ok) return checked;
  // Other orders, spaces, fields and parts too many: none of it leads to these bytes.
  return manifestText(manifest) === text ? ok(manifest) : wrong('the manifest is not canonical');
}

function parsePart(value: unknown): BundlePart | undefined {
  if (!isObject(value)) return undefined;
  const { sha256, size } = value;
  const hash = typeof sha256 === 'string' ? fromHex(sha256) : undefined;
  return hash !== undefined && typeof size === 'number'
    ? { sizeBytes: size, sha256: hash }
    : undefined;
}

function checkManifest(manifest: Manifest): Result<void> {
  const { product, arch, version, serial, parts } = manifest;
  const wrong = (why: string, field: string) => decodeError(why, field, MANIFEST_AT);
  if (!PRODUCT.test(product)) return wrong('no name of a product', 'product');
  if (!PRODUCT.test(arch)) return wrong('no name of an architecture', 'arch');
  if (!VERSION.test(version)) return wrong('no version', 'version');
  if (!Number.isSafeInteger(serial) || serial < 1 || serial > MAX_SERIAL) {
    return wrong('no serial number: 1 to 15 digits', 'serial');
  }
  for (const name of PART_NAMES) {
    const { sizeBytes, sha256 } = parts[name];
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 1) return wrong('no size', name);
    if (sha256.length !== SHA256_BYTES) return wrong('no SHA-256', name);
  }
  if (bundleBytes(manifest) > MAX_BUNDLE_BYTES) {
    return wrong(`more than ${MAX_BUNDLE_BYTES} bytes in all`, 'size');
  }
  return ok(undefined);
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
