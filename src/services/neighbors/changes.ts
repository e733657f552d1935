/** What came to pass since it was told last. Pure. */
import type { Mac } from '../../base/ip.ts';
import type { HostEvent } from './config.ts';
import type { Host } from './host.ts';

export interface Told {
  readonly events: readonly HostEvent[];
  /** Something that somebody may want to see is other than before. */
  readonly changed: boolean;
  /** What `addressesOf` and `nameOf` answer may be other than before. */
  readonly namesChanged: boolean;
  /** Hosts to be stored soon, and those to be forgotten. */
  readonly toStore: readonly Host[];
  readonly forgotten: readonly Mac[];
}

export class Changes {
  readonly fresh = new Set<Host>();
  readonly renamed = new Set<Host>();
  readonly toStore = new Set<Host>();
  readonly forgotten = new Set<Mac>();
  any = true;
  /** Who wants which name may be other than before. */
  claims = true;
  names = true;

  /** Something is to be told or done. */
  get pending(): boolean {
    return (
      this.any || this.claims || this.names || this.toStore.size > 0 || this.forgotten.size > 0
    );
  }

  addressesOf(host: Host): void {
    this.toStore.add(host);
    this.any = true;
    this.names = true;
  }

  welcomed(host: Host): void {
    this.forgotten.delete(host.mac);
    this.fresh.add(host);
    this.toStore.add(host);
    this.any = true;
    this.claims = true;
  }

  forgot(host: Host): void {
    for (const set of [this.fresh, this.renamed, this.toStore]) set.delete(host);
    this.forgotten.add(host.mac);
    this.any = true;
    this.claims = true;
    this.names = true;
  }

  /** Tells it all, with those of `turned` that are still there, and begins anew. */
  take(turned: readonly Host[]): Told {
    const event =
      (kind: HostEvent['kind']) =>
      (host: Host): HostEvent => ({ kind, host });
    const told: Told = {
      events: [
        ...[...this.fresh].map(event('new')),
        ...[...this.renamed].map(event('renamed')),
        ...turned
          .filter((host) => !this.fresh.has(host))
          .map((host) => event(host.active ? 'active' : 'inactive')(host)),
      ],
      changed: this.any,
      namesChanged: this.names,
      toStore: [...this.toStore],
      forgotten: [...this.forgotten],
    };
    for (const set of [this.fresh, this.renamed, this.toStore, this.forgotten]) set.clear();
    this.any = false;
    this.names = false;
    return told;
  }
}
