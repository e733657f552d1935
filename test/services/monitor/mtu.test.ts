/** What the search makes of a path that changes while it is looked at; networks of their own cannot be told to. */
import t from 'tap';
import type { Ipv4 } from '../../../src/base/ip.ts';
import { ok } from '../../../src/base/result.ts';
import type { PathSockets } from '../../../src/os/ports-path.ts';
import { findMtu } from '../../../src/services/monitor/mtu.ts';
import { FakeClock } from '../../lib/clock.ts';

const HOST = 0x0a07_0502 as Ipv4;
const ROUTER = 0x0a07_0302 as Ipv4;
const LINK = 1500;
const NEXT_LINK = 1400;

t.test('a path that becomes slow after its first answer is no black hole', async (t) => {
  const clock = new FakeClock();
  let sent = 0;
  const sockets: PathSockets = {
    open: (_, heard) =>
      ok({
        raw: true,
        localMtu: LINK,
        send: (sequence, _hopLimit, packetBytes) => {
          const sentMs = clock.monoMs();
          if (packetBytes > LINK) return { ok: false, error: { code: 'EMSGSIZE' } as never };
          const reached = packetBytes <= NEXT_LINK;
          clock.after(sent++ === 0 ? 1 : 400, () =>
            heard({
              ...{ sequence, atMs: clock.monoMs(), hopLimit: 60 },
              from: reached ? HOST : ROUTER,
              kind: reached ? 'answer' : 'error',
              ...(reached ? { type: 0, code: 0, mtu: 0 } : { type: 3, code: 4, mtu: NEXT_LINK }),
            }),
          );
          return ok(sentMs);
        },
        [Symbol.dispose]: () => {},
      }),
  };
  const asked = { protocol: 'icmp', address: HOST, scope: 0, ifName: '', dscp: 0 } as const;
  const wanted = { ...asked, port: undefined, timeoutMs: 3000 };
  let found: Awaited<ReturnType<typeof findMtu>> | undefined;
  const looking = findMtu({ sockets, clock }, wanted, new AbortController().signal);
  looking.then((value) => {
    found = value;
  });
  for (let turns = 0; found === undefined && turns < 100_000; turns++) {
    await null;
    clock.advance(10);
  }
  t.match(found, {
    ok: true,
    value: { mtuBytes: NEXT_LINK, blackHole: false, said: [{ from: ROUTER, mtuBytes: NEXT_LINK }] },
  });
  t.equal(clock.pending, 0);
});
