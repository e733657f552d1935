/** From rows to what is blocked or answered otherwise, for whom and when. Pure. */
import { parseMac } from '../../base/ip.ts';
import type {
  BlockMode,
  ClientSelector,
  GroupConfig,
  ListConfig,
  PolicyConfig,
  RewriteAnswer,
  RewriteConfig,
  Schedule,
} from '../../services/dns/policy-config.ts';
import { fromBase64, parseRdata } from '../../wire/dns-rdata-text.ts';
import { typeCode } from '../../wire/dns-registry.ts';
import type { Row, RowReader } from '../reader.ts';
import { DNS, hexOf, nameOf, rangeOf, single } from './dns-config.ts';

export const LISTS = `${DNS}List.`;
export const GROUPS = `${DNS}Group.`;
export const REWRITES = `${DNS}Rewrite.`;

const KEY_BYTES = 32;
const DAYS = ['Mo', 'Tu', 'We', 'Th', 'Fr', 'Sa', 'Su'];
const EVERY_DAY = 127;
/** `PASS` and the like: answers without a record. */
const PLAIN: Readonly<Record<string, RewriteAnswer>> = {
  NXDOMAIN: { kind: 'nxdomain' },
  NODATA: { kind: 'nodata' },
  REFUSED: { kind: 'refused' },
  PASS: { kind: 'pass' },
};

export function compileDnsPolicy(rows: RowReader): PolicyConfig {
  const lists = rows.rows(LISTS);
  const everywhere = lists.filter((row) => row.bool('AllGroups')).map(({ id }) => id);
  const dns = single(rows, DNS);
  return {
    lists: lists.map(listOf),
    groups: rows.rows(GROUPS).map((row) => groupOf(row, everywhere)),
    defaultGroup: dns.text('DefaultGroup') || undefined,
    rewrites: rows.rows(REWRITES).flatMap((row) => rewriteOf(row) ?? []),
    blockTtlSec: dns.number('BlockTTL'),
  };
}

function listOf(row: Row): ListConfig {
  const key = fromBase64(row.text('PublicKey'));
  const signatureUrl = row.text('SignatureURL');
  const url = row.text('URL');
  return {
    id: row.id,
    enable: row.bool('Enable'),
    name: row.text('Name') || row.text('Alias'),
    effect: row.text('Effect') === 'Allow' ? 'allow' : 'block',
    source: url === '' ? { kind: 'text', text: row.text('Text') } : { kind: 'url', url },
    format: row.text('Format').toLowerCase() as ListConfig['format'],
    subdomains: row.bool('Subdomains'),
    mayRewrite: row.bool('MayRewrite'),
    everySec: row.number('Interval'),
    maxBytes: row.number('MaxSize') * 1024,
    sha256: hexOf(row.text('SHA256'), 32),
    signature:
      signatureUrl !== '' && key?.length === KEY_BYTES
        ? { url: signatureUrl, publicKey: key }
        : undefined,
  };
}

function groupOf(row: Row, everywhere: readonly string[]): GroupConfig {
  return {
    id: row.id,
    name: row.text('Name') || row.text('Alias'),
    clients: row.list('Clients').flatMap((text) => clientOf(text) ?? []),
    lists: [...new Set([...row.list('Lists'), ...everywhere])],
    filterDuring: scheduleOf(row.list('FilterDuring')),
    offlineDuring: scheduleOf(row.list('OfflineDuring')),
    safeSearch: row.bool('SafeSearch'),
    blockMode: row.text('BlockMode').toLowerCase() as BlockMode,
  };
}

/** A MAC address, an address, a network, or a label. */
export function clientOf(text: string): ClientSelector | undefined {
  const mac = parseMac(text);
  if (mac.ok) return { kind: 'mac', mac: mac.value };
  const range = rangeOf(text);
  if (range !== undefined) return { kind: 'prefix', ...range };
  const name = text.toLowerCase();
  return /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(name) ? { kind: 'name', name } : undefined;
}

/** The table's pattern has looked at each; empty is no schedule. */
function scheduleOf(items: readonly string[]): Schedule | undefined {
  if (items.length === 0) return undefined;
  return items.map((item) => {
    const [times = '', days] = item.split(' ').reverse();
    const [fromMin = 0, toMin = 0] = times.split('-').map(minuteOf);
    return { days: days === undefined ? EVERY_DAY : daysOf(days), fromMin, toMin };
  });
}

function minuteOf(text: string): number {
  const [hour = 0, minute = 0] = text.split(':').map(Number);
  return hour * 60 + minute;
}

/** `Fr-Mo` goes over the end of the week. */
function daysOf(text: string): number {
  const [from = '', to = from] = text.split('-');
  let mask = 0;
  for (let day = DAYS.indexOf(from); ; day = (day + 1) % DAYS.length) {
    mask |= 1 << day;
    if (day === DAYS.indexOf(to)) return mask;
  }
}

/** Undefined for one that is none. */
function rewriteOf(row: Row): RewriteConfig | undefined {
  const text = row.text('Name');
  const wildcard = text.startsWith('*.');
  const name = nameOf(wildcard ? text.slice(2) : text);
  const answer = answerOf(row.text('Type'), row.text('Value'));
  if (name === undefined || answer === undefined) return undefined;
  return {
    ...{ id: row.id, enable: row.bool('Enable'), name, wildcard, answer },
    groups: row.list('Groups'),
    ttlSec: row.number('TTL'),
  };
}

function answerOf(type: string, value: string): RewriteAnswer | undefined {
  const upper = type.toUpperCase();
  if (Object.hasOwn(PLAIN, upper)) return PLAIN[upper];
  const code = typeCode(upper);
  const rdata = code === undefined ? undefined : parseRdata(code, value);
  if (code === undefined || rdata?.ok !== true) return undefined;
  return { kind: 'record', type: code, rdata: rdata.value };
}
