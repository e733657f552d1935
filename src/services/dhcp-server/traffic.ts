/**
 * Frames in, answers out: who heard what, what is answered at once, what waits for the disk or for
 * a probe. Everything here runs for each packet.
 */
import type { Clock } from '../../base/clock.ts';
import type { SystemError } from '../../base/errors.ts';
import { formatIpv4 } from '../../base/ip.ts';
import { AnswerCounts } from '../../base/limits.ts';
import type { Log } from '../../base/log.ts';
import { DHCP, SERVER_PORT } from '../../wire/dhcp4.ts';
import { shortenTimes } from '../../wire/dhcp4-reply.ts';
import { Dhcp4View } from '../../wire/dhcp4-view.ts';
import type { Bindings } from './bindings.ts';
import { newCounts } from './counts.ts';
import { Held } from './held.ts';
import { type Ingress, Machine, type Rules } from './machine.ts';
import { Observer } from './observe.ts';
import type { Offer } from './offers.ts';
import { Pending } from './pending.ts';
import { Policy } from './policy.ts';
import type { Entry } from './ports.ts';
import type { Prober } from './probe.ts';
import { QuietLog } from './quiet-log.ts';
import { Requester } from './requester.ts';
import type { Segment } from './segment.ts';

export interface TrafficDeps {
  readonly bindings: Bindings;
  readonly clock: Clock;
  readonly log: Log;
  storeFaulty(): boolean;
  proberOf(segment: Segment): Prober | undefined;
  /** A relay passes on what clients of the segment say. */
  relay(segment: Segment, view: Dhcp4View): void;
  /** A client speaks of a server that was never heard, where there should be no other. */
  suspect(): void;
  /** Something that is reported may have changed. */
  changed(): void;
}

const MAX_ANSWER_BYTES = 1514;

export class Traffic {
  readonly counts = newCounts();
  readonly pending = new Pending();
  readonly observer = new Observer();
  readonly #deps: TrafficDeps;
  readonly #quiet: QuietLog;
  readonly #machine: Machine;
  readonly #held = new Held();
  readonly #view = new Dhcp4View();
  readonly #who = new Requester(this.#view);
  /** Of the batch at hand; 0 between batches. */
  #nowMs = 0;
  #wallMs = 0;

