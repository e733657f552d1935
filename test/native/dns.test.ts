/** The DNS engine in the life of the environments that load it: ends, workers, and arguments that are none. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { loadNative } from '#src/os/linux/native.ts';

const BASE = new URL('../../src/os/linux/', import.meta.url).href;
/** An engine that listens, is asked without end over UDP, and hands queries to JavaScript; and a builder in the midst of its work. */
const BUSY = `
  const { createSocket } = await import('node:dgram');
  const { loadNative } = await import('${BASE}native.ts');
  const { NativeDnsEngines } = await import('${BASE}dns-engine.ts');
  const { NativeBlockBuilders } = await import('${BASE}dns-builder.ts');
  const native = loadNative();
  const heard = Promise.withResolvers();
  let onQuery = () => {};
  const engine = new NativeDnsEngines(native).open(
    { cacheBytes: 1 << 20, queueLength: 64 },
    { queries: (batch) => { heard.resolve(batch); onQuery(batch); }, log: () => {} },
  ).value;
  engine.setPolicy({
    generation: 1,
    groups: [{ listMask: 1n, blockMode: 'zero', blockTtlSec: 60, slow: false, hasPatterns: false, hasAllowPatterns: false }],
    clients: [], defaultGroup: 0, access: [{ address: 0x7f000000, prefixLen: 8 }],
    limits: { queriesPerSec: 0, missesPerSec: 0, sameAnswersPerSec: 0 },
  });
  engine.setLog(true);
  const listener = engine.listen(0x7f000001, 0).value;
  const port = engine.portOf(listener);
  const socket = createSocket('udp4');
  const query = Uint8Array.of(0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 97, 0, 0, 1, 0, 1);
  const send = () => { for (let i = 0; i < 50; i++) socket.send(query, port, '127.0.0.1'); };
  const builder = new NativeBlockBuilders(native).open({ key: new Uint8Array(16), lists: [{ id: 1, name: 'a', sha256: new Uint8Array(32) }], note: '' }).value;
  for (let i = 0; i < 10000; i++) builder.add(0, 'block', 'exact', 'n' + i + '.example');
  send();
  await heard.promise;
`;

async function run(script: string): Promise<{ code: number | null; out: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', BUSY + script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [out, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  return { code, out };
}

const fds = (): number => readdirSync('/proc/self/fd').length;
const threads = (): number => readdirSync('/proc/self/task').length;

t.test('a process ends with everything open', async (t) => {
  t.same(await run('send(); setTimeout(() => process.exit(7), 5);'), { code: 7, out: '' });
  t.same(await run('send(); process.exit(8);'), { code: 8, out: '' });
  t.same(
    await run('onQuery = () => process.exit(9); send();'),
    { code: 9, out: '' },
    'from a handler',
  );
});

t.test('a listener keeps the process, an engine alone does not', async (t) => {
  t.same(await run('socket.close(); engine.unlisten(listener); console.log("over");'), {
    code: 0,
    out: 'over\n',
  });
  const closed = `
    socket.close();
    setTimeout(() => { console.log('later'); engine.unlisten(listener); }, 50);`;
  t.same(await run(closed), { code: 0, out: 'later\n' });
});

t.test('closing from a handler, and twice', async (t) => {
  const script = `
    onQuery = async () => {
      onQuery = () => console.log('called after its end');
      await engine[Symbol.asyncDispose]();
      await engine[Symbol.asyncDispose]();
      builder[Symbol.dispose]();
      builder[Symbol.dispose]();
      socket.close();
      console.log('closed');
    };
    send();`;
  t.same(await run(script), { code: 0, out: 'closed\n' });
});

t.test('a handler that throws does not take the next batch away', async (t) => {
  const script = `
    process.on('uncaughtException', (thrown) => console.log(thrown.message));
    onQuery = () => {
      // What was sent before may come in two batches: then the second is the next, and nothing is to be sent any more.
      const again = setTimeout(send, 5);
      onQuery = () => { clearTimeout(again); socket.close(); engine.unlisten(listener); onQuery = () => {}; console.log('next'); };
      throw new Error('thrown');
    };
    send();`;
  t.same(await run(script), { code: 0, out: 'thrown\nnext\n' });
});

