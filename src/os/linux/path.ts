/** Path probes on native/path: what the kernel says is read when the reactor says that there is something. */
import { SystemError } from '../../base/errors.ts';
import { ipv4 } from '../../base/ip.ts';
import { getIpv6, type IpAddress, ipv6Bytes } from '../../base/ip6.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { PathNews, PathOptions, PathSocket, PathSockets } from '../ports-path.ts';
import { systemError } from './errno.ts';
import { type Reactor, type Sink, What } from './native.ts';

const PROTOCOLS = { icmp: 0, udp: 1, tcp: 2 } as const;
/** `KIND`, … of what pathReceive fills. */
const KIND = 0;
const SEQUENCE = 1;
const AT_MS = 2;
const TYPE = 3;
const CODE = 4;
const MTU = 5;
const HOP_LIMIT = 6;
const ORIGIN = 7;
const FIELDS = 8;
const ERROR = 2;
/** SO_EE_ORIGIN_LOCAL. */
const LOCAL = 1;
const EMSGSIZE = -90;
/** Read before Node's loop gets its turn. */
const PER_TURN = 64;

class LinuxPathSocket implements PathSocket, Sink {
  readonly #reactor: Reactor;
  readonly #id: number;
  readonly #isIpv6: boolean;
  readonly #heard: (news: PathNews) => void;
  readonly #out = new Float64Array(FIELDS);
  readonly #from = new Uint8Array(16);
  readonly raw: boolean;
  localMtu: number | undefined;
  #closed = false;

  constructor(reactor: Reactor, id: number, isIpv6: boolean, heard: (news: PathNews) => void) {
    this.#reactor = reactor;
    this.#id = id;
    this.#isIpv6 = isIpv6;
    this.#heard = heard;
    this.raw = reactor.raw.pathRaw(id) === 1;
    reactor.attach(id, this);
  }

  send(
    sequence: number,
    hopLimit: number,
    packetBytes: number,
    port: number,
  ): Result<number, SystemError> {
    const sentAt = new Float64Array(1);
    const { raw } = this.#reactor;
    const sent = raw.pathSend(this.#id, sequence, hopLimit, packetBytes, port, sentAt);
    // The kernel has put the MTU into the queue of errors.
    if (sent === EMSGSIZE) this.#drain();
    return sent < 0 ? err(systemError('send', sent)) : ok(sentAt[0] ?? 0);
  }

  event(what: number): void {
    if (what === What.readable) this.#drain();
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reactor.close(this.#id);
  }

  #drain(): void {
    const out = this.#out;
    for (let i = 0; i < PER_TURN && !this.#closed; i++) {
      if (this.#reactor.raw.pathReceive(this.#id, out, this.#from) < 0) return;
      const field = (at: number): number => out[at] ?? 0;
      if (field(KIND) === ERROR && field(ORIGIN) === LOCAL) {
        if (field(MTU) > 0) this.localMtu = field(MTU);
        continue;
      }
      this.#heard({
        sequence: field(SEQUENCE),
        atMs: field(AT_MS),
        from: this.#speaker(),
        kind: field(KIND) === ERROR ? 'error' : 'answer',
        ...{ type: field(TYPE), code: field(CODE), mtu: field(MTU), hopLimit: field(HOP_LIMIT) },
      });
    }
  }

  #speaker(): IpAddress | undefined {
    if (this.#from.every((byte) => byte === 0)) return undefined;
    const view = new DataView(this.#from.buffer);
    return this.#isIpv6 ? getIpv6(view, 0) : ipv4(view.getUint32(0));
  }
}

export class LinuxPathSockets implements PathSockets {
  readonly #reactor: Reactor;

  constructor(reactor: Reactor) {
    this.#reactor = reactor;
  }

  open(options: PathOptions, heard: (news: PathNews) => void): Result<PathSocket, SystemError> {
    const { protocol, address, scope, ifName, dscp, fragment } = options;
    if (ifName.length > 15) return err(new SystemError(`no interface ${ifName}`, 'ENODEV'));
    const bytes = new Uint8Array(typeof address === 'number' ? 4 : 20);
    if (typeof address === 'number') {
      new DataView(bytes.buffer).setUint32(0, address);
    } else {
      bytes.set(ipv6Bytes(address));
      // The scope is a number of this machine, in its own order of bytes.
      bytes.set(new Uint8Array(Uint32Array.of(scope).buffer), 16);
    }
    const { raw } = this.#reactor;
    const id = raw.pathOpen(PROTOCOLS[protocol], bytes, ifName, dscp << 2, fragment ? 1 : 0);
    if (id >= 0) return ok(new LinuxPathSocket(this.#reactor, id, bytes.length > 4, heard));
    const remedy = id === -13 || id === -1 ? 'echo requests need root or CAP_NET_RAW' : undefined;
    return err(systemError(`a socket for ${protocol}`, id, remedy));
  }
}
