/** Alarms of the LAN, the newest first; bounded. Pure. */
import type { Conflict } from './config.ts';

const MAX_CONFLICTS = 64;
/** One that goes on is told again so often. */
const LOUD_AGAIN_MS = 600_000;

export class Conflicts {
  #list: readonly Conflict[] = [];
  readonly #toldMs = new WeakMap<Conflict, number>();

  get list(): readonly Conflict[] {
    return this.#list;
  }

  /** `loud`: whoever listens shall be told. */
  found(
    about: Omit<Conflict, 'sinceMs' | 'lastMs' | 'count'>,
    wallMs: number,
  ): { readonly conflict: Conflict; readonly loud: boolean } {
    const { kind, ifName, address, mac } = about;
    const before = this.#list.find(
      (one) =>
        one.kind === kind && one.ifName === ifName && one.address === address && one.mac === mac,
    );
    const toldMs = before === undefined ? undefined : this.#toldMs.get(before);
    const loud = toldMs === undefined || wallMs >= toldMs + LOUD_AGAIN_MS || wallMs < toldMs;
    const conflict: Conflict = {
      ...about,
      sinceMs: before?.sinceMs ?? wallMs,
      lastMs: wallMs,
      count: (before?.count ?? 0) + 1,
    };
    this.#toldMs.set(conflict, loud ? wallMs : (toldMs ?? wallMs));
    const others = this.#list.filter((one) => one !== before);
    this.#list = [conflict, ...others].slice(0, MAX_CONFLICTS);
    return { conflict, loud };
  }
}
