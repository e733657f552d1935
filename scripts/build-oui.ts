/**
 * The vendors of MAC addresses (IEEE's registries MA-L, MA-M and MA-S, from the package oui-data)
 * as one small binary: `node scripts/build-oui.ts OUT`. `src/wire/oui.ts` reads it and says how it is laid out.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const MAGIC = 'GHOUI\0\0\u0001';
const LENGTHS = [24, 28, 36] as const;
const MAX_NAME_BYTES = 64;
/** No vendor: somebody who wants to be unknown, and blocks that are divided further. */
const NOBODY = new Set(['', 'Private', 'IEEE Registration Authority']);

/** `entries`: the first 24, 28 or 36 bits in hex, and a text whose first line is the vendor. */
export function packOui(entries: Iterable<readonly [prefix: string, text: string]>): Buffer {
  const rows = new Map<number, { prefix: number; name: number }[]>(LENGTHS.map((n) => [n, []]));
  const names: Buffer[] = [];
  const placeOf = new Map<string, number>();
  let size = 0;
  for (const [prefix, text] of entries) {
    const list = rows.get(prefix.length * 4);
    const name = nameIn(text);
    if (!/^[0-9A-F]+$/.test(prefix) || list === undefined) {
      throw new Error(`no prefix of 24, 28 or 36 bits: ${prefix}`);
    }
    if (NOBODY.has(name)) continue;
    let place = placeOf.get(name);
    if (place === undefined) {
      place = size;
      placeOf.set(name, place);
      const bytes = Buffer.from(name);
      names.push(Buffer.of(bytes.length), bytes);
      size += 1 + bytes.length;
    }
    list.push({ prefix: Number.parseInt(prefix, 16), name: place });
  }
  const head = Buffer.alloc(MAGIC.length + 4 * LENGTHS.length);
  head.write(MAGIC, 'latin1');
  const tables = LENGTHS.map((bits, i) => {
    const list = (rows.get(bits) ?? []).sort((a, b) => a.prefix - b.prefix);
    head.writeUInt32BE(list.length, MAGIC.length + 4 * i);
    const bytes = Math.ceil(bits / 8);
    const table = Buffer.alloc(list.length * (bytes + 3));
    for (const [at, { prefix, name }] of list.entries()) {
      table.writeUIntBE(prefix, at * (bytes + 3), bytes);
      table.writeUIntBE(name, at * (bytes + 3) + bytes, 3);
    }
    return table;
  });
  return Buffer.concat([head, ...tables, ...names]);
}

/** The first line without control characters, at most `MAX_NAME_BYTES` long. */
function nameIn(text: string): string {
  const line = (text.split('\n')[0] ?? '').replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim();
  let name = line;
  while (Buffer.byteLength(name) > MAX_NAME_BYTES) name = [...name].slice(0, -1).join('');
  return name.trim();
}

if (import.meta.main) {
  const out = process.argv[2];
  if (out === undefined) {
    process.stderr.write('usage: node scripts/build-oui.ts OUT\n');
    process.exitCode = 2;
  } else {
    const data = join(import.meta.dirname, '../node_modules/oui-data/index.json');
    const entries: Record<string, string> = JSON.parse(readFileSync(data, 'utf8'));
    mkdirSync(dirname(out), { recursive: true });
    writeFileSync(`${out}.new`, packOui(Object.entries(entries)));
    renameSync(`${out}.new`, out);
  }
}
