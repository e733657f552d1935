/** Names and addresses as the system resolves them: its files, then its servers (getaddrinfo(3), getnameinfo(3)). */
import { lookup, lookupService } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import type { Clock } from '../../base/clock.ts';
import { errorCode, SystemError } from '../../base/errors.ts';
import { parseIpv4 } from '../../base/ip.ts';
import { formatIp, type IpAddress, parseIpv6 } from '../../base/ip6.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { Destination, HostNames } from '../ports-path.ts';

/** Names of routers are an ornament: nobody waits for a server that is silent. */
const NAME_MS = 2000;
const MAX_HOST = 256;
/** A look-up holds a thread of libuv's, or waits for one, for as long as the system's servers are silent. */
export const MAX_LOOKUPS = 256;

export interface SystemNames {
  lookup(
    host: string,
    options: { readonly family: 0 | 4 | 6 },
  ): Promise<{ readonly address: string }>;
  lookupService(address: string, port: number): Promise<{ readonly hostname: string }>;
}

type Resolved = Result<Destination, SystemError>;

/** Who asks what is being asked already waits for the same answer. */
class Pending<T> {
  readonly #answers = new Map<string, Promise<T>>();

  /** Undefined when too much is being asked. */
  ask(question: string, run: () => Promise<T>): Promise<T> | undefined {
    const known = this.#answers.get(question);
    if (known !== undefined) return known;
    if (this.#answers.size >= MAX_LOOKUPS) return undefined;
    const asked = run().finally(() => this.#answers.delete(question));
    this.#answers.set(question, asked);
    return asked;
  }
}

class LinuxHostNames implements HostNames {
  readonly #clock: Clock;
  readonly #system: SystemNames;
  readonly #addresses = new Pending<Resolved>();
  readonly #names = new Pending<string | undefined>();

  constructor(clock: Clock, system: SystemNames) {
    this.#clock = clock;
    this.#system = system;
  }

  async resolve(host: string, family: 4 | 6 | undefined): Promise<Resolved> {
    if (host === '' || host.length > MAX_HOST || host.includes('\0')) return unknown(host, family);
    const asked = this.#addresses.ask(`${family ?? 0} ${host}`, () => this.#lookUp(host, family));
    return asked ?? err(new SystemError('too many names are looked up already', 'EAGAIN'));
  }

  async nameOf(address: IpAddress): Promise<string | undefined> {
    const text = formatIp(address);
    const asked = this.#names.ask(text, () => this.#nameOf(text));
    let late = (): void => {};
    const tooLate = new Promise<undefined>((resolve) => {
      late = () => resolve(undefined);
    });
    const timer = this.#clock.after(NAME_MS, late);
    try {
      return await Promise.race([asked, tooLate]);
    } finally {
      timer.cancel();
    }
  }

  async #lookUp(host: string, family: 4 | 6 | undefined): Promise<Resolved> {
    try {
      const found = await this.#system.lookup(host, { family: family ?? 0 });
      const [text = '', zone] = found.address.split('%');
      const address = text.includes(':') ? parseIpv6(text) : parseIpv4(text);
      // An address is given back whatever the family.
      const is = text.includes(':') ? 6 : 4;
      if (!address.ok || is !== (family ?? is)) return unknown(host, family);
      return ok({ address: address.value, scope: zone === undefined ? 0 : scopeOf(zone) });
    } catch (cause) {
      return unknown(host, family, cause);
    }
  }

  async #nameOf(text: string): Promise<string | undefined> {
    try {
      const { hostname } = await this.#system.lookupService(text, 0);
      return hostname === text ? undefined : hostname;
    } catch (thrown) {
      // It has no name, or no server tells: for whoever asks that is the same.
      if (errorCode(thrown).startsWith('E')) return undefined;
      throw thrown;
    }
  }
}

function unknown(host: string, family: 4 | 6 | undefined, cause?: unknown): Resolved {
  if (host === '') return err(new SystemError('an address or a name is wanted', 'ENOTFOUND'));
  if (errorCode(cause) === 'EAI_AGAIN') {
    return err(new SystemError(`${host}: no server told its address`, 'EAGAIN', { cause }));
  }
  const kind = family === undefined ? '' : ` with an IPv${family} address`;
  return err(new SystemError(`${host}: no such host${kind}`, 'ENOTFOUND', { cause }));
}

function scopeOf(zone: string): number {
  if (/^\d+$/.test(zone)) return Number(zone);
  const found = networkInterfaces()[zone]?.find(({ family }) => family === 'IPv6');
  return found?.scopeid ?? 0;
}

export const hostNames = (
  clock: Clock,
  system: SystemNames = { lookup, lookupService },
): HostNames => new LinuxHostNames(clock, system);
