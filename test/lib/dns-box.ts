import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { parseIpv4 } from '../../src/base/ip.ts';
import { type IpAddress, parseIpv6 } from '../../src/base/ip6.ts';
import { LinuxClock } from '../../src/os/linux/clock.ts';
import { NodeDnsCrypto } from '../../src/os/linux/dns-crypto.ts';
import { NativeDnsEngines } from '../../src/os/linux/dns-engine.ts';
import { NodeDnsStreamServer } from '../../src/os/linux/dns-serve.ts';
import { NodeDnsTransports } from '../../src/os/linux/dns-transports.ts';
import { loadNative } from '../../src/os/linux/native.ts';
import type { HostFacts } from '../../src/services/dns/clients.ts';
import type { DnsConfig, DnsObserved, UpstreamConfig } from '../../src/services/dns/config.ts';
import { type DnsDeps, DnsService } from '../../src/services/dns/service.ts';
import {
  type DnsMessage,
  type DnsQuestion,
  decodeMessage,
  type Edns,
  encodeMessage,
  queryOf,
} from '../../src/wire/dns.ts';
import { type DnsName, parseName } from '../../src/wire/dns-name.ts';
import { formatRdata, parseRdata } from '../../src/wire/dns-rdata-text.ts';
import { OPTION, rcodeName, typeCode, typeName } from '../../src/wire/dns-registry.ts';
import { MemoryLog } from './log.ts';

