/** UDP sockets on the reactor: one recvmmsg and one sendmmsg for up to 64 datagrams (native/udp.cc). */
import { BugError, type SystemError } from '../../base/errors.ts';
import { ipv4 } from '../../base/ip.ts';
import { formatIpPort, type IpPort } from '../../base/ip-port.ts';
import { getIpv6, putIpv6 } from '../../base/ip6.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { DhtAnswering, DhtBoard, UdpHandlers, UdpSocket, UdpSockets } from '../ports-udp.ts';
import { systemError } from './errno.ts';
import { type Reactor, type Sink, What } from './native.ts';

const BUFFER_BYTES = 1024 * 1024;
/** A datagram in the input buffer: length, port, address, content. The head of one to be sent has no length. */
const SLOT_BYTES = 2048;
const HEAD_BYTES = 24;
const ADDRESS_AT = 8;
const SENT_HEAD_BYTES = HEAD_BYTES - 4;
const MAX_BYTES = SLOT_BYTES - HEAD_BYTES;

class Socket implements UdpSocket, Sink {
  readonly #reactor: Reactor;
  readonly #id: number;
  readonly #v6: boolean;
  readonly #handlers: UdpHandlers;
  readonly #facts = new Uint32Array(4);
  readonly #head = new Uint8Array(SENT_HEAD_BYTES);
  readonly #headView = new DataView(this.#head.buffer);
  readonly #inputView: DataView;
  #refused = 0;
  #closed = false;

  constructor(reactor: Reactor, id: number, v6: boolean, handlers: UdpHandlers) {
    this.#reactor = reactor;
    this.#id = id;
    this.#v6 = v6;
    this.#handlers = handlers;
    this.#inputView = new DataView(reactor.input.buffer);
    reactor.attach(id, this);
  }

  get port(): number {
    return this.#fact(3);
  }

  get dropped(): number {
    return this.#fact(0);
  }

  get unsent(): number {
    return this.#fact(1) + this.#refused;
  }

  get cut(): number {
    return this.#fact(2);
  }

  send(bytes: Uint8Array, to: IpPort): boolean {
    if (this.#closed || bytes.length > MAX_BYTES || (typeof to.address === 'bigint') !== this.#v6) {
      this.#refused++;
      return false;
    }
    writeHead(this.#headView, to);
    this.#reactor.queueDatagram(this.#id, this.#head, bytes);
    return true;
  }

  answerDht(board: DhtBoard): DhtAnswering {
    const { raw } = this.#reactor;
    const must = (code: number): void => {
      if (code < 0 && !this.#closed) throw new BugError(`native code does not answer: ${code}`);
    };
    const { rules, budget, perAddress, perNetwork, verified, counts, askers } = board;
    const shared = [rules, budget, perAddress, perNetwork, verified, counts, askers] as const;
    must(raw.dhtAttach(this.#id, ...shared));
    return {
      table: (family, { head, rows }) => must(raw.dhtTable(this.#id, family, head, rows)),
      policy: (rows) => must(raw.dhtPolicy(this.#id, rows)),
    };
  }

  event(what: number, offset: number, count: number): void {
    if (what === What.asked) this.#handlers.asked?.();
    if (what !== What.datagrams) return;
    const { input, inputWords } = this.#reactor;
    for (let i = 0; i < count && !this.#closed; i++) {
      const at = offset + i * SLOT_BYTES;
      const length = inputWords[at >> 2] ?? 0;
      if (length === 0) continue;
      const port = inputWords[(at >> 2) + 1] ?? 0;
      const address = this.#v6
        ? getIpv6(this.#inputView, at + ADDRESS_AT)
        : ipv4(inputWords[(at + ADDRESS_AT) >> 2] ?? 0);
      const start = at + HEAD_BYTES;
      this.#handlers.datagram(input.subarray(start, start + length), { address, port });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#reactor.raw.flush(); // what it does not take is counted
    this.#fact(0);
    this.#closed = true;
    this.#reactor.close(this.#id);
  }

  #fact(which: number): number {
    if (!this.#closed) this.#reactor.raw.udpFacts(this.#id, this.#facts);
    return this.#facts[which] ?? 0;
  }
}

export class LinuxUdpSockets implements UdpSockets {
  readonly #reactor: Reactor;

  constructor(reactor: Reactor) {
    this.#reactor = reactor;
  }

  open(at: IpPort, handlers: UdpHandlers): Result<UdpSocket, SystemError> {
    const head = new Uint8Array(SENT_HEAD_BYTES);
    writeHead(new DataView(head.buffer), at);
    const v6 = typeof at.address === 'bigint';
    const id = this.#reactor.raw.openUdp(head, v6 ? 1 : 0, BUFFER_BYTES);
    if (id < 0) return err(systemError(`UDP socket at ${formatIpPort(at)}`, id));
    return ok(new Socket(this.#reactor, id, v6, handlers));
  }
}

/** In the machine's own order but for an IPv6 address; both targets are little-endian. */
function writeHead(view: DataView, { address, port }: IpPort): void {
  view.setUint32(0, port, true);
  if (typeof address === 'bigint') putIpv6(view, 4, address);
  else view.setUint32(4, address, true);
}
