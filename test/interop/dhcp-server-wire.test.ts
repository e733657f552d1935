/** Bytes on the wire: requests as well-known clients lay them out, then 200,000 that are broken. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { formatIpv4 } from '../../src/base/ip.ts';
import { decodeDhcp4, messageType } from '../../src/wire/dhcp4.ts';
import { tell } from '../lib/dhcp-crowd.ts';
import { DhcpLan, lanRows, NO_GUARD, POOL, SERVER, segmentRows } from '../lib/dhcp-lan.ts';
import { noNamespaces } from '../lib/netns.ts';

t.setTimeout(290_000);

interface Golden {
  readonly messages: readonly {
    readonly name: string;
    readonly mac: string;
    readonly payload: string;
    readonly answer: {
      readonly type: number;
      readonly yiaddr: string;
      readonly broadcast: boolean;
      readonly options: Readonly<Record<string, string>>;
      readonly absent: readonly number[];
    };
  }[];
}

const golden = JSON.parse(
  readFileSync(new URL('../golden/dhcp4-requests.json', import.meta.url), 'utf8'),
) as Golden;
const OPTIONS: Readonly<Record<string, string>> = {
  26: '0578',
  42: 'c0a8017b',
  119: '04686f6d65076578616d706c6500036c616e00',
  121: '00c0a80101100a09c0a80102',
};
const HEARD = ['discover', 'request', 'decline', 'release', 'inform', 'discarded'] as const;
const FUZZED = 200_000;
const SEED = 20_380_119;

const rows: Record<string, string> = {
  ...NO_GUARD,
  ...segmentRows({ Probe: 'false' }),
  [`${POOL}DNSServers`]: '192.168.1.53',
  [`${POOL}DomainName`]: 'home.example',
};
for (const [i, [tag, value]] of Object.entries(OPTIONS).entries()) {
  rows[`${POOL}Option.${i + 1}.Enable`] = 'true';
  rows[`${POOL}Option.${i + 1}.Tag`] = tag;
  rows[`${POOL}Option.${i + 1}.Value`] = value;
}

t.test('requests of well-known clients', { skip: noNamespaces() ?? false }, async (t) => {
  await using lan = new DhcpLan('wire', { rows });
  lan.plug('c1');
  const [crowd, witness] = [await lan.crowd('c1'), await lan.witness()];
  await lan.start();
  await lan.served();
  for (const { name, mac, payload, answer } of golden.messages) {
    const mark = witness.lines.length;
    const told = await tell(crowd, { do: 'say', payload, mac, waitMs: 60_000 });
    const decoded = decodeDhcp4(fromHex(told.answer ?? '') ?? new Uint8Array(0));
    if (!decoded.ok) {
      t.fail(`${name}: no answer`);
      continue;
    }
    const message = decoded.value;
    const options = Object.fromEntries(
      Object.keys(answer.options).map((code) => [
        code,
        toHex(message.options.get(Number(code)) ?? new Uint8Array(0)),
      ]),
    );
    t.equal(messageType(message), answer.type, name);
    t.equal(formatIpv4(message.yiaddr), answer.yiaddr);
    t.same(options, answer.options, 'values of its options');
    t.same(
      answer.absent.filter((code) => message.options.has(code)),
      [],
      'and no others',
    );
    const way = answer.broadcast ? 'to-all' : 'to-one';
    t.match(await witness.said(new RegExp(`^to-r0 ${mac}`), mark), ` ${way} `);
  }
  await lan.router.until('all are in the model', async () => {
    const clients = Object.entries(await lan.router.get(`${POOL}Client.`));
    const names = clients.filter(([path]) => path.endsWith('.X_GATEHOUSE_HostName'));
    return (
      names
        .map(([, value]) => value)
        .sort()
        .join() === 'desktop-4f2k9ab,pixel-8'
    );
  });
});

t.test(`${FUZZED} broken requests`, { skip: noNamespaces() ?? false }, async (t) => {
  await using lan = new DhcpLan('fuzz', {
    rows: lanRows({
      ...{ address: '192.168.0.1', mask: '255.255.0.0', min: '192.168.1.0', max: '192.168.3.255' },
      more: {
        ...NO_GUARD,
        ...segmentRows({ Probe: 'false' }),
        // The pool may be full of what the broken ones made up.
        [`${POOL}StaticAddress.1.Enable`]: 'true',
        [`${POOL}StaticAddress.1.Chaddr`]: '02:16:00:00:00:01',
        [`${POOL}StaticAddress.1.Yiaddr`]: '192.168.4.1',
      },
    }),
  });
  lan.plug('c1');
  const crowd = await lan.crowd('c1');
  await lan.start();
  await lan.served();
  const { router } = lan;
  const pid = router.pid;
  t.match(await tell(crowd, { do: 'acquire', first: 0, count: 1 }), { acked: 1 });
  const before = (await lan.status()).counts;
  const outcome = await tell(crowd, { do: 'fuzz', count: FUZZED, seed: SEED, good: 0 });
  const rounds = Math.ceil(FUZZED / 256);
  t.match(outcome, { acked: rounds, naks: 0, silent: 0, moved: 0, wrong: [] }, 'always served');
  t.ok(router.alive && router.pid === pid, 'it lives');
  const after = (await lan.status()).counts;
  const moved = (name: keyof typeof after): number => after[name] - before[name];
  for (const name of HEARD) t.ok(moved(name) > 1000, `${name}: ${moved(name)}`);
  await router.waitFor(`${SERVER}Stats.DiscardedPackets`, String(after.discarded));
  const fresh = await tell(crowd, { do: 'acquire', first: 1, count: 1 });
  t.match(fresh, { acked: 1, wrong: [] }, 'and a good client is served');
  const errors = router.log.match(/"level":"(error|fatal)".*/g) ?? [];
  t.same(errors, []);
  const counted = ([...HEARD, 'ack', 'nack'] as const).map((name) => `${name} ${moved(name)}`);
  t.comment(`seed ${SEED}: ${FUZZED} in ${outcome.ms} ms; ${counted.join(', ')}`);
});
