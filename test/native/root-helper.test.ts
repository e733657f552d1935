/** The root helper as a process, in a box of its own: what it asks of the kernel ends that box alone. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { decodeRootAnswer, encodeRootRequest } from '#src/wire/root-helper.ts';
import { noBoxes, ROOT, SmallBox, UID } from '../lib/small-box.ts';

t.setTimeout(120_000);
const PROGRAM = join(ROOT, 'build/native/root-helper');
const skip = noBoxes() ?? false;

const NAME = encodeRootRequest({ verb: 'hostname', name: 'Box-2' });
const REBOOT = encodeRootRequest({ verb: 'reboot' });
const POWEROFF = encodeRootRequest({ verb: 'poweroff' });

async function boxed(t: Test): Promise<SmallBox> {
  const box = new SmallBox();
  t.teardown(() => box[Symbol.asyncDispose]());
  return box;
}

/** Outcomes of requests on one connection; `closed` where it ended without one. */
async function ask(box: SmallBox, ...requests: readonly Uint8Array[]): Promise<string[]> {
  const socket = connect(box.socket);
  const outcomes: string[] = [];
  try {
    await once(socket, 'connect');
    const chunks = socket[Symbol.asyncIterator]();
    for (const request of requests) {
      socket.write(request);
      const { value } = await chunks.next();
      const answer = Buffer.isBuffer(value) ? decodeRootAnswer(value) : undefined;
      outcomes.push(answer?.ok === true ? answer.value.outcome : 'closed');
    }
  } finally {
    socket.destroy();
  }
  return outcomes;
}

/** The same from a process of another user and group. */
async function askAs(box: SmallBox, uid: number, gid: number, request?: Uint8Array) {
  const hex = request === undefined ? '' : Buffer.from(request).toString('hex');
  const script = `
    process.setgroups([]); process.setgid(${gid}); process.setuid(${uid});
    const socket = require('node:net').connect('${box.socket}');
    socket.on('error', ({ code }) => console.log(code));
    socket.on('data', (chunk) => { console.log(chunk.toString('hex')); socket.destroy(); });
    if ('${hex}' !== '') socket.write(Buffer.from('${hex}', 'hex'));`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const said = (await text(child.stdout)).trim();
  const answer = decodeRootAnswer(Uint8Array.from(Buffer.from(said, 'hex')));
  return answer.ok ? answer.value.outcome : said;
}

async function started(t: Test): Promise<SmallBox> {
  const box = await boxed(t);
  box.startDeaf(`${box.helper} &`);
  await box.until('the helper listens', () => statSync(box.socket, { throwIfNoEntry: false }));
  return box;
}

t.test('static and small', async (t) => {
  if (process.env['LD_PRELOAD'] !== undefined) return t.comment('not the one for the box');
  t.ok(statSync(PROGRAM).size <= 100_000, `${statSync(PROGRAM).size} bytes`);
  t.notOk(readFileSync(PROGRAM).includes('ld-linux'), 'no dynamic loader');
});

t.test('sets the host name, for root and gatehouse alone', { skip }, async (t) => {
  const box = await started(t);
  const { mode, uid, gid } = statSync(box.socket);
  t.same([mode & 0o777, uid, gid], [0o660, UID, UID]);
  t.equal(box.hostName, 'small-box');
  t.same(await ask(box, NAME), ['done']);
  t.equal(box.hostName, 'Box-2');
  const other = encodeRootRequest({ verb: 'hostname', name: 'other' });
  t.equal(await askAs(box, UID, UID, other), 'done');
  t.equal(box.hostName, 'other');
  t.equal(await askAs(box, UID + 1, UID + 1, REBOOT), 'EACCES');
  // Strangers are told so before they ask.
  const group = await askAs(box, UID + 1, UID);
  t.equal(group, 'stranger', 'the group is not enough');
  t.equal(statSync(box.audit).mode & 0o777, 0o600);
  t.equal(box.records.length, 3);
  t.match(box.records[0], /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ pid=\d+ uid=0 hostname Box-2 done$/);
  t.match(box.records[1], new RegExp(` uid=${UID} hostname other done$`));
  t.match(box.records[2], new RegExp(` uid=${UID + 1} unknown refused: stranger$`));
});

