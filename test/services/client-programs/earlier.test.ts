import t from 'tap';
import { SystemError } from '#src/base/errors.ts';
import { err, ok } from '#src/base/result.ts';
import type { ChildProcess, ProcessIdentity } from '#src/os/ports.ts';
import { EarlierProcesses } from '#src/services/client-programs/earlier.ts';
import { FakeClock } from '../../lib/clock.ts';

const CONF = '/run/x.conf';
const ARGS = ['-c', CONF];

class Left implements ChildProcess {
  readonly identity: ProcessIdentity;
  readonly args: readonly string[];
  readonly exited: Promise<void>;
  readonly signals: string[] = [];
  released = false;
  end: () => void = () => {};

  constructor(pid: number, args: readonly string[] = ARGS) {
    this.identity = { pid, startTicks: 1 };
    this.args = ['program', ...args];
    this.exited = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  signal(name: string): boolean {
    this.signals.push(name);
    return true;
  }

  release(): void {
    this.released = true;
  }
}

function rig(left: readonly Left[], text: string | undefined) {
  const clock = new FakeClock();
  const of = ({ pid }: ProcessIdentity) => left.find(({ identity }) => identity.pid === pid);
  const earlier = new EarlierProcesses(
    {
      clock,
      processes: {
        findByArguments: () => new Map([[CONF, left.map(({ identity }) => identity)]]),
        adopt: (identity) => of(identity),
      },
      files: {
        readText: () => (text === undefined ? err(new SystemError(CONF, 'ENOENT')) : ok(text)),
      },
      argumentsOf: (identity) => of(identity)?.args ?? [],
    },
    { file: '/bin/program', args: ARGS, configPath: CONF, end: 'SIGTERM' },
  );
  let gone = false;
  const wait = (): void =>
    void earlier.gone().then(() => {
      gone = true;
    });
  const settled = async (): Promise<boolean> => {
    await new Promise(setImmediate);
    return gone;
  };
  return { clock, earlier, wait, settled };
}

t.test('one that is as it shall be goes on; the others end before anybody goes on', async (t) => {
  const [same, twin, other] = [new Left(1), new Left(2), new Left(3, ['-v', '-c', CONF])];
  const { clock, earlier, wait, settled } = rig([same, twin, other], 'text');
  t.equal(earlier.take('text')?.child, same);
  t.same(same.signals, []);
  t.same([twin.signals, other.signals], [['SIGTERM'], ['SIGTERM']]);
  wait();
  t.notOk(await settled());
  twin.end();
  t.notOk(await settled(), 'one is still there');
  other.end();
  t.ok(await settled());
  t.ok(twin.released && other.released && !same.released);
  t.equal(clock.pending, 0);
});

t.test('what was started by another file is not taken over', async (t) => {
  for (const [stood, wanted] of [
    ['old', 'new'],
    [undefined, 'new'],
    ['old', undefined],
  ] as const) {
    const left = new Left(1);
    const { earlier } = rig([left], stood);
    t.equal(earlier.take(wanted), undefined);
    t.same(left.signals, ['SIGTERM']);
    left.end();
    await earlier.gone();
  }
});

t.test('who does not listen is killed, and not waited for without end', async (t) => {
  const left = new Left(1);
  const { clock, earlier, wait, settled } = rig([left], undefined);
  earlier.take('text');
  wait();
  clock.advance(2_000);
  t.same(left.signals, ['SIGTERM', 'SIGKILL']);
  t.notOk(await settled());
  clock.advance(2_000);
  t.ok(await settled());
  t.ok(left.released);
});

t.test('closed, it lets go at once', async (t) => {
  const left = new Left(1);
  const { clock, earlier, wait, settled } = rig([left], undefined);
  earlier.take('text');
  wait();
  earlier.close();
  t.ok(await settled());
  t.ok(left.released);
  t.equal(clock.pending, 0);
});
