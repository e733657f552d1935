/** Searches a link for who answers by ARP, by the native scanner. */
import { setTimeout as pause, setImmediate } from 'node:timers/promises';
import type { SystemError } from '../../base/errors.ts';
import { ipv4, type Mac, macBytes, macOf } from '../../base/ip.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { ArpAnswer, ArpScanAsk, ArpScanDone, ArpScanner } from '../ports-scan.ts';
import type { NativeArpScan, RawArpScan } from './arp-scan-native.ts';
import { frameError } from './errno.ts';

/** One turn of the event loop; others wait so long for a scan that has no rate. */
const TURN_MS = 5;
const TELL_MS = 250;
const ANSWER_WORDS = 3;
const ANSWERS_AT_ONCE = 512;
/** Kinds of an answer, as in native/arp-scan.cc. */
const OTHER = 1 << 16;
const FOREIGN = 2 << 16;

export class LinuxArpScanner implements ArpScanner {
  readonly #native: NativeArpScan;

  constructor(native: NativeArpScan) {
    this.#native = native;
  }

  async scan(ask: ArpScanAsk): Promise<Result<ArpScanDone, SystemError>> {
    const raw = this.#native.createArpScan(
      ask.ifIndex,
      macBytes(ask.mac),
      ask.source,
      Uint32Array.from(ask.ranges.flatMap(({ first, last }) => [first, last])),
      ...([ask.passes, ask.ratePerSec, ask.waitMs] as const),
    );
    if (typeof raw === 'number') return err(failure(raw));
    try {
      return await run(raw, ask);
    } finally {
      raw.release();
    }
  }
}

async function run(
  raw: RawArpScan,
  { signal, onAnswer, onProgress }: ArpScanAsk,
): Promise<Result<ArpScanDone, SystemError>> {
  const words = new Uint32Array(ANSWER_WORDS * ANSWERS_AT_ONCE);
  const figures = new Float64Array(6);
  const answers: ArpAnswer[] = [];
  const take = (): void => {
    for (let n = ANSWERS_AT_ONCE; n === ANSWERS_AT_ONCE; ) {
      n = raw.answers(answers.length, words);
      for (let i = 0; i < n; i++) {
        const answer = answerOf(words.subarray(ANSWER_WORDS * i));
        answers.push(answer);
        onAnswer?.(answer);
      }
    }
  };
  let toldMs = performance.now();
  while (signal?.aborted !== true) {
    const waitMs = raw.work(TURN_MS);
    if (waitMs < 0) return err(failure(waitMs));
    take();
    raw.progress(figures);
    if (figures[3] === 1) break;
    if (performance.now() >= toldMs + TELL_MS) {
      toldMs = performance.now();
      onProgress?.({ sent: figures[0] ?? 0, most: figures[1] ?? 0 });
    }
    if (waitMs === 0) await setImmediate();
    else await pause(waitMs, undefined, signal === undefined ? {} : { signal }).catch(() => {});
  }
  raw.work(0);
  take();
  raw.progress(figures);
  return ok({
    answers,
    ...{ sent: figures[0] ?? 0, stray: figures[4] ?? 0, dropped: figures[5] ?? 0 },
    interrupted: figures[3] !== 1,
  });
}

function answerOf([address = 0, head = 0, tail = 0]: Uint32Array): ArpAnswer {
  const mac: Mac = macOf((head & 0xffff) * 2 ** 32 + tail);
  return {
    ...{ address: ipv4(address), mac },
    second: (head & OTHER) !== 0,
    foreign: (head & FOREIGN) !== 0,
  };
}

const failure = (negative: number): SystemError => frameError('search by ARP', negative);
