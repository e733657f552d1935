/** The data model on a store while no daemon runs: what is set is checked, but put into effect by nobody. */
import { SystemError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { err } from '../base/result.ts';
import { hashPassword } from '../control/accounts.ts';
import type { Secrets, Store } from '../os/ports.ts';
import { Observed } from '../state/observed.ts';
import { Rows } from '../state/rows.ts';
import { createModel, type ModelDeps } from '../tr181/engine.ts';
import type { Model } from '../tr181/model.ts';
import type { ServiceCalls } from '../tr181/table.ts';

export const silent: Log = {
  trace: () => {},
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  fatal: () => {},
  child: () => silent,
};

export interface OfflineModel {
  readonly rows: Rows;
  readonly model: Model;
}

export function offlineModel(
  store: Store,
  secrets: Secrets,
  kept: Pick<ModelDeps, 'audit' | 'journal'>,
): OfflineModel {
  const rows = new Rows(store);
  const nobody = async () => err(new SystemError('the daemon does not run', 'ENOTSUP'));
  const model = createModel({
    rows,
    observed: new Observed(silent),
    log: silent,
    product: { name: 'Gatehouse', version: '' },
    lookups: {
      linkStats: () => undefined,
      mapUsage: () => undefined,
      readText: () => undefined,
      dns: () => undefined,
      dnsLogged: () => 0,
      syslog: () => [],
      monitor: () => undefined,
      dht: () => undefined,
      lanTorrents: () => undefined,
      monoMs: () => 0,
      boottimeMs: () => 0,
      wallMs: () => 0,
    },
    calls: new Proxy({} as ServiceCalls, { get: () => nobody }),
    hashPassword: (password) => hashPassword(secrets, password),
    ...kept,
  });
  return { rows, model };
}
