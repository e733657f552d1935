/**
 * Reads an ExportMetricsServiceRequest in JSON as strictly as opentelemetry-proto has it: nothing but the fields of
 * its messages, 64-bit integers as strings, enums as numbers, one kind of data to a metric and one value to a point.
 */
export interface OtlpPoint {
  readonly attributes: Readonly<Record<string, string>>;
  readonly value: number | bigint;
  readonly startNano: bigint | undefined;
  readonly timeNano: bigint;
}

export interface OtlpMetric {
  readonly name: string;
  readonly unit: string;
  readonly description: string;
  readonly kind: 'sum' | 'gauge';
  readonly points: readonly OtlpPoint[];
}

export interface OtlpRequest {
  readonly resource: Readonly<Record<string, string>>;
  readonly scope: { readonly name: string; readonly version: string };
  readonly metrics: readonly OtlpMetric[];
}

class NotOtlp extends TypeError {}

function fields(value: unknown, what: string, names: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new NotOtlp(`${what} is no message`);
  for (const name of Object.keys(value))
    if (!names.includes(name)) throw new NotOtlp(`${what} has no field ${name}`);
  return value as Record<string, unknown>;
}

function list(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new NotOtlp(`${what} is no list`);
  return value;
}

function only(value: unknown, what: string): unknown {
  const [one, ...more] = list(value, what);
  if (one === undefined || more.length > 0) throw new NotOtlp(`${what} is not one`);
  return one;
}

function string(value: unknown, what: string): string {
  if (typeof value !== 'string' || !value.isWellFormed()) throw new NotOtlp(`${what} is no text`);
  return value;
}

function integer(value: unknown, what: string): bigint {
  if (typeof value !== 'string' || !/^-?\d+$/.test(value))
    throw new NotOtlp(`${what} is no 64-bit integer as a string`);
  const read = BigInt(value);
  if (BigInt.asIntN(64, read) !== read) throw new NotOtlp(`${what} is out of range`);
  return read;
}

function double(value: unknown, what: string): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'string' && /^(NaN|-?Infinity)$/.test(value)) return Number(value);
  throw new NotOtlp(`${what} is no double`);
}

function attributesOf(value: unknown, what: string): Readonly<Record<string, string>> {
  const read: Record<string, string> = {};
  for (const one of list(value, what)) {
    const { key, value } = fields(one, what, ['key', 'value']);
    const name = string(key, `${what} key`);
    if (name === '' || Object.hasOwn(read, name))
      throw new NotOtlp(`${what}: ${name} twice or empty`);
    read[name] = string(fields(value, what, ['stringValue'])['stringValue'], `${what} ${name}`);
  }
  return read;
}

function pointOf(value: unknown, what: string, kind: OtlpMetric['kind']): OtlpPoint {
  const names = ['attributes', 'startTimeUnixNano', 'timeUnixNano', 'asInt', 'asDouble'];
  const point = fields(value, what, names);
  const [hasInt, hasDouble] = [Object.hasOwn(point, 'asInt'), Object.hasOwn(point, 'asDouble')];
  if (hasInt === hasDouble) throw new NotOtlp(`${what} has not one value`);
  const start = point['startTimeUnixNano'];
  if ((start !== undefined) !== (kind === 'sum')) throw new NotOtlp(`${what}: start`);
  return {
    attributes: attributesOf(point['attributes'], what),
    value: hasInt ? integer(point['asInt'], what) : double(point['asDouble'], what),
    startNano: start === undefined ? undefined : integer(start, `${what} start`),
    timeNano: integer(point['timeUnixNano'], `${what} time`),
  };
}

function metricOf(value: unknown): OtlpMetric {
  const metric = fields(value, 'metric', ['name', 'description', 'unit', 'sum', 'gauge']);
  const name = string(metric['name'], 'name');
  if (!/^[A-Za-z][\w./-]{0,254}$/.test(name)) throw new NotOtlp(`${name} is no name`);
  const kinds = (['sum', 'gauge'] as const).filter((kind) => Object.hasOwn(metric, kind));
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1) throw new NotOtlp(`${name} is not of one kind`);
  const data = fields(
    metric[kind],
    name,
    kind === 'sum' ? ['dataPoints', 'aggregationTemporality', 'isMonotonic'] : ['dataPoints'],
  );
  if (kind === 'sum' && (data['aggregationTemporality'] !== 2 || data['isMonotonic'] !== true))
    throw new NotOtlp(`${name} is no cumulative, monotonic sum`);
  const points = list(data['dataPoints'], name).map((point) => pointOf(point, name, kind));
  const series = new Set(points.map(({ attributes }) => JSON.stringify(attributes)));
  if (points.length === 0 || series.size < points.length)
    throw new NotOtlp(`${name} has no points, or two of one series`);
  return {
    ...{ name, kind, points, unit: string(metric['unit'], 'unit') },
    description: string(metric['description'], 'description'),
  };
}

/** @throws when it is not as it should be */
export function readOtlp(json: string): OtlpRequest {
  const request = fields(JSON.parse(json), 'request', ['resourceMetrics']);
  const of = fields(only(request['resourceMetrics'], 'resources'), 'resource', [
    ...['resource', 'scopeMetrics'],
  ]);
  const resource = fields(of['resource'], 'resource', ['attributes']);
  const scoped = fields(only(of['scopeMetrics'], 'scopes'), 'scope', ['scope', 'metrics']);
  const scope = fields(scoped['scope'], 'scope', ['name', 'version']);
  const metrics = list(scoped['metrics'], 'metrics').map(metricOf);
  if (new Set(metrics.map(({ name }) => name)).size < metrics.length)
    throw new NotOtlp('two metrics of one name');
  return {
    ...{ resource: attributesOf(resource['attributes'], 'resource'), metrics },
    scope: {
      name: string(scope['name'], 'scope'),
      version: string(scope['version'], 'version'),
    },
  };
}
