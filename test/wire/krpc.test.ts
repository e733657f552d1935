import t from 'tap';
import {
  type BencodeDictionary,
  type BencodeValue,
  decodeBencode,
} from '../../src/wire/bencode.ts';
import { encodeBencode } from '../../src/wire/bencode-writer.ts';
import { encodeKrpc, type KrpcMessage, KrpcReader } from '../../src/wire/krpc.ts';

const bytes = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
const text = (of: Uint8Array): string => Buffer.from(of).toString('latin1');
const fill = (length: number, byte = 7): Uint8Array => new Uint8Array(length).fill(byte);
const reader = new KrpcReader();

const query = (of: (KrpcMessage & { type: 'query' })['query'], readOnly = false): KrpcMessage => ({
  ...{ type: 'query', transaction: bytes('aa'), version: undefined, id: fill(20, 1) },
  ...{ readOnly, query: of },
});

/** Every method with every field that it may have. */
const QUERIES: readonly KrpcMessage[] = [
  query({ method: 'ping' }, true),
  query({ method: 'find_node', target: fill(20), want: ['n4', 'n6'] }),
  query({ method: 'sample_infohashes', target: fill(20), want: ['n6'] }),
  query({
    ...{ method: 'get_peers', infoHash: fill(20), want: ['n4'], scrape: true, noSeed: true },
  }),
  query({
    ...{ method: 'announce_peer', infoHash: fill(20), token: fill(8), implied: false, port: 6881 },
    seed: true,
  }),
  query({
    ...{ method: 'announce_peer', infoHash: fill(20), token: fill(8), implied: true, port: 6881 },
    seed: false,
  }),
  query({
    ...{ method: 'announce_peer', infoHash: fill(20), token: fill(8), implied: true },
    ...{ port: undefined, seed: false },
  }),
  query({ method: 'get', target: fill(20), want: ['n4'], seq: 9007199254740993n }),
  query({ method: 'put', token: fill(8), value: bytes('Hello World!'), signed: undefined }),
  query({
    ...{ method: 'put', token: fill(8), value: new Map([['ih', fill(20)]]) },
    signed: { key: fill(32), signature: fill(64), seq: 4, salt: bytes('foobar'), cas: 3 },
  }),
];

const ANSWERS: readonly KrpcMessage[] = [
  {
    ...{ type: 'response', transaction: bytes('aa'), version: bytes('GH\x00\x01'), id: fill(20) },
    response: {
      ...{ nodes: fill(52), nodes6: fill(38), values: [fill(6), fill(18)], token: fill(8) },
      ...{ bloomSeeds: fill(256), bloomPeers: fill(256), value: 1, key: fill(32) },
      ...{ signature: fill(64), seq: 1, samples: fill(40), num: 2, intervalSec: 21_600 },
    },
    ip: fill(6),
  },
  {
    ...{ type: 'error', transaction: bytes('aa'), version: undefined },
    ...{ code: 201, message: bytes('A Generic Error Ocurred') },
  },
];

t.test('the examples of BEP 5, both ways', async (t) => {
  for (const example of [
    'd1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe',
    'd1:rd2:id20:mnopqrstuvwxyz123456e1:t2:aa1:y1:re',
    'd1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee',
    'd1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q9:find_node1:t2:aa1:y1:qe',
    'd1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:t2:aa1:y1:qe',
    'd1:rd2:id20:abcdefghij01234567895:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee1:t2:aa1:y1:re',
    'd1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz1234564:porti6881e5:token8:aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe',
    'd1:ad2:id20:abcdefghij012345678912:implied_porti1e9:info_hash20:mnopqrstuvwxyz1234564:porti6881e5:token8:aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe',
  ]) {
    const read = reader.read(bytes(example));
    if (!read.ok) return t.fail(`${example}: ${read.error.field} ${read.error.message}`);
    t.equal(text(encodeKrpc(read.value)), example);
  }
});

t.test('every field goes there and back', async (t) => {
  for (const message of [...QUERIES, ...ANSWERS]) {
    const read = reader.read(encodeKrpc(message));
    t.strictSame(read, { ok: true, value: message });
  }
});

t.test('cut anywhere, it is refused and not answered', async (t) => {
  for (const message of [...QUERIES, ...ANSWERS]) {
    const whole = encodeKrpc(message);
    for (let n = 0; n < whole.length; n++) {
      const read = reader.read(whole.subarray(0, n));
      if (read.ok || read.error.transaction !== undefined || read.error.offset > n)
        t.fail(`${text(whole)} cut to ${n}`);
    }
  }
});

