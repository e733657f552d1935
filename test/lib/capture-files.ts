/** Capture files made by hand, and seeded traffic of the kinds that a house has. */
import { writeSync } from 'node:fs';
import { randomFrom } from '../fuzz/run.ts';
import { quicInitial } from './quic-initial.ts';

export interface Packet {
  /** Unix time in µs. */
  readonly us: number;
  readonly bytes: Uint8Array;
  /** On the wire; as many as were captured, without. */
  readonly length?: number;
}

/** A pcap file (draft-ietf-opsawg-pcap §4). */
export function pcapFile(
  packets: readonly Packet[],
  {
    linkType = 1,
    big = false,
    nano = false,
  }: { readonly linkType?: number; readonly big?: boolean; readonly nano?: boolean } = {},
): Buffer {
  const u32 = (at: Buffer, offset: number, value: number): unknown =>
    big ? at.writeUInt32BE(value, offset) : at.writeUInt32LE(value, offset);
  const u16 = (at: Buffer, offset: number, value: number): unknown =>
    big ? at.writeUInt16BE(value, offset) : at.writeUInt16LE(value, offset);
  const head = Buffer.alloc(24);
  u32(head, 0, nano ? 0xa1b23c4d : 0xa1b2c3d4);
  u16(head, 4, 2);
  u16(head, 6, 4);
  u32(head, 16, 262_144);
  u32(head, 20, linkType);
  const records = packets.flatMap(({ us, bytes, length = bytes.length }) => {
    const record = Buffer.alloc(16);
    u32(record, 0, Math.floor(us / 1e6));
    u32(record, 4, (us % 1e6) * (nano ? 1000 : 1));
    u32(record, 8, bytes.length);
    u32(record, 12, length);
    return [record, bytes];
  });
  return Buffer.concat([head, ...records]);
}

/** A block of pcapng, little-endian: type, body padded to four bytes. */
export function block(type: number, body: Uint8Array): Buffer {
  const padded = (body.length + 3) & ~3;
  const bytes = Buffer.alloc(12 + padded);
  bytes.writeUInt32LE(type, 0);
  bytes.writeUInt32LE(bytes.length, 4);
  bytes.set(body, 8);
  bytes.writeUInt32LE(bytes.length, 8 + padded);
  return bytes;
}

const words = (...values: number[]): Buffer => {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [i, value] of values.entries()) bytes.writeUInt32LE(value >>> 0, 4 * i);
  return bytes;
};

export const section = (): Buffer =>
  block(0x0a0d0d0a, words(0x1a2b3c4d, 1, 0xffffffff, 0xffffffff));

/** `options` as they stand in the block: code, length, value. */
export const interfaceBlock = (linkType: number, options: Uint8Array = new Uint8Array(0)): Buffer =>
  block(1, Buffer.concat([words(linkType, 262_144), options]));

/** `ticks` in the unit of the interface. */
export const enhancedPacket = (id: number, ticks: number, bytes: Uint8Array): Buffer =>
  block(
    6,
    Buffer.concat([
      words(id, Math.floor(ticks / 2 ** 32), ticks % 2 ** 32, bytes.length, bytes.length),
      bytes,
    ]),
  );

export const simplePacket = (bytes: Uint8Array): Buffer =>
  block(3, Buffer.concat([words(bytes.length), bytes]));

/** The obsolete packet block. */
export const oldPacket = (id: number, ticks: number, bytes: Uint8Array): Buffer =>
  block(
    2,
    Buffer.concat([
      words(id, Math.floor(ticks / 2 ** 32), ticks % 2 ** 32, bytes.length, bytes.length),
      bytes,
    ]),
  );

export const ethernet = (type: number, payload: Uint8Array): Buffer => {
  const head = Buffer.from('0200000000020200000000010000', 'hex');
  head.writeUInt16BE(type, 12);
  return Buffer.concat([head, payload]);
};

export const ipv4 = (
  from: number,
  to: number,
  protocol: number,
  payload: Uint8Array,
  fragment = 0,
): Buffer => {
  const head = Buffer.alloc(20);
  head[0] = 0x45;
  head.writeUInt16BE(20 + payload.length, 2);
  head.writeUInt16BE(fragment, 6);
  head[8] = 64;
  head[9] = protocol;
  head.writeUInt32BE(from >>> 0, 12);
  head.writeUInt32BE(to >>> 0, 16);
  return Buffer.concat([head, payload]);
};

