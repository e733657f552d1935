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
import type { Address, Link, Route } from '../ports.ts';

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
  #routes: readonly Route[] = [];
  #routesInDoubt = false;

  /** The kernel removed routes without a word, as it does when a link goes down or an address leaves. */
  get routesInDoubt(): boolean {
    return this.#routesInDoubt;
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
      this.#routesInDoubt = true;
      return true;
    }
    const link = toLink(row, before);
    if (link === undefined) return false;
    if (before?.adminUp && !link.adminUp) this.#routesInDoubt = true;
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

  /** Takes the rows of a dump for the whole; a row that cannot be read leaves the copy as it was. */
  replace(
    what: 'links' | 'addresses' | 'routes',
    rows: readonly Uint8Array[],
  ): DecodeError | undefined {
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
}

/** Undefined for the partial notice of a link that is not known yet: a whole one follows. */
function toLink(row: RtLink, before: Link | undefined): Link | undefined {
  const { family: _family, mtu, stats, ...rest } = row;
  if (mtu === undefined) return before;
  return { ...rest, mtu, stats: stats ?? before?.stats ?? NO_STATS };
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
