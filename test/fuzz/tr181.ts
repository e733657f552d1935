import { Observed } from '../../src/state/observed.ts';
import { Rows } from '../../src/state/rows.ts';
import { createModel } from '../../src/tr181/engine.ts';
import type { Model } from '../../src/tr181/model.ts';
import type { Observations } from '../../src/tr181/table.ts';
import { canonical, type TypeName } from '../../src/tr181/types.ts';
import { MemoryLog } from '../lib/log.ts';
import { willingCalls } from '../lib/model.ts';
import { MemoryStore } from '../state/memory-store.ts';

const TYPES: readonly TypeName[] = [
  'string',
  'boolean',
  'int',
  'unsignedInt',
  'long',
  'unsignedLong',
  'dateTime',
  'hexBinary',
  'base64',
  'Alias',
  'Order',
  'IPv4Address',
  'IPv6Address',
  'IPAddress',
  'IPv4Prefix',
  'IPv6Prefix',
  'MACAddress',
];

let made: Model | undefined;

/** One model for all runs: reading must not change it. */
function model(): Model {
  if (made !== undefined) return made;
  const store = new MemoryStore();
  const put = (key: string, value: string): void => {
    store.data.set(`tr181/${key}`, new TextEncoder().encode(value));
  };
  put('i/Device.IP.Interface.1.', '');
  put('p/Device.IP.Interface.1.Alias', 'wan');
  put('i/Device.DHCPv4.Client.1.', '');
  put('p/Device.DHCPv4.Client.1.Interface', 'Device.IP.Interface.1');
  const log = new MemoryLog();
  made = createModel({
    rows: new Rows(store),
    observed: new Observed<Observations>(log),
    lookups: {
      linkStats: () => undefined,
      mapUsage: () => undefined,
      readText: () => undefined,
      dns: () => undefined,
      dnsLogged: () => 0,
      syslog: () => [],
      monitor: () => undefined,
      dht: () => undefined,
      lanTorrents: () => undefined,
      monoMs: () => 0,
      boottimeMs: () => 0,
      wallMs: () => 0,
    },
    calls: willingCalls,
    product: { name: 'Gatehouse', version: '0' },
    audit: async () => {
      throw new RangeError('nothing is written here');
    },
    hashPassword: () => Promise.reject(new RangeError('nothing is hashed here')),
    log,
  });
  return made;
}

export const target = {
  name: 'tr181',
  /** First byte: which type or question; the rest: the text. */
  run(bytes: Uint8Array): void {
    const text = new TextDecoder().decode(bytes.subarray(1));
    const type = TYPES[(bytes[0] ?? 0) % (TYPES.length + 1)];
    if (type === undefined) {
      ask(text);
      return;
    }
    const spec = ((bytes[0] ?? 0) & 0x80) === 0 ? { type } : { type, list: {} };
    const once = canonical(spec, text);
    if (!once.ok) return;
    const twice = canonical(spec, once.value);
    if (!twice.ok || twice.value !== once.value) {
      throw new RangeError(`${type} ${JSON.stringify(once.value)} is not a fixed point`);
    }
  },
  seeds(): Uint8Array[] {
    const question = TYPES.length;
    const seed = (first: number, text: string): Uint8Array =>
      Uint8Array.from([first, ...new TextEncoder().encode(text)]);
    return [
      seed(question, 'Device.IP.Interface.[Alias=="wan"&&Enable==false].Name'),
      seed(question, 'Device.DHCPv4.Client.[wan].Renew()'),
      seed(question, 'Device.DHCPv4.Client.*.ReqOption.'),
      seed(6, '2026-02-28T23:59:59.5+01:00'),
      seed(12, '2001:db8::ffff:192.0.2.1'),
      seed(15, '2001:db8::/32'),
      seed(11, '192.0.2.1'),
      seed(8, 'AAEC/w=='),
      seed(2, '-2147483648'),
    ];
  },
};

function ask(text: string): void {
  const asked = model();
  for (const { result } of asked.get([text])) {
    if (!result.ok && result.error.message === '') throw new RangeError('a fault without message');
  }
  asked.schema(text, { firstLevel: true });
  asked.names(text, { firstLevel: true });
  asked.instances(text);
  const subscribed = asked.subscribe(text, () => {});
  if (subscribed.ok) subscribed.value[Symbol.dispose]();
  if (asked.revision !== 0) throw new RangeError('reading wrote');
}
