/**
 * Validation (RFC 4035 §5): from the root's anchors down to the zone that signed an answer. What was
 * found of a zone is remembered; what one question may cost is bounded.
 */
import type { DnsCrypto } from '../../../os/ports-dns-transport.ts';
import type { DnsMessage, DnsRecord } from '../../../wire/dns.ts';
import { compareBytes, type DnsName, isWithin, parentOf, ROOT } from '../../../wire/dns-name.ts';
import { canonicalName } from '../../../wire/dns-rdata.ts';
import { EDE, RCODE, TYPE } from '../../../wire/dns-registry.ts';
import type { Outcome } from '../forward.ts';
import type { Validation } from '../resolve.ts';
import type { Scrubbed } from '../scrub.ts';
import { type Denial, nsec3Denial, nsecDenial, type Proof } from './denial.ts';
import {
  type Dnskey,
  type Ds,
  dnskeyOf,
  dsOf,
  nsec3Of,
  nsecOf,
  REVOKED,
  type RrSet,
  setsOf,
  ZONE_KEY,
} from './records.ts';
import { Budget, type Now, verifySet } from './signatures.ts';

/** What is known of a name: the zone that it is in, and whether that can be trusted. */
export type Trust = Secure | { readonly kind: 'insecure' } | Bogus;

interface Secure {
  readonly kind: 'secure';
  readonly zone: DnsName;
  readonly keys: readonly Dnskey[];
}

interface Bogus {
  readonly kind: 'bogus';
  readonly ede: number;
  readonly reason: string;
  /** Nobody could be asked. */
  readonly unreachable?: true;
}

export interface ValidatorDeps {
  readonly crypto: DnsCrypto;
  /** With DO and CD. */
  ask(name: DnsName, type: number): Promise<Outcome>;
  /** DS of the root's keys that are trusted now. */
  anchors(): readonly Ds[];
  /** The root's keys as they were verified last, for RFC 5011. */
  rootKeys(keys: RrSet): void;
  readonly negativeAnchors: readonly DnsName[];
  /**
   * Only resolvers are asked that nobody chose. Where such a one keeps the root's signatures from us,
   * nothing is validated, rather than nothing be answered: the owner is told.
   */
  takesWhatComes(): boolean;
  /** What a zone proved not to be there. */
  learned(zone: DnsName, authorities: readonly DnsRecord[], ttlSec: number): void;
  /** Whether answers can be validated at all, as it was found last. */
  validates(able: boolean): void;
  monoMs(): number;
  now(): Now;
}

interface Known {
  readonly trust: Promise<Trust>;
  untilMs: number;
}

const MAX_KNOWN = 4096;
const MIN_KEEP_SEC = 60;
const MAX_KEEP_SEC = 3600;
/** What failed is looked at again soon. */
const BOGUS_KEEP_SEC = 5;
const MAX_DS = 8;

const INSECURE = { kind: 'insecure' } as const;
const bogus = (ede: number, reason: string): Bogus => ({ kind: 'bogus', ede, reason });

export class Validator {
  readonly #deps: ValidatorDeps;
  readonly #known = new Map<DnsName, Known>();

  constructor(deps: ValidatorDeps) {
    this.#deps = deps;
  }

  /** What an upstream said of one question, step by step to the end of its aliases; `ends`: it must prove what it did not find. */
  async validate(type: number, scrubbed: Scrubbed, ends: boolean): Promise<Validation> {
    const budget = new Budget();
    const denials = await this.#denialOf(scrubbed.authorities, budget);
    if (denials.kind === 'bogus') return denials;
    let kept = denials.ttlCap;
    let isSecure = true;
    let dname: DnsName | undefined;
    for (const set of setsOf(scrubbed.answers)) {
      // Made of the DNAME before it, which was verified.
      const isMade =
        set.type === TYPE.CNAME &&
        set.sigs.length === 0 &&
        dname !== undefined &&
        isWithin(set.owner, dname);
      if (isMade) continue;
      const signed = await this.#verify(set, budget);
      if (signed.kind === 'bogus') return signed;
      if (signed.kind === 'insecure') {
        isSecure = false;
        continue;
      }
      kept = Math.min(kept, signed.ttlCap);
      if (set.type === TYPE.DNAME) dname = set.owner;
      if (signed.wildcard === undefined) continue;
      const proof = denials.of(set.owner)?.noCloser(set.owner, signed.wildcard);
      if (proof === undefined) return bogus(EDE.NSEC_MISSING, 'a wildcard without proof');
      isSecure = isSecure && proof === 'proved';
    }
    if (!scrubbed.found && ends) {
      const nothing = await this.#nothing(scrubbed, type, denials, budget);
      if (nothing.kind === 'bogus') return nothing;
      isSecure = isSecure && nothing.kind === 'secure';
    }
    if (!isSecure) return INSECURE;
    const [signer, ...others] = denials.signers;
    if (!scrubbed.found && ends && signer !== undefined && others.length === 0) {
      this.#deps.learned(signer, scrubbed.authorities, denials.ttlCap);
    }
    return { kind: 'secure', ttlCapSec: kept };
  }

