/** The owner gives the LAN another subnet: pool, static addresses and clients move along. */
import t from 'tap';
import { tell } from '../lib/dhcp-crowd.ts';
import { DhcpLan, POOL, segmentRows } from '../lib/dhcp-lan.ts';
import { noNamespaces } from '../lib/netns.ts';

t.setTimeout(290_000);

const ADDRESS = 'Device.IP.Interface.2.IPv4Address.1.IPAddress';
const ALL = { first: 0, count: 40 };
const QUICK = { tries: 2, waitMs: 250 };

t.test('another address of the LAN', { skip: noNamespaces() ?? false }, async (t) => {
  await using lan = new DhcpLan('move', {
    rows: {
      ...segmentRows({ Probe: 'false' }),
      [`${POOL}StaticAddress.1.Enable`]: 'true',
      [`${POOL}StaticAddress.1.Chaddr`]: '02:16:00:00:00:00',
      [`${POOL}StaticAddress.1.Yiaddr`]: '192.168.1.20',
    },
  });
  const { router } = lan;
  lan.plug('c1');
  const [crowd, witness] = [await lan.crowd('c1'), await lan.witness()];
  await lan.start();
  await lan.served();
  t.match(await tell(crowd, { do: 'acquire', ...ALL }), { acked: 40, acks: { '192.168.1.1': 40 } });
  const addresses = (mark: number): string[] =>
    witness.lines
      .slice(mark)
      .filter((line) => / ACK /.test(line))
      .map((line) => line.split(' ')[4] ?? '');

  t.same(await router.set({ [ADDRESS]: '10.20.30.1' }), []);
  await router.waitFor(`${POOL}X_GATEHOUSE_Range`, '10.20.30.100-10.20.30.249');
  await lan.served();
  t.match(
    lan.spaces.exec('r', 'ip', '-4', '-br', 'address', 'show', 'dev', 'lan0'),
    /10\.20\.30\.1/,
  );

  const first = { first: 0, count: 20 };
  const renewed = await tell(crowd, { do: 'renew', ...first, ...QUICK });
  t.match(
    renewed,
    { acked: 0, naks: 0, silent: 20 },
    'what is sent to the old address is not ours',
  );
  const rebound = await tell(crowd, { do: 'rebind', ...first });
  t.match(rebound, { acked: 0, naks: 20 }, 'REBINDING is refused');
  const rebooted = await tell(crowd, { do: 'initReboot', first: 20, count: 20 });
  t.match(rebooted, { acked: 0, naks: 20 }, 'INIT-REBOOT is refused');
  const mark = witness.lines.length;
  const moved = await tell(crowd, { do: 'acquire', ...ALL });
  t.match(moved, { acked: 40, acks: { '10.20.30.1': 40 }, naks: 0, silent: 0, wrong: [] });
  // Who waited long asked twice, and was told twice.
  await router.until('all were seen', () => new Set(addresses(mark)).size === 40);
  const there = addresses(mark);
  t.same(
    there.filter((address) => !address.startsWith('10.20.30.')),
    [],
  );
  t.ok(there.includes('10.20.30.20'), 'the static address moved along');
  t.match(await tell(crowd, { do: 'renew', ...ALL }), { acked: 40, naks: 0, moved: 0 });

  // And back, with the daemon stopped meanwhile.
  t.same(await router.set({ [ADDRESS]: '192.168.1.1' }), []);
  await router.waitFor(`${POOL}X_GATEHOUSE_Range`, '192.168.1.100-192.168.1.249');
  await router.stop('SIGKILL');
  await lan.start();
  await lan.served();
  t.match(await tell(crowd, { do: 'initReboot', ...ALL }), { acked: 0, naks: 40 });
  t.match(await tell(crowd, { do: 'acquire', ...ALL }), { acked: 40, acks: { '192.168.1.1': 40 } });
});
