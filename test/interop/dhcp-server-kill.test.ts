/**
 * The daemon is killed again and again while clients come, renew and go: nothing that it acknowledged
 * is lost, and no address is given twice. GATEHOUSE_TEST_KILLS says how often.
 */
import t from 'tap';
import { tell } from '../lib/dhcp-crowd.ts';
import { DhcpLan, lanRows, NO_GUARD } from '../lib/dhcp-lan.ts';
import { noNamespaces } from '../lib/netns.ts';
import { random } from './dhcp-packets.ts';

t.setTimeout(290_000);

const KILLS = Number(process.env['GATEHOUSE_TEST_KILLS'] ?? 20);

t.test(`kill -9, ${KILLS} times under load`, { skip: noNamespaces() ?? false }, async (t) => {
  await using lan = new DhcpLan('kill', {
    rows: lanRows({
      address: '10.77.0.1',
      mask: '255.255.0.0',
      min: '10.77.1.0',
      max: '10.77.200.255',
      more: {
        ...NO_GUARD,
        'Device.DHCPv4.Server.X_GATEHOUSE_Segment.1.Interface': 'Device.IP.Interface.2',
        'Device.DHCPv4.Server.X_GATEHOUSE_Segment.1.Probe': 'false',
      },
    }),
  });
  lan.plug('c');
  const crowd = await lan.crowd('c');
  await lan.start();
  await lan.served();
  const began = performance.now();
  await tell(crowd, { do: 'load', most: 20_000, window: 256, seed: 4 });
  const next = random(1);
  for (let kill = 0; kill < KILLS; kill++) {
    for (let some = 1 + Math.floor(next() * 3); some > 0; some--) {
      await crowd.said(/^acknowledged/, crowd.lines.length);
    }
    await lan.router.stop('SIGKILL');
    await lan.start();
  }
  await crowd.said(/^acknowledged/, crowd.lines.length);
  const load = await tell(crowd, { do: 'stop' });
  const seconds = (performance.now() - began) / 1000;
  t.same(load.wrong, []);
  t.ok(load.acked >= KILLS * 250 && load.released > 0, 'it was under load');

  // Every client that holds an address by an ACK starts anew and asks for it.
  const again = await tell(crowd, { do: 'initReboot', first: 0, count: load.clients });
  t.same(again.wrong, []);
  t.equal(again.acked, load.bound);
  t.match(again, { naks: 0, silent: 0, moved: 0, bound: load.bound });
  t.comment(
    `${KILLS} kills in ${seconds.toFixed(1)} s: ${load.acked} ACKs, ${load.released} released; ${load.bound} held, ${again.acked} of them still theirs`,
  );
});
