/** Beside a second real server, dnsmasq, on the same segment: who answers whom is what the mode says. */
import t from 'tap';
import { tell } from '../lib/dhcp-crowd.ts';
import { DhcpLan, lanRows, NO_GUARD, SERVER, segmentRows } from '../lib/dhcp-lan.ts';
import { dnsmasq } from '../lib/isp.ts';
import { noNamespaces } from '../lib/netns.ts';

t.setTimeout(290_000);

const SEGMENT = `${SERVER}X_GATEHOUSE_Segment.1.`;
const OURS = '10.77.0.1';
const OTHER = '10.77.0.2';
/** dnsmasq's part of the LAN, with room for a crowd. */
const RANGE = ['--dhcp-range=10.77.64.0,10.77.79.255,255.255.0.0,600', '--dhcp-lease-max=5000'];
/** The owner allows these, by the first two bytes of the MAC. */
const ALLOWED = '0216';
const STRANGERS = '0233';
const macOf = (prefix: string, number: number): string =>
  `${prefix}${number.toString(16).padStart(8, '0')}`.replace(/..(?!$)/g, '$&:');

function house(name: string, mode: string): DhcpLan {
  const rule = `${SERVER}X_GATEHOUSE_Rule.1.`;
  const lan = new DhcpLan(name, {
    rows: lanRows({
      ...{ address: OURS, mask: '255.255.0.0', min: '10.77.16.0', max: '10.77.31.255' },
      more: {
        ...NO_GUARD,
        ...segmentRows({ Probe: 'false', Mode: mode }),
        [`${rule}Enable`]: 'true',
        [`${rule}Order`]: '1',
        [`${rule}Chaddr`]: macOf(ALLOWED, 0),
        [`${rule}ChaddrMask`]: 'ff:ff:00:00:00:00',
      },
    }),
  });
  for (const node of ['c1', 'c2', 'd']) lan.plug(node);
  lan.spaces.exec('d', 'ip', 'address', 'add', `${OTHER}/16`, 'dev', 'eth0');
  return lan;
}

const skip = noNamespaces() ?? false;

/** Values of one column of a table of the model, sorted. */
const column = async ({ router }: DhcpLan, table: string, name: string): Promise<string[]> =>
  Object.entries(await router.get(`${SERVER}${table}.`))
    .filter(([path]) => path.endsWith(`.${name}`))
    .map(([, value]) => value)
    .sort();

t.test(
  'open: another server is told of, whether it was first or comes later',
  { skip },
  async (t) => {
    await using lan = house('open', 'Open');
    const { router, spaces } = lan;
    const crowd = await lan.crowd('c1');
    const early = await dnsmasq(spaces, 'd', '--interface=eth0', ...RANGE);
    await lan.start();
    const events: string[] = [];
    const heard = router.bus.listen('bbfdm.event', (_, data) => events.push(JSON.stringify(data)));
    t.teardown(() => heard[Symbol.dispose]());
    await router.until('the search finds it', async () =>
      (await column(lan, 'X_GATEHOUSE_OtherServer', 'IPAddress')).includes(OTHER),
    );
    t.match(await lan.cli('dhcp', 'status'), new RegExp(`another DHCP server answers: ${OTHER} `));
    t.match(router.log, /another DHCP server is on the LAN/);
    await early[Symbol.asyncDispose]();

    // A switch keeps its offers to others from us; who takes one tells everyone.
    spaces.exec('d', 'ip', 'address', 'flush', 'dev', 'eth0');
    spaces.exec('d', 'ip', 'address', 'add', '10.77.0.3/16', 'dev', 'eth0');
    await using _late = await dnsmasq(spaces, 'd', '--interface=eth0', ...RANGE);
    const client = { do: 'acquire', first: 0, count: 1, server: '10.77.0.3' } as const;
    await router.until('a client that chose it betrays it', async () => {
      await tell(crowd, client);
      return (await column(lan, 'X_GATEHOUSE_OtherServer', 'IPAddress')).includes('10.77.0.3');
    });
    await router.until('an event tells of it', () =>
      events.some((event) => /OtherServer!/.test(event) && event.includes('10.77.0.3')),
    );
    t.equal((await lan.status()).counts.secondServer, 2);
  },
);

