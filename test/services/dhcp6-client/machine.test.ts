import t from 'tap';
import { toHex } from '../../../src/base/bytes.ts';
import type { Held, RawReply } from '../../../src/services/dhcp6-client/lease.ts';
import {
  type ClientEvent6,
  type ClientState6,
  deadline6Ms,
  INITIAL6,
  step6,
} from '../../../src/services/dhcp6-client/machine.ts';
import { at, net, SERVER } from './talk.ts';

const NOW = 1_000_000;
const lease = (validSec: number) => ({
  ...{ iaid: 1, preferredUntilMs: NOW + validSec * 500, validUntilMs: NOW + validSec * 1000 },
});
const HELD: Held = {
  addresses: [{ address: at('2001:db8::5'), ...lease(1200) }],
  prefixes: [{ prefix: net('2001:db8:1::/56'), ...lease(2400) }],
  ...{ serverDuid: SERVER, serverAddress: undefined, t1AtMs: NOW + 300_000, t2AtMs: NOW + 480_000 },
  ...{ dnsServers: [], domains: [], options: [] },
};
const reply = (status: number): RawReply => ({
  ...{ answered: 'extend', asked: ['pd1'], status: 0, options: [], dnsServers: [], domains: [] },
  ...{ serverDuid: SERVER, serverAddress: undefined, receivedAtMs: NOW },
  ias: [
    {
      ...{ kind: 'prefix', iaid: 1, t1Sec: 300, t2Sec: 480, status },
      leases:
        status === 0 ? [{ ...net('2001:db8:1::/56'), preferredSec: 600, validSec: 1200 }] : [],
    },
  ],
});
const own = toHex(SERVER);

const doubt = undefined;
const STATES: readonly ClientState6[] = [
  INITIAL6,
  { name: 'Init', held: HELD, doubt },
  { name: 'Soliciting', held: HELD, doubt },
  { name: 'Requesting', held: HELD, doubt },
  { name: 'Confirming', held: HELD, doubt },
  { name: 'Bound', held: HELD, doubt },
  { name: 'Renewing', held: HELD, doubt, asked: true },
  { name: 'Rebinding', held: HELD, doubt, asked: true },
];
const EVENTS: readonly ClientEvent6[] = [
  { type: 'recovered', held: HELD, clientAlive: true },
  { type: 'reply', reply: reply(0) },
  { type: 'advertise', refused: ['pd1'], server: 'ff' },
  ...(['solicit', 'request', 'confirm', 'renew', 'rebind', 'release', 'restarted'] as const).map(
    (type): ClientEvent6 => ({ type }),
  ),
  { type: 'unwanted', ias: ['na1'] },
  { type: 'time' },
  { type: 'stop' },
];

t.test('every cell of the machine', async (t) => {
  // Rows: states; columns: events. What becomes of the state, `!` where the program starts anew.
  const cell = (state: ClientState6, event: ClientEvent6): string => {
    const next = step6(state, event, NOW + 1000);
    const held = next.state.held;
    const parts = `${held?.addresses.length ? 'a' : ''}${held?.prefixes.length ? 'p' : ''}`;
    return `${next.state.name.slice(0, 4)}${next.restartClient ? '!' : ''}${parts && ` ${parts}`}`;
  };
  t.same(
    STATES.map((state) => EVENTS.map((event) => cell(state, event)).join(' | ')),
    [
      'Boun ap | Boun! p | Init | Soli | Requ | Conf | Init | Init | Soli | Init | Soli | Init | Init',
      'Boun ap | Boun ap | Init ap | Soli ap | Requ ap | Conf ap | Rene ap | Rebi ap | Soli | Init ap | Init p | Init ap | Init',
      'Boun ap | Boun ap | Soli ap | Soli ap | Requ ap | Conf ap | Rene ap | Rebi ap | Soli | Init ap | Soli p | Soli ap | Init',
      'Boun ap | Boun ap | Requ ap | Soli ap | Requ ap | Conf ap | Rene ap | Rebi ap | Soli | Init ap | Requ p | Requ ap | Init',
      'Boun ap | Boun ap | Conf ap | Soli ap | Requ ap | Conf ap | Rene ap | Rebi ap | Soli | Init ap | Conf p | Conf ap | Init',
      'Boun ap | Boun ap | Boun ap | Boun ap | Boun ap | Conf ap | Rene ap | Rebi ap | Soli | Init ap | Boun p | Boun ap | Init',
      'Rene ap | Boun ap | Rene ap | Rene ap | Rene ap | Conf ap | Rene ap | Rebi ap | Soli | Init ap | Rene p | Rene ap | Init',
      'Rebi ap | Boun ap | Rebi ap | Rebi ap | Rebi ap | Conf ap | Rene ap | Rebi ap | Soli | Init ap | Rebi p | Rebi ap | Init',
    ],
  );
});

