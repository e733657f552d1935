/** `gatehouse.config`: the configuration over time, as ubus and the command line offer it. */
import type { Configuration } from '../control/configuration.ts';
import type { CommandAnswer, CommandService } from '../edge/ubus/gatehouse.ts';
import type { Fault, Model } from '../tr181/model.ts';
import { done, failed } from './answers.ts';

const refused = (faults: readonly Fault[]): CommandAnswer =>
  failed(faults.map(({ message }) => message).join('\n'), { faults });

/** Values by full path, from a table of texts, numbers and booleans. */
function changesOf(values: unknown): { path: string; value: string }[] | undefined {
  if (typeof values !== 'object' || values === null || Array.isArray(values)) return undefined;
  const changes = Object.entries(values).map(([path, value]: [string, unknown]) => ({
    path,
    value: ['string', 'number', 'boolean', 'bigint'].includes(typeof value)
      ? String(value)
      : undefined,
  }));
  const whole = changes.filter((change) => change.value !== undefined);
  return whole.length === changes.length
    ? whole.map(({ path, value = '' }) => ({ path, value }))
    : undefined;
}

export function configCommands(
  config: Configuration,
  model: Pick<Model, 'set' | 'revision'>,
): CommandService {
  const status = () => ({ revision: model.revision, pending: config.pending ?? null });
  return {
    name: 'config',
    about: 'the configuration over time: history, confirmation, backup',
    commands: {
      status: {
        about: 'the revision, and the change that waits to be confirmed',
        args: {},
        run: async () => done(status()),
      },
      history: {
        about: 'the last changes, newest first: who, when, how, and what',
        args: {},
        run: async () => done({ ...status(), entries: config.history() }),
      },
      diff: {
        about: 'what leads from one revision to another',
        args: { from: 'int32', to: 'int32' },
        run: async ({ from, to = model.revision }) => {
          if (typeof from !== 'number' || typeof to !== 'number') return failed('from is missing');
          const found = config.diff(from, to);
          return found.ok ? done({ from, to, ...found.value }) : failed(found.error);
        },
      },
      set: {
        about: 'sets parameters, undone by itself unless confirmed within so many seconds',
        args: { values: 'table', confirm: 'int32' },
        run: async ({ values, confirm }, { origin }) => {
          const changes = changesOf(values);
          if (changes === undefined) return failed('values is missing: {PATH: VALUE, …}');
          if (confirm !== undefined && typeof confirm !== 'number') {
            return failed('confirm is a number of seconds');
          }
          const options = confirm === undefined ? {} : { confirmSec: confirm };
          const set = await model.set(changes, origin, options);
          if (!set.ok) return refused(set.error);
          return done({ ...status(), changes: set.value.changes });
        },
      },
      restore: {
        about: 'makes the configuration what it was after a revision; accounts stay',
        args: { revision: 'int32' },
        run: async ({ revision }, { origin }) => {
          if (typeof revision !== 'number') return failed('revision is missing');
          const restored = await config.restore(revision, origin);
          return restored.ok
            ? done({ revision: restored.value.revision })
            : refused(restored.error);
        },
      },
      confirm: {
        about: 'the change that waits stays',
        args: { token: 'string' },
        run: async ({ token }, { origin }) => {
          const confirmed = await config.confirm(
            typeof token === 'string' ? token : undefined,
            origin,
          );
          return confirmed.ok ? done(status()) : failed(confirmed.error);
        },
      },
      rollback: {
        about: 'undoes the change that waits',
        args: {},
        run: async (_args, { origin }) => {
          const undone = await config.rollback(origin);
          return undone.ok ? done(status()) : failed(undone.error);
        },
      },
      backup: {
        about: 'the configuration as a file that only the passphrase opens, in base64',
        args: { passphrase: 'string' },
        run: async ({ passphrase }) => {
          if (typeof passphrase !== 'string') return failed('passphrase is missing');
          const file = await config.backup(passphrase);
          return file.ok ? done({ file: file.value.toBase64() }) : failed(file.error);
        },
      },
      restore_backup: {
        about: 'makes the configuration that of a backup',
        args: { passphrase: 'string', file: 'string' },
        run: async ({ passphrase, file }, { origin }) => {
          if (typeof passphrase !== 'string') return failed('passphrase is missing');
          const bytes = typeof file === 'string' ? fromBase64(file) : undefined;
          if (bytes === undefined) return failed('file is missing: the backup in base64');
          const restored = await config.restoreBackup(bytes, passphrase, origin);
          return restored.ok
            ? done({ revision: restored.value.revision })
            : refused(restored.error);
        },
      },
    },
  };
}

function fromBase64(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.fromBase64(text);
  } catch {
    return undefined;
  }
}
