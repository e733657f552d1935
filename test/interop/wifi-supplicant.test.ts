/**
 * The Wi-Fi service with the real wpa_supplicant and its control socket, on a cable: its driver `wired`
 * has no radio to search with, but runs, answers and tells as any other.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { LinuxClock } from '../../src/os/linux/clock.ts';
import { LinuxDirectories, LinuxFiles } from '../../src/os/linux/files.ts';
import { loadNative, Reactor } from '../../src/os/linux/native.ts';
import { LinuxProcesses } from '../../src/os/linux/process.ts';
import { LinuxDatagramSockets } from '../../src/os/linux/unix-datagram.ts';
import type { Link } from '../../src/os/ports.ts';
import type { WifiConfig, WifiObserved } from '../../src/services/wifi/config.ts';
import { WifiService } from '../../src/services/wifi/service.ts';
import { MemoryLog } from '../lib/log.ts';
import { noNamespaces, sh } from '../lib/netns.ts';

const WPA = '/usr/sbin/wpa_supplicant';
const skip = noNamespaces() ?? (existsSync(WPA) ? undefined : 'needs wpa_supplicant');
const IF = `wl${process.pid % 1_000_000}`;

const CONFIG: WifiConfig = {
  radios: [{ ifName: IF, enable: true, country: undefined }],
  endPoints: [
    {
      ...{ id: 'e', enable: true, ifName: IF },
      profiles: [
        {
          ...{ id: 'p', enable: true, ssid: 'open', hidden: false, priority: 0, mode: 'None' },
          ...{ passphrase: undefined, psk: undefined },
        },
      ],
    },
  ],
};

const ALONE = 'GATEHOUSE_WIFI_ALONE';

t.setTimeout(290_000);

// Once more, in a network namespace of its own.
if (skip === undefined && process.env[ALONE] === undefined) {
  const inner = spawnSync('unshare', ['-n', process.execPath, fileURLToPath(import.meta.url)], {
    ...{ encoding: 'utf8', timeout: 110_000 },
    env: { ...process.env, [ALONE]: '1' },
  });
  t.equal(inner.status, 0, 'with wpa_supplicant on a cable');
  if (inner.status !== 0) t.comment(inner.stdout + inner.stderr);
} else {
  t.test('it runs, tells, is taken over, and ends', skip === undefined ? {} : { skip }, inside);
}

async function inside(t: Test): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'gh-wifi-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  sh('ip', 'link', 'add', IF, 'type', 'veth', 'peer', 'name', 'other');
  t.teardown(() => sh('ip', 'link', 'del', IF));
  const native = loadNative();
  await using reactor = new Reactor(native);
  const processes = new LinuxProcesses(reactor);
  let now: WifiObserved | undefined;
  let wake: () => void = () => {};
  const make = (): WifiService =>
    new WifiService({
      ...{
        processes,
        clock: new LinuxClock(native),
        log: new MemoryLog(),
        files: new LinuxFiles(),
      },
      ...{ directories: new LinuxDirectories(), sockets: new LinuxDatagramSockets(reactor) },
      ...{ program: WPA, driver: 'wired', folder, keyOf: () => '', phyOf: () => 'phy-none' },
      argumentsOf: (identity) => processes.argumentsOf(identity),
      links: () => [{ name: IF, ifIndex: 1, loopback: false, kind: undefined } as Link],
      report: (value) => {
        now = value;
        wake();
      },
    });
  const until = async (there: () => boolean): Promise<void> => {
    const late = AbortSignal.timeout(60_000);
    while (!there()) {
      if (late.aborted) throw new Error(`too late: ${JSON.stringify(now)}`);
      await new Promise<void>((resolve) => {
        wake = resolve;
        late.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  };

  const service = make();
  t.same(await service.apply(CONFIG), []);
  await until(() => now?.interfaces[0]?.state === 'joined');
  t.match(now?.interfaces, [
    { ifName: IF, restarts: 0, link: { profile: 'p', keyManagement: 'NONE' } },
  ]);
  t.equal(statSync(join(folder, `${IF}.conf`)).mode & 0o777, 0o600);
  const conf = join(folder, `${IF}.conf`);
  const running = (): number | undefined => processes.findByArguments([conf]).get(conf)?.[0]?.pid;
  const pid = running();
  t.type(pid, 'number');
  await service[Symbol.asyncDispose]();

  const next = make();
  now = undefined;
  await next.apply(CONFIG);
  await until(() => now?.interfaces[0]?.state === 'joined');
  t.equal(running(), pid, 'the next daemon takes it over');

  process.kill(pid ?? 0, 'SIGKILL');
  await until(() => now?.interfaces[0]?.restarts === 1 && now.interfaces[0].state === 'joined');
  t.not(running(), pid, 'one that is killed is started again');

  await next.apply({ radios: [], endPoints: [] });
  t.equal(running(), undefined);
  t.notOk(existsSync(conf), 'the configuration is gone');
  await next[Symbol.asyncDispose]();
  t.notMatch(readFileSync('/proc/self/net/unix', 'utf8'), folder, 'and so are the sockets');
}
