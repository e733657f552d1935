import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { type DnsMessage, decodeMessage, encodeMessage } from '../../src/wire/dns.ts';
import {
  compareNames,
  type DnsName,
  decodeName,
  encodeName,
  isWithin,
  labelCount,
  parentOf,
  parseName,
} from '../../src/wire/dns-name.ts';
import { canonicalRdata } from '../../src/wire/dns-rdata.ts';
import { formatRdata, parseRdata } from '../../src/wire/dns-rdata-text.ts';
import { TYPE, TYPES, typeCode, typeDef, typeName } from '../../src/wire/dns-registry.ts';

interface Golden {
  readonly messages: readonly {
    readonly name: string;
    readonly type: string;
    readonly query: string;
    readonly answer: string;
    readonly text: readonly string[];
  }[];
}

const golden: Golden = JSON.parse(
  readFileSync(new URL('../golden/dns.json', import.meta.url), 'utf8'),
);

const bytesOf = (hex: string): Uint8Array => {
  const bytes = fromHex(hex);
  if (bytes === undefined) throw new Error(hex);
  return bytes;
};
const must = <T>(result: { ok: true; value: T } | { ok: false; error: unknown }): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
};
const nameOf = (text: string): DnsName => must(parseName(text));

/** Types that dig shows in words of its own are left out. */
const isShown = (code: number): boolean =>
  typeDef(code)?.fields !== undefined && typeName(code) !== 'CERT';

t.test('what knotd answered, as dig prints it', async (t) => {
  for (const { name, type, answer, text } of golden.messages) {
    const message = must(decodeMessage(bytesOf(answer)));
    const records = [...message.answers, ...message.authorities, ...message.additionals];
    const lines = records
      .filter(({ type }) => isShown(type))
      .map(
        (record) =>
          `${record.name}. ${record.ttl} IN ${typeName(record.type)} ${formatRdata(record.type, record.rdata)}`,
      );
    const known = text.filter((line) => {
      const code = typeCode(line.split(' ')[3] ?? '');
      return code !== undefined && isShown(code);
    });
    t.same(lines.sort(), [...known].sort(), `${name} ${type}`);
    t.equal(message.questions[0]?.type, typeCode(type));
    t.equal(message.edns?.dnssecOk, true);
  }
  t.ok(golden.messages.length > 40);
});

t.test(
  'messages come back byte for byte, since knotd compresses as we do not: value for value',
  async (t) => {
    for (const { query, answer, name } of golden.messages) {
      const asked = must(decodeMessage(bytesOf(query)));
      t.equal(toHex(encodeMessage(asked)), query, `the query for ${name}`);
      const message = must(decodeMessage(bytesOf(answer)));
      const again = must(decodeMessage(encodeMessage(message)));
      t.same(again, message, name);
      t.ok(encodeMessage(message).length <= bytesOf(answer).length + 16, 'names are compressed');
    }
  },
);

t.test('text of RDATA is read as it is written', async (t) => {
  for (const { answer } of golden.messages) {
    for (const { type, rdata } of must(decodeMessage(bytesOf(answer))).answers) {
      const text = formatRdata(type, rdata);
      t.equal(toHex(must(parseRdata(type, text))), toHex(rdata), `${typeName(type)} ${text}`);
    }
  }
});

t.test('every cut of every message is refused with a place', async (t) => {
  let cuts = 0;
  for (const { answer } of golden.messages) {
    const whole = bytesOf(answer);
    for (let length = 0; length < whole.length; length++) {
      const cut = decodeMessage(whole.subarray(0, length));
      if (cut.ok) t.fail(`${answer.slice(0, 20)} cut to ${length}`);
      else if (cut.error.offset > length || cut.error.field === '') t.fail('no place');
      cuts++;
    }
    t.notOk(decodeMessage(Uint8Array.of(...whole, 0)).ok, 'and one more byte');
  }
  t.ok(cuts > 5000);
});

t.test('names: pointers lead back alone, and within limits', async (t) => {
  const refused = (hex: string, start: number, why: RegExp) => {
    const name = decodeName(bytesOf(hex), start, 'name');
    t.match(name.ok ? '' : name.error.message, why, hex);
  };
  refused('c000', 0, /lead back/);
  refused('0161c000', 0, /lead back/);
  refused('c002c000', 0, /lead back/);
  refused('c002c000', 2, /lead back/);
  refused('40', 0, /unknown kind/);
  refused('8000', 0, /unknown kind/);
  refused('05616263', 0, /truncated/);
  refused('c0', 0, /truncated/);
  const long = `${'3f'.padEnd(128, '61')}`.repeat(4);
  refused(`${long}00`, 0, /longer than 255/);
  const chain = Array.from({ length: 130 }, (_, i) =>
    i === 0 ? '00' : (0xc000 | (i === 1 ? 0 : 1 + 2 * (i - 2))).toString(16),
  ).join('');
  refused(chain, 1 + 2 * 128, /too many pointers/);
  const good = must(decodeName(bytesOf('0161000162c000'), 3, 'name'));
  t.same(good, { name: 'b.a', end: 7 });
});

