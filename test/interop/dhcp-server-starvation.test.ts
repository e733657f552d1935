/** 65,000 MACs that nobody knows ask for addresses, twice: those who are known do not notice. */
import t from 'tap';
import { type CrowdOutcome, tell } from '../lib/dhcp-crowd.ts';
import { DhcpLan, lanRows, NO_GUARD, POOL, SERVER, segmentRows } from '../lib/dhcp-lan.ts';
import { noNamespaces } from '../lib/netns.ts';
import { ownMb } from '../lib/usage.ts';

t.setTimeout(290_000);

const ATTACKERS = 65_000;
const KNOWN = { first: 0, count: 200 };
/** Numbers of hosts with a StaticAddress, who have not been here yet. */
const STATIC = { first: 1000, count: 20 };
const SIZE = 4096;
const GUARD = `${SERVER}X_GATEHOUSE_Guard.`;

const macOf = (number: number): string =>
  `02:16:${number
    .toString(16)
    .padStart(8, '0')
    .replace(/..(?!$)/g, '$&:')}`;

const statics: Record<string, string> = {};
for (let i = 0; i < STATIC.count; i++) {
  const row = `${POOL}StaticAddress.${i + 1}.`;
  statics[`${row}Enable`] = 'true';
  statics[`${row}Chaddr`] = macOf(STATIC.first + i);
  statics[`${row}Yiaddr`] = `10.77.200.${i + 1}`;
}

t.test(`${ATTACKERS} MACs`, { skip: noNamespaces() ?? false }, async (t) => {
  await using lan = new DhcpLan('starve', {
    rows: lanRows({
      ...{ address: '10.77.0.1', mask: '255.255.0.0', min: '10.77.16.0', max: '10.77.31.255' },
      more: { ...NO_GUARD, ...statics, ...segmentRows({ Probe: 'false' }) },
    }),
  });
  for (const node of ['known', 'evil']) lan.plug(node);
  const [known, evil] = [await lan.crowd('known'), await lan.crowd('evil')];
  await lan.start();
  await lan.served();
  const { router } = lan;
  t.match(await tell(known, { do: 'acquire', ...KNOWN }), { acked: KNOWN.count, wrong: [] });
  const before = ownMb(router.pid);

  /** The known ones renew until the attack is over; not so often that they look like attackers. */
  const during = async (attack: Promise<CrowdOutcome>) => {
    let over: CrowdOutcome | undefined;
    const renewals: CrowdOutcome[] = [];
    const arrived = tell(known, { do: 'acquire', ...STATIC });
    void attack.then((outcome) => (over = outcome));
    do renewals.push(await tell(known, { do: 'renew', ...KNOWN }));
    while (over === undefined && renewals.length < 15);
    return { outcome: await attack, renewals, arrived: await arrived };
  };
  const check = ({ renewals, arrived }: Awaited<ReturnType<typeof during>>, what: string) => {
    for (const { acked, naks, silent, moved, wrong } of renewals) {
      const all = { acked: KNOWN.count, naks: 0, silent: 0, moved: 0, wrong: [] };
      t.match({ acked, naks, silent, moved, wrong }, all, `${what}: all known hosts renew`);
    }
    t.match(arrived, { acked: STATIC.count, silent: 0, wrong: [] }, `${what}: so do static ones`);
  };
  const bound = async () => (await lan.status()).pools[0]?.bound ?? 0;

  t.same(await router.set({ [`${GUARD}NewClientsPerSec`]: '50' }), []);
  const limited = await during(tell(evil, { do: 'starve', first: 0, count: ATTACKERS }));
  check(limited, 'with the limit');
  const seconds = Math.ceil(limited.outcome.ms / 1000) + 2;
  const got = limited.outcome.acked;
  t.ok(got <= 50 * seconds, `${got} of the attackers have an address after ${seconds} s`);
  t.ok((await lan.status()).counts.limited > 1000, 'the counter says so');

  t.same(await router.set({ [`${GUARD}NewClientsPerSec`]: '0' }), []);
  const open = await during(tell(evil, { do: 'starve', first: ATTACKERS, count: ATTACKERS }));
  check(open, 'without the limit');
  // What was said before is dealt with when a host that came last is answered.
  t.match(await tell(known, { do: 'renew', ...KNOWN }), { acked: KNOWN.count });
  const taken = await bound();
  const statically = STATIC.count;
  t.ok(taken - statically <= Math.ceil(SIZE * 0.9), `${taken} of ${SIZE} are on loan`);
  t.ok(taken - statically >= SIZE * 0.85, 'and hardly fewer: the pool was full for strangers');
  const stranger = { do: 'acquire', first: 5000, count: 1 } as const;
  const briefly = { ...stranger, tries: 2, waitMs: 200 };
  t.match(await tell(known, briefly), { acked: 0, silent: 1 }, 'a stranger has to wait');
  await router.call('gatehouse.dhcp-server', 'allow', { mac: macOf(5000) });
  t.match(await tell(known, stranger), { acked: 1 }, 'but not one that the owner knows');
  const after = ownMb(router.pid);
  t.ok(after < before + 100, `${before.toFixed(0)} MB before, ${after.toFixed(0)} MB after`);
  const { limited: refused, exhausted, discover } = (await lan.status()).counts;
  t.comment(
    `${2 * ATTACKERS} attackers: ${discover} DISCOVERs heard, ${refused} limited, ${exhausted} without a free address; ${got} got one with the limit; renewals ${limited.renewals.length + open.renewals.length} × ${KNOWN.count}, all acknowledged; written ${before.toFixed(0)} → ${after.toFixed(0)} MB`,
  );
});
