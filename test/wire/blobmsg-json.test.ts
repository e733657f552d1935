import t from 'tap';
import { fromHex } from '../../src/base/bytes.ts';
import {
  array,
  type BlobmsgValue,
  bool,
  field,
  int32,
  string,
  table,
} from '../../src/wire/blobmsg.ts';
import { formatJson, fromPlain, parseJson, tableToPlain } from '../../src/wire/blobmsg-json.ts';
import { decodeMessage, UBUS_ATTR } from '../../src/wire/ubus.ts';
import { goldenScenarios } from '../edge/ubus/golden.ts';

const int64 = (value: bigint): BlobmsgValue => ({ type: 'int64', value });
const double = (value: number): BlobmsgValue => ({ type: 'double', value });

t.test('types by the rules of json-c', (t) => {
  const one = (json: string) => {
    const parsed = parseJson(`{"v":${json}}`);
    return parsed.ok ? parsed.value[0]?.value : parsed.error.message;
  };
  t.same(one('2147483647'), int32(2_147_483_647));
  t.same(one('-2147483648'), int32(-2_147_483_648));
  t.same(one('2147483648'), int64(2_147_483_648n));
  t.same(one('9007199254740993'), int64(9_007_199_254_740_993n));
  t.same(one('99999999999999999999'), int64(2n ** 63n - 1n), 'saturates');
  t.same(one(`-${'9'.repeat(100)}`), int64(-(2n ** 63n)), 'saturates');
  t.same(one('1.0'), double(1), 'a fraction makes a DOUBLE, whatever its value');
  t.same(one('1e2'), double(100));
  t.same(one('true'), bool(true));
  t.same(one('null'), { type: 'unspec' });
  t.same(one('"a\\u0041\\n\\ud83d\\ude80"'), string('aA\n🚀'));
  t.same(one('"a\\u0000b"'), string('a'), 'a C string ends at its NUL');
  t.same(one('[1,[],{}]'), array([int32(1), array([]), table([])]));
  t.same(one(' [ 1 , 2 ] '), array([int32(1), int32(2)]));
  t.end();
});

t.test('keys keep their order, the last of equal ones its value', (t) => {
  const parsed = parseJson('{"10":1,"2":2,"10":3,"__proto__":4}');
  t.same(parsed, {
    ok: true,
    value: [field('10', int32(3)), field('2', int32(2)), field('__proto__', int32(4))],
  });
  if (parsed.ok) t.equal(Object.getPrototypeOf(tableToPlain(parsed.value)), null);
  t.end();
});

t.test('what is no JSON object is refused with its offset', (t) => {
  for (const [json, offset] of [
    ['', 0],
    ['[]', 0],
    ['{', 1],
    ['{"a"}', 4],
    ['{"a":}', 5],
    ['{"a":1,}', 7],
    ['{"a":01}', 6],
    ['{"a":"\t"}', 5],
    ['{"a":"\\x"}', 5],
    ['{"a":1} x', 8],
    ['{"a":tru}', 5],
    [`{"a":${'['.repeat(40)}`, 37],
  ] as const) {
    const parsed = parseJson(json);
    t.match(parsed, { ok: false, error: { field: 'json', offset } }, json);
  }
  t.end();
});

t.test('doubles have six decimals, ties go to the even digit as in C', (t) => {
  const of = (value: number) => formatJson([field('v', double(value))]).slice(5, -1);
  t.equal(of(1.5), '1.500000');
  t.equal(of(0.007_812_5), '0.007812');
  t.equal(of(0.023_437_5), '0.023438');
  t.equal(of(-0.007_812_5), '-0.007812');
  t.equal(of(-0.023_437_5), '-0.023438');
  t.equal(of(1e22), '10000000000000000000000.000000');
  t.equal(of(Number.NaN), 'null');
  t.equal(of(Number.POSITIVE_INFINITY), 'null');
  t.end();
});

t.test('text that is no UTF-8, control characters and empty names give valid JSON', (t) => {
  const json = formatJson([
    field('', string('\udc80\u0001\u001f"\\/é')),
    field('a', string('x\0y')),
  ]);
  t.equal(json, '{"":"\ufffd\\u0001\\u001f\\"\\\\/é","a":"x"}');
  t.same(JSON.parse(json), { '': '\ufffd\u0001\u001f"\\/é', a: 'x' });
  t.end();
});

t.test('plain values', (t) => {
  t.same(
    fromPlain({ a: 1, b: 1.5, c: 2 ** 40, d: [true, null], e: undefined, f: 5n, g: 2n ** 62n }),
    table([
      field('a', int32(1)),
      field('b', double(1.5)),
      field('c', int64(2n ** 40n)),
      field('d', array([bool(true), { type: 'unspec' }])),
      field('f', int32(5)),
      field('g', int64(2n ** 62n)),
    ]),
  );
  t.same(
    {
      ...tableToPlain([field('a', int64(5n)), field('a', int32(6)), field('b', int64(2n ** 62n))]),
    },
    { a: 5, b: 2n ** 62n },
  );
  t.end();
});

t.test('prints recorded answers as the ubus tool did', (t) => {
  const scenarios = goldenScenarios();
  let compared = 0;
  for (const name of ['call_echo_nested', 'call_all_types', 'call_no_args', 'call_fd']) {
    const scenario = scenarios?.find((s) => s.name === name);
    if (scenario === undefined) continue;
    const frames = scenario.frames.filter((f) => f.hex !== undefined);
    const answer = frames
      .filter((f) => f.direction === 'ubusd->client')
      .map((f) => decodeMessage(fromHex(f.hex ?? '') ?? new Uint8Array()))
      .findLast((m) => m.ok && m.value.type === 2);
    if (!answer?.ok) continue;
    const data = answer.value.attributes.find(({ id }) => id === UBUS_ATTR.data);
    if (data?.kind !== 'table') continue;
    compared++;
    // The tool leaves an empty name out, which is no JSON.
    const ours = `${formatJson(data.value, true)}\n`.replace('"": ', '');
    t.equal(ours, scenario.cli?.stdout);
  }
  t.comment(scenarios === undefined ? 'skipped 4 recordings' : `compared ${compared} recordings`);
  t.equal(compared, scenarios === undefined ? 0 : 4);
  t.end();
});
