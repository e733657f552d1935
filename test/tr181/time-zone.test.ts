/** Time zones: POSIX text, names of the database, and what Device.Time makes of them. */
import { existsSync, readFileSync } from 'node:fs';
import t from 'tap';
import { formatPosixZone, offsetAt, parsePosixZone } from '../../src/tr181/posix-zone.ts';
import { offsetsOf, posixOf } from '../../src/tr181/zone-names.ts';
import { record, router, settled } from './fixture.ts';

const NOW = Date.UTC(2026, 5, 1);
const HOUR = 3_600_000;

t.test('POSIX text: round trip, changes of the clock, and what is none', async (t) => {
  for (const text of [
    'UTC0',
    'CET-1CEST,M3.5.0,M10.5.0/3',
    'EST5EDT,M3.2.0,M11.1.0',
    '<+1030>-10:30<+11>-11,M10.1.0,M4.1.0',
    'IST-2IDT,M3.4.4/26,M10.5.0',
    '<-02>2<-01>,M3.5.0/-1,M10.5.0/0',
    'XYZ3:15:30',
    'AAA0BBB,J60/0,300/5',
  ]) {
    const zone = parsePosixZone(text);
    t.equal(zone && formatPosixZone(zone), text);
  }
  const implied = parsePosixZone('EST5EDT');
  t.equal(implied && formatPosixZone(implied), 'EST5EDT,M3.2.0,M11.1.0', 'no rules: America’s');
  for (const none of [
    '',
    'CET',
    'C-1',
    'CET-25',
    'CET-1CEST,M3.5.0',
    'CET-1CEST,M13.5.0,M10.5.0',
    'CET-1CEST,M3.6.0,M10.5.0',
    'CET-1CEST,M3.5.7,M10.5.0',
    'CET-1CEST,J0,J366',
    'CET-1CEST,M3.5.0/168,M10.5.0',
    'CET-1;reboot',
    'CET-1\n',
  ]) {
    t.equal(parsePosixZone(none), undefined, none);
  }
  const berlin = parsePosixZone('CET-1CEST,M3.5.0,M10.5.0/3');
  const sydney = parsePosixZone('AEST-10AEDT,M10.1.0,M4.1.0/3');
  if (berlin === undefined || sydney === undefined) throw new Error('refused');
  const spring = Date.UTC(2026, 2, 29, 1);
  t.equal(offsetAt(berlin, spring - 1), 3600);
  t.equal(offsetAt(berlin, spring), 7200);
  t.equal(offsetAt(berlin, Date.UTC(2026, 9, 25, 1) - 1), 7200);
  t.equal(offsetAt(berlin, Date.UTC(2026, 9, 25, 1)), 3600);
  t.equal(offsetAt(sydney, Date.UTC(2026, 0, 1)), 11 * 3600, 'summer over New Year');
  t.equal(offsetAt(sydney, Date.UTC(2026, 6, 1)), 10 * 3600);
  // Day 60 without the leap day is 1 March in every year.
  const march = parsePosixZone('AAA0BBB,J60/0,J300/0');
  for (const year of [2026, 2028]) {
    t.equal(march && offsetAt(march, Date.UTC(year, 2, 1) - 1), 0, `${year}`);
    t.equal(march && offsetAt(march, Date.UTC(year, 2, 1)), 3600, `${year}`);
  }
});

t.test('names become rules', async (t) => {
  t.equal(posixOf('Europe/Berlin', NOW), 'CET-1CEST,M3.5.0,M10.5.0/3');
  t.equal(posixOf('America/New_York', NOW), 'EST5EDT,M3.2.0,M11.1.0');
  t.equal(posixOf('Asia/Kolkata', NOW), 'IST-5:30');
  t.equal(posixOf('UTC', NOW), 'UTC0');
  t.match(posixOf('Asia/Jerusalem', NOW), /,M3\.4\.4\/26,M10\.5\.0$/);
  for (const none of ['Europe/Nowhere', '+01:00', '../etc/passwd', '', 'a\nb']) {
    t.equal(posixOf(none, NOW), undefined, none);
  }
});

t.test('every zone: the rule tells the truth for years', async (t) => {
  const zones = Intl.supportedValuesOf('timeZone');
  const without: string[] = [];
  for (const name of zones) {
    const text = posixOf(name, NOW);
    const zone = text === undefined ? undefined : parsePosixZone(text);
    const truth = offsetsOf(name);
    if (zone === undefined || truth === undefined) {
      t.fail(`${name}: ${text}`);
      continue;
    }
    // Eleven days and some hours: over the years every month, week day and hour.
    const wrong = Array.from({ length: 120 }, (_, i) => NOW + i * 275 * HOUR).some(
      (atMs) => offsetAt(zone, atMs) !== truth(atMs),
    );
    if (wrong) without.push(name);
  }
  t.ok(zones.length > 300);
  t.same(without, ['Africa/Casablanca', 'Africa/El_Aaiun'], 'but for those that follow the moon');
});

t.test('the same as the files of the time zone database say', async (t) => {
  const folder = '/usr/share/zoneinfo';
  if (!existsSync(`${folder}/Europe/Berlin`)) {
    t.comment('skipped: this machine has no time zone database');
    return;
  }
  for (const name of ['Europe/London', 'America/Santiago', 'Australia/Lord_Howe', 'Asia/Tehran']) {
    const footer = readFileSync(`${folder}/${name}`, 'latin1').trimEnd().split('\n').at(-1) ?? '';
    const [theirs, ours] = [parsePosixZone(footer), parsePosixZone(posixOf(name, NOW) ?? '')];
    for (let i = 0; i < 200; i++) {
      const atMs = NOW + i * 97 * HOUR;
      if (!theirs || !ours || offsetAt(theirs, atMs) !== offsetAt(ours, atMs)) {
        t.fail(`${name}: ${footer}`);
        break;
      }
    }
    t.pass(name);
  }
});

t.test('Device.Time takes both, and keeps the name beside the text', async (t) => {
  const b = await router();
  const time = (name: string): string => b.get(`Device.Time.${name}`);
  t.equal(time('LocalTimeZone'), 'UTC0');
  t.equal(time('CurrentLocalTime'), '2026-01-01T00:00:00Z');
  const seen = record(b.model, 'Device.Time.');
  t.equal(await b.set('Device.Time.LocalTimeZone', 'Europe/Berlin'), 'done');
  await settled();
  t.same(seen, [
    'Device.Time.X_GATEHOUSE_TimeZoneName=Europe/Berlin',
    'Device.Time.LocalTimeZone=CET-1CEST,M3.5.0,M10.5.0/3',
  ]);
  t.equal(time('X_GATEHOUSE_TimeZoneName'), 'Europe/Berlin');
  t.equal(time('CurrentLocalTime'), '2026-01-01T01:00:00+01:00');
  const kept = b.restart();
  t.equal(kept.get('Device.Time.CurrentLocalTime'), '2026-01-01T01:00:00+01:00');
  t.equal(await b.set('Device.Time.LocalTimeZone', '<-0330>3:30'), 'done');
  t.equal(time('X_GATEHOUSE_TimeZoneName'), '');
  t.equal(time('CurrentLocalTime'), '2025-12-31T20:30:00-03:30');
  t.equal(await b.set('Device.Time.LocalTimeZone', 'Mars/Olympus'), 'outOfRange');
  t.equal(await b.set('Device.Time.X_GATEHOUSE_TimeZoneName', 'UTC'), 'notWritable');
});
