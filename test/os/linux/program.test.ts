/** How the program is started again: from the checkout, as an executable, and by a loader of its own. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { commandOf, thisProgram } from '../../../src/os/linux/program.ts';

const ROOT = join(import.meta.dirname, '../../..');

t.test('in the checkout Node starts the script, with its flags', async (t) => {
  const url = new URL('../../../src/main.ts', import.meta.url).href;
  const program = thisProgram(url);
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  t.same(program, {
    version,
    commit: undefined,
    command: [process.execPath, ...process.execArgv, process.argv[1]],
    nativePath: join(ROOT, 'build/native/gatehouse.node'),
    pluginPath: join(ROOT, 'build/native/lease-plugin'),
    vendorsPath: join(ROOT, 'build/oui.bin'),
    webPath: join(ROOT, 'build/web'),
  });
});

t.test('an executable is started by its own path, whatever it was called', async (t) => {
  const path = '/usr/bin/gatehouse';
  for (const name of ['gatehouse', './gatehouse', path, 'a link']) {
    t.same(commandOf(path, name, [name, 'daemon', '--state-dir', name, ''], '/root'), [path]);
  }
});

t.test('a loader that started it is part of the command', async (t) => {
  const loader = '/usr/lib/gatehouse/ld-linux-aarch64.so.1';
  const flags = ['--library-path', '/usr/lib/gatehouse'];
  const words = (program: string) => ['ld-linux', ...flags, program, 'daemon', program, ''];
  const program = '/usr/lib/gatehouse/gatehouse';
  t.same(commandOf(loader, program, words(program), '/'), [loader, ...flags, program]);
  t.same(commandOf(loader, './gatehouse', words('./gatehouse'), '/usr/lib/gatehouse'), [
    loader,
    ...flags,
    program,
  ]);
});
