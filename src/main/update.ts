/** Firmware updates with their real adapters, and as ubus and the command line offer them. */
import type { Clock } from '../base/clock.ts';
import { SystemError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { err, type Result } from '../base/result.ts';
import { type CommandService, done, failed } from '../edge/ubus/gatehouse.ts';
import { LinuxDownloads } from '../os/linux/download.ts';
import { LinuxSpools } from '../os/linux/spool.ts';
import type { Files, RootHelper } from '../os/ports.ts';
import { placesOf, type UpdateObserved } from '../services/update/config.ts';
import { UpdateService } from '../services/update/service.ts';
import type { Origin } from '../tr181/model.ts';

/** Root's, on the read-only root file system; where it is missing, the box has no slots. */
const UPDATE_CONF = '/usr/lib/gatehouse/update.conf';

export interface UpdateSurroundings {
  readonly helper: RootHelper;
  readonly clock: Clock;
  readonly log: Log;
  readonly files: Files;
  readonly isWell: () => boolean;
  readonly report: (value: UpdateObserved) => void;
}

export function buildUpdates(around: UpdateSurroundings): UpdateService {
  const conf = around.files.readText(UPDATE_CONF);
  return new UpdateService({
    ...around,
    spools: new LinuxSpools(),
    downloads: new LinuxDownloads(),
    places: conf.ok ? placesOf(conf.value) : undefined,
  });
}

/** The commands of `FirmwareImage.{i}.`. */
export function firmwareCalls(updates: UpdateService, helper: RootHelper) {
  return {
    firmwareDownload: async (
      slot: 'a' | 'b',
      url: string,
      activate: boolean,
    ): Promise<Result<void, SystemError>> => {
      if (slot === updates.observed.said?.running) {
        return err(new SystemError('this image runs: download to the other one', 'EBUSY'));
      }
      return updates.download(url, activate);
    },
    firmwareActivate: async (slot: 'a' | 'b'): Promise<Result<void, SystemError>> => {
      const chosen = await updates.select(slot);
      return chosen.ok ? helper.reboot() : chosen;
    },
  };
}

const told = (result: Result<void, SystemError>, updates: UpdateService) =>
  result.ok ? done(updates.observed) : failed(result.error.message);

/** `audit` resolves when the record is on disk. */
export function updateCommands(
  updates: UpdateService,
  audit: (what: string, origin: Origin) => Promise<void>,
): CommandService {
  return {
    name: 'update',
    about: 'the firmware: what each slot holds, and its update',
    commands: {
      status: {
        about: 'the slots, and how far an update is',
        args: {},
        run: async () => done(updates.observed),
      },
      begin: {
        about: 'announces a bundle of so many bytes',
        args: { size: 'int32' },
        run: async ({ size }, { origin }) => {
          if (typeof size !== 'number')
            return failed('size is missing: that of the bundle in bytes');
          await audit('begin', origin);
          return told(await updates.begin(size), updates);
        },
      },
      write: {
        about: 'the next bytes of the bundle, in base64',
        args: { offset: 'int32', data: 'string' },
        run: async ({ offset, data }) => {
          const bytes = typeof data === 'string' ? fromBase64(data) : undefined;
          if (typeof offset !== 'number' || bytes === undefined) {
            return failed('offset or data is missing');
          }
          return told(await updates.write(offset, bytes), updates);
        },
      },
      download: {
        about: 'fetches a bundle by HTTPS, verifies it and writes it to the idle slot',
        args: { url: 'string' },
        run: async ({ url }, { origin }) => {
          if (typeof url !== 'string') return failed('url is missing: that of the bundle');
          await audit('download', origin);
          return told(await updates.download(url, false), updates);
        },
      },
      install: {
        about: 'verifies what was sent and writes it to the idle slot',
        args: {},
        run: async (_args, { origin }) => {
          await audit('install', origin);
          return told(await updates.install(), updates);
        },
      },
      cancel: {
        about: 'gives up what was sent so far',
        args: {},
        run: async () => told(await updates.cancel(), updates),
      },
      activate: {
        about: 'the next boot is from the idle slot',
        args: {},
        run: async (_args, { origin }) => {
          await audit('activate', origin);
          return told(await updates.activate(), updates);
        },
      },
      rollback: {
        about: 'the next boot is from the slot of the version before',
        args: {},
        run: async (_args, { origin }) => {
          await audit('rollback', origin);
          return told(await updates.rollback(), updates);
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
