import fc from 'fast-check';
import t from 'tap';
import { fromHex, toHex } from '#src/base/bytes.ts';
import {
  decodeLeaseAck,
  decodeLeaseMessage,
  encodeLeaseAck,
  encodeLeaseMessage,
  LEASE_HEADER_BYTES,
  type LeaseMessage,
  leaseFrameBytes,
} from '#src/wire/lease.ts';

// What build/native/lease-plugin left in the spool for
//   env -i interface=wan0 ip=192.0.2.7 hostname=$'a\nb' RUN_DIR/hook/dhcp4.1 bound
const CAPTURED =
  '47484c4d01010000000000610000533c18e9c9e9bbbbef43000002a6a2ad5f440007646863' +
  '70342e310005626f756e6400030009696e74657266616365000477616e300002697000093139322e30' +
  '2e322e370008686f73746e616d650003610a62';

const captured = (): Uint8Array => {
  const bytes = fromHex(CAPTURED);
  if (bytes === undefined) throw new Error('not hex');
  return bytes;
};

const text = (max: number) =>
  fc
    .uint8Array({ maxLength: max })
    .map((bytes) => [...bytes].map((b) => String.fromCharCode(b)).join(''));
const micros = (max: number) => fc.nat({ max }).map((us) => us / 1000);

const message: fc.Arbitrary<LeaseMessage> = fc.record({
  clientId: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
  event: fc.stringMatching(/^[a-z][a-z0-9_-]{0,31}$/),
  clientPid: fc.nat({ max: 2 ** 32 - 1 }),
  wallMs: micros(2 ** 51),
  boottimeMs: micros(2 ** 51),
  truncated: fc.boolean(),
  env: fc.array(fc.tuple(text(20), text(200)), { maxLength: 20 }).map((p) => new Map(p)),
});

t.test('a frame as the plugin makes it', async (t) => {
  const bytes = captured();
  t.same(leaseFrameBytes(bytes.subarray(0, LEASE_HEADER_BYTES)), { ok: true, value: bytes.length });
  const decoded = decodeLeaseMessage(bytes);
  t.ok(decoded.ok);
  if (!decoded.ok) return;
  const { value } = decoded;
  t.equal(value.clientId, 'dhcp4.1');
  t.equal(value.event, 'bound');
  t.equal(value.clientPid, 0x533c);
  t.equal(value.wallMs, Number(0x18e9c9e9bbbbef43n / 1000n) / 1000);
  t.equal(value.boottimeMs, Number(0x2a6a2ad5f44n / 1000n) / 1000);
  t.same(
    [...value.env],
    [
      ['interface', 'wan0'],
      ['ip', '192.0.2.7'],
      ['hostname', 'a\nb'],
    ],
  );
});

t.test('encode and decode are inverse', async (t) => {
  fc.assert(
    fc.property(message, (m) => {
      const bytes = encodeLeaseMessage(m);
      const decoded = decodeLeaseMessage(bytes);
      if (!decoded.ok) throw new Error(decoded.error.message);
      if (toHex(encodeLeaseMessage(decoded.value)) !== toHex(bytes))
        throw new Error('bytes differ');
      const { env, ...rest } = decoded.value;
      const { env: wanted, ...others } = m;
      if (JSON.stringify([rest, [...env]]) !== JSON.stringify([order(others), [...wanted]])) {
        throw new Error('values differ');
      }
    }),
    { seed: 20_251 },
  );
  t.pass();
});

/** The keys in the order of the decoder. */
const order = (m: Omit<LeaseMessage, 'env'>) => ({
  clientId: m.clientId,
  event: m.event,
  clientPid: m.clientPid,
  wallMs: m.wallMs,
  boottimeMs: m.boottimeMs,
  truncated: m.truncated,
});

t.test('cut at every length it is refused, with field and offset', async (t) => {
  const bytes = captured();
  for (let length = 0; length < bytes.length; length++) {
    const cut = bytes.slice(0, length);
    const asIs = decodeLeaseMessage(cut);
    t.notOk(asIs.ok);
    if (length < LEASE_HEADER_BYTES) {
      t.notOk(leaseFrameBytes(cut).ok);
      continue;
    }
    new DataView(cut.buffer).setUint32(8, length); // and when the head agrees with the cut
    const agreed = decodeLeaseMessage(cut);
    t.notOk(agreed.ok);
    if (!agreed.ok) t.ok(agreed.error.field !== '' && agreed.error.offset <= length);
  }
});

t.test('what is not exactly a message is refused', async (t) => {
  const bent = (at: number, ...values: number[]): Uint8Array => {
    const bytes = captured();
    bytes.set(values, at);
    return bytes;
  };
  const cases: [string, Uint8Array, string][] = [
    ['magic', bent(0, 0x48), 'magic'],
    ['version', bent(4, 2), 'version'],
    ['kind', bent(5, 2), 'kind'],
    ['flags', bent(6, 0, 2), 'flags'],
    ['length too small', bent(8, 0, 0, 0, 11), 'length'],
    ['length too large', bent(8, 0, 1, 0, 1), 'length'],
    ['a client id that leaves its folder', bent(34, 0x2e, 0x2e, 0x2f), 'client id'],
    ['a client id with a newline', bent(36, 0x0a), 'client id'],
    ['an event with a space', bent(44, 0x20), 'event'],
    ['an event in capitals', bent(43, 0x42), 'event'],
    ['more pairs than there are', bent(48, 0, 4), 'pair 3'],
    ['fewer pairs than there are', bent(48, 0, 2), 'end'],
    ['more pairs than allowed', bent(48, 2, 1), 'pairs'],
  ];
  for (const [what, bytes, field] of cases) {
    t.match(decodeLeaseMessage(bytes), { ok: false, error: { kind: 'decode', field } }, what);
  }
});

t.test('of a name that comes twice the first counts', async (t) => {
  const bytes = encodeLeaseMessage({
    clientId: 'a',
    event: 'b',
    clientPid: 1,
    wallMs: 0,
    boottimeMs: 0,
    truncated: false,
    env: new Map([
      ['ip', '1'],
      ['iq', '2'],
    ]),
  });
  bytes[bytes.lastIndexOf(0x71)] = 0x70;
  const decoded = decodeLeaseMessage(bytes);
  t.same(decoded.ok && [...decoded.value.env], [['ip', '1']]);
});

t.test('answers', async (t) => {
  for (const answer of ['done', 'refused'] as const) {
    const bytes = encodeLeaseAck(answer);
    t.same(decodeLeaseAck(bytes), { ok: true, value: answer });
    for (let i = 0; i < bytes.length; i++) t.notOk(decodeLeaseAck(bytes.subarray(0, i)).ok);
  }
  t.equal(toHex(encodeLeaseAck('done')), '47484c4d010200000000000c');
  t.notOk(decodeLeaseAck(Uint8Array.from([...encodeLeaseAck('done'), 0])).ok);
  const odd = encodeLeaseAck('done');
  odd[7] = 2;
  t.notOk(decodeLeaseAck(odd).ok);
});
