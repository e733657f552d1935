/**
 * `/etc/config/gatehouse` of OpenWrt: what its one section says of the process goes where the daemon's
 * arguments are not given; the rest is the configuration file.
 *
 *     config gatehouse 'main'
 *             option wan 'eth1'
 *             list lan 'br-lan'
 *             list set 'Device.DHCPv4.Client.1.Enable=true'
 */
import { err, ok, type Result } from '../../base/result.ts';
import { decodeUci } from '../../wire/uci.ts';

export interface UciConfig {
  /** The daemon's arguments, by name. */
  readonly flags: ReadonlyMap<string, string>;
  /** As the configuration file has it: see control/process-config.ts. */
  readonly file: object;
}

/** Options that are arguments of the daemon. */
const FLAGS: Readonly<Record<string, string>> = {
  state_dir: '--state-dir',
  https: '--https',
  http: '--http',
};
/** `enabled` is for the init script, which does not start the daemon without it. */
const OPTIONS = ['enabled', 'wan', 'log_level', 'state_dir'];
const LISTS = ['lan', 'name', 'https', 'http', 'set'];

export function readUciConfig(text: string): Result<UciConfig, readonly string[]> {
  const sections = decodeUci(text);
  if (!sections.ok) {
    const { message, offset } = sections.error;
    return err([`line ${text.slice(0, offset).split('\n').length}: ${message}`]);
  }
  const faults: string[] = [];
  const values = new Map<string, readonly string[]>();
  for (const { type, values: found } of sections.value) {
    if (type !== 'gatehouse') faults.push(`config ${type}: unknown; known is gatehouse`);
    else for (const [key, list] of found) values.set(key, [...(values.get(key) ?? []), ...list]);
  }
  for (const [key, list] of values) {
    if (![...OPTIONS, ...LISTS].includes(key)) {
      faults.push(`option ${key}: unknown; known are ${[...OPTIONS, ...LISTS].join(', ')}`);
    } else if (OPTIONS.includes(key) && list.length > 1) {
      faults.push(`option ${key}: given more than once`);
    }
  }
  const rows: [path: string, value: string][] = [];
  for (const word of values.get('set') ?? []) {
    const equals = word.indexOf('=');
    if (equals > 0) rows.push([word.slice(0, equals), word.slice(equals + 1)]);
    else faults.push(`list set: ${JSON.stringify(word)} is not PATH=VALUE`);
  }
  if (faults.length > 0) return err(faults);
  const one = (key: string): string | undefined => values.get(key)?.[0];
  const level = one('log_level');
  return ok({
    flags: new Map(
      Object.entries(FLAGS).flatMap(([key, flag]) => {
        const list = values.get(key);
        return list === undefined ? [] : [[flag, list.join(',')]];
      }),
    ),
    file: {
      interfaces: { wan: one('wan'), lan: values.get('lan') ?? [] },
      log: level === undefined ? {} : { level },
      http: { names: values.get('name') ?? [] },
      rows: Object.fromEntries(rows),
    },
  });
}
