/**
 * What the server does with one message of a client (RFC 2131 §4.3). Pure but for the leases that
 * it changes: the answer stands in `reply`, and `answer` says whether it must wait for the disk.
 */
import { BugError } from '../../base/errors.ts';
import { contains, type Ipv4, ipv4 } from '../../base/ip.ts';
import type { AnswerCounts, TokenBucket } from '../../base/limits.ts';
import { DHCP } from '../../wire/dhcp4.ts';
import { Dhcp4Reply } from '../../wire/dhcp4-reply.ts';
import type { Bindings } from './bindings.ts';
import type { StaticConfig } from './config.ts';
import type { Counts } from './counts.ts';
import type { Lease } from './lease.ts';
import { answerLeaseQuery } from './lease-query.ts';
import type { Offer } from './offers.ts';
import { Place } from './place.ts';
import { type Judgement, NO_RULE, type Policy, verdict } from './policy.ts';
import { ACTIONS, type Intent, intentOf, type Standing } from './request-table.ts';
import type { Requester } from './requester.ts';
import type { Pool, Segment } from './segment.ts';

const [HOST_NAME, REQUESTED_ADDRESS, SERVER_ID, MESSAGE, CLIENT_ID] = [12, 50, 54, 56, 61];
const SUBNET_SELECTION = 118;
const NOWHERE = ipv4(0);

/** One way into the server: a segment, or a port of the bridge that it is. */
export interface Ingress {
  readonly segment: Segment;
  /** Ethernet source of the answers. */
  readonly mac: Uint8Array;
  readonly newClients: TokenBucket;
}

export interface MachineDeps {
  readonly bindings: Bindings;
  readonly counts: Counts;
  /** The disk takes nothing: new leases are not given. */
  storeFaulty(): boolean;
  /**
   * Whether somebody uses the address is not known yet: a probe has begun, and the message will be
   * handed in again when it is over.
   */
  probe(ingress: Ingress, offer: Offer, who: Requester): boolean;
  /** A device that nobody decided about wants in. */
  ask(who: Requester, segment: Segment): void;
  /** A message that is refused, for the log. */
  refused(what: string, ingress: Ingress, who: Requester): void;
}

export interface Rules {
  readonly policy: Policy;
  readonly answers: AnswerCounts;
  readonly headroomPercent: number;
}

/** No answer; one that may go at once; one that waits for its lease. */
export type Answer = 'none' | 'now' | 'held';

export class Machine {
  readonly reply = new Dhcp4Reply();
  /** After a `handle` that gave an answer: where it ends in `reply.bytes`. */
  end = 0;
  /** After `held`: what it waits for. */
  ticket = 0;
  lease: Lease | undefined;
  readonly #deps: MachineDeps;
  readonly #bindings: Bindings;
  readonly #counts: Counts;
  readonly #place: Place;
  #rules: Rules;
  // Of the message at hand.
  #ingress: Ingress | undefined;
  #nowMs = 0;
  #wallMs = 0;
  #judgement: Judgement = NO_RULE;
  #static: StaticConfig | undefined;

  constructor(deps: MachineDeps, rules: Rules) {
    this.#deps = deps;
    this.#bindings = deps.bindings;
    this.#counts = deps.counts;
    this.#rules = rules;
    this.#place = new Place(deps.bindings, rules.headroomPercent);
  }

  use(rules: Rules): void {
    this.#rules = rules;
    this.#place.headroomPercent = rules.headroomPercent;
  }

