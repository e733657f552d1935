/** `Device.DeviceInfo.FirmwareImage.{i}.` (TR-181): the two slots of the firmware, and the update of one. */
import type { SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { UpdateObserved } from '../../services/update/config.ts';
import type { RowReader } from '../reader.ts';
import {
  ALIAS,
  type CommandDef,
  type ObjectDef,
  type ParamDef,
  type ReportSink,
} from '../table.ts';

const IMAGES = 'Device.DeviceInfo.FirmwareImage.';
const UPDATE = 'Device.DeviceInfo.X_GATEHOUSE_Update.';
const OWN = 'the images of TR-181 have a status each, but the update as a whole has none';

const outcome = (
  done: Result<void, SystemError>,
): Result<Readonly<Record<string, string>>, string> => (done.ok ? ok({}) : err(done.error.message));

const slotOf = (rows: RowReader, object: string): 'a' | 'b' =>
  rows.systemRows(IMAGES).find(({ path }) => path === object)?.key === 'a' ? 'a' : 'b';

const commands: Readonly<Record<string, CommandDef>> = {
  Download: {
    about:
      'Fetches an update bundle and has it installed in the idle slot. It ends once the sender answered; Status tells the rest.',
    async: true,
    input: {
      // Neither user nor password: they would stand in the audit trail. No checksum: bundles are signed.
      URL: { type: 'string', size: [1, 2048], mandatory: true },
      AutoActivate: { type: 'boolean', default: 'false' },
    },
    run: async ({ object, args, rows, calls }) =>
      outcome(
        await calls.firmwareDownload(
          slotOf(rows, object),
          args['URL'] ?? '',
          args['AutoActivate'] === 'true',
        ),
      ),
  },
  Activate: {
    about: 'Starts the box again from this image; one that is not well then is given up by itself.',
    async: true,
    run: async ({ object, rows, calls }) =>
      outcome(await calls.firmwareActivate(slotOf(rows, object))),
  },
};

/** Beside the others of `Device.DeviceInfo.`. */
export const FIRMWARE_PARAMS: Readonly<Record<string, ParamDef>> = {
  ActiveFirmwareImage: {
    type: 'string',
    ref: { targets: ['Device.DeviceInfo.FirmwareImage.{i}.'], strong: true },
    about: 'The image that runs; empty on a box that was not installed from one.',
  },
  BootFirmwareImage: {
    type: 'string',
    ref: { targets: ['Device.DeviceInfo.FirmwareImage.{i}.'], strong: true },
    about: 'The image that is booted next.',
    reason: 'written by Activate() alone, which checks that it can be booted',
  },
};

export const FIRMWARE_OBJECTS: readonly ObjectDef[] = [
  {
    path: 'Device.DeviceInfo.FirmwareImage.{i}.',
    about: 'A slot of the disk that holds a whole system, or nothing.',
    rows: 'system',
    uniqueKeys: [['Alias']],
    params: {
      Alias: ALIAS,
      Name: { type: 'string', size: [0, 64], about: 'The slot: a or b.' },
      Version: {
        type: 'string',
        size: [0, 64],
        about: 'Of what it holds; empty when that is nothing.',
      },
      Available: {
        type: 'boolean',
        about: 'Whether it holds something that may be booted.',
        reason: 'the next installation frees the slot, nobody has to',
      },
      Status: {
        type: 'string',
        enum: [
          'NoImage',
          'Active',
          'Downloading',
          'Validating',
          'Available',
          'DownloadFailed',
          'ValidationFailed',
          'InstallationFailed',
          'ActivationFailed',
        ],
        default: 'NoImage',
        about: 'What it is, or what is done with it; writing it counts as Validating.',
      },
      BootFailureLog: {
        type: 'string',
        about: 'Why what it holds could not be installed or started.',
      },
    },
    commands,
  },
  {
    path: UPDATE,
    about: 'The update under way, or the last one.',
    params: {
      Status: {
        type: 'string',
        enum: [
          'None',
          'Idle',
          'Receiving',
          'Verifying',
          'Writing',
          'Ready',
          'Activated',
          'Trying',
          'Confirmed',
          'RolledBack',
          'Failed',
        ],
        default: 'None',
        about:
          'None: no slots here. Ready: installed. Activated: another slot is booted next. Trying: the running version is not confirmed yet. RolledBack: the one before runs again.',
        reason: OWN,
      },
      Percent: {
        type: 'unsignedInt',
        range: [[undefined, 100]],
        units: 'percent',
        about: 'Of receiving, verifying or writing.',
        reason: OWN,
      },
      Reason: {
        type: 'string',
        about: 'Why it failed, or why nothing can be updated here; empty otherwise.',
        reason: OWN,
      },
      Serial: {
        type: 'unsignedLong',
        about: 'Serial of the running version; 0 when it is unknown.',
        reason: 'versions are for people: what is older is told by the serial',
      },
      LeastSerial: {
        type: 'unsignedLong',
        about: 'Bundles with a lower serial are refused.',
        reason: 'versions are for people: what is older is told by the serial',
      },
    },
  },
];

/** Gives the paths of the images that run and are booted next. */
export function reportFirmware(
  update: UpdateObserved | undefined,
  out: ReportSink,
): { readonly ActiveFirmwareImage: string; readonly BootFirmwareImage: string } {
  const said = update?.said;
  const state = update?.state ?? 'none';
  out.put(UPDATE, {
    Status: `${state.charAt(0).toUpperCase()}${state.slice(1)}`,
    Percent: String(update?.percent ?? 0),
    Reason: update?.missing ?? update?.fault ?? '',
    Serial: String(said?.slots[said.running]?.serial ?? 0),
    LeastSerial: String(said?.leastSerial ?? 0),
  });
  if (update === undefined || said === undefined) {
    return { ActiveFirmwareImage: '', BootFirmwareImage: '' };
  }
  const paths = (['a', 'b'] as const).map((slot) => {
    const content = said.slots[slot];
    const idle = slot !== said.running;
    return out.row(IMAGES, slot, {
      Name: slot,
      Version: content?.version ?? '',
      Available: String(!idle || content !== undefined),
      Status: idle ? idleStatus(update) : 'Active',
      BootFailureLog: idle ? update.fault : '',
    });
  });
  const pathOf = (slot: 'a' | 'b' | undefined): string =>
    (paths[slot === 'b' ? 1 : 0] ?? '').slice(0, -1);
  return {
    ActiveFirmwareImage: pathOf(said.running),
    BootFirmwareImage: pathOf(said.order[0]),
  };
}

function idleStatus({ state, failedIn, said }: UpdateObserved): string {
  if (state === 'receiving') return 'Downloading';
  if (state === 'verifying' || state === 'writing') return 'Validating';
  if (state === 'rolledBack') return 'ActivationFailed';
  if (state === 'failed') {
    if (failedIn === 'receiving') return 'DownloadFailed';
    return failedIn === 'verifying' ? 'ValidationFailed' : 'InstallationFailed';
  }
  const idle = said?.running === 'a' ? said.slots.b : said?.slots.a;
  return idle === undefined ? 'NoImage' : 'Available';
}
