import { existsSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { SystemError } from '../../../src/base/errors.ts';
import { LOG_FILE, openLog, readable } from '../../../src/os/linux/log.ts';
import { FakeClock } from '../../lib/clock.ts';
import { noSmallDisk, smallDisk } from '../../lib/disk.ts';

const clock = new FakeClock({ wallMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678) });

const linesOf = (directory: string, file = LOG_FILE): Record<string, unknown>[] =>
  readFileSync(join(directory, file), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

t.test('lines are JSON with level, time, fields and message', async (t) => {
  const directory = join(t.testdir(), 'made/on/demand');
  await using sink = openLog({ directory, level: 'info', clock });
  sink.log.child({ service: 'dns' }).info({ count: 3 }, 'ready');
  sink.log.debug({}, 'not at this level');
  sink.log.error({ error: new SystemError('no route', 'ENETUNREACH') }, 'failed\nforged');
  const [first, second, third] = linesOf(directory);
  t.same(first, {
    level: 'info',
    time: '2026-01-02T03:04:05.678Z',
    service: 'dns',
    count: 3,
    msg: 'ready',
  });
  t.match(second, {
    level: 'error',
    error: { message: 'no route', code: 'ENETUNREACH' },
    msg: 'failed\nforged',
  });
  t.equal(third, undefined);
  sink.setLevel('debug');
  sink.log.debug({}, 'now it is');
  t.equal(linesOf(directory).length, 3);
  t.equal(sink.dropped, 0);
});

t.test('files rotate and the oldest goes', async (t) => {
  const directory = t.testdir();
  await using sink = openLog({
    directory,
    level: 'info',
    clock,
    rotation: { maxBytes: 1000, maxFiles: 3 },
  });
  for (let i = 0; i < 60; i++) sink.log.info({ i }, 'x'.repeat(40));
  t.same(readdirSync(directory).sort(), [LOG_FILE, `${LOG_FILE}.1`, `${LOG_FILE}.2`]);
  const kept = [`${LOG_FILE}.2`, `${LOG_FILE}.1`, LOG_FILE].flatMap((file) =>
    linesOf(directory, file),
  );
  t.equal(kept.at(-1)?.['i'], 59);
  t.same(
    kept.map((line) => line['i']),
    Array.from({ length: kept.length }, (_, n) => 60 - kept.length + n),
    'in order, without a gap',
  );
  for (const file of readdirSync(directory))
    t.ok(readFileSync(join(directory, file)).length <= 1000);
});

t.test('a log is appended to, and never written through a symbolic link', async (t) => {
  const directory = t.testdir({ [LOG_FILE]: '{"msg":"before"}\n', elsewhere: '' });
  {
    await using sink = openLog({ directory, level: 'info', clock });
    sink.log.info({}, 'after');
  }
  t.same(
    linesOf(directory).map((line) => line['msg']),
    ['before', 'after'],
  );
  const linked = t.testdir({ elsewhere: '' });
  symlinkSync(join(linked, 'elsewhere'), join(linked, LOG_FILE));
  await using sink = openLog({ directory: linked, level: 'info', clock });
  sink.log.info({}, 'lost');
  t.equal(readFileSync(join(linked, 'elsewhere'), 'utf8'), '');
  t.equal(sink.dropped, 1);
});

t.test(
  'a full disk costs lines, which are counted, and nothing else',
  { skip: noSmallDisk() ?? false },
  async (t) => {
    const directory = smallDisk(t, 16384);
    await using sink = openLog({ directory, level: 'info', clock });
    sink.log.info({}, 'first');
    writeFileSync(join(directory, 'filler'), Buffer.alloc(8192));
    for (let i = 0; i < 200; i++) sink.log.info({ i }, 'x'.repeat(100));
    const lost = sink.dropped;
    t.ok(lost > 50 && lost < 200);
    rmSync(join(directory, 'filler'));
    sink.log.info({}, 'again');
    t.equal(sink.dropped, lost, 'written once there is space');
    const whole = readFileSync(join(directory, LOG_FILE), 'utf8').trimEnd().split('\n');
    t.equal(JSON.parse(whole.at(-1) ?? '').msg, 'again');
    t.match(JSON.parse(whole.at(-2) ?? ''), { lost, msg: 'log lines were lost here' });
    t.equal(
      whole.filter((line) => !line.endsWith('}')).length <= 1,
      true,
      'at most the torn one is no JSON',
    );
  },
);

t.test('the terminal gets readable lines that cannot steer it', async (t) => {
  const directory = t.testdir();
  const shown: string[] = [];
  await using sink = openLog({
    directory,
    level: 'info',
    clock,
    terminal: { write: (text) => shown.push(text) },
  });
  sink.log.warn({ host: 'a\u001b[2Jb', n: 1n, list: [1] }, 'seen');
  t.same(shown, ['03:04:05.678 WARN  seen  host=a\\x1b[2Jb  n=1  list=[1]\n']);
  t.equal(
    readable('{"level":"info","time":"2026-01-02T03:04:05.678Z","msg":"m"}'),
    '03:04:05.678 INFO  m\n',
  );
});

t.test('nothing is written after disposal', async (t) => {
  const directory = t.testdir();
  const sink = openLog({ directory, level: 'info', clock });
  await sink[Symbol.asyncDispose]();
  await sink[Symbol.asyncDispose]();
  sink.log.info({}, 'late');
  t.notOk(existsSync(join(directory, LOG_FILE)));
});