  /** Forgets what it knows, of a name and below it. */
  forget(name: DnsName = ROOT): void {
    for (const known of this.#known.keys()) if (isWithin(known, name)) this.#known.delete(known);
  }

  /** The zone of a name, and its keys when all the way down to it is signed. */
  trustOf(name: DnsName, budget: Budget): Promise<Trust> {
    const nowMs = this.#deps.monoMs();
    const known = this.#known.get(name);
    if (known !== undefined && known.untilMs > nowMs) return known.trust;
    this.#known.delete(name);
    // What one question is refused is not remembered of the zone: others may ask for it.
    if (!budget.zone()) {
      return Promise.resolve(bogus(EDE.BOGUS, 'more zones than are worth asking'));
    }
    const entry: Known = {
      untilMs: Number.POSITIVE_INFINITY,
      trust: this.#find(name, budget).then(({ trust, keepSec }) => {
        const least = trust.kind === 'bogus' ? BOGUS_KEEP_SEC : MIN_KEEP_SEC;
        const most = trust.kind === 'bogus' ? BOGUS_KEEP_SEC : MAX_KEEP_SEC;
        const keepMs = Math.min(most, Math.max(least, keepSec)) * 1000;
        entry.untilMs = this.#deps.monoMs() + keepMs;
        return trust;
      }),
    };
    this.#known.set(name, entry);
    if (this.#known.size > MAX_KNOWN) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    return entry.trust;
  }

