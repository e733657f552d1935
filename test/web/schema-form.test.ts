import t from 'tap';
import { faultsByPath, fieldOf, problemOf } from '../../src/web/lib/schema-form.ts';
import type { SchemaParameter } from '../../src/web/lib/shapes.ts';
import { bench } from '../tr181/fixture.ts';

const parameter = (part: Partial<SchemaParameter>): SchemaParameter => ({
  kind: 'parameter',
  path: 'Device.X.{i}.Name',
  writable: true,
  type: 'string',
  about: '',
  ...part,
});

t.test('every parameter of the real model becomes a field', async (t) => {
  const { model } = bench();
  const schema = model.schema('Device.');
  if (!schema.ok) return t.fail(schema.error.message);
  // As it comes over HTTP.
  const rows = JSON.parse(JSON.stringify(schema.value)) as readonly SchemaParameter[];
  const fields = new Map(
    rows.filter((row) => row.kind === 'parameter').map((row) => [row.path, fieldOf(row)]),
  );
  t.ok(fields.size > 100);
  t.equal(fields.get('Device.DHCPv4.Client.{i}.Enable')?.control, 'switch');
  t.equal(fields.get('Device.DHCPv4.Client.{i}.Interface')?.control, 'reference');
  t.equal(fields.get('Device.IP.Interface.{i}.LowerLayers')?.control, 'references');
  t.equal(fields.get('Device.IP.Interface.{i}.X_GATEHOUSE_Zone')?.control, 'choice');
  t.equal(fields.get('Device.DHCPv4.Client.{i}.SentOption.{i}.Value')?.control, 'hex');
  t.equal(fields.get('Device.DHCPv4.Client.{i}.SentOption.{i}.Tag')?.example, '1–254');
  t.equal(
    fields.get('Device.IP.Interface.{i}.IPv4Address.{i}.SubnetMask')?.sample,
    '255.255.255.0',
  );
});

t.test('what is wrong is said before the daemon is asked', async (t) => {
  const tag = fieldOf(parameter({ type: 'unsignedInt', range: [['1', '254']] }));
  t.equal(problemOf(tag, '60'), undefined);
  t.equal(problemOf(tag, ''), undefined, 'an empty one is the daemon’s to judge');
  t.same(problemOf(tag, '0'), { kind: 'range', allowed: '1–254' });
  t.same(problemOf(tag, 'x'), { kind: 'number' });
  t.same(problemOf(tag, '1.5'), { kind: 'whole' });
  const open = fieldOf(parameter({ type: 'int', range: [['-1', null]] }));
  t.equal(problemOf(open, '99999999999'), undefined);
  t.same(problemOf(open, '-2'), { kind: 'range', allowed: '-1–…' });
  const address = fieldOf(parameter({ dataType: 'IPv4Address' }));
  t.equal(problemOf(address, '10.0.0.1'), undefined);
  t.same(problemOf(address, '10.0.0'), { kind: 'address' });
  t.same(problemOf(fieldOf(parameter({ type: 'hexBinary' })), 'abc'), { kind: 'hex' });
  t.same(problemOf(fieldOf(parameter({ enum: ['A'] })), 'B'), { kind: 'choice' });
});

t.test('faults go to their fields, the rest stays above', async (t) => {
  const found = faultsByPath(
    [
      { path: 'D.A', message: 'D.A: too large' },
      { path: 'D.A', message: 'and odd', remedy: 'Halve it.' },
      { path: 'D.B', message: 'wrong together' },
    ],
    ['D.A'],
  );
  t.equal(found.get('D.A'), 'too large\nand odd Halve it.');
  t.equal(found.get(''), 'wrong together');
});
