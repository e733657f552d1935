/** The client programs as modules: what they are started with, and what their hooks say. */
import t from 'tap';
import { toHex } from '../../../src/base/bytes.ts';
import { formatIpv6 } from '../../../src/base/ip6.ts';
import type { HookMessage } from '../../../src/services/client-programs/program.ts';
import { udhcpc } from '../../../src/services/dhcp-client/udhcpc.ts';
import type { Client6Config } from '../../../src/services/dhcp6-client/config.ts';
import { dibbler } from '../../../src/services/dhcp6-client/dibbler.ts';
import type { RawReply } from '../../../src/services/dhcp6-client/lease.ts';
import { odhcp6c } from '../../../src/services/dhcp6-client/odhcp6c.ts';
import type { Wish6 } from '../../../src/services/dhcp6-client/program.ts';
import { withIaids } from '../../../src/services/dhcp6-client/program.ts';
import { at, DUID, net } from './talk.ts';

const CONFIG: Client6Config & { readonly ifName: string } = {
  ...{ id: 'dhcp6.1', instance: 1, enable: true, ifName: 'wan0', requestAddresses: true },
  ...{ prefixHints: [net('::/56'), net('::/0')], rapidCommit: true, requestedOptions: [23, 95] },
  sentOptions: [{ code: 15, value: Uint8Array.of(0, 2, 0xab, 0xcd) }],
  ...{ suggestedT1Sec: 500, suggestedT2Sec: 800, useResolvers: true },
};
const WISH: Wish6 = {
  ...{ config: CONFIG, hook: '/run/gh/hook/dhcp6.1', folder: '/run/gh/dhcp6/dhcp6.1', duid: DUID },
  ...{ lastAddresses: new Map(), lastPrefixes: new Map() },
};
const nothing = (): undefined => undefined;

const message = (event: string, env: Readonly<Record<string, string>>): HookMessage => ({
  ...{ clientId: 'dhcp6.1', event, clientPid: 7, boottimeMs: 9000 },
  env: new Map(Object.entries(env)),
});
const leases = (reply: RawReply | undefined): readonly string[] =>
  (reply?.ias ?? []).flatMap(({ kind, iaid, t1Sec, t2Sec, leases: all }) =>
    all.map(
      (one) =>
        `${kind} ${iaid} ${t1Sec}/${t2Sec} ${formatIpv6(one.address)}/${one.prefixLen} ${one.preferredSec}/${one.validSec}`,
    ),
  );

t.test('every program says what it cannot do, where it is, and how it is ended', async (t) => {
  for (const program of [udhcpc, dibbler, odhcp6c]) {
    t.ok(
      program.limits.length > 0 && program.limits.every((text) => /^it |^a /.test(text)),
      program.name,
    );
    t.ok(program.places.every((place) => place.startsWith('/')));
    t.not(program.end, program.release, 'what gives the lease back is not what ends it');
  }
});

