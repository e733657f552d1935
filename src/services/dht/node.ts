/**
 * A DHT node (BEP 5, 32, 33, 42, 43, 44, 46, 51) over an injected clock, random source and network:
 * datagrams come in by `receive` and leave by `send`. It stays under its budget whatever arrives.
 */
import { toHex } from '../../base/bytes.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import type { IpPort } from '../../base/ip-port.ts';
import { formatIp, type IpAddress } from '../../base/ip6.ts';
import type { UdpSocket } from '../../os/ports-udp.ts';
import { isSecureId, readEndpoint, secureId } from '../../wire/dht-id.ts';
import { KrpcReader } from '../../wire/krpc.ts';
import type { AddressPolicy } from './address-policy.ts';
import { Answerer } from './answerer.ts';
import { type Answer, Asker, familyOf, type Outcome } from './asker.ts';
import { Board } from './board.ts';
import { Budget } from './budget.ts';
import type { DhtBudget, DhtCounters, Family, TableObserved } from './config.ts';
import { ID_BYTES, idInBucket } from './distance.ts';
import { ExternalAddress } from './external-address.ts';
import { type ItemCrypto, ItemStore } from './item-store.ts';
import { NodeTable } from './node-table.ts';
import { PeerStore } from './peer-store.ts';
import { readTables, saveTables } from './saved-table.ts';
import { Searcher } from './searcher.ts';
import { Tokens } from './tokens.ts';
import { Verified } from './verified.ts';

export interface DhtCrypto extends ItemCrypto {
  /** Ed25519 (RFC 8032) with a 32-byte seed: public key and 64-byte signature. */
  sign(
    seed: Uint8Array,
    message: Uint8Array,
  ): { readonly key: Uint8Array; readonly signature: Uint8Array };
}

export interface DhtNodeDeps {
  readonly clock: Clock;
  readonly random: (count: number) => Uint8Array;
  readonly crypto: DhtCrypto;
  readonly families: readonly Family[];
  readonly policy: AddressPolicy;
  readonly budget: DhtBudget;
  readonly readOnly: boolean;
  /** False when it could not be queued; `bytes` are copied. */
  readonly send: (bytes: Uint8Array, to: IpPort) => boolean;
}

/** Client and version, as BEP 20 has them in `v`. */
const VERSION = Uint8Array.of(0x47, 0x48, 0, 1);
const TICK_MS = 10_000;
/** BEP 5: a node not heard of, or a bucket without change for so long, is asked. */
const STALE_SEC = 15 * 60;
/** Nodes being asked whether they are there. */
const MAX_CHECKS = 16;
/** Asked at once where nobody waits for the outcome. */
const CALM_ALPHA = 4;
const FIRST_RETRY_TICKS = 1;
const MAX_RETRY_TICKS = 30;

type NodeCounters = Pick<
  DhtCounters,
  | ('packetsIn' | 'packetsOut' | 'bytesIn' | 'bytesOut' | 'queriesAnswered' | 'missedAskers')
  | ('droppedBudget' | 'droppedAddress' | 'droppedSource' | 'malformed' | 'unsent')
>;

interface Join {
  /** When it begins; undefined: it need not. */
  dueTick: number | undefined;
  retryTicks: number;
  going: boolean;
}

const newJoin = (): Join => ({
  dueTick: undefined,
  retryTicks: FIRST_RETRY_TICKS,
  going: false,
});

