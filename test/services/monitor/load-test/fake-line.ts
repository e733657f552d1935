/** A line in the time of a clock that stands: so much a second, and round trips that grow while it is loaded. */
import { SystemError } from '#src/base/errors.ts';
import { parseIpv4 } from '#src/base/ip.ts';
import { err, ok, type Result } from '#src/base/result.ts';
import type { LoadTransfers } from '#src/os/ports-load.ts';
import type { PathSockets } from '#src/os/ports-path.ts';
import type { RunDeps } from '#src/services/monitor/load-test/run.ts';
import { FakeClock } from '../../../lib/clock.ts';

const STEP_MS = 10;
const PIECE = 10_000;

export class FakeLine implements RunDeps {
  readonly clock = new FakeClock({ wallMs: Date.UTC(2026, 10, 29, 12) });
  idleMs = 10;
  loadedMs = 100;
  /** Of the nth request; the line loses it. */
  loses: (n: number) => boolean = () => false;
  bitsPerSec = 80_000_000;
  /** Nothing comes at all. */
  stalled = false;
  fails: string | undefined;
  loaded = false;
  /** Of what was granted, and never leaves. */
  waits = 0;
  /** What was moved by all. */
  bytes = 0;
  opened = 0;
  #sent = 0;

  readonly names = {
    resolve: async (host: string) => {
      const literal = parseIpv4(host);
      return literal.ok
        ? ok({ address: literal.value, scope: 0 })
        : err(new SystemError(`${host}: no such host`, 'ENOTFOUND'));
    },
  };

  readonly sockets: PathSockets = {
    open: ({ address }, heard) => {
      this.opened += 1;
      return ok({
        ...{ raw: true, localMtu: undefined },
        send: (sequence) => {
          const sentMs = this.clock.monoMs();
          const rttMs = this.loaded ? this.loadedMs : this.idleMs;
          if (!this.loses(this.#sent++)) {
            this.clock.after(rttMs, () =>
              heard({
                ...{ sequence, atMs: this.clock.monoMs(), from: address, kind: 'answer' },
                ...{ type: 0, code: 0, mtu: 0, hopLimit: 64 },
              }),
            );
          }
          return ok(sentMs);
        },
        [Symbol.dispose]: () => {
          this.opened -= 1;
        },
      });
    },
  };

  readonly transfers: LoadTransfers = {
    pieceBytes: PIECE,
    download: (_, came, signal) => this.#move((bytes) => came(bytes), signal),
    upload: (_, grant, signal, begun) => {
      begun(async () => this.waits);
      return this.#move((bytes) => void grant(bytes), signal);
    },
  };

  /** Time goes on until `work` is done; a bound, in ms of this clock. */
  async until<T>(work: Promise<T>, mostMs = 200_000): Promise<T> {
    let over = false;
    const done = work.finally(() => {
      over = true;
    });
    for (let ms = 0; !over && ms < mostMs; ms += STEP_MS) {
      this.clock.advance(STEP_MS);
      // Whoever waited for something of it gets its turn.
      for (let i = 0; i < 20; i++) await Promise.resolve();
      await new Promise((resolve) => setImmediate(resolve));
    }
    return done;
  }

  #move(piece: (bytes: number) => void, signal: AbortSignal): Promise<Result<void, SystemError>> {
    if (this.fails !== undefined) {
      return Promise.resolve(err(new SystemError(this.fails, 'EPROTO')));
    }
    return new Promise((resolve) => {
      const beganMs = this.clock.monoMs();
      const step = (): void => {
        timer = this.clock.after(STEP_MS, step);
        if (this.stalled) return;
        this.loaded = true;
        // Half as fast in the first second.
        const ramp = this.clock.monoMs() - beganMs <= 1000 ? 0.5 : 1;
        let bytes = (this.bitsPerSec / 8000) * STEP_MS * ramp;
        for (; bytes > 0 && !signal.aborted; bytes -= PIECE) {
          this.bytes += Math.min(PIECE, bytes);
          piece(Math.min(PIECE, bytes));
        }
      };
      let timer = this.clock.after(STEP_MS, step);
      const end = (): void => {
        timer.cancel();
        this.loaded = false;
        resolve(ok(undefined));
      };
      if (signal.aborted) end();
      else signal.addEventListener('abort', end, { once: true });
    });
  }
}
