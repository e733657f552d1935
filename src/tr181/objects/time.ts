/** `Device.Time.` (TR-181): the time zone of the people around the router. */
import { err, ok, type Result } from '../../base/result.ts';
import { offsetAt, parsePosixZone } from '../posix-zone.ts';
import type { ObjectGroup, ReportContext, ReportSink } from '../table.ts';
import { type OffsetAt, offsetsOf, posixOf } from '../zone-names.ts';

const TIME = 'Device.Time.';
const NO_NTP = 'there is no NTP client yet: the system keeps the clock';

/** The rules of a named zone change by law: what holds is looked up as of this moment of the software. */
const RULES_AS_OF_MS = Date.UTC(2026, 0, 1);

export function time(): ObjectGroup {
  let known: { readonly zone: string; readonly offset: OffsetAt } | undefined;
  const offsetOf = (zone: string, name: string): OffsetAt => {
    const key = name || zone;
    // Making a formatter costs a millisecond: one is kept.
    if (known?.zone !== key) known = { zone: key, offset: offsetsFor(zone, name) };
    return known.offset;
  };
  return {
    name: 'Time',
    inputs: [],
    objects: [
      {
        path: TIME,
        about: 'Time of day.',
        params: {
          CurrentLocalTime: {
            type: 'dateTime',
            volatile: true,
            about: 'The time of day here, with its distance from UTC.',
          },
          LocalTimeZone: {
            type: 'string',
            access: 'readWrite',
            size: [0, 256],
            default: 'UTC0',
            convert,
            about:
              'The time zone as POSIX writes it, such as CET-1CEST,M3.5.0,M10.5.0/3; a name such as Europe/Berlin is taken, too, and written out.',
            reason: 'names are taken besides, because that is what people know',
          },
          X_GATEHOUSE_TimeZoneName: {
            type: 'string',
            size: [0, 64],
            default: '',
            derived: true,
            about: 'The name that LocalTimeZone was given by, such as Europe/Berlin; else empty.',
            reason: 'the POSIX text does not tell which place was meant',
          },
        },
        omitted: {
          Enable: NO_NTP,
          Status: NO_NTP,
          NTPServer1: NO_NTP,
          NTPServer2: NO_NTP,
          NTPServer3: NO_NTP,
          NTPServer4: NO_NTP,
          NTPServer5: NO_NTP,
          ClientNumberOfEntries: NO_NTP,
          ServerNumberOfEntries: NO_NTP,
        },
      },
    ],
    report: ({ rows, lookups }: ReportContext, out: ReportSink): void => {
      const row = rows.at(TIME);
      const zone = row?.text('LocalTimeZone') ?? '';
      const name = row?.text('X_GATEHOUSE_TimeZoneName') ?? '';
      // Looked up when somebody asks: the daemon's start need not wait for it.
      out.put(TIME, {
        CurrentLocalTime: () => localTime(lookups.wallMs(), offsetOf(zone, name)),
      });
    },
  };
}

function convert(
  text: string,
): Result<{ readonly value: string; readonly also: Readonly<Record<string, string>> }, string> {
  if (parsePosixZone(text) !== undefined) {
    return ok({ value: text, also: { X_GATEHOUSE_TimeZoneName: '' } });
  }
  const posix = text.length > 64 ? undefined : posixOf(text, RULES_AS_OF_MS);
  return posix === undefined
    ? err(
        'neither a name such as Europe/Berlin nor a POSIX time zone such as CET-1CEST,M3.5.0,M10.5.0/3',
      )
    : ok({ value: posix, also: { X_GATEHOUSE_TimeZoneName: text } });
}

/** By name where there is one: it is right also where POSIX has no rule for it. */
function offsetsFor(zone: string, name: string): OffsetAt {
  const named = name === '' ? undefined : offsetsOf(name);
  if (named !== undefined) return named;
  const parsed = parsePosixZone(zone);
  return parsed === undefined ? () => 0 : (atMs) => offsetAt(parsed, atMs);
}

/** ISO 8601 with the offset: `2026-01-31T13:00:00+01:00`. */
function localTime(wallMs: number, offset: OffsetAt): string {
  const minutes = Math.trunc(offset(wallMs) / 60);
  const local = new Date(wallMs + minutes * 60_000).toISOString().slice(0, 19);
  if (minutes === 0) return `${local}Z`;
  const two = (n: number): string => String(n).padStart(2, '0');
  const away = Math.abs(minutes);
  return `${local}${minutes < 0 ? '-' : '+'}${two(Math.floor(away / 60))}:${two(away % 60)}`;
}