  /** Takes the message that `who` has read. `nowMs` is CLOCK_BOOTTIME. */
  handle(ingress: Ingress, who: Requester, nowMs: number, wallMs: number): Answer {
    this.#ingress = ingress;
    this.#nowMs = nowMs;
    this.#wallMs = wallMs;
    const { segment } = ingress;
    if (nowMs >= this.#bindings.expiry.nextMs) this.#bindings.expire(nowMs);
    switch (who.view.type) {
      case DHCP.DISCOVER:
        this.#counts.discover++;
        return this.#judge(segment, who) ? this.#discover(segment, who) : 'none';
      case DHCP.REQUEST:
        this.#counts.request++;
        return this.#request(segment, who);
      case DHCP.INFORM:
        this.#counts.inform++;
        return this.#judge(segment, who) ? this.#inform(segment, who) : 'none';
      case DHCP.DECLINE:
        this.#counts.decline++;
        return this.#decline(segment, who);
      case DHCP.RELEASE:
        this.#counts.release++;
        return this.#release(segment, who);
      case DHCP.LEASEQUERY:
        return this.#leaseQuery(segment, who);
      case 0:
        return this.#discard('plain BOOTP: only DHCP is served here', who);
      default:
        return this.#discard(`message type ${who.view.type}`, who);
    }
  }

  // ---- who is served -------------------------------------------------------------------------

  /** Whether it is answered at all; says so where it must be. */
  #judge(segment: Segment, who: Requester): boolean {
    const { policy, answers } = this.#rules;
    const selector = segment.selector(who.view);
    this.#static = segment.staticOf(who, selector);
    this.#judgement = policy.judge(who, segment.config.id, this.#wallMs);
    const mode = segment.config.mode;
    const said = verdict(mode, this.#judgement.action, this.#static !== undefined);
    if (said === 'ask') this.#deps.ask(who, segment);
    if (said === 'ask' || said === 'refuse') this.#counts.refused++;
    if (said !== 'serve') return false;
    if (answers.take(who.hash, this.#nowMs)) return true;
    this.#counts.limited++;
    return false;
  }

  /** Seconds that the client may have the address: an exception's lease ends with the exception. */
  #leaseSec(pool: Pool): number {
    const left = (this.#judgement.untilMs - this.#wallMs) / 1000;
    return Math.min(pool.config.leaseSec, Math.max(1, Math.floor(left)));
  }

  // ---- DISCOVER (§4.3.1) ---------------------------------------------------------------------

  #discover(segment: Segment, who: Requester): Answer {
    const { view } = who;
    const selector = segment.selector(view);
    const dry = this.#ipv6OnlyPool(segment, who, selector);
    if (dry !== undefined) return this.#offer(dry, who, NOWHERE);
    const lease = this.#bindings.find(segment, who.key);
    let offer = segment.offers.of(who.key);
    const known =
      lease !== undefined || this.#judgement.action === 'allow' || this.#static !== undefined;
    const place = this.#place.findOwn(segment, who, selector, lease, offer);
    if (place !== undefined) {
      const address = this.#place.address;
      if (offer !== undefined && offer.address !== address) {
        this.#bindings.withdraw(segment, offer);
        offer = undefined;
      }
      if (offer !== undefined) {
        if (offer.probing) return 'none';
        segment.offers.renew(offer, this.#nowMs);
      } else if (lease?.state !== 'bound' || lease.address !== address) {
        if (lease === undefined && !this.#mayStart(known)) return 'none';
        offer = this.#bindings.offer(segment, who.key, address, this.#nowMs);
        const last = lease?.address === address;
        if (!last && this.#probes(offer, who)) return 'none';
      }
      return this.#offer(place, who, address);
    }
    if (offer !== undefined) this.#bindings.withdraw(segment, offer);
    if (!this.#mayStart(known)) return 'none';
    const pool = this.#place.findFree(segment, who, selector, known);
    if (pool === undefined) {
      this.#counts.exhausted++;
      this.#deps.refused('no address is free', this.#in, who);
      return 'none';
    }
    const address = this.#place.address;
    const fresh = this.#bindings.offer(segment, who.key, address, this.#nowMs);
    if (this.#probes(fresh, who)) return 'none';
    return this.#offer(pool, who, address);
  }

  #mayStart(known: boolean): boolean {
    if (known || this.#in.newClients.take(this.#nowMs)) return true;
    this.#counts.limited++;
    return false;
  }

  #probes(offer: Offer, who: Requester): boolean {
    // A relay's clients are on a link that no ARP of ours reaches.
    if (!this.#in.segment.config.probe || who.view.giaddr !== 0) return false;
    offer.probing = this.#deps.probe(this.#in, offer, who);
    return offer.probing;
  }

  /** A pool that this client would go without an address for (RFC 8925 §3.3). */
  #ipv6OnlyPool(segment: Segment, who: Requester, selector: Ipv4): Pool | undefined {
    for (const pool of segment.pools) {
      if (!pool.blocks.ipv6Mostly || !segment.accepts(pool, who, selector)) continue;
      return pool.blocks.of(who.view).ipv6Only ? pool : undefined;
    }
    return undefined;
  }

  #offer(pool: Pool, who: Requester, address: Ipv4): Answer {
    this.#begin(DHCP.OFFER, pool, who, address);
    this.reply.times(this.#leaseSec(pool));
    this.#options(pool, who);
    this.#counts.offer++;
    return this.#finish(who);
  }

  // ---- REQUEST (§4.3.2) ----------------------------------------------------------------------

  #request(segment: Segment, who: Requester): Answer {
    const { view } = who;
    const intent = intentOf(view);
    if (intent === undefined) return this.#discard('a REQUEST of no state', who);
    const offer = segment.offers.of(who.key);
    if (intent === 'selecting' && !segment.isOwn(view.ipOf(SERVER_ID))) {
      if (offer !== undefined) this.#bindings.withdraw(segment, offer);
      return 'none';
    }
    const served = this.#judge(segment, who);
    const address = view.ciaddr === 0 ? view.ipOf(REQUESTED_ADDRESS) : view.ciaddr;
    const lease = this.#bindings.find(segment, who.key);
    const selector = segment.selector(view);
    if (!served) return this.#end(segment, who, intent, address, lease);
    let pool: Pool | undefined;
    for (const candidate of segment.pools) {
      if (!candidate.owns(address) || !segment.accepts(candidate, who, selector)) continue;
      pool = candidate;
      break;
    }
    const standing = this.#standing(segment, pool, who, selector, address, lease, offer);
    const action = ACTIONS[intent][standing];
    if (action === 'ack' && pool !== undefined)
      return this.#ack(segment, pool, who, address, lease);
    if (
      action === 'claim' &&
      pool !== undefined &&
      this.#claims(segment, pool, who, address, lease)
    ) {
      return this.#ack(segment, pool, who, address, lease);
    }
    if (action === 'nakIfAuthoritative' && !segment.config.authoritative) return 'none';
    return this.#nak(segment, who, address, 'this address is not yours');
  }

  #standing(
    segment: Segment,
    pool: Pool | undefined,
    who: Requester,
    selector: Ipv4,
    address: Ipv4,
    lease: Lease | undefined,
    offer: Offer | undefined,
  ): Standing {
    if (pool !== undefined && this.#place.mayHave(segment, pool, who, address, lease, offer))
      return 'own';
    if (lease !== undefined || offer !== undefined) return 'other';
    return segment.onLink(address, selector) ? 'none' : 'wrongNet';
  }

  /** The client was offered the address before a restart, or long ago. */
  #claims(
    segment: Segment,
    pool: Pool,
    who: Requester,
    address: Ipv4,
    lease: Lease | undefined,
  ): boolean {
    if (!this.#bindings.available(segment, pool, address, who)) return false;
    if (pool.space.isHeld(address)) return false;
    const known = lease !== undefined || this.#judgement.action === 'allow';
    return this.#place.hasRoom(pool, known) && this.#mayStart(known);
  }

  #ack(
    segment: Segment,
    pool: Pool,
    who: Requester,
    address: Ipv4,
    before: Lease | undefined,
  ): Answer {
    const nowMs = this.#nowMs;
    let leaseSec = this.#leaseSec(pool);
    const faulty = this.#deps.storeFaulty();
    if (faulty) {
      // What the disk knows may be promised again, and no more.
      const left = before?.address === address ? (before.durableUntilMs - nowMs) / 1000 : 0;
      if (left < 1) {
        this.#counts.notDurable++;
        return 'none';
      }
      leaseSec = Math.min(leaseSec, Math.floor(left));
    }
    const row = pool.staticOf(who);
    const lease = this.#bindings.bind(segment, pool, address, who, {
      leaseSec,
      nowMs,
      wallMs: this.#wallMs,
      hostName: row?.address === address ? row.hostName : undefined,
    });
    this.lease = lease;
    this.ticket = faulty ? 0 : this.#bindings.record(lease);
    if (!faulty && this.ticket === 0) {
      // More is queued than the disk keeps up with: the client asks again.
      this.#bindings.fallBack(lease, nowMs);
      this.#counts.notDurable++;
      return 'none';
    }
    this.#begin(DHCP.ACK, pool, who, address);
    this.reply.times(leaseSec);
    this.#options(pool, who);
    this.#counts.ack++;
    this.#finish(who);
    return faulty ? 'now' : 'held';
  }

  /** Who is not served keeps nothing: its lease ends now, and it is told so. */
  #end(
    segment: Segment,
    who: Requester,
    intent: Intent,
    address: Ipv4,
    lease: Lease | undefined,
  ): Answer {
    if (segment.config.mode === 'passThrough') return 'none';
    if (lease?.state !== 'bound' || lease.address !== address) return 'none';
    // Only its own limit stands in the way of one that may be served.
    if (this.#mayBeServed(segment)) return 'none';
    this.#bindings.release(lease, this.#nowMs);
    return intent === 'selecting'
      ? 'none'
      : this.#nak(segment, who, address, 'not served any more');
  }

  #mayBeServed(segment: Segment): boolean {
    const { mode } = segment.config;
    return verdict(mode, this.#judgement.action, this.#static !== undefined) === 'serve';
  }

  /** Another server's clients are never refused where it may serve. */
  #nak(segment: Segment, who: Requester, address: Ipv4, why: string): Answer {
    const { mode } = segment.config;
    if (mode === 'hybrid' && !segment.pools.some((pool) => pool.owns(address))) return 'none';
    const [first] = segment.pools;
    if (first === undefined) return 'none';
    const offer = segment.offers.of(who.key);
    if (offer !== undefined) this.#bindings.withdraw(segment, offer);
    const server = who.view.ipOf(SERVER_ID);
    this.reply.begin(
      who.view,
      DHCP.NAK,
      this.#in.mac,
      segment.isOwn(server) ? server : first.server,
      NOWHERE,
    );
    this.reply.option(
      MESSAGE,
      Uint8Array.from(why, (c) => c.charCodeAt(0)),
    );
    this.#counts.nack++;
    return this.#finish(who);
  }

  // ---- DECLINE, RELEASE, INFORM (§4.3.3 to §4.3.5), LEASEQUERY -------------------------------

  #decline(segment: Segment, who: Requester): Answer {
    const address = who.view.ipOf(REQUESTED_ADDRESS);
    const lease = this.#bindings.find(segment, who.key);
    const offer = segment.offers.of(who.key);
    const holds =
      (lease?.state === 'bound' && lease.address === address) || offer?.address === address;
    if (!this.#addressed(segment, who)) return 'none';
    if (who.forged || !holds) return this.#discard('a DECLINE of what it does not hold', who);
    if (offer !== undefined) this.#bindings.withdraw(segment, offer);
    this.#bindings.quarantine(segment, address, this.#nowMs, this.#wallMs);
    this.#deps.refused('address declined: another host uses it', this.#in, who);
    return 'none';
  }

  #release(segment: Segment, who: Requester): Answer {
    const lease = this.#bindings.find(segment, who.key);
    if (!this.#addressed(segment, who)) return 'none';
    if (who.forged || lease?.state !== 'bound' || lease.address !== who.view.ciaddr) {
      return this.#discard('a RELEASE of what it does not hold', who);
    }
    this.#bindings.release(lease, this.#nowMs);
    return 'none';
  }

  /** The message names this server, or none. */
  #addressed(segment: Segment, { view }: Requester): boolean {
    return !view.has(SERVER_ID) || segment.isOwn(view.ipOf(SERVER_ID));
  }

