/** The wall clock is moved by ten years, forth and back: leases go by time that cannot be set. */
import { execFileSync } from 'node:child_process';
import { globSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { dnsmasq, ISP_RANGE } from '../lib/isp.ts';
import { home, noNamespaces } from '../lib/netns.ts';
import { Router } from '../lib/router.ts';

t.setTimeout(290_000);

const CLIENT = 'Device.DHCPv4.Client.1.';
const [library] = globSync('/usr/lib/*/faketime/libfaketime.so.1');

t.test(
  'ten years forth and back',
  { skip: noNamespaces() ?? (library ? false : 'needs faketime') },
  async (t) => {
    await using stack = new AsyncDisposableStack();
    const spaces = stack.use(home('clock'));
    stack.use(await dnsmasq(spaces, 'isp', ...ISP_RANGE));
    const folder = execFileSync('mktemp', ['-d'], { encoding: 'utf8' }).trim();
    stack.defer(() => void execFileSync('rm', ['-r', folder]));
    execFileSync('chmod', ['755', folder]);
    const setting = join(folder, 'clock');
    const setClock = (offset: string) => writeFileSync(setting, `${offset}\n`);
    setClock('+0d');
    const router = stack.use(
      new Router(spaces, 'r', {
        env: {
          LD_PRELOAD: library ?? '',
          FAKETIME_TIMESTAMP_FILE: setting,
          FAKETIME_NO_CACHE: '1',
          // Only the wall clock can be set; monotonic time knows nothing of it.
          FAKETIME_DONT_FAKE_MONOTONIC: '1',
        },
      }),
    );
    await router.start();
    await router.waitFor(`${CLIENT}DHCPStatus`, 'Bound');
    const address = (await router.value(`${CLIENT}IPAddress`)) ?? '';
    const shown = () => spaces.exec('r', 'ip', '-4', '-br', 'address', 'show', 'dev', 'wan0');
    for (const offset of ['+3653d', '-3653d', '+0d']) {
      setClock(offset);
      const acks = Number(await router.value(`${CLIENT}Stats.ACK`));
      await router.rows('operate', { command: `${CLIENT}Renew()` });
      await router.until(
        'a renewal is acknowledged',
        async () => Number(await router.value(`${CLIENT}Stats.ACK`)) > acks,
      );
      await router.waitFor(`${CLIENT}DHCPStatus`, 'Bound');
      const remaining = Number(await router.value(`${CLIENT}LeaseTimeRemaining`));
      t.ok(remaining > 100 && remaining <= 120, `${offset}: ${remaining} s remain`);
      t.match(shown(), address);
      // The next daemon, too, goes by the boot's own clock.
      await router.stop('SIGKILL');
      await router.start();
      await router.waitFor(`${CLIENT}IPAddress`, address);
      const still = Number(await router.value(`${CLIENT}LeaseTimeRemaining`));
      t.ok(still > 90 && still <= 120, `${offset}, after a restart: ${still} s remain`);
      t.match(shown(), address);
    }
    const years = new Set(router.log.match(/"time":"\d{4}/g)?.map((text) => text.slice(-4)));
    t.ok(years.size >= 3, `the clock did move: ${[...years].join(', ')}`);
  },
);
