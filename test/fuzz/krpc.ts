import { encodeKrpc, type KrpcMessage, KrpcReader } from '../../src/wire/krpc.ts';

const reader = new KrpcReader();
const id = new Uint8Array(20).fill(1);
const base = { type: 'query', transaction: Uint8Array.of(97, 97), id, readOnly: false } as const;

/** What is accepted says the same when it is written and read again; what is refused is so inside its bytes. */
export const target = {
  name: 'krpc',
  run(bytes: Uint8Array): void {
    const first = reader.read(bytes);
    if (!first.ok) {
      if (first.error.offset > bytes.length) throw new RangeError('offset behind the end');
      return;
    }
    const written = encodeKrpc(first.value);
    const second = reader.read(written);
    if (!second.ok) throw new TypeError(`refused what it wrote: ${second.error.field}`);
    if (!Buffer.from(written).equals(encodeKrpc(second.value))) throw new TypeError('it changed');
  },
  seeds: (): Uint8Array[] =>
    (
      [
        { ...base, query: { method: 'ping' } },
        { ...base, query: { method: 'find_node', target: id, want: ['n4', 'n6'] } },
        {
          ...base,
          query: { method: 'get_peers', infoHash: id, want: [], scrape: true, noSeed: false },
        },
        {
          ...base,
          query: {
            ...{ method: 'announce_peer', infoHash: id, token: id, implied: true, port: 6881 },
            seed: true,
          },
        },
        { ...base, query: { method: 'put', token: id, value: [1, id], signed: undefined } },
        {
          ...{ type: 'response', transaction: base.transaction, id },
          response: { nodes: new Uint8Array(52), values: [new Uint8Array(6)], token: id, seq: 1 },
        },
        { type: 'error', transaction: base.transaction, code: 203, message: id },
      ] satisfies KrpcMessage[]
    ).map(encodeKrpc),
};