  #inform(segment: Segment, who: Requester): Answer {
    const { view } = who;
    const selector = segment.selector(view);
    const address = view.ciaddr || view.sourceIp;
    for (const pool of segment.pools) {
      if (!segment.accepts(pool, who, selector)) continue;
      if (!contains(pool.prefix, ipv4(address))) continue;
      this.#begin(DHCP.ACK, pool, who, NOWHERE);
      this.#options(pool, who);
      this.#counts.ack++;
      return this.#finish(who);
    }
    return 'none';
  }

  #leaseQuery(segment: Segment, who: Requester): Answer {
    const { reply } = this;
    const answered = answerLeaseQuery(
      reply,
      this.#bindings.leases,
      segment,
      this.#in.mac,
      who,
      this.#nowMs,
    );
    if (!answered) return this.#discard('a LEASEQUERY from where none is expected', who);
    this.end = reply.finish(who.view);
    return 'now';
  }

  get #in(): Ingress {
    if (this.#ingress === undefined) throw new BugError('no message is at hand');
    return this.#ingress;
  }

  // ---- answers -------------------------------------------------------------------------------

  #begin(type: number, pool: Pool, who: Requester, address: Ipv4): void {
    this.reply.begin(who.view, type, this.#in.mac, pool.server, address);
    this.reply.dscp = pool.config.dscp;
  }

  #options(pool: Pool, who: Requester): void {
    const { reply } = this;
    const { view } = who;
    const block = pool.blocks.of(view);
    reply.block(block.bytes);
    reply.boot(block.siaddr, block.file);
    if (block.hostName) {
      const row = pool.staticOf(who);
      if (row?.hostName !== undefined) {
        reply.option(
          HOST_NAME,
          Uint8Array.from(row.hostName, (c) => c.charCodeAt(0)),
        );
      }
    }
    // Both are said back so that client and relay know their own (RFC 6842 §3, RFC 3011 §2).
    reply.echo(view, CLIENT_ID);
    if (view.has(SUBNET_SELECTION)) reply.echo(view, SUBNET_SELECTION);
  }

  #finish(who: Requester): Answer {
    this.end = this.reply.finish(who.view);
    if (this.reply.relayOptionDropped) this.#counts.relayOptionDropped++;
    return 'now';
  }

  #discard(why: string, who: Requester): Answer {
    this.#counts.discarded++;
    this.#deps.refused(why, this.#in, who);
    return 'none';
  }
}
