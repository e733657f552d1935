import { BugError } from '../../src/base/errors.ts';
import {
  decodeRootAnswer,
  decodeRootRequest,
  encodeRootAnswer,
  encodeRootRequest,
} from '../../src/wire/root-helper.ts';

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** There is one way to write each message. */
export const target = {
  name: 'root-helper',
  run(bytes: Uint8Array): void {
    const request = decodeRootRequest(bytes);
    if (request.ok && !same(encodeRootRequest(request.value), bytes)) throw new BugError('request');
    const answer = decodeRootAnswer(bytes);
    if (answer.ok && !same(encodeRootAnswer(answer.value), bytes)) throw new BugError('answer');
  },
  seeds: (): Uint8Array[] => [
    encodeRootRequest({ verb: 'reboot' }),
    encodeRootRequest({ verb: 'poweroff' }),
    encodeRootRequest({ verb: 'status' }),
    encodeRootRequest({ verb: 'hostname', name: 'gatehouse' }),
    encodeRootRequest({ verb: 'hostname', name: 'x'.repeat(63) }),
    encodeRootAnswer({ verb: 'reboot', outcome: 'done', errno: 0 }),
    encodeRootAnswer({ verb: undefined, outcome: 'malformed', errno: 0 }),
    encodeRootAnswer({ verb: 'hostname', outcome: 'failed', errno: 1 }),
  ],
};
