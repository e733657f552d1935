import t from 'tap';
import { encodeSyslog, frameSyslog, type SyslogMessage } from '#src/wire/syslog.ts';

const message = (more: Partial<SyslogMessage> = {}): SyslogMessage => ({
  ...{ facility: 3, severity: 6, time: '2026-01-02T03:04:05.678Z', hostName: 'gw', procId: '17' },
  ...{ appName: 'gatehouse', msgId: 'dns', text: 'hello' },
  ...more,
});
const said = (more: Partial<SyslogMessage>, max = 8192): string =>
  new TextDecoder('utf-8', { ignoreBOM: true }).decode(encodeSyslog(message(more), max));

t.test('as RFC 5424 has it', (t) => {
  t.equal(said({}), '<30>1 2026-01-02T03:04:05.678Z gw gatehouse 17 dns - \ufeffhello');
  t.equal(said({ facility: 23, severity: 0 }).slice(0, 6), '<184>1');
  t.match(said({ hostName: '', time: '', msgId: 'a b\nc' }), /^<30>1 - - gatehouse 17 abc - /);
  t.match(
    said({ hostName: 'x'.repeat(300), msgId: 'ü' }),
    new RegExp(` ${'x'.repeat(255)} g.* - - `),
  );
  t.match(said({ text: 'a\n<30>1 forged\u001b[31m' }), /a\\n<30>1 forged\\x1b\[31m$/);
  t.end();
});

t.test('what is too long is cut between two characters', (t) => {
  const whole = encodeSyslog(message({ text: 'üü' }), 8192);
  for (const [less, end] of [
    [0, 'üü'],
    [1, 'ü'],
    [2, 'ü'],
    [3, ''],
  ] as const) {
    const cut = said({ text: 'üü' }, whole.length - less);
    t.equal(cut.slice(cut.indexOf('\ufeff') + 1), end);
  }
  t.equal(said({ text: 'lone \ud800' }).at(-1), '\ufffd');
  t.end();
});

t.test('on a stream, octets are counted', (t) => {
  const bytes = encodeSyslog(message({ text: 'ü' }), 8192);
  const framed = new TextDecoder().decode(frameSyslog(bytes));
  t.ok(framed.startsWith(`${bytes.length} <30>1 `));
  t.end();
});
