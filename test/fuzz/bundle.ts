import { BugError } from '../../src/base/errors.ts';
import {
  BUNDLE_HEAD_BYTES,
  bundleBytes,
  decodeBundleHead,
  encodeBundleHead,
  MAX_BUNDLE_BYTES,
  type Manifest,
} from '../../src/wire/bundle.ts';
import { decodeUpdateStatus } from '../../src/wire/update-status.ts';

const manifest = (version: string, serial: number, sizeBytes: number): Manifest => {
  const part = (fill: number) => ({ sizeBytes, sha256: new Uint8Array(32).fill(fill) });
  const parts = { kernel: part(1), initramfs: part(0xab), rootfs: part(255) };
  return { product: 'gatehouse', arch: 'x86_64', version, serial, parts };
};

const head = (of: Manifest): Uint8Array => {
  const encoded = encodeBundleHead({ manifest: of, signature: new Uint8Array(64).fill(9) });
  if (!encoded.ok) throw new BugError(encoded.error.message);
  return encoded.value;
};

/** There is one way to write each head; the status is free in its form, and must not throw. */
export const target = {
  name: 'bundle',
  run(bytes: Uint8Array): void {
    decodeUpdateStatus(Buffer.from(bytes).toString('latin1'));
    // Mutations seldom keep the length, and what is checked behind it is to be reached.
    const whole = new Uint8Array(BUNDLE_HEAD_BYTES);
    whole.set(bytes.subarray(0, BUNDLE_HEAD_BYTES));
    for (const input of [bytes, whole]) {
      const decoded = decodeBundleHead(input);
      if (!decoded.ok) continue;
      const again = encodeBundleHead(decoded.value);
      if (!again.ok || Buffer.compare(again.value, input) !== 0) throw new BugError('head');
      if (bundleBytes(decoded.value.manifest) > MAX_BUNDLE_BYTES) throw new BugError('size');
    }
  },
  seeds: (): Uint8Array[] => [
    head(manifest('1.0', 1, 1)),
    head(manifest('2.13.7+g0123abc', 999_999_999_999_999, 99_999_999)),
    head(manifest('x'.repeat(48), 20260101, 12345)).subarray(0, 800),
    Buffer.from(
      '{"arch":"arm64","fault":"","leastSerial":3,"left":2,"order":"b a","percent":7,"phase":"writing","running":"b","slots":{"a":null,"b":{"serial":3,"version":"1.0"}}}\n',
    ),
  ],
};
