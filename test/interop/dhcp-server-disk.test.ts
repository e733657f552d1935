/**
 * The disk takes no more: leases that are known go on, nobody is promised what is not on disk, it is
 * said aloud, and it is over when there is room again.
 */
import { execFileSync } from 'node:child_process';
import { chownSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { tell } from '../lib/dhcp-crowd.ts';
import { DhcpLan, SERVER, segmentRows } from '../lib/dhcp-lan.ts';
import { noNamespaces } from '../lib/netns.ts';

t.setTimeout(290_000);

const ALL = { first: 0, count: 40 };
const EACH = { acked: 40, naks: 0, silent: 0, moved: 0, wrong: [] };
const GIVE_UP = { tries: 2, waitMs: 250 };
/** The daemon's user; who has its number may set its limits. */
const UID = 6767;
const REASON = `${SERVER}X_GATEHOUSE_Reason`;

/** The daemon's own small disk, gone before its folder is. */
function disk(folder: string, size: string): Disposable {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder]);
  chownSync(folder, UID, UID);
  return { [Symbol.dispose]: () => void execFileSync('umount', ['-l', folder]) };
}

t.test('a disk that takes no more', { skip: noNamespaces() ?? false }, async (t) => {
  await using lan = new DhcpLan('disk', { rows: segmentRows({ Probe: 'false' }) });
  const { router } = lan;
  using _disk = disk(router.stateDir, '8m');
  const filler = join(router.stateDir, 'filler');
  const fill = () => {
    const { bavail, bsize } = statfsSync(router.stateDir);
    try {
      writeFileSync(filler, Buffer.alloc(bavail * bsize));
    } catch {
      // The last page did not fit: it is full now.
    }
  };
  lan.plug('c1');
  const crowd = await lan.crowd('c1');
  await lan.start();
  await lan.served();
  t.match(await tell(crowd, { do: 'acquire', ...ALL }), EACH);

  // Full: the blocks of the leases were taken beforehand.
  fill();
  t.match(await tell(crowd, { do: 'renew', ...ALL }), EACH, 'renewals go on');
  const more = await tell(crowd, { do: 'acquire', first: 100, count: 10 });
  t.match(more, { acked: 10, wrong: [] }, 'there is room for leases, and for nothing else');
  await router.stop('SIGKILL');
  await lan.start();
  await lan.served();
  t.match(await tell(crowd, { do: 'initReboot', ...ALL }), EACH, 'as promised');
  t.match(await tell(crowd, { do: 'initReboot', first: 100, count: 10 }), { acked: 10, naks: 0 });

  // Nor can what it has be written: every write is refused (EFBIG), by a limit of the process.
  const limit = (bytes: string) =>
    execFileSync('setpriv', [
      ...['--reuid', `${UID}`, '--regid', `${UID}`, '--clear-groups'],
      ...['prlimit', '--pid', `${router.pid}`, `--fsize=${bytes}:unlimited`],
    ]);
  limit('1');
  const refused = await tell(crowd, { do: 'acquire', first: 200, count: 10, ...GIVE_UP });
  t.match(refused, { acked: 0, silent: 10, naks: 0 }, 'nobody new is promised anything');
  await router.until('the model says why', async () => (await router.value(REASON)) !== '');
  const reason = await router.value(REASON);
  t.match(await tell(crowd, { do: 'renew', ...ALL }), EACH, 'the known ones renew');
  t.match(await lan.cli('dhcp', 'status'), /leases cannot be stored: /);
  const { notDurable } = (await lan.status()).counts;
  t.ok(notDurable >= 10, `${notDurable} not acknowledged`);
  rmSync(filler);
  limit('unlimited');
  const start = performance.now();
  await router.until('it recovers', async () => (await router.value(REASON)) === '');
  const took = Math.round(performance.now() - start);
  t.match(await tell(crowd, { do: 'acquire', first: 200, count: 10 }), { acked: 10, wrong: [] });
  t.match(await tell(crowd, { do: 'renew', ...ALL }), EACH);
  await router.stop('SIGKILL');
  await lan.start();
  await lan.served();
  t.match(await tell(crowd, { do: 'initReboot', ...ALL }), EACH, 'all is on disk');
  t.match(await tell(crowd, { do: 'initReboot', first: 200, count: 10 }), { acked: 10, naks: 0 });
  t.comment(`refused by the disk: "${reason}"; over ${took} ms after there was room`);
});

t.test('a disk that was full from the start', { skip: noNamespaces() ?? false }, async (t) => {
  await using lan = new DhcpLan('disk', {
    rows: { ...segmentRows({ Probe: 'false' }), [`${SERVER}Enable`]: 'false' },
  });
  const { router } = lan;
  using _disk = disk(router.stateDir, '4m');
  lan.plug('c1');
  const crowd = await lan.crowd('c1');
  await lan.start();
  // There is room for the row that is set, but not for a file of leases.
  const { bavail, bsize } = statfsSync(router.stateDir);
  writeFileSync(join(router.stateDir, 'filler'), Buffer.alloc(bavail * bsize - 320 * 1024));
  t.same(await router.set({ [`${SERVER}Enable`]: 'true' }), []);
  const reason = await router.waitFor(REASON, /space/);
  t.match(router.log, /"level":"error".*"dhcp-server".*no space left on device/);
  const refused = await tell(crowd, { do: 'acquire', ...ALL, ...GIVE_UP });
  t.match(refused, { acked: 0, silent: 40, naks: 0 }, 'nobody is promised anything');
  rmSync(join(router.stateDir, 'filler'));
  await router.until('it recovers', async () => (await router.value(REASON)) === '');
  t.match(await tell(crowd, { do: 'acquire', ...ALL }), EACH, 'then as ever');
  t.comment(`no room for leases: "${reason}"`);
});
