import fc from 'fast-check';
import t from 'tap';
import { Attempts, LOGIN_LIMITS } from '../../../src/edge/http/attempts.ts';
import { hostOf, isAllowedHost, isSameOrigin } from '../../../src/edge/http/hosts.ts';

const MINUTE = 60_000;

t.test('five a minute; a success forgets', async (t) => {
  const attempts = new Attempts({ ...LOGIN_LIMITS, freeFailures: 99 });
  for (let i = 0; i < 5; i++) {
    t.equal(attempts.waitMs('a', i * 1000), 0);
    attempts.begin('a', i * 1000);
    attempts.failed('a', i * 1000);
  }
  t.equal(attempts.waitMs('a', 5000), MINUTE - 5000);
  t.equal(attempts.waitMs('b', 5000), 0);
  t.equal(attempts.waitMs('a', MINUTE), 0);
  attempts.succeeded('a');
  t.equal(attempts.waitMs('a', 5000), 0);
});

t.test('failures in a row lock out, ever longer, to a quarter of an hour', async (t) => {
  const attempts = new Attempts();
  let nowMs = 0;
  const locks: number[] = [];
  for (let i = 0; i < 12; i++) {
    nowMs += attempts.waitMs('a', nowMs);
    attempts.begin('a', nowMs);
    attempts.failed('a', nowMs);
    locks.push(attempts.waitMs('a', nowMs) / MINUTE);
  }
  t.same(locks, [0, 0, 0, 0, 1, 2, 4, 8, 15, 15, 15, 15]);
  nowMs += 25 * 60 * MINUTE;
  attempts.begin('a', nowMs);
  attempts.failed('a', nowMs);
  t.equal(attempts.waitMs('a', nowMs), 0, 'after a day it begins anew');
});

t.test('a storm of names costs no memory, and never more than five a minute pass', async (t) => {
  const attempts = new Attempts();
  for (let i = 0; i < 5000; i++) attempts.begin(`name ${i}`, i);
  t.equal(attempts.size, LOGIN_LIMITS.maxKeys);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 100 }), (gaps) => {
      const each = new Attempts();
      const passed: number[] = [];
      let nowMs = 0;
      for (const gap of gaps) {
        nowMs += gap;
        if (each.waitMs('k', nowMs) > 0) continue;
        passed.push(nowMs);
        each.begin('k', nowMs);
        each.failed('k', nowMs);
      }
      return passed.every(
        (at, i) => passed[i + 5] === undefined || (passed[i + 5] ?? 0) >= at + MINUTE,
      );
    }),
    { seed: 3 },
  );
});

t.test('hosts and origins', async (t) => {
  t.equal(hostOf('BOX.lan.:8443'), 'box.lan');
  t.equal(hostOf('[FD00::1]:443'), 'fd00::1');
  for (const odd of [
    undefined,
    '',
    'a b',
    'a/b',
    'a@b',
    'a:b',
    'a:99999',
    '::1',
    '[::1',
    'a\r\n',
  ]) {
    t.equal(hostOf(odd), undefined, `${odd}`);
  }
  t.ok(isAllowedHost('Gatehouse', ['gatehouse']));
  t.notOk(isAllowedHost('gatehouse.evil', ['gatehouse']));
  t.notOk(isAllowedHost('127.0.0.2', []));
  t.ok(isSameOrigin('https://box:8443', 'BOX:8443'));
  t.ok(isSameOrigin('https://box', 'box:443'));
  for (const other of [
    'http://box',
    'https://box:8443',
    'null',
    'https://box.evil',
    'https://xbox',
  ]) {
    t.notOk(isSameOrigin(other, 'box'), other);
  }
});
