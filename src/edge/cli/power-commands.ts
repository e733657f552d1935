/** reboot, poweroff: asked for once more before the box goes down. */

import { EXIT } from './environment.ts';
import type { Value } from './router.ts';
import type { Session } from './session.ts';

export interface PowerOptions {
  readonly yes?: boolean;
  readonly reason?: string;
  /** How it is done later; with it, not now is no failure. */
  readonly later?: string;
}

interface Way {
  readonly command: string;
  readonly input: readonly { readonly name: string; readonly value: string }[];
  readonly question: string;
  readonly done: string;
}

const REBOOT: Way = {
  command: 'Device.Reboot()',
  input: [{ name: 'Cause', value: 'LocalReboot' }],
  question: 'Reboot the box? The network is down for about a minute. [y/N] ',
  done: 'the box reboots now',
};

const POWER_OFF: Way = {
  command: 'Device.X_GATEHOUSE_PowerOff()',
  input: [],
  question: 'Power the box off? Only a hand can start it again. [y/N] ',
  done: 'the box powers off now',
};

export const reboot = (session: Session, options: PowerOptions): Promise<void> =>
  goDown(session, REBOOT, options);

export const powerOff = (session: Session, options: PowerOptions): Promise<void> =>
  goDown(session, POWER_OFF, options);

const isYes = (answer: string): boolean => /^y(es)?$/i.test(answer.trim());

async function goDown(
  session: Session,
  way: Way,
  { yes, reason, later }: PowerOptions,
): Promise<void> {
  if (yes !== true) {
    const answer = await session.environment.readLine(way.question);
    if (answer === undefined) {
      const nobody = 'nobody sits at a terminal to confirm it: add --yes';
      return session.fail(later === undefined ? nobody : `${nobody}; ${later}`, EXIT.usage);
    }
    if (!isYes(answer))
      return later === undefined ? session.fail('nothing was done') : session.note(later);
  }
  const input = [
    ...way.input,
    ...(reason === undefined ? [] : [{ name: 'Reason', value: reason }]),
  ];
  await session.withRouter(async (router) => {
    const rows: readonly Value[] | undefined = session.rows(
      await router.operate(way.command, input),
    );
    if (rows === undefined || session.exitCode !== EXIT.done) return;
    if (session.json) session.printJson({});
    else session.note(way.done);
  });
}
