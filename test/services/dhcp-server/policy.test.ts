import t from 'tap';
import { type Mac, macNumber } from '../../../src/base/ip.ts';
import type { RuleConfig, ServerMode } from '../../../src/services/dhcp-server/config.ts';
import { Policy, type Subject, verdict } from '../../../src/services/dhcp-server/policy.ts';

const ALL_ONES = 'ff:ff:ff:ff:ff:ff' as Mac;
const OUI = 'ff:ff:ff:00:00:00' as Mac;
const LAPTOP = '3c:22:fb:01:02:03' as Mac;
const PHONE = 'da:a1:19:01:02:03' as Mac;

const rule = (action: 'allow' | 'deny', more: Partial<RuleConfig>): RuleConfig => ({
  id: `${action}`,
  action,
  chaddr: undefined,
  vendorClass: undefined,
  hostName: undefined,
  randomised: undefined,
  segment: undefined,
  untilMs: Infinity,
  ...more,
});

const is = (value: Mac, mask = ALL_ONES): Pick<RuleConfig, 'chaddr'> => ({
  chaddr: { value, mask },
});

const subject = (mac: Mac, more: { vendorClass?: string; hostName?: string } = {}): Subject => ({
  mac: macNumber(mac),
  randomised: ((macNumber(mac) / 2 ** 40) & 2) !== 0,
  vendorClass: () => more.vendorClass,
  hostName: () => more.hostName,
});

const says = (rules: readonly RuleConfig[], who: Subject, segment = 'lan', wallMs = 1000): string =>
  new Policy(rules).judge(who, segment, wallMs).action;

t.test('the first rule that matches counts, wherever the one for the MAC stands', async (t) => {
  const one = rule('allow', is(LAPTOP));
  const brand = rule('deny', is('3c:22:fb:00:00:00' as Mac, OUI));
  t.equal(says([one, brand], subject(LAPTOP)), 'allow');
  t.equal(says([brand, one], subject(LAPTOP)), 'deny');
  t.equal(says([one, brand], subject('3c:22:fb:09:09:09' as Mac)), 'deny');
  t.equal(says([one, brand], subject(PHONE)), 'none');
  t.equal(
    says([rule('deny', { ...is(LAPTOP), segment: 'guests' }), one], subject(LAPTOP)),
    'allow',
    'the second for that MAC',
  );
  t.equal(says([], subject(LAPTOP)), 'none');
});

t.test('all conditions of a rule must hold', async (t) => {
  const both = rule('deny', { randomised: true, hostName: { value: 'Cam', mode: 'Prefix' } });
  t.equal(says([both], subject(PHONE, { hostName: 'camera' })), 'deny', 'names have no case');
  t.equal(says([both], subject(PHONE, { hostName: 'webcam' })), 'none');
  t.equal(says([both], subject(PHONE)), 'none');
  t.equal(says([both], subject(LAPTOP, { hostName: 'camera' })), 'none');
  t.equal(says([rule('allow', { randomised: false })], subject(LAPTOP)), 'allow');
  t.equal(says([rule('allow', { segment: 'lan' })], subject(PHONE)), 'allow');
  t.equal(says([rule('allow', { segment: 'guests' })], subject(PHONE)), 'none');
});

t.test('texts: exact, prefix, suffix, substring', async (t) => {
  const vendor = (mode: 'Exact' | 'Prefix' | 'Suffix' | 'Substring', value: string): string =>
    says(
      [rule('allow', { vendorClass: { value, mode } })],
      subject(PHONE, { vendorClass: 'android-dhcp-14' }),
    );
  t.same(
    [
      vendor('Exact', 'android-dhcp-14'),
      vendor('Exact', 'android'),
      vendor('Prefix', 'android'),
      vendor('Prefix', 'dhcp'),
      vendor('Suffix', '-14'),
      vendor('Suffix', 'dhcp'),
      vendor('Substring', 'dhcp'),
      vendor('Substring', 'ios'),
    ],
    ['allow', 'none', 'allow', 'none', 'allow', 'none', 'allow', 'none'],
  );
});

t.test('an exception ends at its time', async (t) => {
  const rules = [rule('allow', { ...is(PHONE), untilMs: 5000 }), rule('deny', {})];
  t.equal(says(rules, subject(PHONE), 'lan', 4999), 'allow');
  t.equal(says(rules, subject(PHONE), 'lan', 5000), 'deny');
  t.equal(new Policy(rules).judge(subject(PHONE), 'lan', 0).untilMs, 5000);
});

t.test('what each mode makes of it', async (t) => {
  const row = (mode: ServerMode): readonly string[] => [
    verdict(mode, 'allow', false),
    verdict(mode, 'deny', true),
    verdict(mode, 'none', true),
    verdict(mode, 'none', false),
  ];
  t.same(row('open'), ['serve', 'refuse', 'serve', 'serve']);
  t.same(row('selective'), ['serve', 'refuse', 'serve', 'ask']);
  t.same(row('hybrid'), ['serve', 'refuse', 'serve', 'leave']);
  t.same(row('passThrough'), ['leave', 'leave', 'leave', 'leave']);
});
