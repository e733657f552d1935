/** `Device.IP.Diagnostics.` (TR-181): ping and trace, as a controller asks for them. */
import { err, ok, type Result } from '../../base/result.ts';
import type { Summary } from '../../services/monitor/summary.ts';
import type { ArgumentDef, CommandContext, CommandDef, ObjectGroup } from '../table.ts';
import { ifNameBehind } from './interfaces.ts';

const DIAGNOSTICS = 'Device.IP.Diagnostics.';
const MAX_REPETITIONS = 1000;
const MAX_TIMEOUT_MS = 60_000;
const MAX_HOST = 256;
const MAX_TIMES = 3;

/** TR-181 has most of them mandatory: what is left out is as the programs of these names have it. */
const INPUT = {
  Interface: { type: 'string', size: [0, 256] },
  ProtocolVersion: { type: 'string', enum: ['Any', 'IPv4', 'IPv6'], default: 'Any' },
  Host: { type: 'string', size: [1, MAX_HOST], mandatory: true },
  DSCP: { type: 'unsignedInt', range: [[0, 63]], default: '0' },
} as const satisfies Readonly<Record<string, ArgumentDef>>;

const ENDS = [
  ...['Canceled', 'Complete', 'Error', 'Error_CannotResolveHostName', 'Error_NoRouteToHost'],
  ...['Error_Internal', 'Error_Other'],
];
const COUNT = { type: 'unsignedInt' } as const;
const ADDRESS = { type: 'IPAddress', size: [0, 45] } as const;

/** What both are asked alike; or why not, for people. */
function asked({ args, rows }: CommandContext): Result<
  {
    readonly host: string;
    readonly family: 4 | 6 | undefined;
    readonly ifName: string;
    readonly timeoutMs: number;
    readonly dataBytes: number;
    readonly dscp: number;
  },
  string
> {
  const { ProtocolVersion: version, Interface: reference = '', Host: host = '' } = args;
  // References have no final dot; a path is forgiven one.
  const ifName = ifNameBehind(rows, reference.replace(/\.$/, ''));
  if (reference !== '' && ifName === undefined) return err(`no IP interface: ${reference}`);
  return ok({
    host,
    family: version === 'IPv4' ? 4 : version === 'IPv6' ? 6 : undefined,
    ifName: ifName ?? '',
    timeoutMs: Number(args['Timeout']),
    dataBytes: Number(args['DataBlockSize']),
    dscp: Number(args['DSCP']),
  });
}

const IP_PING: CommandDef = {
  about: 'Asks a host for echoes.',
  async: true,
  input: {
    ...INPUT,
    NumberOfRepetitions: { type: 'unsignedInt', range: [[1, MAX_REPETITIONS]], default: '3' },
    Timeout: { type: 'unsignedInt', range: [[1, MAX_TIMEOUT_MS]], default: '5000' },
    DataBlockSize: { type: 'unsignedInt', range: [[1, 65_535]], default: '56' },
  },
  output: {
    Status: { type: 'string', enum: ENDS },
    IPAddressUsed: ADDRESS,
    ...{ SuccessCount: COUNT, FailureCount: COUNT },
    ...{ AverageResponseTime: COUNT, MinimumResponseTime: COUNT, MaximumResponseTime: COUNT },
    AverageResponseTimeDetailed: COUNT,
    MinimumResponseTimeDetailed: COUNT,
    MaximumResponseTimeDetailed: COUNT,
  },
  run: async (context) => {
    const wanted = asked(context);
    if (!wanted.ok) return wanted;
    const done = await context.calls.ipPing(
      { ...wanted.value, repetitions: Number(context.args['NumberOfRepetitions']) },
      context.signal,
    );
    const { status, address, summary } = done;
    return ok({ Status: status, IPAddressUsed: address, ...countsOf(summary) });
  },
};

/** Milliseconds and, `Detailed`, microseconds; 0 where nobody answered. */
function countsOf(summary: Summary | undefined): Readonly<Record<string, string>> {
  const { sent = 0, received = 0, meanMs = 0, bestMs = 0, worstMs = 0 } = summary ?? {};
  const whole = (value: number): string => String(Math.round(value));
  return {
    ...{ SuccessCount: String(received), FailureCount: String(sent - received) },
    ...{ AverageResponseTime: whole(meanMs), MinimumResponseTime: whole(bestMs) },
    ...{ MaximumResponseTime: whole(worstMs), AverageResponseTimeDetailed: whole(meanMs * 1000) },
    MinimumResponseTimeDetailed: whole(bestMs * 1000),
    MaximumResponseTimeDetailed: whole(worstMs * 1000),
  };
}

