import { BugError } from '../../src/base/errors.ts';
import { contains6, formatPrefix6, type PrefixLen6 } from '../../src/base/ip6.ts';
import { factsOf } from '../../src/services/dhcp6-client/facts.ts';
import { INITIAL6, step6 } from '../../src/services/dhcp6-client/machine.ts';
import { planLan } from '../../src/services/dhcp6-client/plan.ts';
import { look6, NOTHING_SEEN6 } from '../../src/services/dhcp6-client/wire.ts';
import { DHCP6 } from '../../src/wire/dhcp6.ts';
import { DUID, frame, ia, lease, SERVER, status } from '../services/dhcp6-client/talk.ts';

const ASKED = [ia('na', 256), ia('pd', 257)];

/** Whatever a server answers: nothing throws, and what is held could be a router's. */
export const target = {
  name: 'dhcp6-client',
  run(bytes: Uint8Array): void {
    for (const type of [DHCP6.REQUEST, DHCP6.RENEW]) {
      const request = frame({ type, server: SERVER, options: ASKED });
      const { view } = look6(NOTHING_SEEN6, request, true, DUID, 0);
      const { seen } = look6(view, bytes, false, DUID, 1000);
      if (seen?.type !== 'reply') continue;
      const { held } = step6(INITIAL6, seen, 1000).state;
      factsOf(seen.reply.options);
      if (held === undefined) continue;
      if (held.addresses.length > 16 || held.prefixes.length > 16) throw new BugError('too many');
      const lan = { id: 'lan', ifName: 'lan0', subnet: 2, chosen: false };
      const { placed } = planLan([lan], [{ id: 'dhcp6.1', prefixes: held.prefixes }]);
      for (const { subnet, delegated } of placed) {
        if (!contains6(delegated, subnet.address)) throw new BugError(formatPrefix6(subnet));
        if (delegated.prefixLen > (64 as PrefixLen6)) throw new BugError('too long');
      }
    }
  },
  seeds: (): Uint8Array[] => [
    frame({
      type: DHCP6.REPLY,
      options: [
        ia('na', 256, [lease('2001:db8::5')]),
        ia('pd', 257, [lease('2001:db8:1::/56'), lease('2001:db8:2::/48', { valid: 0, pref: 0 })]),
        { code: 64, value: Uint8Array.of(1, 97, 0) },
        { code: 56, value: Uint8Array.of(0, 3, 0, 3, 1, 97, 0) },
        { code: 17, value: Uint8Array.of(0, 0, 17, 139, 0, 7, 0, 1, 1) },
      ],
    }),
    frame({ type: DHCP6.REPLY, options: [ia('pd', 257, [status(3)]), status(0)] }),
  ],
};
