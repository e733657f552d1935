import fc from 'fast-check';
import t from 'tap';
import { decodeFirstRun } from '../../src/wire/first-run.ts';

const CUSTOM = '/usr/lib/raspberrypi-sys-mods/imager_custom';

const call = (line: string) => {
  const { calls, faults } = decodeFirstRun(line);
  return faults.length > 0 ? faults : calls.map(({ verb, words }) => [verb, ...words]);
};

t.test('calls of the two helpers, and nothing else', async (t) => {
  t.same(call(`   ${CUSTOM} set_hostname gate`), [['set_hostname', 'gate']]);
  t.same(call(`${CUSTOM} set_wlan  -h 'it'"'"'s mine' '0123' 'DE'`), [
    ['set_wlan', '-h', "it's mine", '0123', 'DE'],
  ]);
  t.same(call("   /usr/lib/userconf-pi/userconf 'pi' '$5$salt$hash'"), [
    ['userconf', 'pi', '$5$salt$hash'],
  ]);
  t.same(call(`${CUSTOM} set_keymap ''`), [['set_keymap', '']]);
  t.same(call('rm -rf /'), []);
  t.same(call(`echo ${CUSTOM} set_hostname x`), []);
  t.same(call(`if [ -f ${CUSTOM} ]; then`), []);
});

t.test('what a shell would act on is not taken', async (t) => {
  for (const rest of [
    'set_hostname $(reboot)',
    'set_hostname "$HOME"',
    'set_hostname `x`',
    'set_hostname x; reboot',
    'set_hostname x | sh',
    'set_hostname x > /etc/passwd',
    "set_hostname 'x",
    'set_hostname "a\\"b"',
    'set_hostname *',
  ]) {
    t.match(call(`${CUSTOM} ${rest}`), [/^line 1: it holds what a shell would act on/], rest);
  }
});

t.test('nor a control character', async (t) => {
  t.match(call(`${CUSTOM} set_hostname 'a\u001b[2Jb'`), [/a control character/]);
});

t.test('words that are quoted as Imager does come back as they were', async () => {
  const quote = (text: string): string => `'${text.replaceAll("'", `'"'"'`)}'`;
  const word = fc.string({ unit: 'grapheme' }).filter((text) => !/\p{Cc}/u.test(text));
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), (words) => {
      const { calls, faults } = decodeFirstRun(
        `${CUSTOM} enable_ssh ${words.map(quote).join(' ')}`,
      );
      return faults.length === 0 && JSON.stringify(calls[0]?.words) === JSON.stringify(words);
    }),
    { seed: 31 },
  );
});
