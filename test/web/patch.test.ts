import t from 'tap';
import { applyLive, applyPatch, laidOver, type Values } from '../../src/web/lib/patch.ts';
import type { ModelValue } from '../../src/web/lib/shapes.ts';

const value = (path: string, text: string): ModelValue => ({
  path,
  value: text,
  type: 'string',
  writable: true,
  atMs: 1,
});
const values = (map: Record<string, string>): Values =>
  new Map(Object.entries(map).map(([path, text]) => [path, value(path, text)]));
const patch = (part: object) => ({ revision: 2, values: [], added: [], removed: [], ...part });

const CLIENT = 'Device.DHCPv4.Client.1.';
const before = values({
  [`${CLIENT}Enable`]: 'true',
  [`${CLIENT}DHCPStatus`]: 'Bound',
  [`${CLIENT}SentOption.1.Tag`]: '60',
  [`${CLIENT}SentOption.10.Tag`]: '61',
});
const watched = new Set(['Device.DHCPv4.Client.']);

t.test('a value that changed is laid over, with the time of now', async (t) => {
  const done = applyPatch(
    before,
    patch({ values: [[`${CLIENT}SentOption.1.Tag`, '77']] }),
    watched,
    9,
  );
  t.equal(done.values.get(`${CLIENT}SentOption.1.Tag`)?.value, '77');
  t.equal(done.values.get(`${CLIENT}SentOption.1.Tag`)?.atMs, 9);
  t.equal(before.get(`${CLIENT}SentOption.1.Tag`)?.value, '60', 'the map before is as it was');
  t.same(done.read, []);
});

t.test('what nobody looks at changes nothing, not even the map', async (t) => {
  const done = applyPatch(
    before,
    patch({
      values: [['Device.IP.IPv4Enable', 'false']],
      added: ['Device.NAT.InterfaceSetting.2.'],
    }),
    watched,
    9,
  );
  t.equal(done.values, before);
  t.same(done.read, []);
});

t.test('a time that begins anew with the same text runs from now', async (t) => {
  const path = `${CLIENT}LeaseTimeRemaining`;
  const done = applyPatch(
    values({ [path]: '120' }),
    patch({ values: [[path, '120']] }),
    watched,
    9,
  );
  t.equal(done.values.get(path)?.atMs, 9);
  t.same(done.read, []);
});

t.test('rows that go are gone, and their neighbours of like number stay', async (t) => {
  const done = applyPatch(before, patch({ removed: [`${CLIENT}SentOption.1.`] }), watched, 9);
  t.notOk(done.values.has(`${CLIENT}SentOption.1.Tag`));
  t.ok(done.values.has(`${CLIENT}SentOption.10.Tag`));
});

t.test('rows that come are read once, however many of their values are told', async (t) => {
  const row = `${CLIENT}SentOption.2.`;
  const done = applyPatch(
    before,
    patch({
      added: [row],
      values: [
        [`${row}Tag`, '1'],
        [`${row}Value`, '00'],
      ],
    }),
    watched,
    9,
  );
  t.same(done.read, [row]);
});

t.test('an answer replaces all below what was asked, and nothing else', async (t) => {
  const done = laidOver(
    before,
    [`${CLIENT}SentOption.`],
    [value(`${CLIENT}SentOption.3.Tag`, '5')],
  );
  t.same(
    [...done.keys()].sort(),
    [`${CLIENT}DHCPStatus`, `${CLIENT}Enable`, `${CLIENT}SentOption.3.Tag`].sort(),
  );
  t.notOk(laidOver(before, [`${CLIENT}Enable`], []).has(`${CLIENT}Enable`));
});

t.test('live values change what was read, and nothing else', async (t) => {
  const path = 'Device.DHCPv4.Client.1.Stats.Offer';
  const known = { path, value: '1', type: 'unsignedInt', writable: false, atMs: 0 };
  const values = new Map([[path, known]]);
  t.equal(applyLive(values, [[path, '1']], 5), values, 'the same is no change');
  t.equal(applyLive(values, [['Device.Unknown', '1']], 5), values, 'what was never read stays so');
  t.same(applyLive(values, [[path, '2']], 5).get(path), { ...known, value: '2', atMs: 5 });
});

t.test('one parameter of every row is followed, without the rest of them', async (t) => {
  const size = (n: number) => `Device.DHCPv4.Server.Pool.${n}.X_GATEHOUSE_Size`;
  const prefix = 'Device.DHCPv4.Server.Pool.*.X_GATEHOUSE_Size';
  const value = (path: string, text: string) => ({
    ...{ path, value: text, type: 'string', writable: false, atMs: 0 },
  });
  const known: Values = new Map([[size(1), value(size(1), '100')]]);
  const patched = (patch: object) =>
    applyPatch(
      known,
      { revision: 2, values: [], added: [], removed: [], ...patch },
      new Set([prefix]),
      5,
    );
  t.equal(patched({ values: [[size(1), '101']] }).values.get(size(1))?.value, '101');
  const other = 'Device.DHCPv4.Server.Pool.1.Alias';
  t.same(patched({ values: [[other, 'x']] }), { values: known, read: [] });
  t.same(patched({ added: ['Device.DHCPv4.Server.Pool.2.'] }).read, [prefix], 'a new row is read');
  t.same(patched({ added: ['Device.DHCPv4.Server.Pool.1.Client.7.'] }).read, []);
  t.same(patched({ removed: ['Device.DHCPv4.Server.Pool.1.'] }).values.size, 0);
  const anew = laidOver(known, [prefix], [value(size(2), '7')]);
  t.same([...anew.keys()], [size(2)], 'a row that went meanwhile is gone');
});
