import type { SystemError } from '../../base/errors.ts';
import { ok, type Result } from '../../base/result.ts';
import type { Files } from '../ports.ts';

/** A UUID that lasts from this boot to the next (random(4)): tells whether PIDs and CLOCK_BOOTTIME of an earlier daemon still mean something. */
export function bootId(files: Files): Result<string, SystemError> {
  const text = files.readText('/proc/sys/kernel/random/boot_id');
  return text.ok ? ok(text.value.trim()) : text;
}
