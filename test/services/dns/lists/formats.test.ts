/** Each format, line by line: what becomes of it, or why nothing does. */
import t, { type Test } from 'tap';
import { ListReader, type ListReading } from '#src/services/dns/lists/read-list.ts';
import type { Rule } from '#src/services/dns/lists/rule.ts';
import type { ListFormat } from '#src/services/dns/policy-config.ts';
import { formatRdata } from '#src/wire/dns-rdata-text.ts';
import { typeName } from '#src/wire/dns-registry.ts';

/** A rule in a few words: `block subtree x`, `important`, `= A 192.0.2.1`. */
function told({ target, effect, important, conditions, rewrite, badfilter }: Rule): string {
  const what =
    target.scope === 'pattern'
      ? `${target.pattern.kind} ${target.pattern.text}`
      : `${target.scope} ${target.name}`;
  const words = [important ? `important ${effect}` : effect, what];
  if (badfilter) words.push('badfilter');
  if (conditions?.clients)
    words.push(
      `clients ${JSON.stringify(conditions.clients, (_, v) => (typeof v === 'bigint' ? `${v}` : v))}`,
    );
  if (conditions && conditions.denyAllow.length > 0) words.push(`not ${conditions.denyAllow}`);
  if (conditions?.types) words.push(`types ${conditions.types.only}~${conditions.types.except}`);
  if (rewrite?.kind === 'record')
    words.push(`= ${typeName(rewrite.type)} ${formatRdata(rewrite.type, rewrite.rdata)}`);
  else if (rewrite !== undefined) words.push(`= ${rewrite.kind}`);
  return words.join(' ');
}

function read(text: string, reading: Partial<ListReading> = {}, step = Infinity) {
  const rules: string[] = [];
  const reader = new ListReader(
    { format: 'auto', effect: 'block', subdomains: false, mayRewrite: true, ...reading },
    (rule, line) => {
      rules.push(`${line}: ${told(rule)}`);
      return undefined;
    },
  );
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += step) reader.push(bytes.subarray(at, at + step));
  const counts = reader.end();
  return {
    ...counts,
    rules,
    refused: counts.rejectedLines.map((one) => `${one.line}: ${one.reason}`),
  };
}

/** What one line gives: rules, else reasons. */
const one = (format: ListFormat, line: string, reading: Partial<ListReading> = {}): string => {
  const { rules, refused } = read(line, { format, ...reading });
  return [...rules, ...refused].map((text) => text.replace(/^\d+: /, '')).join('; ');
};

function table(
  t: Test,
  format: ListFormat,
  rows: Record<string, string>,
  reading: Partial<ListReading> = {},
): void {
  for (const [line, wanted] of Object.entries(rows))
    t.equal(one(format, line, reading), wanted, line);
}

t.test('hosts', async (t) => {
  table(t, 'hosts', {
    '0.0.0.0 ads.example': 'block exact ads.example',
    '127.0.0.1\tADS.example  b.example # why': 'block exact ads.example; block exact b.example',
    '::1 six.example': 'block exact six.example',
    '::ffff:127.0.0.1 six.example': 'block exact six.example',
    '192.0.2.7 nas.example': 'block exact nas.example = A 192.0.2.7',
    '2001:db8::1 nas.example': 'block exact nas.example = AAAA 2001:db8::1',
    '0.0.0.0 müller.example': 'block exact xn--mller-kva.example',
    '127.0.0.1 localhost': 'a name of the box itself',
    '0.0.0.0 0.0.0.0': 'not a domain name',
    '0.0.0.0 bad..name': 'not a domain name',
    '0.0.0.0': 'no name behind the address',
    'ads.example': 'no address at its beginning',
    '# comment': '',
    '   ': '',
  });
  table(t, 'hosts', { '0.0.0.0 a.example': 'block subtree a.example' }, { subdomains: true });
  table(
    t,
    'hosts',
    {
      '192.0.2.7 bank.example': 'leads the name elsewhere, which this list may not',
      '0.0.0.0 a.example': 'block exact a.example',
    },
    { mayRewrite: false },
  );
  table(
    t,
    'hosts',
    { '192.0.2.7 bank.example': 'allow exact bank.example' },
    { effect: 'allow', mayRewrite: false },
  );
});

