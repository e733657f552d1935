// needs root: a network namespace of its own
/** Validation against zones signed by BIND's tools and served by knotd; delv is the other opinion. */
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import t from 'tap';
import type { DnsConfig } from '../../src/services/dns/config.ts';
import { EDE } from '../../src/wire/dns-registry.ts';
import { ask, DnsBox, dnsConfig, nameOf, upstream } from '../lib/dns-box.ts';
import { runAlone } from '../lib/netns.ts';
import { Serving, SignedZones, type ZoneSpec } from '../lib/signed-zones.ts';
import { until } from '../lib/until.ts';

const run = promisify(execFile);
const NOW = Date.now();
const time = (offsetSec: number): string =>
  new Date(NOW + offsetSec * 1000).toISOString().replaceAll(/[-:T]|\..*$/g, '');
const WEEK = 7 * 86_400;
const HOST =
  'www A 192.0.2.80\nwww AAAA 2001:db8::80\n*.wild A 192.0.2.77\nalias CNAME www\na.b.c A 192.0.2.1\n';
const SPOILT = (text: string): string => text.replaceAll('192.0.2.80', '192.0.2.66');
const OTHER_DS = '31589 13 2 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef';

const ZONES: readonly ZoneSpec[] = [
  {
    name: '',
    records: 'example NS ns.lab.\nlab NS ns.lab.\nns.lab A 127.0.0.2',
    algorithm: 'RSASHA256',
  },
  {
    name: 'example',
    algorithm: 'ECDSAP256SHA256',
    records: `${HOST}${[
      'nsec3',
      'optout',
      'plain',
      'spoilt',
      'old',
      'early',
      'wrongds',
      'p384',
      'ed25519',
      'ed448',
      'rsa512',
      'strange',
      'many',
    ]
      .map((name) => `${name} NS ns.lab.`)
      .join(
        '\n',
      )}\nout CNAME www.plain.example.\nin CNAME www.nsec3.example.\ndn DNAME nsec3.example.\nbad CNAME www.spoilt.example.`,
  },
  {
    name: 'nsec3.example',
    algorithm: 'ECDSAP256SHA256',
    records: HOST,
    sign: ['-3', 'aabbccdd', '-H', '5'],
  },
  {
    name: 'many.example',
    algorithm: 'ECDSAP256SHA256',
    records: HOST,
    sign: ['-3', 'aa', '-H', '150'],
  },
  {
    name: 'optout.example',
    algorithm: 'ED25519',
    records: `${HOST}loose NS ns.lab.\n`,
    sign: ['-3', '-', '-H', '0', '-A'],
  },
  { name: 'loose.optout.example', records: HOST },
  { name: 'plain.example', records: HOST },
  { name: 'spoilt.example', algorithm: 'ECDSAP256SHA256', records: HOST, spoil: SPOILT },
  {
    name: 'old.example',
    algorithm: 'ECDSAP256SHA256',
    records: HOST,
    sign: ['-P', '-s', time(-4 * WEEK), '-e', time(-WEEK)],
  },
  {
    name: 'early.example',
    algorithm: 'ECDSAP256SHA256',
    records: HOST,
    sign: ['-P', '-s', time(WEEK), '-e', time(4 * WEEK)],
  },
  {
    name: 'wrongds.example',
    algorithm: 'ECDSAP256SHA256',
    records: HOST,
    ds: `wrongds.example. DS ${OTHER_DS}`,
  },
  { name: 'p384.example', algorithm: 'ECDSAP384SHA384', records: HOST },
  { name: 'ed25519.example', algorithm: 'ED25519', records: HOST },
  { name: 'ed448.example', algorithm: 'ED448', records: HOST },
  { name: 'rsa512.example', algorithm: 'RSASHA512', records: HOST },
  {
    name: 'strange.example',
    algorithm: 'ECDSAP256SHA256',
    records: HOST,
    // An algorithm that nobody knows: as if unsigned.
    ds: `strange.example. DS 1 200 2 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef`,
  },
];

