/** Charts as pixels: what is drawn stands where it should, in its colour, with its words. */

import { inflateSync } from 'node:zlib';
import t from 'tap';
import { png } from '../../src/os/linux/png.ts';
import { CHART_KINDS, chartPicture } from '../../src/services/capture/chart.ts';
import type { Drawing, Shape } from '../../src/wire/drawing.ts';
import { textStrokes, textWidth } from '../../src/wire/lettering.ts';
import { pictureOf } from '../../src/wire/picture.ts';
import { REPORT } from '../services/capture/report.ts';

const drawing = (...shapes: Shape[]): Drawing => ({ width: 40, height: 20, title: '', shapes });
const at = ({ width, rgb }: { width: number; rgb: Uint8Array }, x: number, y: number): number[] => [
  ...rgb.subarray((y * width + x) * 3, (y * width + x) * 3 + 3),
];

t.test('shapes', async (t) => {
  const box = { kind: 'rect', x: 10, y: 5, width: 10.5, height: 5, fill: '#0072b2' } as const;
  const picture = pictureOf(drawing(box), 1);
  t.same(at(picture, 10, 5), [0, 0x72, 0xb2]);
  t.same(at(picture, 9, 5), [255, 255, 255]);
  t.same(at(picture, 20, 5), [128, 185, 217], 'half a pixel is half as dark');
  t.same(at(pictureOf(drawing(box), 2), 40, 10), [0, 0x72, 0xb2], 'twice as fine');
  const line = { kind: 'line', from: [0, 10.5], to: [40, 10.5], stroke: '#000000' } as const;
  t.same(at(pictureOf(drawing(line), 1), 20, 10), [0, 0, 0]);
  t.same(at(pictureOf(drawing(line), 1), 20, 12), [255, 255, 255]);
  const curve = {
    ...{ kind: 'curve' as const, bottom: 20, stroke: '#000000' },
    points: [[0, 20] as const, [40, 0] as const],
  };
  const under = pictureOf(drawing(curve), 1);
  t.same(at(under, 35, 18), [204, 204, 204], 'a fifth of its colour below');
  t.same(at(under, 5, 2), [255, 255, 255], 'and nothing above');
  // Nothing of what leads out of the picture is drawn elsewhere.
  const outside = { ...box, x: -30, y: -30, width: 20, height: 20 };
  t.ok(pictureOf(drawing(outside), 1).rgb.every((value) => value === 255));
});

t.test('letters for all that a chart says', async (t) => {
  for (let code = 33; code < 127; code++) {
    const char = String.fromCharCode(code);
    t.ok(textStrokes(char).length > 0, char);
  }
  t.same(textStrokes(' '), []);
  t.ok(textWidth('12.3 k') > textWidth('12'));
  const word = { kind: 'text', at: [20, 15], anchor: 'middle', size: 10, body: 'I' } as const;
  const { rgb } = pictureOf(drawing(word), 1);
  t.ok(rgb.some((value) => value < 120));
});

t.test('every chart is a PNG file that can be unpacked', async (t) => {
  for (const kind of CHART_KINDS) {
    const { width, height, rgb } = chartPicture(REPORT, kind, `${kind} of "a.pcap"`);
    const file = Buffer.from(png(width, height, rgb));
    const length = file.readUInt32BE(33);
    t.equal(file.toString('latin1', 37, 41), 'IDAT', kind);
    const lines = inflateSync(file.subarray(41, 41 + length));
    t.equal(lines.length, (width * 3 + 1) * height);
    t.same(lines.subarray(1, 1 + width * 3), Buffer.from(rgb.subarray(0, width * 3)));
    t.ok(
      rgb.some((value) => value < 100),
      'there is ink in it',
    );
  }
});