  /** With a budget of its own for each zone, since what it finds is for all who ask. */
  async #find(name: DnsName, asking: Budget): Promise<{ trust: Trust; keepSec: number }> {
    if (this.#deps.negativeAnchors.some((zone) => isWithin(name, zone))) {
      return { trust: INSECURE, keepSec: MAX_KEEP_SEC };
    }
    const budget = new Budget();
    if (name === ROOT) return this.#keysOf(ROOT, this.#deps.anchors(), budget, MAX_KEEP_SEC);
    const parent = await this.trustOf(parentOf(name), asking);
    if (parent.kind !== 'secure') return { trust: parent, keepSec: MIN_KEEP_SEC };
    const asked = await this.#ask(name, TYPE.DS);
    if ('kind' in asked) return { trust: asked, keepSec: 0 };
    const sets = setsOf(asked.answers.filter((rr) => rr.name.toLowerCase() === name));
    const ds = sets.find((set) => set.type === TYPE.DS);
    if (ds !== undefined) {
      const signed = this.#verifyBy(ds, parent, budget);
      if (signed.kind !== 'secure') return { trust: signed, keepSec: 0 };
      return this.#keysOf(name, ds.records.map(dsOf), budget, ttlOf(ds));
    }
    const alias = sets.find((set) => set.type === TYPE.CNAME);
    if (alias !== undefined) {
      // Where an alias is, there is no cut.
      const signed = this.#verifyBy(alias, parent, budget);
      const trust = signed.kind === 'secure' ? parent : signed;
      return { trust, keepSec: ttlOf(alias) };
    }
    const denial = this.#denialBy(setsOf(asked.authorities), parent, budget);
    if (denial.kind === 'bogus') return { trust: denial, keepSec: 0 };
    return { trust: noDs(denial.of, name, asked.rcode, parent), keepSec: denial.ttlCap };
  }

  /** The keys of a zone that one of the DS vouches for (RFC 4035 §5.2). */
  async #keysOf(
    zone: DnsName,
    ds: readonly Ds[],
    budget: Budget,
    dsTtl: number,
  ): Promise<{ trust: Trust; keepSec: number }> {
    const { crypto } = this.#deps;
    const able = ds
      .filter((one) => crypto.knowsAlgorithm(one.algorithm) && crypto.knowsDigest(one.digestType))
      .slice(0, MAX_DS);
    // A zone signed in ways that are not known here is as if unsigned (RFC 4035 §5.2).
    if (able.length === 0) return { trust: INSECURE, keepSec: dsTtl };
    const asked = await this.#ask(zone, TYPE.DNSKEY);
    const set =
      'kind' in asked
        ? undefined
        : setsOf(asked.answers).find((one) => one.type === TYPE.DNSKEY && one.owner === zone);
    if (zone === ROOT) {
      const unsigned = set === undefined || set.sigs.length === 0;
      const isLost = 'kind' in asked && asked.unreachable === true;
      const able = !(unsigned && !isLost && this.#deps.takesWhatComes());
      this.#deps.validates(able);
      if (!able) return { trust: INSECURE, keepSec: MIN_KEEP_SEC };
    }
    if ('kind' in asked) return { trust: asked, keepSec: 0 };
    if (set === undefined) {
      return { trust: bogus(EDE.DNSKEY_MISSING, `${zone || '.'} has no keys`), keepSec: 0 };
    }
    const keys = set.records.map(dnskeyOf).filter(isZoneKey);
    const entry = keys.filter((key) => able.some((one) => vouches(crypto, zone, one, key)));
    const signed = verifySet(crypto, set, zone, entry, this.#deps.now(), budget);
    if (!signed.ok) {
      const ede = entry.length === 0 ? EDE.DNSKEY_MISSING : signed.ede;
      return { trust: bogus(ede, `keys of ${zone || '.'}: ${signed.reason}`), keepSec: 0 };
    }
    if (zone === ROOT) this.#deps.rootKeys(set);
    const trust: Trust = { kind: 'secure', zone, keys };
    return { trust, keepSec: Math.min(dsTtl, ttlOf(set), signed.ttlCap) };
  }

  async #ask(name: DnsName, type: number): Promise<DnsMessage | Bogus> {
    const outcome = await this.#deps.ask(name, type);
    if (outcome.ok) return outcome.message;
    const { ede, reason, unreachable } = outcome;
    return { kind: 'bogus', ede, reason, ...(unreachable ? { unreachable } : {}) };
  }

  /** One set by the keys of whoever says that he signed it. */
  async #verify(
    set: RrSet,
    budget: Budget,
  ): Promise<
    | { readonly kind: 'secure'; readonly wildcard: DnsName | undefined; readonly ttlCap: number }
    | { readonly kind: 'insecure' }
    | Bogus
  > {
    // A zone's DS stand in the zone above it.
    const above = set.type === TYPE.DS ? parentOf(set.owner) : set.owner;
    const signer = set.sigs.find((sig) => isWithin(above, sig.signer))?.signer;
    const trust = await this.trustOf(signer ?? above, budget);
    if (trust.kind !== 'secure') return trust;
    if (signer !== undefined && trust.zone === signer) return this.#verifyBy(set, trust, budget);
    // Signed by nobody, or by one that is no zone: then the name must be in an unsigned one.
    const whole = await this.trustOf(above, budget);
    if (whole.kind !== 'secure') return whole;
    const what = `${set.owner || '.'} is not signed`;
    return { kind: 'bogus', ede: EDE.RRSIGS_MISSING, reason: what };
  }

  #verifyBy(set: RrSet, trust: Secure, budget: Budget) {
    const { crypto, now } = this.#deps;
    const signed = verifySet(crypto, set, trust.zone, trust.keys, now(), budget);
    if (signed.ok) {
      return { kind: 'secure', wildcard: signed.wildcard, ttlCap: signed.ttlCap } as const;
    }
    const reason = `${set.owner || '.'}: ${signed.reason}`;
    return { kind: 'bogus', ede: signed.ede, reason } as const;
  }

  /** What the signed part of the authority section proves. It may be of several zones, where aliases lead through them. */
  async #denialOf(authorities: readonly DnsRecord[], budget: Budget): Promise<Denials | Bogus> {
    const denials = new Denials();
    const sets = setsOf(authorities);
    const signers = new Set(sets.flatMap((set) => set.sigs.map(({ signer }) => signer)));
    for (const signer of signers) {
      const trust = await this.trustOf(signer, budget);
      if (trust.kind === 'bogus') return trust;
      // Of a zone that is not signed, nobody need prove anything.
      if (trust.kind === 'insecure' || trust.zone !== signer) continue;
      const mine = sets.filter((set) => set.sigs.some((sig) => sig.signer === signer));
      const denial = this.#denialBy(mine, trust, budget);
      if (denial.kind === 'bogus') return denial;
      denials.add(signer, denial.of, denial.ttlCap);
    }
    return denials;
  }

  #denialBy(
    sets: readonly RrSet[],
    trust: Secure,
    budget: Budget,
  ): { readonly kind: 'proves'; readonly of: Denial; readonly ttlCap: number } | Bogus {
    const nsecs: DnsRecord[] = [];
    const nsec3s: DnsRecord[] = [];
    let ttlCap = MAX_KEEP_SEC;
    for (const set of sets) {
      const isSoa = set.type === TYPE.SOA;
      if (!isSoa && set.type !== TYPE.NSEC && set.type !== TYPE.NSEC3) continue;
      const signed = this.#verifyBy(set, trust, budget);
      if (signed.kind === 'bogus') return signed;
      // One that was made of a wildcard proves nothing of the name that it was made for.
      if (signed.wildcard !== undefined) continue;
      ttlCap = Math.min(ttlCap, signed.ttlCap, ttlOf(set));
      if (!isSoa) (set.type === TYPE.NSEC ? nsecs : nsec3s).push(...set.records);
    }
    const hashed = nsec3s.flatMap((rr) => nsec3Of(rr) ?? []);
    const of =
      nsec3s.length > 0
        ? nsec3Denial(
            hashed.filter(({ zone }) => zone === trust.zone),
            this.#deps.crypto,
            budget,
          )
        : nsecDenial(nsecs.map(nsecOf));
    return { kind: 'proves', of, ttlCap };
  }

  /** That there is no such name or type. */
  async #nothing(
    { rcode, last }: Scrubbed,
    type: number,
    denials: Denials,
    budget: Budget,
  ): Promise<{ readonly kind: 'secure' | 'insecure' } | Bogus> {
    const denial = denials.of(type === TYPE.DS ? parentOf(last) : last);
    const proof: Proof =
      rcode === RCODE.NXDOMAIN ? denial?.noName(last) : denial?.noType(last, type);
    if (proof !== undefined) return { kind: proof === 'proved' ? 'secure' : 'insecure' };
    // Without proof, the name must be in a zone that is not signed.
    const trust = await this.trustOf(type === TYPE.DS ? parentOf(last) : last, budget);
    if (trust.kind !== 'secure') return trust;
    return { kind: 'bogus', ede: EDE.NSEC_MISSING, reason: 'no proof that it is not there' };
  }
}

