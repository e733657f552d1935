/** Who has an address, and who only says so. */
import fc from 'fast-check';
import t from 'tap';
import { ipv4, type Mac, macOf } from '#src/base/ip.ts';
import type { IpAddress } from '#src/base/ip6.ts';
import { Guard, type GuardStep, type Verdict } from '#src/services/neighbors/guard.ts';

const LAN = 'br-lan';
const A = (n: number) => ipv4(0xc0a80100 + n);
const [ONE, TWO, THREE] = [macOf(1), macOf(2), macOf(3)];
const OWN = A(1);
const GATEWAY = A(254);
/** Nobody has it. */
const FREE = A(99);

class Lan {
  nowMs = 0;
  readonly same: [Mac, Mac][] = [];
  readonly guard = new Guard({
    isOwn: (_, address) => address === OWN,
    isGateway: (address) => address === GATEWAY,
    sameDevice: (a, b) => this.same.some(([x, y]) => x === a && y === b),
    unused: () => FREE,
  });
  readonly told: Verdict[] = [];

  says(mac: Mac, address: IpAddress, form: Partial<{ announced: boolean; known: boolean }> = {}) {
    const { announced = false, known = true } = form;
    return this.guard.claim({ ifName: LAN, address, mac, announced, known }, this.nowMs);
  }

  step(): GuardStep {
    const step = this.guard.step(this.nowMs);
    this.told.push(...step.verdicts);
    return step;
  }

  /** Lets a contest end in which these answer for it, and for what nobody has. */
  decide(address: IpAddress, answering: readonly Mac[], forAll: readonly Mac[] = []): string[] {
    const asked = this.step().probes.map((probe) => probe.address);
    if (asked.includes(address)) {
      for (const mac of answering) this.says(mac, address);
      for (const mac of forAll) this.says(mac, FREE);
    }
    this.nowMs += 1000;
    this.step();
    this.nowMs += 2000;
    const before = this.told.length;
    this.step();
    return this.told.slice(before).map(({ kind, mac }) => `${kind} ${mac.slice(-2)}`);
  }

  later(): void {
    this.nowMs += 120_000;
  }
}

t.test('whoever comes first has it, and is not asked', async (t) => {
  const lan = new Lan();
  t.ok(lan.says(ONE, A(5)));
  t.ok(lan.says(ONE, A(5)));
  t.same(lan.step(), { probes: [], verdicts: [], nextMs: Number.POSITIVE_INFINITY });
});

t.test('both are asked, twice, and are believed by what they answer', async (t) => {
  const lan = new Lan();
  lan.says(ONE, A(5));
  t.notOk(lan.says(TWO, A(5)), 'not before it is tested');
  t.same(
    lan.step().probes.map(({ address }) => address),
    [A(5), FREE],
  );
  t.equal(lan.guard.step(0).nextMs, 1000);
  lan.nowMs = 1000;
  t.equal(lan.step().probes.length, 2);
});

t.test('one that answers alone has taken over', async (t) => {
  const lan = new Lan();
  lan.says(ONE, A(5));
  lan.says(TWO, A(5), { announced: true });
  t.same(lan.decide(A(5), [TWO]), ['Moved 02']);
  t.ok(lan.says(TWO, A(5)));
});

t.test('two that answer are a duplicate, once a minute', async (t) => {
  const lan = new Lan();
  lan.says(ONE, A(5));
  lan.says(TWO, A(5));
  t.same(lan.decide(A(5), [ONE, TWO]), ['Duplicate 02']);
  t.notOk(lan.says(TWO, A(5)));
  t.same(lan.step().probes, []);
  lan.later();
  lan.says(TWO, A(5));
  t.not(lan.step().probes.length, 0);
});

t.test('one that has an address of its own and answers for another’s is a spoofer', async (t) => {
  const lan = new Lan();
  lan.says(ONE, A(5));
  lan.says(TWO, A(6));
  lan.says(TWO, A(5));
  t.same(lan.decide(A(5), [ONE, TWO]), ['Spoof 02']);
});

