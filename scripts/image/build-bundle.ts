/**
 * Makes the update bundle gatehouse-VERSION-ARCH.gup, and what a box needs to take it.
 *
 *     node scripts/image/build-bundle.ts ARCH VERSION SERIAL KERNEL INITRAMFS ROOTFS OUTPUT
 *
 * SIGN_KEY=FILE is an Ed25519 private key as PEM (`openssl genpkey -algorithm ed25519`); without it
 * one is made in build/ and kept there, for images that only their builder updates.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto';
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import {
  type BundlePart,
  encodeBundleHead,
  type Manifest,
  PART_NAMES,
  type PartName,
  signedBytes,
} from '../../src/wire/bundle.ts';

export interface BundleContent {
  readonly arch: string;
  readonly version: string;
  /** Rises with every release. */
  readonly serial: number;
  /** Their files. */
  readonly parts: Readonly<Record<PartName, string>>;
}

const ED25519_PUBLIC_BYTES = 32;
const DEVELOPMENT_KEY = join(import.meta.dirname, '../../build/update-key.pem');

export function signingKey(path = process.env['SIGN_KEY']): KeyObject {
  if (path !== undefined && path !== '') {
    const given = createPrivateKey(readFileSync(path));
    if (given.asymmetricKeyType === 'ed25519') return given;
    throw new TypeError(`${path} is no Ed25519 key: openssl genpkey -algorithm ed25519`);
  }
  if (!existsSync(DEVELOPMENT_KEY)) {
    const { privateKey } = generateKeyPairSync('ed25519');
    mkdirSync(dirname(DEVELOPMENT_KEY), { recursive: true });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
    writeFileSync(DEVELOPMENT_KEY, pem, { mode: 0o600, flag: 'wx' });
  }
  return createPrivateKey(readFileSync(DEVELOPMENT_KEY));
}

/** The 32 bytes that update.pub of the image holds. */
export const publicKeyBytes = (key: KeyObject): Buffer =>
  createPublicKey(key).export({ type: 'spki', format: 'der' }).subarray(-ED25519_PUBLIC_BYTES);

/** Hashes the parts, then signs what it says of them; the file gets its name when it is whole. */
export async function writeBundle(
  path: string,
  content: BundleContent,
  key: KeyObject,
): Promise<Manifest> {
  const { arch, version, serial } = content;
  const [kernel, initramfs, rootfs] = await Promise.all(
    PART_NAMES.map((name) => described(content.parts[name])),
  );
  if (kernel === undefined || initramfs === undefined || rootfs === undefined) {
    throw new TypeError('three parts make a bundle');
  }
  const parts = { kernel, initramfs, rootfs };
  const manifest: Manifest = { product: 'gatehouse', arch, version, serial, parts };
  const signed = signedBytes(manifest);
  if (!signed.ok) throw new TypeError(`${signed.error.field}: ${signed.error.message}`);
  const head = encodeBundleHead({ manifest, signature: sign(null, signed.value, key) });
  if (!head.ok) throw new TypeError(head.error.message);
  const fresh = `${path}.new`;
  await pipeline(async function* () {
    yield head.value;
    for (const name of PART_NAMES) yield* createReadStream(content.parts[name]);
  }, createWriteStream(fresh));
  renameSync(fresh, path);
  return manifest;
}

async function described(path: string): Promise<BundlePart> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const chunk of createReadStream(path)) {
    hash.update(chunk as Buffer);
    sizeBytes += (chunk as Buffer).length;
  }
  return { sizeBytes, sha256: hash.digest() };
}

if (import.meta.main) {
  const [arch = '', version = '', serial = '', kernel, initramfs, rootfs, output] =
    process.argv.slice(2);
  if (!kernel || !initramfs || !rootfs || !output) {
    process.stderr.write(
      'usage: build-bundle.ts ARCH VERSION SERIAL KERNEL INITRAMFS ROOTFS OUTPUT\n',
    );
    process.exit(2);
  }
  const parts = { kernel, initramfs, rootfs };
  await writeBundle(output, { arch, version, serial: Number(serial), parts }, signingKey());
}