t.test('names as text', async (t) => {
  for (const [text, canonical] of [
    ['example.com.', 'example.com'],
    ['EXAMPLE.com', 'EXAMPLE.com'],
    ['.', ''],
    ['a\\.b.c', 'a\\.b.c'],
    ['a\\046b.c', 'a\\.b.c'],
    ['\\000\\255', '\\000\\255'],
    ['_x._tcp', '_x._tcp'],
    ['*.a', '*.a'],
  ] as const) {
    t.equal(nameOf(text), canonical);
  }
  for (const text of ['', '..', 'a..b', '.a', `${'a'.repeat(64)}.b`, 'a\\', 'a\\999', 'ü.de']) {
    t.notOk(parseName(text).ok, text);
  }
  t.equal(parentOf(nameOf('a\\.b.c.d')), 'c.d');
  t.equal(labelCount(nameOf('a\\.b.c.d')), 3);
  t.ok(isWithin(nameOf('a.b.c'), nameOf('b.c')));
  t.notOk(isWithin(nameOf('ab.c'), nameOf('b.c')));
  t.notOk(isWithin(nameOf('a\\.b.c'), nameOf('b.c')), 'that dot is inside a label');
  // RFC 4034 §6.1.
  const order = ['example', 'a.example', 'yljkjljk.a.example', 'Z.a.example', 'zABC.a.EXAMPLE'];
  const more = ['z.example', '\\001.z.example', '*.z.example', '\\200.z.example'];
  const names = [...order, ...more].map(nameOf);
  t.same([...names].reverse().sort(compareNames), names);
});

const label = fc.uint8Array({ minLength: 1, maxLength: 20 });
const anyName = fc.array(label, { maxLength: 8 }).map((labels) => {
  const wire = Uint8Array.from([...labels.flatMap((bytes) => [bytes.length, ...bytes]), 0]);
  return must(decodeName(wire, 0, 'name')).name;
});

t.test('any name is the same after wire and text', async () => {
  fc.assert(
    fc.property(anyName, (name) => {
      const wire = encodeName(name);
      const back = must(decodeName(wire, 0, 'name'));
      return (
        back.name === name &&
        back.end === wire.length &&
        parseName(name || '.').ok &&
        must(parseName(name || '.')) === name
      );
    }),
    { seed: 7, numRuns: 2000 },
  );
});

const anyRdata = (type: number) =>
  type === TYPE.CNAME || type === TYPE.NS || type === TYPE.PTR
    ? anyName.map(encodeName)
    : type === TYPE.A
      ? fc.uint8Array({ minLength: 4, maxLength: 4 })
      : fc.uint8Array({ maxLength: 40 });
const anyRecord = fc.constantFrom(1, 2, 5, 12, 41000).chain((type) =>
  fc.record({
    name: anyName,
    type: fc.constant(type),
    class: fc.constant(1),
    ttl: fc.integer({ min: 0, max: 0x7fffffff }),
    rdata: anyRdata(type),
  }),
);
const sections = fc.array(anyRecord, { maxLength: 6 });
const anyMessage: fc.Arbitrary<DnsMessage> = fc.record({
  id: fc.nat(0xffff),
  response: fc.boolean(),
  opcode: fc.nat(15),
  authoritative: fc.boolean(),
  truncated: fc.boolean(),
  recursionDesired: fc.boolean(),
  recursionAvailable: fc.boolean(),
  authenticData: fc.boolean(),
  checkingDisabled: fc.boolean(),
  rcode: fc.nat(15),
  questions: fc.array(fc.record({ name: anyName, type: fc.nat(0xffff), class: fc.nat(0xffff) }), {
    maxLength: 2,
  }),
  answers: sections,
  authorities: sections,
  additionals: sections,
  edns: fc.option(
    fc.record({
      udpSize: fc.integer({ min: 512, max: 0xffff }),
      version: fc.nat(255),
      dnssecOk: fc.boolean(),
      options: fc.array(
        fc.record({ code: fc.nat(0xffff), value: fc.uint8Array({ maxLength: 20 }) }),
        { maxLength: 3 },
      ),
    }),
    { nil: undefined },
  ),
});

