/** The daemon's configuration file, or OpenWrt's uci in its place: read at start, and followed. */
import { SystemError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { followRows } from '../control/followed-rows.ts';
import {
  DEFAULT_CONFIG,
  type ProcessConfig,
  parseProcessConfig,
} from '../control/process-config.ts';
import { DAEMON_FLAGS, type DaemonOptions } from '../edge/cli/daemon-options.ts';
import { LinuxFiles } from '../os/linux/files.ts';

export function readConfig({
  config: path,
  uci,
}: DaemonOptions): Result<ProcessConfig, readonly string[]> {
  if (uci !== undefined) return parseProcessConfig(JSON.stringify(uci));
  const text = new LinuxFiles().readText(path);
  if (text.ok) return parseProcessConfig(text.value);
  const optional = path === DAEMON_FLAGS['--config']?.fallback && text.error.code === 'ENOENT';
  return optional ? ok(DEFAULT_CONFIG) : err([text.error.message]);
}

/** A router that runs is not stopped by what was written into a file since. */
export async function follow(
  path: string,
  followed: ReturnType<typeof followRows>,
  log: Log,
): Promise<void> {
  const set = await followed;
  if (set.ok) {
    if (set.value.length > 0) log.info({ paths: set.value }, `set what ${path} has changed`);
    return;
  }
  const faults = set.error instanceof SystemError ? [set.error] : set.error;
  for (const { message } of faults) log.error({}, `${path}: ${message}`);
}
