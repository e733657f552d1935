/** What decided a question, in few words for people: they stand in log, statistics and `why`. */
import type { DecidedBy, Decision } from './decision.ts';
import type { AnsweredBy } from './query.ts';
import type { LoggedBy } from './statistics.ts';

export function ruleText(by: DecidedBy): string {
  switch (by.kind) {
    case 'override':
      return { pause: 'paused', allow: 'allowed for a while', block: 'blocked for a while' }[
        by.override.kind
      ];
    case 'rewrite':
      return `rewrite ${by.rewrite.wildcard ? '*.' : ''}${by.rewrite.name}`;
    case 'offline':
      return `offline hours of ${by.group}`;
    case 'list':
      return by.line === undefined ? by.listName : `${by.listName}, line ${by.line}`;
    case 'safeSearch':
      return 'safe search';
  }
}

/** Policy answers by blocking or by an answer of its own; everybody else by himself. */
export function loggedBy(by: AnsweredBy, decision: Decision | undefined): LoggedBy {
  if (by !== 'policy') return by;
  return decision?.kind === 'block' ? 'block' : 'rewrite';
}