t.test('any message is the same after the wire', async (t) => {
  fc.assert(
    fc.property(anyMessage, (message) => {
      const back = must(decodeMessage(encodeMessage(message)));
      t.same(back, message);
    }),
    { seed: 11, numRuns: 500 },
  );
});

t.test('OPT: once, in its section, for the root', async (t) => {
  const head = '000081800000';
  const opt = '0000291000000000000000';
  const whole = (counts: string, rest: string) => decodeMessage(bytesOf(head + counts + rest));
  t.ok(whole('000000000001', opt).ok);
  t.notOk(whole('000000000002', opt + opt).ok);
  t.notOk(whole('000100000000', opt).ok);
  t.notOk(whole('000000000001', `0161${opt}`).ok);
  t.notOk(whole('000000000001', '0000291000000000000004000a0001').ok);
  const bad = whole('000000000001', '0000291000010000000000');
  t.equal(bad.ok && bad.value.rcode, 16, 'the upper bits of the response code');
});

t.test('RDATA that is not of its type is refused', async (t) => {
  const record = (type: number, rdata: string) =>
    decodeMessage(
      bytesOf(
        `000081800000000100000000${'00'}${type.toString(16).padStart(4, '0')}000100000000${(
          rdata.length / 2
        )
          .toString(16)
          .padStart(4, '0')}${rdata}`,
      ),
    );
  t.ok(record(1, '01020304').ok);
  for (const [type, rdata] of [
    [1, '010203'],
    [1, '0102030405'],
    [28, '00'],
    [5, '0161'],
    [5, '016100ff'],
    [16, ''],
    [16, '05616263'],
    [15, '0001'],
    [33, '000100010001'],
    [47, '00 0000'],
    [47, '00 0001400001 40'],
    [46, '00010d02'],
    [64, '0001 c000'],
    [65, '0001 00 0003000201bb 0001 0000'],
  ] as const) {
    t.notOk(record(type, rdata.replaceAll(' ', '')).ok, `${typeName(type)} ${rdata}`);
  }
  t.ok(record(65280, '010203').ok, 'of what is not known, everything is taken');
});

t.test('text that is no RDATA is refused', async (t) => {
  for (const [type, text] of [
    ['A', '1.2.3'],
    ['A', ''],
    ['A', '1.2.3.4 5'],
    ['AAAA', '1.2.3.4'],
    ['MX', 'mail'],
    ['MX', '70000 mail'],
    ['TXT', '"open'],
    ['TXT', ''],
    ['SRV', '1 2 3'],
    ['DS', '1 13 2 0g'],
    ['RRSIG', 'NOPE 13 1 1 1 1 1 . AA=='],
    ['SVCB', '1 . alpn=h2 alpn=h3'],
    ['SVCB', '1 . nope=1'],
    ['SVCB', '1 . port=70000'],
    ['TYPE65280', '1'],
    ['TYPE65280', '\\# 3 0102'],
    ['NSEC3', '1 0 0 xx W A'],
  ] as const) {
    t.notOk(parseRdata(typeCode(type) ?? 0, text).ok, `${type} ${text}`);
  }
  t.equal(toHex(must(parseRdata(65280, '\\# 3 01 0203'))), '010203');
  t.equal(toHex(must(parseRdata(1, '\\# 4 01020304'))), '01020304');
  t.notOk(parseRdata(1, '\\# 3 010203').ok);
  t.equal(formatRdata(61, new Uint8Array(0)), '\\# 0', 'an empty key');
  t.equal(must(parseRdata(61, '\\# 0')).length, 0);
});

t.test('canonical RDATA is in lower case where RFC 4034 says so', async (t) => {
  const canonical = (type: string, text: string): string => {
    const code = typeCode(type) ?? 0;
    return formatRdata(code, canonicalRdata(code, must(parseRdata(code, text))));
  };
  t.equal(canonical('MX', '10 MAIL.Example.'), '10 mail.example.');
  t.equal(canonical('SRV', '1 2 3 HOST.'), '1 2 3 host.');
  t.equal(canonical('NSEC', 'NEXT.Example. A'), 'NEXT.Example. A');
  t.equal(canonical('SVCB', '1 HOST.'), '1 HOST.');
  t.equal(canonical('TXT', '"ABC"'), '"ABC"');
});

t.test('the registry has each code and name once', async (t) => {
  t.equal(new Set(TYPES.map(({ code }) => code)).size, TYPES.length);
  t.equal(new Set(TYPES.map(({ name }) => name)).size, TYPES.length);
  for (const [name, code] of Object.entries(TYPE)) t.equal(typeName(code), name);
  t.equal(typeCode('type1'), 1);
  t.equal(typeCode('TYPE65536'), undefined);
  t.equal(typeCode('NOPE'), undefined);
});
