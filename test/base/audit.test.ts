import { createHash } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import {
  type AuditBody,
  CHAIN_START,
  chain,
  endAfter,
  NO_HASH,
  parseRecord,
  verify,
} from '../../src/base/audit.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const TIME = '2026-01-02T03:04:05.678Z';

const change = (path: string, value: string): AuditBody => ({
  action: 'set',
  user: 'root',
  uid: 0,
  via: 'ubus',
  address: 'pid 4711',
  path,
  old: '',
  new: value,
});

/** A trail of one file per list of bodies. */
function trail(...files: AuditBody[][]): { name: string; lines: string[] }[] {
  let end = CHAIN_START;
  return files.map((bodies, i) => {
    const lines: string[] = [];
    for (const body of [{ action: 'file', previous: end.hash } as const, ...bodies]) {
      const next = chain(end, TIME, body, sha256);
      lines.push(next.line);
      end = next.end;
    }
    return { name: `audit.log.${files.length - 1 - i}`, lines };
  });
}

t.test('a line says what happened and proves the one before it', async (t) => {
  const { line, end } = chain(CHAIN_START, TIME, change('Device.A', 'x'), sha256);
  const text =
    '{"seq":1,"time":"2026-01-02T03:04:05.678Z","action":"set","user":"root","uid":0,"via":"ubus","address":"pid 4711","path":"Device.A","old":"","new":"x"}';
  const hash = createHash('sha256')
    .update(`${'0'.repeat(64)}${text}`)
    .digest('hex');
  t.equal(line, `${text.slice(0, -1)},"hash":"${hash}"}`);
  t.same(end, { seq: 1, hash });
  t.match(parseRecord(line), { ok: true, value: { seq: 1, path: 'Device.A', new: 'x' } });
  t.same(endAfter(line, CHAIN_START, sha256), end);
});

t.test('a whole trail is whole, also when rotation dropped its beginning', async (t) => {
  const files = trail([change('a', '1'), change('b', '2')], [change('c', '3')], []);
  const all = verify(files, sha256);
  t.match(all, { whole: true, records: 6, firstSeq: 1, head: { seq: 6 } });
  const later = verify(files.slice(1), sha256);
  t.match(later, { whole: true, records: 3, firstSeq: 4, head: { seq: 6 } });
  t.same(verify([], sha256), { whole: true, records: 0, firstSeq: 0, head: CHAIN_START });
});

t.test('a missing file in the middle shows', async (t) => {
  const [first, , third] = trail([change('a', '1')], [change('b', '2')], [change('c', '3')]);
  if (first === undefined || third === undefined) return t.fail();
  t.match(verify([first, third], sha256), {
    whole: false,
    file: 'audit.log.0',
    line: 1,
    reason: /end of the file before/,
  });
});

t.test('a file that does not begin with a file record is refused', async (t) => {
  const [file] = trail([change('a', '1')]);
  t.match(verify([{ name: 'x', lines: (file?.lines ?? []).slice(1) }], sha256), {
    whole: false,
    line: 1,
  });
});

t.test('what the daemon found broken stays broken', async (t) => {
  const files = trail([{ action: 'broken', reason: 'so it was' }]);
  t.match(verify(files, sha256), { whole: false, line: 2, reason: /so it was/ });
});

t.test('any change of any line shows at that line or the next', async () => {
  const values = fc.array(fc.record({ path: fc.string(), value: fc.string() }), {
    minLength: 1,
    maxLength: 8,
  });
  fc.assert(
    fc.property(
      values,
      fc.nat(),
      fc.nat(),
      fc.constantFrom('flip', 'drop', 'double', 'swap'),
      (list, a, b, how) => {
        const [file] = trail(list.map(({ path, value }) => change(path, value)));
        const lines = file?.lines ?? [];
        if (verify([{ name: 'x', lines }], sha256).whole !== true) return false;
        const at = a % lines.length;
        const line = lines[at] ?? '';
        const changed = [...lines];
        if (how === 'flip') {
          const i = b % line.length;
          changed[at] = line.slice(0, i) + (line[i] === 'a' ? 'b' : 'a') + line.slice(i + 1);
        } else if (how === 'drop') {
          // The end can be cut off unseen: for that the head is kept elsewhere.
          if (at === lines.length - 1) return true;
          changed.splice(at, 1);
        } else if (how === 'double') changed.splice(at, 0, line);
        else {
          if (at === lines.length - 1) return true;
          changed.splice(at, 2, lines[at + 1] ?? '', line);
        }
        const verdict = verify([{ name: 'x', lines: changed }], sha256);
        return !verdict.whole && verdict.line >= at + 1 && verdict.line <= at + 2;
      },
    ),
    { seed: 1, numRuns: 500 },
  );
});

t.test('text from the network cannot forge a line', async (t) => {
  const evil = 'x","hash":"00"}\n{"seq":3';
  const [file] = trail([change(evil, evil)]);
  t.match(verify(file === undefined ? [] : [file], sha256), { whole: true, records: 2 });
  t.notOk(file?.lines[1]?.includes('\n'));
  t.match(parseRecord(file?.lines[1] ?? ''), { ok: true, value: { path: evil, new: evil } });
});

t.test('rubbish is no record', async (t) => {
  for (const line of [
    '',
    '{}',
    'null',
    `{"seq":1,"hash":"${NO_HASH}"}`,
    `{"seq":1,"time":"","action":"set",},"hash":"${NO_HASH}"}`,
  ])
    t.equal(parseRecord(line).ok, false);
});
