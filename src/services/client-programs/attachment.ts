/** A client's hold on its link: whether it is there and has a cable, and what passes on it. */
import type { Log } from '../../base/log.ts';
import type { Link, PacketTap, PacketTaps, TapFilter } from '../../os/ports.ts';

export interface AttachmentDeps {
  readonly log: Log;
  readonly taps: PacketTaps;
  readonly filter: TapFilter;
  linkOf(ifName: string): Link | undefined;
}

/** What a look found. */
export interface LinkSeen {
  /** Undefined where there is none. */
  readonly link: Link | undefined;
  /** It is gone, or another one by the same name: what the client held on it went with it. */
  readonly lost: boolean;
  /** It has its cable again: behind that may be another network. */
  readonly cameBack: boolean;
}

export class Attachment {
  readonly #deps: AttachmentDeps;
  #tap: { readonly tap: PacketTap; readonly ifIndex: number } | undefined;
  #carrier: boolean | undefined;

  constructor(deps: AttachmentDeps) {
    this.#deps = deps;
  }

  /** Undefined until the link was first looked at. */
  get carrier(): boolean | undefined {
    return this.#carrier;
  }

  /** Looks at the link again, and lets go of one that is lost. */
  look(ifName: string): LinkSeen {
    const link = this.#deps.linkOf(ifName);
    const lost =
      link === undefined || (this.#tap !== undefined && this.#tap.ifIndex !== link.ifIndex);
    if (lost) {
      this.#carrier = undefined;
      void this.close();
    }
    const cameBack = link?.carrier === true && this.#carrier === false;
    this.#carrier = link?.carrier;
    return { link, lost, cameBack };
  }

  /** Watches what passes from now on, if it does not already; a frame is valid during the call alone. */
  watch({ ifIndex }: Link, passed: (frame: Uint8Array, outgoing: boolean) => void): void {
    if (this.#tap !== undefined) return;
    const { log, taps, filter } = this.#deps;
    const tap = taps.open(ifIndex, filter, passed);
    if (tap.ok) this.#tap = { tap: tap.value, ifIndex };
    else log.warn({ code: tap.error.code }, `cannot watch messages: ${tap.error.message}`);
  }

  async close(): Promise<void> {
    const tap = this.#tap?.tap;
    this.#tap = undefined;
    await tap?.[Symbol.asyncDispose]();
  }
}
