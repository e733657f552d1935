/** The disk: partition table, boot partition, slot a, and a data partition without anything in it. */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  lutimesSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import {
  type Arch,
  DISK_SIGNATURE,
  FIRST_BYTES,
  fail,
  filesIn,
  PARTITIONS,
  sourceDateEpoch,
} from './layout.ts';

const SECTOR = 512;

export interface DiskParts {
  /** What lies before the first partition: MBR code and, for BIOS, the loader. */
  readonly head: Buffer;
  /** Folder with the boot partition's files. */
  readonly boot: string;
  readonly rootA: string;
}

/** Writes the image to `out`; it has holes where nothing is. */
export function buildDisk(arch: Arch, parts: DiskParts, out: string): void {
  rmSync(out, { force: true });
  const sizes = PARTITIONS.map(({ sizeBytes }) => sizeBytes);
  const starts = sizes.map((_, i) =>
    sizes.slice(0, i).reduce((sum, size) => sum + size, FIRST_BYTES),
  );
  const file = openSync(out, 'w+');
  const head = Buffer.alloc(Math.max(parts.head.length, SECTOR));
  parts.head.copy(head);
  partitionTable(arch, starts, sizes).copy(head, 440);
  if (head.length > FIRST_BYTES) fail('the boot loader does not fit before the first partition');
  writeSync(file, head);
  truncateSync(out, (starts.at(-1) ?? 0) + (sizes.at(-1) ?? 0));
  const place = (path: string, index: number): void => {
    const bytes = readFileSync(path);
    if (bytes.length > (sizes[index] ?? 0))
      fail(`${path} does not fit in ${PARTITIONS[index]?.name}`);
    for (let at = 0; at < bytes.length; at += 65536) {
      const piece = bytes.subarray(at, at + 65536);
      if (piece.some((byte) => byte !== 0))
        writeSync(file, piece, 0, piece.length, (starts[index] ?? 0) + at);
    }
  };
  const fat = `${out}.boot`;
  bootPartition(parts.boot, sizes[0] ?? 0, fat);
  place(fat, 0);
  place(parts.rootA, 1);
  const data = `${out}.data`;
  dataPartition(sizes[3] ?? 0, data);
  place(data, 3);
  closeSync(file);
  rmSync(fat);
  rmSync(data);
}

/** From the disk signature on, 72 bytes up to the end of the sector. */
function partitionTable(arch: Arch, starts: readonly number[], sizes: readonly number[]): Buffer {
  const table = Buffer.alloc(SECTOR - 440);
  table.writeUInt32LE(DISK_SIGNATURE, 0);
  PARTITIONS.forEach(({ type }, i) => {
    const at = 6 + 16 * i;
    table.writeUInt8(i === 0 ? 0x80 : 0, at);
    // Cylinder, head and sector that mean: see the sector numbers.
    table.set([0xfe, 0xff, 0xff, type[arch], 0xfe, 0xff, 0xff], at + 1);
    table.writeUInt32LE((starts[i] ?? 0) / SECTOR, at + 8);
    table.writeUInt32LE((sizes[i] ?? 0) / SECTOR, at + 12);
  });
  table.writeUInt16LE(0xaa55, 70);
  return table;
}

function bootPartition(folder: string, sizeBytes: number, out: string): void {
  rmSync(out, { force: true });
  const env = {
    ...process.env,
    SOURCE_DATE_EPOCH: String(sourceDateEpoch()),
    MTOOLS_SKIP_CHECK: '1',
    TZ: 'UTC',
  };
  const run = (program: string, ...args: string[]) =>
    execFileSync(program, args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  for (const path of filesIn(folder)) {
    lutimesSync(path, sourceDateEpoch(), sourceDateEpoch());
  }
  run('mkfs.vfat', '-C', '-F', '32', '-n', 'BOOT', '--invariant', out, String(sizeBytes / 1024));
  run(
    'mcopy',
    '-s',
    '-m',
    '-i',
    out,
    ...readdirSync(folder)
      .sort()
      .map((name) => join(folder, name)),
    '::',
  );
}

/** Small, and with room in its tables to grow to the end of a disk of 512 GB while it is mounted. */
function dataPartition(sizeBytes: number, out: string): void {
  rmSync(out, { force: true });
  execFileSync(
    'mke2fs',
    [
      '-q',
      '-t',
      'ext4',
      '-L',
      'data',
      '-m',
      '1',
      '-b',
      '4096',
      '-O',
      '^metadata_csum_seed',
      '-U',
      '67617465-686f-7573-6500-000000000000',
      '-E',
      'resize=134217728,root_owner=0:0,hash_seed=67617465-686f-7573-6500-000000000001',
      out,
      String(sizeBytes / 4096),
    ],
    {
      env: { ...process.env, E2FSPROGS_FAKE_TIME: String(sourceDateEpoch()) },
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  if (statSync(out).size !== sizeBytes) fail('mke2fs made another size');
}
