/**
 * `client-AddrMgr.xml` of dibbler-client 1.0.1: what it holds, with the IAIDs and times that it does
 * not tell its hook. Just the elements that it writes are read, not XML at large.
 */
import { type Ipv6, type PrefixLen6, parseIpv6, prefixLen6 } from '../base/ip6.ts';
import { decodeError, ok, type Result } from '../base/result.ts';

export interface AddrMgrIa {
  readonly kind: 'address' | 'prefix';
  readonly iaid: number;
  /** Seconds; Infinity for 0xffffffff. */
  readonly t1Sec: number;
  readonly t2Sec: number;
  /** `CONFIGURED` while its leases are in use. */
  readonly state: string;
  readonly leases: readonly {
    readonly address: Ipv6;
    readonly prefixLen: PrefixLen6;
    readonly preferredSec: number;
    readonly validSec: number;
    /** Unix seconds at which it was given or last extended. */
    readonly timestampSec: number;
  }[];
}

const MAX_CHARS = 256 * 1024;
const MAX_ITEMS = 256;
const INFINITE = 0xffffffff;
/** A start tag with its attributes, an end tag, or the text of a lease: nothing else counts. */
const TOKEN = /<(\/?)(AddrIA|AddrPD|AddrAddr|AddrPrefix)\b([^<>]*)>([^<]*)/g;
const ATTRIBUTE = /([A-Za-z0-9]+)="([^"]*)"/g;

export function decodeAddrMgr(text: string): Result<readonly AddrMgrIa[]> {
  if (text.length > MAX_CHARS) return decodeError('too long', 'AddrMgr', MAX_CHARS);
  if (!text.trimEnd().endsWith('</AddrMgr>')) {
    // It is written in place: half of it may be there.
    return decodeError('not whole', 'AddrMgr', text.length);
  }
  const ias: { -readonly [K in keyof AddrMgrIa]: AddrMgrIa[K] }[] = [];
  let open: (typeof ias)[number] | undefined;
  let items = 0;
  for (const token of text.matchAll(TOKEN)) {
    const [, end, name = '', rest = '', body = ''] = token;
    const at = token.index;
    if (items++ > MAX_ITEMS) return decodeError('too many elements', name, at);
    const isIa = name === 'AddrIA' || name === 'AddrPD';
    if (end === '/') {
      if (isIa) open = undefined;
      continue;
    }
    const values = new Map([...rest.matchAll(ATTRIBUTE)].map(([, k = '', v = '']) => [k, v]));
    const number = (key: string): number | undefined => {
      const value = values.get(key) ?? '';
      return /^\d{1,10}$/.test(value) && Number(value) <= INFINITE ? Number(value) : undefined;
    };
    const seconds = (key: string): number | undefined =>
      number(key) === INFINITE ? Infinity : number(key);
    if (isIa) {
      const [iaid, t1Sec, t2Sec] = [number('IAID'), seconds('T1'), seconds('T2')];
      if (iaid === undefined || t1Sec === undefined || t2Sec === undefined) {
        return decodeError('no IAID, T1 and T2', name, at);
      }
      const kind = name === 'AddrIA' ? 'address' : 'prefix';
      open = { kind, iaid, t1Sec, t2Sec, state: values.get('state') ?? '', leases: [] };
      // An element without content has no end of its own.
      ias.push(open);
      if (rest.endsWith('/')) open = undefined;
      continue;
    }
    const address = parseIpv6(body.trim(), name);
    const prefixLen = prefixLen6(number(name === 'AddrAddr' ? 'prefix' : 'length') ?? -1);
    const [preferredSec, validSec] = [seconds('pref'), seconds('valid')];
    if (!address.ok || prefixLen === undefined || open === undefined) {
      return decodeError('no address with its length inside an IA', name, at);
    }
    if (preferredSec === undefined || validSec === undefined) {
      return decodeError('no lifetimes', name, at);
    }
    open.leases = [
      ...open.leases,
      {
        ...{ address: address.value, prefixLen, preferredSec, validSec },
        timestampSec: number('timestamp') ?? 0,
      },
    ];
  }
  return ok(ias);
}
