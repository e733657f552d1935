/**
 * Asks a segment by ARP whether an address is in use before it is offered for the first time
 * (RFC 2131 §2.2, RFC 5227 §2.1.1): one probe, and silence for half a second means that it is free.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import { type Ipv4, ipv4 } from '../../base/ip.ts';
import type { FramePort } from '../../os/ports.ts';
import { decodeArp, encodeArp } from '../../wire/arp.ts';

const WAIT_MS = 500;
/** So long the answer holds. */
const CLEAR_MS = 5 * 60_000;
const MAX_CLEAR = 4096;
/** Beyond that addresses are offered without a probe: better than not at all. */
const MAX_UNDER_WAY = 64;

const NO_MAC = new Uint8Array(6);

export class Prober implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #port: FramePort;
  readonly #mac: Uint8Array;
  readonly #underWay = new Map<number, { readonly timer: Timer; done(used: boolean): void }>();
  /** Until when (CLOCK_MONOTONIC ms) an address counts as free; oldest first. */
  readonly #clear = new Map<number, number>();

  /** `port` hears ARP on the segment and hands what it hears to `heard`; `mac` is the server's own there. */
  constructor(clock: Clock, port: FramePort, mac: Uint8Array) {
    this.#clock = clock;
    this.#port = port;
    this.#mac = mac;
  }

  /**
   * True when a probe is under way, and `done` will be called once; false when there is nothing to
   * wait for.
   */
  probe(address: Ipv4, done: (used: boolean) => void): boolean {
    if ((this.#clear.get(address) ?? 0) > this.#clock.monoMs()) return false;
    if (this.#underWay.has(address) || this.#underWay.size >= MAX_UNDER_WAY) return false;
    const frame = encodeArp({
      op: 1,
      senderMac: this.#mac,
      senderIp: ipv4(0),
      targetMac: NO_MAC,
      targetIp: address,
    });
    if (!this.#port.send(frame, 0, frame.length)) return false;
    this.#port.flush();
    const timer = this.#clock.after(WAIT_MS, () => this.#over(address, false));
    this.#underWay.set(address, { timer, done });
    return true;
  }

  /** An ARP frame of the segment: whoever speaks from an address uses it. */
  heard(frame: Uint8Array): void {
    if (this.#underWay.size === 0) return;
    const arp = decodeArp(frame);
    if (!arp.ok || !this.#underWay.has(arp.value.senderIp)) return;
    if (arp.value.senderMac.every((byte, i) => byte === this.#mac[i])) return;
    this.#over(arp.value.senderIp, true);
  }

  /** Nobody is told any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const { timer } of this.#underWay.values()) timer.cancel();
    this.#underWay.clear();
    await this.#port[Symbol.asyncDispose]();
  }

  #over(address: Ipv4, used: boolean): void {
    const probe = this.#underWay.get(address);
    if (probe === undefined) return;
    probe.timer.cancel();
    this.#underWay.delete(address);
    if (!used) {
      this.#clear.delete(address);
      this.#clear.set(address, this.#clock.monoMs() + CLEAR_MS);
      for (const oldest of this.#clear.keys()) {
        if (this.#clear.size <= MAX_CLEAR) break;
        this.#clear.delete(oldest);
      }
    }
    probe.done(used);
  }
}
