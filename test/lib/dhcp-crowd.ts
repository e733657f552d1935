import type { Server } from './isp.ts';

/** Clients by number: their MAC is `prefix` (two bytes in hex) and the number. */
interface Some {
  readonly first: number;
  readonly count: number;
  readonly prefix?: string;
}

/** What a crowd is told to do; the program is `test/interop/dhcp-crowd.ts`. */
export type CrowdOrder =
  /** DISCOVER to ACK; or one REQUEST of who has an address, by the state that it says it is in. */
  | (Some & {
      readonly do: 'acquire' | 'initReboot' | 'renew' | 'rebind';
      /** So many at a time. */
      readonly window?: number;
      /** So often each says a thing before it gives up. */
      readonly tries?: number;
      readonly waitMs?: number;
      /** Offers of others are not taken. */
      readonly server?: string;
    })
  | (Some & { readonly do: 'release' })
  /** New clients come, some renew, some go, until `stop`; seeded. */
  | { readonly do: 'load'; readonly most: number; readonly window: number; readonly seed: number }
  | { readonly do: 'stop' }
  /** Each asks once, takes what it is offered, and never waits. */
  | (Some & { readonly do: 'starve' })
  /** Mutated requests, with a good client after each batch, that must be answered. */
  | { readonly do: 'fuzz'; readonly count: number; readonly seed: number; readonly good: number }
  /** A payload as it is, from `mac`; ends with the first answer. */
  | { readonly do: 'say'; readonly payload: string; readonly mac: string; readonly waitMs: number };

/** What came of it. */
export interface CrowdOutcome {
  readonly acked: number;
  readonly naks: number;
  /** Gave up. */
  readonly silent: number;
  /** ACKs with another address than before. */
  readonly moved: number;
  readonly released: number;
  /** By server address. */
  readonly offers: Readonly<Record<string, number>>;
  readonly acks: Readonly<Record<string, number>>;
  /** Clients with offers of several servers for one DISCOVER. */
  readonly doubleOffers: number;
  /** Bound now, in all. */
  readonly bound: number;
  /** That ever were. */
  readonly clients: number;
  /** What no server may do, in words. */
  readonly wrong: readonly string[];
  readonly ms: number;
  /** Of `say`: payload of the answer, in hex. */
  readonly answer?: string;
}

let orders = 0;

export async function tell(crowd: Server, order: CrowdOrder): Promise<CrowdOutcome> {
  const id = ++orders;
  const from = crowd.lines.length;
  crowd.write(JSON.stringify({ id, ...order }));
  const line = await crowd.said(new RegExp(`^\\{"id":${id},`), from);
  return JSON.parse(line) as CrowdOutcome;
}
