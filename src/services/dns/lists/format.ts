/** Which format a list is in, by its beginning. */
import type { ListFormat } from '../policy-config.ts';
import { listAddress, listName } from './names.ts';

const SAMPLE_LINES = 200;

/** The format that most of the first lines are in; `plain` where nothing tells. */
export function detectFormat(sample: string): ListFormat {
  const votes = new Map<ListFormat, number>();
  let seen = 0;
  for (const line of sample.split('\n')) {
    const said = line.trim();
    const format = said === '' ? undefined : formatOf(said);
    if (format === undefined) continue;
    votes.set(format, (votes.get(format) ?? 0) + 1);
    if (++seen >= SAMPLE_LINES) break;
  }
  let [best, most]: [ListFormat, number] = ['plain', 0];
  for (const [format, count] of votes) if (count > most) [best, most] = [format, count];
  // Lists for ad blockers hold plain and hosts lines, too; a single rule tells them.
  const adblock = votes.get('adblock') ?? 0;
  return adblock > 0 && (best === 'plain' || best === 'hosts' || best === 'wildcard')
    ? 'adblock'
    : best;
}

/** Undefined for comments, and for what may be of any. */
function formatOf(said: string): ListFormat | undefined {
  if (/^\[adblock/i.test(said)) return 'adblock';
  if (said.startsWith('!') || (said.startsWith('#') && !said.startsWith('##'))) return undefined;
  if (said.startsWith('||') || said.startsWith('@@') || said.startsWith('##')) return 'adblock';
  if (/^(--)?(address|server|local|host-record|cname)=/.test(said)) return 'dnsmasq';
  if (/^(local-zone|local-data):|^server:/.test(said)) return 'unbound';
  if (/^\$(TTL|ORIGIN)\b/.test(said)) return 'rpz';
  const words = said.split(/\s+/);
  const first = words[0] ?? '';
  if (words.length > 1 && listAddress(first) !== undefined) return 'hosts';
  if (/^(CNAME|SOA|A|AAAA|TXT|IN|NS)$/i.test(words[1] ?? '') || /^\d+$/.test(words[1] ?? ''))
    return 'rpz';
  if (first.startsWith('*.') && listName(first.slice(2)) !== undefined) return 'wildcard';
  if (listName(first) !== undefined) return 'plain';
  return /[\^$|]/.test(said) || /^\/.*\/$/.test(said) ? 'adblock' : undefined;
}
