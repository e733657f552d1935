/** Any answer of a collector is a count of refused points; any text is headers that a request may have, or why not. */
import { readOtlpAnswer } from '../../src/wire/otlp.ts';
import { readOtlpHeaders } from '../../src/wire/otlp-headers.ts';
import type { FuzzTarget } from './run.ts';

export const target: FuzzTarget = {
  name: 'otlp',
  run(bytes) {
    const text = new TextDecoder().decode(bytes);
    const { rejected } = readOtlpAnswer(text);
    if (!Number.isSafeInteger(rejected) || rejected < 0) throw new RangeError('no count');
    const headers = readOtlpHeaders(text);
    if (headers.ok) new Headers(headers.value);
    else if (headers.error === '') throw new TypeError('refused without a reason');
  },
  seeds: () =>
    [
      '{"partialSuccess":{"rejectedDataPoints":"4","errorMessage":"old"}}',
      'Authorization=Bearer%20a,x-scope=home',
    ].map((text) => new TextEncoder().encode(text)),
};
