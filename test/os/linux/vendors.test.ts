import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { macOf } from '#src/base/ip.ts';
import { OuiVendors } from '#src/os/linux/vendors.ts';
import { packOui } from '../../../scripts/build-oui.ts';
import { MemoryLog } from '../../lib/log.ts';

t.test(
  'vendors are read when the first one is asked for, and missing ones harm nobody',
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'gh-oui-'));
    t.teardown(() => rmSync(folder, { recursive: true }));
    const log = new MemoryLog();
    const path = join(folder, 'oui.bin');
    const early = new OuiVendors(path, log);
    writeFileSync(path, packOui([['001122', 'Somebody']]));
    t.equal(early.vendorOf(macOf(0x001122_000001)), 'Somebody');
    t.equal(early.vendorOf(macOf(0x001123_000001)), undefined);
    t.equal(log.lines.length, 0);
    for (const broken of [join(folder, 'nothing'), path]) {
      if (broken === path) writeFileSync(path, 'something else');
      const vendors = new OuiVendors(broken, log);
      t.equal(vendors.vendorOf(macOf(0x001122_000001)), undefined);
      t.equal(vendors.vendorOf(macOf(0x001122_000002)), undefined);
    }
    t.equal(log.lines.length, 2, 'said once for each table');
  },
);
