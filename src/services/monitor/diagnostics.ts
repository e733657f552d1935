/** `IPPing()` and `TraceRoute()` of TR-181's `Device.IP.Diagnostics.`: how each ends, in its words. */
import type { SystemError } from '../../base/errors.ts';
import { formatIp } from '../../base/ip6.ts';
import type { Destination } from '../../os/ports-path.ts';
import type { PingReport } from './ping.ts';
import type { Summary } from './summary.ts';
import type { PathTools } from './tools.ts';
import type { TraceHop } from './trace.ts';

interface Wanted {
  readonly host: string;
  readonly family: 4 | 6 | undefined;
  /** Interface to leave by; empty: as the routes say. */
  readonly ifName: string;
  readonly timeoutMs: number;
  /** Of what is behind the headers. */
  readonly dataBytes: number;
  readonly dscp: number;
}

export interface IpPingWanted extends Wanted {
  readonly repetitions: number;
}

export interface TraceRouteWanted extends Wanted {
  /** Of each hop. */
  readonly tries: number;
  readonly maxHops: number;
}

type Ended =
  | 'Canceled'
  | 'Complete'
  | 'Error_CannotResolveHostName'
  | 'Error_NoRouteToHost'
  | 'Error_Internal'
  | 'Error_Other';

export interface IpPingDone {
  readonly status: Ended;
  /** Empty where the name was not resolved. */
  readonly address: string;
  readonly summary: Summary | undefined;
}

export interface TraceRouteDone {
  readonly status: Ended | 'Error_MaxHopCountExceeded';
  readonly address: string;
  /** Of the host itself, in ms; 0 where it was not reached. */
  readonly responseMs: number;
  readonly hops: readonly {
    /** Its name, where it has one, else its address; both are empty for a hop that was silent. */
    readonly host: string;
    readonly address: string;
    /** Type of the ICMP error; 0 for an answer of the host. */
    readonly icmpType: number;
    /** In ms. */
    readonly times: readonly number[];
  }[];
}

/** As other pings have it for programs without privilege. */
const INTERVAL_MS = 200;
const TRACE_INTERVAL_MS = 50;
/** ICMP and UDP have as much. */
const HEADER_BYTES = 8;
const LARGEST = 65_535;

const packetBytes = ({ address }: Destination, dataBytes: number): number =>
  Math.min(LARGEST, (typeof address === 'number' ? 20 : 40) + HEADER_BYTES + dataBytes);

export async function ipPing(
  tools: PathTools,
  wanted: IpPingWanted,
  signal: AbortSignal,
): Promise<IpPingDone> {
  const found = await tools.resolve(wanted.host, wanted.family);
  if (!found.ok) return { status: 'Error_CannotResolveHostName', address: '', summary: undefined };
  const { ifName, timeoutMs, dscp, repetitions, dataBytes } = wanted;
  const done = await tools.ping(
    {
      ...{ ...found.value, ifName, dscp, timeoutMs, protocol: 'icmp', fragment: true },
      ...{ count: repetitions, intervalMs: INTERVAL_MS },
      packetBytes: packetBytes(found.value, dataBytes),
    },
    signal,
  );
  const address = formatIp(found.value.address);
  return done.ok
    ? { status: statusOf(done.value, signal), address, summary: done.value }
    : { status: refused(done.error), address, summary: undefined };
}

function statusOf(report: PingReport, signal: AbortSignal): Ended {
  if (signal.aborted) return 'Canceled';
  const { received, sent, unsent, unreachable, unsentBecause } = report;
  if (received > 0 || sent === 0) return 'Complete';
  if (unsent === sent && unsentBecause !== undefined) return refused(unsentBecause);
  return unreachable + unsent === sent ? 'Error_NoRouteToHost' : 'Complete';
}

function refused({ code }: SystemError): Ended {
  if (code === 'ENETUNREACH' || code === 'EHOSTUNREACH') return 'Error_NoRouteToHost';
  // The family, the size or the interface is not what this box has.
  const ours = ['ENODEV', 'EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EMSGSIZE', 'EINVAL', 'ENETDOWN'];
  return ours.includes(code) ? 'Error_Other' : 'Error_Internal';
}

/** By datagrams, as traceroute(8) has always done it. */
export async function traceRoute(
  tools: PathTools,
  wanted: TraceRouteWanted,
  signal: AbortSignal,
): Promise<TraceRouteDone> {
  const nothing = { address: '', responseMs: 0, hops: [] };
  const found = await tools.resolve(wanted.host, wanted.family);
  if (!found.ok) return { ...nothing, status: 'Error_CannotResolveHostName' };
  const { ifName, timeoutMs, dscp, tries, maxHops, dataBytes } = wanted;
  const address = formatIp(found.value.address);
  const done = await tools.trace(
    {
      ...{ ...found.value, ifName, dscp, timeoutMs, protocol: 'udp', fragment: true },
      ...{ port: undefined, maxHops, rounds: tries, intervalMs: TRACE_INTERVAL_MS },
      packetBytes: packetBytes(found.value, dataBytes),
    },
    signal,
  );
  if (!done.ok) return { ...nothing, address, status: refused(done.error) };
  const { hops, reached } = done.value;
  const last = hops.at(-1);
  const ended = (): TraceRouteDone['status'] => {
    if (signal.aborted) return 'Canceled';
    if (reached) return 'Complete';
    return last !== undefined && last.mark !== ''
      ? 'Error_NoRouteToHost'
      : 'Error_MaxHopCountExceeded';
  };
  return {
    ...{ status: ended(), address },
    responseMs: reached ? (last?.meanMs ?? 0) : 0,
    hops: await Promise.all(hops.map((hop) => named(tools, hop))),
  };
}

async function named(
  tools: PathTools,
  { addresses: [first], icmpType, times }: TraceHop,
): Promise<TraceRouteDone['hops'][number]> {
  if (first === undefined) return { host: '', address: '', icmpType: 0, times };
  const address = formatIp(first);
  return { host: (await tools.nameOf(first)) ?? address, address, icmpType, times };
}
