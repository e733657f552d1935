import t from 'tap';
import { physicalLine } from '../../src/base/physical-line.ts';

/** As the kernel's new_encode_dev() puts a device number. */
const device = (major: number, minor: number): number =>
  ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;

t.test('lines of the box', async (t) => {
  t.equal(physicalLine(device(4, 1)), 'tty1');
  t.equal(physicalLine(device(4, 63)), 'tty63');
  t.equal(physicalLine(device(4, 64)), 'ttyS0');
  t.equal(physicalLine(device(204, 64)), 'ttyAMA0');
  t.equal(physicalLine(device(229, 0)), 'hvc0');
});

t.test('all others', async (t) => {
  t.equal(physicalLine(0), undefined, 'none');
  for (let major = 136; major < 144; major++) {
    for (const minor of [0, 1, 255, 256, 1000])
      t.equal(physicalLine(device(major, minor)), undefined);
  }
  t.equal(physicalLine(device(5, 0)), undefined);
  t.equal(physicalLine(device(4, 0)), undefined);
  t.equal(physicalLine(device(204, 5)), undefined);
  t.equal(physicalLine(Number.NaN), undefined);
});
