/** dns: what the DNS server answers, blocks, remembers and writes down. */
import { isObject, type Json, type JsonObject, list, text } from './bus.ts';
import type { Session } from './session.ts';
import { type Column, pairs, type Style } from './table.ts';

const SERVICE = 'dns';
/** Whoever follows the log sees it so much later at most. */
const FOLLOW_MS = 1000;

const rows = (value: Json | undefined): readonly JsonObject[] => list(value).filter(isObject);
const amount = (value: Json | undefined): number => (typeof value === 'number' ? value : 0);

// ---- asking ----------------------------------------------------------------------------------

const RECORDS: readonly Column<JsonObject>[] = [
  { title: 'NAME', cell: ({ name }) => text(name) },
  { title: 'TTL', cell: ({ ttl }) => text(ttl) },
  { title: 'TYPE', cell: ({ type }) => text(type) },
  { title: 'DATA', cell: ({ data }) => text(data) },
];

export async function dnsQuery(
  session: Session,
  name: string,
  type: string | undefined,
  options: { client?: string },
): Promise<void> {
  const data = await session.ask(SERVICE, 'query', {
    ...{ name, type: type ?? 'A' },
    ...(options.client === undefined ? {} : { client: options.client }),
  });
  if (data === undefined) return;
  if (session.json) return session.printJson(data);
  session.print(RECORDS, rows(data['answers']));
  const proven = data['authenticData'] === true ? ', proven by DNSSEC' : '';
  session.note(`${text(data['rcode'])} in ${text(data['tookMs'])} ms${proven}`);
  for (const error of rows(data['errors'])) {
    session.note(`reason ${text(error['code'])}: ${text(error['text']) || edeWords(error)}`);
  }
}

const WORDS: Readonly<Record<string, string>> = {
  '3': 'an old answer, as no resolver answers',
  '6': 'proven wrong by DNSSEC',
  '9': 'a key is missing',
  '15': 'blocked',
  '17': 'filtered',
  '22': 'no resolver answers',
  '23': 'the network fails',
};
const edeWords = ({ code }: JsonObject): string => WORDS[text(code)] ?? 'see RFC 8914';

const RULES: readonly Column<JsonObject>[] = [
  {
    title: 'EFFECT',
    cell: ({ effect }) => text(effect),
    style: ({ effect }) => (/block/i.test(text(effect)) ? 'red' : 'green'),
  },
  { title: 'LIST', cell: ({ list: name }) => text(name) },
  { title: 'LINE', cell: ({ line }) => text(line) },
  { title: 'RULE', cell: ({ text: rule }) => text(rule) },
];

export async function dnsWhy(
  session: Session,
  name: string,
  options: { client?: string },
): Promise<void> {
  const client = options.client === undefined ? {} : { client: options.client };
  const data = await session.ask(SERVICE, 'why', { name, ...client });
  if (data === undefined) return;
  if (session.json) return session.printJson(data);
  const verdict = text(data['verdict']);
  const facts: [string, string][] = [
    ['Verdict', verdict],
    ['Decided by', text(data['by'])],
    ['Rule', isObject(data['decides']) ? text(data['decides']['text']) : ''],
    ['Through', text(data['alias'])],
    ['Because of', text(data['alias'])],
    ['Group', text(data['group'])],
  ];
  session.data(
    pairs(
      facts.filter(([, value]) => value !== ''),
      session.paint,
    ),
  );
  session.print(RULES, rows(data['rules']));
  for (const unread of list(data['unread'])) session.note(`not read: ${text(unread)}`);
  for (const fault of list(data['unread'])) session.note(`not read: ${text(fault)}`);
}

// ---- saying ----------------------------------------------------------------------------------

/** block, allow and pause: for good without `for`. */
export async function dnsWord(
  session: Session,
  command: 'block' | 'allow' | 'forget' | 'pause' | 'cancel',
  args: JsonObject,
  said: string,
): Promise<void> {
  const data = await session.ask(SERVICE, command, args);
  if (data === undefined) return;
  if (session.json) session.printJson(data);
  else session.note(said);
}

export async function dnsFlush(session: Session, name: string | undefined): Promise<void> {
  const data = await session.ask(SERVICE, 'flush', name === undefined ? {} : { name });
  if (data === undefined) return;
  if (session.json) session.printJson(data);
  else session.note(`${text(data['forgotten'])} answers forgotten`);
}

// ---- looking ---------------------------------------------------------------------------------

