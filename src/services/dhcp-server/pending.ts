/** Devices that asked, are not allowed, and wait for the owner's word: at most 256, the longest silent goes first. */
import type { PendingClient } from './config.ts';
import type { Requester } from './requester.ts';

const MAX_PENDING = 256;

export class Pending {
  readonly #clients = new Map<string, PendingClient>();

  /** Gives whether the device is new here. */
  note(who: Requester, segment: string, wallMs: number): boolean {
    const mac = who.macText();
    const key = `${segment} ${mac}`;
    const known = this.#clients.get(key);
    this.#clients.delete(key);
    this.#clients.set(key, {
      mac,
      segment,
      hostName: who.hostName() ?? known?.hostName,
      vendorClass: who.vendorClass() ?? known?.vendorClass,
      randomised: who.randomised,
      firstWallMs: known?.firstWallMs ?? wallMs,
      lastWallMs: wallMs,
      requests: (known?.requests ?? 0) + 1,
    });
    if (this.#clients.size > MAX_PENDING) {
      for (const oldest of this.#clients.keys()) {
        this.#clients.delete(oldest);
        break;
      }
    }
    return known === undefined;
  }

  /** Those about whom the owner has decided wait no longer. */
  settle(decided: (client: PendingClient) => boolean): void {
    for (const [key, client] of this.#clients) if (decided(client)) this.#clients.delete(key);
  }

  /** Longest silent first. */
  list(): readonly PendingClient[] {
    return [...this.#clients.values()];
  }
}
