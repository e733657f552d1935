import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { writeOsList } from '../../scripts/image/os-list.ts';

/** What the schema of Raspberry Pi Imager requires of an entry, with its type. */
const REQUIRED = {
  name: 'string',
  description: 'string',
  icon: 'string',
  url: 'string',
  extract_size: 'number',
  extract_sha256: 'string',
  image_download_size: 'number',
  release_date: 'string',
};

async function made(t: Test, baseUrl?: string) {
  const folder = mkdtempSync(join(tmpdir(), 'gh-os-list-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const image = join(folder, 'gatehouse-arm64.img');
  writeFileSync(image, Buffer.alloc(100_000, 7));
  const packed = `${image}.xz`;
  writeFileSync(packed, 'packed');
  const out = join(folder, 'os_list.json');
  await writeOsList({ image, packed, version: '1.2.3', epochSec: 1_767_225_600, baseUrl }, out);
  const list = JSON.parse(readFileSync(out, 'utf8')) as { os_list: Record<string, unknown>[] };
  return { image, packed, list, entry: list.os_list[0] ?? {} };
}

const sum = (path: string): string =>
  execFileSync('sha256sum', [path], { encoding: 'utf8' }).slice(0, 64);

t.test('sizes and sums of what was built', async (t) => {
  const { image, packed, list, entry } = await made(t);
  t.same(Object.keys(list), ['os_list']);
  for (const [name, type] of Object.entries(REQUIRED)) t.equal(typeof entry[name], type, name);
  t.match(entry, {
    name: /1\.2\.3/,
    url: `file://${packed}`,
    extract_size: 100_000,
    extract_sha256: sum(image),
    image_download_size: 6,
    image_download_sha256: sum(packed),
    release_date: '2026-01-01',
    init_format: 'systemd',
  });
});

t.test('where the image is to be had', async (t) => {
  const { entry } = await made(t, 'https://router.example/images/');
  t.equal(entry['url'], 'https://router.example/images/gatehouse-arm64.img.xz');
});
