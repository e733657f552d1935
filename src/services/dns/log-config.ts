/** What is remembered of the queries of the LAN, and for whom to see: given whole. */

/**
 * `off`: nothing. `counts`: how many, and by whom they were answered; no names, no clients.
 * `anonymous`: names too, and of the client its network alone. `full`: names and clients.
 */
export type LogPrivacy = 'off' | 'counts' | 'anonymous' | 'full';

export interface QueryLogConfig {
  readonly privacy: LogPrivacy;
  /** Queries that are kept; the oldest makes room. */
  readonly entries: number;
}
