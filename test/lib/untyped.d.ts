/** Peers from npm that bring no types: as much of them as the tests use. */
declare module 'bencode' {
  const bencode: {
    encode(value: unknown): Uint8Array;
    decode(bytes: Uint8Array): unknown;
  };
  export default bencode;
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