t.test('selective: the allowed, the approved, and exceptions with an end', { skip }, async (t) => {
  await using lan = house('choosy', 'Selective');
  const { router } = lan;
  const crowd = await lan.crowd('c1');
  await lan.start();
  await lan.served();
  const strangers = { first: 0, count: 50, prefix: STRANGERS, tries: 2, waitMs: 200 } as const;
  const refused = await tell(crowd, { do: 'acquire', ...strangers });
  t.match(refused, { acked: 0, silent: 50, offers: {}, wrong: [] });
  const allowed = await tell(crowd, { do: 'acquire', first: 0, count: 50, prefix: ALLOWED });
  t.match(allowed, { acked: 50, acks: { [OURS]: 50 }, wrong: [] });
  const waiting = Array.from({ length: 50 }, (_, i) => macOf(STRANGERS, i));
  await router.until(
    'they wait for the owner',
    async () => (await column(lan, 'X_GATEHOUSE_Pending', 'Chaddr')).length === 50,
  );
  t.same(await column(lan, 'X_GATEHOUSE_Pending', 'Chaddr'), waiting);
  t.match(await lan.cli('dhcp', 'pending'), new RegExp(`${waiting[7]} .*yes +\\d ×`));

  const [path] = Object.entries(await router.get(`${SERVER}X_GATEHOUSE_Pending.`)).find(
    ([name, value]) => name.endsWith('.Chaddr') && value === waiting[7],
  ) ?? [''];
  await router.rows('operate', { command: path.replace(/Chaddr$/, 'Approve()') });
  const one = { first: 7, count: 1, prefix: STRANGERS };
  const briefly = { tries: 2, waitMs: 200 };
  t.match(await tell(crowd, { do: 'acquire', ...one }), { acked: 1, wrong: [] }, 'approved');
  t.match(await tell(crowd, { do: 'acquire', ...one, first: 8, ...briefly }), {
    ...{ acked: 0, silent: 1 },
  });
  t.notOk((await column(lan, 'X_GATEHOUSE_Pending', 'Chaddr')).includes(waiting[7] ?? ''));

  // A word that is taken back ends a lease when its client renews.
  await lan.cli('dhcp', 'forget', waiting[7] ?? '');
  t.match(await tell(crowd, { do: 'renew', ...one }), { acked: 0, naks: 1 }, 'not served any more');
  t.match(await tell(crowd, { do: 'acquire', ...one, ...briefly }), { acked: 0, silent: 1 });

  await lan.cli('dhcp', 'except', waiting[9] ?? '', '--for', '15s');
  const guest = { ...one, first: 9 };
  t.match(await tell(crowd, { do: 'acquire', ...guest }), { acked: 1, wrong: [] }, 'for a while');
  t.match(await tell(crowd, { do: 'renew', ...guest }), { acked: 1, wrong: [] });
  const bound = async () => Number(await router.value(`${SERVER}Pool.1.X_GATEHOUSE_Bound`));
  await router.until('its lease is told', async () => (await bound()) === 51);
  await router.until('the lease ends with the exception', async () => (await bound()) === 50);
  t.match(
    await tell(crowd, { do: 'renew', ...guest, ...briefly }),
    { acked: 0 },
    'and is not renewed',
  );
  t.match(await tell(crowd, { do: 'acquire', ...guest, ...briefly }), { acked: 0, silent: 1 });
  const again = await tell(crowd, { do: 'renew', first: 0, count: 50, prefix: ALLOWED });
  t.match(again, { acked: 50, naks: 0, wrong: [] }, 'the others go on');
});

