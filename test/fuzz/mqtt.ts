/** Any bytes of a broker: an answer, too few, or a refusal. */
import { readMqttAnswer } from '../../src/wire/mqtt.ts';
import type { FuzzTarget } from './run.ts';

export const target: FuzzTarget = {
  name: 'mqtt',
  run(bytes) {
    const read = readMqttAnswer(bytes);
    if (!read.ok) {
      if (read.error.offset >= bytes.length) throw new RangeError('an offset past the end');
      return;
    }
    if (read.value === undefined && bytes.length >= 4) throw new RangeError('waits for more');
    if (read.value !== undefined && read.value.length !== 4) throw new RangeError('a wrong length');
  },
  seeds: () => [Uint8Array.of(0x20, 2, 0, 0), Uint8Array.of(0x40, 2, 0, 1), Uint8Array.of(0x20, 2)],
};