t.test('plain and wildcard', async (t) => {
  table(t, 'plain', {
    'ads.example': 'block exact ads.example',
    'Ads.Example. # why': 'block exact ads.example',
    '*.ads.example': 'block subtree ads.example',
    '! comment': '',
    '; comment': '',
    '192.0.2.1': 'not a domain name',
    'two words': 'not a domain name',
    'a/b.example': 'not a domain name',
    [`${'a'.repeat(64)}.example`]: 'not a domain name',
  });
  table(
    t,
    'plain',
    { 'a.example': 'allow subtree a.example' },
    { effect: 'allow', subdomains: true },
  );
});

t.test('AdGuard', async (t) => {
  table(t, 'adblock', {
    '||ads.example^': 'block subtree ads.example',
    '||ads.example^|': 'block subtree ads.example',
    '@@||ads.example^': 'allow subtree ads.example',
    '@@||ads.example^$important': 'important allow subtree ads.example',
    '||ads.example^$important': 'important block subtree ads.example',
    '||*.ads.example^': 'block below ads.example',
    '*.ads.example': 'block below ads.example',
    '*.ads.example^': 'block below ads.example',
    '|ads.example^': 'block exact ads.example',
    '|ads.example|': 'block exact ads.example',
    'ads.example': 'block exact ads.example',
    '0.0.0.0 ads.example': 'block exact ads.example',
    'ads.example^': 'block glob ads.example^',
    '||ads.example': 'block glob ||ads.example',
    '||ad*.example^': 'block glob ||ad*.example^',
    banner: 'block glob banner',
    '/^ad[0-9]+\\./': 'block regex ^ad[0-9]+\\.',
    '@@/^ok\\./$important': 'important allow regex ^ok\\.',
    '||zip^$denyallow=good.zip|fine.zip': 'block subtree zip not good.zip,fine.zip',
    '||x.example^$dnstype=A|~MX': 'block subtree x.example types 1~15',
    '||x.example^$dnstype=TYPE65': 'block subtree x.example types 65~',
    '||x.example^$client=192.0.2.0/24':
      'block subtree x.example clients {"only":[{"kind":"prefix","address":3221225984,"prefixLen":24}],"except":[]}',
    "||x.example^$client='Frank\\'s phone'|~02:00:00:00:00:01":
      'block subtree x.example clients {"only":[{"kind":"name","name":"frank\'s phone"}],"except":[{"kind":"mac","mac":"02:00:00:00:00:01"}]}',
    '||x.example^$dnsrewrite=192.0.2.9': 'block subtree x.example = A 192.0.2.9',
    '||x.example^$dnsrewrite=2001:db8::9': 'block subtree x.example = AAAA 2001:db8::9',
    '||x.example^$dnsrewrite=y.example': 'block subtree x.example = CNAME y.example.',
    '||x.example^$dnsrewrite=NXDOMAIN': 'block subtree x.example = nxdomain',
    '||x.example^$dnsrewrite=REFUSED;;': 'block subtree x.example = refused',
    '||x.example^$dnsrewrite=NOERROR': 'block subtree x.example = nodata',
    '||x.example^$dnsrewrite=NOERROR;MX;32 mail.example':
      'block subtree x.example = MX 32 mail.example.',
    '||x.example^$dnsrewrite=NOERROR;TXT;hello world':
      'block subtree x.example = TXT "hello world"',
    '||x.example^$dnsrewrite=NOERROR;HTTPS;1 . alpn=h3':
      'block subtree x.example = HTTPS 1 . alpn="h3"',
    '||x.example^$dnsrewrite=0.0.0.0': 'block subtree x.example',
    '@@||x.example^$dnsrewrite': 'allow subtree x.example = pass',
    '@@||x.example^$dnsrewrite=192.0.2.9': 'allow subtree x.example = A 192.0.2.9',
    '||x.example^$badfilter': 'block subtree x.example badfilter',
    '*$dnstype=AAAA': 'block glob * types 28~',
    '*$denyallow=com|net': 'block glob * not com,net',
    '! comment': '',
    '[Adblock Plus 2.0]': '',
    '# comment': '',
    '*': 'stands for every name',
    '||^': 'stands for every name',
    ad: 'too short a pattern',
    'example.org##.ad': 'changes pages: nothing for DNS',
    '##.ad': 'changes pages: nothing for DNS',
    'example.org#@#.ad': 'changes pages: nothing for DNS',
    'example.org#%#//scriptlet("x")': 'changes pages: nothing for DNS',
    'example.org$$script[x="y"]': 'changes pages: nothing for DNS',
    '||example.org/ads/*': 'has more than a name: DNS sees no scheme, port or path',
    '|https://example.org^': 'has more than a name: DNS sees no scheme, port or path',
    '||example.org:8080^': 'has more than a name: DNS sees no scheme, port or path',
    '||example.org^$third-party': '$third-party means nothing for DNS',
    '||example.org^$domain=a.example': '$domain means nothing for DNS',
    '||example.org^$dnstype=NONSENSE': '$dnstype has what is no type',
    '||example.org^$denyallow=': '$denyallow has what is no domain name',
    '||example.org^$client=': '$client names no client',
    '||example.org^$dnsrewrite=SERVFAIL': '$dnsrewrite has an answer that cannot be given',
    '||example.org^$dnsrewrite': '$dnsrewrite without an answer',
    'a^b.example': '^ inside a pattern: it matches no name',
    'exa mple': 'not a name or pattern',
  });
  table(
    t,
    'adblock',
    {
      '||bank.example^$dnsrewrite=192.0.2.9': 'leads the name elsewhere, which this list may not',
      '||x.example^$dnsrewrite=NXDOMAIN': 'block subtree x.example = nxdomain',
    },
    { mayRewrite: false },
  );
  table(t, 'adblock', { '||x.example^': 'allow subtree x.example' }, { effect: 'allow' });
});

