import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { sh } from './netns.ts';

/** What tun-hosts.py does for one address. */
export interface TunHost {
  /** Of the nth request, over and over. */
  readonly delays?: readonly number[];
  /** Answers where there is a 1, over and over. */
  readonly pattern?: string;
  readonly copies?: number;
  /** Code of an ICMP error instead of an answer. */
  readonly unreachable?: number;
  readonly ttl?: number;
}

/** Hosts in 10.77.0.0/16, behind a TUN device of this network namespace. */
export class TunHosts implements AsyncDisposable {
  readonly #child: ChildProcess;
  /** How long each answer was held, in µs, by address and sequence: `10.77.0.1 5`. */
  readonly held = new Map<string, number>();

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** `node` runs it in another namespace: the head of an argument list such as `ip netns exec NAME`. */
  static async start(
    hosts: Readonly<Record<string, TunHost>>,
    inside: readonly string[] = [],
  ): Promise<TunHosts> {
    const script = fileURLToPath(new URL('tun-hosts.py', import.meta.url));
    const [file = '', ...args] = [...inside, 'python3', script, 'hosts0', JSON.stringify(hosts)];
    const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const started = new TunHosts(child);
    const lines = createInterface({ input: child.stdout });
    await once(lines, 'line');
    lines.on('line', (line) => {
      const [address = '', sequence = '', heldUs = ''] = line.split(' ');
      started.held.set(`${address} ${sequence}`, Number(heldUs));
    });
    const run = (...command: readonly string[]): void => {
      const [program = '', ...rest] = [...inside, ...command];
      sh(program, ...rest);
    };
    run('ip', 'address', 'add', '10.77.255.1/16', 'dev', 'hosts0');
    run('ip', 'link', 'set', 'hosts0', 'up');
    return started;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.stdin?.end();
    await gone;
  }
}
