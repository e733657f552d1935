/**
 * The manifest that Raspberry Pi Imager reads (`os_list.json`, its repository's
 * doc/json-schema/os-list-schema.json): with it the image is in Imager's list, and Imager offers its
 * settings for the first start, which the box reads (src/control/card-settings.ts).
 */
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { pathToFileURL } from 'node:url';
import { ROOT } from './layout.ts';

export interface OsListParts {
  /** The disk image, and the same compressed. */
  readonly image: string;
  readonly packed: string;
  readonly version: string;
  /** Unix time of the release in seconds. */
  readonly epochSec: number;
  /** Where the compressed image is to be had, a folder's URL; undefined for the file here. */
  readonly baseUrl: string | undefined;
}

/** Imager's names of the boards whose device trees are on the boot partition. */
const DEVICES = ['pi5-64bit', 'pi4-64bit', 'pi3-64bit'];

const icon = (): string =>
  `data:image/svg+xml,${encodeURIComponent(readFileSync(join(ROOT, 'src/web/icon.svg'), 'utf8'))}`;

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

async function osList(parts: OsListParts): Promise<object> {
  const { image, packed, version, epochSec, baseUrl } = parts;
  const name = basename(packed);
  return {
    os_list: [
      {
        name: `Gatehouse ${version} (64-bit)`,
        description: 'A router: WAN by DHCP on the first port, LAN on the others',
        icon: icon(),
        url:
          baseUrl === undefined
            ? pathToFileURL(packed).href
            : `${baseUrl.replace(/\/$/, '')}/${encodeURIComponent(name)}`,
        extract_size: statSync(image).size,
        extract_sha256: await sha256(image),
        image_download_size: statSync(packed).size,
        image_download_sha256: await sha256(packed),
        release_date: new Date(epochSec * 1000).toISOString().slice(0, 10),
        // Settings come as firstrun.sh, which is read and never run.
        init_format: 'systemd',
        devices: DEVICES,
        architecture: 'armv8',
        capabilities: [],
      },
    ],
  };
}

export async function writeOsList(parts: OsListParts, out: string): Promise<void> {
  writeFileSync(out, `${JSON.stringify(await osList(parts), undefined, 2)}\n`);
}
