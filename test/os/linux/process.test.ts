import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { loadNative, Reactor } from '#src/os/linux/native.ts';
import { LinuxProcesses } from '#src/os/linux/process.ts';
import type { ChildProcess } from '#src/os/ports.ts';

function open(t: Test): { processes: LinuxProcesses; reactor: Reactor; dir: string } {
  const reactor = new Reactor(loadNative());
  const dir = mkdtempSync(join(tmpdir(), 'gh-process-'));
  t.teardown(async () => {
    await reactor[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true });
  });
  return { processes: new LinuxProcesses(reactor), reactor, dir };
}

function started(result: ReturnType<LinuxProcesses['spawn']>): ChildProcess {
  if (!result.ok) throw result.error;
  return result.value;
}

const status = (pid: number, field: string): string | undefined =>
  new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];

t.test('a child has its own session, no environment, no stdio, and leaves no zombie', async (t) => {
  const { processes, reactor } = open(t);
  const child = started(processes.spawn('/bin/sleep', ['1000']));
  const { pid, startTicks } = child.identity;
  t.ok(startTicks > 0);
  // execve lets the parent go on before the new image has its arguments.
  while (processes.argumentsOf(child.identity).length === 0) await new Promise(setImmediate);
  t.equal(readFileSync(`/proc/${pid}/environ`, 'latin1'), '');
  t.equal(readFileSync(`/proc/${pid}/cmdline`, 'latin1'), '/bin/sleep\x001000\x00');
  t.same(processes.argumentsOf(child.identity), ['/bin/sleep', '1000']);
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  t.equal(Number(fields[3]), pid, 'leader of its own session');
  const standard = 0x7fffffffn; // 32 and 33 are libc's own
  for (const field of ['SigIgn', 'SigBlk', 'SigCgt']) {
    t.equal(BigInt(`0x${status(pid, field)}`) & standard, 0n, field);
  }
  for (const fd of [0, 1, 2]) t.equal(readlinkSync(`/proc/${pid}/fd/${fd}`), '/dev/null');
  t.notOk(existsSync(`/proc/${pid}/fd/3`), 'nothing else is handed down');
  t.ok(child.signal('SIGTERM'));
  await child.exited;
  t.notOk(existsSync(`/proc/${pid}`), 'reaped');
  t.notOk(child.signal('SIGTERM'));
  child.release();
  child.release();
  t.equal(reactor.open, 0);
  t.same(processes.argumentsOf(child.identity), []);
});

t.test('what cannot start says why', async (t) => {
  const { processes } = open(t);
  t.match(processes.spawn('/nonexistent', []), { ok: false, error: { code: 'ENOENT' } });
  t.match(processes.spawn('/etc/passwd', []), { ok: false, error: { code: 'EACCES' } });
  t.match(processes.spawn('/bin/echo', ['a\0b']), { ok: false, error: { code: 'EINVAL' } });
});

t.test('many children end at once', async (t) => {
  const { processes, reactor } = open(t);
  const children = Array.from({ length: 100 }, () => started(processes.spawn('/bin/true', [])));
  await Promise.all(children.map((c) => c.exited));
  t.equal(reactor.open, 0);
  t.notOk(children.some((c) => existsSync(`/proc/${c.identity.pid}`)));
});

t.test('a released child lives on, and is reaped all the same', async (t) => {
  const { processes, reactor, dir } = open(t);
  const child = started(processes.spawn('/bin/sleep', ['1000']));
  child.release();
  t.equal(reactor.open, 0);
  t.notOk(child.signal('SIGKILL'), 'nothing of ours any more');
  t.ok(existsSync(`/proc/${child.identity.pid}`));
  const again = processes.adopt(child.identity, '/bin/sleep');
  t.ok(again);
  again?.signal('SIGKILL');
  await again?.exited;
  while (existsSync(`/proc/${child.identity.pid}`)) await new Promise(setImmediate);
  t.pass(dir);
});

t.test('adoption: only of the very process, that still runs the program', async (t) => {
  const { processes } = open(t);
  const stranger = spawn('/bin/sleep', ['1000'], { stdio: 'ignore' });
  const pid = stranger.pid ?? 0;
  const identity = processes
    .findByArguments(['1000'])
    .get('1000')
    ?.find((p) => p.pid === pid);
  if (identity === undefined) throw new Error('not found');
  const reused = { pid, startTicks: identity.startTicks - 1 };
  t.equal(processes.adopt(reused, '/bin/sleep'), undefined, 'the number is another’s now');
  t.equal(processes.adopt(identity, '/sbin/udhcpc'), undefined, 'another program');
  t.equal(processes.adopt({ pid: 0, startTicks: 0 }, '/bin/sleep'), undefined);
  t.equal(processes.adopt({ pid: 2 ** 22 + 1, startTicks: 1 }, '/bin/sleep'), undefined);
  const adopted = processes.adopt(identity, '/bin/sleep');
  t.ok(adopted);
  t.same(adopted?.identity, identity);
  t.ok(adopted?.signal('SIGTERM'));
  await adopted?.exited;
  t.notOk(adopted?.signal('SIGTERM'));
  if (stranger.exitCode === null && stranger.signalCode === null) await once(stranger, 'exit');
});

