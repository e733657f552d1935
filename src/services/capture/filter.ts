/**
 * Filters for captures, put together from typed parts and checked part by part, as text of
 * pcap-filter(7). Values are never pasted: each is parsed, and printed anew.
 */
import { formatIpv4, networkOf, parseIpv4, parseMac, prefixLen } from '../../base/ip.ts';
import { formatIpv6, formatPrefix6, parseIpv6, parseIpv6Prefix } from '../../base/ip6.ts';
import { err, ok, type Result } from '../../base/result.ts';

export const FILTER_PROTOCOLS = [
  'tcp',
  'udp',
  'sctp',
  'icmp',
  'icmp6',
  'igmp',
  'arp',
  'ip',
  'ip6',
] as const;
/** Of whom it is said; both, when it is not said. */
export type Direction = 'src' | 'dst';

const WITH_PORTS: readonly string[] = ['tcp', 'udp', 'sctp', 'ip', 'ip6'];
const OF_IPV4: readonly string[] = ['icmp', 'igmp', 'ip', 'arp'];
const OF_IPV6: readonly string[] = ['icmp6', 'ip6'];
/** libpcap's own bound is higher; who needs more, wants a file of rules. */
const MAX_TEXT = 4000;

/** What has been asked for so far, where that decides what may be asked for further. */
interface Asked {
  readonly protocols: readonly string[];
  readonly ports: boolean;
  readonly families: readonly ('ipv4' | 'ipv6')[];
}

/**
 * One filter; every method gives a further one, and all that was asked for must hold. What is wrong is
 * kept, and `build` tells all of it.
 */
export class FilterBuilder {
  readonly #terms: readonly string[];
  readonly #faults: readonly string[];
  readonly #asked: Asked;
  /** VLAN tags move everything behind them, so they stand first (pcap-filter(7), `vlan`). */
  readonly #vlans: readonly string[];

  private constructor(
    terms: readonly string[],
    faults: readonly string[],
    asked: Asked,
    vlans: readonly string[],
  ) {
    this.#terms = terms;
    this.#faults = faults;
    this.#asked = asked;
    this.#vlans = vlans;
  }

  static readonly everything = new FilterBuilder(
    [],
    [],
    { protocols: [], ports: false, families: [] },
    [],
  );

