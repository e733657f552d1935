/** The C parser of the root helper's requests, under ASan and UBSan, against the codec of the daemon. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import {
  decodeRootRequest,
  encodeRootRequest,
  ROOT_REQUEST_BYTES,
  type RootRequest,
} from '#src/wire/root-helper.ts';
import { target } from '../fuzz/root-helper.ts';
import { mutate, randomFrom } from '../fuzz/run.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const RUNS = 50_000;
const SEED = 1;
const RESULT_BYTES = 66;

const folder = mkdtempSync(join(tmpdir(), 'gh-root-message-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const program = join(folder, 'root-message');

interface Parsed {
  readonly outcome: number;
  readonly verb: number;
  readonly name: string;
}

/** What C makes of each input. */
function parse(inputs: readonly Uint8Array[]): Parsed[] {
  const framed = Buffer.concat(inputs.map((input) => Buffer.from([input.length, ...input])));
  const ran = spawnSync(program, { input: framed, maxBuffer: 1 << 28 });
  if (ran.status !== 0) throw new Error(`ended with ${ran.status}: ${ran.stderr}`);
  if (ran.stdout.length !== inputs.length * RESULT_BYTES) throw new Error('not an answer each');
  return inputs.map((_, i) => {
    const one = ran.stdout.subarray(i * RESULT_BYTES, (i + 1) * RESULT_BYTES);
    const name = one.subarray(2, one.indexOf(0, 2)).toString('latin1');
    return { outcome: one[0] ?? -1, verb: one[1] ?? -1, name };
  });
}

t.before(() => {
  const flags = '-std=c11 -O1 -g -Wall -Wextra -Werror -fsanitize=address,undefined';
  const built = spawnSync(
    'gcc',
    [
      ...flags.split(' '),
      ...['-fno-sanitize-recover=undefined', '-I', join(ROOT, 'native')],
      ...[join(import.meta.dirname, 'root-message.c'), '-o', program],
    ],
    { encoding: 'utf8' },
  );
  if (built.status !== 0) throw new Error(built.stderr);
});

t.test('C understands what the daemon encodes', async (t) => {
  const requests: RootRequest[] = [
    { verb: 'reboot' },
    { verb: 'poweroff' },
    { verb: 'hostname', name: 'a' },
    { verb: 'hostname', name: 'Gate-House-1' },
    { verb: 'hostname', name: 'x'.repeat(63) },
    { verb: 'install' },
    { verb: 'status' },
  ];
  const parsed = parse(requests.map(encodeRootRequest));
  t.same(
    parsed,
    requests.map((request, i) => ({
      outcome: 0,
      verb: [1, 2, 3, 3, 3, 4, 9][i],
      name: request.verb === 'hostname' ? request.name : '',
    })),
  );
});

t.test('both refuse alike, whatever comes', async (t) => {
  const next = randomFrom(SEED);
  const seeds = target.seeds();
  const inputs = Array.from({ length: RUNS }, () => mutate(seeds, next).subarray(0, 255));
  // Mutations seldom keep the length; what C checks behind it is to be reached as well.
  for (const seed of seeds.filter(({ length }) => length === ROOT_REQUEST_BYTES)) {
    for (let at = 0; at < seed.length; at++) {
      for (let value = 0; value < 256; value++) {
        const input = seed.slice();
        input[at] = value;
        inputs.push(input);
      }
    }
  }
  const parsed = parse(inputs);
  let accepted = 0;
  for (const [i, input] of inputs.entries()) {
    const ours = decodeRootRequest(input);
    const theirs = parsed[i];
    const name = ours.ok && ours.value.verb === 'hostname' ? ours.value.name : '';
    if (ours.ok) accepted++;
    if (ours.ok === (theirs?.outcome === 0) && (!ours.ok || name === theirs?.name)) continue;
    t.fail(`they differ on ${Buffer.from(input).toString('hex')}`, { ours, theirs });
    return;
  }
  t.ok(accepted > 100 && accepted < inputs.length, `${accepted} of ${inputs.length} accepted`);
});
