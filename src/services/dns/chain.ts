/** The order in which a query is looked at: one visible list. Each handler knows what follows, never what came before. */
import type { Query, Reply } from './query.ts';

export type Next = () => Promise<Reply | undefined>;

/** Undefined: no answer at all. */
export type Handler = (query: Query, next: Next) => Promise<Reply | undefined> | Reply | undefined;

/** The handlers of one service, by name. */
export interface Handlers {
  /** Whoever is not of the LAN gets no answer. */
  readonly acl: Handler;
  /** What is refused, or answered otherwise than the Internet would, for this client. */
  readonly policy: Handler;
  /** Names of the LAN, and those that never leave it. */
  readonly local: Handler;
  /** What is known from before. */
  readonly cache: Handler;
  /** Whoever is asked else. */
  readonly forward: Handler;
}

const ORDER = ['acl', 'policy', 'local', 'cache', 'forward'] as const;

/** The chain as one function, from its beginning or from one of its links on. */
export function chainOf(
  handlers: Handlers,
  from: (typeof ORDER)[number] = 'acl',
): (query: Query) => Promise<Reply | undefined> {
  const step = (query: Query, at: number): Promise<Reply | undefined> => {
    const name = ORDER[at];
    if (name === undefined) return Promise.resolve(undefined);
    return Promise.resolve(handlers[name](query, () => step(query, at + 1)));
  };
  const first = ORDER.indexOf(from);
  return (query) => step(query, first);
}
