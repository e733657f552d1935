/** The radio below an interface, by the link that the kernel makes. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { phyOf } from '#src/os/linux/phy.ts';

t.test('a radio has a name, all else has none', async (t) => {
  const links = mkdtempSync(join(tmpdir(), 'gh-phy-'));
  t.teardown(() => rmSync(links, { recursive: true, force: true }));
  mkdirSync(join(links, 'wlan0'));
  symlinkSync('../../ieee80211/phy3', join(links, 'wlan0/phy80211'));
  mkdirSync(join(links, 'eth0'));
  t.equal(phyOf('wlan0', links), 'phy3');
  t.equal(phyOf('eth0', links), undefined);
  t.equal(phyOf('gone', links), undefined);
  t.equal(phyOf('lo'), undefined);
});
