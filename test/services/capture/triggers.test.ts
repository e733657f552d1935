/** Triggers: what happened is written with the seconds around it, and files keep their limits. */
import t from 'tap';
import { SystemError } from '../../../src/base/errors.ts';
import { err, ok, type Result } from '../../../src/base/result.ts';
import type { CaptureFile, CaptureReport, ListenOptions } from '../../../src/os/ports-capture.ts';
import { CapturesService } from '../../../src/services/capture/captures.ts';
import type { CapturesConfig, ConfiguredTrigger } from '../../../src/services/capture/config.ts';
import { mostBytesOfFile, tooMany, triggerName } from '../../../src/services/capture/files.ts';
import {
  stepTrigger,
  TRIGGER_TABLE,
  type TriggerEvent,
  type TriggerState,
} from '../../../src/services/capture/trigger-machine.ts';
import { FakeClock } from '../../lib/clock.ts';
import { MemoryLog } from '../../lib/log.ts';
import { REPORT } from './report.ts';

t.test('every cell of the table', async (t) => {
  const seen: Record<string, string> = {};
  for (const [state, row] of Object.entries(TRIGGER_TABLE)) {
    seen[state] = Object.keys(row)
      .map((event) => stepTrigger(state as TriggerState, event as TriggerEvent) ?? '-')
      .join(' ');
  }
  t.same(seen, {
    off: 'waiting - - - - - failed',
    waiting: '- armed - - - off failed',
    armed: '- - recording - waiting off failed',
    recording: '- - - armed waiting off failed',
    failed: 'waiting - - - - - -',
  });
});

const TRIGGER: ConfiguredTrigger = {
  ...{ id: 'Device.X.Trigger.3', enable: true, event: 'LinkLost', ifName: 'wan', filter: {} },
  ...{ secondsBefore: 20, secondsAfter: 5, keptBytes: 1 << 20, maxFiles: 2, maxBytes: 1000 },
};
const CONFIG: CapturesConfig = {
  ...{ enable: true, maxSec: 60, wan: 'eth0', lan: 'br0', captures: [], clients: [] },
  ...{ triggers: [TRIGGER], maxFiles: 10, maxFileBytes: 16_000 },
};
const soon = () => new Promise((resolve) => setImmediate(resolve));

function bench() {
  const files: CaptureFile[] = [];
  const heard: {
    options: ListenOptions;
    end: (with_: Result<CaptureReport, SystemError>) => void;
  }[] = [];
  const clock = new FakeClock();
  const [up, lost] = [new Set(['eth0']), new Set<string>()];
  let fault: SystemError | undefined;
  const dump = async (path: string): Promise<Result<number, SystemError>> => {
    if (fault !== undefined) return err(fault);
    files.push({ name: path.replace('/captures/', ''), bytes: 400, changedMs: clock.wallMs() });
    return ok(7);
  };
  const service = new CapturesService({
    ...{ clock, log: new MemoryLog(), report: () => {} },
    engine: {
      listen: (_ifName, options) => {
        const { promise, resolve } = Promise.withResolvers<Result<CaptureReport, SystemError>>();
        heard.push({ options, end: resolve });
        options.signal.addEventListener('abort', () => resolve(ok(REPORT)));
        options.onStart?.({ dump, torrents: () => REPORT.torrents });
        return promise;
      },
      analyze: async () => err(new SystemError('not asked for', 'EINVAL')),
      compileFilter: () => ok(new Uint32Array(2)),
    },
    store: {
      path: (name) => `/captures/${name}`,
      list: () => ok([...files]),
      remove: (name) => {
        files.splice(
          files.findIndex((file) => file.name === name),
          1,
        );
        return ok(undefined);
      },
    },
    isUp: (ifName) => up.has(ifName),
    ills: (event, ifName) =>
      new Set([...lost].filter((one) => one.startsWith(`${event} ${ifName}`))),
  });
  return {
    ...{ service, files, heard, clock, up, lost },
    fails: (error: SystemError | undefined) => {
      fault = error;
    },
    names: () => files.map(({ name }) => name),
    one: () => service.observed.triggers[0],
  };
}

