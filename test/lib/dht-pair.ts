/**
 * Two DHT nodes that are alike in everything, id and chance included, but that for one of them native code
 * answers what it can: whatever is fed to both, both must say and count the same.
 */
import { ipv4 } from '../../src/base/ip.ts';
import { formatIpPort, type IpPort } from '../../src/base/ip-port.ts';
import { ANY6, putIpv6 } from '../../src/base/ip6.ts';
import { loadNative, Reactor, type Sink } from '../../src/os/linux/native.ts';
import { LinuxUdpSockets } from '../../src/os/linux/udp.ts';
import { AddressPolicy } from '../../src/services/dht/address-policy.ts';
import type { DhtBudget, Family, IpPrefix } from '../../src/services/dht/config.ts';
import { DhtNode } from '../../src/services/dht/node.ts';
import { encodeKrpc, KrpcReader } from '../../src/wire/krpc.ts';
import { FakeClock } from './clock.ts';
import { crypto, randomOf } from './swarm.ts';

const HAND_OVER = 1;
const ROOM_BYTES = 704;

/** Knows the ids of what it owns. */
class OpenReactor extends Reactor {
  readonly ids: number[] = [];

  override attach(id: number, sink: Sink): void {
    this.ids.push(id);
    super.attach(id, sink);
  }
}

interface Sent {
  readonly bytes: string;
  readonly to: string;
}

export interface PairOptions {
  readonly budget?: Partial<DhtBudget>;
  readonly families?: readonly Family[];
  readonly privateNetworks?: readonly IpPrefix[];
  readonly seed?: number;
}

const BUDGET: DhtBudget = {
  ...{ packetsInPerSec: 1e6, packetsOutPerSec: 1e6, bytesInPerSec: 1e9, bytesOutPerSec: 1e9 },
  ...{ perSourcePerSec: 0, flows: 1e6 },
};

export class DhtPair implements AsyncDisposable {
  readonly clock = new FakeClock();
  /** Answers in JavaScript alone, and natively. */
  readonly plain: DhtNode;
  readonly native: DhtNode;
  /** Prefixes of our own, which may change. */
  own: readonly IpPrefix[] = [];
  /** Of what was fed: what native code answered, dropped, and handed over. */
  readonly fates = { answered: 0, done: 0, handedOver: 0 };
  readonly #said: readonly [plain: Sent[], native: Sent[]] = [[], []];
  readonly #reactor = new OpenReactor(loadNative());
  readonly #ids: Readonly<Partial<Record<Family, number>>>;
  readonly #head = new Uint8Array(20);
  readonly #out = new Uint8Array(ROOM_BYTES);

  constructor(options: PairOptions = {}) {
    const { clock } = this;
    const families = options.families ?? [4, 6];
    const make = (said: Sent[]): DhtNode =>
      new DhtNode({
        ...{ clock, crypto, families, readOnly: false, random: randomOf(options.seed ?? 7) },
        policy: new AddressPolicy(options.privateNetworks ?? [], () => this.own),
        budget: { ...BUDGET, ...options.budget },
        send: (bytes, to) => {
          said.push({ bytes: Buffer.from(bytes).toString('latin1'), to: formatIpPort(to) });
          return true;
        },
      });
    [this.plain, this.native] = [make(this.#said[0]), make(this.#said[1])];
    const sockets = families.map((family) => {
      const address = family === 4 ? ipv4(0x7f000001) : ANY6;
      const opened = new LinuxUdpSockets(this.#reactor).open(
        { address, port: 0 },
        { datagram: () => {} },
      );
      if (!opened.ok) throw opened.error;
      return opened.value;
    });
    this.native.attach(sockets);
    this.#ids = Object.fromEntries(families.map((family, i) => [family, this.#reactor.ids[i]]));
  }

  /** What both said to one datagram. */
  feed(bytes: Uint8Array, from: IpPort): { readonly plain: unknown; readonly native: unknown } {
    this.plain.receive(bytes, from);
    const fate = this.#take(bytes, from);
    this.fates[fate === HAND_OVER ? 'handedOver' : fate > 0 ? 'answered' : 'done']++;
    this.native.asked();
    return this.said();
  }

  /** What was said since, and all that was counted. */
  said(): { readonly plain: unknown; readonly native: unknown } {
    const [plain, native] = this.#said.map((said) => said.splice(0));
    return {
      plain: { said: plain, counters: this.plain.counters },
      native: { said: native, counters: this.native.counters },
    };
  }

  both(change: (node: DhtNode) => void): void {
    change(this.plain);
    change(this.native);
  }

  /** Somebody whom both asked and who answered: the address is verified, the node in the table. */
  meet(id: Uint8Array, at: IpPort): void {
    const reader = new KrpcReader();
    for (const [i, node] of [this.plain, this.native].entries()) {
      const said = this.#said[i] ?? [];
      said.length = 0;
      void node.ping(at);
      // Nobody is asked whom one does not talk with, or while the budget is used up.
      const asked = reader.read(Buffer.from(said[0]?.bytes ?? '', 'latin1'));
      if (!asked.ok) continue;
      const { transaction } = asked.value;
      const answer = encodeKrpc({ type: 'response', transaction, id, response: {} });
      if (node === this.plain) node.receive(answer, at);
      else this.#take(answer, at);
    }
    this.said();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.both((node) => node.close());
    await this.#reactor[Symbol.asyncDispose]();
  }

  /** As from a socket: natively, and what is handed over by the node. */
  #take(bytes: Uint8Array, from: IpPort): number {
    const id = this.#ids[typeof from.address === 'number' ? 4 : 6];
    if (id === undefined) throw new RangeError('no socket of this family');
    const view = new DataView(this.#head.buffer);
    view.setUint32(0, from.port, true);
    if (typeof from.address === 'bigint') putIpv6(view, 4, from.address);
    else view.setUint32(4, from.address, true);
    // A copy of its own size: behind its end is nothing that may be read.
    const own = Uint8Array.from(bytes);
    const nowMs = this.clock.monoMs();
    const fate = this.#reactor.raw.dhtTake(id, own, this.#head, nowMs, this.#out);
    if (fate < 0) throw new RangeError(`native: ${fate}`);
    if (fate === HAND_OVER) this.native.receive(bytes, from);
    else if (fate > 0) {
      const answer = Buffer.from(this.#out.subarray(0, fate)).toString('latin1');
      this.#said[1].push({ bytes: answer, to: formatIpPort(from) });
    }
    return fate;
  }
}
