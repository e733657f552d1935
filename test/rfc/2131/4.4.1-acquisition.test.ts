/** RFC 2131 §4.4.1, §4.4.5 and table 4: whose answers count, and what kind of REQUEST was sent. */
import t from 'tap';
import { look, NOTHING_SEEN } from '../../../src/services/dhcp-client/wire.ts';
import { DHCP, encodeDhcp4 } from '../../../src/wire/dhcp4.ts';
import { frame, ip, MAC, message } from '../dhcp4.ts';

const SENT = [68, 67] as const;
const RECEIVED = [67, 68] as const;
const typed = (type: number, more = {}): Uint8Array =>
  encodeDhcp4(message([[53, Uint8Array.of(type)]], more));
const asked = look(NOTHING_SEEN, frame(typed(DHCP.DISCOVER, { op: 1 }), SENT), true, MAC, 0);

// "If the 'xid' of an arriving DHCPOFFER message does not match the 'xid' of the most recent
// DHCPDISCOVER message, the DHCPOFFER message must be silently discarded. Any arriving DHCPACK messages
// must be silently discarded." (§4.4.1; §4.4.5 says the same of an ACK to a renewal.)
t.test('answers to another transaction are discarded', async (t) => {
  for (const type of [DHCP.OFFER, DHCP.ACK, DHCP.NAK]) {
    const stranger = frame(typed(type, { xid: 0x12345679 }), RECEIVED);
    const { view, seen } = look(asked.view, stranger, false, MAC, 0);
    t.equal(seen, undefined);
    t.equal(view.counts.discarded, 1);
  }
  const ours = look(asked.view, frame(typed(DHCP.ACK), RECEIVED), false, MAC, 5);
  t.match(ours.seen, { type: 'ack', raw: { address: ip('198.51.100.20'), receivedAtMs: 5 } });
});

// A message for another 'chaddr' is another client's.
t.test('answers to another client change nothing', async (t) => {
  const other = frame(typed(DHCP.ACK, { chaddr: Uint8Array.of(2, 0, 0, 0, 0, 2) }), RECEIVED);
  t.same(look(asked.view, other, false, MAC, 0), { view: asked.view, seen: undefined });
});

// Table 4: 'ciaddr' is zero in SELECTING and INIT-REBOOT, the address in RENEWING (unicast) and
// REBINDING (broadcast).
t.test('the kinds of REQUEST', async (t) => {
  const request = (ciaddr: string, to: string) =>
    look(
      NOTHING_SEEN,
      frame(typed(DHCP.REQUEST, { op: 1, ciaddr: ip(ciaddr) }), SENT, ip(to)),
      true,
      MAC,
      0,
    ).seen;
  t.same(request('0.0.0.0', '255.255.255.255'), { type: 'request', renewal: 'none' });
  t.same(request('198.51.100.20', '198.51.100.1'), { type: 'request', renewal: 'unicast' });
  t.same(request('198.51.100.20', '255.255.255.255'), { type: 'request', renewal: 'broadcast' });
});