const OTHERS: readonly BencodeValue[] = [-1, 1n << 60n, fill(3), fill(300), [], [1], new Map()];
const kind = (value: BencodeValue | undefined): string =>
  typeof value === 'number' || typeof value === 'bigint'
    ? 'integer'
    : value instanceof Uint8Array
      ? 'string'
      : Array.isArray(value)
        ? 'list'
        : 'dictionary';

t.test('every field of every query with the wrong type: 203, to its transaction', async (t) => {
  let tried = 0;
  for (const message of QUERIES) {
    const decoded = decodeBencode(encodeKrpc(message));
    const top = (decoded.ok ? decoded.value : new Map()) as BencodeDictionary;
    const inner = top.get('a') as BencodeDictionary;
    for (const field of inner.keys())
      for (const other of OTHERS) {
        // An item may be of any type; a list of nothing wants nothing.
        if (field === 'v' || kind(other) === kind(inner.get(field))) continue;
        const read = reader.read(
          encodeBencode(new Map([...top, ['a', new Map([...inner, [field, other]])]])),
        );
        t.match(read, { ok: false, error: { code: 203, field, transaction: bytes('aa') } });
        tried++;
      }
    for (const field of ['a', 'q', 'ro', 'v'])
      for (const other of [fill(40), -1, [1]]) {
        if (field === 'q' && kind(other) === 'string') continue;
        const read = reader.read(encodeBencode(new Map([...top, [field, other]])));
        t.match(read, { ok: false, error: { code: 203, field, transaction: bytes('aa') } });
        tried++;
      }
    for (const field of ['t', 'y'])
      for (const other of [-1, [1], fill(40)]) {
        const read = reader.read(encodeBencode(new Map([...top, [field, other]])));
        t.match(read, { ok: false, error: { field, transaction: undefined } });
      }
  }
  t.ok(tried > 150, `${tried} tried`);
});

t.test('lengths and ranges', async (t) => {
  const wrong = (message: KrpcMessage, code: number, field: string): void => {
    t.match(reader.read(encodeKrpc(message)), { ok: false, error: { code, field } });
  };
  for (const length of [0, 19, 21])
    wrong(query({ method: 'find_node', target: fill(length), want: [] }), 203, 'target');
  const announce = {
    ...({ method: 'announce_peer', infoHash: fill(20) } as const),
    ...{ implied: false, seed: false },
  };
  wrong(query({ ...announce, token: fill(8), port: 0 }), 203, 'port');
  wrong(query({ ...announce, token: fill(8), port: 65_536 }), 203, 'port');
  wrong(query({ ...announce, token: fill(0), port: 1 }), 203, 'token');
  const put = { method: 'put', token: fill(8) } as const;
  wrong(query({ ...put, value: fill(997), signed: undefined }), 205, 'v');
  t.ok(reader.read(encodeKrpc(query({ ...put, value: fill(996), signed: undefined }))).ok);
  const signed = { key: fill(32), signature: fill(64), seq: 1, salt: undefined, cas: undefined };
  wrong(query({ ...put, value: 1, signed: { ...signed, salt: fill(65) } }), 207, 'salt');
  wrong(query({ ...put, value: 1, signed: { ...signed, key: fill(31) } }), 203, 'k');
  wrong(query({ ...put, value: 1, signed: { ...signed, signature: fill(63) } }), 203, 'sig');
  wrong(query({ ...put, value: 1, signed: { ...signed, seq: -1 } }), 203, 'seq');
});

t.test('unknown methods are 204; answers are never answered', async (t) => {
  for (const name of ['vote', 'constructor', '__proto__', ''])
    t.match(
      reader.read(encodeBencode({ a: { id: fill(20) }, q: name, t: 'aa', y: 'q' })),
      { ok: false, error: { code: 204, transaction: bytes('aa') } },
      name,
    );
  for (const answer of [
    { r: { id: 1 }, t: 'aa', y: 'r' },
    { r: { id: fill(20), nodes: fill(25) }, t: 'aa', y: 'r' },
    { r: { id: fill(20), values: [fill(7)] }, t: 'aa', y: 'r' },
    { e: 'no', t: 'aa', y: 'e' },
  ])
    t.match(reader.read(encodeBencode(answer)), { ok: false, error: { transaction: undefined } });
  t.match(reader.read(new Uint8Array(4097)), { ok: false, error: { field: 'document' } });
});
