/** Peers from npm that bring no types: as much of them as the tests use. */
declare module 'bencode' {
  const bencode: {
    encode(value: unknown): Uint8Array;
    decode(bytes: Uint8Array): unknown;
  };
  export default bencode;
}

declare module 'bittorrent-dht' {
  type Done<T> = (error: Error | null, value?: T) => void;
  export class Client {
    constructor(options?: {
      readonly bootstrap?: false | readonly string[];
      verify?(signature: Uint8Array, message: Uint8Array, key: Uint8Array): boolean;
    });
    listen(port: number, address: string, listening: () => void): void;
    address(): { readonly port: number };
    addNode(node: { readonly host: string; readonly port: number; readonly id: Uint8Array }): void;
    toJSON(): { readonly nodes: readonly unknown[] };
    announce(infoHash: string, port: number, done: Done<unknown>): void;
    lookup(infoHash: string, done: Done<number>): void;
    put(item: { readonly v: Uint8Array }, done: Done<Buffer>): void;
    get(target: string, done: Done<{ readonly v: Uint8Array } | null>): void;
    on(event: 'error', heard: (error: Error) => void): void;
    on(
      event: 'peer',
      heard: (peer: { readonly host: string; readonly port: number }) => void,
    ): void;
    off(
      event: 'peer',
      heard: (peer: { readonly host: string; readonly port: number }) => void,
    ): void;
    destroy(): void;
  }
}
declare module 'bittorrent-protocol' {
  import type { Duplex } from 'node:stream';
  export default class Protocol extends Duplex {
    use(extension: unknown): void;
    handshake(infoHash: string, peerId: string): void;
    destroy(): this;
    readonly ut_metadata: {
      fetch(): void;
      on(event: 'metadata', heard: (torrent: Uint8Array) => void): void;
      on(event: 'warning', heard: (error: Error) => void): void;
    };
  }
}

declare module 'ut_metadata' {
  export default function utMetadata(metadata?: Uint8Array): unknown;
}
