/**
 * Trust anchors of the root that follow its key rolls by themselves (RFC 5011). Pure: keys that were
 * seen with their times go in, what is trusted comes out.
 */
import { err, ok, type Result } from '../../../base/result.ts';
import type { DnsCrypto } from '../../../os/ports-dns-transport.ts';
import { compareBytes } from '../../../wire/dns-name.ts';
import { fromBase64, parseRdata, toBase64 } from '../../../wire/dns-rdata-text.ts';
import { TYPE } from '../../../wire/dns-registry.ts';
import type { AnchorObserved } from '../config.ts';
import { type Dnskey, type Ds, dnskeyOf, dsOf, REVOKED, SEP, ZONE_KEY } from './records.ts';

/** A new key is trusted after it was seen for so long, signed by one that is (§2.4.1). */
export const HOLD_DOWN_SEC = 30 * 86_400;
/** A revoked one is forgotten after so long (§2.4.2). */
const REMOVE_SEC = 30 * 86_400;
const MAX_KEYS = 16;

export interface AnchorKey {
  /** RDATA of the DNSKEY without the REVOKE bit. */
  readonly rdata: Uint8Array;
  readonly state: 'addPending' | 'valid' | 'missing' | 'revoked';
  /** Unix seconds of the change to this state. */
  readonly sinceSec: number;
}

/**
 * One look at the root's keys, whose set was verified by a key that is trusted. `revokedBySelf` are
 * those with the REVOKE bit that signed the set themselves. The table of RFC 5011 §4.2.
 */
export function step(
  known: readonly AnchorKey[],
  seen: readonly Dnskey[],
  revokedBySelf: readonly Dnskey[],
  isConfigured: (key: Dnskey) => boolean,
  nowSec: number,
): readonly AnchorKey[] {
  const next: AnchorKey[] = [];
  const secure = seen.filter(
    ({ flags }) => (flags & SEP) !== 0 && (flags & ZONE_KEY) !== 0 && (flags & REVOKED) === 0,
  );
  const has = (keys: readonly Dnskey[], rdata: Uint8Array): boolean =>
    keys.some((key) => compareBytes(plain(key.rdata), rdata) === 0);
  for (const key of known) {
    const to = (state: AnchorKey['state']): void => {
      next.push(state === key.state ? key : { ...key, state, sinceSec: nowSec });
    };
    const isSeen = has(secure, key.rdata);
    const agedSec = nowSec - key.sinceSec;
    if (key.state !== 'revoked' && has(revokedBySelf, key.rdata)) {
      // One that was never trusted is no loss (§4.2: from AddPend to Start).
      if (key.state !== 'addPending') to('revoked');
      continue;
    }
    switch (key.state) {
      case 'addPending':
        if (isSeen) to(agedSec >= HOLD_DOWN_SEC ? 'valid' : 'addPending');
        break;
      case 'valid':
        to(isSeen ? 'valid' : 'missing');
        break;
      case 'missing':
        to(isSeen ? 'valid' : 'missing');
        break;
      case 'revoked':
        if (agedSec < REMOVE_SEC) to('revoked');
        break;
    }
  }
  for (const key of secure) {
    if (
      next.length >= MAX_KEYS ||
      known.some(({ rdata }) => compareBytes(rdata, key.rdata) === 0)
    ) {
      continue;
    }
    // What the owner configured needs no time.
    const state = isConfigured(key) ? 'valid' : 'addPending';
    next.push({ rdata: key.rdata, state, sinceSec: nowSec });
  }
  return next;
}

/** Without the REVOKE bit. */
function plain(rdata: Uint8Array): Uint8Array {
  const copy = rdata.slice();
  copy[1] = (copy[1] ?? 0) & ~REVOKED;
  return copy;
}

/** DS records as text: `20326 8 2 E06D…`. */
export const parseAnchors = (texts: readonly string[]): readonly Ds[] =>
  texts.flatMap((text) => {
    const rdata = parseRdata(TYPE.DS, text);
    return rdata.ok ? [dsOf({ rdata: rdata.value })] : [];
  });

const SHA256 = 2;

/** The DS of a key of the root. */
export function dsOfKey(crypto: DnsCrypto, key: Dnskey): Ds {
  const data = new Uint8Array(1 + key.rdata.length);
  data.set(key.rdata, 1);
  const digest = crypto.digest(SHA256, data);
  return { keyTag: key.keyTag, algorithm: key.algorithm, digestType: SHA256, digest };
}

/**
 * What is trusted: keys that are valid or missing, and of the configured ones those that were not
 * revoked meanwhile.
 */
export function trusted(
  crypto: DnsCrypto,
  configured: readonly Ds[],
  known: readonly AnchorKey[],
): readonly Ds[] {
  const dsOfState = (...states: AnchorKey['state'][]): Ds[] =>
    known
      .filter(({ state }) => states.includes(state))
      .map(({ rdata }) => dsOfKey(crypto, dnskeyOf({ rdata })));
  const revoked = dsOfState('revoked');
  const learned = dsOfState('valid', 'missing');
  const alive = configured.filter((ds) => !revoked.some((one) => isSame(one, ds)));
  return [...alive, ...learned.filter((ds) => !alive.some((one) => isSame(one, ds)))];
}

const isSame = (a: Ds, b: Ds): boolean =>
  a.keyTag === b.keyTag && a.algorithm === b.algorithm && compareBytes(a.digest, b.digest) === 0;

export function observedAnchors(
  configured: readonly Ds[],
  known: readonly AnchorKey[],
): readonly AnchorObserved[] {
  const learned = known.map(({ rdata, state }): AnchorObserved => {
    const { keyTag, algorithm } = dnskeyOf({ rdata });
    return { keyTag, algorithm, state };
  });
  const others = configured
    .filter(({ keyTag }) => !learned.some((one) => one.keyTag === keyTag))
    .map(({ keyTag, algorithm }): AnchorObserved => ({ keyTag, algorithm, state: 'configured' }));
  return [...learned, ...others];
}

// ---- kept over a restart ---------------------------------------------------------------------

const STATES: readonly string[] = ['addPending', 'valid', 'missing', 'revoked'];
const HEAD = '# keys of the root zone by RFC 5011: state, since (Unix seconds), DNSKEY';

/** `configured`: the anchors that they were learned by. */
export const encodeAnchors = (keys: readonly AnchorKey[], configured: readonly string[]): string =>
  [
    HEAD,
    ...configured.map((text) => `by ${text}`),
    ...keys.map(({ state, sinceSec, rdata }) => `${state} ${sinceSec} ${toBase64(rdata)}`),
    '',
  ].join('\n');

/** Refuses the whole where a line is none. */
export function decodeAnchors(
  text: string,
): Result<{ readonly keys: readonly AnchorKey[]; readonly configured: readonly string[] }, string> {
  const keys: AnchorKey[] = [];
  const configured: string[] = [];
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    if (line.startsWith('by ')) {
      configured.push(line.slice(3));
      continue;
    }
    const [state = '', since = '', key = '', ...rest] = line.split(' ');
    const rdata = fromBase64(key);
    const fits = STATES.includes(state) && /^\d{1,12}$/.test(since) && rest.length === 0;
    if (!fits || rdata === undefined || rdata.length < 5 || keys.length >= MAX_KEYS) {
      return err(`not a key of the root: ${JSON.stringify(line.slice(0, 40))}`);
    }
    keys.push({ rdata, state: state as AnchorKey['state'], sinceSec: Number(since) });
  }
  return ok({ keys, configured });
}
