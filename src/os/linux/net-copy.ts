/** The copy behind `Net`: rows, and what each notification does to them. No I/O. */
import type { DecodeError } from '../../base/result.ts';
import {
  AF_UNSPEC,
  decodeAddress,
  decodeLink,
  decodeRoute,
  RT_TABLE_MAIN,
  type RtAddress,
  type RtLink,
  type RtRoute,
  type RtStats,
} from '../../wire/rtnetlink.ts';
import { NLM_F_REPLACE } from '../../wire/rtnetlink-frame.ts';
import { decodeAddress6, decodeRoute6 } from '../../wire/rtnetlink6.ts';
import type { Address, Address6, Link, Route, Route6 } from '../ports.ts';

const NO_STATS: RtStats = {
  rxBytes: 0n,
  txBytes: 0n,
  rxPackets: 0n,
  txPackets: 0n,
  rxErrors: 0n,
  txErrors: 0n,
  rxDropped: 0n,
  txDropped: 0n,
  multicast: 0n,
  collisions: 0n,
};

export class NetCopy {
  readonly #links = new Map<number, Link>();
  readonly #addresses = new Map<string, Address>();
  readonly #addresses6 = new Map<string, Address6>();
  #routes: readonly Route[] = [];
  #routes6: readonly Route6[] = [];
  #routesInDoubt = false;
  #routes6InDoubt = false;

  /** The kernel removed routes without a word, as it does when a link goes down or an address leaves. */
  get routesInDoubt(): boolean {
    return this.#routesInDoubt;
  }

  get routes6InDoubt(): boolean {
    return this.#routes6InDoubt;
  }

