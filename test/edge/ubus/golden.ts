import { existsSync, readFileSync } from 'node:fs';

interface GoldenFrame {
  readonly conn: number;
  readonly direction: 'client->ubusd' | 'ubusd->client';
  readonly hex?: string;
  readonly eof?: boolean;
}

interface GoldenScenario {
  readonly name: string;
  readonly cli: { readonly stdout?: string } | null;
  readonly frames: readonly GoldenFrame[];
}

const FILE = new URL('../../../../shared/data/ubus-golden.json', import.meta.url);

/** What real ubusd and its clients said to each other, or undefined where the recordings are not. */
export function goldenScenarios(): readonly GoldenScenario[] | undefined {
  return existsSync(FILE) ? JSON.parse(readFileSync(FILE, 'utf8')).scenarios : undefined;
}
