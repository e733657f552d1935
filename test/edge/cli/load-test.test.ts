/** `gatehouse load-test`: what is asked of the daemon, how it is followed, and what is said in the end. */
import t from 'tap';
import { runCli } from '#src/edge/cli/program.ts';
import type { JsonObject } from '../../../src/edge/cli/bus.ts';
import { Captured, cli, FakeBus, fakeEnvironment } from './fake.ts';

const latency = { sent: 80, received: 78, medianUs: 57_000, p95Us: 80_000, jitterUs: 5000 };
const LAST = {
  ...{ number: 1, slot: 1, atSec: 1_796_000_000, cause: 'Owner', host: 'speed.example' },
  idle: { ...latency, medianUs: 12_000 },
  download: {
    ...{ bitsPerSec: 93_456_789, bytes: 90_000_000, tookMs: 10_000, increaseUs: 45_000 },
    ...{ latency, ended: 'Duration', reason: '' },
  },
  ...{ grade: 'B', bytes: 90_000_000, ended: 'Duration', reason: '' },
};

/** A daemon where a test goes on for as many looks as there are phases. */
function daemon(last: object, phases: readonly string[] = ['idle', 'download']) {
  let looks = 0;
  const asked: string[] = [];
  const bus = new FakeBus({
    'gatehouse call': ({ command, args }): JsonObject => {
      asked.push(`${command} ${JSON.stringify(args)}`);
      const phase = phases[looks];
      const running = { phase, elapsedMs: 1500, bytes: 1e6, bitsPerSec: 5e7, rttUs: 33_000 };
      const status =
        phase === undefined ? { status: 'Disabled', last } : { status: 'Running', running };
      if (command === 'status') looks += 1;
      const data =
        command === 'run'
          ? { capBytes: 250_000_000, host: 'speed.example' }
          : command === 'history'
            ? { runs: [last] }
            : status;
      return { status: 'success', message: null, data: data as JsonObject };
    },
  });
  return { bus, asked };
}
const pause = async (): Promise<void> => {};

t.test('it is begun as wanted, followed, and told', async (t) => {
  const { bus, asked } = daemon(LAST);
  const args = ['--url', 'http://h/f', '--upload-url', 'http://h/u', '--target', 'h'];
  const numbers = ['--seconds', '5', '--streams', '2', '--cap', '1000000000000'];
  const ran = await cli(['load-test', ...args, ...numbers], bus, { pause });
  t.equal(ran.code, 0, ran.err);
  t.same(asked, [
    'run {"url":"http://h/f","upload-url":"http://h/u","target":"h","seconds":5,"streams":2,"cap":1000000000000}',
    ...Array.from({ length: 3 }, () => 'status {}'),
  ]);
  t.match(ran.err, /at most 250 MB are taken; speed.example is asked meanwhile; Ctrl-C/);
  t.match(ran.out, /LINE +RATE +MEDIAN/);
  t.match(ran.out, /idle +12\.0 ms +80\.0 ms +5\.00 ms +2\.5 %\n/);
  t.match(ran.out, /download +93\.5 Mbit\/s +57\.0 ms .* 45\.0 ms +90\.0 MB +Duration/);
  t.match(ran.out, /grade B; 90\.0 MB taken/);
  t.notMatch(ran.err, '\r', 'no progress where nobody looks');
});

t.test('a limit that is reached at once leaves no rate, and that is said', async (t) => {
  const { bitsPerSec: _, ...download } = LAST.download;
  const last = { ...LAST, download: { ...download, ended: 'Cap' }, ended: 'Cap' };
  const ran = await cli(['load-test'], daemon(last).bus, { pause });
  t.equal(ran.code, 0, ran.err);
  t.match(ran.err, /too soon for a rate: a larger --cap/);
  t.notMatch((await cli(['load-test'], daemon(LAST).bus, { pause })).err, /too soon/);
});

t.test('a limit is a size', async (t) => {
  const { bus, asked } = daemon(LAST);
  for (const cap of ['2G', '500M', '250000000']) {
    t.equal((await cli(['load-test', '--cap', cap], bus, { pause })).code, 0, cap);
  }
  t.same(
    asked.filter((one) => one.startsWith('run')),
    ['run {"cap":2000000000}', 'run {"cap":500000000}', 'run {"cap":250000000}'],
  );
  for (const wrong of ['5x', '1K', '2000G', '', '-1M', '1.5G']) {
    t.equal((await cli(['load-test', '--cap', wrong], bus, { pause })).code, 2, wrong);
  }
});

t.test('progress is for those who look', async (t) => {
  const { bus } = daemon(LAST);
  const stderr = new Captured(true);
  const environment = fakeEnvironment(bus, { stdout: new Captured(), stderr });
  t.equal(await runCli(['load-test'], { ...environment, pause }), 0);
  const shown = stderr.text.replaceAll('\u001b[K', '');
  t.match(shown, /\ridle +1\.5 s +33\.0 ms +1\.0 MB\r/);
  t.match(shown, /\rdownload +1\.5 s +50\.0 Mbit\/s +33\.0 ms +1\.0 MB\r$/);
  const json = await cli(['--json', 'load-test'], daemon(LAST).bus, { pause });
  t.same(JSON.parse(json.out), LAST);
  t.equal(json.err, '');
});

t.test('Ctrl-C calls it off, once', async (t) => {
  const { bus, asked } = daemon({ ...LAST, ended: 'Aborted' }, ['idle', 'idle', 'idle']);
  const controller = new AbortController();
  const ran = await cli(['load-test'], bus, {
    signal: controller.signal,
    pause: async () => controller.abort(),
  });
  t.match(ran, { code: 1, err: /it was called off/ });
  t.same(
    asked.filter((one) => one.startsWith('stop')),
    ['stop {}'],
  );
});

t.test('what fails is told, and why it was not begun', async (t) => {
  const failed = { ...LAST, ended: 'Failed', reason: 'http://h/f: status 404 \u001b[2J' };
  const ran = await cli(['load-test'], daemon(failed).bus, { pause });
  t.match(ran, { code: 1, err: /http:\/\/h\/f: status 404 \\x1b\[2J/ });
  const refused = new FakeBus({
    'gatehouse call': () => ({
      status: 'error',
      message: 'no URL to load the line with',
      data: null,
    }),
  });
  t.match(await cli(['load-test'], refused), { code: 1, err: /no URL to load/, out: '' });
  for (const wrong of [
    ['--seconds', '31'],
    ['--streams', '0'],
    ['--cap', '99'],
    ['--cap', '1000000000001'],
  ]) {
    t.match(await cli(['load-test', ...wrong], refused), {
      code: 2,
      err: /a (size such as|whole number from)/,
    });
  }
  t.match(await cli(['load-test']), { code: 1, err: /no bus/ });
});

t.test('earlier ones', async (t) => {
  const ran = await cli(['load-test', '--history'], daemon(LAST).bus);
  t.match(ran, { code: 0, out: /2026-11-30T00:53 +Owner +93\.5 Mbit\/s .* B +90\.0 MB +Duration/ });
});