  links(): readonly Link[] {
    return [...this.#links.values()];
  }

  addresses(): readonly Address[] {
    return [...this.#addresses.values()];
  }

  routes(): readonly Route[] {
    return this.#routes;
  }

  addresses6(): readonly Address6[] {
    return [...this.#addresses6.values()];
  }

  routes6(): readonly Route6[] {
    return this.#routes6;
  }

  /** True when the notice was about the link itself. */
  takeLink(row: RtLink, deleted: boolean): boolean {
    // AF_BRIDGE: a port joined or left its bridge; its RTM_DELLINK does not delete the link.
    if (row.family !== AF_UNSPEC) return false;
    const before = this.#links.get(row.ifIndex);
    if (deleted) {
      this.#links.delete(row.ifIndex);
      for (const [key, a] of this.#addresses) {
        if (a.ifIndex === row.ifIndex) this.#addresses.delete(key);
      }
      for (const [key, a] of this.#addresses6) {
        if (a.ifIndex === row.ifIndex) this.#addresses6.delete(key);
      }
      this.#routesInDoubt = true;
      this.#routes6InDoubt = true;
      return true;
    }
    const link = toLink(row, before);
    if (link === undefined) return false;
    if (before?.adminUp && !link.adminUp) {
      this.#routesInDoubt = true;
      this.#routes6InDoubt = true;
    }
    this.#links.set(link.ifIndex, link);
    return true;
  }

  takeAddress(row: RtAddress, deleted: boolean): void {
    if (deleted) {
      this.#addresses.delete(addressKey(row));
      this.#routesInDoubt = true; // those with this source address
    } else {
      this.#addresses.set(addressKey(row), row);
    }
  }

  takeRoute(row: RtRoute, deleted: boolean, flags: number): void {
    const others = this.#routes.filter((r) => !isEqual(r, row));
    if (deleted) {
      this.#routes = others;
      return;
    }
    if ((flags & NLM_F_REPLACE) !== 0) {
      // The one replaced gets no notice of its own. Which of several it was, only a dump tells.
      const alike = others.filter((r) => routeKey(r) === routeKey(row));
      if (alike.length > 1) this.#routesInDoubt = true;
      this.#routes = [...others.filter((r) => r !== alike[0]), row];
      return;
    }
    this.#routes = [...others, row];
  }

  takeAddress6(row: Address6, deleted: boolean): void {
    if (deleted) this.#addresses6.delete(address6Key(row));
    else this.#addresses6.set(address6Key(row), row);
  }

  /** One that replaces another, or a next hop of several, says too little: only a dump tells. */
  takeRoute6(row: Route6, deleted: boolean, flags: number): void {
    const others = this.#routes6.filter((r) => route6Key(r) !== route6Key(row));
    this.#routes6 = deleted ? others : [...others, row];
    if ((flags & NLM_F_REPLACE) !== 0) this.#routes6InDoubt = true;
  }

  /** Takes the rows of a dump for the whole; a row that cannot be read leaves the copy as it was. */
  replace(what: Dumped, rows: readonly Uint8Array[]): DecodeError | undefined {
    if (what === 'addresses6' || what === 'routes6') return this.#replace6(what, rows);
    if (what === 'links') {
      const links: Link[] = [];
      for (const body of rows) {
        const row = decodeLink(body);
        if (!row.ok) return row.error;
        const link = toLink(row.value, this.#links.get(row.value.ifIndex));
        if (link !== undefined) links.push(link);
      }
      this.#links.clear();
      for (const link of links) this.#links.set(link.ifIndex, link);
    } else if (what === 'addresses') {
      const addresses: Address[] = [];
      for (const body of rows) {
        const row = decodeAddress(body);
        if (!row.ok) return row.error;
        if (row.value !== undefined) addresses.push(row.value);
      }
      this.#addresses.clear();
      for (const a of addresses) this.#addresses.set(addressKey(a), a);
    } else {
      const routes: Route[] = [];
      for (const body of rows) {
        const row = decodeRoute(body);
        if (!row.ok) return row.error;
        if (row.value?.table === RT_TABLE_MAIN) routes.push(row.value);
      }
      this.#routes = routes;
      this.#routesInDoubt = false;
    }
    return undefined;
  }

  #replace6(what: 'addresses6' | 'routes6', rows: readonly Uint8Array[]): DecodeError | undefined {
    if (what === 'addresses6') {
      const addresses: Address6[] = [];
      for (const body of rows) {
        const row = decodeAddress6(body);
        if (!row.ok) return row.error;
        if (row.value !== undefined) addresses.push(row.value);
      }
      this.#addresses6.clear();
      for (const a of addresses) this.#addresses6.set(address6Key(a), a);
      return undefined;
    }
    const routes: Route6[] = [];
    for (const body of rows) {
      const row = decodeRoute6(body);
      if (!row.ok) return row.error;
      if (row.value?.table === RT_TABLE_MAIN) routes.push(row.value);
    }
    this.#routes6 = routes;
    this.#routes6InDoubt = false;
    return undefined;
  }
}

/** What is dumped by a request of its own. */
export type Dumped = 'links' | 'addresses' | 'routes' | 'addresses6' | 'routes6';

/** Undefined for the partial notice of a link that is not known yet: a whole one follows. */
function toLink(row: RtLink, before: Link | undefined): Link | undefined {
  const { family: _family, mtu, queueLength, stats, ...rest } = row;
  if (mtu === undefined) return before;
  const queue = queueLength ?? before?.queueLength;
  return { ...rest, mtu, queueLength: queue, stats: stats ?? before?.stats ?? NO_STATS };
}

const addressKey = (a: RtAddress): string => `${a.ifIndex}/${a.address}/${a.prefixLen}`;

/** What NLM_F_REPLACE goes by. */
const routeKey = (r: Route): string => `${r.destination}/${r.prefixLen}/${r.metric}`;

const isEqual = (a: Route, b: Route): boolean =>
  a.destination === b.destination &&
  a.prefixLen === b.prefixLen &&
  a.metric === b.metric &&
  a.gateway === b.gateway &&
  a.ifIndex === b.ifIndex &&
  a.type === b.type &&
  a.protocol === b.protocol &&
  a.source === b.source &&
  a.scope === b.scope;

const address6Key = (a: Address6): string => `${a.ifIndex}/${a.address}`;

const route6Key = (r: Route6): string =>
  `${r.destination}/${r.prefixLen}/${r.metric}/${r.gateway}/${r.ifIndex}/${r.type}`;