t.test('strays are found by an argument', async (t) => {
  const { processes, dir } = open(t);
  const hook = join(dir, 'hook');
  t.same([...processes.findByArguments([hook])], [[hook, []]]);
  writeFileSync(hook, '');
  const strays = [1, 2].map(() => started(processes.spawn('/usr/bin/tail', ['-f', hook])));
  const other = started(processes.spawn('/usr/bin/tail', ['-f', `${hook}`, `${dir}/other`]));
  const near = started(processes.spawn('/usr/bin/tail', ['-f', '/dev/null', `${hook}2`]));
  const all = [...strays, other, near];
  for (const c of all) {
    while (processes.argumentsOf(c.identity).length === 0) await new Promise(setImmediate);
  }
  const byPid = (list: readonly { pid: number }[]) => list.map((p) => p.pid).sort();
  const found = processes.findByArguments([hook, '/dev/null', `${hook}3`]);
  t.same(
    byPid(found.get(hook) ?? []),
    byPid([...strays, other].map((c) => c.identity)),
    'whole arguments only',
  );
  t.ok(found.get('/dev/null')?.some((p) => p.pid === near.identity.pid));
  t.same(found.get(`${hook}3`), []);
  for (const c of all) c.signal('SIGKILL');
  await Promise.all(all.map((c) => c.exited));
  t.same([...processes.findByArguments([hook])], [[hook, []]]);
});

t.test('a child survives the kill of its daemon', async (t) => {
  const { processes, dir } = open(t);
  const script = `
    const { loadNative, Reactor } = await import(process.argv[1] + 'native.ts');
    const { LinuxProcesses } = await import(process.argv[1] + 'process.ts');
    const child = new LinuxProcesses(new Reactor(loadNative())).spawn('/bin/sleep', ['1000']);
    console.log(JSON.stringify(child.value.identity));`;
  const folder = new URL('../../../src/os/linux/', import.meta.url).href;
  const daemon = spawn(process.execPath, ['--input-type=module', '-e', script, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: dir,
  });
  const [line] = await once(daemon.stdout, 'data');
  daemon.kill('SIGKILL');
  await once(daemon, 'exit');
  const child = processes.adopt(JSON.parse(String(line)), '/bin/sleep');
  t.ok(child, 'it runs and is adopted');
  t.ok(child?.signal('SIGKILL'));
  await child?.exited;
});

t.test('run: code, output, input, environment', async (t) => {
  const { processes } = open(t);
  const script = 'cat; env; echo oops >&2; exit 3';
  const ran = await processes.run('/bin/sh', ['-c', script], {
    stdin: 'in\n',
    timeoutMs: 60_000,
  });
  if (!ran.ok) throw ran.error;
  t.equal(ran.value.code, 3);
  t.equal(ran.value.stderr, 'oops\n');
  t.match(ran.value.stdout, /^in\n/);
  t.notMatch(ran.value.stdout, /HOME=|NODE/);
  const deaf = await processes.run('/bin/true', [], {
    stdin: 'x'.repeat(1 << 20),
    timeoutMs: 60_000,
  });
  t.match(deaf, { ok: true, value: { code: 0 } }, 'input that nobody reads is no failure');
});

t.test('run: bounds', async (t) => {
  const { processes } = open(t);
  const run = (file: string, args: string[], timeoutMs = 60_000) =>
    processes.run(file, args, { timeoutMs });
  t.match(await run('/nonexistent', []), { ok: false, error: { code: 'ENOENT' } });
  t.match(await run('/bin/sleep', ['1000'], 20), { ok: false, error: { code: 'ETIMEDOUT' } });
  t.match(await run('/usr/bin/yes', []), { ok: false, error: { code: 'EMSGSIZE' } });
  t.match(await run('/bin/sh', ['-c', 'kill -TERM $$']), { ok: false, error: { code: 'EINTR' } });
});

t.test('the identity of a process whose name is hostile', async (t) => {
  const { processes, dir } = open(t);
  // A name with blanks and brackets shifts the fields of /proc/PID/stat for who counts from the left.
  const file = join(dir, 'a) S 1 (b');
  spawnSync('cp', ['/bin/sleep', file]);
  writeFileSync(join(dir, 'x'), '');
  const child = started(processes.spawn(file, ['1000']));
  const plain = started(processes.spawn('/bin/sleep', ['1000']));
  t.ok(Math.abs(child.identity.startTicks - plain.identity.startTicks) < 1000);
  for (const c of [child, plain]) c.signal('SIGKILL');
  await Promise.all([child.exited, plain.exited]);
});
