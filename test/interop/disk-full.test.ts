/** A full disk: changes fail with a clear error, nothing breaks, and it works again once there is room. */
import { execFileSync } from 'node:child_process';
import { chownSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { dnsmasq, ISP_RANGE } from '../lib/isp.ts';
import { home, noNamespaces } from '../lib/netns.ts';
import { Router } from '../lib/router.ts';

t.setTimeout(290_000);

const CLIENT = 'Device.DHCPv4.Client.1.';

t.test('a full disk', { skip: noNamespaces() ?? false }, async (t) => {
  await using stack = new AsyncDisposableStack();
  const spaces = stack.use(home('full'));
  stack.use(await dnsmasq(spaces, 'isp', ...ISP_RANGE));
  const router = stack.use(new Router(spaces, 'r'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', router.stateDir]);
  stack.defer(() => void execFileSync('umount', ['-l', router.stateDir]));
  chownSync(router.stateDir, 6767, 6767);
  await router.start();
  await router.waitFor(`${CLIENT}DHCPStatus`, 'Bound');
  t.same(await router.set({ 'Device.DeviceInfo.ProvisioningCode': 'before' }), []);

  const fill = join(router.stateDir, 'fill');
  const { bavail, bsize } = statfsSync(router.stateDir);
  try {
    writeFileSync(fill, Buffer.alloc(bavail * bsize));
  } catch {
    // The last page did not fit: it is full now.
  }
  // Rows that need new pages of the store.
  const table = 'Device.Routing.Router.1.IPv4Forwarding.';
  const faults: (string | undefined)[] = [];
  let added = 0;
  for (let i = 0; i < 1000 && faults.length === 0; i++) {
    const [row] = await router.rows('add', {
      path: table,
      obj_path: { DestIPAddress: `10.${i >> 8}.${i & 255}.0` },
    });
    if (row?.fault) faults.push(row.fault_msg);
    else added++;
  }
  t.match(faults[0], /space|full/i, 'set fails, and says why');
  t.equal(await router.value('Device.DeviceInfo.ProvisioningCode'), 'before');
  const count = Number(await router.value('Device.Routing.Router.1.IPv4ForwardingNumberOfEntries'));
  t.ok(count >= added, `the old state is whole: ${added} rows added, ${count} there`);
  const acks = Number(await router.value(`${CLIENT}Stats.ACK`));
  await router.rows('operate', { command: `${CLIENT}Renew()` });
  await router.until(
    'renewals go on',
    async () => Number(await router.value(`${CLIENT}Stats.ACK`)) > acks,
  );
  await router.waitFor(`${CLIENT}DHCPStatus`, 'Bound');

  rmSync(fill);
  t.same(await router.set({ 'Device.DeviceInfo.ProvisioningCode': 'after' }), [], 'it works again');
  await router.stop('SIGKILL');
  await router.start();
  t.equal(await router.value('Device.DeviceInfo.ProvisioningCode'), 'after', 'and lasts');
});
