/** OpenMetrics text read by the parser of its own makers (Debian: python3-prometheus-client), which is strict. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const PYTHON = '/usr/bin/python3';
const PARSER = '/usr/lib/python3/dist-packages/prometheus_client/openmetrics/parser.py';
const PROGRAM = `
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read
families = [
    {'name': f.name, 'type': f.type, 'unit': f.unit, 'help': f.documentation,
     'samples': [{'name': s.name, 'labels': s.labels, 'value': str(s.value)} for s in f.samples]}
    for f in read(sys.stdin.read())]
json.dump(families, sys.stdout)
`;

export interface ParsedFamily {
  readonly name: string;
  readonly type: string;
  readonly unit: string;
  readonly help: string;
  readonly samples: readonly {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly value: string;
  }[];
}

export const noParser = (): string | undefined =>
  existsSync(PARSER) ? undefined : 'needs python3-prometheus-client';

/** Throws with what the parser said of text that is none. */
export function parseOpenMetrics(text: string): readonly ParsedFamily[] {
  const ran = spawnSync(PYTHON, ['-c', PROGRAM], { input: text, encoding: 'utf8' });
  if (ran.status !== 0) throw new TypeError(ran.stderr);
  return JSON.parse(ran.stdout);
}