export class DhtNode {
  readonly tables: Readonly<Partial<Record<Family, NodeTable>>>;
  readonly peers: PeerStore;
  readonly items: ItemStore;
  readonly asker: Asker;
  readonly searcher: Searcher;
  readonly #deps: DhtNodeDeps;
  readonly #reader = new KrpcReader();
  readonly #budget: Budget;
  readonly #answerer: Answerer;
  readonly #external: Readonly<Record<Family, ExternalAddress>>;
  readonly #verified: Verified;
  readonly #board: Board;
  readonly #checking = new Set<string>();
  #bootstrap: readonly IpPort[] = [];
  #tick: Timer | undefined;
  #ticks = 0;
  /** Each family for itself: one that nobody answers must not keep the other one searching. */
  readonly #joins: Readonly<Record<Family, Join>> = { 4: newJoin(), 6: newJoin() };
  readonly #counts = {
    ...{ packetsIn: 0, packetsOut: 0, bytesIn: 0, bytesOut: 0, queriesAnswered: 0 },
    ...{ droppedBudget: 0, droppedAddress: 0, droppedSource: 0, malformed: 0, unsent: 0 },
  };

  constructor(deps: DhtNodeDeps) {
    this.#deps = deps;
    const { clock, random, crypto, policy, families } = deps;
    const salt = random(4).reduce((value, byte) => value * 256 + byte, 0) | 0;
    this.#budget = new Budget(deps.budget, salt);
    const sha1 = (bytes: Uint8Array): Uint8Array => crypto.sha1(bytes);
    this.tables = Object.fromEntries(
      families.map((family) => [
        family,
        new NodeTable(family, random(ID_BYTES), { spread: !policy.isPrivate }),
      ]),
    );
    this.#verified = new Verified(salt);
    this.#board = new Board({
      ...{ budget: this.#budget, salt, verified: this.#verified, version: VERSION },
      ...{ tables: this.tables, policy },
    });
    this.peers = new PeerStore(sha1, random);
    this.items = new ItemStore(crypto);
    this.#external = { 4: new ExternalAddress(), 6: new ExternalAddress() };
    this.#answerer = new Answerer({
      ...{ tables: this.tables, peers: this.peers, items: this.items, policy, version: VERSION },
      tokens: new Tokens(sha1, random, clock.monoMs()),
      verified: (address) => this.#isVerified(address),
    });
    this.asker = new Asker({
      ...{ clock, random, budget: this.#budget, version: VERSION, readOnly: deps.readOnly },
      idOf: (family) => this.tables[family]?.own ?? new Uint8Array(ID_BYTES),
      send: (bytes, to) => this.#send(bytes, to),
      heard: (answer) => this.#heard(answer),
      silent: (to) => this.tables[familyOf(to)]?.failed(to),
    });
    this.searcher = new Searcher({
      ...{ asker: this.asker, tables: this.tables, policy },
      bootstrap: (family) => this.#bootstrap.filter((at) => familyOf(at) === family),
      namedOthers: (nodes) => {
        for (const { id, endpoint } of nodes) this.#check(id, endpoint);
      },
    });
  }

  /** Of JavaScript and of native code together. */
  get counters(): NodeCounters {
    const ours = this.#counts;
    const native = this.#board.counts;
    return {
      packetsIn: ours.packetsIn + native.packetsIn,
      packetsOut: ours.packetsOut + native.packetsOut,
      bytesIn: ours.bytesIn + native.bytesIn,
      bytesOut: ours.bytesOut + native.bytesOut,
      queriesAnswered: ours.queriesAnswered + native.queriesAnswered,
      droppedBudget: ours.droppedBudget + native.droppedBudget,
      droppedAddress: ours.droppedAddress + native.droppedAddress,
      droppedSource: ours.droppedSource + native.droppedSource,
      missedAskers: native.missedAskers,
      ...{ malformed: ours.malformed, unsent: ours.unsent },
    };
  }

  get flows(): number {
    return this.#budget.flows(this.#deps.clock.monoMs());
  }

  /** It talks to the owner's networks alone. */
  get isPrivate(): boolean {
    return this.#deps.policy.isPrivate;
  }

  mayReach(endpoint: IpPort): boolean {
    return this.#deps.policy.allows(endpoint);
  }

  /** Tables of an earlier run: our ids stay, nodes are asked before they are in again. */
  start(bootstrap: readonly IpPort[], saved?: Uint8Array): void {
    const { policy } = this.#deps;
    this.#bootstrap = bootstrap.filter((at) => policy.allows(at));
    const tables = saved === undefined ? undefined : readTables(saved);
    for (const family of [4, 6] as const) {
      const id = tables?.ids[family];
      if (id !== undefined) this.tables[family]?.rename(id);
    }
    const kept = (tables?.nodes ?? []).filter(({ endpoint }) => policy.allows(endpoint));
    this.#bootstrap = [...this.#bootstrap, ...kept.map(({ endpoint }) => endpoint)];
    for (const table of Object.values(this.tables)) this.#join(table);
    this.#arm();
  }

  /** More to begin with: names that were resolved since. */
  addBootstrap(endpoints: readonly IpPort[]): void {
    const { policy } = this.#deps;
    this.#bootstrap = [...endpoints.filter((at) => policy.allows(at)), ...this.#bootstrap].slice(
      0,
      256,
    );
    for (const table of Object.values(this.tables)) if (table.size === 0) this.#join(table);
  }

  save(): Uint8Array {
    return saveTables(this.tables);
  }

  close(): void {
    this.#tick?.cancel();
    this.asker.close();
  }

  /**
   * Lets native code answer what it can of these sockets, all that the node has; `receive` gets the rest.
   * Who only asks answers nothing, so it has nothing to give away.
   */
  attach(sockets: readonly UdpSocket[]): void {
    if (!this.#deps.readOnly) this.#board.attach(sockets);
  }

  /** Somebody asked and was answered without us. */
  asked(): void {
    this.#board.refresh();
    this.#board.takeAskers((id, from) => this.#check(id, from));
  }

  /** One datagram; `bytes` are valid during the call. */
  receive(bytes: Uint8Array, from: IpPort): void {
    const { clock, readOnly } = this.#deps;
    const nowMs = clock.monoMs();
    const counters = this.#counts;
    if (this.#board.attached) this.#board.refresh();
    else if (!this.#mayTake(bytes, from, nowMs)) return;
    const message = this.#reader.read(bytes);
    if (!message.ok) {
      counters.malformed++;
      const { transaction, code, field, message: fault } = message.error;
      if (transaction === undefined || readOnly || !this.#mayAnswer(from, nowMs)) return;
      const limit = this.#answerer.limit(from.address, bytes.length);
      this.#answer(
        this.#answerer.error(transaction, code, `${field}: ${fault}`, limit),
        from,
        nowMs,
      );
      return;
    }
    if (message.value.type !== 'query') {
      this.asker.take(message.value, from);
      return;
    }
    if (readOnly || !this.#mayAnswer(from, nowMs)) return;
    const { id, readOnly: asksOnly } = message.value;
    this.#answer(this.#answerer.answer(message.value, from, bytes.length, nowMs), from, nowMs);
    counters.queriesAnswered++;
    if (!asksOnly) this.#check(id, from);
  }

  /** Whether somebody is there; resolves with undefined when not. */
  ping(to: IpPort): Promise<{ readonly id: Uint8Array; readonly rttMs: number } | undefined> {
    return new Promise((resolve) => {
      if (!this.#deps.policy.allows(to)) return resolve(undefined);
      this.asker.ask(to, { method: 'ping' }, {
        answered: ({ id, rttMs }) => resolve({ id: id.slice(), rttMs }),
        lost: () => resolve(undefined),
      } satisfies Outcome);
    });
  }

  observedTables(): readonly TableObserved[] {
    return Object.values(this.tables).map((table) => {
      const external = this.#external[table.family].address;
      return {
        ...{ family: table.family, id: toHex(table.own), nodes: table.size },
        ...{ spares: table.spares, buckets: table.buckets },
        externalAddress: external === undefined ? undefined : formatIp(external),
        rttMs: Math.round(this.asker.roundTrip(table.family).ms),
      };
    });
  }

  #mayTake(bytes: Uint8Array, from: IpPort, nowMs: number): boolean {
    const counters = this.#counts;
    counters.packetsIn++;
    counters.bytesIn += bytes.length;
    if (!this.#budget.mayReceive(from, bytes.length, nowMs)) {
      counters.droppedBudget++;
      return false;
    }
    const allowed = this.#deps.policy.allows(from);
    if (!allowed) counters.droppedAddress++;
    return allowed;
  }

  #mayAnswer(from: IpPort, nowMs: number): boolean {
    const may = this.#budget.mayAnswer(from.address, nowMs);
    if (!may) this.#counts.droppedSource++;
    return may;
  }

  #answer(bytes: Uint8Array | undefined, to: IpPort, nowMs: number): void {
    if (bytes === undefined) return;
    if (this.#budget.maySend(to, bytes.length, false, nowMs)) this.#send(bytes, to);
    else this.#counts.droppedBudget++;
  }

  #send(bytes: Uint8Array, to: IpPort): boolean {
    const sent = this.#deps.send(bytes, to);
    if (!sent) {
      this.#counts.unsent++;
      return false;
    }
    this.#counts.packetsOut++;
    this.#counts.bytesOut += bytes.length;
    return true;
  }

  #isVerified(address: IpAddress): boolean {
    return this.#verified.has(address, this.#deps.clock.monoMs());
  }

  /** An answer with our transaction from the address that we asked: it is there. */
  #heard({ id, from, rttMs, ip }: Answer): void {
    const nowMs = this.#deps.clock.monoMs();
    this.#verified.add(from.address, nowMs);
    const family = familyOf(from);
    const table = this.tables[family];
    if (table === undefined) return;
    const seen = ip === undefined ? undefined : readEndpoint(ip)?.address;
    if (seen !== undefined && typeof seen === typeof from.address)
      this.#seenAs(family, seen, from.address);
    table.answered(id, from, Math.round(rttMs), Math.floor(nowMs / 1000));
  }

  /** BEP 42: once enough agree on our address, the id is one for it. */
  #seenAs(family: Family, seen: IpAddress, by: IpAddress): void {
    const agreed = this.#external[family].vote(seen, by);
    const table = this.tables[family];
    if (agreed === undefined || table === undefined || isSecureId(table.own, agreed)) return;
    table.rename(secureId(agreed, this.#deps.random(ID_BYTES)));
    this.#joins[family].dueTick = this.#ticks + 1;
  }

  /** Whoever asks us may be worth a place, once it answers. */
  #check(id: Uint8Array, endpoint: IpPort): void {
    const table = this.tables[familyOf(endpoint)];
    if (table === undefined || this.#checking.size >= MAX_CHECKS) return;
    const key = `${endpoint.address}:${endpoint.port}`;
    if (this.#checking.has(key) || !table.wants(id, endpoint)) return;
    this.#checking.add(key);
    const done = (): void => void this.#checking.delete(key);
    this.asker.ask(endpoint, { method: 'ping' }, { answered: done, lost: done, refused: done });
  }

  #arm(): void {
    this.#tick = this.#deps.clock.after(TICK_MS, () => {
      this.#maintain();
      this.#arm();
    });
  }

  /** One questionable node and one stale bucket a tick and family; joining again while a table is empty. */
  #maintain(): void {
    this.#ticks++;
    this.asked();
    const nowMs = this.#deps.clock.monoMs();
    const nowSec = Math.floor(nowMs / 1000);
    this.peers.tidy(nowMs);
    this.items.tidy(nowMs);
    for (const table of Object.values(this.tables)) {
      const join = this.#joins[table.family];
      if (table.size === 0) join.dueTick ??= this.#ticks + join.retryTicks;
      const node = table.questionable(nowSec - STALE_SEC);
      if (node !== undefined) void this.ping(node.endpoint);
      if (table.size > 0 && this.searcher.running === 0) this.#refresh(table, nowSec);
      if (join.dueTick !== undefined && this.#ticks >= join.dueTick) this.#join(table);
    }
  }

  #refresh(table: NodeTable, nowSec: number): void {
    for (let bucket = 0; bucket <= table.depth; bucket++) {
      if (table.changedSec(bucket) > nowSec - STALE_SEC) continue;
      table.touch(bucket, nowSec);
      void this.#find(table.family, idInBucket(table.own, bucket, this.#deps.random(ID_BYTES)));
      return;
    }
  }

  /** Looks for ourselves, which fills the buckets around us, then for every bucket before them. */
  #join(table: NodeTable): void {
    const join = this.#joins[table.family];
    join.dueTick = undefined;
    if (join.going) return;
    join.going = true;
    void this.#find(table.family, table.own.slice()).then(async () => {
      const nowSec = Math.floor(this.#deps.clock.monoMs() / 1000);
      for (let bucket = 0; bucket < table.depth; bucket++) {
        table.touch(bucket, nowSec);
        const target = idInBucket(table.own, bucket, this.#deps.random(ID_BYTES));
        await this.#find(table.family, target);
      }
      join.going = false;
      join.retryTicks =
        table.size > 0 ? FIRST_RETRY_TICKS : Math.min(MAX_RETRY_TICKS, join.retryTicks * 2);
    });
  }

  #find(family: Family, target: Uint8Array): Promise<unknown> {
    return this.searcher.search({
      ...{ family, target, alpha: CALM_ALPHA },
      query: (want) => ({ method: 'find_node', target, want }),
    });
  }
}
