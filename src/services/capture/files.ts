/** Files of captures: how they are called, and which of them go when there are too many. Pure. */
import type { Result } from '../../base/result.ts';
import type { CaptureFile } from '../../os/ports-capture.ts';

/** Files of one capture follow each other; so many stay. */
export const FILES_OF_ONE = 4;
/** Of all that may be kept, what one capture that runs may write: two may run, and the other half is for what is over. */
const PART_OF_ONE = 4;

/** Of one file of a capture, when so many bytes may be kept in all. */
export const mostBytesOfFile = (maxBytes: number): number =>
  Math.floor(maxBytes / PART_OF_ONE / FILES_OF_ONE);

/** `capture-7.pcapng` of a command, `configured-7.pcapng` of a row: letters, digits and hyphens alone, so it needs no care anywhere. The engine adds number and time. */
export const captureName = (id: string): string =>
  `${/^\d+$/.test(id) ? 'capture' : 'configured'}-${numberOf(id)}.pcapng`;

/** `LinkLost-1-20261129T083000Z.pcapng`. */
export const triggerName = (event: string, id: string, wallMs: number): string => {
  const time = new Date(wallMs)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replace(/[-:]/g, '');
  return `${event}-${numberOf(id)}-${time}.pcapng`;
};

/** The first number of a capture of a command that no file has; 1 where the files cannot be told. */
export const nextId = (files: Result<readonly CaptureFile[], unknown>): number =>
  1 +
  Math.max(
    0,
    ...(files.ok ? files.value : []).map(({ name }) =>
      Number(/^capture-(\d{1,9})-/.exec(name)?.[1] ?? 0),
    ),
  );

const numberOf = (id: string): string => /\d+$/.exec(id)?.[0] ?? '0';

export interface FileLimits {
  readonly files: number;
  readonly bytes: number;
}

/** Names of those that must go so that the rest keeps the limits: the oldest first, of which `files` begins. */
export function tooMany(files: readonly CaptureFile[], limits: FileLimits): readonly string[] {
  let bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  let count = files.length;
  const gone: string[] = [];
  for (const file of files) {
    if (count <= limits.files && bytes <= limits.bytes) break;
    gone.push(file.name);
    count -= 1;
    bytes -= file.bytes;
  }
  return gone;
}
