import t from 'tap';
import { DnsNames } from '../../src/control/dns-names.ts';
import { messages, ORIGIN, router } from '../tr181/fixture.ts';

const LISTS = 'Device.X_GATEHOUSE_DNS.List.';

t.test('a name is blocked, allowed, forgotten: always the last word alone', async (t) => {
  const b = await router();
  const names = new DnsNames({ model: b.model });
  const texts = () => [b.get(`${LISTS}1.Text`), b.get(`${LISTS}2.Text`)];
  t.ok((await names.say('block', 'Ads.Example.', ORIGIN)).ok);
  t.ok((await names.say('block', 'b.example', ORIGIN)).ok);
  t.same(texts(), ['ads.example\nb.example', '']);
  t.ok((await names.say('allow', 'ads.example', ORIGIN)).ok);
  t.same(texts(), ['b.example', 'ads.example']);
  const { revision } = b.model;
  t.ok((await names.say('allow', 'ads.example', ORIGIN)).ok);
  t.equal(b.model.revision, revision, 'said already');
  t.ok((await names.say('forget', 'ads.example', ORIGIN)).ok);
  t.same(texts(), ['b.example', '']);
  const again = await names.say('forget', 'ads.example', ORIGIN);
  t.match(again.ok || messages(again.error), /nothing was said/);
  const none = await names.say('block', 'a..b', ORIGIN);
  t.match(none.ok || messages(none.error), /no domain name/);
});

t.test('words at the same time: none is lost', async (t) => {
  const b = await router();
  const names = new DnsNames({ model: b.model });
  await Promise.all(['a', 'b', 'c'].map((name) => names.say('block', name, ORIGIN)));
  t.equal(b.get(`${LISTS}1.Text`), 'a\nb\nc');
});

t.test('what the owner wrote beside stays; a list that is off or gone comes back', async (t) => {
  const b = await router();
  const names = new DnsNames({ model: b.model });
  await b.set(`${LISTS}1.Text`, '# mine\nx.example\n');
  await b.set(`${LISTS}1.Enable`, 'false');
  t.ok((await names.say('block', 'y.example', ORIGIN)).ok);
  t.equal(b.get(`${LISTS}1.Text`), '# mine\nx.example\ny.example');
  t.equal(b.get(`${LISTS}1.Enable`), 'true');
  t.ok((await b.model.del([`${LISTS}2.`], ORIGIN)).ok);
  t.ok((await names.say('allow', 'x.example', ORIGIN)).ok);
  t.equal(b.get(`${LISTS}1.Text`), '# mine\ny.example');
  t.match(b.model.compileAll().dnsPolicy.lists[1], {
    effect: 'allow',
    enable: true,
    source: { kind: 'text', text: 'x.example' },
  });
});
