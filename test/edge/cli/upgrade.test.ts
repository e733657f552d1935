/** upgrade: what it asks of the router, and what it says. */
import t from 'tap';
import { ok } from '#src/base/result.ts';
import type { JsonObject } from '#src/edge/cli/bus.ts';
import { Captured, cli, FakeBus } from './fake.ts';

const SAID = {
  running: 'a',
  order: ['a'],
  slots: { a: { version: '1.0', serial: 10 }, b: { version: '1.1', serial: 11 } },
};
const FILE = new Uint8Array(600_000).map((_, i) => i);
const readPiece = (path: string, offset: number, maxBytes: number) =>
  path === 'new.gup'
    ? ok({ bytes: FILE.slice(offset, offset + maxBytes), sizeBytes: FILE.length })
    : ok({ bytes: new Uint8Array(0), sizeBytes: 0 });

/** A router whose install takes two looks. */
function bus(answers: Readonly<Record<string, JsonObject>> = {}): FakeBus {
  const data = (what: JsonObject): JsonObject => ({ status: 'success', message: null, data: what });
  let looks = 0;
  return new FakeBus({
    'gatehouse call': ({ command }) => {
      const given = answers[String(command)];
      if (given !== undefined) return given;
      if (command === 'install') return data({ state: 'verifying', percent: 0 });
      if (command === 'download') return data({ state: 'receiving', percent: 0 });
      if (command === 'status') {
        looks++;
        return data(
          looks < 2
            ? { state: 'writing', percent: 50 }
            : { state: 'ready', percent: 100, said: SAID },
        );
      }
      if (command === 'activate') return data({ said: { ...SAID, order: ['b', 'a'] } });
      if (command === 'rollback') return data({ said: SAID });
      return data({});
    },
    'bbfdm operate': ({ command }) => ({ results: [{ path: command ?? '' }] }),
  });
}

const commands = ({ calls }: FakeBus): unknown[] =>
  calls.map(({ method, args }) => args['command'] ?? method);

t.test('sent in pieces, installed, activated, and the box starts again', async (t) => {
  const b = bus();
  const ran = await cli(['upgrade', 'new.gup', '--yes'], b, { readPiece });
  t.equal(ran.code, 0, ran.err);
  t.match(ran.err, /the other slot is booted next\nthe box reboots now/);
  t.same(commands(b), [
    'begin',
    'write',
    'write',
    'install',
    'status',
    'status',
    'activate',
    'Device.Reboot()',
  ]);
  const sent = b.calls
    .filter(({ args }) => args['command'] === 'write')
    .map(({ args }) => args['args'] as JsonObject);
  t.same(
    sent.map(({ offset }) => offset),
    [0, 524_288],
  );
  const bytes = sent.flatMap(({ data }) => [...Uint8Array.fromBase64(String(data))]);
  t.same(Uint8Array.from(bytes), FILE);
  t.match(b.calls[0]?.args, { service: 'update', args: { size: 600_000 } });
});

t.test('progress is one line of a terminal', async (t) => {
  const stderr = new Captured(true);
  await cli(['upgrade', 'new.gup', '--yes'], bus(), { readPiece, stderr });
  t.match(stderr.text, /\rreceiving: 87 % +\rreceiving: 100 %/);
  t.match(stderr.text, /\rwriting to the idle slot: 50 %/);
});

t.test('what fails is told, and nothing is activated', async (t) => {
  const fault = (message: string) => ({ status: 'error', message, data: null });
  for (const [command, message] of [
    ['begin', 'this box has no slots for firmware'],
    ['write', 'this update is for arm64, the box is x86_64'],
    ['install', 'the root helper refused'],
  ] as const) {
    const b = bus({ [command]: fault(message) });
    const ran = await cli(['upgrade', 'new.gup', '--yes'], b, { readPiece });
    t.match(ran, { code: 1, err: new RegExp(message) });
    t.equal(commands(b).at(-1), command);
  }
  const failed = bus({
    status: {
      status: 'success',
      message: null,
      data: { state: 'failed', fault: 'older (serial 9)' },
    },
  });
  const ran = await cli(['upgrade', 'new.gup'], failed, { readPiece });
  t.match(ran, { code: 1, err: /older \(serial 9\)/ });
  t.notOk(commands(failed).includes('activate'));
  t.match(await cli(['upgrade', 'none.gup'], bus()), { code: 1, err: /no such file/ });
});

