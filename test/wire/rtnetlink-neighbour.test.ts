import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { fromHex } from '#src/base/bytes.ts';
import { formatMac, ipv4 } from '#src/base/ip.ts';
import { formatIp, ipv6, ipv6Bytes, isMulticast6 } from '#src/base/ip6.ts';
import { decodeMessages, NetlinkWriter, NLMSG_DONE } from '#src/wire/rtnetlink-frame.ts';
import {
  decodeNeighbour,
  RTM_NEIGH,
  type RtForwarding,
  type RtNeighbour,
  writeUseNeighbour,
} from '#src/wire/rtnetlink-neighbour.ts';

const golden: Record<string, string> = JSON.parse(
  readFileSync(new URL('../golden/rtnetlink-neighbours.json', import.meta.url), 'utf8'),
);

function bodiesOf(bytes: Uint8Array): Uint8Array[] {
  const messages = decodeMessages(bytes);
  if (!messages.ok) throw new Error(messages.error.message);
  return messages.value.filter((m) => m.type !== NLMSG_DONE).map((m) => m.body);
}

const bytesOf = (name: string): Uint8Array => {
  const bytes = fromHex(golden[name] ?? '');
  if (bytes === undefined || bytes.length === 0) throw new Error(name);
  return bytes;
};

function rowsOf(name: string): (RtNeighbour | RtForwarding)[] {
  return bodiesOf(bytesOf(name)).flatMap((body) => {
    const row = decodeNeighbour(body);
    if (!row.ok) throw new Error(row.error.message);
    return row.value ?? [];
  });
}

t.test('neighbours of both families, without multicast and proxies', async (t) => {
  const told = rowsOf('neighbours').map((row) => {
    if (row.kind !== 'neighbour') throw new Error('no bridge was asked');
    const { address, state, mac = '' } = row;
    return `${formatIp(address)} ${state} ${mac}`;
  });
  t.same(told.sort(), [
    '192.0.2.1 reachable 02:aa:00:00:00:01',
    '192.0.2.2 stale 02:aa:00:00:00:02',
    '192.0.2.3 permanent 02:aa:00:00:00:03',
    '192.0.2.4 failed ',
    '2001:db8::1 reachable 02:aa:00:00:00:01',
    'fe80::2 stale 02:aa:00:00:00:02',
  ]);
});

t.test('what a bridge learned, without the addresses of its own ports', async (t) => {
  const rows = rowsOf('forwarding');
  t.same(rows.map(({ kind, mac }) => `${kind} ${mac}`).sort(), [
    'forwarding 02:00:00:00:00:03',
    'forwarding 02:aa:00:00:00:09',
  ]);
  for (const row of rows) t.match(row, { ifIndex: 4, master: 2 });
});

t.test('cut at every length it is refused or nothing, never a throw', async (t) => {
  let refused = 0;
  for (const body of [...bodiesOf(bytesOf('neighbours')), ...bodiesOf(bytesOf('forwarding'))]) {
    for (let length = 0; length < body.length; length++) {
      if (!decodeNeighbour(body.subarray(0, length)).ok) refused++;
    }
  }
  t.ok(refused > 500, `${refused} cuts refused`);
});

t.test('what is asked for is what is read', async (t) => {
  const address = fc.oneof(
    fc
      .nat(0xffff_ffff)
      .filter((value) => value >>> 28 < 0xe)
      .map(ipv4),
    fc
      .bigInt(0n, (1n << 128n) - 1n)
      .map(ipv6)
      .filter((value) => !isMulticast6(value)),
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 0x7fff_ffff }), address, (ifIndex, address) => {
      const w = writeUseNeighbour(new NetlinkWriter(), 7, { ifIndex, address });
      const [message] = (() => {
        const messages = decodeMessages(w.bytes());
        if (!messages.ok) throw new Error(messages.error.message);
        return messages.value;
      })();
      const row = decodeNeighbour(message?.body ?? new Uint8Array());
      if (!row.ok || row.value === undefined) return false;
      t.equal(message?.type, RTM_NEIGH.new);
      const { kind, ifIndex: there } = row.value;
      return kind === 'neighbour' && there === ifIndex && row.value.address === address;
    }),
    { seed: 4, numRuns: 300 },
  );
});

t.test('a MAC of another length is none', async (t) => {
  // ndmsg of an entry on interface 3, reachable; its address; a link-layer address of `length`.
  const entry = (length: number): Uint8Array => {
    const w = new NetlinkWriter().begin(RTM_NEIGH.new, 0, 1);
    w.u8(10).u8(0).u16(0).u32(3).u16(2).u8(0).u8(1);
    w.attribute(1, () => ipv6Bytes(ipv6(1n << 120n)).forEach((byte) => void w.u8(byte)));
    w.attribute(2, () => Array.from({ length }, (_, i) => w.u8(i)));
    return bodiesOf(w.end().bytes())[0] ?? new Uint8Array();
  };
  for (const length of [0, 5, 6, 7, 20]) {
    const row = decodeNeighbour(entry(length));
    const mac = length === 6 ? formatMac(Uint8Array.of(0, 1, 2, 3, 4, 5)) : undefined;
    t.match(row, { ok: true, value: { mac } }, `${length} bytes`);
  }
});
