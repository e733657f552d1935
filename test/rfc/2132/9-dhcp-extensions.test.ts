/** RFC 2132 §9: the options of DHCP itself. */
import t from 'tap';
import type { ClientConfig } from '../../../src/services/dhcp-client/config.ts';
import { udhcpcArguments } from '../../../src/services/dhcp-client/udhcpc.ts';
import { decodeDhcp4, encodeDhcp4, messageType } from '../../../src/wire/dhcp4.ts';
import { optionFromEnv, readU32 } from '../../../src/wire/dhcp4-options.ts';
import { bytes, decoded, judged, message, option, raw, u32 } from '../dhcp4.ts';

// §9.2: "The time is in units of seconds, and is specified as a 32-bit unsigned integer."
t.test('lease time', async (t) => {
  t.equal(judged([[51, u32(0x80000000)]]).lease.leaseSec, 2 ** 31, 'not negative');
  t.notOk(readU32(bytes('0e10'), 'lease').ok);
  t.match(optionFromEnv('lease', '4294967294'), { ok: true, value: [51, u32(0xfffffffe)] });
});

// §9.3: "1 the 'file' field is used to hold options, 2 the 'sname' field […], 3 both".
t.test('option overload', async (t) => {
  for (const [used, found] of [
    [0, ''],
    [1, '66'],
    [2, '73'],
    [3, '6673'],
  ] as const) {
    const wire = encodeDhcp4(message([[52, Uint8Array.of(used)]]));
    wire.set(bytes('0c0166 ff'), 108);
    wire.set(bytes('0c0173 ff'), 44);
    t.equal(option(decoded(wire), 12), found, `${used}`);
  }
});

// §9.6: the type of the message; its length is 1.
t.test('message types', async (t) => {
  for (const type of [1, 2, 3, 4, 5, 6, 7, 8]) {
    t.equal(messageType(decoded(raw(Uint8Array.of(53, 1, type, 255)))), type);
  }
  t.equal(messageType(decoded(raw(Uint8Array.of(255)))), 0, 'BOOTP has none');
  t.notOk(decodeDhcp4(raw(Uint8Array.of(53, 1))).ok, 'cut off');
});

const CONFIG: ClientConfig & { readonly ifName: string } = {
  id: 'dhcp4.1',
  enable: true,
  ifName: 'wan0',
  requestOptions: [121, 3, 6],
  sentOptions: [],
  routeMetric: 0,
  discoverIntervalSec: 3,
  discoverPauseSec: 20,
  useResolvers: true,
};
const after = (args: readonly string[], flag: string): readonly string[] =>
  args.filter((_, i) => args[i - 1] === flag);

// §9.8: "The client MAY list the options in order of preference."
t.test('the parameter request list is in the order that was asked', async (t) => {
  const args = udhcpcArguments(CONFIG, '/hook', undefined);
  t.same(after(args, '-O'), ['121', '3', '6']);
  t.ok(args.includes('-o'), 'and nothing of its own beside it');
});

// §9.13, §9.14: one vendor class, one client identifier: the one that was asked for, not a second.
t.test('vendor class and client identifier are sent once', async (t) => {
  const sentOptions = [
    { code: 60, hex: '4753' },
    { code: 61, hex: '01020304050607' },
  ];
  const args = udhcpcArguments({ ...CONFIG, sentOptions }, '/hook', undefined);
  t.same(after(args, '-x'), ['0x3c:4753', '0x3d:01020304050607']);
  t.same(after(args, '-V'), ['']);
  t.ok(args.includes('-C'));
});