runAlone(t, 'DNSSEC', import.meta.url, () => {
  t.setTimeout(290_000);
  t.test('validation', { timeout: 290_000 }, async (t) => {
    execFileSync('ip', ['link', 'set', 'lo', 'up']);
    using zones = new SignedZones(ZONES);
    await using server = new Serving('knotd', '-c', zones.knotConfig('127.0.0.2', 53));
    await using box = new DnsBox();
    const config = (change: Partial<DnsConfig> = {}): DnsConfig =>
      dnsConfig({
        upstreams: [upstream('127.0.0.2')],
        dnssec: { enable: true, anchors: [zones.rootAnchor], negativeAnchors: [] },
        ...change,
      });
    t.same(await box.service.apply(config()), []);
    await until(`knotd answers: ${server.said}`, async () => {
      return (await ask('www.example', 'A')).rcode === 'NOERROR';
    });

    const secure: readonly (readonly [string, string, string])[] = [
      ['www.example', 'A', 'NOERROR'],
      ['www.example', 'MX', 'NOERROR'],
      ['b.c.example', 'A', 'NOERROR'],
      ['nothere.example', 'A', 'NXDOMAIN'],
      ['deep.under.nothere.example', 'A', 'NXDOMAIN'],
      ['x.wild.example', 'A', 'NOERROR'],
      ['x.wild.example', 'AAAA', 'NOERROR'],
      ['alias.example', 'A', 'NOERROR'],
      ['in.example', 'A', 'NOERROR'],
      ['www.dn.example', 'A', 'NOERROR'],
      ['example', 'DNSKEY', 'NOERROR'],
      ['example', 'DS', 'NOERROR'],
      ['www.nsec3.example', 'A', 'NOERROR'],
      ['www.nsec3.example', 'MX', 'NOERROR'],
      ['nothere.nsec3.example', 'A', 'NXDOMAIN'],
      ['b.c.nsec3.example', 'A', 'NOERROR'],
      ['x.wild.nsec3.example', 'A', 'NOERROR'],
      ['x.wild.nsec3.example', 'AAAA', 'NOERROR'],
      ['www.optout.example', 'A', 'NOERROR'],
      ['www.p384.example', 'A', 'NOERROR'],
      ['www.ed25519.example', 'A', 'NOERROR'],
      ['www.ed448.example', 'A', 'NOERROR'],
      ['www.rsa512.example', 'A', 'NOERROR'],
      ['nothere', 'A', 'NXDOMAIN'],
    ];
    for (const [name, type, rcode] of secure) {
      const said = await ask(name, type, { edns: { dnssecOk: true } });
      t.equal(said.rcode, rcode, `${name} ${type} ${said.ede?.join(' ') ?? ''}`);
      // One label is not forwarded for addresses, so nobody proves it.
      if (name !== 'nothere')
        t.equal(said.message.authenticData, true, `${name} ${type} is secure`);
      const plain = await ask(name, type, { edns: null });
      t.notOk(
        plain.answers.some((line) => / (RRSIG|NSEC3?) /.test(line)),
        'whoever does not ask for signatures gets none',
      );
      t.equal(plain.message.authenticData, false, 'nor the bit');
    }

    const insecure = [
      'www.plain.example',
      'out.example',
      'www.loose.optout.example',
      'www.strange.example',
      'nothere.many.example',
      'nothere.plain.example',
    ];
    for (const name of insecure) {
      const said = await ask(name, 'A', { edns: { dnssecOk: true } });
      t.equal(
        said.rcode,
        name.startsWith('nothere') ? 'NXDOMAIN' : 'NOERROR',
        `${name} ${said.ede?.join(' ') ?? ''}`,
      );
      t.equal(said.message.authenticData, false, `${name} is insecure`);
    }
    const bare = await ask('www.many.example', 'A', { edns: { dnssecOk: true } });
    t.equal(
      bare.message.authenticData,
      true,
      'of a zone with costly NSEC3, what is there is secure',
    );

    const bogus: readonly (readonly [string, number])[] = [
      ['www.spoilt.example', EDE.BOGUS],
      ['bad.example', EDE.BOGUS],
      ['www.old.example', EDE.SIGNATURE_EXPIRED],
      ['www.early.example', EDE.SIGNATURE_NOT_YET_VALID],
      ['www.wrongds.example', EDE.DNSKEY_MISSING],
    ];
    for (const [name, code] of bogus) {
      const said = await ask(name, 'A');
      t.equal(said.rcode, 'SERVFAIL', name);
      t.equal(said.ede?.[0], code, `${name}: ${said.ede?.[1]}`);
      const unchecked = await ask(name, 'A', { checkingDisabled: true });
      t.equal(unchecked.rcode, 'NOERROR', `${name}, unchecked`);
      t.equal(unchecked.message.authenticData, false);
    }
    t.equal(
      (await ask('www.spoilt.example', 'AAAA')).rcode,
      'NOERROR',
      'what was not spoilt holds',
    );

    const before = box.service.observed.upstreams[0]?.queries;
    for (const [name, type, rcode] of [
      ['zzz-never-asked.example', 'A', 'NXDOMAIN'],
      ['zzzz.deep.example', 'A', 'NXDOMAIN'],
      ['www.example', 'SRV', 'NOERROR'],
    ] as const) {
      // The second time the gap around it is known.
      const said = await ask(name, type, { edns: { dnssecOk: true } });
      t.equal(said.rcode, rcode);
      t.equal(said.message.authenticData, true);
    }
    for (let i = 0; i < 50; i++) {
      const said = await ask(`zzz-never-${i}.example`, 'A', { edns: { dnssecOk: true } });
      t.equal(said.rcode, 'NXDOMAIN');
      t.ok(
        said.message.authorities.some((rr) => rr.type === 47),
        'with its proof',
      );
    }
    const asked = (box.service.observed.upstreams[0]?.queries ?? 0) - (before ?? 0);
    t.ok(asked <= 3, `names in known gaps are not asked for: ${asked} questions`);
    t.ok(box.service.observed.counts.synthesised >= 50);
    t.equal((await ask('zzz-never-1.example', 'A', { checkingDisabled: true })).rcode, 'NXDOMAIN');

    const anchorFile = `${zones.folder}/anchor`;
    const [tag, algorithm, digest, hex] = zones.rootAnchor.split(' ');
    execFileSync('sh', [
      '-c',
      `printf 'trust-anchors { . static-ds ${tag} ${algorithm} ${digest} "${hex}"; };' > ${anchorFile}`,
    ]);
    for (const name of [
      ...['www.example', 'x.wild.nsec3.example', 'nothere.example', 'in.example'],
      'zzz-never-7.example',
    ]) {
      const { stdout: out } = await run('delv', [
        ...['@127.0.0.1', '-a', anchorFile, '+root=.', name, 'A'],
      ]);
      t.match(out, /; (negative response, )?fully validated/, `delv: ${name}`);
    }

    await box.service.apply(
      config({
        dnssec: {
          enable: true,
          anchors: [zones.rootAnchor],
          negativeAnchors: [nameOf('spoilt.example')],
        },
      }),
    );
    box.service.engine?.cache.flush();
    const excepted = await ask('www.spoilt.example', 'A');
    t.same(
      excepted.answers,
      ['www.spoilt.example A 192.0.2.66'],
      'below a negative anchor nothing is checked',
    );

    await box.service.apply(
      config({ dnssec: { enable: true, anchors: [OTHER_DS], negativeAnchors: [] } }),
    );
    box.service.engine?.cache.flush();
    t.equal((await ask('www.example', 'A')).rcode, 'SERVFAIL', 'not with another root');
    const { counts, anchors = [] } = box.service.observed;
    t.ok(counts.secure > 20 && counts.bogus >= bogus.length);
    t.ok(anchors.some(({ state }) => state === 'configured'));
  });
});
