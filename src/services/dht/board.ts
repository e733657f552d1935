/**
 * What native code answers the common queries out of, so that JavaScript need not be called for them: the
 * memory of budget, tables and verified addresses, shared, so that nothing is spent or counted twice.
 */
import { ipv4 } from '../../base/ip.ts';
import type { IpPort } from '../../base/ip-port.ts';
import { getIpv6, putIpv6 } from '../../base/ip6.ts';
import type { DhtAnswering, DhtBoard, UdpSocket } from '../../os/ports-udp.ts';
import type { AddressPolicy, AddressRules } from './address-policy.ts';
import type { Budget } from './budget.ts';
import type { Family, IpPrefix } from './config.ts';
import { ID_BYTES } from './distance.ts';
import type { NodeTable } from './node-table.ts';
import type { Verified } from './verified.ts';

/** In the order of native/dht/board.h. */
const COUNTED = [
  ...(['packetsIn', 'packetsOut', 'bytesIn', 'bytesOut', 'queriesAnswered'] as const),
  ...(['droppedBudget', 'droppedAddress', 'droppedSource', 'missedAskers'] as const),
];
type Counts = Record<(typeof COUNTED)[number], number>;

/** Who asked: how many there are in 4 bytes, then rows of id, port, family and address. */
const MAX_ASKERS = 64;
const ASKERS_HEAD_BYTES = 4;
const ASKER_BYTES = ID_BYTES + 4 + 4 + 16;
/** A prefix: 1 to deny, the family, the length, and the address in four words. */
const PREFIX_WORDS = 7;

export interface BoardParts {
  readonly budget: Budget;
  readonly salt: number;
  readonly verified: Verified;
  readonly version: Uint8Array;
  readonly tables: Readonly<Partial<Record<Family, NodeTable>>>;
  readonly policy: AddressPolicy;
}

export class Board {
  readonly #parts: BoardParts;
  readonly #counts = new Float64Array(COUNTED.length);
  readonly #askers = new Uint8Array(ASKERS_HEAD_BYTES + MAX_ASKERS * ASKER_BYTES);
  readonly #askersView = new DataView(this.#askers.buffer);
  #answering: readonly DhtAnswering[] = [];
  #rules: AddressRules | undefined;

  constructor(parts: BoardParts) {
    this.#parts = parts;
  }

  /** Since then each datagram of these sockets has been paid for and its sender looked at before it is handed over. */
  get attached(): boolean {
    return this.#answering.length > 0;
  }

  /** What native code counted. */
  get counts(): Counts {
    const counts: Partial<Counts> = {};
    for (const [i, name] of COUNTED.entries()) counts[name] = this.#counts[i] ?? 0;
    return counts as Counts;
  }

  /** All of a node's sockets: what is paid for here is not paid for again. */
  attach(sockets: readonly UdpSocket[]): void {
    const { budget, salt, verified, version, tables } = this.#parts;
    const { address, network } = budget;
    const rules = Uint32Array.of(salt, address.limit, network.limit, 0);
    new Uint8Array(rules.buffer).set(version, 3 * 4);
    const board: DhtBoard = {
      ...{ rules, budget: budget.memory, perAddress: address.memory, perNetwork: network.memory },
      ...{ verified: verified.memory, counts: this.#counts, askers: this.#askers },
    };
    this.#answering = sockets.map((socket) => socket.answerDht(board));
    for (const table of Object.values(tables)) {
      const tell = (): void => {
        for (const answering of this.#answering) answering.table(table.family, table.memory);
      };
      tell();
      table.share(tell);
    }
    this.refresh();
  }

  /** Our own networks may be others now: to be called whenever there is something to do. */
  refresh(): void {
    const { rules } = this.#parts.policy;
    if (rules === this.#rules || !this.attached) return;
    this.#rules = rules;
    const rows = rowsOf(rules);
    for (const answering of this.#answering) answering.policy(rows);
  }

  /** Those who asked since, and may be worth a place in a table; `id` is valid during the call. */
  takeAskers(each: (id: Uint8Array, from: IpPort) => void): void {
    const view = this.#askersView;
    const count = Math.min(MAX_ASKERS, view.getUint32(0, true));
    for (let i = 0; i < count; i++) {
      const at = ASKERS_HEAD_BYTES + i * ASKER_BYTES;
      const rest = at + ID_BYTES;
      const v6 = view.getUint32(rest + 4, true) === 6;
      const address = v6 ? getIpv6(view, rest + 8) : ipv4(view.getUint32(rest + 8, true));
      each(this.#askers.subarray(at, rest), { address, port: view.getUint32(rest, true) });
    }
    view.setUint32(0, 0);
  }
}

function rowsOf({ allow, deny }: AddressRules): Uint32Array {
  const rows = new Uint32Array((allow.length + deny.length) * PREFIX_WORDS);
  const view = new DataView(new ArrayBuffer(16));
  const put = ({ address, prefixLen }: IpPrefix, i: number, denied: number): void => {
    const v6 = typeof address === 'bigint';
    if (v6) putIpv6(view, 0, address);
    const words = v6 ? [0, 4, 8, 12].map((at) => view.getUint32(at)) : [address];
    rows.set([denied, v6 ? 6 : 4, prefixLen, ...words], i * PREFIX_WORDS);
  };
  for (const [i, prefix] of allow.entries()) put(prefix, i, 0);
  for (const [i, prefix] of deny.entries()) put(prefix, allow.length + i, 1);
  return rows;
}
