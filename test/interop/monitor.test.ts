/** A daemon watches hosts that lose, delay, double, reorder and refuse, and says what was done to it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { home, noNamespaces, sh } from '../lib/netns.ts';
import { NODE_FLAGS } from '../lib/node-flags.ts';
import { Router } from '../lib/router.ts';
import { TunHosts } from '../lib/tun-hosts.ts';

t.setTimeout(290_000);

const ENTRY = sh(fileURLToPath(new URL('../../scripts/entry', import.meta.url))).trim();
const TARGETS = 'Device.X_GATEHOUSE_Monitor.Target.';

const HOSTS = {
  '10.77.0.1': { delays: [40] },
  // One of ten, always the fourth.
  '10.77.0.2': { pattern: '1110111111' },
  '10.77.0.3': { copies: 2 },
  '10.77.0.4': { unreachable: 1 },
  '10.77.0.5': { delays: [500, 0, 0, 0, 0, 0, 0, 0, 0, 0] },
};

t.test(
  'what is done to probes is what is said of them',
  { skip: noNamespaces() ?? false },
  async (t) => {
    await using stack = new AsyncDisposableStack();
    const spaces = stack.use(home('monitor'));
    const inside = ['ip', ...spaces.argv('r', 'env')];
    stack.use(await TunHosts.start(HOSTS, inside));
    const router = stack.use(new Router(spaces, 'r'));
    await router.start('--only', 'monitor');
    t.equal(await router.value('Device.X_GATEHOUSE_Monitor.Status'), 'Disabled');
    t.notMatch(router.log, /monitor\//, 'nothing is loaded for it');

    const cli = async (...args: string[]) => {
      const argv = [...NODE_FLAGS, ENTRY, '--ubus-socket', router.socket, ...args];
      const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'] });
      const [stdout, stderr, [code]] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        once(child, 'close'),
      ]);
      return { stdout, stderr, code };
    };

    t.match(await cli('targets'), { code: 0, stderr: /nothing is watched/ });
    // A burst of ten with 100 ms between them would not fit.
    const options = ['--name', 'host 1', '--interval', '2', '--timeout', '1500', '--burst', '10'];
    t.match(await cli('targets', 'add', '10.77.0.1', ...options), {
      code: 1,
      stderr: /a burst may take 2400 ms/,
    });
    for (const [i, host] of Object.keys(HOSTS).entries()) {
      const fit = { Host: host, Name: `host ${i + 1}`, Interval: '2', Burst: '10' };
      const rows = await router.rows('add', {
        path: TARGETS,
        obj_path: { ...fit, Spacing: '20', Timeout: '1800' },
      });
      t.equal(rows[0]?.data, String(i + 1), JSON.stringify(rows));
    }
    const stats = async (n: number) => {
      const all = await router.get(`${TARGETS}${n}.Stats.`);
      return Object.fromEntries(
        Object.entries(all).map(([path, value]) => [path.slice(path.lastIndexOf('.') + 1), value]),
      );
    };
    await router.until('three bursts of each', async () => {
      for (let n = 1; n <= 5; n++) if (Number((await stats(n))['Bursts']) < 3) return false;
      return true;
    });
    t.match(await router.get('Device.X_GATEHOUSE_Monitor.'), {
      'Device.X_GATEHOUSE_Monitor.Status': 'Enabled',
      'Device.X_GATEHOUSE_Monitor.IPv4Method': 'raw',
      'Device.X_GATEHOUSE_Monitor.IPv6Method': 'raw',
      'Device.X_GATEHOUSE_Monitor.ProbesUnstamped': '0',
    });

    const delayed = await stats(1);
    t.ok(Number(delayed['MinTime']) >= 40_000, `40 ms were injected: ${delayed['MinTime']} µs`);
    t.match(delayed, { Loss: '0', LossPattern: 'None', Availability: '10000', HopLimit: '64' });

    const lossy = await stats(2);
    t.equal(lossy['Loss'], '1000', 'one of ten, in hundredths of a percent');
    t.match(lossy, { LongestLossRun: '1' });
    await router.until('ten losses tell that they come periodically', async () => {
      const { LossPattern, LossPeriod } = await stats(2);
      return LossPattern === 'Periodic' && LossPeriod === '10';
    });
    await router.waitFor(`${TARGETS}2.Status`, 'Lossy');
    await router.waitFor(`${TARGETS}2.Cause`, 'Timeout');

    const doubled = await stats(3);
    t.ok(Number(doubled['Duplicates']) >= 30, 'each answer came twice');
    t.equal(doubled['Loss'], '0');

    await router.waitFor(`${TARGETS}4.Status`, 'Down');
    await router.waitFor(`${TARGETS}4.Cause`, 'Unreachable');
    await router.waitFor(`${TARGETS}4.Reason`, 'host unreachable');

    const reordered = await stats(5);
    const bursts = Number(reordered['Bursts']);
    t.ok(Number(reordered['Reordered']) >= bursts - 1, 'the first of each burst came last');
    t.ok(Number(reordered['MaxTime']) >= 500_000);

    const shown = await cli('targets');
    t.equal(shown.code, 0);
    for (const words of [
      /host 1 +Up /,
      /host 2 +Lossy .*Periodic/,
      /host 4 +Down .*host unreachable/,
    ]) {
      t.match(shown.stdout, words);
    }
    t.match(await cli('targets', 'test', 'host 1'), {
      code: 0,
      stderr: /host 1: 10 of 10 answered/,
    });
    t.match(await cli('targets', 'test', '4'), {
      code: 1,
      stderr: /0 of 10 answered \(host unreach/,
    });
    t.match(await cli('targets', 'set', 'host 1', 'Burst=5', 'Name=gate'), { code: 0 });
    t.match(await cli('targets', 'remove', '10.77.0.5'), { code: 0 });
    t.match(await cli('targets', 'remove', 'nobody'), { code: 1, stderr: /no target nobody/ });
    const listed = JSON.parse((await cli('--json', 'targets')).stdout) as {
      name: string;
      burst: number;
    }[];
    t.match(listed.map(({ name, burst }) => [name, burst])[0], ['gate', 5]);
    t.equal(listed.length, 4);

    const drawn = await cli('graph', 'gate');
    t.equal(drawn.code, 0, drawn.stderr);
    t.match(drawn.stdout, /[▁-█][\s\S]*\(UTC\)\ngate: \d+(\.\d+)? ms to .* lost \(0\.00 %\)/);
    const file = `${router.folder}/smoke.svg`;
    t.match(await cli('graph', 'host 2', '--last', '1d', '--svg', file), { code: 0 });
    t.match(
      readFileSync(file, 'utf8'),
      /^<svg [\s\S]*<title>host 2<\/title>[\s\S]*#8f4fc4[\s\S]*<\/svg>\n$/,
    );
    t.match(await cli('graph', 'host 2', '--svg', file), { code: 1, stderr: /exist/i });
    const pixels = `${router.folder}/smoke.png`;
    t.match(await cli('graph', 'host 2', '--last', '1d', '--png', pixels), { code: 0 });
    const picture = readFileSync(pixels);
    t.equal(picture.toString('latin1', 1, 4), 'PNG');
    t.same([picture.readUInt32BE(16), picture.readUInt32BE(20)], [1720, 600]);
    const [head, first] = (await cli('graph', 'host 2', '--csv')).stdout.split('\n');
    t.equal(head, 'at,span_sec,sent,received,min_us,q1_us,median_us,q3_us,max_us');
    t.match(first, /^20[\d-]+T[\d:.]+Z,\d+,10,9(,\d+){5}$/);
    const json = JSON.parse((await cli('--json', 'graph', 'host 4')).stdout) as { rows: object[] };
    t.match(json.rows[0], { sent: 10, received: 0, minUs: null });
    const { data } = await router.call('gatehouse.monitor', 'status');
    t.match(data, { running: true, ipv4: 'raw', series: { dropped: 0, failedWrites: 0 } });

    // The kernel drops them: the firewall of the box itself is told from silence.
    spaces.exec(
      'r',
      'nft',
      'add table ip t; add chain ip t o { type filter hook output priority 0; }; add rule ip t o ip daddr 10.77.0.1 drop',
    );
    await router.waitFor(`${TARGETS}1.Cause`, 'NotSent');
    await router.waitFor(`${TARGETS}1.Status`, 'Down');
    spaces.exec('r', 'nft', 'delete table ip t');
    await router.waitFor(`${TARGETS}1.Status`, 'Up');

    // What was acknowledged stands after the next start; what ended in order is all there.
    const rowsOf = async () => {
      const args = { target: `${TARGETS}2`, points: 2000 };
      const got = await router.call('gatehouse.monitor', 'graph', args);
      return (got['data'] as { rows: number[][] }).rows.map((row) => row.join());
    };
    const before = await rowsOf();
    await router.stop();
    await router.start('--only', 'monitor');
    const after = await rowsOf();
    t.ok(before.length > 0 && before.every((row) => after.includes(row)), 'all is there');
    await router.stop('SIGKILL');
    await router.start('--only', 'monitor');
    const left = await rowsOf();
    t.ok(
      before.every((row) => left.includes(row)),
      'a kill takes nothing that was stored',
    );
  },
);