t.test('workers come and go with everything open', async (t) => {
  const before = fds();
  const body = (end: string): string => `
    const { parentPort } = await import('node:worker_threads');
    ${BUSY}
    parentPort.postMessage('ready');
    ${end}`;
  const start = (end: string): Worker =>
    new Worker(new URL(`data:text/javascript,${encodeURIComponent(body(end))}`));
  const threadsBefore = threads();
  for (let round = 0; round < 3; round++) {
    const ends = [
      start('setInterval(send, 1); setTimeout(() => process.exit(3), 20);'),
      start('process.exit(3);'),
      start('setInterval(send, 1);'),
      start('send(); for (;;);'),
    ];
    const codes = ends.map((w) => once(w, 'exit').then(([code]) => code));
    await Promise.all(ends.slice(2).map((w) => once(w, 'message')));
    for (const w of ends.slice(2)) await w.terminate();
    t.same(await Promise.all(codes), [3, 3, 1, 1]);
  }
  t.equal(fds(), before, 'no descriptor is left');
  t.equal(threads(), threadsBefore, 'nor a thread');
});

const ODD = [
  ...[undefined, null, 1.5, -1, 0, 1, 2 ** 31, 2 ** 40, Number.NaN, 'x', '', '\ud800', {}, []],
  ...[new Uint8Array(0), new Uint8Array(16), Uint8Array.of(1, 97, 0), Uint8Array.of(0)],
  ...[new Float64Array(2), new Uint32Array(4), () => {}, 1n, Symbol('s')],
];

t.test('nonsense for arguments gives errors, not crashes', async (t) => {
  const native = loadNative();
  const open = () => native.createDns(1 << 20, 16, new Uint8Array(16), () => {});
  const [engine, closed] = [open(), open()];
  const builder = native.createBlockBuilder(new Uint8Array(16), new Uint8Array(128));
  if (typeof engine === 'number' || typeof closed === 'number' || typeof builder === 'number') {
    throw new Error('not opened');
  }
  closed.shutdown();
  closed.shutdown();
  const calls: unknown[] = [];
  for (const object of [engine, closed, builder]) {
    for (const [name, call] of Object.entries(object)) {
      if (typeof call !== 'function' || name === 'shutdown' || name === 'close') continue;
      for (const a of ODD) {
        for (const args of [
          [],
          [a],
          [a, a],
          [a, a, a],
          [a, a, a, a],
          [Uint8Array.of(1, 97, 0), a, a],
          [new Uint8Array(16), a, a, 1],
        ]) {
          // Files are for their own tests.
          if (/Dump|finish/.test(name) && typeof args[0] === 'string') continue;
          const answer: unknown = Reflect.apply(call, object, args);
          if (name === 'listen' && typeof answer === 'number' && answer > 0)
            engine.unlisten(answer);
          calls.push(answer);
        }
      }
    }
  }
  t.ok(calls.every((a) => a === undefined || typeof a === 'number' || a instanceof ArrayBuffer));
  for (const a of ODD) {
    for (const args of [
      [a, a, a, a],
      [1 << 20, a, a, a],
      [1 << 20, 1, new Uint8Array(16), a],
    ]) {
      const made: unknown = Reflect.apply(native.createDns, undefined, args);
      if (typeof made === 'object' && made !== null)
        Reflect.apply(Reflect.get(made, 'shutdown'), made, []);
      else t.ok(typeof made === 'number' && made < 0);
    }
    const built: unknown = Reflect.apply(native.createBlockBuilder, undefined, [a, a]);
    t.ok(typeof built === 'number' && built < 0);
  }
  engine.shutdown();
  builder.close();
  builder.close();
  t.ok(builder.add(new Uint8Array(0)) < 0);
});