t.test('written at once, and again with what followed', async (t) => {
  const { service, heard, clock, lost, names, one } = bench();
  await service.apply(CONFIG);
  t.match(heard[0]?.options, { keep: { seconds: 25, bytes: 1 << 20 } });
  t.match(one(), { state: 'armed', ifName: 'eth0', fired: 0 });
  service.surroundingsChanged();
  t.match(one(), { state: 'armed', fired: 0 }, 'all is well');
  lost.add('LeaseLost eth0');
  service.surroundingsChanged();
  t.match(one(), { state: 'armed', fired: 0 }, 'that is for another trigger');
  lost.add('LinkLost eth0');
  service.surroundingsChanged();
  service.surroundingsChanged();
  await soon();
  t.match(one(), { state: 'recording', fired: 1, skipped: 0 });
  const name = triggerName('LinkLost', '3', clock.wallMs());
  t.same(names(), [name.replace('.', '-before.')]);
  clock.advance(5000);
  await soon();
  t.same(names(), [name], 'the whole takes the place of the part');
  t.match(one(), { state: 'armed', file: name });
  // It flaps: what comes within half a minute is counted, and not written.
  lost.clear();
  service.surroundingsChanged();
  lost.add('LinkLost eth0');
  service.surroundingsChanged();
  await soon();
  t.match(one(), { state: 'armed', fired: 1, skipped: 1 });
  for (let i = 0; i < 3; i++) {
    lost.clear();
    service.surroundingsChanged();
    clock.advance(60_000);
    lost.add('LinkLost eth0');
    service.surroundingsChanged();
    await soon();
    clock.advance(5000);
    await soon();
  }
  t.match(one(), { fired: 4 });
  t.equal(names().length, 2, 'no more than it may keep');
  await service[Symbol.asyncDispose]();
  t.equal(clock.pending, 0);
});

t.test('what goes wrong is told', async (t) => {
  const { service, heard, clock, lost, names, one, fails, up } = bench();
  await service.apply(CONFIG);
  fails(new SystemError('no space left on device', 'ENOSPC'));
  lost.add('LinkLost eth0');
  service.surroundingsChanged();
  await soon();
  clock.advance(5000);
  await soon();
  t.match(one(), { state: 'armed', reason: 'no space left on device', file: '' });
  // The interface goes while what follows is waited for: what was before stays.
  fails(undefined);
  lost.clear();
  service.surroundingsChanged();
  clock.advance(60_000);
  lost.add('LinkLost eth0');
  service.surroundingsChanged();
  up.delete('eth0');
  heard[0]?.end(err(new SystemError('eth0', 'ENETDOWN')));
  await soon();
  t.match(one(), { state: 'waiting', reason: 'eth0 is not there, or not up' });
  t.match(names(), [/-before\.pcapng$/]);
  clock.advance(60_000);
  await soon();
  t.equal(names().length, 1);
  up.add('eth0');
  service.surroundingsChanged();
  t.match(one(), { state: 'armed', reason: '' });
  heard[1]?.end(err(new SystemError('no right', 'EPERM')));
  await soon();
  t.match(one(), { state: 'failed', reason: 'no right' });
  await service.apply({ ...CONFIG, triggers: [{ ...TRIGGER, filter: { ports: ['x'] } }] });
  t.match(one(), { state: 'failed', reason: /no port/ });
  await service.apply({ ...CONFIG, enable: false });
  t.same(service.observed.triggers, []);
});

t.test('files keep their limits, and those that are written stay', async (t) => {
  const { service, files, heard } = bench();
  const at = (n: number): CaptureFile => ({ name: `f${n}`, bytes: 1000, changedMs: n });
  for (let i = 0; i < 20; i++) files.push(at(i));
  await service.apply({ ...CONFIG, triggers: [], maxFiles: 12 });
  t.equal(files.length, 8, 'half of the bytes are for captures that run');
  t.equal(files[0]?.name, 'f12', 'the oldest went');
  const started = service.start({
    ...{ ifName: 'wan', filter: {}, forSec: 0, maxPackets: 0, maxBytes: 0, promiscuous: false },
    write: true,
  });
  t.ok(started.ok);
  t.match(heard[0]?.options.write, {
    path: /^\/captures\/capture-1\.pcapng$/,
    maxFileBytes: mostBytesOfFile(16_000),
  });
  heard[0]?.options.onProgress?.(
    {
      ...{ packets: 1, bytes: 1, droppedPackets: 0 },
      written: {
        ...{ files: ['/captures/f12'], packets: 1, bytes: 1 },
        ...{ queueDroppedPackets: 2, failedPackets: 3, error: 'disk full' },
      },
    },
    () => REPORT,
  );
  t.match(service.observed.sessions, [
    { files: ['f12'], unwrittenPackets: 5, reason: 'disk full', state: 'running' },
  ]);
  t.match(service.removeFile('f12'), { ok: false, error: /still written/ });
  t.ok(service.removeFile('f13').ok);
  t.match(service.files(), { value: { length: 7 } });
  t.same(tooMany([at(1), at(2), at(3)], { files: 2, bytes: 5000 }), ['f1']);
  t.same(tooMany([at(1), at(2), at(3)], { files: 9, bytes: 1999 }), ['f1', 'f2']);
  await service[Symbol.asyncDispose]();
});
