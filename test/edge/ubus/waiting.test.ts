import t from 'tap';
import { MAX_WAITING, type Pending, Waiting } from '../../../src/edge/ubus/waiting.ts';

const pending = (seq: number): Pending => ({
  seq,
  peer: 1,
  deadlineMs: 0,
  data: undefined,
  settle: () => {},
});

t.test('numbers go all the way round before one comes again', async (t) => {
  const waiting = new Waiting();
  const seen = new Set<number>();
  let gone = 0;
  for (let i = 0; i < 0xffff; i++) {
    const seq = waiting.freeSeq();
    waiting.add(pending(seq));
    seen.add(seq);
    if (waiting.delete(seq)) gone++;
  }
  t.same([seen.size, gone], [0xffff, 0xffff]);
  t.notOk(seen.has(0));
  t.equal(waiting.size, 0);
  t.equal(waiting.freeSeq(), 1);
});

t.test('one that waits long keeps its number and its slot', async (t) => {
  const waiting = new Waiting();
  const first = waiting.freeSeq();
  waiting.add(pending(first));
  let shared = 0;
  for (let i = 0; i < 2 * MAX_WAITING; i++) {
    const seq = waiting.freeSeq();
    if (seq % MAX_WAITING === first % MAX_WAITING) shared++;
    waiting.add(pending(seq));
    waiting.delete(seq);
  }
  t.equal(shared, 0);
  t.equal(waiting.get(first)?.seq, first);
  t.equal(waiting.get(first + MAX_WAITING), undefined, 'a late answer of another turn');
  t.equal(waiting.delete(first + MAX_WAITING), false);
  t.same(
    waiting.all().map(({ seq }) => seq),
    [first],
  );
});

t.test('as many as there are slots', async (t) => {
  const waiting = new Waiting();
  for (let i = 0; i < MAX_WAITING; i++) waiting.add(pending(waiting.freeSeq()));
  t.equal(waiting.size, MAX_WAITING);
  t.throws(() => waiting.freeSeq(), /no seq is free/);
  t.ok(waiting.all().every(({ seq }) => waiting.delete(seq)));
  t.equal(waiting.delete(1), false);
  t.equal(waiting.size, 0);
});
