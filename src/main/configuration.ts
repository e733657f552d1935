/** The configuration as it stands before anything of it is put into effect, and the service that keeps it over time. */
import type { Clock } from '../base/clock.ts';
import { SystemError } from '../base/errors.ts';
import { ulaPrefix } from '../base/ip6.ts';
import type { Log } from '../base/log.ts';
import { ConfigurationService } from '../control/configuration.ts';
import { followRows, noteFollowed } from '../control/followed-rows.ts';
import type { History } from '../control/history.ts';
import type { ProcessConfig } from '../control/process-config.ts';
import type { DaemonOptions } from '../edge/cli/daemon-options.ts';
import type { LinuxSecrets } from '../os/linux/secrets.ts';
import type { Store } from '../os/ports.ts';
import type { Rows } from '../state/rows.ts';
import { layDownInitial } from '../tr181/initial.ts';
import type { Model, Origin } from '../tr181/model.ts';
import { follow } from './configuration-file.ts';
import { must } from './must.ts';

export interface ConfigurationParts {
  readonly model: Model;
  readonly rows: Rows;
  readonly history: History;
  readonly store: Store;
  readonly secrets: LinuxSecrets;
  readonly clock: Clock;
  readonly log: Log;
  readonly options: DaemonOptions;
  readonly config: ProcessConfig;
  readonly version: string;
  readonly audit: (what: string, origin: Origin) => Promise<void>;
}

/** Throws SystemError where the first rows are refused. */
export async function takeUpConfiguration(
  stack: AsyncDisposableStack,
  parts: ConfigurationParts,
): Promise<ConfigurationService> {
  const { model, store, log, options, config } = parts;
  const configuration = stack.use(
    new ConfigurationService({ ...parts, log: log.child({ room: 'control' }) }),
  );
  const first = parts.rows.empty;
  if (first) {
    const { interfaces, rows: overrides, account } = config;
    const ula = ulaPrefix(parts.secrets.randomBytes(5));
    const laid = await layDownInitial(model, { ...interfaces, ula, overrides, account });
    if (!laid.ok) {
      const faults = laid.error.map((fault) => fault.message).join('; ');
      throw new SystemError(`the rows of ${options.config} were refused: ${faults}`, 'EINVAL');
    }
    if (options.uci !== undefined) must(await noteFollowed(store, config.rows));
  }
  // What was not confirmed is undone before anything of it is put into effect.
  await configuration.recover();
  if (!first && options.uci !== undefined) {
    await follow(options.config, followRows({ store, model }, config.rows), log);
  }
  return configuration;
}