const UPSTREAMS: readonly Column<JsonObject>[] = [
  {
    title: 'UPSTREAM',
    cell: ({ address, port, id }) =>
      address === null ? text(id) : `${text(address)} port ${text(port)}`,
  },
  { title: 'BY', cell: ({ protocol }) => text(protocol).toUpperCase() },
  { title: 'STATE', cell: ({ state }) => text(state), style: ({ state }) => colour(text(state)) },
  {
    title: 'ANSWERS IN',
    cell: ({ rttMs }) => (typeof rttMs === 'number' ? `${rttMs.toFixed(1)} ms` : ''),
  },
  { title: 'ASKED', cell: ({ queries }) => text(queries) },
  { title: 'TIME-OUTS', cell: ({ timeouts }) => text(timeouts) },
  { title: 'LAST ERROR', cell: ({ lastError }) => text(lastError) },
];

const OVERRIDES: readonly Column<JsonObject>[] = [
  { title: 'NUMBER', cell: ({ id }) => text(id) },
  { title: 'SAID', cell: ({ kind }) => text(kind) },
  { title: 'NAME', cell: ({ name }) => text(name) || 'all' },
  { title: 'CLIENT', cell: ({ client }) => text(client) || 'all' },
  { title: 'LEFT', cell: ({ leftSec }) => `${text(leftSec)} s` },
];

function colour(state: string): Style | undefined {
  if (/^(up|current)$/.test(state)) return 'green';
  return /^(down|failed|Error)$/.test(state) ? 'red' : undefined;
}

export async function dnsStatus(session: Session): Promise<void> {
  const data = await session.ask(SERVICE, 'status');
  if (data === undefined) return;
  if (session.json) return session.printJson(data);
  const listeners = rows(data['listeners']);
  const where = listeners
    .filter(({ error }) => error === null)
    .map((one) => `${text(one['transport'])} ${text(one['address'])} ${text(one['port'])}`);
  session.data(
    pairs(
      [
        ['Status', text(data['status'])],
        ['Listens on', where.join(', ')],
        ['Blocked names', text(data['blockedNames'])],
        ['Query log', text(data['privacy'])],
      ],
      session.paint,
    ),
  );
  session.print(UPSTREAMS, rows(data['upstreams']));
  session.print(OVERRIDES, rows(data['overrides']));
  for (const { transport, address, port, error } of listeners) {
    if (error !== null) {
      session.note(`${text(transport)} ${text(address)} port ${text(port)}: ${text(error)}`);
    }
  }
}

const LISTS: readonly Column<JsonObject>[] = [
  { title: 'LIST', cell: ({ name, id }) => text(name) || text(id) },
  { title: 'EFFECT', cell: ({ effect }) => text(effect) },
  { title: 'STATE', cell: ({ state }) => text(state), style: ({ state }) => colour(text(state)) },
  { title: 'RULES', cell: ({ rules }) => text(rules) },
  { title: 'REJECTED', cell: ({ rejected }) => text(rejected) },
  { title: 'UPDATED', cell: ({ updated }) => seconds(text(updated)) },
  { title: 'WRONG', cell: ({ fault }) => text(fault) },
];

const seconds = (time: string): string => time.replace(/\.\d+Z$/, 'Z');

export async function dnsLists(
  session: Session,
  options: { update?: string | true; rejected?: boolean },
): Promise<void> {
  const { update } = options;
  const data =
    update === undefined
      ? await session.ask(SERVICE, 'lists')
      : await session.ask(SERVICE, 'update', update === true ? {} : { list: update });
  if (data === undefined) return;
  if (session.json) return session.printJson(data);
  const found = rows(data['lists']);
  if (found.length === 0) return session.note('there are no lists');
  session.print(LISTS, found);
  if (options.rejected !== true) return;
  for (const { name, rejectedLines } of found) {
    for (const one of rows(rejectedLines)) {
      session.note(
        `${text(name)}:${text(one['line'])}: ${text(one['reason'])}: ${text(one['text'])}`,
      );
    }
  }
}

const TOPS: readonly (readonly [title: string, field: string])[] = [
  ['NAMES', 'topNames'],
  ['BLOCKED NAMES', 'topBlocked'],
  ['CLIENTS', 'topClients'],
  ['RULES', 'topRules'],
];
const SHOWN = 10;

const LATENCY: readonly Column<JsonObject>[] = [
  { title: 'UPSTREAM', cell: ({ address, upstream }) => text(address) || text(upstream) },
  { title: 'ANSWERS', cell: ({ count }) => text(count) },
  { title: 'HALF WITHIN', cell: ({ p50Ms }) => `${text(p50Ms)} ms` },
  { title: '90 %', cell: ({ p90Ms }) => `${text(p90Ms)} ms` },
  { title: '99 %', cell: ({ p99Ms }) => `${text(p99Ms)} ms` },
];

