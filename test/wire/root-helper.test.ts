import t from 'tap';
import {
  decodeRootAnswer,
  decodeRootRequest,
  encodeRootAnswer,
  encodeRootRequest,
  ROOT_ANSWER_BYTES,
} from '#src/wire/root-helper.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));

t.test('the bytes of root-message.h', async (t) => {
  t.equal(hex(encodeRootRequest({ verb: 'reboot' })), `47485248${'01010100'}${'00'.repeat(64)}`);
  t.equal(
    hex(encodeRootRequest({ verb: 'hostname', name: 'box' })),
    `47485248${'01010303'}626f78${'00'.repeat(61)}`,
  );
  t.same(decodeRootAnswer(bytes('474852480102010000000000')), {
    ok: true,
    value: { verb: 'reboot', outcome: 'done', errno: 0 },
  });
  t.same(decodeRootAnswer(bytes('474852480102030700000001')), {
    ok: true,
    value: { verb: 'hostname', outcome: 'failed', errno: 1 },
  });
});

t.test('what does not fit is refused where it does not', async (t) => {
  const wrong: readonly (readonly [string, string])[] = [
    ['474852490102010000000000', 'magic'],
    ['474852480202010000000000', 'version'],
    ['474852480101010000000000', 'kind'],
    ['4748524801020a0000000000', 'verb'],
    ['474852480102010a00000000', 'outcome'],
    ['474852480102010000000001', 'errno'],
    ['474852480102010700000000', 'errno'],
  ];
  for (const [text, field] of wrong) {
    t.match(decodeRootAnswer(bytes(text)), { ok: false, error: { field } }, field);
  }
  const request = encodeRootRequest({ verb: 'reboot' });
  const changed = (at: number, value: number): Uint8Array => request.with(at, value);
  t.match(decodeRootRequest(changed(6, 0)), { error: { field: 'verb' } });
  t.match(decodeRootRequest(changed(6, 10)), { error: { field: 'verb' } });
  t.match(decodeRootRequest(changed(7, 65)), { error: { field: 'length' } });
  t.match(decodeRootRequest(changed(7, 1)), { error: { field: 'length' } });
  t.match(decodeRootRequest(changed(71, 1)), { error: { field: 'argument' } });
});

t.test('every other length is refused', async (t) => {
  const answer = encodeRootAnswer({ verb: 'reboot', outcome: 'done', errno: 0 });
  for (let n = 0; n < ROOT_ANSWER_BYTES; n++) t.notOk(decodeRootAnswer(answer.subarray(0, n)).ok);
  const request = encodeRootRequest({ verb: 'hostname', name: 'box' });
  for (let n = 0; n < request.length; n++) t.notOk(decodeRootRequest(request.subarray(0, n)).ok);
  t.notOk(decodeRootRequest(new Uint8Array([...request, 0])).ok);
});
