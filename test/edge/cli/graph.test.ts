/** `gatehouse graph --png`: what is asked, and what becomes of it. */
import { inflateSync } from 'node:zlib';
import t from 'tap';
import { SystemError } from '#src/base/errors.ts';
import { err, ok } from '#src/base/result.ts';
import { EXIT } from '#src/edge/cli/environment.ts';
import { cli, FakeBus } from './fake.ts';

const FROM = 1_767_225_600;
const bus = () =>
  new FakeBus({
    'gatehouse call': ({ service, command }) => ({
      ...{ status: 'success', message: null },
      data: {
        ...{ target: `${service} ${command}`, name: 'gate', fromSec: FROM, toSec: FROM + 3600 },
        rows: Array.from({ length: 60 }, (_, i) => {
          const times = i === 30 ? [] : [5000, 9000, 10_000, 11_000, 20_000];
          return [FROM + 60 * i, 60, 20, i === 30 ? 0 : 20, ...times];
        }),
      },
    }),
  });

t.test('a smoke graph as a PNG file', async (t) => {
  const files = new Map<string, { bytes: Uint8Array; replace: boolean }>();
  const overrides = {
    writeFile: (path: string, bytes: Uint8Array, replace: boolean) => {
      files.set(path, { bytes, replace });
      return ok(undefined);
    },
  };
  const asked = bus();
  const ran = await cli(['graph', '1', '--png', 'gate.png', '--force'], asked, overrides);
  const args = { last: 3600, points: 700 };
  t.match(asked.calls, [{ args: { service: 'monitor', command: 'graph', args } }]);
  t.match(ran, { code: 0, err: /gate\.png: gate/ });
  const { bytes, replace } = files.get('gate.png') ?? { bytes: new Uint8Array() };
  t.equal(replace, true);
  const file = Buffer.from(bytes);
  const [width, height] = [file.readUInt32BE(16), file.readUInt32BE(20)];
  t.same([width, height], [1720, 600]);
  const lines = inflateSync(file.subarray(41, 41 + file.readUInt32BE(33)));
  const seen = new Set<string>();
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * (width * 3 + 1) + 1 + x * 3;
      seen.add(lines.toString('hex', at, at + 3));
    }
  }
  const plot = ['ffffff', 'e6e6e6', 'bdbdbd', '1a8f3c', 'c4006b'];
  t.ok(plot.every((colour) => seen.has(colour)));
});

t.test('what is refused', async (t) => {
  t.match(await cli(['graph', '1', '--png', 'a', '--svg', 'b'], bus()), {
    code: EXIT.usage,
    err: /one of --svg and --png/,
  });
  const writeFile = () => err(new SystemError('a.png: file exists', 'EEXIST'));
  const ran = await cli(['graph', '1', '--png', 'a.png'], bus(), { writeFile });
  t.match(ran, { code: 1, err: /file exists; --force writes over it/ });
});