const TRACE_ROUTE: CommandDef = {
  about: 'Asks the routers on the way to a host, hop by hop, by datagrams.',
  async: true,
  input: {
    ...INPUT,
    NumberOfTries: { type: 'unsignedInt', range: [[1, MAX_TIMES]], default: '3' },
    Timeout: { type: 'unsignedInt', range: [[1, MAX_TIMEOUT_MS]], default: '5000' },
    DataBlockSize: { type: 'unsignedInt', range: [[1, 65_535]], default: '32' },
    MaxHopCount: { type: 'unsignedInt', range: [[1, 64]], default: '30' },
  },
  output: {
    Status: { type: 'string', enum: [...ENDS, 'Error_MaxHopCountExceeded'] },
    IPAddressUsed: ADDRESS,
    ResponseTime: COUNT,
    'RouteHops.{i}.Host': { type: 'string', size: [0, MAX_HOST] },
    'RouteHops.{i}.HostAddress': { type: 'string' },
    'RouteHops.{i}.ErrorCode': COUNT,
    'RouteHops.{i}.RTTimes': { type: 'unsignedInt', list: { maxItems: MAX_TIMES } },
  },
  run: async (context) => {
    const wanted = asked(context);
    if (!wanted.ok) return wanted;
    const { args, calls, signal } = context;
    const done = await calls.traceRoute(
      {
        ...wanted.value,
        tries: Number(args['NumberOfTries']),
        maxHops: Number(args['MaxHopCount']),
      },
      signal,
    );
    const output: Record<string, string> = {
      Status: done.status,
      IPAddressUsed: done.address,
      ResponseTime: String(Math.round(done.responseMs)),
    };
    for (const [i, { host, address, icmpType, times }] of done.hops.entries()) {
      const at = `RouteHops.${i + 1}.`;
      output[`${at}Host`] = host.slice(0, MAX_HOST);
      output[`${at}HostAddress`] = address;
      output[`${at}ErrorCode`] = String(icmpType);
      output[`${at}RTTimes`] = times
        .slice(0, MAX_TIMES)
        .map((ms) => Math.round(ms))
        .join(',');
    }
    return ok(output);
  },
};

const SUPPORTED = ['IPv4Ping', 'IPv6Ping', 'IPv4TraceRoute', 'IPv6TraceRoute'] as const;

export const ipDiagnostics: ObjectGroup = {
  name: 'IP diagnostics',
  inputs: ['network'],
  objects: [
    {
      path: DIAGNOSTICS,
      about: 'Measuring paths.',
      params: Object.fromEntries(
        SUPPORTED.map((what) => [
          `${what}Supported`,
          { type: 'boolean', about: `Whether ${what.slice(4)}() takes ${what.slice(0, 4)}.` },
        ]),
      ),
      commands: { IPPing: IP_PING, TraceRoute: TRACE_ROUTE },
      omitted: Object.fromEntries(
        [
          ...['Download', 'Upload', 'UDPEcho', 'ServerSelection'].flatMap((what) =>
            [4, 6].map((version) => `IPv${version}${what}DiagnosticsSupported`),
          ),
          ...['DownloadTransports', 'DownloadDiagnosticMaxConnections', 'UploadTransports'],
          ...['IPLayerMaxConnections', 'IPLayerMaxIncrementalResult', 'IPLayerCapSupportedMetrics'],
          ...['SoftwareVersion', 'ControlProtocolVersion'].map(
            (what) => `IPLayerCapSupported${what}`,
          ),
        ].map((name) => [name, 'there is no such diagnostic']),
      ),
    },
  ],
  report: ({ observed }, out) => {
    const capable = { IPv4: true, IPv6: observed.network?.ipv6Capable === true };
    const values = SUPPORTED.map((what) => {
      const family = what.startsWith('IPv6') ? 'IPv6' : 'IPv4';
      return [`${what}Supported`, String(capable[family])];
    });
    out.put(DIAGNOSTICS, Object.fromEntries(values));
  },
};