  protocol(name: string): FilterBuilder {
    if (!(FILTER_PROTOCOLS as readonly string[]).includes(name))
      return this.#wrong(
        `no protocol ${JSON.stringify(name)}: there are ${FILTER_PROTOCOLS.join(', ')}`,
      );
    return this.#with(name, { protocols: [...this.#asked.protocols, name] });
  }

  port(port: number, direction?: Direction): FilterBuilder {
    if (!isPort(port)) return this.#wrong(`${port} is no port: they go from 0 to 65535`);
    return this.#with(said(direction, `port ${port}`), { ports: true });
  }

  portRange(first: number, last: number, direction?: Direction): FilterBuilder {
    if (!isPort(first) || !isPort(last) || first > last)
      return this.#wrong(`${first}-${last} is no range of ports: they go from 0 to 65535, upwards`);
    return this.#with(said(direction, `portrange ${first}-${last}`), { ports: true });
  }

  /** `443`, or `8000-8100`. */
  ports(text: string): FilterBuilder {
    const [, first, last] = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(text) ?? [];
    if (first === undefined)
      return this.#wrong(`${JSON.stringify(text)} is no port: a number such as 443, or 8000-8100`);
    return last === undefined
      ? this.port(Number(first))
      : this.portRange(Number(first), Number(last));
  }

  /** An IPv4, IPv6 or MAC address. */
  host(address: string, direction?: Direction): FilterBuilder {
    const four = parseIpv4(address);
    if (four.ok)
      return this.#with(said(direction, `host ${formatIpv4(four.value)}`), { families: ['ipv4'] });
    const six = parseIpv6(address);
    if (six.ok)
      return this.#with(said(direction, `host ${formatIpv6(six.value)}`), { families: ['ipv6'] });
    const mac = parseMac(address);
    if (mac.ok) return this.#with(`ether ${said(direction, `host ${mac.value}`)}`, {});
    return this.#wrong(`${JSON.stringify(address)} is no address`);
  }

  /** `192.168.1.0/24`, `2001:db8::/32`; bits behind the prefix must be 0. */
  net(prefix: string, direction?: Direction): FilterBuilder {
    const [address = '', bits = '', more] = prefix.split('/');
    const four = parseIpv4(address);
    const length = /^\d{1,2}$/.test(bits) ? prefixLen(Number(bits)) : undefined;
    if (four.ok && length !== undefined && more === undefined) {
      if (networkOf({ address: four.value, prefixLen: length }) !== four.value)
        return this.#wrong(`${prefix} is an address in a network, not a network`);
      return this.#with(said(direction, `net ${formatIpv4(four.value)}/${length}`), {
        families: ['ipv4'],
      });
    }
    const six = parseIpv6Prefix(prefix);
    if (!six.ok)
      return this.#wrong(`${JSON.stringify(prefix)} is no network such as 192.168.1.0/24`);
    return this.#with(said(direction, `net ${formatPrefix6(six.value)}`), { families: ['ipv6'] });
  }

  /** A tag of 802.1Q, of one VLAN or of any; the second one is inside the first. */
  vlan(id?: number): FilterBuilder {
    if (id !== undefined && !(Number.isInteger(id) && id >= 0 && id <= 4095))
      return this.#wrong(`${id} is no VLAN: they go from 0 to 4095`);
    const vlan = id === undefined ? 'vlan' : `vlan ${id}`;
    return new FilterBuilder(this.#terms, this.#faults, this.#asked, [...this.#vlans, vlan]);
  }

  /** `any`, or an id. */
  vlanOf(text: string): FilterBuilder {
    if (text === 'any') return this.vlan();
    if (/^\d{1,5}$/.test(text)) return this.vlan(Number(text));
    return this.#wrong(`${JSON.stringify(text)} is no VLAN: a number from 0 to 4095, or any`);
  }

  /** A filter of pcap-filter(7) as somebody wrote it; whether it is one, libpcap says. */
  raw(text: string): FilterBuilder {
    // biome-ignore format: a class of control characters, in one piece
    if (text.trim() === '' || /[^\x20-\x7e]/.test(text))
      return this.#wrong('a filter is of printable ASCII, and not empty');
    let depth = 0;
    for (const c of text) {
      if (c === '(') depth++;
      else if (c === ')' && --depth < 0) break;
    }
    // It stands in brackets of its own, out of which it must not lead.
    if (depth !== 0) return this.#wrong(`the brackets of ${JSON.stringify(text)} do not fit`);
    return this.#with(`(${text})`, {});
  }

  not(other: FilterBuilder): FilterBuilder {
    return this.#joined('not', other, (text) => `not (${text})`);
  }

  and(other: FilterBuilder): FilterBuilder {
    return this.#joined('and', other, (text) => `(${text})`);
  }

  /** All so far, or what the other one asks for. */
  or(other: FilterBuilder): FilterBuilder {
    const mine = this.#terms.join(' and ');
    if (mine === '') return this.#wrong('there is nothing before "or"');
    const both = this.#joined('or', other, (text) => `(${mine}) or (${text})`);
    const term = both.#terms.at(-1) ?? '';
    const nothing: Asked = { protocols: [], ports: false, families: [] };
    return new FilterBuilder([`(${term})`], both.#faults, nothing, this.#vlans);
  }

  /** The text; empty when nothing was asked for. Or all that is wrong. */
  build(): Result<string, readonly string[]> {
    const faults = [...this.#faults, ...this.#nonsense()];
    const terms = [...this.#vlans, ...this.#terms].join(' and ');
    if (terms.length > MAX_TEXT) faults.push(`a filter has at most ${MAX_TEXT} characters`);
    return faults.length > 0 ? err(faults) : ok(terms);
  }

  /** What libpcap would take, and no packet ever pass. */
  #nonsense(): string[] {
    const { protocols, ports, families } = this.#asked;
    const found: string[] = [];
    for (const name of protocols) {
      if (ports && !WITH_PORTS.includes(name)) found.push(`${name} has no ports`);
      if (families.includes('ipv6') && OF_IPV4.includes(name))
        found.push(`${name} has no IPv6 addresses`);
      if (families.includes('ipv4') && OF_IPV6.includes(name))
        found.push(`${name} has no IPv4 addresses`);
    }
    const transports = new Set(protocols.filter((name) => !['ip', 'ip6'].includes(name)));
    if (transports.size > 1) found.push(`no packet is of ${[...transports].join(' and ')} at once`);
    if (new Set(families).size > 1) found.push('no packet has IPv4 and IPv6 addresses at once');
    return found;
  }

  #with(term: string, asked: Partial<Asked>): FilterBuilder {
    return new FilterBuilder(
      [...this.#terms, term],
      this.#faults,
      {
        ...this.#asked,
        ...asked,
        families: [...this.#asked.families, ...(asked.families ?? [])],
      },
      this.#vlans,
    );
  }

  #wrong(fault: string): FilterBuilder {
    return new FilterBuilder(this.#terms, [...this.#faults, fault], this.#asked, this.#vlans);
  }

  #joined(word: string, other: FilterBuilder, term: (text: string) => string): FilterBuilder {
    if (other.#vlans.length > 0)
      return this.#wrong(`a VLAN cannot stand in what follows "${word}"`);
    const built = other.build();
    if (!built.ok)
      return new FilterBuilder(
        this.#terms,
        [...this.#faults, ...built.error],
        this.#asked,
        this.#vlans,
      );
    if (built.value === '') return this.#wrong(`there is nothing behind "${word}"`);
    return this.#with(term(built.value), {});
  }
}

const isPort = (port: number): boolean => Number.isInteger(port) && port >= 0 && port <= 65_535;

const said = (direction: Direction | undefined, what: string): string =>
  direction === undefined ? what : `${direction} ${what}`;

/** A filter as it is asked for on the command line: of each list one must fit, and of all lists. */
export interface FilterRequest {
  readonly protocols?: readonly string[];
  /** `443`, or `8000-8100`. */
  readonly ports?: readonly string[];
  /** Addresses and networks, on either side, or on one. */
  readonly hosts?: readonly string[];
  readonly from?: readonly string[];
  readonly to?: readonly string[];
  /** `any`, or an id. */
  readonly vlan?: string;
  readonly raw?: string;
}

/** The text of a filter; empty when everything is asked for. Or all that is wrong. */
export function filterText(request: FilterRequest): Result<string, readonly string[]> {
  const { everything } = FilterBuilder;
  let whole = everything;
  const alternatives = (
    list: readonly string[] | undefined,
    add: (to: FilterBuilder, value: string) => FilterBuilder,
  ): void => {
    const [first, ...others] = list ?? [];
    if (first === undefined) return;
    // One alone stays open to the checks of what belongs together.
    if (others.length === 0) whole = add(whole, first);
    else
      whole = whole.and(
        others.reduce((made, value) => made.or(add(everything, value)), add(everything, first)),
      );
  };
  const address =
    (direction?: Direction) =>
    (to: FilterBuilder, value: string): FilterBuilder =>
      value.includes('/') ? to.net(value, direction) : to.host(value, direction);
  alternatives(request.protocols, (to, name) => to.protocol(name));
  alternatives(request.ports, (to, text) => to.ports(text));
  alternatives(request.hosts, address());
  alternatives(request.from, address('src'));
  alternatives(request.to, address('dst'));
  const { vlan, raw } = request;
  if (vlan !== undefined) whole = whole.vlanOf(vlan);
  if (raw !== undefined) whole = whole.raw(raw);
  return whole.build();
}
