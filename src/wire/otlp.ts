/**
 * OTLP 1.x metrics in JSON (opentelemetry-proto, docs/specification.md § JSON Protobuf Encoding;
 * metrics/v1/metrics.proto): ExportMetricsServiceRequest written, its response read.
 */
import { boundedFamilies, type Family, labelText, type Sample } from './openmetrics.ts';

export interface OtlpFrame {
  /** Of the resource: `service.name` and the like. */
  readonly resource: Readonly<Record<string, string>>;
  readonly scope: { readonly name: string; readonly version: string };
  /** Unix time: since when counters count, and now. */
  readonly startMs: number;
  readonly timeMs: number;
}

/** AggregationTemporality: a counter is told as a whole each time. */
const CUMULATIVE = 2;
/** Units as UCUM has them. */
const UNITS = { seconds: 's', bytes: 'By', ratio: '1' } as const;
const MAX_INT64 = 2n ** 63n - 1n;

/** The families as `/metrics` has them, under the same bounds. Counters are sums, all else gauges; an info is 1. */
export function encodeOtlpMetrics(families: readonly Family[], frame: OtlpFrame): string {
  const time = { timeUnixNano: nanos(frame.timeMs) };
  const metrics = boundedFamilies(families).map(({ name, type, unit, help, samples }) => {
    const start = type === 'counter' ? { startTimeUnixNano: nanos(frame.startMs) } : {};
    const dataPoints = samples.map(({ labels, value }) => ({
      attributes: attributes(labels),
      ...start,
      ...time,
      ...numberOf(value),
    }));
    return {
      name: type === 'info' ? `${name}_info` : name,
      description: help,
      unit: unit === undefined ? '' : UNITS[unit],
      ...(type === 'counter'
        ? { sum: { dataPoints, aggregationTemporality: CUMULATIVE, isMonotonic: true } }
        : { gauge: { dataPoints } }),
    };
  });
  return JSON.stringify({
    resourceMetrics: [
      {
        resource: { attributes: attributes(frame.resource) },
        scopeMetrics: [{ scope: frame.scope, metrics }],
      },
    ],
  });
}

const attributes = (labels: Readonly<Record<string, string>>): readonly object[] =>
  Object.entries(labels).map(([key, value]) => ({ key, value: { stringValue: labelText(value) } }));

/** fixed64 is a string in JSON. */
const nanos = (ms: number): string => String(BigInt(Math.round(ms)) * 1_000_000n);

/** What JSON has no number for is a word (the Protobuf JSON mapping of double). */
function numberOf(value: Sample['value']): { asInt: string } | { asDouble: number | string } {
  if (typeof value === 'bigint' && value <= MAX_INT64 && value >= -MAX_INT64)
    return { asInt: String(value) };
  const double = Number(value);
  return { asDouble: Number.isFinite(double) ? double : String(double) };
}

/** Data points that the collector did not take (ExportMetricsPartialSuccess), and why; what is no such answer says none. */
export function readOtlpAnswer(text: string): {
  readonly rejected: number;
  readonly message: string;
} {
  const none = { rejected: 0, message: '' };
  try {
    const { partialSuccess } = Object(JSON.parse(text));
    const { rejectedDataPoints, errorMessage } = Object(partialSuccess);
    const rejected = Number(rejectedDataPoints ?? 0);
    if (!Number.isSafeInteger(rejected) || rejected < 0) return none;
    return { rejected, message: typeof errorMessage === 'string' ? errorMessage : '' };
  } catch {
    return none;
  }
}
