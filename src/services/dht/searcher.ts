/** Runs look-ups (`lookup.ts`) over the network, in one family each, and what follows them: announcing and putting. */

import { ipv4 } from '../../base/ip.ts';
import type { IpPort } from '../../base/ip-port.ts';
import { getIpv6 } from '../../base/ip6.ts';
import type { KrpcQuery, KrpcResponse, Want } from '../../wire/krpc.ts';
import type { AddressPolicy } from './address-policy.ts';
import type { Answer, Asker } from './asker.ts';
import type { Family } from './config.ts';
import { ID_BYTES, K, sameBytes, sharedBits } from './distance.ts';
import { type Candidate, Lookup } from './lookup.ts';
import type { NodeTable } from './node-table.ts';

export interface NamedNode {
  readonly id: Uint8Array;
  readonly endpoint: IpPort;
}

export interface FoundNode extends NamedNode {
  readonly token: Uint8Array | undefined;
}

export interface Found {
  readonly family: Family;
  /** The closest that answered, the closest first. */
  readonly closest: readonly FoundNode[];
  readonly asked: number;
  readonly answered: number;
}

export interface SearchStep {
  readonly asked: number;
  readonly answered: number;
  /** Bits at the beginning that the closest who answered shares with the target; undefined before one did. */
  readonly sharedBits: number | undefined;
}

export interface Search {
  readonly family: Family;
  readonly target: Uint8Array;
  readonly query: (want: readonly Want[]) => KrpcQuery;
  /** Each answer as it comes: views, to be copied. */
  readonly heard?: (answer: Answer) => void;
  /** How far it is, whenever that changed. */
  readonly progress?: ((step: SearchStep) => void) | undefined;
  /** Asked at once, where not the usual. */
  readonly alpha?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface SearcherDeps {
  readonly asker: Asker;
  readonly tables: Readonly<Partial<Record<Family, NodeTable>>>;
  readonly policy: AddressPolicy;
  /** Whom to ask while a table is empty. */
  readonly bootstrap: (family: Family) => readonly IpPort[];
  /** An answer named nodes of the other family, whose table has few. */
  readonly namedOthers: (nodes: readonly NamedNode[]) => void;
}

const FEW = 16;
/** Tries of an announcement at each node. */
const TRIES = 3;

export class Searcher {
  readonly #deps: SearcherDeps;
  #running = 0;

  constructor(deps: SearcherDeps) {
    this.#deps = deps;
  }

  get running(): number {
    return this.#running;
  }

  /** Resolves when nobody closer is left, or at the signal with what was found till then. */
  search(search: Search): Promise<Found> {
    const { family, target, signal } = search;
    const { asker, tables, bootstrap } = this.#deps;
    const lookup = new Lookup(target, search.alpha);
    const table = tables[family];
    for (const { id, endpoint } of table?.closest(target, 2 * K) ?? []) lookup.add(id, endpoint);
    if ((table?.size ?? 0) < K)
      for (const endpoint of bootstrap(family)) lookup.add(undefined, endpoint);
    const other: Family = family === 4 ? 6 : 4;
    const few = tables[other] !== undefined && tables[other].size < FEW;
    const query = search.query(few ? ['n4', 'n6'] : [family === 4 ? 'n4' : 'n6']);
    this.#running++;
    return new Promise((resolve) => {
      let over = false;
      const finish = (): void => {
        if (over) return;
        over = true;
        this.#running--;
        signal?.removeEventListener('abort', finish);
        const closest = lookup
          .closest()
          .map(({ id, endpoint, token }) => ({ id, endpoint, token }));
        resolve({ family, closest, ...lookup.progress });
      };
      const pump = (): void => {
        while (!over) {
          const candidate = lookup.next();
          if (candidate === undefined) break;
          asker.ask(candidate.endpoint, query, outcomeOf(candidate));
        }
        if (!over) search.progress?.(stepOf(lookup));
        if (!over && lookup.done) finish();
      };
      const outcomeOf = (candidate: Candidate) => ({
        answered: (answer: Answer): void => {
          if (over) return;
          candidate.token = answer.response.token?.slice();
          lookup.answered(candidate, answer.id, this.#named(answer.response, family));
          if (few) this.#deps.namedOthers(this.#named(answer.response, other));
          search.heard?.(answer);
          pump();
        },
        slow: (): void => {
          lookup.slow(candidate);
          pump();
        },
        refused: (): void => {
          lookup.lost(candidate);
          pump();
        },
        lost: (): void => {
          lookup.lost(candidate);
          pump();
        },
      });
      signal?.addEventListener('abort', finish);
      if (signal?.aborted === true) finish();
      else pump();
    });
  }

  /** Sends a query with each node's token; how many of them said yes, and what the others said. */
  async tell(
    nodes: readonly FoundNode[],
    query: (token: Uint8Array) => KrpcQuery,
  ): Promise<{ readonly stored: number; readonly refusals: readonly string[] }> {
    const outcomes = await Promise.all(nodes.map((node) => this.#tellOne(node, query)));
    return {
      stored: outcomes.filter((outcome) => outcome === 'stored').length,
      refusals: outcomes.flatMap((outcome) => (typeof outcome === 'object' ? outcome.said : [])),
    };
  }

  async #tellOne(
    { endpoint, token }: FoundNode,
    query: (token: Uint8Array) => KrpcQuery,
  ): Promise<'stored' | 'lost' | { readonly said: string }> {
    if (token === undefined) return 'lost';
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const outcome = await new Promise<'stored' | 'lost' | { readonly said: string }>((resolve) =>
        this.#deps.asker.ask(endpoint, query(token), {
          answered: () => resolve('stored'),
          // Another try at once; an answer that is late finds the promise resolved.
          slow: () => resolve('lost'),
          refused: (code, message) =>
            resolve({ said: `${code} ${String.fromCharCode(...message.subarray(0, 100))}` }),
          lost: () => resolve('lost'),
        }),
      );
      if (outcome !== 'lost') return outcome;
    }
    return 'lost';
  }

  /** Others name us, too. */
  #isOwn(id: Uint8Array, family: Family): boolean {
    const own = this.#deps.tables[family]?.own;
    return own !== undefined && sameBytes(own, id);
  }

  #named(response: KrpcResponse, family: Family): readonly NamedNode[] {
    return namedNodes(family === 4 ? response.nodes : response.nodes6, family).filter(
      ({ id, endpoint }) => this.#deps.policy.allows(endpoint) && !this.#isOwn(id, family),
    );
  }
}

function stepOf(lookup: Lookup): SearchStep {
  const [first] = lookup.closest(1);
  return { ...lookup.progress, sharedBits: first && sharedBits(lookup.target, first.id) };
}

/** Compact nodes (BEP 5, BEP 32); ids are views. */
export function namedNodes(bytes: Uint8Array | undefined, family: Family): readonly NamedNode[] {
  if (bytes === undefined) return [];
  const record = ID_BYTES + (family === 4 ? 6 : 18);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const nodes: NamedNode[] = [];
  for (let at = 0; at + record <= bytes.length; at += record) {
    const address = at + ID_BYTES;
    nodes.push({
      id: bytes.subarray(at, address),
      endpoint: {
        address: family === 4 ? ipv4(view.getUint32(address)) : getIpv6(view, address),
        port: view.getUint16(at + record - 2),
      },
    });
  }
  return nodes;
}
