/** Who was there when: a device with two hardware addresses is one line, and one that says to be another is told. */
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { complaints, HOME, house, macOf, noBrowser, setUp } from './page-house.ts';

t.setTimeout(290_000);

const PICTURES = fileURLToPath(new URL('../../build/screenshots/', import.meta.url));
const [PHONE] = [macOf(0)];

t.test('presence', { skip: noBrowser() }, async (t) => {
  await using there = await house('presence', { devices: ['phone', 'tv'] });
  const { router, spaces } = there;
  const page = await (await there.person()).newPage();
  const heard = complaints(page);
  const exec = (node: string, ...args: [string, ...string[]]) => spaces.exec(node, ...args);
  exec('phone', 'ip', 'address', 'add', '192.168.1.20/24', 'dev', 'eth0');
  exec('tv', 'ip', 'address', 'add', '192.168.1.21/24', 'dev', 'eth0');
  exec('phone', 'ping', '-c', '1', '-W', '30', '192.168.1.1');
  exec('tv', 'ping', '-c', '1', '-W', '30', '192.168.1.1');
  await setUp(page);
  await page.goto(`${HOME}/#/devices/presence`);

  await t.test('each device has its bar', async (t) => {
    await page.getByRole('columnheader', { name: 'Last 24 hours' }).waitFor();
    await page.getByRole('row').filter({ hasText: '192.168.1.20' }).getByText('Here').waitFor();
    const bar = page.getByRole('img', { name: /: here \d+ % of the time$/ });
    t.ok((await bar.count()) >= 2);
    t.ok((await bar.first().locator('rect.here').count()) > 0, 'with the time that it was there');
    await page.getByRole('button', { name: 'Last 7 days' }).click();
    await page.getByRole('columnheader', { name: 'Last 7 days' }).waitFor();
  });

  await t.test('one that says to be the router is told', async (t) => {
    const bytes = PHONE.replaceAll(':', '');
    await router.until('the LAN is watched', async () => {
      const answer = await router.call('gatehouse.neighbors', 'conflicts');
      exec(
        'phone',
        'python3',
        '-c',
        `import socket
s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW);s.bind(('eth0',0))
m=bytes.fromhex('${bytes}'); ip=bytes([192,168,1,1])
s.send(b'\\xff'*6+m+b'\\x08\\x06\\0\\1\\x08\\0\\6\\4\\0\\2'+m+ip+b'\\xff'*6+ip)`,
      );
      const { conflicts } = (answer['data'] ?? { conflicts: [] }) as { conflicts: object[] };
      return conflicts.length > 0 ? true : undefined;
    });
    await page.getByText(`${PHONE} says to have the address 192.168.1.1 of this router.`).waitFor();
    t.same(heard.splice(0), []);
  });

  await page.screenshot({ path: `${PICTURES}presence.png`, fullPage: true });
});