t.test('hybrid: a thousand clients, half of them ours', { skip }, async (t) => {
  await using lan = house('hybrid', 'Hybrid');
  const { router } = lan;
  const [a, b] = [await lan.crowd('c1'), await lan.crowd('c2')];
  await lan.start();
  await lan.served();
  const ignore = [`--dhcp-mac=set:ours,02:16:*:*:*:*`, '--dhcp-ignore=tag:ours'];
  await using _dnsmasq = await dnsmasq(lan.spaces, 'd', '--interface=eth0', ...RANGE, ...ignore);
  const half = { first: 0, count: 500 };
  const [ours, theirs] = await Promise.all([
    tell(a, { do: 'acquire', ...half, prefix: ALLOWED }),
    // It keeps no address for whom it made an offer: few at a time.
    tell(b, { do: 'acquire', ...half, prefix: STRANGERS, window: 2 }),
  ]);
  // One more of each: whoever were to answer them late has done so by then.
  await tell(a, { do: 'acquire', first: 500, count: 1, prefix: STRANGERS });
  await tell(b, { do: 'acquire', first: 500, count: 1, prefix: ALLOWED });
  t.match(ours, { acked: 500, doubleOffers: 0, naks: 0, silent: 0, wrong: [] });
  t.match(theirs, { acked: 500, doubleOffers: 0, silent: 0, wrong: [] });
  t.same([ours.acks, theirs.acks], [{ [OURS]: 500 }, { [OTHER]: 500 }]);
  t.same([Object.keys(ours.offers), Object.keys(theirs.offers)], [[OURS], [OTHER]]);

  const [oursAgain, theirsAgain] = await Promise.all([
    tell(a, { do: 'initReboot', ...half, prefix: ALLOWED }),
    tell(b, { do: 'initReboot', ...half, prefix: STRANGERS }),
  ]);
  t.match(oursAgain, { acked: 500, acks: { [OURS]: 500 }, naks: 0, moved: 0, wrong: [] });
  t.match(theirsAgain, { acked: 500, acks: { [OTHER]: 500 }, naks: 0, moved: 0, wrong: [] });
  const { nack, refused } = (await lan.status()).counts;
  t.same([nack, refused], [0, 0], 'the clients of others are no matter of ours');
  await router.until(
    'their leases are recorded',
    async () => (await column(lan, 'X_GATEHOUSE_OtherLease', 'Server')).length === 501,
  );
  t.equal((await column(lan, 'X_GATEHOUSE_OtherServer', 'IPAddress')).length, 0, 'no rogue');
  t.comment(
    `hybrid: 1,000 clients in ${Math.max(ours.ms, theirs.ms)} ms, ${ours.acked} by us, ${theirs.acked} by dnsmasq, no double offer`,
  );
});

t.test(
  'pass-through: silent, watching; then relaying to where the server is',
  { skip },
  async (t) => {
    await using lan = house('through', 'PassThrough');
    const { router, spaces } = lan;
    const crowd = await lan.crowd('c1');
    await lan.start();
    await lan.served();
    const near = await dnsmasq(spaces, 'd', '--interface=eth0', ...RANGE);
    const all = await tell(crowd, { do: 'acquire', first: 0, count: 100 });
    t.match(all, { acked: 100, acks: { [OTHER]: 100 }, doubleOffers: 0, naks: 0, wrong: [] });
    t.same(Object.keys(all.offers), [OTHER]);
    const { offer, ack, nack } = (await lan.status()).counts;
    t.same([offer, ack, nack], [0, 0, 0], 'not a word');
    await router.until(
      'its leases are recorded',
      async () => (await column(lan, 'X_GATEHOUSE_OtherLease', 'Chaddr')).length === 100,
    );
    t.same(new Set(await column(lan, 'X_GATEHOUSE_OtherLease', 'Server')), new Set([OTHER]));
    await near[Symbol.asyncDispose]();

    spaces.link(['r', 'up0'], ['far', 'eth0']);
    spaces.exec('r', 'ip', 'address', 'add', '10.99.0.1/24', 'dev', 'up0');
    spaces.exec('far', 'ip', 'address', 'add', '10.99.0.2/24', 'dev', 'eth0');
    spaces.exec('far', 'ip', 'route', 'add', 'default', 'via', '10.99.0.1');
    await using _far = await dnsmasq(spaces, 'far', '--interface=eth0', ...RANGE);
    t.same(await router.set({ [`${SEGMENT}RelayTo`]: '10.99.0.2' }), []);
    const relayed = await tell(crowd, { do: 'acquire', first: 1000, count: 100 });
    t.match(relayed, { acked: 100, acks: { '10.99.0.2': 100 }, naks: 0, silent: 0, wrong: [] });
    await router.until('leases that were relayed are recorded', async () => {
      const servers = await column(lan, 'X_GATEHOUSE_OtherLease', 'Server');
      return servers.filter((server) => server === '10.99.0.2').length === 100;
    });
    // The REQUEST already names the server; the end comes with its ACK.
    await router.until('their ends are known', async () => {
      const ends = await column(lan, 'X_GATEHOUSE_OtherLease', 'LeaseTimeRemaining');
      return ends.filter((end) => !end.startsWith('0001')).length === 100;
    });
    t.comment(
      `pass-through: 100 clients by dnsmasq in ${all.ms} ms, 100 by a relay in ${relayed.ms} ms`,
    );
  },
);
