import t from 'tap';
import { SystemError } from '../../../src/base/errors.ts';
import { ok } from '../../../src/base/result.ts';
import { LinuxFiles } from '../../../src/os/linux/files.ts';
import { lineOf } from '../../../src/os/linux/physical-line.ts';

t.test('from the process table, whatever the name of the process', async (t) => {
  const files = (text: string) => ({ readText: () => ok(text) });
  t.equal(lineOf(files('7 (sh) S 1 7 7 1088 7 4194304'), 7), 'ttyS0');
  t.equal(lineOf(files('7 (a) S 1 7 7 1088) S 1 7 7 34816 7 4194304'), 7), undefined);
  t.equal(lineOf(files('7 (sh) S 1 7 7 0 -1 4194304'), 7), undefined);
  t.equal(lineOf(files(''), 7), undefined);
});

t.test('a test runs on no line of the box, and a process that is gone on none', async (t) => {
  t.equal(lineOf(new LinuxFiles(), 'self'), undefined);
  const gone = {
    readText: () => ({ ok: false, error: new SystemError('gone', 'ENOENT') }) as const,
  };
  t.equal(lineOf(gone, 7), undefined);
});
