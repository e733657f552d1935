/** devices: who is on the LAN by device, whatever MAC addresses it uses, and when it was there. */
import { isList, isObject, type Json, type JsonObject, list, text } from './bus.ts';
import type { Session } from './session.ts';
import type { Column } from './table.ts';

const HOUR_MS = 3_600_000;
const HOURS = 24;
/** An hour in which it was there from end to end, in part, or not at all. */
const MARKS = { whole: '█', part: '▄', none: '·' } as const;
const MOST_OF_IT = 0.95;
const EVENT = 'bbfdm.event';
const CHANGE = 'Device.Hosts.X_GATEHOUSE_HostChange!';

/** The last 24 hours, the latest at the right; `stays` as the router tells them. */
export function presenceBar(stays: readonly Json[], nowMs: number): string {
  const spans = stays
    .filter(isList)
    .map(([from, to]) => ({
      fromMs: Date.parse(text(from)),
      toMs: to === null || to === undefined ? nowMs : Date.parse(text(to)),
    }))
    .filter(({ fromMs, toMs }) => fromMs <= toMs);
  return Array.from({ length: HOURS }, (_, i) => {
    const endMs = nowMs - (HOURS - 1 - i) * HOUR_MS;
    const startMs = endMs - HOUR_MS;
    const there = spans.reduce(
      (sum, { fromMs, toMs }) =>
        sum + Math.max(0, Math.min(toMs, endMs) - Math.max(fromMs, startMs)),
      0,
    );
    if (there >= HOUR_MS * MOST_OF_IT) return MARKS.whole;
    return there > 0 ? MARKS.part : MARKS.none;
  }).join('');
}

const columns = (nowMs: number): readonly Column<JsonObject>[] => [
  { title: 'NAME', cell: ({ name }) => text(name) },
  { title: 'ADDRESS', cell: ({ addresses }) => best(list(addresses).map(text)) },
  { title: 'MAC', cell: ({ macs }) => macsOf(macs) },
  { title: 'VENDOR', cell: ({ vendor }) => text(vendor) },
  {
    title: 'HERE',
    cell: ({ active }) => (active === true ? 'yes' : 'no'),
    style: ({ active }) => (active === true ? 'green' : 'dim'),
  },
  { title: 'LAST 24 HOURS', cell: ({ presence }) => presenceBar(list(presence), nowMs) },
  { title: 'SINCE', cell: ({ firstSeen }) => text(firstSeen).slice(0, 10) },
];

const best = (addresses: readonly string[]): string =>
  addresses.find((address) => !address.includes(':')) ??
  addresses.find((address) => !address.startsWith('fe80:')) ??
  addresses[0] ??
  '';

/** The one seen last, and how many others. */
function macsOf(macs: Json | undefined): string {
  const all = list(macs).filter(isObject);
  const [first] = all;
  const made = first?.['randomised'] === true ? ' (made up)' : '';
  const more = all.length > 1 ? ` and ${all.length - 1} more` : '';
  return `${text(first?.['mac'])}${made}${more}`;
}

export async function devices(session: Session, options: { watch?: boolean }): Promise<void> {
  if (options.watch === true) return watchDevices(session);
  const found: JsonObject[] = [];
  for (let after: Json = ''; ; ) {
    const data = await session.ask('neighbors', 'devices', { after });
    if (data === undefined) return;
    const page = list(data['devices']).filter(isObject);
    found.push(...page);
    const last = page.at(-1)?.['id'];
    if (data['more'] !== true || last === undefined) break;
    after = last;
  }
  found.sort(
    (a, b) =>
      Number(b['active'] === true) - Number(a['active'] === true) ||
      (text(a['lastSeen']) < text(b['lastSeen']) ? 1 : -1),
  );
  if (session.json) return session.printJson(found);
  if (found.length === 0) return session.note('nobody was seen on the LAN');
  session.print(columns(session.environment.wallMs()), found);
  const wrong = await session.ask('neighbors', 'conflicts', {});
  for (const conflict of list(wrong?.['conflicts']).filter(isObject)) {
    const { kind, address, mac, other, reason } = conflict;
    const against = other === null ? 'this router' : text(other);
    session.note(
      `${text(kind)}: ${text(address)} by ${text(mac)}, against ${against}: ${text(reason)}`,
    );
  }
}

/** Who comes and goes, as it happens, until Ctrl-C. */
async function watchDevices(session: Session): Promise<void> {
  const { signal, wallMs } = session.environment;
  await session.withRouter(async (_, bus) => {
    await bus.listen([EVENT], (_, data) => {
      if (data['name'] !== CHANGE) return;
      const rows = list(data['input']).filter(isObject);
      const about = Object.fromEntries(rows.map((row) => [text(row['path']), text(row['data'])]));
      const time = new Date(wallMs()).toISOString();
      if (session.json) {
        session.data(`${JSON.stringify({ time, ...about })}\n`);
        return;
      }
      const { Change = '', PhysAddress = '', HostName = '', IPAddress = '' } = about;
      const who = [HostName, IPAddress, PhysAddress].filter((part) => part !== '').join(' ');
      session.line(`${time.slice(11, 19)} ${Change.toLowerCase().padEnd(8)} ${who}`, STYLE[Change]);
    });
    session.note('watching who comes and goes; Ctrl-C ends it');
    if (signal.aborted) return;
    await new Promise<void>((ended) =>
      signal.addEventListener('abort', () => ended(), { once: true }),
    );
  });
}

const STYLE: Readonly<Record<string, 'green' | 'dim' | 'yellow'>> = {
  New: 'yellow',
  Active: 'green',
  Inactive: 'dim',
};
