/** `gatehouse.config`: the configuration over time, as ubus and the command line offer it. */
import type { Result } from '../base/result.ts';
import type { Configuration } from '../control/configuration.ts';
import { type CommandAnswer, type CommandService, done, failed } from '../edge/ubus/gatehouse.ts';
import type { Fault, Model, WriteOptions } from '../tr181/model.ts';

const refused = (faults: readonly Fault[]): CommandAnswer =>
  failed(faults.map(({ message }) => message).join('\n'), { faults });

/** All that changes may be more than a message holds; the history tells. */
const briefly = (): object => ({});

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');

/** Values by path, from a table of texts, numbers and booleans. */
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
  model: Pick<Model, 'get' | 'set' | 'add' | 'del' | 'revision'>,
  /** Names of the links that the kernel has. */
  links: () => readonly string[],
): CommandService {
  const status = () => ({ revision: model.revision, pending: config.pending ?? null });
  /** Ports that the configuration names and this box has not: a backup may be of another one. */
  const absentPorts = (): object => {
    const here = links();
    const names = model
      .get(['Device.Ethernet.Interface.*.Name'])
      .flatMap(({ result }) => (result.ok ? result.value.map(({ value }) => value) : []));
    return { absentPorts: names.filter((name) => name !== '' && !here.includes(name)) };
  };
  /** A change, to be confirmed within `confirm` seconds where that is given. */
  const tried = async <T extends object>(
    confirm: unknown,
    change: (options: WriteOptions) => Promise<Result<T, readonly Fault[]>>,
    told: (done: T) => object = (all) => all,
  ): Promise<CommandAnswer> => {
    if (confirm !== undefined && typeof confirm !== 'number') {
      return failed('confirm is a number of seconds');
    }
    const made = await change(confirm === undefined ? {} : { confirmSec: confirm });
    return made.ok ? done({ ...told(made.value), ...status() }) : refused(made.error);
  };
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
          return tried(confirm, (options) => model.set(changes, origin, options));
        },
      },
      add: {
        about: 'adds a row, undone by itself unless confirmed within so many seconds',
        args: { path: 'string', values: 'table', confirm: 'int32' },
        run: async ({ path, values = {}, confirm }, { origin }) => {
          if (typeof path !== 'string') return failed('path is missing: that of a table');
          const given = changesOf(values);
          if (given === undefined) return failed('values is no table: {NAME: VALUE, …}');
          const named = Object.fromEntries(given.map(({ path: name, value }) => [name, value]));
          return tried(confirm, (options) => model.add(path, named, origin, options));
        },
      },
      del: {
        about: 'deletes rows, undone by itself unless confirmed within so many seconds',
        args: { paths: 'array', confirm: 'int32' },
        run: async ({ paths, confirm }, { origin }) => {
          if (!isTexts(paths)) return failed('paths is missing: a list of rows');
          return tried(confirm, (options) => model.del(paths, origin, options));
        },
      },
      restore: {
        about:
          'makes the configuration what it was after a revision; accounts stay; undone by itself unless confirmed',
        args: { revision: 'int32', confirm: 'int32' },
        run: async ({ revision, confirm }, { origin }) => {
          if (typeof revision !== 'number') return failed('revision is missing');
          return tried(confirm, (options) => config.restore(revision, origin, options), briefly);
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
        about: 'makes the configuration that of a backup, undone by itself unless confirmed',
        args: { passphrase: 'string', file: 'string', confirm: 'int32' },
        run: async ({ passphrase, file, confirm }, { origin }) => {
          if (typeof passphrase !== 'string') return failed('passphrase is missing');
          const bytes = typeof file === 'string' ? fromBase64(file) : undefined;
          if (bytes === undefined) return failed('file is missing: the backup in base64');
          return tried(
            confirm,
            (options) => config.restoreBackup(bytes, passphrase, origin, options),
            absentPorts,
          );
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
