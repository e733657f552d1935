/** Lists from a real HTTPS server to the real engine, with the clock of the test. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { SystemError } from '#src/base/errors.ts';
import { err } from '#src/base/result.ts';
import { NativeBlockBuilders } from '#src/os/linux/dns-builder.ts';
import { NativeDnsEngines } from '#src/os/linux/dns-engine.ts';
import { LinuxDirectories, LinuxFiles } from '#src/os/linux/files.ts';
import { LinuxListFetches } from '#src/os/linux/list-fetch.ts';
import { loadNative } from '#src/os/linux/native.ts';
import { LIST_TABLE, type ListEvent, type ListState } from '#src/services/dns/lists/machine.ts';
import { listAddress } from '#src/services/dns/lists/names.ts';
import { placed } from '#src/services/dns/lists/places.ts';
import { ListUpdater } from '#src/services/dns/lists/updater.ts';
import { type CompiledLists, Policy } from '#src/services/dns/policy.ts';
import type { ListConfig, PolicyConfig } from '#src/services/dns/policy-config.ts';
import { FakeClock } from '../../../lib/clock.ts';
import { dnsName } from '../../../lib/dns-blocks.ts';
import { MemoryLog } from '../../../lib/log.ts';

const native = loadNative();
const CLIENT = listAddress('192.168.1.10') ?? (0 as never);
const DAY_SEC = 86_400;

t.test('every cell of the machine is one that somebody meant', async (t) => {
  const states: ListState[] = ['disabled', 'waiting', 'fetching', 'current', 'failed'];
  const events: ListEvent[] = ['want', 'keep', 'disable', 'due', 'fetched', 'unchanged', 'fail'];
  const cells = states.map((state) =>
    events.map((event) => {
      const step = LIST_TABLE[state][event];
      return step === undefined ? '-' : [step.state, ...step.effects].join('+');
    }),
  );
  t.same(cells, [
    ['waiting', 'current+compile', 'disabled', '-', '-', '-', '-'],
    ['waiting', 'current+compile', 'disabled+compile', 'fetching+fetch', '-', '-', '-'],
    [
      'waiting+abort',
      'current+abort+compile',
      'disabled+abort+compile',
      'fetching',
      'current+compile',
      'current',
      'failed',
    ],
    ['waiting', 'current+compile', 'disabled+compile', 'fetching+fetch', '-', '-', 'failed'],
    ['waiting', 'current+compile', 'disabled+compile', 'fetching+fetch', '-', '-', '-'],
  ]);
});

/** A box with its folder of lists; `restart` is another daemon on the same folder. */
async function box(t: Test) {
  const root = mkdtempSync(join(tmpdir(), 'gh-updater-'));
  const clock = new FakeClock();
  const compiles = { count: 0, fail: false };
  const running: AsyncDisposable[] = [];
  const start = async () => {
    const opened = new NativeDnsEngines(native).open(
      { cacheBytes: 1 << 20, queueLength: 16 },
      { queries: () => undefined, log: () => undefined },
    );
    if (!opened.ok) throw opened.error;
    const engine = opened.value;
    const policy = new Policy({
      engine,
      clock,
      localTime: () => ({ day: 0, minute: 0 }),
      isLocal: () => false,
    });
    let used: CompiledLists | undefined;
    const updater = new ListUpdater({
      clock,
      log: new MemoryLog(),
      files: new LinuxFiles(),
      directories: new LinuxDirectories(),
      fetches: new LinuxListFetches(),
      builders: {
        open: (options) => {
          compiles.count += 1;
          return compiles.fail
            ? err(new SystemError('no memory', 'ENOMEM'))
            : new NativeBlockBuilders(native).open(options);
        },
      },
      engine,
      randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
      folder: join(root, 'lists'),
      use: (compiled) => {
        used = compiled;
        policy.useLists(compiled);
      },
      report: () => undefined,
    });
    running.push(updater, engine);
    updater.start();
    const apply = async (lists: readonly ListConfig[], more: Partial<PolicyConfig> = {}) => {
      const group = { id: 'g', name: 'g', clients: [], lists: lists.map(({ id }) => id) };
      const plain = { filterDuring: undefined, offlineDuring: undefined, safeSearch: false };
      policy.apply({
        lists,
        groups: [{ ...group, ...plain, blockMode: 'zero' }],
        ...{ defaultGroup: 'g', rewrites: [], blockTtlSec: 60 },
        ...more,
      });
      updater.apply(lists, more.rewrites ?? []);
      await updater.settled();
    };
    const says = (name: string): string =>
      policy.decide({ name: dnsName(name), type: 1 }, CLIENT).kind;
    const list = (id: string) => updater.observed.find((one) => one.id === id);
    return { updater, policy, apply, says, list, isUsed: () => used !== undefined, engine };
  };
  const stop = async () => {
    for (const one of running.splice(0)) await one[Symbol.asyncDispose]();
  };
  t.teardown(async () => {
    await stop();
    if (clock.pending > 0) throw new Error('a timer is left');
    rmSync(root, { recursive: true, force: true });
  });
  const file = (name: string, text: string): string => {
    writeFileSync(join(root, name), text);
    // Written within the same millisecond it would look like the same file.
    utimesSync(join(root, name), new Date(), new Date(Date.now() + ++written * 1000));
    return `file://${join(root, name)}`;
  };
  let written = 0;
  const folder = (): string[] => readdirSync(join(root, 'lists')).sort();
  return { root, clock, compiles, start, stop, file, folder };
}