t.test('a link is fetched by the router itself', async (t) => {
  const url = 'https://maker.example/new.gup';
  const b = bus();
  t.equal((await cli(['upgrade', url, '--yes'], b)).code, 0);
  t.same(commands(b), ['download', 'status', 'status', 'activate', 'Device.Reboot()']);
  t.match(b.calls[0]?.args, { service: 'update', args: { url } });
  const ctrlC = new AbortController();
  ctrlC.abort();
  const ended = bus();
  const { signal } = ctrlC;
  t.match(await cli(['upgrade', url], ended, { signal }), {
    code: 1,
    err: /nothing was installed/,
  });
  t.same(commands(ended), ['download', 'cancel']);
  const busy = { state: 'writing', percent: 40, missing: null, fault: '', said: SAID };
  const at = bus({ status: { status: 'success', message: null, data: busy } });
  t.match((await cli(['upgrade', '--status'], at)).out, /writing to the idle slot: 40 %/);
});

t.test(
  'Ctrl-C: what is on its way is given up, what is being written goes on, and is not activated',
  async (t) => {
    for (const [when, message, last] of [
      ['write', /given up: nothing was installed/, 'cancel'],
      ['status', /it goes on, .*not activated/, 'status'],
    ] as const) {
      const ctrlC = new AbortController();
      const b = bus();
      const connected = b.call.bind(b);
      b.call = (object, method, args) => {
        if (args['command'] === when) ctrlC.abort();
        return connected(object, method, args);
      };
      const { signal } = ctrlC;
      const ran = await cli(['upgrade', 'new.gup', '--yes'], b, { readPiece, signal });
      t.match(ran, { code: 1, err: message });
      t.equal(commands(b).at(-1), last);
    }
  },
);

t.test('who does not want the box to start again now is told how it does', async (t) => {
  const later = "'gatehouse reboot' starts it\n";
  for (const [readLine, code, says] of [
    [async () => 'n', 0, later],
    [
      async () => undefined,
      2,
      `gatehouse: nobody sits at a terminal to confirm it: add --yes; ${later}`,
    ],
  ] as const) {
    const b = bus();
    const ran = await cli(['upgrade', 'new.gup'], b, { readPiece, readLine });
    t.same(ran, { code, out: '', err: `the other slot is booted next\n${says}` });
    t.equal(commands(b).at(-1), 'activate');
  }
});

t.test('status, for people and as JSON; back again; wrong usage', async (t) => {
  const status = { state: 'failed', missing: null, fault: 'cut off', said: SAID };
  const b = bus({ status: { status: 'success', message: null, data: status } });
  const said = await cli(['upgrade', '--status'], b);
  t.equal(said.code, 0, said.err);
  t.match(said.out, /Update +failed: cut off/);
  t.match(said.out, /a +1\.0 +10 +runs, booted next/);
  t.match(said.out, /b +1\.1 +11/);
  t.same(JSON.parse((await cli(['--json', 'upgrade', '--status'], b)).out), status);

  const back = bus();
  t.match(await cli(['upgrade', '--rollback'], back), { code: 0, err: 'this slot stays\n' });
  t.same(commands(back), ['rollback']);
  const json = await cli(['--json', 'upgrade', 'new.gup'], bus(), { readPiece });
  t.match(JSON.parse(json.out), { said: { order: ['b', 'a'] } });
  for (const args of [[], ['x', '--status'], ['--rollback', '--status']]) {
    t.equal((await cli(['upgrade', ...args], bus())).code, 2);
  }
});
