/**
 * The wall clock is set ten years on and back and over the end of 32-bit time, and is wrong after
 * reboots: no lease of the LAN is lost, none lasts for ever, none is given to somebody else.
 */
import { chmodSync, globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { tell } from '../lib/dhcp-crowd.ts';
import { DhcpLan, POOL, segmentRows } from '../lib/dhcp-lan.ts';
import { noNamespaces } from '../lib/netns.ts';

t.setTimeout(290_000);

const LEASE_SEC = 600;
const ALL = { first: 0, count: 40 };
const EACH = { acked: 40, naks: 0, silent: 0, moved: 0, wrong: [] };
const GUEST = { first: 1000, count: 1, prefix: '0216' };
const YEARS = 3653 * 86_400;
const [library] = globSync('/usr/lib/*/faketime/libfaketime.so.1');

/** Seconds from now to a moment. */
const to = (moment: string): number => Math.round((Date.parse(moment) - Date.now()) / 1000);
const CLOCKS: Readonly<Record<string, number>> = {
  'ten years on': YEARS,
  'ten years back': -YEARS,
  'before 2038-01-19T03:14:08Z': to('2038-01-19T03:13:50Z'),
  'after 2038-01-19T03:14:08Z': to('2038-01-19T03:14:30Z'),
  right: 0,
};
const REBOOTS: readonly (readonly [what: string, uptimeSec: number, offsetSec: number])[] = [
  ['1970, as without a clock of its own', 30, to('1970-01-01T00:10:00Z')],
  ['ten years on', 5000, YEARS],
  ['2039', 30, to('2039-06-01T00:00:00Z')],
  ['right', 100_000, 0],
];

t.test(
  'the wall clock is no matter',
  { skip: noNamespaces() ?? (library ? false : 'needs faketime') },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'gh-clock-'));
    chmodSync(folder, 0o755);
    t.teardown(() => rmSync(folder, { recursive: true }));
    const setClock = (sec: number) =>
      writeFileSync(join(folder, 'clock'), `${sec < 0 ? '' : '+'}${sec}\n`);
    setClock(0);
    await using lan = new DhcpLan('time', {
      rows: { ...segmentRows({ Probe: 'false' }), [`${POOL}LeaseTime`]: String(LEASE_SEC) },
      env: {
        LD_PRELOAD: library ?? '',
        FAKETIME_TIMESTAMP_FILE: join(folder, 'clock'),
        FAKETIME_NO_CACHE: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
      },
    });
    const { router } = lan;
    lan.plug('c1');
    const crowd = await lan.crowd('c1');
    await lan.start();
    await lan.served();
    const remaining = async () => {
      const { data } = await router.call('gatehouse.dhcp-server', 'leases');
      const { leases } = data as { leases: { remainingSec: number }[] };
      const seconds = leases.map(({ remainingSec }) => remainingSec);
      return { count: leases.length, least: Math.min(...seconds), most: Math.max(...seconds) };
    };
    const restart = async () => {
      await router.stop('SIGKILL');
      await lan.start();
      await lan.served();
    };

    t.match(await tell(crowd, { do: 'acquire', ...ALL }), EACH);
    for (const [what, offset] of Object.entries(CLOCKS)) {
      setClock(offset);
      t.match(await tell(crowd, { do: 'renew', ...ALL }), EACH, `${what}: all renew`);
      await restart();
      const left = await remaining();
      t.equal(left.count, 40, `${what}: all are there after a restart`);
      t.ok(
        left.least > LEASE_SEC - 60 && left.most <= LEASE_SEC,
        `${left.least} to ${left.most} s`,
      );
      t.match(await tell(crowd, { do: 'initReboot', ...ALL }), EACH, `${what}: all are known`);
    }
    const years = new Set(router.log.match(/"time":"\d{4}/g)?.map((text) => text.slice(-4)));
    t.ok(years.has('2016') && years.has('2036') && years.has('2038'), `it was ${[...years]}`);

    // One for twenty seconds; the clock goes back meanwhile.
    await router.call('gatehouse.dhcp-server', 'except', { mac: '02:16:00:00:03:e8', seconds: 20 });
    t.match(await tell(crowd, { do: 'acquire', ...GUEST }), { acked: 1, wrong: [] });
    setClock(-YEARS);
    await restart();
    t.equal((await remaining()).count, 41);
    await router.until('the short one is over', async () => (await remaining()).count === 40);
    setClock(0);

    for (const [n, [what, uptimeSec, offset]] of REBOOTS.entries()) {
      await router.reboot(uptimeSec);
      setClock(offset);
      await lan.start();
      await lan.served();
      const uptime = Number(await router.value('Device.DeviceInfo.UpTime'));
      t.ok(uptime >= uptimeSec - 1 && uptime < uptimeSec + 60, `up for ${uptime} s`);
      const { most } = await remaining();
      t.ok(most <= LEASE_SEC, `rebooted, ${what}: none lasts longer than it was given for`);
      const others = { first: 2000 + 40 * n, count: 40 };
      t.match(
        await tell(crowd, { do: 'acquire', ...others }),
        EACH,
        'newcomers get other addresses',
      );
      t.match(await tell(crowd, { do: 'initReboot', ...ALL }), EACH, `all have what they had`);
      t.match(await tell(crowd, { do: 'release', ...others }), { released: 40 });
      const left = await remaining();
      t.match(left, { count: 40 });
      t.ok(
        left.least > LEASE_SEC - 60 && left.most <= LEASE_SEC,
        `${left.least} to ${left.most} s`,
      );
    }
  },
);
