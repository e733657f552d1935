/** The face of the native engine's cache. */
import type { SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { DnsCache, DnsCacheEntry, DnsCacheKey, DnsCacheMeta } from '../ports-dns.ts';
import type { RawDns } from './dns-native.ts';
import { systemError } from './errno.ts';

const LE = true;
const DATA = 64;
const NOTHING = new Uint8Array(0);
const MAX_TTL_SEC = 0x7fffffff;

export class EngineCache implements DnsCache {
  readonly #raw: RawDns;
  readonly #exchange: DataView;

  constructor(raw: RawDns) {
    this.#raw = raw;
    this.#exchange = new DataView(raw.exchange);
  }

  put(key: DnsCacheKey, wire: Uint8Array, meta: DnsCacheMeta, nowMs: number): boolean {
    const view = this.#key(key, nowMs);
    view.setBigUint64(0, meta.passMask, LE);
    view.setUint32(16, Math.min(meta.ttlSec, MAX_TTL_SEC), LE);
    view.setUint32(20, meta.generation, LE);
    return this.#raw.cachePut(key.name, wire, meta.options ?? NOTHING) === 1;
  }

  get(key: DnsCacheKey, nowMs: number): DnsCacheEntry | undefined {
    const view = this.#key(key, nowMs);
    if (this.#raw.cacheGet(key.name) !== 1) return undefined;
    const wireEnd = DATA + view.getUint32(20, LE);
    return {
      wire: new Uint8Array(view.buffer.slice(DATA, wireEnd)),
      options: new Uint8Array(view.buffer.slice(wireEnd, wireEnd + view.getUint32(24, LE))),
      passMask: view.getBigUint64(0, LE),
      ageSec: view.getUint32(8, LE),
      ttlSec: view.getUint32(12, LE),
      generation: view.getUint32(16, LE),
    };
  }

  pass(key: DnsCacheKey, passMask: bigint, generation: number): boolean {
    const view = this.#key(key, 0);
    view.setBigUint64(0, passMask, LE);
    view.setUint32(20, generation, LE);
    return this.#raw.cachePass(key.name) === 1;
  }

  flush(name: Uint8Array = NOTHING): number {
    return Math.max(0, this.#raw.cacheFlush(name));
  }

  dump(path: string, nowMs: number, wallMs: number): Result<number, SystemError> {
    const count = this.#raw.cacheDump(path, nowMs, wallMs);
    return count < 0 ? err(systemError(`write the DNS cache to ${path}`, count)) : ok(count);
  }

  load(path: string, nowMs: number, wallMs: number): Result<number, SystemError> {
    const count = this.#raw.cacheLoad(path, nowMs, wallMs);
    return count < 0 ? err(systemError(`read the DNS cache from ${path}`, count)) : ok(count);
  }

  #key(key: DnsCacheKey, nowMs: number): DataView {
    const view = this.#exchange;
    view.setFloat64(8, nowMs, LE);
    view.setUint16(24, key.type, LE);
    view.setUint8(26, (key.dnssecOk ? 1 : 0) + (key.checkingDisabled ? 2 : 0));
    return view;
  }
}
