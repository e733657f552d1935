/** What the page asks the router about captures, and what it answers. */
import type { Values } from '../../lib/patch.ts';
import { type State, textAt } from '../../lib/status.ts';
import type { Answer } from '../../state/api.ts';
import type { App } from '../../state/app.ts';

export const CAPTURE = 'Device.X_GATEHOUSE_Capture.';
export const CAPTURES = `${CAPTURE}Capture.`;
export const TRIGGERS = `${CAPTURE}Trigger.`;

/** As the capture engine reports; the lists have at most 50 rows. */
export interface Report {
  readonly packets: number;
  readonly bytes: number;
  readonly protocols: readonly Counted<'path'>[];
  readonly bandwidth: {
    readonly startSec: number;
    readonly stepSec: number;
    readonly bytes: readonly number[];
  };
  readonly endpoints: readonly (Counted<'address'> & {
    readonly name?: string;
    readonly sentBytes: number;
    readonly receivedBytes: number;
  })[];
  readonly conversations: readonly (Counted<'a' | 'b'> & {
    readonly bytesFromA: number;
    readonly bytesFromB: number;
  })[];
  readonly names: readonly { name: string; queries: number; hellos: number }[];
  readonly totals: { readonly endpoints: number; readonly conversations: number };
  readonly approximation: {
    readonly exact: boolean;
    readonly endpointFloorBytes: number;
    readonly conversationFloorBytes: number;
  };
}

export interface StoredFile {
  readonly name: string;
  readonly bytes: number;
  /** ISO 8601. */
  readonly changed: string;
}

export const fileAddress = (name: string): string =>
  `/api/captures/files/${encodeURIComponent(name)}`;

type Counted<K extends string> = Readonly<Record<K, string>> & {
  readonly packets: number;
  readonly bytes: number;
};

export const ask = <T>(app: App, command: string, args: object = {}): Promise<Answer<T>> =>
  app.api.post<T>(`/api/captures/${command}`, args);

const STATES: Readonly<Record<string, State>> = {
  ...{ Armed: 'up', Recording: 'degraded' },
  ...{ Running: 'up', Waiting: 'degraded', Error: 'down', Complete: 'unknown', Stopped: 'off' },
};

export const stateOf = (values: Values, row: string): State =>
  STATES[textAt(values, `${row}Status`)] ?? 'off';

export const goes = (values: Values, row: string): boolean =>
  /^(Running|Waiting)$/.test(textAt(values, `${row}Status`));

/** The row, that somebody started by a command, and not the configuration. */
export const isOwn = (values: Values, row: string): boolean =>
  /^\d+$/.test(textAt(values, `${row}ID`));
