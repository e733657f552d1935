import t from 'tap';
import { type AuditRow, unread } from '../../src/web/lib/log-lines.ts';

const row = (atMs: number, now: string): AuditRow => ({
  ...{ atMs, who: 'admin', from: 'http', action: 'set', path: 'Device.X', old: '', now },
});

t.test('what is told live right after it was written is one row', async (t) => {
  const read = [row(2000, 'b'), row(1000, 'a')];
  t.same(unread([row(2003, 'b'), row(1001, 'a')], read), []);
  const fresh = row(3000, 'b');
  t.same(unread([row(2001, 'c'), row(1001, 'a')], read), [row(2001, 'c')]);
  t.same(unread([fresh, row(2003, 'b')], read).length, 1, 'twice done is twice shown');
  t.same(unread([row(20_000, 'b')], read), [row(20_000, 'b')], 'the same much later is another');
  t.same(unread([row(1999, 'b')], read), [row(1999, 'b')], 'told before it was written is another');
});
