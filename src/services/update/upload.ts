/** A bundle on its way to the box. */
import type { SpoolFile } from '../../os/ports.ts';
import { BUNDLE_HEAD_BYTES, bundleBytes, decodeBundleHead } from '../../wire/bundle.ts';

/** What was received so far, of what was announced. */
export class Upload {
  readonly sizeBytes: number;
  file: SpoolFile | undefined;
  receivedBytes = 0;
  version: string | undefined;
  busy = false;
  #head = new Uint8Array(0);

  constructor(sizeBytes: number) {
    this.sizeBytes = sizeBytes;
  }

  /**
   * Who sends the wrong file hears of it after its first bytes. Whether it is genuine is the slot
   * writer's to say. Gives why it is refused.
   */
  look(bytes: Uint8Array, arch: string | undefined): string | undefined {
    const lacking = BUNDLE_HEAD_BYTES - this.#head.length;
    if (lacking === 0) return undefined;
    this.#head = new Uint8Array([...this.#head, ...bytes.subarray(0, lacking)]);
    if (this.#head.length < BUNDLE_HEAD_BYTES) return undefined;
    const head = decodeBundleHead(this.#head);
    if (!head.ok) return `this is no update bundle of Gatehouse: ${head.error.message}`;
    const { manifest } = head.value;
    if (arch !== undefined && manifest.arch !== arch) {
      return `this update is for ${manifest.arch}, the box is ${arch}`;
    }
    const excess = this.sizeBytes - bundleBytes(manifest);
    if (excess < 0) return `the bundle is cut off: ${-excess} bytes are missing`;
    if (excess > 0) return `${excess} bytes too many behind the bundle`;
    this.version = manifest.version;
    return undefined;
  }
}