export const ipv6 = (from: number, to: number, next: number, payload: Uint8Array): Buffer => {
  const head = Buffer.alloc(40);
  head[0] = 0x60;
  head.writeUInt16BE(payload.length, 4);
  head[6] = next;
  head[7] = 64;
  for (const [at, host] of [
    [8, from],
    [24, to],
  ] as const) {
    head.writeUInt32BE(0x20010db8, at);
    head.writeUInt32BE(host >>> 0, at + 12);
  }
  return Buffer.concat([head, payload]);
};

export const udp = (from: number, to: number, payload: Uint8Array): Buffer => {
  const head = Buffer.alloc(8);
  head.writeUInt16BE(from, 0);
  head.writeUInt16BE(to, 2);
  head.writeUInt16BE(8 + payload.length, 4);
  return Buffer.concat([head, payload]);
};

export const TCP = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const;

export const tcp = (
  from: number,
  to: number,
  seq: number,
  ack: number,
  flags: number,
  payload: Uint8Array = new Uint8Array(0),
): Buffer => {
  const head = Buffer.alloc(20);
  head.writeUInt16BE(from, 0);
  head.writeUInt16BE(to, 2);
  head.writeUInt32BE(seq >>> 0, 4);
  head.writeUInt32BE(ack >>> 0, 8);
  head[12] = 0x50;
  head[13] = flags;
  head.writeUInt16BE(65_535, 14);
  return Buffer.concat([head, payload]);
};

