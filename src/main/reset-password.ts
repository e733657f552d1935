/** A new password for an account while no daemon runs, in failsafe for one: as the daemon would write it, with history and audit. */
import { SystemError } from '../base/errors.ts';
import { err, ok, type Result } from '../base/result.ts';
import { RowAccounts } from '../control/accounts.ts';
import { ConfigurationService } from '../control/configuration.ts';
import { History } from '../control/history.ts';
import { AuditTrail } from '../os/linux/audit.ts';
import { bootId } from '../os/linux/boot.ts';
import { LinuxClock } from '../os/linux/clock.ts';
import { LinuxFiles } from '../os/linux/files.ts';
import { loadNative } from '../os/linux/native.ts';
import { LinuxSecrets } from '../os/linux/secrets.ts';
import { openStore } from '../os/linux/store.ts';
import type { Rows } from '../state/rows.ts';
import { auditChange } from './audit-change.ts';
import { offlineModel, silent } from './offline-model.ts';

const USERS = 'Device.Users.User.';
const ORIGIN = { user: 'root', via: 'console', address: 'without the daemon' };

/** Gives the name of the account; without one given it is the only administrator. */
export async function resetPassword(
  stateDir: string,
  nativePath: string,
  name: string | undefined,
  password: string,
): Promise<Result<string, readonly string[]>> {
  const failed = ({ message }: SystemError): Result<never, readonly string[]> => err([message]);
  const files = new LinuxFiles();
  const native = loadNative(nativePath);
  const clock = new LinuxClock(native);
  const secrets = new LinuxSecrets(native);
  if (!files.readText(`${stateDir}/audit/audit.log`).ok) {
    return failed(new SystemError(`${stateDir} holds no state of Gatehouse`, 'ENOENT'));
  }
  const boot = bootId(files);
  if (!boot.ok) return failed(boot.error);
  const opened = await openStore(stateDir);
  if (!opened.ok) return failed(opened.error);
  await using store = opened.value;
  const trailed = await AuditTrail.open({ directory: `${stateDir}/audit`, clock, log: silent });
  if (!trailed.ok) return failed(trailed.error);
  await using trail = trailed.value;
  const history = new History({ store, clock, secrets, bootId: boot.value });
  const unrecorded: string[] = [];
  const { rows, model } = offlineModel(store, secrets, {
    journal: history,
    audit: async (entries) => {
      const recorded = await trail.record(entries.map(auditChange));
      if (!recorded.ok) unrecorded.push(`not in the audit trail: ${recorded.error.message}`);
    },
  });
  using _model = model;
  await using configuration = new ConfigurationService({
    ...{ model, history, clock, secrets, log: silent, version: '' },
    audit: async () => {},
  });
  // A change that was not confirmed would keep this one from being made.
  await configuration.recover();
  const account = accountOf(rows, name);
  if (!account.ok) return err([account.error]);
  const accounts = new RowAccounts({ rows, model, secrets });
  const changed = await accounts.changePassword(account.value, password, ORIGIN);
  if (!changed.ok) return err(changed.error.map(({ message }) => message));
  return unrecorded.length === 0 ? ok(account.value) : err(unrecorded);
}

function accountOf(rows: Rows, name: string | undefined): Result<string, string> {
  const all = rows.instances(USERS).map((n) => rows.values(`${USERS}${n}.`));
  const names = all
    .filter(
      (row) =>
        row?.get('Enable') === 'true' &&
        (name !== undefined || row.get('X_GATEHOUSE_Role') === 'Administrator'),
    )
    .map((row) => row?.get('Username') ?? '');
  const [first, second] = name === undefined ? names : names.filter((one) => one === name);
  if (first !== undefined && second === undefined) return ok(first);
  if (names.length === 0) return err('there are no accounts yet: the page makes the first one');
  return err(
    name === undefined
      ? `there are several administrators; say which: ${names.join(', ')}`
      : `there is no account ${name}; there are ${names.join(', ')}`,
  );
}
