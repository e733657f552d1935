import t from 'tap';
import { countsOf, Digest, groupsOf } from '../../scripts/test.ts';

t.test('what needs root runs last and alone', async (t) => {
  const heads = new Map([['test/os/net.test.ts', '// needs root: it adds links']]);
  const groups = groupsOf(
    [
      'test/base/a.test.ts',
      'test/e2e/boot.test.ts',
      'test/interop/b.test.ts',
      'test/os/net.test.ts',
    ],
    (path) => heads.get(path) ?? "import t from 'tap';",
  );
  t.same(
    groups.map((group) => [group.name, group.jobs, group.files]),
    [
      ['unit', 2, ['test/base/a.test.ts']],
      ['interop', 1, ['test/e2e/boot.test.ts', 'test/interop/b.test.ts', 'test/os/net.test.ts']],
    ],
  );
});

t.test("tap's summary is read whole", async (t) => {
  t.same(countsOf('# { total: 7, pass: 3, fail: 1, skip: 2, todo: 1 }'), {
    passed: 3,
    failed: 1,
    skipped: 3,
  });
  t.same(countsOf('# { total: 1, pass: 1 }'), { passed: 1, failed: 0, skipped: 0 });
  t.equal(countsOf('    # { total: 1, pass: 1 }'), undefined);
});

t.test('a file that failed shows its failing points, one that passed a line', async (t) => {
  const digest = new Digest();
  const report = [
    'TAP version 14',
    '# Subtest: test/a.test.ts',
    '    ok 1 - fine',
    'ok 1 - test/a.test.ts # time=1500ms',
    '# Subtest: test/b.test.ts',
    '    ok 1 - fine',
    '    # Subtest: inner',
    '        not ok 1 - should be equal',
    '          ---',
    '          diff: |',
    '          ...',
    '        1..1',
    'not ok 2 - test/b.test.ts # time=20ms',
    'not ok 3 - test/c.test.ts # timeout',
    '# { total: 3, pass: 2, fail: 1 }',
  ];
  t.same(
    report.flatMap((line) => digest.line(line)),
    [
      'ok     test/a.test.ts  1.50 s',
      'NOT OK test/b.test.ts  0.02 s',
      '        not ok 1 - should be equal',
      '          ---',
      '          diff: |',
      '          ...',
      'NOT OK test/c.test.ts  # timeout',
    ],
  );
  t.same(digest.counts, { passed: 2, failed: 1, skipped: 0 });
});
