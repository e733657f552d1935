/** Probes of a path: packets with a chosen hop limit and size, and what comes back for them. Types only. */
import type { SystemError } from '../base/errors.ts';
import type { IpAddress } from '../base/ip6.ts';
import type { Result } from '../base/result.ts';

export type PathProtocol = 'icmp' | 'udp' | 'tcp';

/** Something that came back. Times are of the monotonic clock, in ms. */
export interface PathNews {
  /** Of the probe: what `send` was given for ICMP and TCP, the port for UDP; -1 when it cannot be told. */
  readonly sequence: number;
  readonly atMs: number;
  /** Undefined where the kernel does not say. */
  readonly from: IpAddress | undefined;
  /** `answer` comes from the destination itself; `error` is an ICMP error or one of a connection. */
  readonly kind: 'answer' | 'error';
  /** Of ICMP or ICMPv6; 0 for other errors. */
  readonly type: number;
  readonly code: number;
  /** Of the next link, where a packet was too big and the router says it; else 0. */
  readonly mtu: number;
  /** What was left of the hop limit of the answer; 0 when it is not known. */
  readonly hopLimit: number;
}

export interface PathSocket extends Disposable {
  /** Whether echo requests leave by a raw socket; false for the ICMP sockets of unprivileged programs. */
  readonly raw: boolean;
  /** The largest packet that the own link takes; known after a send that answered EMSGSIZE. */
  readonly localMtu: number | undefined;
  /**
   * Sends one probe and gives the time just before it, in ms. `packetBytes` counts the IP header; TCP has
   * sizes of its own and takes one probe for each socket.
   */
  send(
    sequence: number,
    hopLimit: number,
    packetBytes: number,
    port: number,
  ): Result<number, SystemError>;
}

export interface PathOptions {
  readonly protocol: PathProtocol;
  readonly address: IpAddress;
  /** Scope of a link-local address, as the number of the interface; 0 for none. */
  readonly scope: number;
  /** Interface to leave by; empty: as the routes say. */
  readonly ifName: string;
  /** 0 to 63. */
  readonly dscp: number;
  /** Whether what is too big for a link may be split; else it is told so. */
  readonly fragment: boolean;
}

export interface PathSockets {
  open(options: PathOptions, heard: (news: PathNews) => void): Result<PathSocket, SystemError>;
}

export interface Destination {
  readonly address: IpAddress;
  /** Of a link-local address, as the number of the interface; else 0. */
  readonly scope: number;
}

/** Names and addresses as the system resolves them. */
export interface HostNames {
  /** ENOTFOUND for what is no host, EAGAIN where no server told. Without a family, the address that the system prefers. */
  resolve(host: string, family: 4 | 6 | undefined): Promise<Result<Destination, SystemError>>;
  /** The name of an address; undefined when it has none, or none was told in time. */
  nameOf(address: IpAddress): Promise<string | undefined>;
}