t.test('dibbler is configured by a file; what it held is asked for', async (t) => {
  const { args, files, stale } = dibbler.launch(WISH);
  t.same(args, ['run', '-w', '/run/gh/dhcp6/dhcp6.1']);
  const [conf, duid] = files;
  t.equal(
    duid?.text,
    '00:04:00:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f\n',
    'trap 3: one DUID for good',
  );
  t.same(conf?.text.split('\n').slice(1), [
    ...['log-level 3', 'script "/run/gh/hook/dhcp6.1"', 'inactive-mode'],
    // Trap 5: it would put parts of prefixes on every interface.
    'downlink-prefix-ifaces "none"',
    ...['iface "wan0" {', 'rapid-commit yes'],
    ...['ia 256 {', 't1 500', 't2 800', '}'],
    ...['pd 257 {', 't1 500', 't2 800', 'prefix :: / 56', '}'],
    ...['pd 258 {', 't1 500', 't2 800', '}'],
    ...['option 23 hex', 'option 95 hex', 'option 15 hex 0x0002abcd', '}', ''],
  ]);
  // Trap 9: it refuses to start beside the pid file of one that was killed.
  t.ok(stale.includes('client.pid') && stale.includes('client-AddrMgr.xml'));
  const last = dibbler.launch({
    ...WISH,
    lastAddresses: new Map([[256, at('2001:db8::5')]]),
    lastPrefixes: new Map([[258, net('2001:db8:1::/48')]]),
  });
  t.match(
    last.files[0]?.text,
    /address 2001:db8::5\n[\s\S]*pd 258 \{\nt1 500\nt2 800\nprefix 2001:db8:1:: \/ 48\n\}/,
  );
  const read = (name: string) => (name === 'client.conf' ? last.files[0]?.text : undefined);
  t.ok(
    dibbler.same(args, dibbler.launch(WISH), read),
    'what is asked for first makes no difference',
  );
  const other = dibbler.launch({ ...WISH, config: { ...CONFIG, rapidCommit: false } });
  t.notOk(dibbler.same(args, other, read));
  const bare = dibbler.launch({
    ...WISH,
    config: {
      ...CONFIG,
      suggestedT1Sec: undefined,
      suggestedT2Sec: undefined,
      prefixHints: [net('::/0')],
    },
  });
  t.match(bare.files[0]?.text, /\nia 256\npd 257\n/, 'empty braces would be a fault to it');
  const second = dibbler.launch({ ...WISH, config: { ...CONFIG, id: 'dhcp6.2', instance: 2 } });
  t.match(second.files[0]?.text, /\nia 512 \{[\s\S]*\npd 513 \{/, 'no two clients share an IAID');
  t.match(dibbler.rootHarm, /resolv.conf/, 'trap 4');
  t.equal(dibbler.renew, 'restart', 'trap 8: no signal makes it renew');
  const evil = { ...CONFIG, id: 'a\n}\nscript "/bin/sh"' };
  t.equal(dibbler.launch({ ...WISH, config: evil }).files[0]?.text.match(/\nscript/g)?.length, 1);
});

// As dibbler-client 1.0.1 gave it at a bind and at a RENEW with Kea 2.2.
const BIND = {
  ...{
    CLNT_MESSAGE: 'REQUEST',
    SRV_MESSAGE: 'REPLY',
    REMOTE_ADDR: 'ff02::1:2',
    IFACE: 'wan0',
    IFINDEX: '2',
  },
  ...{ ADDR1: '2001:db8:f::1000', ADDR1PREF: '40', ADDR1VALID: '60' },
  ...{ PREFIX1: '2001:db8:1000::', PREFIX1LEN: '56', PREFIX1PREF: '40', PREFIX1VALID: '60' },
  ...{ SRV_OPTION1: '00:04:11', SRV_OPTION2: '00:03:00:01:42:c4:4a:71:ed:ef', CLNT_OPTION8: '0' },
  ...{
    SRV_OPTION23: '2001:db8:f::1 ',
    SRV_OPTION24: 'isp.example ',
    SRV_OPTION64: 'aftr.isp.example ',
  },
  ...{
    SRV_OPTION17: 'vendor=4491 7=01:02:03:04 ',
    SRV_OPTION95: '00:59:00:15',
    CLNT_OPTION6: '[generic]',
  },
  ...{ DOWNLINK_PREFIX_IFACES: '[none]', DOWNLINK_PREFIXES: '', PWD: '/run/gh' },
};
const DATABASE = `<AddrMgr><AddrClient>
<AddrIA unicast="" T1="5" T2="20" IAID="256" state="CONFIGURED"><AddrAddr timestamp="1" pref="40" valid="60" prefix="128">2001:db8:f::1000</AddrAddr></AddrIA>
<AddrPD unicast="" T1="6" T2="21" IAID="257" state="CONFIGURED"><AddrPrefix timestamp="1" pref="40" valid="40" length="56">2001:db8:1000::</AddrPrefix></AddrPD>
</AddrClient></AddrMgr>`;

t.test('what dibbler tells of a bind, with IAID, T1 and T2 out of its database', async (t) => {
  const said = dibbler.translate(message('add', BIND), () => DATABASE);
  if (!said.ok) return t.fail(said.error);
  t.same(leases(said.value), [
    'address 256 5/20 2001:db8:f::1000/128 40/60',
    'prefix 257 6/21 2001:db8:1000::/56 40/60',
  ]);
  t.match(said.value, {
    answered: 'bind',
    asked: ['na256', 'pd257'],
    receivedAtMs: 9000,
    domains: ['isp.example'],
  });
  t.equal(toHex(said.value?.serverDuid ?? DUID), '0003000142c44a71edef');
  t.same(
    said.value?.options.map(({ code, data }) => `${code} ${toHex(data)}`),
    [
      // Trap 6: the payload of option 17, as far as dibbler gives it.
      '17 0000118b0007000401020304',
      '23 20010db8000f00000000000000000001',
      '24 03697370076578616d706c6500',
      '64 04616674720369737007 6578616d706c6500'.replaceAll(' 6', '6'),
      '95 00590015',
    ],
  );
  const without = dibbler.translate(message('add', BIND), nothing);
  const known = without.ok && without.value ? withIaids(without.value, CONFIG) : undefined;
  t.same(
    leases(known).map((line) => line.split(' ').slice(0, 2).join(' ')),
    ['address 256', 'prefix 257'],
    'without its database they are of the first IA',
  );
});

t.test('trap 7: a RENEW lists everything twice, a CONFIRM tells of no time', async (t) => {
  const twice = {
    ...{
      ...BIND,
      CLNT_MESSAGE: 'RENEW',
      ADDR2: '2001:db8:f::1000',
      ADDR2PREF: '40',
      ADDR2VALID: '60',
    },
    ...{ PREFIX2: '2001:db8:1000::', PREFIX2LEN: '56', PREFIX2PREF: '40', PREFIX2VALID: '40' },
  };
  const said = dibbler.translate(message('update', twice), () => DATABASE);
  t.match(said, { ok: true, value: { answered: 'extend' } });
  t.same(leases(said.ok ? said.value : undefined), [
    'address 256 5/20 2001:db8:f::1000/128 40/60',
    'prefix 257 6/21 2001:db8:1000::/56 40/60',
  ]);
  const zero = { ...BIND, CLNT_MESSAGE: 'CONFIRM', ADDR1PREF: '0', ADDR1VALID: '0' };
  const confirmed = dibbler.translate(message('update', zero), () => DATABASE);
  t.match(confirmed, { ok: true, value: { answered: 'confirm', ias: [] } }, 'nothing ends by it');
});

t.test('what is no answer about leases is heard and left', async (t) => {
  for (const env of [
    {},
    { CLNT_MESSAGE: 'RELEASE', SRV_MESSAGE: 'REPLY' },
    { ...BIND, SRV_MESSAGE: 'ADVERTISE' },
  ]) {
    t.match(dibbler.translate(message('delete', env), nothing), { ok: true, value: undefined });
  }
  const empty = { CLNT_MESSAGE: 'REQUEST', SRV_MESSAGE: 'REPLY', ADDR1: 'x', SRV_OPTION95: 'zz' };
  t.match(dibbler.translate(message('add', empty), nothing), { ok: false });
});

t.test('odhcp6c is started by arguments', async (t) => {
  const { args } = odhcp6c.launch({
    ...WISH,
    lastPrefixes: new Map([[258, net('2001:db8:1::/48')]]),
  });
  t.same(args, [
    ...['-e', '-s', '/run/gh/hook/dhcp6.1', '-p', '/run/gh/dhcp6/dhcp6.1/pid'],
    ...['-c', '0004000102030405060708090a0b0c0d0e0f', '-N', 'try'],
    ...['-P', '56', '-P', '2001:db8:1::/48', '-R', '-r', '23,95', '-x', '15:0002abcd', 'wan0'],
  ]);
  const again = odhcp6c.launch(WISH);
  t.ok(odhcp6c.same(args, again, () => again.files[0]?.text));
  t.notOk(odhcp6c.same(args, again, nothing));
});

// By odhcp6c's own documentation: the environment of its state script.
const ODHCP6C = {
  ...{ SERVER: 'fe80::9', ADDRESSES: '2001:db8:f::5/128,600,1200 2001:db8:f::6/128,0,0' },
  ...{
    PREFIXES:
      '2001:db8:1000::/56,600,1200 2001:db8:2000::/60,1,4294967295,excluded=2001:db8:2000::/64',
  },
  ...{
    RDNSS: '2001:db8:f::1 fe80::1',
    DOMAINS: 'isp.example',
    OPTION_95: '00590015',
    OPTION_23: '20010db8000f00000000000000000001',
  },
  ...{ MAPT: 'type=map-t,ealen=20', CLASS: '' },
};

t.test('what odhcp6c tells is all that it has', async (t) => {
  const said = odhcp6c.translate(message('bound', ODHCP6C), nothing);
  if (!said.ok) return t.fail(said.error);
  t.same(leases(said.value), [
    'address 1 0/0 2001:db8:f::5/128 600/1200',
    'address 1 0/0 2001:db8:f::6/128 0/0',
    'prefix 1 0/0 2001:db8:1000::/56 600/1200',
    'prefix 1 0/0 2001:db8:2000::/60 1/Infinity',
  ]);
  t.same(
    said.value?.options.map(({ code, data }) => `${code} ${toHex(data)}`),
    ['23 20010db8000f00000000000000000001', '95 00590015'],
  );
  t.same(said.value?.dnsServers.map(formatIpv6), ['2001:db8:f::1']);
  t.match(odhcp6c.translate(message('unbound', {}), nothing), { ok: true, value: undefined });
  t.match(odhcp6c.translate(message('updated', {}), nothing), {
    ok: true,
    value: { answered: 'bind', ias: [] },
  });
});
