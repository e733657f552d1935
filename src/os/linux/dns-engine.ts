/** The native DNS engine: its thread answers what it may, and hands the rest to JavaScript in batches. */
import { randomBytes } from 'node:crypto';
import type { SystemError } from '../../base/errors.ts';
import { BugError } from '../../base/errors.ts';
import { formatIp, type IpAddress } from '../../base/ip6.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type {
  BlockFile,
  BlockMatch,
  BlockRules,
  DnsCache,
  DnsEngine,
  DnsEngines,
  EngineAnswer,
  EngineHandlers,
  EngineLocal,
  EnginePeer,
  EnginePolicy,
  EngineStats,
} from '../ports-dns.ts';
import { EngineCache } from './dns-cache.ts';
import {
  addressBytes,
  BY,
  encodeLocal,
  encodePolicy,
  entryOf,
  putAddress,
  REASONS,
  readBlockFile,
  readLog,
  readQueries,
  readRules,
  readStats,
} from './dns-layout.ts';
import type { NativeDns, RawDns } from './dns-native.ts';
import { systemError } from './errno.ts';

const LE = true;
const QUERIES_CALL = 1;
const ANSWER_HEADER = 32;
const DATA = 64;
const VERDICTS = ['none', 'allow', 'block'] as const;
const OUTCOMES = ['answer', 'miss', 'drop'] as const;

class Engine implements DnsEngine {
  readonly cache: DnsCache;
  readonly #raw: RawDns;
  readonly #exchange: DataView;
  readonly #output: Uint8Array;
  readonly #outputView: DataView;
  #queued = 0;
  #closed = false;

  constructor(raw: RawDns) {
    this.#raw = raw;
    this.cache = new EngineCache(raw);
    this.#exchange = new DataView(raw.exchange);
    this.#output = new Uint8Array(raw.output);
    this.#outputView = new DataView(raw.output);
  }

  listen(address: IpAddress, port: number, scopeId = 0): Result<number, SystemError> {
    const id = this.#raw.listen(addressBytes(address), port, scopeId);
    return id < 0 ? err(systemError(`listen on ${formatIp(address)}, port ${port}`, id)) : ok(id);
  }

  portOf(listener: number): number {
    return this.#raw.portOf(listener);
  }

  unlisten(listener: number): void {
    this.flush();
    this.#raw.unlisten(listener);
  }

  answer(peer: EnginePeer, wire: Uint8Array): void {
    const size = ANSWER_HEADER + ((wire.length + 7) & ~7);
    if (wire.length > 0xffff) throw new BugError(`an answer of ${wire.length} bytes`);
    if (this.#queued + size > this.#output.length) this.flush();
    const at = this.#queued;
    const view = this.#outputView;
    view.setUint32(at, peer.listener, LE);
    view.setUint16(at + 4, peer.port, LE);
    view.setUint16(at + 6, wire.length, LE);
    view.setUint32(at + 8, peer.scopeId, LE);
    putAddress(view, at + 16, peer.client);
    this.#output.set(wire, at + ANSWER_HEADER);
    this.#queued = at + size;
  }

  flush(): void {
    if (this.#queued === 0) return;
    this.#raw.send(this.#queued);
    this.#queued = 0;
  }

  setPolicy(policy: EnginePolicy): void {
    const code = this.#raw.setPolicy(encodePolicy(policy));
    if (code < 0) throw new BugError(`the engine refuses policy ${policy.generation}: ${code}`);
  }

  setLocal(entries: readonly EngineLocal[]): boolean {
    const bytes = encodeLocal(entries);
    return bytes !== undefined && this.#raw.setLocal(bytes, entries.length) === 0;
  }

  setCache(options: { readonly staleSec: number; readonly prefetch: boolean }): void {
    this.#raw.setCache(options.staleSec, options.prefetch ? 1 : 0);
  }

  setLog(on: boolean): void {
    this.#raw.setLog(on ? 1 : 0);
  }

  loadBlocks(path: string | undefined): Result<BlockFile | undefined, SystemError> {
    if (path === '') throw new BugError('a compiled file without a name');
    const code = this.#raw.loadBlocks(path ?? '');
    if (code < 0) return err(systemError(`load the compiled lists ${path}`, code));
    const buffer = this.#raw.blockFile();
    return ok(buffer === undefined ? undefined : readBlockFile(buffer));
  }

  match(name: Uint8Array, listMask: bigint): BlockMatch {
    const view = this.#exchange;
    view.setBigUint64(0, listMask, LE);
    const code = this.#raw.match(name);
    if (code < 0) throw new BugError(`match of ${Buffer.from(name).toString('hex')}: ${code}`);
    const verdict = entryOf(VERDICTS, view.getUint8(0));
    const some = verdict !== 'none';
    return {
      verdict,
      important: view.getUint8(1) === 1,
      list: some ? view.getUint8(2) : undefined,
      at: some ? view.getUint8(3) : undefined,
      complex: view.getBigUint64(8, LE),
    };
  }

  rules(name: Uint8Array): readonly BlockRules[] {
    const count = this.#raw.rules(name);
    if (count < 0) throw new BugError(`rules of ${Buffer.from(name).toString('hex')}: ${count}`);
    return readRules(this.#exchange, count);
  }

  ask(wire: Uint8Array, client: IpAddress, limitBytes: number, nowMs: number): EngineAnswer {
    const code = this.#raw.ask(wire, addressBytes(client), limitBytes, nowMs);
    if (code < 0) return { kind: 'drop' };
    const view = this.#exchange;
    const kind = entryOf(OUTCOMES, view.getUint8(0));
    switch (kind) {
      case 'answer':
        return {
          kind,
          by: entryOf(BY, view.getUint8(2)),
          wire: new Uint8Array(view.buffer.slice(DATA, DATA + view.getUint32(8, LE))),
          prefetch: view.getUint8(4) === 1,
        };
      case 'miss':
        return {
          kind,
          reason: entryOf(REASONS, view.getUint8(1)),
          group: view.getUint8(3),
        };
      default:
        return { kind };
    }
  }

  stats(): EngineStats {
    this.#raw.stats();
    return readStats(this.#exchange);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.flush();
    this.#raw.shutdown();
  }
}

export class NativeDnsEngines implements DnsEngines {
  readonly #native: NativeDns;

  constructor(native: NativeDns) {
    this.#native = native;
  }

  open(
    options: { readonly cacheBytes: number; readonly queueLength: number },
    handlers: EngineHandlers,
  ): Result<DnsEngine, SystemError> {
    const raw = this.#native.createDns(
      options.cacheBytes,
      options.queueLength,
      randomBytes(16),
      (kind, count) => {
        if (kind === QUERIES_CALL) handlers.queries(readQueries(input, count));
        else handlers.log(readLog(input, count));
      },
    );
    if (typeof raw === 'number') return err(systemError('start the DNS engine', raw));
    const input = new DataView(raw.input);
    return ok(new Engine(raw));
  }
}