export const ip = (text: string): IpAddress => {
  const parsed = text.includes(':') ? parseIpv6(text) : parseIpv4(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.value;
};

export const nameOf = (text: string): DnsName => {
  const parsed = parseName(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.value;
};

export const upstream = (
  address: string,
  change: Partial<UpstreamConfig> = {},
): UpstreamConfig => ({
  ...{ id: `up-${address}`, enable: true, protocol: 'udp', port: 53, name: undefined },
  ...{ path: '/dns-query', pins: [], domains: [], addresses: [ip(address)] },
  ...change,
});

/** Serves 127.0.0.1 on port 53, to this machine alone. */
export const dnsConfig = (change: Partial<DnsConfig> = {}): DnsConfig => ({
  enable: true,
  listen: {
    ...{ interfaces: [], addresses: [ip('127.0.0.1')], port: 53 },
    ...{ tlsPort: undefined, httpsPort: undefined },
  },
  allow: [{ address: ip('127.0.0.0'), prefixLen: 8 }],
  clientPerSec: 0,
  upstreams: [],
  useLeaseResolvers: false,
  bootstrap: [],
  local: { domain: nameOf('lan'), ownNames: ['box'], ttlSec: 60, records: [], mdns: false },
  cache: {
    ...{ sizeBytes: 4 << 20, minTtlSec: 0, maxTtlSec: 86_400, maxNegativeTtlSec: 3600 },
    ...{ staleSec: 86_400, prefetch: false },
  },
  dnssec: { enable: false, anchors: [], negativeAnchors: [] },
  rebind: { enable: true, exempt: [] },
  ...change,
});

export const localRecord = (name: string, type: string, value: string) => {
  const code = typeCode(type) ?? 0;
  const rdata = parseRdata(code, value);
  if (!rdata.ok) throw new Error(rdata.error.message);
  return { id: name, name: nameOf(name), type: code, ttlSec: 300, rdata: rdata.value };
};

/** A DNS server of this process with its real adapters. */
export class DnsBox implements AsyncDisposable {
  readonly log = new MemoryLog();
  readonly service: DnsService;
  hosts: readonly HostFacts[] = [];
  observed: DnsObserved | undefined;
  readonly #transports: NodeDnsTransports;

  constructor(
    options: { readonly extraRoots?: readonly string[] } & Partial<
      Pick<DnsDeps, 'clock' | 'cachePath' | 'anchorFile' | 'addressesOf'>
    > = {},
  ) {
    const { extraRoots = [], ...deps } = options;
    this.#transports = new NodeDnsTransports({ extraRoots });
    this.service = new DnsService({
      engines: new NativeDnsEngines(loadNative()),
      transports: this.#transports,
      crypto: new NodeDnsCrypto(),
      clock: new LinuxClock(loadNative()),
      log: this.log,
      streams: (handler) => new NodeDnsStreamServer(handler),
      randomBytes: (count) => randomBytes(count),
      localTime: () => ({ day: 0, minute: 0 }),
      addressesOf: () => [],
      hosts: () => this.hosts,
      ownNames: () => ['gatehouse'],
      leaseResolvers: () => [],
      cachePath: undefined,
      anchorFile: undefined,
      timeIsSure: () => true,
      engineStarted: () => {},
      engineStopped: () => {},
      lists: () => ({ lists: [], names: 0 }),
      reportPolicy: () => {},
      answered: () => {},
      answeredByEngine: () => {},
      report: (value) => {
        this.observed = value;
      },
      ...deps,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.service[Symbol.asyncDispose]();
    await this.#transports[Symbol.asyncDispose]();
  }
}

export interface AskOptions {
  readonly server?: string;
  readonly port?: number;
  readonly edns?: Partial<Edns> | null;
  readonly checkingDisabled?: boolean;
  readonly timeoutMs?: number;
  readonly tcp?: boolean;
}

export interface Said {
  readonly message: DnsMessage;
  readonly rcode: string;
  /** `name ttl? TYPE rdata` without TTLs. */
  readonly answers: readonly string[];
  /** Code and text of the first extended error. */
  readonly ede: readonly [code: number, text: string] | undefined;
  readonly tookMs: number;
  /** The same without what this process, in which the server runs, was not let run. */
  readonly awakeMs: number;
}

const AWAKE_TURN_MS = 20;

/** Asks over a socket of its own, as a stub does. */
export async function ask(name: string, type: string, options: AskOptions = {}): Promise<Said> {
  const { server = '127.0.0.1', port = 53, edns = {}, timeoutMs = 60_000, tcp = false } = options;
  const question: DnsQuestion = { name: nameOf(name), type: typeCode(type) ?? 0, class: 1 };
  const opt =
    edns === null
      ? undefined
      : { ...{ udpSize: 1232, version: 0, dnssecOk: false, options: [] }, ...edns };
  const id = randomBytes(2).readUInt16BE();
  const query = encodeMessage(
    queryOf(id, question, opt, { checkingDisabled: options.checkingDisabled ?? false }),
  );
  const startMs = performance.now();
  const awake = new AwakeTime();
  try {
    const bytes = await (tcp ? askTcp : askUdp)(query, server, port, timeoutMs);
    return { ...saidOf(bytes), tookMs: performance.now() - startMs, awakeMs: awake.ms };
  } finally {
    awake[Symbol.dispose]();
  }
}

/** Time as this process had it: where others have the processor, it stands still. */
class AwakeTime implements Disposable {
  ms = 0;
  #lastMs = performance.now();
  readonly #timer = setInterval(() => {
    const nowMs = performance.now();
    this.ms += Math.min(AWAKE_TURN_MS, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
  }, AWAKE_TURN_MS / 2);

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

function saidOf(bytes: Uint8Array): Omit<Said, 'tookMs' | 'awakeMs'> {
  const message = decodeMessage(bytes);
  if (!message.ok) throw new Error(`${message.error.field}: ${message.error.message}`);
  const { rcode, answers, edns: got } = message.value;
  const ede = got?.options.find(({ code }) => code === OPTION.EDE)?.value;
  return {
    message: message.value,
    rcode: rcodeName(rcode),
    answers: answers.map(
      (rr) => `${rr.name} ${typeName(rr.type)} ${formatRdata(rr.type, rr.rdata)}`,
    ),
    ede:
      ede === undefined
        ? undefined
        : [((ede[0] ?? 0) << 8) | (ede[1] ?? 0), Buffer.from(ede.subarray(2)).toString()],
  };
}

async function askUdp(
  query: Uint8Array,
  server: string,
  port: number,
  timeoutMs: number,
): Promise<Uint8Array> {
  const socket = createSocket(server.includes(':') ? 'udp6' : 'udp4');
  try {
    // Connected: what others send does not come in.
    socket.connect(port, server);
    await once(socket, 'connect');
    const answered = once(socket, 'message', { signal: AbortSignal.timeout(timeoutMs) });
    socket.send(query);
    const [bytes] = await answered;
    return Uint8Array.from(bytes as Buffer);
  } finally {
    socket.close();
  }
}

async function askTcp(
  query: Uint8Array,
  server: string,
  port: number,
  timeoutMs: number,
): Promise<Uint8Array> {
  const socket = connect(port, server);
  try {
    const framed = Buffer.concat([Buffer.of(query.length >> 8, query.length & 255), query]);
    socket.write(framed);
    let got = Buffer.alloc(0);
    for (;;) {
      const [chunk] = await once(socket, 'data', { signal: AbortSignal.timeout(timeoutMs) });
      got = Buffer.concat([got, chunk as Buffer]);
      if (got.length >= 2 && got.length >= 2 + got.readUInt16BE()) {
        return Uint8Array.from(got.subarray(2, 2 + got.readUInt16BE()));
      }
    }
  } finally {
    socket.destroy();
  }
}