t.test('dnsmasq', async (t) => {
  table(t, 'dnsmasq', {
    'address=/ads.example/': 'block subtree ads.example',
    'address=/ads.example/#': 'block subtree ads.example',
    'address=/ads.example/0.0.0.0': 'block subtree ads.example',
    'address=/a.example/b.example/::': 'block subtree a.example; block subtree b.example',
    'address=/nas.example/192.0.2.7': 'block subtree nas.example = A 192.0.2.7',
    'address=/*.x.example/#': 'block below x.example',
    '--address=/x.example/': 'block subtree x.example',
    'server=/x.example/': 'block subtree x.example',
    'local=/x.example/ # why': 'block subtree x.example',
    'server=/ok.example/#': 'allow subtree ok.example',
    'server=/x.example/192.0.2.1': 'names a server to ask',
    'host-record=a.example,b.example,192.0.2.1,60':
      'block exact a.example = A 192.0.2.1; block exact b.example = A 192.0.2.1',
    'cname=alias.example,target.example': 'block exact alias.example = CNAME target.example.',
    'address=/#/0.0.0.0': 'stands for every name',
    'address=x': 'not of the form /name/address',
    'address=/x.example/nonsense': 'not an address',
    'cache-size=1000': 'an option of dnsmasq that is no rule for names',
    '# comment': '',
  });
});

t.test('unbound', async (t) => {
  table(t, 'unbound', {
    'server:': '',
    'local-zone: "ads.example." always_null': 'block subtree ads.example',
    '  local-zone: ads.example always_nxdomain # why': 'block subtree ads.example',
    'local-zone: "ok.example" always_transparent': 'allow subtree ok.example',
    'local-zone: "x.example" transparent': 'a zone of type transparent blocks nothing',
    'local-zone: "x.example" toString': 'not of the form NAME TYPE',
    'local-zone: "." static': 'stands for every name',
    'local-data: "ads.example A 0.0.0.0"': 'block exact ads.example',
    'local-data: "nas.example. 60 IN A 192.0.2.7"': 'block exact nas.example = A 192.0.2.7',
    'local-data: \'x.example TXT "a b"\'': 'block exact x.example = TXT "a b"',
    'local-data: "x.example"': 'not of the form "NAME TYPE DATA"',
    'local-data-ptr: "192.0.2.7 nas.example"': 'an option of unbound that is no rule for names',
    'num-threads: 2': 'an option of unbound that is no rule for names',
  });
  t.same(
    read('local-zone: "x.example" redirect\nlocal-data: "x.example A 192.0.2.7"\n').rules,
    ['1: block subtree x.example', '2: block subtree x.example = A 192.0.2.7'],
    'data of a redirect zone hold below it, too',
  );
});