t.test('what is malformed is refused, and recorded', { skip }, async (t) => {
  const box = await started(t);
  const named = (name: string) => encodeRootRequest({ verb: 'hostname', name });
  const wrong: readonly (readonly [Uint8Array, string])[] = [
    [REBOOT.with(4, 2), 'malformed'],
    [REBOOT.subarray(0, 40), 'malformed'],
    [REBOOT.with(71, 1), 'malformed'],
    [REBOOT.with(6, 200), 'unknownVerb'],
    [REBOOT.with(7, 1), 'badArgument'],
    [named('a b'), 'badArgument'],
    [named('../etc'), 'badArgument'],
  ];
  for (const [request, outcome] of wrong) t.same(await ask(box, request), [outcome]);
  t.equal(box.hostName, 'small-box');
  t.equal(box.records.length, wrong.length);
  t.match(box.records.at(-1), / hostname refused: bad argument$/);
});

t.test('a flood is refused, and does not wash the record away', { skip }, async (t) => {
  const box = await started(t);
  const outcomes = await ask(box, ...Array.from({ length: 40 }, () => NAME));
  t.same(outcomes.slice(0, 8), Array(8).fill('done'));
  const refused = outcomes.filter((outcome) => outcome === 'tooMany').length;
  t.ok(refused > 20, `${refused} of 40 refused`);
  await box.until('another is earned', async () => (await ask(box, NAME))[0] === 'done');
  t.equal(box.records.filter((line) => line.endsWith('refused: too many')).length, 1);
  t.match(box.records.at(-1), /hostname Box-2 done \(\d+ more were too many\)$/);
});

t.test('a record that is full becomes the old one', { skip }, async (t) => {
  const box = await boxed(t);
  writeFileSync(box.audit, `${'x'.repeat(262_100)}\n`);
  box.startDeaf(`${box.helper} &`);
  await box.until('the helper listens', () => statSync(box.socket, { throwIfNoEntry: false }));
  t.same(await ask(box, NAME, NAME), ['done', 'done']);
  t.equal(box.records.length, 2);
  t.equal(statSync(`${box.audit}.1`).size, 262_101);
});

t.test('where it will not start', { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'gh-helper-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const ran = (...args: string[]) => {
    const { status, stderr } = spawnSync(PROGRAM, args, { encoding: 'utf8', timeout: 10_000 });
    t.equal(status, 1);
    return stderr;
  };
  t.match(ran('--audit'), /usage: /);
  t.match(ran('--audit', 'log'), /full path/);
  t.match(ran('--audit', join(folder, 'none/log')), /No such file/);
  symlinkSync('/etc/passwd', join(folder, 'link'));
  t.match(
    ran('--audit', join(folder, 'link')),
    /Too many levels of symbolic links|Symbolic link loop/,
  );
  mkdirSync(join(folder, 'open'), { mode: 0o777 });
  spawnSync('chmod', ['777', join(folder, 'open')]);
  t.match(ran('--audit', join(folder, 'open/log')), /must be root's/);
});

t.test('busybox reboots and powers off in order', { skip }, async (t) => {
  const cases = [
    [REBOOT, 'SIGHUP'],
    [POWEROFF, 'SIGINT'],
  ] as const;
  for (const [request, signal] of cases) {
    const box = await boxed(t);
    box.startBusybox(`::respawn:${box.helper}`);
    await box.until('the helper listens', () => statSync(box.socket, { throwIfNoEntry: false }));
    t.same(await ask(box, request, REBOOT), ['done', 'goingDown'], 'answered before it ends');
    t.equal(await box.gone, signal);
    t.ok(box.endedInOrder, 'init ran what it runs at the end');
  }
});

t.test('an init that does not hear: the kernel is told', { skip }, async (t) => {
  const box = await started(t);
  t.same(await ask(box, REBOOT), ['done']);
  t.equal(await box.gone, 'SIGHUP');
  t.notOk(box.endedInOrder);
  t.match(box.records, [/ reboot done$/]);
});

t.test('it comes back after it was killed, in place of its old socket', { skip }, async (t) => {
  const box = await boxed(t);
  box.startBusybox(`::respawn:${box.helper}`);
  const inode = () => statSync(box.socket, { throwIfNoEntry: false })?.ino;
  await box.until('the helper listens', inode);
  const before = inode();
  process.kill(box.pidOf('root-helper'), 'SIGKILL');
  await box.until('it listens again', () => inode() !== undefined && inode() !== before);
  t.same(await ask(box, NAME), ['done']);
});
