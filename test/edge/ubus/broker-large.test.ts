/** Large messages, which the broker passes on where they lie. */
import fc from 'fast-check';
import t from 'tap';
import { parseAccounts } from '../../../src/edge/ubus/accounts.ts';
import { Broker } from '../../../src/edge/ubus/broker.ts';
import { field, string } from '../../../src/wire/blobmsg.ts';
import { encodeMessage, UBUS_ATTR, UBUS_TYPE, type UbusMessage } from '../../../src/wire/ubus.ts';
import { counting, FakeClient, GROUP, PASSWD, statusOf, u32 } from './fakes.ts';

const LARGE = 40_000;

/** A caller, two services that know each other, and the writes that the caller gets. */
function scene() {
  const broker = new Broker({
    randomU32: counting(),
    accounts: parseAccounts(PASSWD, GROUP),
    ownUid: 1,
  });
  const [caller, service, other] = [broker, broker, broker].map((b) => new FakeClient(b));
  if (!caller || !service || !other) throw new TypeError('no client');
  const own = service.addObject('own', []);
  const far = other.addObject('far', []);
  const sizes: number[] = [];
  const write = caller.connection.write.bind(caller.connection);
  caller.connection.write = (bytes) => {
    sizes.push(bytes.length);
    return write(bytes);
  };
  return { caller, service, other, own, far, sizes };
}

const frame = (message: Omit<UbusMessage, 'version'>): Uint8Array =>
  encodeMessage({ version: 0, ...message }) ?? new Uint8Array(0);

const data = (to: number, object: number, seq: number, text: string): Uint8Array =>
  frame({
    type: UBUS_TYPE.data,
    seq,
    peer: to,
    attributes: [
      { id: UBUS_ATTR.objId, kind: 'u32', value: object },
      { id: UBUS_ATTR.data, kind: 'table', value: [field('text', string(text))] },
    ],
  });

const status = (to: number, object: number, seq: number): Uint8Array =>
  frame({
    type: UBUS_TYPE.status,
    seq,
    peer: to,
    attributes: [
      { id: UBUS_ATTR.status, kind: 'u32', value: 0 },
      { id: UBUS_ATTR.objId, kind: 'u32', value: object },
    ],
  });

const invoke = (object: number, seq: number, text: string): Uint8Array =>
  frame({
    type: UBUS_TYPE.invoke,
    seq,
    peer: object,
    attributes: [
      { id: UBUS_ATTR.objId, kind: 'u32', value: object },
      { id: UBUS_ATTR.method, kind: 'string', value: 'm' },
      { id: UBUS_ATTR.data, kind: 'table', value: [field('text', string(text))] },
    ],
  });

const join = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
const textIn = (message: UbusMessage | undefined): string => {
  const found = message?.attributes.find((a) => a.id === UBUS_ATTR.data);
  const value = found?.kind === 'table' ? found.value[0]?.value : undefined;
  return value?.type === 'string' ? value.value : '';
};

t.test('DATA and the STATUS behind it leave in one write', async (t) => {
  const { caller, service, own, sizes } = scene();
  const text = 'x'.repeat(LARGE);
  const both = join(data(caller.id, own, 7, text), status(caller.id, own, 7));
  service.handlers.data(both);
  t.same(sizes, [both.length]);
  const got = caller.take();
  t.same(
    got.map((m) => [m.type, m.seq, m.peer]),
    [
      [UBUS_TYPE.data, 7, own],
      [UBUS_TYPE.status, 7, own],
    ],
  );
  t.equal(textIn(got[0]), text);
  t.equal(statusOf(got), 0);
});

t.test('a full queue drops the large frame alone', async (t) => {
  const { caller, service, own } = scene();
  caller.connection.room = 0;
  caller.connection.limit = 1000;
  service.handlers.data(
    join(data(caller.id, own, 7, 'x'.repeat(LARGE)), status(caller.id, own, 7)),
  );
  t.same(
    caller.take().map((m) => m.type),
    [UBUS_TYPE.status],
  );
});

t.test('whatever comes together and however it is cut, everything arrives whole', async (t) => {
  const kinds = fc.constantFrom('answer', 'small', 'call', 'status');
  const size = fc.constantFrom(10, 5000, 17_000, LARGE);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(kinds, size), { maxLength: 8 }),
      fc.array(fc.nat(200_000), { maxLength: 6 }),
      (list, cuts) => {
        const { caller, service, other, own, far } = scene();
        const sent = list.map(([kind, bytes], seq) => {
          const text = String.fromCharCode(97 + seq).repeat(kind === 'small' ? 50 : bytes);
          return { kind, seq, text };
        });
        const bytes = join(
          ...sent.map(({ kind, seq, text }) =>
            kind === 'call'
              ? invoke(far, seq, text)
              : kind === 'status'
                ? status(caller.id, own, seq)
                : data(caller.id, own, seq, text),
          ),
        );
        let from = 0;
        for (const to of [
          ...cuts.filter((c) => c < bytes.length).sort((a, b) => a - b),
          bytes.length,
        ]) {
          // In a buffer that is written over afterwards, as the reactor's is.
          const chunk = bytes.slice(from, to);
          service.handlers.data(chunk);
          chunk.fill(0xff);
          from = to;
        }
        const heard = caller.take();
        const wanted = sent.filter(({ kind }) => kind !== 'call');
        const plain = (all: readonly UbusMessage[]) => all.map((m) => [m.seq, textIn(m)]);
        t.same(
          plain(heard),
          wanted.map(({ kind, seq, text }) => [seq, kind === 'status' ? '' : text]),
        );
        const called = other.take();
        t.same(
          plain(called),
          sent.filter(({ kind }) => kind === 'call').map(({ seq, text }) => [seq, text]),
        );
        t.ok(called.every((m) => u32(m, UBUS_ATTR.objId) === far && m.peer === service.id));
        t.ok(heard.every((m) => m.peer === own));
      },
    ),
    { seed: 11, numRuns: 150 },
  );
});
