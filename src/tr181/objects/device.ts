/** `Device.` itself (TR-181): what is done to the box as a whole. */
import type { SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { ArgumentDef, CommandDef, ObjectGroup, ReportContext, ReportSink } from '../table.ts';

const HELPER = 'Device.X_GATEHOUSE_RootHelper.';

/** For the record alone. */
const WHY: Readonly<Record<string, ArgumentDef>> = {
  Cause: { type: 'string', enum: ['LocalReboot', 'RemoteReboot'] },
  Reason: { type: 'string', size: [0, 256] },
};

const outcome = (
  done: Result<void, SystemError>,
): Result<Readonly<Record<string, string>>, string> => (done.ok ? ok({}) : err(done.error.message));

const commands: Readonly<Record<string, CommandDef>> = {
  Reboot: {
    about:
      'Ends everything in order and starts the box again. Cause and Reason are recorded in the audit trail.',
    input: WHY,
    run: async ({ calls }) => outcome(await calls.reboot()),
  },
  FactoryReset: {
    about:
      'Starts the box again as it was delivered: settings, accounts, keys, leases, history and logs are erased; the firmware stays.',
    run: async ({ calls }) => outcome(await calls.factoryReset()),
  },
  X_GATEHOUSE_PowerOff: {
    about: 'Ends everything in order and powers the box off; only a hand can start it again.',
    input: { Reason: { type: 'string', size: [0, 256] } },
    run: async ({ calls }) => outcome(await calls.powerOff()),
  },
};

export const device: ObjectGroup = {
  name: 'Device',
  inputs: ['system'],
  objects: [
    { path: 'Device.', about: 'The box.', params: {}, commands },
    {
      path: HELPER,
      about: 'The helper that reboots the box and sets its host name, which the daemon may not.',
      params: {
        Status: {
          type: 'string',
          enum: ['Up', 'Down'],
          default: 'Down',
          about: 'Whether it runs.',
          reason: 'who cannot reboot the box should know before he tries; TR-181 has no such part',
        },
        Reason: {
          type: 'string',
          about: 'Why it cannot be asked; empty while it is up.',
          reason: 'Status says that something is wrong, not what',
        },
      },
    },
  ],
  report: ({ observed }: ReportContext, out: ReportSink): void => {
    const missing = observed.system?.helperMissing;
    out.put(HELPER, {
      Status: observed.system !== undefined && missing === undefined ? 'Up' : 'Down',
      Reason: missing ?? '',
    });
  },
};
