import { spawnSync } from 'node:child_process';
import t from 'tap';

t.test(
  'a child gets the environment that it is given, and nothing of the test runner',
  async (t) => {
    t.equal(spawnSync('/usr/bin/env', { env: {}, encoding: 'utf8' }).stdout, '');
    t.equal(spawnSync('/usr/bin/env', { env: { A: 'b' }, encoding: 'utf8' }).stdout, 'A=b\n');
  },
);