  constructor(deps: TrafficDeps) {
    this.#deps = deps;
    this.#quiet = new QuietLog(deps.log, deps.clock);
    this.#machine = new Machine(
      {
        bindings: deps.bindings,
        counts: this.counts,
        storeFaulty: () => deps.storeFaulty(),
        probe: (ingress, offer, who) => this.#probe(ingress, offer, who),
        ask: (who, segment) => this.#ask(who, segment),
        refused: (what, ingress, who) => this.#refused(what, ingress, who),
      },
      { policy: new Policy([]), answers: new AnswerCounts(0), headroomPercent: 0 },
    );
  }

  use(rules: Rules): void {
    this.#machine.use(rules);
  }

  received(entry: Entry, bytes: Uint8Array, start: number, end: number): void {
    const view = this.#view;
    if (!view.read(bytes, start, end)) {
      this.counts.discarded++;
      const { refusal, field, offset } = view;
      const { ifName } = entry;
      this.#quiet.warn('a malformed DHCP message', () => ({ ifName, field, offset, refusal }));
      return;
    }
    if (this.#nowMs === 0) this.#readClocks();
    if (view.op === 2) this.heardServer(entry.segment, view);
    else if (view.destinationPort === SERVER_PORT) this.#heardClient(entry);
  }

  batchEnd(): void {
    this.#nowMs = 0;
    this.#deps.changed();
  }

  /** Another server's answer. */
  heardServer(segment: Segment, view: Dhcp4View): void {
    if (this.#nowMs === 0) this.#readClocks();
    const rogue = this.observer.reply(segment, view, this.#nowMs, this.#wallMs);
    if (rogue !== undefined) {
      this.counts.secondServer++;
      const fields = { ifName: segment.name, server: formatIpv4(rogue.server), mac: rogue.mac };
      this.#deps.log.warn(fields, 'another DHCP server is on the LAN');
    }
    this.#deps.changed();
  }

  /** What waited for tickets up to `upTo` goes out; with an error, what the disk knows already. */
  durable(upTo: number, error: SystemError | undefined): void {
    const { bytes } = this.#held;
    const nowMs = this.#deps.clock.boottimeMs();
    this.#held.take(upTo, ({ port, lease, expiresAtMs, start, end }) => {
      if (error === undefined) lease.durableUntilMs = expiresAtMs;
      else {
        const leftSec = Math.floor((lease.durableUntilMs - nowMs) / 1000);
        if (lease.expiresAtMs === expiresAtMs) this.#deps.bindings.fallBack(lease, nowMs);
        if (leftSec < 1) {
          this.counts.notDurable++;
          return;
        }
        shortenTimes(bytes, start, end, leftSec);
      }
      port.send(bytes, start, end);
    });
  }

  #heardClient(entry: Entry): void {
    const { segment } = entry;
    const who = this.#who;
    const refusal = who.read();
    if (refusal !== undefined) {
      this.counts.discarded++;
      this.#refused(refusal, entry, who);
      return;
    }
    if (this.observer.request(segment, who, this.#nowMs)) this.#deps.changed();
    if (this.observer.suspects(segment, this.#view)) this.#deps.suspect();
    if (!segment.concerns(this.#view)) return;
    this.#deps.relay(segment, this.#view);
    if (this.#view.type === DHCP.REQUEST && !this.#held.hasRoom(MAX_ANSWER_BYTES)) {
      this.counts.limited++;
      this.#refused('more REQUESTs than the disk keeps up with', entry, who);
      return;
    }
    this.#answer(entry);
  }

  #answer(entry: Entry): void {
    const machine = this.#machine;
    const answer = machine.handle(entry, this.#who, this.#nowMs, this.#wallMs);
    if (answer === 'now') entry.port.send(machine.reply.bytes, 0, machine.end);
    else if (answer === 'held' && machine.lease !== undefined) {
      this.#held.add(entry.port, machine.lease, machine.ticket, machine.reply.bytes, machine.end);
    }
  }

  /** Keeps the message until the probe of its address is over. */
  #probe(ingress: Ingress, offer: Offer, who: Requester): boolean {
    const { segment } = ingress;
    const entry = ingress as Entry;
    const { bytes, start, end } = who.view;
    const frame = bytes.slice(start, end);
    const prober = this.#deps.proberOf(segment);
    return (
      prober?.probe(offer.address, (used) => {
        // The configuration is another by now, or the client went on without waiting.
        if (entry.segment !== segment || segment.offers.of(offer.key) !== offer) return;
        this.#readClocks();
        offer.probing = false;
        if (used) this.#inUse(segment, offer);
        if (this.#view.read(frame, 0, frame.length) && this.#who.read() === undefined) {
          this.#answer(entry);
          entry.port.flush();
        }
        this.batchEnd();
      }) ?? false
    );
  }

  #inUse(segment: Segment, offer: Offer): void {
    const { bindings } = this.#deps;
    bindings.withdraw(segment, offer);
    bindings.quarantine(segment, offer.address, this.#nowMs, this.#wallMs);
    const address = formatIpv4(offer.address);
    this.#quiet.warn('an address of a pool is used by another host', () => ({ address }));
  }

  #ask(who: Requester, segment: Segment): void {
    if (!this.pending.note(who, segment.config.id, this.#wallMs)) return;
    const fields = { mac: who.macText(), ifName: segment.name };
    this.#quiet.warn('a new device waits for approval', () => fields);
  }

  #refused(what: string, ingress: Ingress, who: Requester): void {
    const ifName = ingress.segment.name;
    this.#quiet.warn(what, () => ({ ifName, mac: who.macText() }));
  }

  #readClocks(): void {
    this.#nowMs = this.#deps.clock.boottimeMs();
    this.#wallMs = this.#deps.clock.wallMs();
  }
}
