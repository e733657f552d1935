import t from 'tap';
import {
  bytes,
  clock,
  csv,
  duration,
  hexText,
  ipv4,
  prefixLength,
  rate,
  relative,
  spanParts,
  timeMs,
} from '../../src/web/lib/format.ts';

t.test('amounts are three digits and a unit, in the language of the page', async (t) => {
  t.equal(bytes(0, 'en'), '0 B');
  t.equal(bytes(999, 'en'), '999 B');
  t.equal(bytes(1000, 'en'), '1.00 kB');
  t.equal(bytes(999_499, 'en'), '999 kB');
  t.equal(bytes(999_500, 'en'), '1.00 MB', 'never 1,000 of a unit');
  t.equal(bytes(12_345_678, 'de'), '12,3 MB');
  t.equal(rate(125_000, 'en'), '1.00 Mbit/s');
  t.equal(rate(-5, 'en'), '0 bit/s');
});

t.test('spans have at most two units', async (t) => {
  t.same(spanParts(0), [['second', 0]]);
  t.same(spanParts(-5), [['second', 0]]);
  t.same(spanParts(3600), [['hour', 1]]);
  t.same(spanParts(90_061), [
    ['day', 1],
    ['hour', 1],
  ]);
  t.equal(duration(3725, 'en'), '1 hour 2 minutes');
  t.equal(duration(3725, 'de'), '1 Stunde 2 Minuten');
  t.equal(clock(65.2), '1:06');
  t.equal(clock(-1), '0:00');
});

t.test('moments are said relative to now', async (t) => {
  const now = 1_800_000_000_000;
  t.equal(relative(now - 12_000, now, 'en'), '12 seconds ago');
  t.equal(relative(now - 86_400_000, now, 'en'), 'yesterday');
  t.equal(relative(now + 7_200_000, now, 'de'), 'in 2 Stunden');
  t.equal(timeMs('0001-01-01T00:00:00Z'), undefined, "TR-106's unknown time");
  t.equal(timeMs('soon'), undefined);
  t.equal(timeMs(5), 5);
});

t.test('addresses and masks', async (t) => {
  t.equal(ipv4('192.168.1.1'), 0xc0a80101);
  for (const bad of ['', '1.2.3', '1.2.3.256', '1.2.3.4.5', 'a.b.c.d'])
    t.equal(ipv4(bad), undefined, bad);
  for (let length = 0; length <= 32; length++) {
    const mask = length === 0 ? 0 : (-1 << (32 - length)) >>> 0;
    const text = [24, 16, 8, 0].map((shift) => (mask >>> shift) & 255).join('.');
    t.equal(prefixLength(text), length, text);
  }
  t.equal(prefixLength('255.0.255.0'), undefined);
});

t.test('hex that is text reads as text', async (t) => {
  t.equal(hexText('6f6b'), 'ok');
  t.equal(hexText('00'), undefined);
  t.equal(hexText('6f6'), undefined);
});

t.test('CSV quotes what must be, and defuses formulas', async (t) => {
  t.equal(csv([['a', 'b,c', 'd"e']]), 'a,"b,c","d""e"\r\n');
  t.equal(csv([['=HYPERLINK(1)', '-5', '@x']]), "'=HYPERLINK(1),-5,'@x\r\n");
});
