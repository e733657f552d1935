import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { LinuxClock } from '#src/os/linux/clock.ts';
import { loadNative } from '#src/os/linux/native.ts';

const clock = new LinuxClock(loadNative());

t.test('the three clocks', async (t) => {
  const a = clock.monoMs();
  t.ok(clock.monoMs() >= a);
  t.ok(Math.abs(clock.wallMs() - Date.now()) < 60_000);
  const uptimeMs = Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]) * 1000;
  const bootMs = clock.boottimeMs();
  t.ok(bootMs >= uptimeMs, 'at least what /proc/uptime said just before');
  t.ok(clock.boottimeMs() >= bootMs);
});

t.test('a timer fires once, not before its time, and not after cancel', async (t) => {
  const began = clock.monoMs();
  let cancelled = false;
  const other = clock.after(1, () => {
    cancelled = true;
  });
  other.cancel();
  other.cancel();
  await new Promise<void>((resolve) => clock.after(5, resolve));
  t.ok(clock.monoMs() - began >= 5);
  t.notOk(cancelled);
});

t.test('no delay, or a negative one, is still later', async (t) => {
  let ran = 0;
  clock.after(0, () => ran++);
  clock.after(-5, () => ran++);
  t.equal(ran, 0);
  await new Promise<void>((resolve) => clock.after(1, resolve));
  t.equal(ran, 2);
});

t.test('waits over 2^31−1 ms are split, and Infinity never fires', (t) => {
  // With Node's own timers mocked 100 days pass at once.
  t.plan(1);
  const script = `
    import { mock } from 'node:test';
    import assert from 'node:assert';
    import { LinuxClock } from ${JSON.stringify(new URL('../../../src/os/linux/clock.ts', import.meta.url).href)};
    mock.timers.enable({ apis: ['setTimeout'] });
    let nowMs = 0;
    class Fake extends LinuxClock { monoMs() { return nowMs; } }
    const clock = new Fake({ boottimeMs: () => nowMs });
    const fired = [];
    const days = (n) => n * 86_400_000;
    clock.after(days(100), () => fired.push('late'));
    clock.after(days(60), () => fired.push('cancelled')).cancel();
    const second = clock.after(days(90), () => fired.push('cancelled later'));
    clock.after(Infinity, () => fired.push('never'));
    const pass = (ms) => { nowMs += ms; mock.timers.tick(ms); };
    pass(1); pass(2 ** 31 - 2);
    assert.deepStrictEqual(fired, []);
    second.cancel();
    pass(days(100) - 2 ** 31);
    assert.deepStrictEqual(fired, []);
    pass(1);
    pass(1);
    assert.deepStrictEqual(fired, ['late']);
    pass(days(1000));
    assert.deepStrictEqual(fired, ['late']);`;
  const ran = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  t.equal(ran.stderr.replace(/^.*Warning.*\n.*\n/gm, ''), '');
});
