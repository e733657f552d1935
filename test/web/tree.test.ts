import t from 'tap';
import {
  atLeast,
  auditRow,
  detailsOf,
  holds,
  levelOf,
  messageOf,
} from '../../src/web/lib/log-lines.ts';
import { comparePaths, generic, nameOf, parentOf, rowsOf } from '../../src/web/lib/paths.ts';
import type { InstanceRow, SchemaRow } from '../../src/web/lib/shapes.ts';
import { above, buildTree, search, visible } from '../../src/web/lib/tree.ts';
import { router } from '../tr181/fixture.ts';

t.test('the tree of the real model has its rows, and folds', async (t) => {
  const { model } = await router();
  const [schema, instances] = [model.schema('Device.'), model.instances('Device.')];
  if (!schema.ok || !instances.ok) return t.fail('the model answers');
  const rows = schema.value as readonly SchemaRow[];
  const tree = buildTree(rows, instances.value as readonly InstanceRow[]);
  const shown = (open: readonly string[]) =>
    visible(tree, new Set(open)).map(({ node }) => node.path);
  t.same(shown([]), ['Device.']);
  const path = 'Device.DHCPv4.Client.1.';
  t.ok(shown([...above(path), path]).includes(`${path}ReqOption.`));
  t.same(above(path), ['Device.', 'Device.DHCPv4.', 'Device.DHCPv4.Client.']);
  const client = visible(tree, new Set(above(path))).find(({ node }) => node.path === path);
  t.equal(client?.node.title, 'wan');
  t.equal(client?.depth, 3);
  // Every row that exists is somewhere in the tree.
  const all = new Set<string>();
  const walk = (node: typeof tree): void => {
    all.add(node.path);
    node.children.forEach(walk);
  };
  walk(tree);
  for (const row of instances.value) t.ok(all.has(row.path), row.path);
  for (const row of rows)
    if (row.kind === 'object' && !row.path.includes('{i}')) t.ok(all.has(row.path), row.path);

  const hits = search(tree, rows, 'client leasetime', 5);
  t.equal(hits[0]?.path, 'Device.DHCPv4.Client.1.LeaseTimeRemaining');
  t.equal(hits[0]?.object, path);
  t.same(search(tree, rows, '  ', 5), []);
  t.same(search(tree, rows, 'nosuchthing', 5), []);
  t.equal(search(tree, rows, 'enable', 3).length, 3);
});

t.test('paths', async (t) => {
  t.equal(generic('Device.A.12.B.3.C'), 'Device.A.{i}.B.{i}.C');
  t.equal(parentOf('Device.A.1.'), 'Device.A.');
  t.equal(parentOf('Device.'), '');
  t.equal(nameOf('Device.A.1.'), '1');
  t.same(rowsOf(['T.2.A', 'T.10.A', 'T.1.B', 'T.2.B', 'U.3.A', 'T.NumberOf'], 'T.'), [
    'T.1.',
    'T.2.',
    'T.10.',
  ]);
  t.same(['T.10.', 'T.9.', 'T.A.'].sort(comparePaths), ['T.9.', 'T.10.', 'T.A.']);
});

t.test('lines of log and audit', async (t) => {
  const line = { level: 40, time: 5, msg: 'late', service: 'dhcp-client', code: 7, pid: 1 };
  t.equal(levelOf(line), 'warn');
  t.ok(atLeast(line, 'info'));
  t.notOk(atLeast(line, 'error'));
  t.equal(messageOf(line), 'late');
  t.equal(detailsOf(line), 'code=7');
  t.ok(holds(line, 'LATE dhcp'));
  t.notOk(holds(line, 'late early'));
  t.match(
    auditRow({
      time: '2026-01-02T03:04:05Z',
      user: 'admin',
      via: 'http',
      address: '192.168.1.9',
      action: 'set',
      path: 'P',
      new: '1',
    }),
    {
      who: 'admin',
      from: 'http 192.168.1.9',
      now: '1',
      old: '',
    },
  );
});