/** What was proved, by the zones that said so. */
class Denials {
  readonly kind = 'proves';
  readonly #zones: { readonly zone: DnsName; readonly denial: Denial }[] = [];
  ttlCap = Number.POSITIVE_INFINITY;

  add(zone: DnsName, denial: Denial, ttlCap: number): void {
    this.#zones.push({ zone, denial });
    this.ttlCap = Math.min(this.ttlCap, ttlCap);
  }

  get signers(): readonly DnsName[] {
    return this.#zones.map(({ zone }) => zone);
  }

  /** A zone speaks only of names in it; the closest one knows. */
  of(name: DnsName): Denial | undefined {
    return this.#zones
      .filter(({ zone }) => isWithin(name, zone))
      .sort((a, b) => b.zone.length - a.zone.length)[0]?.denial;
  }
}

/** What follows from a DS that is not there. */
function noDs(denial: Denial, name: DnsName, rcode: number, parent: Trust): Trust {
  if (rcode === RCODE.NXDOMAIN) {
    const proof = denial.noName(name);
    if (proof === 'proved') return parent;
    return proof === 'insecure' ? INSECURE : bogus(EDE.NSEC_MISSING, `no proof about ${name}`);
  }
  const proof = denial.noType(name, TYPE.DS);
  if (proof === 'insecure') return INSECURE;
  if (proof === undefined) return bogus(EDE.NSEC_MISSING, `no proof that ${name} is not signed`);
  // A cut without DS leads into an unsigned zone; without NS there is no cut.
  return denial.typesAt(name)?.has(TYPE.NS) === true ? INSECURE : parent;
}

const isZoneKey = ({ flags, rdata }: Dnskey): boolean =>
  (flags & ZONE_KEY) !== 0 && (flags & REVOKED) === 0 && rdata[2] === 3;

function vouches(crypto: DnsCrypto, zone: DnsName, ds: Ds, key: Dnskey): boolean {
  if (ds.keyTag !== key.keyTag || ds.algorithm !== key.algorithm) return false;
  const owner = canonicalName(zone);
  const data = new Uint8Array(owner.length + key.rdata.length);
  data.set(owner);
  data.set(key.rdata, owner.length);
  return compareBytes(crypto.digest(ds.digestType, data), ds.digest) === 0;
}

const ttlOf = (set: RrSet): number => Math.min(...set.records.map(({ ttl }) => ttl));
