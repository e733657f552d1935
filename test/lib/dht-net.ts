/**
 * Where a DHT node of ours meets those of others: the test's own network namespace with `box0`
 * (10.77.0.1, fd77::1), and one with `peer0` that has an address for each of them.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import type { Test } from 'tap';
import { parseIpv4, prefixLen } from '../../src/base/ip.ts';
import { parseIpv6Prefix } from '../../src/base/ip6.ts';
import { LinuxClock } from '../../src/os/linux/clock.ts';
import { digests } from '../../src/os/linux/digests.ts';
import { ed25519 } from '../../src/os/linux/ed25519.ts';
import { loadNative, Reactor } from '../../src/os/linux/native.ts';
import { hostNames } from '../../src/os/linux/resolve.ts';
import { LinuxUdpSockets } from '../../src/os/linux/udp.ts';
import type { DhtConfig, IpPrefix } from '../../src/services/dht/config.ts';
import { DhtService } from '../../src/services/dht/service.ts';
import { MemoryStore } from '../state/memory-store.ts';
import { MemoryLog } from './log.ts';
import { Namespaces, sh } from './netns.ts';

export const PORT = 6881;
export const BOX4 = '10.77.0.1';
export const BOX6 = 'fd77::1';

const PRIVATE: readonly IpPrefix[] = (() => {
  const [v4, len, v6] = [parseIpv4('10.77.0.0'), prefixLen(24), parseIpv6Prefix('fd77::/64')];
  if (!v4.ok || len === undefined || !v6.ok) throw new RangeError('not prefixes');
  return [{ address: v4.value, prefixLen: len }, v6.value];
})();

const DHT_CONFIG: DhtConfig = {
  ...{ enable: true, port: PORT, bootstrap: [], privateNetworks: PRIVATE, readOnly: false },
  budget: {
    ...{ packetsInPerSec: 2_000, packetsOutPerSec: 1_000, bytesInPerSec: 400_000 },
    ...{ bytesOutPerSec: 200_000, perSourcePerSec: 100, flows: 1_000 },
  },
  crawler: { enable: false, startMin: 0, lengthMin: 1_440, packetsPerSec: 10, maxHashes: 1_000 },
  announcements: undefined,
};

export class DhtNet implements Disposable {
  readonly #spaces = new Namespaces('dht');

  /** Addresses 2 to 40 are the peers'. */
  constructor() {
    const peers = this.#spaces.make('peers');
    sh('ip', 'link', 'set', 'lo', 'up');
    sh('ip', 'link', 'add', 'box0', 'type', 'veth', 'peer', 'name', 'peer0', 'netns', peers);
    sh('ip', 'link', 'set', 'box0', 'up');
    sh('ip', '-n', peers, 'link', 'set', 'peer0', 'up');
    sh('ip', 'address', 'add', `${BOX4}/24`, 'dev', 'box0');
    sh('ip', 'address', 'add', `${BOX6}/64`, 'dev', 'box0', 'nodad');
    for (let i = 2; i <= 40; i++) {
      sh('ip', '-n', peers, 'address', 'add', `10.77.0.${i}/24`, 'dev', 'peer0');
      sh(
        'ip',
        '-n',
        peers,
        'address',
        'add',
        `fd77::${i.toString(16)}/64`,
        'dev',
        'peer0',
        'nodad',
      );
    }
  }

  /** Starts a program where the peers are; it ends with the test. */
  spawn(t: Test, file: string, ...args: string[]): ChildProcessWithoutNullStreams {
    const child = spawn('ip', this.#spaces.argv('peers', file, ...args));
    child.stderr.on('data', (bytes) => t.comment(String(bytes).slice(0, 500)));
    t.teardown(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    });
    return child;
  }

  /** A node of ours in the test's namespace. */
  async service(t: Test, config: Partial<DhtConfig> = {}): Promise<DhtService> {
    const native = loadNative();
    const reactor = new Reactor(native);
    const clock = new LinuxClock(native);
    const service = new DhtService({
      ...{ clock, log: new MemoryLog(), store: new MemoryStore(), report: () => {}, own: () => [] },
      sockets: new LinuxUdpSockets(reactor),
      random: (count) => randomBytes(count),
      crypto: { sha1: digests.sha1, ...ed25519 },
      resolve: (host, family) => hostNames(clock).resolve(host, family),
    });
    t.teardown(async () => {
      await service[Symbol.asyncDispose]();
      await reactor[Symbol.asyncDispose]();
    });
    const faults = await service.apply({ ...DHT_CONFIG, ...config });
    if (faults.length > 0) throw new RangeError(faults.join('; '));
    return service;
  }

  [Symbol.dispose](): void {
    // A removed namespace takes its links along only some time later, and the next test makes them anew.
    sh('ip', 'link', 'del', 'box0');
    this.#spaces[Symbol.dispose]();
  }
}

/** A program that answers a line of JSON with a line of JSON: `["ok", value]` or `["error", why]`. */
export class Talk {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  async next(): Promise<readonly unknown[]> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new RangeError('the peer ended');
    return JSON.parse(value) as readonly unknown[];
  }

  async ask<T>(...words: readonly unknown[]): Promise<T> {
    this.#child.stdin.write(`${JSON.stringify(words)}\n`);
    const [how, value] = await this.next();
    if (how !== 'ok') throw new RangeError(String(value));
    return value as T;
  }
}
