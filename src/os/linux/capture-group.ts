/** Several live engines, to which the kernel shares out the packets by flow, as if they were one. */
import { constants as os } from 'node:os';
import { FIGURE, type NativeCapture, type RawCapture } from './capture-native.ts';
import { type CaptureLimits, createRaw } from './capture-raw.ts';

export class CaptureGroup
  implements
    Pick<
      RawCapture,
      'start' | 'stop' | 'live' | 'report' | 'torrents' | 'files' | 'dump' | 'linesEnd'
    >
{
  readonly #native: NativeCapture;
  readonly #limits: CaptureLimits;
  readonly #all: readonly RawCapture[];

  constructor(native: NativeCapture, limits: CaptureLimits, all: readonly RawCapture[]) {
    this.#native = native;
    this.#limits = limits;
    this.#all = all;
  }

  start(): number {
    for (const raw of this.#all) {
      const started = raw.start();
      if (started !== 0) return started;
    }
    return 0;
  }

  async stop(): Promise<number> {
    const stopped = await Promise.all(this.#all.map((raw) => raw.stop()));
    return stopped.find((n) => n !== 0) ?? 0;
  }

  live(into: Float64Array): number {
    const figures = new Float64Array(into.length);
    into.fill(0);
    for (const raw of this.#all) {
      const n = raw.live(figures);
      if (n !== 0) return n;
      for (const [i, figure] of figures.entries()) {
        if (i === FIGURE.ended || i === FIGURE.interfaceDropped) into[i] = into[i] || figure;
        else into[i] = (into[i] ?? 0) + figure;
      }
    }
    return 0;
  }

  report(
    endpoints: number,
    conversations: number,
    flows: number,
    names: number,
  ): Uint8Array | number {
    return this.#sum((sum) => sum.report(endpoints, conversations, flows, names));
  }

  torrents(): Uint8Array | number {
    return this.#sum((sum) => sum.torrents());
  }

  #sum(use: (sum: RawCapture) => Uint8Array | number): Uint8Array | number {
    const sum = createRaw(this.#native, this.#limits, this.#all.length);
    try {
      for (const raw of this.#all) {
        const n = sum.absorb(raw);
        if (n !== 0) return n;
      }
      return use(sum);
    } finally {
      sum.release();
    }
  }

  files(): string[] {
    return [];
  }

  dump(): number {
    return -os.errno.EINVAL;
  }

  linesEnd(): number {
    return 0;
  }
}
