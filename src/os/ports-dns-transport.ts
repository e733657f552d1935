/** How DNS messages travel, and the cryptography of DNSSEC: types only, apart from the engine's in `ports-dns.ts`. */
import type { SystemError } from '../base/errors.ts';
import type { IpAddress } from '../base/ip6.ts';
import type { Result } from '../base/result.ts';
import type { TlsMaterial } from './ports.ts';

/** Where a resolver is, and who it must prove to be. */
export interface DnsEndpoint {
  readonly protocol: 'udp' | 'tcp' | 'tls' | 'https';
  readonly address: IpAddress;
  readonly port: number;
  /** What the certificate must be for; also SNI and the host of the URL. Undefined: the address. */
  readonly name: string | undefined;
  readonly path: string;
  /** SHA-256 of SubjectPublicKeyInfo in base64: one key of the chain must be among them. Empty: none is asked for. */
  readonly pins: readonly string[];
}

export interface DnsTransports extends AsyncDisposable {
  /**
   * Sends one query by UDP from a socket of its own, connected, on a port that the kernel picks at
   * random, and gives the first datagram for which `accept` is true; all others are passed over.
   * ETIMEDOUT after `timeoutMs`, ECONNREFUSED where the other side says so.
   */
  udp(
    to: DnsEndpoint,
    query: Uint8Array,
    timeoutMs: number,
    accept: (answer: Uint8Array) => boolean,
    signal: AbortSignal,
  ): Promise<Result<Uint8Array, SystemError>>;
  /**
   * By TCP, TLS or HTTPS, over a connection that is kept and shared: many queries are under way on
   * one, told apart by id (TCP, TLS; the query's own is replaced) or stream. What was answered to
   * another question never comes back for this one.
   */
  stream(
    to: DnsEndpoint,
    query: Uint8Array,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Result<Uint8Array, SystemError>>;
  /** One question by multicast DNS (RFC 6762 §5.1) on an interface; all answers soon after the first, which is waited for `waitMs`. */
  multicast(
    ifName: string,
    query: Uint8Array,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<readonly Uint8Array[]>;
}

export interface DnsStreamEndpoint {
  readonly transport: 'tcp' | 'tls' | 'https';
  readonly address: IpAddress;
  readonly port: number;
}

/** Answers one query of a client; undefined closes the connection without a word. */
export type DnsStreamHandler = (
  query: Uint8Array,
  client: IpAddress,
  transport: DnsStreamEndpoint['transport'],
) => Promise<Uint8Array | undefined>;

export interface DnsStreamCounters {
  readonly connections: number;
  readonly evicted: number;
  readonly refused: number;
  readonly handshakesFailed: number;
}

/** TCP (RFC 7766), TLS (RFC 7858) and HTTPS (RFC 8484) for clients; bounded in connections and queries under way. */
export interface DnsStreamServer extends AsyncDisposable {
  /** Makes `endpoints` the whole of what is listened on. Gives what could not be done, each with its endpoint. */
  listen(
    endpoints: readonly DnsStreamEndpoint[],
  ): Promise<readonly { readonly endpoint: DnsStreamEndpoint; readonly error: SystemError }[]>;
  /** From the next handshake on. TLS and HTTPS need one first. */
  useCertificate(material: TlsMaterial): Result<void, SystemError>;
  readonly counters: DnsStreamCounters;
}

/** Signatures and digests of DNSSEC by their IANA numbers (dns-sec-alg-numbers, ds-rr-types). */
export interface DnsCrypto {
  /** Whether `verify` knows the algorithm: 8, 10, 13, 14, 15, 16. */
  knowsAlgorithm(algorithm: number): boolean;
  /** Whether `digest` knows it: 2 (SHA-256) and 4 (SHA-384); 1 (SHA-1) is not taken (RFC 8624 §3.3). */
  knowsDigest(digestType: number): boolean;
  /** `key` is the public key field of DNSKEY. False also for keys and signatures that make no sense. */
  verify(algorithm: number, key: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean;
  digest(digestType: number, data: Uint8Array): Uint8Array;
  /** SHA-1 `iterations` + 1 times with the salt (RFC 5155 §5). */
  nsec3Hash(name: Uint8Array, salt: Uint8Array, iterations: number): Uint8Array;
}
