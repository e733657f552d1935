/** The prober against the kernel, and against hosts that lose, delay, double and reorder. */
import { writeFileSync } from 'node:fs';
import t from 'tap';
import { parseIpv4 } from '../../src/base/ip.ts';
import { formatIp, type IpAddress, parseIpv6 } from '../../src/base/ip6.ts';
import { LinuxClock } from '../../src/os/linux/clock.ts';
import { loadNative, Reactor } from '../../src/os/linux/native.ts';
import { LinuxProber } from '../../src/os/linux/probe.ts';
import { ProgramProber } from '../../src/os/linux/probe-program.ts';
import { LinuxProcesses } from '../../src/os/linux/process.ts';
import type { ProbeRequest, ProbeResult, Prober } from '../../src/os/ports-probe.ts';
import { runAlone, sh } from '../lib/netns.ts';
import { TunHosts } from '../lib/tun-hosts.ts';
import { until } from '../lib/until.ts';

t.setTimeout(120_000);

const ip = (text: string): IpAddress => {
  const parsed = text.includes(':') ? parseIpv6(text) : parseIpv4(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.value;
};

interface Heard extends Omit<ProbeResult, 'from'> {
  readonly from: string | undefined;
}

/** A prober with all that it said. */
class Ears implements AsyncDisposable {
  readonly reactor = new Reactor(loadNative());
  readonly heard: Heard[] = [];
  readonly prober: Prober;
  #tag = 0;

  constructor(kind: 'raw' | 'ping socket' | 'ping program') {
    const native = loadNative();
    const clock = new LinuxClock(native);
    const { reactor } = this;
    const result = (one: ProbeResult): void => {
      const { tag, outcome, type, code, ttl, rttUs, stamped, sequence, information } = one;
      const from = one.from === undefined ? undefined : formatIp(one.from);
      this.heard.push({
        ...{ tag, outcome, type, code, ttl, rttUs, stamped, sequence, information, from },
      });
    };
    if (kind === 'ping program') {
      const processes = new LinuxProcesses(reactor);
      this.prober = new ProgramProber({ processes, clock, file: '/usr/bin/ping', result });
      return;
    }
    const pingSocketsOnly = kind === 'ping socket';
    const opened = LinuxProber.open({ native, reactor, clock, result, pingSocketsOnly });
    if (!opened.ok) throw opened.error;
    this.prober = opened.value;
  }

  /** Asks so often and waits for as many outcomes; gives those of these probes, in the order of sending. */
  async ask(address: string, times: number, more: Partial<ProbeRequest> = {}): Promise<Heard[]> {
    const first = this.#tag;
    this.#tag += times;
    for (let tag = first; tag < first + times; tag++) {
      const added = this.prober.add({
        ...{ address: ip(address), scope: 0, tag, timeoutMs: 2000, ttl: 0, payloadBytes: 56 },
        ...more,
      });
      if (!added) throw new Error('not added');
    }
    this.prober.flush();
    const mine = () => this.heard.filter(({ tag }) => tag >= first && tag < first + times);
    const ended = () => mine().filter(({ outcome }) => outcome !== 'duplicate');
    await until(`${times} outcomes of ${address}`, () => ended().length === times);
    return mine().sort((a, b) => a.tag - b.tag);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.prober[Symbol.asyncDispose]();
    await this.reactor[Symbol.asyncDispose]();
  }
}

const HOSTS = {
  '10.77.0.1': { delays: [30] },
  '10.77.0.2': { pattern: '1101' },
  '10.77.0.3': { copies: 3 },
  '10.77.0.4': { delays: [120, 20] },
  '10.77.0.5': { unreachable: 13 },
  '10.77.0.6': { delays: [800] },
  '10.77.0.7': { ttl: 51 },
};

runAlone(t, 'the prober', import.meta.url, () => {
  sh('ip', 'link', 'set', 'lo', 'up');
  writeFileSync('/proc/sys/net/ipv4/ping_group_range', '0 2147483647');

  for (const kind of ['raw', 'ping socket'] as const) {
    t.test(kind, async (t) => {
      await using hosts = await TunHosts.start(HOSTS);
      await using ears = new Ears(kind);
      t.equal(ears.prober.way(4), kind);
      t.equal(ears.prober.way(6), kind);

      await t.test('both families, stamped by the kernel', async (t) => {
        for (const address of ['127.0.0.1', '::1']) {
          const [one, two] = await ears.ask(address, 2);
          t.match(one, { outcome: 'reply', stamped: true, from: address, ttl: 64 });
          t.ok(one && one.rttUs > 0 && one.rttUs < 2_000_000);
          t.equal(((one?.sequence ?? 0) + 1) & 0xffff, two?.sequence);
        }
      });

      await t.test('a delay is told, with what the way here and back takes', async (t) => {
        const asked = await ears.ask('10.77.0.1', 10, { timeoutMs: 20_000 });
        for (const { outcome, rttUs, sequence, stamped } of asked) {
          t.equal(outcome, 'reply');
          t.ok(stamped);
          const heldUs = hosts.held.get(`10.77.0.1 ${sequence}`);
          // Python holds it between the two stamps; it counts whole microseconds.
          t.ok(rttUs >= 30_000 && (heldUs === undefined || rttUs >= heldUs - 1), `${rttUs}`);
        }
      });

      await t.test('losses are where they are', async (t) => {
        const asked = await ears.ask('10.77.0.2', 12, { timeoutMs: 5000 });
        t.equal(
          asked.map(({ outcome }) => (outcome === 'reply' ? '1' : '0')).join(''),
          '110111011101',
        );
        t.ok(asked.every(({ outcome, from }) => outcome !== 'timeout' || from === undefined));
      });

      await t.test('duplicates are no answers of their own', async (t) => {
        await ears.ask('10.77.0.3', 5, { timeoutMs: 20_000 });
        await until('ten duplicates', () => ears.prober.figures.duplicates === 10);
        t.equal(ears.heard.filter(({ outcome }) => outcome === 'duplicate').length, 10);
      });

      await t.test('out of order is told by when answers came', async (t) => {
        const asked = await ears.ask('10.77.0.4', 2, { timeoutMs: 20_000 });
        const came = ears.heard.slice(-2).map(({ tag }) => tag);
        t.same(came, asked.map(({ tag }) => tag).reverse());
      });

      await t.test('unreachable is not silence', async (t) => {
        const [one] = await ears.ask('10.77.0.5', 1, { timeoutMs: 20_000 });
        t.match(one, { outcome: 'unreachable', type: 3, code: 13, from: '10.77.0.5' });
      });

      await t.test('what comes too late is counted, and told as lost', async (t) => {
        const { late } = ears.prober.figures;
        const [one] = await ears.ask('10.77.0.6', 1, { timeoutMs: 100 });
        t.match(one, { outcome: 'timeout', rttUs: 0 });
        if (kind === 'raw') await until('it came', () => ears.prober.figures.late === late + 1);
      });

      await t.test('TTL, payload and time to live', async (t) => {
        const [far] = await ears.ask('10.77.0.7', 1, { timeoutMs: 20_000 });
        t.equal(far?.ttl, 51);
        const [small] = await ears.ask('127.0.0.1', 1, { payloadBytes: 8 });
        const [large] = await ears.ask('::1', 1, { payloadBytes: 1472 });
        t.match([small, large], [{ outcome: 'reply' }, { outcome: 'reply' }]);
        const [one] = await ears.ask('127.0.0.1', 1, { ttl: 1 });
        t.equal(one?.outcome, 'reply', 'nobody is between us and ourselves');
      });

      await t.test('what cannot be sent is told', async (t) => {
        const [one] = await ears.ask('203.0.113.1', 1);
        t.match(one, { outcome: 'unsent', information: 101, from: undefined });
        const [wrong] = await ears.ask('127.0.0.1', 1, { payloadBytes: 4 });
        t.match(wrong, { outcome: 'unsent', information: 22 });
      });

      await t.test('thousands at once, and none is lost here', async (t) => {
        const asked = await ears.ask('127.0.0.1', 20_000, { timeoutMs: 20_000 });
        t.ok(asked.every(({ outcome }) => outcome === 'reply'));
        t.equal(ears.prober.figures.underWay, 0);
      });
    });
  }

  t.test('someone else’s answers are nobody’s', async (t) => {
    await using one = new Ears('raw');
    await using other = new Ears('raw');
    await one.ask('127.0.0.1', 50);
    await until('it heard them', () => {
      other.prober.flush();
      return other.prober.figures.strangers >= 50;
    });
    t.same(other.heard, []);
    t.match(other.prober.figures, { sent: 0, replies: 0, late: 0 });
  });

  t.test('the program stands in where there are no sockets', async (t) => {
    await using _hosts = await TunHosts.start(HOSTS);
    await using ears = new Ears('ping program');
    t.equal(ears.prober.way(4), 'ping program');
    const [one] = await ears.ask('10.77.0.1', 1, { timeoutMs: 20_000 });
    t.match(one, { outcome: 'reply', stamped: false, ttl: 64, from: '10.77.0.1' });
    t.ok(one && one.rttUs >= 30_000 && one.rttUs < 10_000_000);
    const [six] = await ears.ask('::1', 1);
    t.match(six, { outcome: 'reply', from: '::1' });
    const [gone] = await ears.ask('10.77.0.5', 1);
    t.match(gone, { outcome: 'unreachable' });
    const [none] = await ears.ask('203.0.113.1', 1);
    t.match(none, { outcome: 'unsent' });
    const many = await ears.ask('127.0.0.1', 20, { timeoutMs: 20_000 });
    t.ok(
      many.every(({ outcome }) => outcome === 'reply'),
      'eight at a time',
    );
  });
});
