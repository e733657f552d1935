/** Checks of servers with their real sockets. */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { LinuxCheckSockets } from '../os/linux/check-sockets.ts';
import { hostNames } from '../os/linux/resolve.ts';
import type { CheckDeps } from '../services/monitor/checks.ts';

export const buildChecks = (clock: Clock): CheckDeps => ({
  ...{ sockets: new LinuxCheckSockets(clock), names: hostNames(clock), clock },
  random16: () => randomBytes(2).readUInt16BE(),
});
