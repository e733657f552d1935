import t from 'tap';
import { SystemError } from '../../../src/base/errors.ts';
import { err, ok, type Result } from '../../../src/base/result.ts';
import type {
  CaptureEngine,
  CaptureFile,
  CaptureReport,
  ListenOptions,
} from '../../../src/os/ports-capture.ts';
import { CapturesService, MAX_OWN, MAX_RUNNING } from '../../../src/services/capture/captures.ts';
import { checkCapture } from '../../../src/services/capture/check.ts';
import type {
  CapturesConfig,
  CapturesObserved,
  SessionSpec,
} from '../../../src/services/capture/config.ts';
import { type SessionEvent, step, TABLE } from '../../../src/services/capture/machine.ts';
import { FakeClock } from '../../lib/clock.ts';
import { MemoryLog } from '../../lib/log.ts';
import { REPORT } from './report.ts';

t.test('every cell of the table', async (t) => {
  const seen: Record<string, string> = {};
  for (const [state, row] of Object.entries(TABLE)) {
    seen[state] = Object.keys(row)
      .map((event) => step(state as keyof typeof TABLE, event as SessionEvent) ?? '-')
      .join(' ');
  }
  t.same(seen, {
    off: 'waiting - - - - failed',
    waiting: '- running - complete stopped failed',
    running: '- - waiting complete stopped failed',
    complete: 'waiting - - - - -',
    stopped: 'waiting - - - - -',
    failed: 'waiting - - - - -',
  });
});

class Heard {
  readonly ifName: string;
  readonly options: ListenOptions;
  readonly done = Promise.withResolvers<Result<CaptureReport, SystemError>>();

  constructor(ifName: string, options: ListenOptions) {
    this.ifName = ifName;
    this.options = options;
    options.signal.addEventListener('abort', () => this.done.resolve(ok(this.report)));
  }

  packets = 0;

  get report(): CaptureReport {
    const { packets } = this;
    return {
      ...REPORT,
      ...{ packets, bytes: packets * 100, format: 'live' },
      live: { heardPackets: packets, droppedPackets: 1, interfaceDroppedPackets: 0 },
    };
  }

  /** A second is over, in which it wrote a file. */
  wrote(path: string): void {
    const written = {
      ...{ files: [path], packets: 1, bytes: 100 },
      ...{ queueDroppedPackets: 0, failedPackets: 0 },
    };
    const now = { packets: 1, bytes: 100, droppedPackets: 0, written };
    this.options.onProgress?.(now, () => this.report);
  }

  /** A second is over. */
  tick(packets: number): void {
    this.packets = packets;
    this.options.onProgress?.(
      { packets, bytes: packets * 100, droppedPackets: 1 },
      () => this.report,
    );
  }
}

const SPEC: SessionSpec = {
  ...{ ifName: 'eth0', filter: {}, forSec: 0, maxPackets: 0, maxBytes: 0, promiscuous: false },
  write: false,
};
const CONFIG: CapturesConfig = {
  ...{ enable: true, maxSec: 60, wan: 'eth0', lan: 'br0', captures: [] },
  ...{ clients: [], triggers: [], maxFiles: 10, maxFileBytes: 1600 },
};
const soon = () => new Promise((resolve) => setImmediate(resolve));

function bench() {
  const heard: Heard[] = [];
  const up = new Set(['eth0', 'br0', 'eth2']);
  const clock = new FakeClock();
  const engine: CaptureEngine = {
    listen: (ifName, options) => {
      const one = new Heard(ifName, options);
      heard.push(one);
      return one.done.promise;
    },
    analyze: async () => err(new SystemError('not asked for', 'EINVAL')),
    compileFilter: (text) =>
      text.includes('nonsense')
        ? err(new SystemError(`"${text}" is no filter`, 'EINVAL'))
        : ok(new Uint32Array(2)),
  };
  const files: CaptureFile[] = [];
  const lost = new Set<string>();
  const reports: CapturesObserved[] = [];
  const service = new CapturesService({
    ...{ engine, clock, log: new MemoryLog(), report: (value) => void reports.push(value) },
    store: {
      path: (name) => `/captures/${name}`,
      list: () => ok([...files]),
      remove: (name) => {
        const at = files.findIndex((file) => file.name === name);
        if (at < 0) return err(new SystemError(name, 'ENOENT'));
        files.splice(at, 1);
        return ok(undefined);
      },
    },
    isUp: (ifName) => up.has(ifName),
    ills: (event, ifName) =>
      new Set([...lost].filter((one) => one.startsWith(`${event} ${ifName}`))),
  });
  return { service, engine, reports, heard, up, clock, files, lost };
}

