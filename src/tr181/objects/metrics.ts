/** `Device.X_GATEHOUSE_Metrics.`: numbers for whoever collects them. */
import type { OtlpConfig } from '../../services/otlp/config.ts';
import { readOtlpHeaders } from '../../wire/otlp-headers.ts';
import type { Row, RowReader } from '../reader.ts';
import { ENABLE, type ObjectGroup, type ParamDef, REASON } from '../table.ts';
import { checkAuthority } from './authority.ts';

const METRICS = 'Device.X_GATEHOUSE_Metrics.';
const MIN_TOKEN = 16;
const WHY = 'TR-181 has no such part';

export interface MetricsConfig {
  /** Undefined while nobody may ask. */
  readonly token: string | undefined;
  /** Undefined while nobody is told. */
  readonly otlp: OtlpConfig | undefined;
}

const counter = (about: string): ParamDef => ({
  ...{ type: 'StatsCounter64', volatile: true, about, reason: WHY },
});

export const metrics: ObjectGroup = {
  name: 'Metrics',
  inputs: ['otlp'],
  objects: [
    {
      path: METRICS,
      about:
        'What the router is and does, in numbers: GET /metrics of the page, in OpenMetrics, and OTLP.',
      params: {
        Enable: { ...ENABLE, about: 'Whether /metrics answers.', reason: WHY },
        Token: {
          type: 'string',
          size: [0, 128],
          pattern: `|[A-Za-z0-9_.~+/=-]{${MIN_TOKEN},128}`,
          access: 'readWrite',
          default: '',
          secret: true,
          about: `What a collector proves itself by (Authorization: Bearer), at least ${MIN_TOKEN} characters; written, never read.`,
          reason: WHY,
        },
        OTLPEnable: {
          ...{ ...ENABLE, reason: WHY },
          about: 'Whether a collector is told the same numbers, by OTLP over HTTP, in JSON.',
        },
        OTLPEndpoint: {
          ...{ type: 'string', size: [0, 512], access: 'readWrite', default: '', reason: WHY },
          about: 'Where they are posted to: http[s]://…/v1/metrics.',
        },
        OTLPInterval: {
          ...{ type: 'unsignedInt', access: 'readWrite', default: '60', units: 'seconds' },
          ...{ range: [[5, 86_400]], reason: WHY },
          about: 'From one export to the next; longer after failures.',
        },
        OTLPHeaders: {
          ...{ type: 'string', size: [0, 2048], access: 'readWrite', default: '', secret: true },
          about:
            'Headers of each, such as a token: name=value,…, values percent-encoded; written, never read.',
          reason: WHY,
        },
        OTLPAuthority: {
          ...{ type: 'string', size: [0, 16_384], access: 'readWrite', default: '', reason: WHY },
          about:
            'https: certificates (PEM) that its own must come from; empty: those that the system trusts.',
        },
        OTLPStatus: {
          type: 'string',
          enum: ['Disabled', 'Connecting', 'Up', 'Error'],
          default: 'Disabled',
          about: 'What became of the last export.',
          reason: WHY,
        },
        OTLPReason: REASON,
        OTLPSent: counter('Exports that were taken.'),
        OTLPFailed: counter('Exports that were not taken; the next one says all that they said.'),
        OTLPRejected: counter(
          'Data points that the collector refused out of exports that it took.',
        ),
      },
    },
  ],
  report: ({ observed }, out) => {
    const seen = observed.otlp;
    out.put(METRICS, {
      ...{ OTLPStatus: seen?.state ?? 'Disabled', OTLPReason: seen?.reason ?? '' },
      OTLPSent: () => String(seen?.sent ?? 0),
      OTLPFailed: () => String(seen?.failed ?? 0),
      OTLPRejected: () => String(seen?.rejected ?? 0),
    });
  },
  check: (rows, out) => {
    const row = rows.at(METRICS);
    const headers = readOtlpHeaders(row?.text('OTLPHeaders') ?? '');
    if (!headers.ok) out.fault(`${METRICS}OTLPHeaders`, headers.error);
    checkAuthority(row, 'OTLPAuthority', out);
    const endpoint = row?.text('OTLPEndpoint') ?? '';
    if (endpoint === '' && row?.bool('OTLPEnable') === true) {
      out.fault(`${METRICS}OTLPEndpoint`, 'it is needed before a collector is told');
    }
    const url = URL.parse(endpoint);
    if (endpoint !== '' && (url === null || !['http:', 'https:'].includes(url.protocol))) {
      out.fault(`${METRICS}OTLPEndpoint`, 'it begins with http:// or https:// and a host');
    } else if (url !== null && (url.username !== '' || url.password !== '')) {
      out.fault(`${METRICS}OTLPEndpoint`, 'what it is proved by stands in OTLPHeaders');
    }
    if (row?.bool('Enable') === true && row.text('Token') === '') {
      out.fault(`${METRICS}Token`, 'it is needed before /metrics answers');
    }
  },
};

export function compileMetrics(rows: RowReader): MetricsConfig {
  const row = rows.at(METRICS);
  const token = row?.text('Token') ?? '';
  return {
    token: row?.bool('Enable') === true && token !== '' ? token : undefined,
    otlp: row?.bool('OTLPEnable') === true ? compileOtlp(row) : undefined,
  };
}

function compileOtlp(row: Row): OtlpConfig | undefined {
  const headers = readOtlpHeaders(row.text('OTLPHeaders'));
  const endpoint = row.text('OTLPEndpoint');
  if (endpoint === '' || !headers.ok) return undefined;
  return {
    ...{ endpoint, headers: headers.value, authority: row.text('OTLPAuthority') },
    intervalMs: row.number('OTLPInterval') * 1000,
  };
}
