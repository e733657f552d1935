/** Every state meets every event, and only the way of BEP 3, 10 and 9 leads to the metadata. */
import t from 'tap';
import {
  CONNECTING,
  MAX_METADATA_BYTES,
  type PeerEvent,
  type PeerState,
  stepPeer,
} from '#src/services/dht/peer-machine.ts';

const offer = { utMetadata: 3, sizeBytes: 20_000 };
const states: readonly PeerState[] = [
  CONNECTING,
  { name: 'greeting' },
  { name: 'extending' },
  { name: 'waiting', ...offer },
  { name: 'fetching', ...offer },
  { name: 'ended', reason: 'left' },
];
const events: readonly PeerEvent[] = [
  { type: 'opened' },
  { type: 'handshake', sameTorrent: true, extended: true },
  { type: 'extended', ...offer },
  { type: 'granted' },
  { type: 'pieceBegins', fault: undefined },
  { type: 'pieceEnds', whole: true },
  { type: 'rejects' },
  { type: 'requests', piece: 0 },
  { type: 'broken' },
  { type: 'closed' },
  { type: 'time' },
  { type: 'lagging' },
  { type: 'stop' },
];
/** Where each leads: a state's name, a reason to end, or `=` for staying. In the order of `events`. */
const WANTED: Readonly<Record<PeerState['name'], string>> = {
  connecting:
    'greeting broken broken = broken broken broken broken broken unreachable unreachable lagging stopped',
  greeting: '= extending broken = broken broken broken broken broken left silent lagging stopped',
  extending: '= broken waiting = broken broken broken broken broken left silent lagging stopped',
  waiting: '= broken = fetching broken broken = = broken left stopped lagging stopped',
  fetching: '= broken = = = delivered rejected = broken left silent lagging stopped',
  ended: '= = = = = = = = = = = = =',
};

t.test('every cell', async (t) => {
  for (const state of states) {
    const went = events.map((event) => {
      const next = stepPeer(state, event);
      if (next.state.name === state.name) return '=';
      if (next.state.name !== 'ended') return next.state.name;
      t.match(next.effects, [{ type: 'end', reason: next.state.reason }], 'an end is told once');
      return next.state.reason;
    });
    t.equal(went.join(' '), WANTED[state.name], state.name);
  }
});

t.test('what is done on the way', async (t) => {
  const effects = (state: PeerState, event: PeerEvent) => stepPeer(state, event).effects;
  const [connecting, greeting, extending, waiting, fetching] = states as [
    PeerState,
    PeerState,
    PeerState,
    PeerState,
    PeerState,
  ];
  t.same(effects(connecting, { type: 'opened' }), [{ type: 'greet' }]);
  t.same(effects(greeting, { type: 'handshake', sameTorrent: true, extended: true }), [
    { type: 'introduce' },
  ]);
  t.same(effects(greeting, { type: 'handshake', sameTorrent: false, extended: true }), [
    { type: 'end', reason: 'otherTorrent' },
  ]);
  t.same(effects(greeting, { type: 'handshake', sameTorrent: true, extended: false }), [
    { type: 'end', reason: 'noMetadata' },
  ]);
  for (const [sizeBytes, wanted] of [
    [undefined, { type: 'end', reason: 'noMetadata' }],
    [0, { type: 'end', reason: 'badSize' }],
    [MAX_METADATA_BYTES + 1, { type: 'end', reason: 'badSize' }],
    [MAX_METADATA_BYTES, { type: 'reserve', sizeBytes: MAX_METADATA_BYTES }],
  ] as const)
    t.same(effects(extending, { type: 'extended', utMetadata: 3, sizeBytes }), [wanted]);
  t.same(effects(waiting, { type: 'granted' }), [{ type: 'ask', utMetadata: 3 }]);
  for (const state of [waiting, fetching]) {
    t.same(effects(state, { type: 'extended', utMetadata: 3, sizeBytes: 20_001 }), [
      { type: 'end', reason: 'broken' },
    ]);
    t.match(stepPeer(state, { type: 'extended', utMetadata: 9, sizeBytes: undefined }).state, {
      utMetadata: 9,
      sizeBytes: 20_000,
    });
    t.same(effects(state, { type: 'requests', piece: 2 }), [
      { type: 'refuse', piece: 2, utMetadata: 3 },
    ]);
  }
  t.same(effects(fetching, { type: 'pieceEnds', whole: false }), [{ type: 'ask', utMetadata: 3 }]);
  t.same(effects(fetching, { type: 'pieceBegins', fault: 'twice' }), [
    { type: 'end', reason: 'broken' },
  ]);
});
