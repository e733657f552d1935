import t from 'tap';
import { toHex } from '../../../src/base/bytes.ts';
import { formatIpv6 } from '../../../src/base/ip6.ts';
import {
  look6,
  NOTHING_SEEN6,
  type Seen6,
  type WireView6,
} from '../../../src/services/dhcp6-client/wire.ts';
import { DHCP6 } from '../../../src/wire/dhcp6.ts';
import { DUID, frame, ia, lease, type Said, SERVER, status } from './talk.ts';

const ASKED = [ia('na', 256), ia('pd', 257)];
const GIVEN = [ia('na', 256, [lease('2001:db8::5')]), ia('pd', 257, [lease('2001:db8:1::/56')])];

/** What is seen of messages one after the other; those of a server come in. */
function talk(...said: readonly Said[]): {
  readonly view: WireView6;
  readonly seen: (Seen6 | undefined)[];
} {
  let view = NOTHING_SEEN6;
  const seen = said.map((one) => {
    const incoming = one.type === DHCP6.ADVERTISE || one.type === DHCP6.REPLY;
    const looked = look6(view, frame(one), !incoming, DUID, 5000);
    view = looked.view;
    return looked.seen;
  });
  return { view, seen };
}
const replyOf = (seen: Seen6 | undefined) => (seen?.type === 'reply' ? seen.reply : undefined);

t.test('four messages of a bind', async (t) => {
  const { view, seen } = talk(
    { type: DHCP6.SOLICIT, options: ASKED },
    { type: DHCP6.ADVERTISE, options: GIVEN },
    { type: DHCP6.REQUEST, xid: 7, server: SERVER, options: ASKED },
    { type: DHCP6.REPLY, xid: 7, options: [...GIVEN, { code: 95, value: Uint8Array.of(1, 2) }] },
  );
  t.same(
    seen.map((one) => one?.type),
    ['solicit', 'advertise', 'request', 'reply'],
  );
  t.match(view.counts, { solicit: 1, advertise: 1, request: 1, reply: 1, discarded: 0 });
  const reply = replyOf(seen[3]);
  t.match(reply, { answered: 'bind', asked: ['na256', 'pd257'], receivedAtMs: 5000 });
  t.equal(toHex(reply?.serverDuid ?? new Uint8Array(0)), toHex(SERVER));
  t.equal(reply?.serverAddress && formatIpv6(reply.serverAddress), 'fe80::9');
  t.same(
    reply?.options.map(({ code, data }) => [code, toHex(data)]),
    [[95, '0102']],
  );
});

t.test('a SOLICIT is answered by REPLY only as a rapid commit', async (t) => {
  const rapid = { code: 14, value: new Uint8Array(0) };
  const bound = talk(
    { type: DHCP6.SOLICIT, options: ASKED },
    { type: DHCP6.REPLY, options: [rapid, ...GIVEN] },
  );
  t.equal(replyOf(bound.seen[1])?.answered, 'bind');
  const not = talk({ type: DHCP6.SOLICIT, options: ASKED }, { type: DHCP6.REPLY, options: GIVEN });
  t.equal(not.seen[1], undefined);
  t.equal(not.view.counts.discarded, 1);
});

t.test('answers of strangers, and to nobody, change nothing', async (t) => {
  const request = { type: DHCP6.REQUEST, server: SERVER, options: ASKED };
  const stranger = Uint8Array.of(0, 3, 0, 1, 9, 9, 9, 9, 9, 9);
  for (const reply of [
    { type: DHCP6.REPLY, xid: 1, options: GIVEN },
    { type: DHCP6.REPLY, server: stranger, options: GIVEN },
    { type: DHCP6.REPLY, server: undefined, options: GIVEN },
    { type: DHCP6.REPLY, options: [ia('na', 999, [lease('2001:db8::5')])] },
  ]) {
    const { seen, view } = talk(request, reply);
    t.equal(seen[1], undefined);
    t.equal(view.counts.discarded, 1);
  }
  const other = talk(request, { type: DHCP6.REPLY, duid: stranger, options: GIVEN });
  t.equal(other.seen[1], undefined);
  t.equal(other.view.counts.discarded, 0, 'what is meant for another host is not counted');
  t.equal(talk({ type: DHCP6.REPLY, options: GIVEN }).seen[0], undefined);
});

t.test('two messages of one number are told apart by their IAs', async (t) => {
  // Seen of dibbler-client 1.0.1: a RENEW and a SOLICIT under way with the same transaction id.
  const { seen } = talk(
    { type: DHCP6.RENEW, server: SERVER, options: [ia('na', 256)] },
    { type: DHCP6.REQUEST, server: SERVER, options: [ia('pd', 257)] },
    { type: DHCP6.REPLY, options: [ia('na', 256, [lease('2001:db8::5')])] },
    { type: DHCP6.REPLY, options: [ia('pd', 257, [lease('2001:db8:1::/56')])] },
  );
  t.match(replyOf(seen[2]), { answered: 'extend', asked: ['na256'] });
  t.match(replyOf(seen[3]), { answered: 'bind', asked: ['pd257'] });
});

t.test('an ADVERTISE tells what a server has not', async (t) => {
  const { seen } = talk(
    { type: DHCP6.SOLICIT, options: ASKED },
    {
      type: DHCP6.ADVERTISE,
      options: [ia('na', 256, [status(2)]), ia('pd', 257, [lease('2001:db8:1::/56')])],
    },
    { type: DHCP6.ADVERTISE, options: [status(2)] },
  );
  t.match(seen[1], { type: 'advertise', refused: ['na256'], server: toHex(SERVER) });
  t.match(seen[2], { refused: ['na256', 'pd257'] });
});

t.test('a malformed option costs itself', async (t) => {
  const { seen, view } = talk(
    { type: DHCP6.REQUEST, server: SERVER, options: ASKED },
    {
      type: DHCP6.REPLY,
      options: [
        ...GIVEN,
        { code: 23, value: Uint8Array.of(1, 2, 3) },
        { code: 24, value: Uint8Array.of(200) },
        { code: 3, value: Uint8Array.of(0, 0) },
        ia('pd', 257, [{ code: 26, value: Uint8Array.of(1) }]),
        { code: 94, value: Uint8Array.of(9) },
      ],
    },
  );
  const reply = replyOf(seen[1]);
  t.equal(view.counts.badOptions, 4);
  t.same(
    reply?.options.map(({ code }) => code),
    [94],
    'those that others read are passed on',
  );
  t.same(
    reply?.ias.map(({ leases }) => leases.length),
    [1, 1, 0],
  );
});

t.test('cut at every length nothing is thrown, and no half of an answer is taken', async (t) => {
  const whole = frame({ type: DHCP6.REPLY, options: GIVEN });
  const asked = look6(
    NOTHING_SEEN6,
    frame({ type: DHCP6.REQUEST, server: SERVER, options: ASKED }),
    true,
    DUID,
    0,
  );
  for (let length = 0; length < whole.length; length++) {
    const { seen } = look6(asked.view, whole.subarray(0, length), false, DUID, 0);
    if (seen !== undefined) return t.fail(`${length} bytes`);
  }
  const kept = whole.slice();
  const { seen } = look6(asked.view, kept, false, DUID, 0);
  kept.fill(0xff);
  t.equal(
    toHex(replyOf(seen)?.serverDuid ?? new Uint8Array(0)),
    toHex(SERVER),
    'nothing is a view of the frame',
  );
});
