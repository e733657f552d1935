/** What people do with the running server: ask it, overrule it for a while, make it forget or fetch. */
import { parseIpv4, parseMac } from '../../base/ip.ts';
import { type IpAddress, ipv6, parseIpv6 } from '../../base/ip6.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { DnsCache } from '../../os/ports-dns.ts';
import type { DnsEndpoint, DnsTransports } from '../../os/ports-dns-transport.ts';
import { type DnsMessage, decodeMessage, encodeMessage, queryOf } from '../../wire/dns.ts';
import { encodeName, lowerName, parseName } from '../../wire/dns-name.ts';
import { CLASS_IN } from '../../wire/dns-registry.ts';
import type { HostFacts } from './clients.ts';
import { type LookupDone, type LookupWanted, lookUp } from './lookup.ts';
import type { Policy } from './policy.ts';
import type { OverrideWanted } from './policy-config.ts';

export interface DnsOperationsDeps {
  readonly clock: { monoMs(): number };
  readonly transports: Pick<DnsTransports, 'udp' | 'stream'>;
  /** The server's answer to a query that the box itself, or `client`, sends it; undefined for none. */
  ask(query: Uint8Array, client: IpAddress): Promise<Uint8Array | undefined>;
  /** Undefined while the server is off. */
  policy(): Pick<Policy, 'pause' | 'allow' | 'block' | 'endOverride'> | undefined;
  cache(): Pick<DnsCache, 'flush'> | undefined;
  /** Something was said for a while, or ended. */
  overridden(): void;
  hosts(): Iterable<HostFacts>;
  random16(): number;
}

export interface Queried {
  readonly message: DnsMessage;
  readonly tookMs: number;
}

const OFF = 'the DNS server is off';
const LOOPBACK = ipv6(1n);
/** Of what a resolver is asked by hand. */
const UDP_SIZE = 1232;

export class DnsOperations {
  readonly #deps: DnsOperationsDeps;

  constructor(deps: DnsOperationsDeps) {
    this.#deps = deps;
  }

  /** One question to the server, as the box or another client would get it answered. */
  async query(
    text: string,
    type: number,
    client: IpAddress = LOOPBACK,
  ): Promise<Result<Queried, string>> {
    const name = parseName(text);
    if (!name.ok) return err(name.error.message);
    const { clock, ask, random16 } = this.#deps;
    const question = { name: name.value, type, class: CLASS_IN };
    const edns = { udpSize: UDP_SIZE, version: 0, dnssecOk: false, options: [] };
    const query = queryOf(random16(), question, edns, { authenticData: true });
    const startMs = clock.monoMs();
    const wire = await ask(encodeMessage(query), client);
    if (wire === undefined) return err('the server gives no answer');
    const message = decodeMessage(wire);
    return message.ok
      ? ok({ message: message.value, tookMs: clock.monoMs() - startMs })
      : err(message.error.message);
  }

  lookUp(wanted: LookupWanted, signal: AbortSignal): Promise<Result<LookupDone, string>> {
    const { clock, random16 } = this.#deps;
    return lookUp(
      {
        ownAddress: LOOPBACK,
        random16,
        monoMs: () => clock.monoMs(),
        exchange: (server, query, timeoutMs, ended) =>
          server === undefined ? this.#own(query) : this.#other(server, query, timeoutMs, ended),
      },
      wanted,
      signal,
    );
  }

  async #own(query: Uint8Array): Promise<Result<Uint8Array, { readonly code: string }>> {
    const answer = await this.#deps.ask(query, LOOPBACK);
    return answer === undefined ? err({ code: 'ECONNREFUSED' }) : ok(answer);
  }

  /** By TCP where the answer did not fit. */
  async #other(
    address: IpAddress,
    query: Uint8Array,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Result<Uint8Array, { readonly code: string }>> {
    const { transports } = this.#deps;
    const to: DnsEndpoint = {
      ...{ protocol: 'udp', address, port: 53, name: undefined, path: '', pins: [] },
    };
    const fits = (answer: Uint8Array): boolean => isAnswerTo(answer, query);
    const answer = await transports.udp(to, query, timeoutMs, fits, signal);
    const truncated = answer.ok && ((answer.value[2] ?? 0) & 2) !== 0;
    return truncated
      ? transports.stream({ ...to, protocol: 'tcp' }, query, timeoutMs, signal)
      : answer;
  }

  /** Everything that a device of the LAN is reached by; a stranger's address stands for itself. */
  addressesOf(text: string): Result<readonly IpAddress[], string> {
    const hosts = [...this.#deps.hosts()];
    const mac = parseMac(text);
    const address = text.includes(':') ? parseIpv6(text) : parseIpv4(text);
    const name = text.toLowerCase();
    const host = hosts.find(
      (one) =>
        (mac.ok && one.mac === mac.value) ||
        (address.ok && one.addresses.includes(address.value)) ||
        one.name === name,
    );
    if (host !== undefined && host.addresses.length > 0) return ok(host.addresses);
    if (address.ok) return ok([address.value]);
    return err(`no device of the LAN is ${JSON.stringify(text)}`);
  }

  /** For each address of the client, so that it holds whichever of them it asks from. */
  override({ kind, name: text, client, seconds }: OverrideWanted): Result<void, string> {
    const policy = this.#deps.policy();
    if (policy === undefined) return err(OFF);
    const clients = client === '' ? ok([undefined]) : this.addressesOf(client);
    if (!clients.ok) return clients;
    const ms = seconds * 1000;
    if (kind === 'pause') {
      for (const address of clients.value) policy.pause(address, ms);
    } else {
      const name = parseName(text);
      if (!name.ok) return err(name.error.message);
      for (const address of clients.value) policy[kind](lowerName(name.value), address, ms);
    }
    this.#deps.overridden();
    return ok(undefined);
  }

  /** False when there is none of that number. */
  cancel(id: number): boolean {
    const ended = this.#deps.policy()?.endOverride(id) === true;
    if (ended) this.#deps.overridden();
    return ended;
  }

  /** How many answers went; an empty name is all of them. */
  flush(text: string): Result<number, string> {
    const cache = this.#deps.cache();
    if (cache === undefined) return err(OFF);
    if (text === '') return ok(cache.flush());
    const name = parseName(text);
    return name.ok ? ok(cache.flush(encodeName(lowerName(name.value)))) : err(name.error.message);
  }
}

/** Of the same id and question, whatever its case. */
function isAnswerTo(answer: Uint8Array, query: Uint8Array): boolean {
  const said = decodeMessage(answer);
  const asked = decodeMessage(query);
  if (!said.ok || !asked.ok || !said.value.response || said.value.id !== asked.value.id) {
    return false;
  }
  const [theirs] = said.value.questions;
  const [ours] = asked.value.questions;
  return (
    theirs !== undefined &&
    ours !== undefined &&
    theirs.type === ours.type &&
    lowerName(theirs.name) === lowerName(ours.name)
  );
}
