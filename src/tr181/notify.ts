/** Subscriptions: which notices go to whom. */
import type { Log } from '../base/log.ts';
import type { Notice, Notification } from './model.ts';
import type { Path, Segment } from './paths.ts';
import type { Resolver } from './resolve.ts';
import type { Schema, SchemaNode } from './schema.ts';

interface Subscription {
  /** Literal beginning of every path that can match: cheap to test first. */
  readonly prefix: string;
  readonly path: Path;
  readonly listener: (notification: Notification) => void;
}

export class Notifier {
  readonly #schema: Schema;
  readonly #log: Log;
  readonly #subscriptions = new Set<Subscription>();

  constructor(schema: Schema, log: Log) {
    this.#schema = schema;
    this.#log = log;
  }

  add(path: Path, listener: (notification: Notification) => void): Disposable {
    const subscription = { prefix: literalPrefix(path), path, listener };
    this.#subscriptions.add(subscription);
    return { [Symbol.dispose]: () => void this.#subscriptions.delete(subscription) };
  }

  deliver(revision: number, notices: readonly Notice[], resolver: Resolver): void {
    if (notices.length === 0) return;
    for (const subscription of [...this.#subscriptions]) {
      const matching = notices.filter(
        ({ path }) =>
          path.startsWith(subscription.prefix) && this.#matches(subscription.path, path, resolver),
      );
      if (matching.length === 0) continue;
      try {
        subscription.listener({ revision, notices: matching });
      } catch (cause) {
        // One subscriber's bug must not keep the news from the others.
        this.#log.error({ err: cause }, 'a subscriber to the data model failed');
      }
    }
  }

  /** `notice`: concrete path of a parameter, event, or (final dot) row. */
  #matches(pattern: Path, notice: string, resolver: Resolver): boolean {
    const { segments, ends } = pattern;
    const parts = notice.split('.');
    let node: SchemaNode = this.#schema.root;
    let object = 'Device.';
    let atTable = false;
    for (const [i, segment] of segments.entries()) {
      if (i === 0) continue;
      const part = parts[i];
      if (part === undefined || part === '') return false;
      const last = i === segments.length - 1;
      if (atTable) {
        if (!resolver.chooses(segment, node, object, Number(part))) return false;
        atTable = false;
        object += `${part}.`;
        continue;
      }
      const wanted = nameOf(segment, last, ends);
      if (wanted !== part) return false;
      const child = node.children.get(part);
      // A parameter or event: it must end both.
      if (child === undefined) return last && i === parts.length - 1;
      node = child;
      atTable = child.table;
      object += `${part}.`;
    }
    // The pattern is an object, row or table: everything below it.
    return ends === 'object' || ends === 'name';
  }
}

function nameOf(segment: Segment, last: boolean, ends: Path['ends']): string | undefined {
  if (segment.kind !== 'name') return undefined;
  return last && ends === 'event' ? `${segment.name}!` : segment.name;
}

function literalPrefix(path: Path): string {
  let prefix = '';
  for (const segment of path.segments) {
    if (segment.kind === 'name') prefix += prefix === '' ? segment.name : `.${segment.name}`;
    else if (segment.kind === 'instance') prefix += `.${segment.instance}`;
    else break;
  }
  return prefix;
}
