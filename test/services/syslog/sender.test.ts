/** One collector: what waits, what makes room, and when it is tried again. */
import t from 'tap';
import { SystemError } from '#src/base/errors.ts';
import type { SyslogHeard, SyslogWays } from '#src/os/ports-syslog.ts';
import type { CollectorConfig } from '#src/services/syslog/config.ts';
import { SyslogSender } from '#src/services/syslog/sender.ts';
import { FakeClock } from '../../lib/clock.ts';

const CONFIG: CollectorConfig = {
  ...{ id: 'c', host: 'h', port: 514, protocol: 'TCP', authority: '', facility: 3, severity: 6 },
};

class Ways implements SyslogWays {
  readonly opened: SyslogHeard[] = [];
  readonly sent: string[] = [];
  takes = Infinity;
  disposed = 0;
  open(_to: unknown, heard: SyslogHeard) {
    this.opened.push(heard);
    return {
      send: (bytes: Uint8Array) => {
        const said = new TextDecoder().decode(bytes);
        this.sent.push(said.slice(said.indexOf('\ufeff') + 1));
        return --this.takes > 0;
      },
      [Symbol.dispose]: () => void this.disposed++,
    };
  }
  get last(): SyslogHeard {
    const last = this.opened.at(-1);
    if (last === undefined) throw new TypeError('nothing was opened');
    return last;
  }
}

function collector() {
  const [ways, clock] = [new Ways(), new FakeClock()];
  let changes = 0;
  const sender = new SyslogSender(CONFIG, { ways, clock, changed: () => void changes++ });
  const put = (text: string, severity = 6) =>
    sender.put({
      ...{ severity, time: '', hostName: '', appName: 'a', procId: '', msgId: '', text },
    });
  return { ways, clock, sender, put, changes: () => changes };
}

t.test('lines wait for the way, and for room in it', (t) => {
  const { ways, sender, put } = collector();
  put('one');
  put('two');
  put('a trifle', 7);
  t.same(ways.sent, []);
  t.match(sender.observed, { up: false, reason: undefined });
  ways.takes = 1;
  ways.last.ready();
  t.equal(ways.sent.length, 1, 'it takes no more');
  t.match(sender.figures, { sent: 1, queued: 1, dropped: 0 });
  ways.takes = Infinity;
  ways.last.ready();
  put('three');
  t.same(ways.sent, ['one', 'two', 'three']);
  t.match(sender.observed, { up: true });
  sender[Symbol.dispose]();
  t.equal(ways.disposed, 1);
  t.end();
});

t.test('the oldest make room and are counted', (t) => {
  const { ways, sender, put } = collector();
  for (let i = 1; i <= 1200; i++) put(`${i}`);
  t.match(sender.figures, { sent: 0, queued: 1000, dropped: 200 });
  ways.last.ready();
  t.equal(ways.sent[0], '201');
  t.equal(ways.sent.at(-1), '1200');
  t.end();
});

t.test('a way that ended is opened again, ever later', (t) => {
  const { ways, clock, sender, put, changes } = collector();
  const gone = new SystemError('refused', 'ECONNREFUSED');
  for (const waitMs of [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]) {
    const before = ways.opened.length;
    ways.last.ended(gone);
    clock.advance(waitMs - 1);
    t.equal(ways.opened.length, before);
    clock.advance(1);
    t.equal(ways.opened.length, before + 1, `after ${waitMs} ms`);
  }
  t.match(sender.observed, { up: false, reason: 'refused' });
  t.equal(changes(), 1, 'told once');
  put('kept');
  ways.last.ready();
  t.same(ways.sent, ['kept']);
  clock.advance(2999);
  t.equal(changes(), 1);
  clock.advance(1);
  t.match(sender.observed, { up: true, reason: undefined });
  ways.last.ready();
  ways.last.ended(gone);
  clock.advance(1000);
  t.equal(ways.opened.length, 10, 'soon again, after it was reached');
  ways.last.ended(gone);
  sender[Symbol.dispose]();
  clock.advance(100_000);
  t.equal(ways.opened.length, 10, 'never again');
  t.end();
});

t.test('a way that stands at first and refuses each line is no news', (t) => {
  const ways = new Ways();
  const clock = new FakeClock();
  let told = 0;
  // As the log has it: each change is a line, which is sent, too.
  const line = { severity: 4, time: '', hostName: '', appName: 'a', procId: '', msgId: '' };
  const sender: SyslogSender = new SyslogSender(CONFIG, {
    ...{ ways, clock },
    changed: () => {
      told += 1;
      sender.put({ ...line, text: `change ${told}` });
    },
  });
  for (let opened = 0; clock.monoMs() < 600_000; clock.advance(1000)) {
    if (ways.opened.length === opened) continue;
    opened = ways.opened.length;
    ways.last.ready();
    ways.last.ended(new SystemError('refused', 'ECONNREFUSED'));
  }
  t.equal(told, 2, 'that it was reached, and that it was not');
  t.ok(ways.opened.length < 20, `${ways.opened.length} tries in ten minutes`);
  sender[Symbol.dispose]();
  t.equal(clock.pending, 0);
  t.end();
});