t.test('one that claims and does not answer is judged by its second claim', async (t) => {
  const lan = new Lan();
  lan.says(ONE, A(5));
  lan.says(TWO, A(5), { announced: true, known: false });
  t.same(lan.decide(A(5), [ONE]), [], 'it may have given way');
  lan.nowMs += 10_000;
  lan.says(TWO, A(5), { announced: true, known: false });
  t.same(lan.decide(A(5), [ONE]), ['Spoof 02']);
  t.ok(lan.says(ONE, A(5)), 'and has nothing of it');
});

t.test('a proxy answers for what nobody has, too', async (t) => {
  const lan = new Lan();
  lan.says(ONE, A(5));
  lan.says(THREE, A(5));
  t.same(lan.decide(A(5), [ONE, THREE], [THREE]), ['Proxy 03']);
  lan.later();
  lan.says(THREE, A(5), { announced: true });
  t.same(lan.decide(A(5), [ONE, THREE], [THREE]), ['Spoof 03'], 'but announces nothing');
});

t.test('the address of the box itself is nobody else’s', async (t) => {
  const lan = new Lan();
  t.notOk(lan.says(TWO, OWN));
  lan.says(TWO, OWN);
  t.match(lan.step().verdicts, [{ kind: 'OwnAddress', mac: TWO, other: undefined }]);
  lan.later();
  lan.says(TWO, OWN);
  t.equal(lan.step().verdicts.length, 1, 'and is told again');
});

t.test('another gateway is loud, one that takes turns is loud once', async (t) => {
  const lan = new Lan();
  lan.says(ONE, GATEWAY);
  lan.says(TWO, GATEWAY);
  t.same(lan.decide(GATEWAY, [TWO]), ['GatewayChange 02']);
  lan.later();
  lan.says(ONE, GATEWAY);
  t.same(lan.decide(GATEWAY, [ONE]), ['Moved 01']);
  lan.guard.gateway(LAN, GATEWAY, THREE);
  t.match(lan.step().verdicts, [{ kind: 'GatewayChange', mac: THREE, other: ONE }]);
  lan.guard.gateway('wan0', A(200), ONE);
  t.same(lan.step().verdicts, [], 'the first is no change');
});

t.test('two MAC addresses of one device are no conflict', async (t) => {
  const lan = new Lan();
  lan.same.push([TWO, ONE]);
  lan.says(ONE, A(5));
  t.notOk(lan.says(TWO, A(5)));
  t.same(lan.step().probes, []);
});

t.test('nobody unknown comes to have an address', async (t) => {
  const lan = new Lan();
  lan.says(THREE, A(5), { known: false });
  t.ok(lan.says(ONE, A(5)));
  t.same(lan.step().probes, []);
});

t.test('whoever says what: bounds hold, and no alarm without a contest', async (t) => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          mac: fc.integer({ min: 1, max: 40 }).map(macOf),
          address: fc.integer({ min: 1, max: 6000 }).map((n) => ipv4(0x0a000000 + n)),
          announced: fc.boolean(),
          known: fc.boolean(),
          passMs: fc.nat(2000),
        }),
        { maxLength: 300 },
      ),
      (claims) => {
        const lan = new Lan();
        let contested = 0;
        for (const { mac, address, passMs, ...form } of claims) {
          lan.nowMs += passMs;
          lan.says(mac, address, form);
          const step = lan.step();
          contested += step.probes.length;
          if (step.probes.length > 64) throw new Error('too many questions at once');
          for (const { kind, mac: by, other } of step.verdicts) {
            if (by === other) throw new Error('in conflict with itself');
            if (kind !== 'OwnAddress' && contested === 0) throw new Error('nobody was asked');
          }
          if (lan.guard.size > 4096) throw new Error('too many');
        }
      },
    ),
    { seed: 3 },
  );
  t.pass('they hold');
});

t.test('more addresses than there is room for', async (t) => {
  const lan = new Lan();
  for (let i = 0; i < 10_000; i++) lan.says(macOf(i + 1), ipv4(0x0a000000 + i));
  t.equal(lan.guard.size, 4096);
  for (let i = 0; i < 100; i++) lan.says(macOf(1), ipv4(0x0a000000 + 9_000 + i));
  t.equal(lan.step().probes.length, 32, 'sixteen contests, two questions each');
  t.equal(lan.guard.overlooked, 84);
});