export async function dnsStats(session: Session): Promise<void> {
  const data = await session.ask(SERVICE, 'stats');
  if (data === undefined) return;
  if (session.json) return session.printJson(data);
  const counts = isObject(data['counts']) ? data['counts'] : {};
  const total = amount(counts['queries']);
  const share = (name: string): string => {
    const count = amount(counts[name]);
    return total === 0 ? String(count) : `${count} (${((100 * count) / total).toFixed(1)} %)`;
  };
  session.data(
    pairs(
      [
        ['Since', seconds(text(data['since']))],
        ['Queries', String(total)],
        ['Blocked', share('blocked')],
        ['From the cache', share('cacheHits')],
        ['Local names', share('local')],
        ['Forwarded', share('forwarded')],
        ['Failed', share('failed')],
      ],
      session.paint,
    ),
  );
  session.print(LATENCY, rows(data['latency']));
  for (const [title, field] of TOPS) {
    const top = rows(data[field]).slice(0, SHOWN);
    if (top.length === 0) continue;
    session.print(
      [
        { title, cell: ({ key }: JsonObject) => text(key) },
        { title: 'TIMES', cell: ({ count }: JsonObject) => text(count) },
      ],
      top,
    );
  }
}

const LOG: readonly Column<JsonObject>[] = [
  { title: 'TIME', cell: ({ time }) => seconds(text(time)) },
  { title: 'CLIENT', cell: ({ client }) => text(client) },
  { title: 'TYPE', cell: ({ type }) => text(type) },
  { title: 'NAME', cell: ({ name }) => text(name) },
  {
    title: 'ANSWERED BY',
    cell: ({ by, rule }) => (text(rule) === '' ? text(by) : `${text(by)}: ${text(rule)}`),
    style: ({ by }) => (by === 'block' ? 'red' : by === 'error' ? 'yellow' : undefined),
  },
  { title: 'RCODE', cell: ({ rcode }) => text(rcode) },
  { title: 'TOOK', cell: ({ tookMs }) => (tookMs === null ? '' : `${text(tookMs)} ms`) },
];

export interface LogOptions {
  readonly follow?: boolean;
  readonly blocked?: boolean;
  readonly last?: number;
}

const FIRST = 50;

export async function dnsLog(
  session: Session,
  filter: string | undefined,
  options: LogOptions,
): Promise<void> {
  const wanted = { text: filter ?? '', blocked: options.blocked === true };
  const data = await session.ask(SERVICE, 'log', { ...wanted, limit: options.last ?? FIRST });
  if (data === undefined) return;
  const found = rows(data['entries']).toReversed();
  const privacy = text(data['privacy']);
  if (privacy === 'off' || privacy === 'counts') {
    session.note(
      `names are not kept (${privacy}): gatehouse set Device.X_GATEHOUSE_DNS.QueryLog.Privacy=Full`,
    );
  }
  if (options.follow !== true) {
    if (session.json) session.printJson(found);
    else if (found.length === 0) session.note('no query is written down');
    else session.print(LOG, found);
    return;
  }
  for (const entry of found) printEntry(session, entry);
  await follow(session, wanted, amount(data['last']));
}

/** New ones each second, until Ctrl-C or the router is gone. */
async function follow(
  session: Session,
  wanted: { readonly text: string; readonly blocked: boolean },
  from: number,
): Promise<void> {
  const { signal, pause } = session.environment;
  session.note('following; Ctrl-C ends it');
  for (let after = from; !signal.aborted; ) {
    await pause(FOLLOW_MS, signal);
    if (signal.aborted) return;
    const data = await session.ask(SERVICE, 'log', { ...wanted, after });
    if (data === undefined) return;
    const entries = rows(data['entries']);
    for (const entry of entries) printEntry(session, entry);
    const last = entries.at(-1)?.['id'];
    after = typeof last === 'number' ? last : after;
  }
}

/** Lines, not tables: widths are not known beforehand. */
function printEntry(session: Session, entry: JsonObject): void {
  if (session.json) {
    session.data(`${JSON.stringify(entry)}\n`);
    return;
  }
  const line = LOG.map((column) => column.cell(entry)).filter((cell) => cell !== '');
  session.line(line.join('  '), entry['by'] === 'block' ? 'red' : undefined);
}