const list = (id: string, url: string, more: Partial<ListConfig> = {}): ListConfig => ({
  ...{ id, enable: true, name: `list ${id}`, effect: 'block', source: { kind: 'url', url } },
  ...{ format: 'auto', subdomains: false, mayRewrite: false, everySec: DAY_SEC, maxBytes: 10_000 },
  ...{ sha256: undefined, signature: undefined },
  ...more,
});

t.test('fetched, compiled, in use; anew when it changed; kept over a restart', async (t) => {
  const { clock, compiles, start, stop, file, folder } = await box(t);
  const url = file('a.txt', '||ads.example^\n||typed.example^$dnstype=AAAA\nbad line\n');
  const first = await start();
  t.equal(first.isUsed(), false);
  await first.apply([
    list('a', url),
    list('own', '', { source: { kind: 'text', text: '||own.example^' } }),
  ]);
  t.equal(first.says('ads.example'), 'block');
  t.equal(first.says('own.example'), 'block');
  t.equal(first.says('other.example'), 'pass');
  t.match(first.list('a'), {
    state: 'current',
    format: 'adblock',
    rules: 2,
    rejected: 1,
    fault: '',
  });
  t.match(first.list('a')?.rejectedLines, [{ line: 3, text: 'bad line' }]);
  t.equal(first.list('a')?.nextMs, clock.wallMs() + DAY_SEC * 1000);
  t.equal(first.updater.names, 3);
  t.equal(folder().length, 4, `the index, one version, two compiled files: ${folder()}`);
  t.equal(compiles.count, 1);

  clock.advance(DAY_SEC * 1000 + 1000);
  await first.updater.settled();
  t.equal(compiles.count, 1, 'unchanged: nothing is compiled');
  t.equal(first.list('a')?.state, 'current');

  file('a.txt', '||new.example^\n');
  first.updater.update('a');
  await first.updater.settled();
  t.equal(compiles.count, 2);
  t.equal(first.says('new.example'), 'block');
  t.equal(first.says('ads.example'), 'pass');
  t.equal(folder().length, 4, 'what is no longer in use is gone');

  await stop();
  file('a.txt', 'gone');
  const second = await start();
  t.equal(second.isUsed(), true, 'from the disk alone');
  await second.apply([
    list('a', url),
    list('own', '', { source: { kind: 'text', text: '||own.example^' } }),
  ]);
  t.equal(second.says('new.example'), 'block');
  t.equal(compiles.count, 2, 'and nothing was compiled for it');
});

t.test('the last good one survives whatever comes', async (t) => {
  const { root, clock, compiles, start, file } = await box(t);
  const url = file('a.txt', '||ads.example^\n');
  const { apply, says, list: observed, updater } = await start();
  await apply([list('a', url)]);
  const isKept = (why: RegExp, text: string): void => {
    t.equal(says('ads.example'), 'block', text);
    t.match(observed('a'), { state: 'failed', fault: why, rules: 1 }, text);
  };
  const again = async (): Promise<void> => {
    updater.update();
    await updater.settled();
  };
  file('a.txt', `<html>\n<body>Please log in</body>\n</html>\n`);
  await again();
  isKept(/no rule/, 'a page in its stead');
  file('a.txt', 'x'.repeat(20_000));
  await again();
  isKept(/longer than 10000 bytes/, 'too long');
  rmSync(join(root, 'a.txt'));
  await again();
  isKept(/ENOENT/, 'gone');
  t.equal(observed('a')?.nextMs, clock.wallMs() + 4 * 60_000, 'it is tried again, later each time');
  file('a.txt', '||next.example^\n');
  compiles.fail = true;
  await again();
  t.equal(says('ads.example'), 'block', 'it cannot be compiled');
  compiles.fail = false;
  clock.advance(61_000);
  await updater.settled();
  t.equal(says('next.example'), 'block', 'and then it can');
  t.equal(says('ads.example'), 'pass');
});

