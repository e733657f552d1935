/** The native DNS engine as the addon has it (native/dns). Numbers below 0 are `-errno`. */

export interface RawDns {
  /** Records of queries or of the log, valid during a call. */
  readonly input: ArrayBuffer;
  /** Records of answers for `send`. */
  readonly output: ArrayBuffer;
  /** Arguments and results that are no numbers; layouts in `dns-layout.ts`. */
  readonly exchange: ArrayBuffer;
  shutdown(): void;
  listen(address: Uint8Array, port: number, scope: number): number;
  unlisten(id: number): void;
  portOf(id: number): number;
  send(bytes: number): void;
  setPolicy(bytes: Uint8Array): number;
  setLocal(bytes: Uint8Array, count: number): number;
  setCache(staleSec: number, prefetch: 0 | 1): number;
  setLog(on: 0 | 1): number;
  /** '' takes away what is loaded. */
  loadBlocks(path: string): number;
  blockFile(): ArrayBuffer | undefined;
  match(name: Uint8Array): number;
  rules(name: Uint8Array): number;
  ask(wire: Uint8Array, address: Uint8Array, limit: number, nowMs: number): number;
  stats(): number;
  cachePut(name: Uint8Array, wire: Uint8Array, options: Uint8Array): number;
  cacheGet(name: Uint8Array): number;
  cachePass(name: Uint8Array): number;
  /** Empty: everything. */
  cacheFlush(name: Uint8Array): number;
  cacheDump(path: string, nowMs: number, wallMs: number): number;
  cacheLoad(path: string, nowMs: number, wallMs: number): number;
}

export interface RawBlockBuilder {
  add(batch: Uint8Array): number;
  /** Fills names, refused, and the file's size in two words. */
  finish(path: string, note: Uint8Array, figures: Uint32Array): number;
  close(): void;
}

export interface NativeDns {
  createDns(
    cacheBytes: number,
    queueLength: number,
    key: Uint8Array,
    call: (kind: number, count: number, bytes: number) => void,
  ): RawDns | number;
  createBlockBuilder(key: Uint8Array, lists: Uint8Array): RawBlockBuilder | number;
}
