/** `Device.X_GATEHOUSE_Metrics.`: numbers for whoever collects them. */
import type { RowReader } from '../reader.ts';
import { ENABLE, type ObjectGroup } from '../table.ts';

const METRICS = 'Device.X_GATEHOUSE_Metrics.';
const MIN_TOKEN = 16;
const WHY = 'TR-181 has no such part';

export interface MetricsConfig {
  /** Undefined while nobody may ask. */
  readonly token: string | undefined;
}

export const metrics: ObjectGroup = {
  name: 'Metrics',
  inputs: [],
  objects: [
    {
      path: METRICS,
      about: 'What the router is and does, in numbers: GET /metrics of the page, in OpenMetrics.',
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
      },
    },
  ],
  check: (rows, out) => {
    const row = rows.at(METRICS);
    if (row?.bool('Enable') === true && row.text('Token') === '') {
      out.fault(`${METRICS}Token`, 'it is needed before /metrics answers');
    }
  },
};

export function compileMetrics(rows: RowReader): MetricsConfig {
  const row = rows.at(METRICS);
  const token = row?.text('Token') ?? '';
  return { token: row?.bool('Enable') === true && token !== '' ? token : undefined };
}
