import { readFileSync } from 'node:fs';
import { BugError } from '../../src/base/errors.ts';
import { decodeAddrMgr } from '../../src/wire/addr-mgr.ts';

/** Whatever stands in dibbler's database: nothing throws, and nothing is without its IA. */
export const target = {
  name: 'addr-mgr',
  run(bytes: Uint8Array): void {
    const text = new TextDecoder('latin1').decode(bytes);
    const read = decodeAddrMgr(text);
    if (!read.ok) {
      if (read.error.offset > text.length) throw new BugError('offset behind the end');
      return;
    }
    for (const { leases, iaid } of read.value) {
      if (!(iaid >= 0 && iaid <= 0xffffffff)) throw new BugError('no IAID');
      if (leases.some(({ validSec }) => !(validSec >= 0))) throw new BugError('no lifetime');
    }
  },
  seeds: (): Uint8Array[] => [
    readFileSync(new URL('../golden/client-AddrMgr.xml', import.meta.url)),
    new TextEncoder().encode('<AddrIA IAID="1" T1="2" T2="3"/></AddrMgr>'),
  ],
};