const dnsName = (name: string): Buffer =>
  Buffer.concat([
    ...name.split('.').map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`)),
    Buffer.alloc(1),
  ]);

/** A query for A records, or with an address the answer. */
export function dnsMessage(name: string, answer?: number): Buffer {
  const head = Buffer.from('123401000001000000000000', 'hex');
  const question = Buffer.concat([dnsName(name), Buffer.from('00010001', 'hex')]);
  if (answer === undefined) return Buffer.concat([head, question]);
  head.writeUInt16BE(0x8180, 2);
  head.writeUInt16BE(1, 6);
  const record = Buffer.from('c00c000100010000003c000400000000', 'hex');
  record.writeUInt32BE(answer >>> 0, 12);
  return Buffer.concat([head, question, record]);
}

/** A ClientHello (RFC 8446 §4.1.2) in its record, with a server name and, before it, protocols (RFC 7301). */
export function clientHello(
  name: string,
  protocols: readonly string[] = ['h2', 'http/1.1'],
): Buffer {
  const host = Buffer.from(name);
  const sni = Buffer.concat([Buffer.alloc(9), host]);
  sni.writeUInt16BE(host.length + 5, 2);
  sni.writeUInt16BE(host.length + 3, 4);
  sni.writeUInt16BE(host.length, 7);
  const list = Buffer.concat(
    protocols.map((one) => Buffer.from(`${String.fromCharCode(one.length)}${one}`, 'latin1')),
  );
  const alpn = Buffer.concat([Buffer.from('001000000000', 'hex'), list]);
  alpn.writeUInt16BE(list.length + 2, 2);
  alpn.writeUInt16BE(list.length, 4);
  const extensions = Buffer.concat([Buffer.alloc(2), alpn, sni]);
  extensions.writeUInt16BE(alpn.length + sni.length, 0);
  const body = Buffer.concat([
    Buffer.from('0303', 'hex'),
    Buffer.alloc(32, 7),
    Buffer.from('20', 'hex'),
    Buffer.alloc(32, 9),
    Buffer.from('0004130113020100', 'hex'),
    extensions,
  ]);
  const head = Buffer.from('160301000001000000', 'hex');
  head.writeUInt16BE(body.length + 4, 3);
  head.writeUIntBE(body.length, 6, 3);
  return Buffer.concat([head, body]);
}

/** One packet of each kind that dissectors go into, from Ethernet on unless the name begins with another link. */
export function capturePackets(): Readonly<Record<string, Uint8Array>> {
  const [a, b] = [0xc0a80102, 0x08080808];
  const ip = (protocol: number, body: Uint8Array): Buffer =>
    ethernet(0x0800, ipv4(a, b, protocol, body));
  const query = ip(17, udp(4000, 53, dnsMessage('www.example.org')));
  const hex = (text: string): Buffer => Buffer.from(text, 'hex');
  const dhcp = Buffer.alloc(280);
  dhcp[0] = 1;
  dhcp.set(hex('63825363350103320404030201'), 236);
  dhcp.set(hex('0c046d696e65ff'), 249);
  return {
    dns: query,
    answer: ip(17, udp(53, 4000, dnsMessage('www.example.org', 0x01020304))),
    mdns: ip(17, udp(5353, 5353, dnsMessage('host.local', 0x01020304))),
    dhcp: ip(17, udp(68, 67, dhcp)),
    tls: ip(6, tcp(4000, 443, 1, 1, TCP.ack, clientHello('www.example.org'))),
    syn: ip(6, tcp(4000, 443, 1, 0, TCP.syn)),
    fin: ip(6, tcp(443, 4000, 1, 2, TCP.fin | TCP.ack)),
    http: ip(
      6,
      tcp(4000, 80, 1, 1, TCP.ack, Buffer.from('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')),
    ),
    dnsOverTcp: ip(
      6,
      tcp(4000, 53, 1, 1, TCP.ack, Buffer.concat([hex('0021'), dnsMessage('www.example.org')])),
    ),
    quic: ip(17, udp(4000, 443, hex('c00000000108aaaaaaaaaaaaaaaa0000'))),
    quicInitial: ip(17, udp(4001, 443, quicInitial())),
    quicInitial2: ip(17, udp(4002, 443, quicInitial({ version: 2, token: Buffer.alloc(70) }))),
    dht: ip(
      17,
      udp(6881, 6881, Buffer.from('d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe')),
    ),
    gre: ip(47, Buffer.concat([hex('00006558'), query])),
    vxlan: ip(17, udp(9, 4789, Buffer.concat([hex('0800000000000700'), query]))),
    ipip: ip(4, ipv4(a, b, 1, hex('0800000000000000'))),
    ah: ip(
      51,
      Buffer.concat([
        hex('110400000000000000000000'),
        Buffer.alloc(12),
        udp(123, 123, Buffer.alloc(48)),
      ]),
    ),
    extensions: ethernet(
      0x86dd,
      ipv6(
        1,
        2,
        0,
        Buffer.concat([
          hex('2b00050200000100'),
          hex('2c00000000000000'),
          hex('1100000000000001'),
          udp(53, 53, dnsMessage('a.b')),
        ]),
      ),
    ),
    ndp: ethernet(0x86dd, ipv6(1, 2, 58, hex('8700000000000000'))),
    arp: ethernet(0x0806, hex('0001080006040001020000000001c0a80101000000000000c0a80102')),
    qinq: ethernet(
      0x88a8,
      Buffer.concat([hex('0005810000060800'), ipv4(a, b, 1, hex('0800000000000000'))]),
    ),
    pppoe: ethernet(
      0x8864,
      Buffer.concat([hex('1100000100320021'), ipv4(a, b, 1, hex('0800000000000000'))]),
    ),
    mpls: ethernet(
      0x8847,
      Buffer.concat([hex('0000100000001140'), ipv4(a, b, 1, hex('0800000000000000'))]),
    ),
    llc: Buffer.concat([hex('0180c2000000020000000001002642420300'), Buffer.alloc(36)]),
    snap: Buffer.concat([
      hex('0180c200000002000000000100'),
      hex('24aaaa030000000800'),
      ipv4(a, b, 1, hex('0800000000000000')),
    ]),
    radiotap: Buffer.concat([
      hex('00000800000000000802000002000000000102000000000202000000000310008800aaaa030000000800'),
      ipv4(a, b, 17, udp(123, 123, Buffer.alloc(48))),
    ]),
    sll: Buffer.concat([
      hex('00000001000602000000000100000800'),
      ipv4(a, b, 6, tcp(1, 2, 3, 4, TCP.rst)),
    ]),
    ppp: Buffer.concat([hex('ff030021'), ipv4(a, b, 1, hex('0800000000000000'))]),
    raw: ipv4(a, b, 17, udp(1900, 1900, Buffer.from('M-SEARCH * HTTP/1.1\r\n'))),
  };
}

/** Seeded packets: TLS, HTTP, QUIC and DNS of a hundred hosts with three thousand servers, IPv6 among it. */
export class Traffic {
  readonly #next: () => number;
  readonly #active: Generator<Uint8Array, void>[] = [];
  #us = 1_700_000_000_000_000;

  constructor(seed: number) {
    this.#next = randomFrom(seed);
  }

  packet(): Packet {
    this.#us += this.#next() % 400;
    for (;;) {
      const i = this.#next() % 400;
      const session = this.#active[i] ?? this.#session();
      this.#active[i] = session;
      const { done, value } = session.next();
      if (done !== true) return { us: this.#us, bytes: value };
      this.#active[i] = this.#session();
    }
  }

  *#session(): Generator<Uint8Array, void> {
    const next = this.#next;
    const client = 0xc0a80100 + (next() % 100);
    const index = next() % 3000;
    const server = 0x5db80000 + index;
    const six = next() % 4 === 0;
    const port = 32_768 + (next() % 28_000);
    const name = `host-${index}.example.net`;
    const wrap = (up: boolean, protocol: number, body: Uint8Array): Buffer => {
      const [from, to] = up ? [client, server] : [server, client];
      return six
        ? ethernet(0x86dd, ipv6(from, to, protocol, body))
        : ethernet(0x0800, ipv4(from, to, protocol, body));
    };
    const resolver = 0xc0a80101;
    yield ethernet(0x0800, ipv4(client, resolver, 17, udp(port, 53, dnsMessage(name))));
    yield ethernet(0x0800, ipv4(resolver, client, 17, udp(53, port, dnsMessage(name, server))));
    const kind = next() % 10;
    const rounds = 4 + (next() % 28);
    if (kind < 2) {
      for (let i = 0; i < rounds; i++) {
        const head = Buffer.alloc(i % 3 === 0 ? 60 : 1200);
        if (i === 0) head.set(Buffer.from('c00000000108', 'hex'));
        yield wrap(i % 3 === 0, 17, i % 3 === 0 ? udp(port, 443, head) : udp(443, port, head));
      }
      return;
    }
    const http = kind === 2;
    const to = http ? 80 : 443;
    let [mine, theirs] = [next(), next()];
    yield wrap(true, 6, tcp(port, to, mine++, 0, TCP.syn));
    yield wrap(false, 6, tcp(to, port, theirs++, mine, TCP.syn | TCP.ack));
    yield wrap(true, 6, tcp(port, to, mine, theirs, TCP.ack));
    const first = http
      ? Buffer.from(`GET / HTTP/1.1\r\nHost: ${name}\r\nAccept: */*\r\n\r\n`)
      : clientHello(name);
    yield wrap(true, 6, tcp(port, to, mine, theirs, TCP.psh | TCP.ack, first));
    mine += first.length;
    for (let i = 0; i < rounds; i++) {
      const body = Buffer.alloc(next() % 3 === 0 ? 1448 : 100 + (next() % 800), i);
      if (i === 0) body.set(Buffer.from(http ? 'HTTP/1.1 200 OK\r\n' : '\x16\x03\x03\x01\x00\x02'));
      yield wrap(false, 6, tcp(to, port, theirs, mine, TCP.ack, body));
      // One in a hundred is sent twice.
      if (next() % 100 === 0) yield wrap(false, 6, tcp(to, port, theirs, mine, TCP.ack, body));
      theirs += body.length;
      if (i % 2 === 1) yield wrap(true, 6, tcp(port, to, mine, theirs, TCP.ack));
    }
    yield wrap(true, 6, tcp(port, to, mine++, theirs, TCP.fin | TCP.ack));
    yield wrap(false, 6, tcp(to, port, theirs++, mine, TCP.fin | TCP.ack));
    yield wrap(true, 6, tcp(port, to, mine, theirs, TCP.ack));
  }
}

/** Writes a pcap file of `count` packets and gives its length in bytes. */
export function writeTraffic(fd: number, count: number, seed: number): number {
  const traffic = new Traffic(seed);
  const buffer = Buffer.allocUnsafe(4 << 20);
  let used = pcapFile([]).copy(buffer);
  let all = 0;
  for (let i = 0; i < count; i++) {
    if (used > buffer.length - 70_000) {
      all += writeSync(fd, buffer, 0, used);
      used = 0;
    }
    const { us, bytes } = traffic.packet();
    buffer.writeUInt32LE(Math.floor(us / 1e6), used);
    buffer.writeUInt32LE(us % 1e6, used + 4);
    buffer.writeUInt32LE(bytes.length, used + 8);
    buffer.writeUInt32LE(bytes.length, used + 12);
    buffer.set(bytes, used + 16);
    used += 16 + bytes.length;
  }
  return all + writeSync(fd, buffer, 0, used);
}