t.test('a capture of the configuration runs to its end, and again', async (t) => {
  const { service, heard, clock } = bench();
  const capture = { ...SPEC, id: 'Device.X.1', enable: true, ifName: 'wan', forSec: 30 };
  await service.apply({ ...CONFIG, captures: [capture] });
  t.equal(heard[0]?.ifName, 'eth0', 'wan is what the router calls so');
  t.equal(heard[0]?.options.forMs, 30_000);
  const looked = service.look('Device.X.1');
  heard[0]?.tick(7);
  t.match(await looked, { report: { packets: 7 }, session: { state: 'running', packets: 7 } });
  clock.advance(30_000);
  await soon();
  t.match(service.observed.sessions, [{ state: 'complete', packets: 7, droppedPackets: 1 }]);
  t.match((await service.look('Device.X.1'))?.report, { packets: 7 }, 'it can be seen later');
  // The same configuration again starts nothing; somebody does.
  await service.apply({ ...CONFIG, captures: [capture] });
  t.equal(heard.length, 1);
  t.ok(service.again('Device.X.1').ok);
  t.match(service.again('Device.X.1'), { ok: false, error: 'it goes already' });
  t.equal(heard.length, 2);
  t.match(service.observed.sessions, [{ state: 'running', packets: 0 }]);
  // Off is off, for all; and on again means that it is wanted.
  await service.apply({ ...CONFIG, enable: false, captures: [capture] });
  await soon();
  t.match(service.observed.sessions, [{ state: 'stopped' }]);
  t.equal(service.start(SPEC).ok, false);
  await service.apply({ ...CONFIG, captures: [capture] });
  t.match(service.observed.sessions, [{ state: 'running' }]);
  await service.apply(CONFIG);
  t.same(service.observed.sessions, []);
  t.ok(heard.every(({ options }) => options.signal.aborted));
  t.equal(clock.pending, 0);
});

t.test('a link that goes away and comes back', async (t) => {
  const { service, heard, up } = bench();
  await service.apply(CONFIG);
  const id = service.start({ ...SPEC, ifName: 'eth2' });
  t.ok(id.ok);
  heard[0]?.tick(5);
  up.delete('eth2');
  heard[0]?.done.resolve(err(new SystemError('eth2', 'ENETDOWN')));
  await soon();
  t.match(service.observed.sessions, [
    { state: 'waiting', packets: 5, interruptions: 1, reason: 'eth2 is not there, or not up' },
  ]);
  up.add('eth2');
  service.surroundingsChanged();
  heard[1]?.tick(3);
  t.match(service.observed.sessions, [{ state: 'running', packets: 8, reason: '' }]);
  heard[1]?.done.resolve(err(new SystemError('no right', 'EPERM', { remedy: 'be root' })));
  await soon();
  t.match(service.observed.sessions, [{ state: 'failed', reason: 'no right; be root' }]);
  await service[Symbol.asyncDispose]();
});

t.test('of a link that comes and goes all day the newest files are told', async (t) => {
  const { service, heard, up } = bench();
  await service.apply(CONFIG);
  t.ok(service.start({ ...SPEC, ifName: 'eth2', write: true }).ok);
  for (let i = 0; i < 100; i++) {
    heard[i]?.wrote(`/captures/capture-1-${i}.pcapng`);
    up.delete('eth2');
    heard[i]?.done.resolve(err(new SystemError('eth2', 'ENETDOWN')));
    await soon();
    up.add('eth2');
    service.surroundingsChanged();
  }
  const [session] = service.observed.sessions;
  t.equal(session?.interruptions, 100);
  t.equal(session?.files.length, 64);
  t.equal(session?.files.at(-1), 'capture-1-99.pcapng');
  await service[Symbol.asyncDispose]();
});

t.test('one that begins anew while its engine still ends', async (t) => {
  const { service, heard } = bench();
  await service.apply(CONFIG);
  const id = service.start(SPEC);
  t.ok(id.ok);
  heard[0]?.tick(5);
  t.ok(service.stop('1').ok);
  t.ok(service.again('1').ok);
  t.match(service.observed.sessions, [{ state: 'waiting', packets: 0 }]);
  heard[0]?.tick(6);
  await soon();
  t.match(service.observed.sessions, [{ state: 'running', packets: 0 }], 'the old one has no say');
  heard[1]?.done.reject(new TypeError('a bug'));
  await soon();
  t.match(service.observed.sessions, [{ state: 'failed', reason: 'a bug' }], 'nor ends the daemon');
  await service[Symbol.asyncDispose]();
});