t.test('a list keeps its place in the compiled file', async (t) => {
  const ids = (before: string[], now: string[]) => placed(before, now, (one) => one);
  t.same(ids([], ['a', 'b']), ['a', 'b']);
  t.same(ids(['a', 'b', 'c'], ['c', 'b']), [undefined, 'b', 'c']);
  t.same(ids(['a', 'b', 'c'], ['d', 'c', 'b', 'e']), ['d', 'b', 'c', 'e']);
  t.same(ids(['', 'b', 'c'], ['b']), [undefined, 'b']);
  t.same(ids(['a'], []), []);
  const { start, file, root } = await box(t);
  const { apply, says, updater } = await start();
  const [a, b] = [file('a.txt', '||a.example^\n'), file('b.txt', '||b.example^\n')];
  await apply([list('a', a), list('b', b)]);
  await apply([list('b', b)]);
  t.equal(`${says('a.example')} ${says('b.example')}`, 'pass block', 'one place is free');
  const index = JSON.parse(readFileSync(join(root, 'lists/lists.json'), 'utf8'));
  t.same(
    index.compiled.lists.map(({ id }: { id: string }) => id),
    ['', 'b'],
  );
  rmSync(join(root, 'lists', index.versions.b.file));
  await apply([list('b', b), list('a', a)]);
  await updater.settled();
  t.equal(`${says('a.example')} ${says('b.example')}`, 'block block', 'a lost file comes again');
});

t.test('without an engine nothing is done, and with the next one all goes on', async (t) => {
  const { compiles, start, file, folder, clock } = await box(t);
  const { updater, apply, says, list: observed } = await start();
  await apply([list('a', file('a.txt', '||a.example^\n'))]);
  updater.rest();
  t.equal(clock.pending, 0);
  file('a.txt', '||b.example^\n');
  updater.update();
  await updater.settled();
  t.equal(compiles.count, 1);
  const files = folder();
  updater.start();
  await updater.settled();
  t.same(folder(), files, 'what is on the disk is current');
  t.equal(says('a.example'), 'block');
  updater.update();
  updater.rest();
  await updater.settled();
  updater.start();
  updater.update();
  await updater.settled();
  t.equal(says('b.example'), 'block');
  t.equal(observed('a')?.state, 'current');
});

t.test('lists come and go with the configuration', async (t) => {
  const { compiles, start, file } = await box(t);
  const [a, b] = [file('a.txt', '||a.example^\n'), file('b.txt', '||b.example^\n')];
  const { apply, says, list: observed, engine } = await start();
  await apply([list('a', a), list('b', b)]);
  t.equal(`${says('a.example')} ${says('b.example')}`, 'block block');
  await apply([list('a', a, { enable: false }), list('b', b)]);
  t.equal(`${says('a.example')} ${says('b.example')}`, 'pass block');
  t.equal(observed('a')?.state, 'disabled');
  await apply([list('a', b)]);
  t.equal(`${says('a.example')} ${says('b.example')}`, 'pass block', 'another source');
  await apply([list('a', b, { effect: 'allow' })]);
  t.equal(says('b.example'), 'allow', 'read in another way');
  const { count } = compiles;
  await apply([list('a', b, { effect: 'allow' })]);
  t.equal(compiles.count, count, 'the same again');
  const answer = { kind: 'nxdomain' } as const;
  const row = {
    id: 'r',
    enable: true,
    name: dnsName('mine.example'),
    wildcard: true,
    groups: [],
    answer,
    ttlSec: 60,
  };
  await apply([list('a', b)], { rewrites: [row] });
  t.equal(says('x.mine.example'), 'rewrite');
  t.equal(
    engine.match(
      Uint8Array.of(1, 120, 4, ...Buffer.from('mine'), 7, ...Buffer.from('example'), 0),
      1n,
    ).complex,
    1n,
    'the engine asks about it',
  );
});

t.test('hash and signature', async (t) => {
  const { root, start, file } = await box(t);
  const pair = (await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])) as {
    publicKey: CryptoKey;
    privateKey: CryptoKey;
  };
  const publicKey = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey));
  const sign = async (text: string): Promise<void> => {
    const bytes = await crypto.subtle.sign('Ed25519', pair.privateKey, Buffer.from(text));
    writeFileSync(join(root, 'a.sig'), Buffer.from(bytes).toString('base64'));
  };
  const signature = { url: `file://${root}/a.sig`, publicKey };
  const url = file('a.txt', '||a.example^\n');
  await sign('||a.example^\n');
  const sha256 = Buffer.from(
    await crypto.subtle.digest('SHA-256', readFileSync(join(root, 'a.txt'))),
  ).toString('hex');
  const { apply, says, list: observed, updater } = await start();
  await apply([list('a', url, { sha256, signature })]);
  t.equal(says('a.example'), 'block');
  file('a.txt', '||b.example^\n');
  updater.update();
  await updater.settled();
  t.match(observed('a'), { state: 'failed', fault: /SHA-256/ });
  await apply([list('a', url, { signature })]);
  updater.update();
  await updater.settled();
  t.match(observed('a'), { state: 'failed', fault: /signature/ });
  t.equal(says('a.example'), 'block');
  await sign('||b.example^\n');
  updater.update();
  await updater.settled();
  t.equal(says('b.example'), 'block');
});