t.test('trap 2: nobody tells of the end, so it is timed here', async (t) => {
  let state: ClientState6 = { name: 'Bound', held: HELD, doubt };
  const tick = (atMs: number) => {
    const next = step6(state, { type: 'time' }, atMs);
    state = next.state;
    return next.restartClient;
  };
  t.equal(deadline6Ms(state), NOW + 300_000);
  t.equal(tick(NOW + 300_000), false);
  t.equal(state.name, 'Renewing');
  t.equal(deadline6Ms(state), NOW + 303_000, 'a program that sleeps is woken');
  t.equal(tick(NOW + 303_000), true);
  t.equal(tick(NOW + 480_000), false);
  t.equal(state.name, 'Rebinding');
  t.equal(tick(NOW + 1_200_000), true, 'the address ended');
  t.same([state.held?.addresses.length, state.held?.prefixes.length], [0, 1]);
  t.equal(tick(NOW + 2_400_000), true);
  t.equal(state.held, undefined);
  t.equal(deadline6Ms(state), Infinity);
  const late = step6({ name: 'Bound', held: HELD, doubt }, { type: 'time' }, NOW + 9_999_999);
  t.equal(late.state.held, undefined, 'a clock that comes late passes all at once');
});

t.test('NoBinding: another answer decides, or time does', async (t) => {
  const doubtful = step6(
    { name: 'Renewing', held: HELD, doubt, asked: true },
    { type: 'reply', reply: reply(3) },
    NOW,
  );
  t.equal(doubtful.restartClient, true);
  t.same(doubtful.state.doubt, { ias: ['pd1'], untilMs: NOW + 2500 });
  t.equal(doubtful.state.held?.prefixes.length, 1);
  const again = step6(doubtful.state, { type: 'reply', reply: reply(3) }, NOW + 2000);
  t.equal(again.state.doubt?.untilMs, NOW + 4500, 'asked again, decided again');
  const kept = step6(
    doubtful.state,
    { type: 'reply', reply: { ...reply(0), answered: 'bind' } },
    NOW + 1000,
  );
  t.equal(kept.state.doubt, undefined);
  t.equal(kept.state.held?.prefixes.length, 1);
  const refused = step6(
    doubtful.state,
    { type: 'advertise', refused: ['pd1'], server: 'ff' },
    NOW + 100,
  );
  t.equal(refused.state.held?.prefixes.length, 0, 'there is no need to wait longer');
  const lost = step6(doubtful.state, { type: 'time' }, NOW + 2500);
  t.equal(lost.state.held?.prefixes.length, 0);
  t.equal(lost.state.doubt, undefined);
});

t.test('what a stranger has not says nothing; what the own server has not is lost', async (t) => {
  const bound: ClientState6 = { name: 'Bound', held: HELD, doubt };
  const stranger = step6(bound, { type: 'advertise', refused: ['na1', 'pd1'], server: 'ff' }, NOW);
  t.equal(stranger.state.held, HELD);
  const mine = step6(bound, { type: 'advertise', refused: ['na1'], server: own }, NOW);
  t.equal(mine.state.held?.addresses.length, 0);
  const all = step6(bound, { type: 'advertise', refused: ['na1', 'pd1'], server: own }, NOW);
  t.match(all.state, { name: 'Soliciting', held: undefined });
});
