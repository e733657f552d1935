import type { ServerCounts } from './config.ts';

/** As they are counted; whoever reports them copies them. */
export type Counts = { -readonly [K in keyof ServerCounts]: number };

export const newCounts = (): Counts => ({
  discover: 0,
  offer: 0,
  request: 0,
  ack: 0,
  nack: 0,
  decline: 0,
  release: 0,
  inform: 0,
  discarded: 0,
  transmitFailure: 0,
  relayOptionDropped: 0,
  secondServer: 0,
  refused: 0,
  limited: 0,
  exhausted: 0,
  notDurable: 0,
});