t.test('limits: of packets, of those that run, of those that are kept', async (t) => {
  const { service, heard, clock } = bench();
  await service.apply(CONFIG);
  for (let i = 0; i < MAX_OWN; i++) t.ok(service.start({ ...SPEC, maxPackets: 10 }).ok);
  t.equal(heard.length, MAX_RUNNING);
  t.match(service.observed.sessions[MAX_RUNNING], { state: 'waiting', reason: /run already/ });
  t.match(service.start(SPEC), { ok: false, error: /stop one/ });
  heard[0]?.tick(10);
  await soon();
  t.match(service.observed.sessions[0], { state: 'complete', packets: 10 });
  t.equal(heard.length, MAX_RUNNING + 1, 'the next one had its turn');
  t.match(service.start(SPEC), { ok: true, value: String(MAX_OWN + 1) });
  t.equal(service.observed.sessions.length, MAX_OWN, 'the one that was over is forgotten');
  clock.advance(60_000);
  await soon();
  t.ok(
    service.observed.sessions.every(({ state }) => state === 'complete'),
    'none is longer than all may be, waiting or not',
  );
  t.equal(
    service.observed.sessions.at(-1)?.reason,
    `its time was over while it waited: ${MAX_RUNNING} captures run already`,
  );
  t.match(service.stop('2'), { ok: false, error: 'it is over already' });
  t.ok((await service.remove('2')).ok);
  t.match(await service.remove('2'), { ok: false, error: 'there is no capture 2' });
});

t.test('what is wrong is said before anybody listens', async (t) => {
  const { engine, service, heard } = bench();
  await service.apply({
    ...CONFIG,
    wan: undefined,
    captures: [
      { ...SPEC, id: 'a', enable: true, filter: { ports: ['http'] } },
      { ...SPEC, id: 'b', enable: true, ifName: 'wan' },
    ],
  });
  t.match(service.observed.sessions, [
    { state: 'failed', reason: /^Filter: "http" is no port: a number/ },
    { state: 'waiting', reason: 'the router has no wan' },
  ]);
  t.match(service.start({ ...SPEC, ifName: 'a b' }), { ok: false, error: /no name/ });
  t.match(service.start({ ...SPEC, filter: { protocols: ['arp'], ports: ['1'] } }), {
    error: 'arp has no ports',
  });
  t.match(service.start({ ...SPEC, filter: { raw: 'nonsense' } }), { error: /is no filter/ });
  t.match(checkCapture({ ifName: 'a b', filter: { raw: 'nonsense' } }, engine), {
    error: '"a b" is no name of an interface\n"(nonsense)" is no filter',
  });
  const tagged = { ifName: 'wan', filter: { vlan: '7', from: ['192.0.2.0/24'] } };
  t.match(checkCapture(tagged, engine), {
    value: 'vlan 7 and src net 192.0.2.0/24',
  });
  const named = { ...SPEC, filter: { raw: 'host nas.example or 192.0.2.1' } };
  const noNames = 'nas.example is a name: the router\u0027s filters take addresses';
  t.match(service.start(named), { ok: false, error: noNames });
  t.match(checkCapture(named, engine), { ok: false, error: noNames });
  t.equal(heard.length, 0);
  t.match(await service.remove('a'), { ok: false, error: /delete its row/ });
  t.equal(await service.look('c'), undefined);
  await service[Symbol.asyncDispose]();
});

t.test('who looks is told of what changed, and of nothing else', async (t) => {
  const { service, reports, up } = bench();
  await service.apply(CONFIG);
  t.ok(service.start(SPEC).ok);
  const count = reports.length;
  service.surroundingsChanged();
  service.surroundingsChanged();
  t.equal(reports.length, count);
  up.delete('eth2');
  t.ok(service.start({ ...SPEC, ifName: 'eth2' }).ok);
  t.match(reports.at(-1)?.sessions[1], { state: 'waiting', reason: /eth2 is not there/ });
  const waiting = reports.length;
  service.surroundingsChanged();
  t.equal(reports.length, waiting);
  up.add('eth2');
  service.surroundingsChanged();
  t.match(reports.at(-1)?.sessions[1], { state: 'running' });
  await service[Symbol.asyncDispose]();
});

t.test('numbers of captures go on where files of an earlier daemon have them', async (t) => {
  const { service, files } = bench();
  const file = (name: string): CaptureFile => ({ name, bytes: 1, changedMs: 0 });
  files.push(
    file('capture-7-00001-20260102T030405Z.pcapng'),
    file('configured-90-00001-20260102T030405Z.pcapng'),
    file('LinkLost-99-20260102T030405Z.pcapng'),
  );
  await service.apply(CONFIG);
  t.same(service.start(SPEC), { ok: true, value: '8' });
  t.same(service.start(SPEC), { ok: true, value: '9' });
  await service[Symbol.asyncDispose]();
});
