/** hosts: who is on the LAN. */
import { isObject, type Json, type JsonObject, list, text } from './bus.ts';
import type { Session } from './session.ts';
import type { Column } from './table.ts';

const COLUMNS: readonly Column<JsonObject>[] = [
  { title: 'NAME', cell: ({ name }) => text(name ?? '') },
  { title: 'ADDRESSES', cell: ({ addresses }) => shortened(list(addresses).map(text)) },
  {
    title: 'MAC',
    cell: ({ mac, randomised }) => (randomised === true ? `${text(mac)} (made up)` : text(mac)),
  },
  { title: 'VENDOR', cell: ({ vendor }) => text(vendor ?? '') },
  {
    title: 'ACTIVE',
    cell: ({ active }) => (active === true ? 'yes' : 'no'),
    style: ({ active }) => (active === true ? 'green' : 'dim'),
  },
  { title: 'LAST SEEN', cell: ({ lastSeen }) => text(lastSeen).replace(/\.\d+Z$/, 'Z') },
];

/** In a table; the whole list is in the JSON. */
const SHOWN_ADDRESSES = 3;

function shortened(addresses: readonly string[]): string {
  const more = addresses.length - SHOWN_ADDRESSES;
  // Those that people know come first.
  const four = addresses.filter((address) => !address.includes(':'));
  const six = addresses.filter((address) => address.includes(':') && !/^fe80:/.test(address));
  const rest = addresses.filter((address) => /^fe80:/.test(address));
  const shown = [...four, ...six, ...rest].slice(0, SHOWN_ADDRESSES).join(' ');
  return more > 0 ? `${shown} and ${more} more` : shown;
}

/** Everybody who was seen, page by page. Undefined after it said why not. */
export async function knownHosts(session: Session): Promise<readonly JsonObject[] | undefined> {
  const found: JsonObject[] = [];
  for (let after: Json = ''; ; ) {
    const data = await session.ask('neighbors', 'hosts', { after });
    if (data === undefined) return undefined;
    const page = list(data['hosts']).filter(isObject);
    found.push(...page);
    const last = page.at(-1)?.['mac'];
    if (data['more'] !== true || last === undefined) return found;
    after = last;
  }
}

/** Active ones first, then by when they were seen last. */
export async function hosts(session: Session, options: { active?: boolean }): Promise<void> {
  const found = await knownHosts(session);
  if (found === undefined) return;
  const shown = found.filter(({ active }) => options.active !== true || active === true);
  shown.sort(
    (a, b) =>
      Number(b['active'] === true) - Number(a['active'] === true) ||
      (text(a['lastSeen'] ?? '') < text(b['lastSeen'] ?? '') ? 1 : -1),
  );
  if (session.json) session.printJson(shown);
  else if (shown.length === 0) session.note('nobody was seen on the LAN');
  else session.print(COLUMNS, shown);
}