t.test('response policy zones', async (t) => {
  const zone = `$TTL 300
@ IN SOA localhost. root.localhost. (
  1 ; serial
  2h 30m 1w 1h )
@ NS localhost.
ads.example CNAME .
*.ads.example 60 IN CNAME .
nodata.example CNAME *.
ok.example CNAME rpz-passthru.
self.example CNAME self.example.
drop.example CNAME rpz-drop.
nas.example A 192.0.2.7
  AAAA 2001:db8::7
garden.example CNAME walled.example.
zero.example A 0.0.0.0
text.example TXT "a;b" ; why
24.0.2.0.192.rpz-ip CNAME .
ns.example.rpz-nsdname CNAME .
tcp.example CNAME rpz-tcp-only.
* CNAME .
$INCLUDE other
`;
  const { rules, refused, format } = read(zone);
  t.equal(format, 'rpz');
  t.same(rules, [
    '6: block exact ads.example',
    '7: block below ads.example',
    '8: block exact nodata.example',
    '9: allow exact ok.example',
    '10: allow exact self.example',
    '11: block exact drop.example',
    '12: block exact nas.example = A 192.0.2.7',
    '13: block exact nas.example = AAAA 2001:db8::7',
    '14: block exact garden.example = CNAME walled.example.',
    '15: block exact zero.example',
    '16: block exact text.example = TXT "a;b"',
  ]);
  t.same(refused, [
    '17: a trigger that is no name',
    '18: a trigger that is no name',
    '19: rpz-tcp-only is not known here',
    '20: stands for every name',
    '21: $INCLUDE is not followed',
  ]);
  t.same(
    read(
      '$ORIGIN rpz.example.\nads.example.rpz.example. CNAME .\nother.example. CNAME .\n$ORIGIN net.rpz.example.\nbad CNAME .\n',
    ).rules,
    ['2: block exact ads.example', '5: block exact bad.net'],
    'names with a final dot are below the zone',
  );
});

t.test('the format is known by the first lines', async (t) => {
  const of = (text: string): string => read(text).format;
  t.equal(of('# x\n0.0.0.0 a.example\n'), 'hosts');
  t.equal(of('# x\na.example\nb.example\n'), 'plain');
  t.equal(of('*.a.example\n'), 'wildcard');
  t.equal(of('! x\n||a.example^\n'), 'adblock');
  t.equal(of('a.example\nb.example\nc.example\n@@||d.example^\n'), 'adblock', 'one rule tells');
  t.equal(of('address=/a.example/#\n'), 'dnsmasq');
  t.equal(of('server:\nlocal-zone: "a.example" static\n'), 'unbound');
  t.equal(of('$TTL 60\na.example CNAME .\n'), 'rpz');
  t.equal(of(''), 'plain');
});

t.test('however the bytes come, the rules are the same', async (t) => {
  const text = `\ufeff! list\r\n${'||a.example^\r\n||b.example^$third-party\n'.repeat(700)}||müller.example^\n${'x'.repeat(20_000)}\n||last.example^`;
  const whole = read(text);
  t.equal(whole.lines, 1 + 1400 + 3);
  t.equal(whole.rules.at(-1), '1404: block subtree last.example');
  t.equal(whole.rules.at(-2), '1402: block subtree xn--mller-kva.example');
  t.equal(whole.rejected, 701);
  t.equal(whole.rejectedLines.length, 100, 'the first ones are kept');
  for (const step of [1, 7, 4096, 17_000]) {
    const { rules, rejected, lines } = read(text, {}, step);
    t.same(
      { rules, rejected, lines },
      { rules: whole.rules, rejected: 701, lines: 1404 },
      `${step} bytes at a time`,
    );
  }
});
