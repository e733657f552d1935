/** `gatehouse.console`: what the menu of the console may ask for that no other edge may. */
import type { Accounts } from '../control/accounts.ts';
import type { Logins } from '../edge/http/logins.ts';
import { type CommandService, done, failed } from '../edge/ubus/gatehouse.ts';
import type { PeerCredentials } from '../os/ports.ts';

export interface ConsoleSide {
  readonly accounts: Accounts;
  readonly logins: Pick<Logins, 'attempt'>;
  /** The line of the box itself that is the terminal of a process; undefined for any other. */
  readonly lineOf: (pid: number) => string | undefined;
}

const ELSEWHERE =
  "this is done at the box itself: on its serial line or screen, by 'gatehouse diag'";

/**
 * Whoever asks must hold the box in his hands: the kernel says that he is root, and that his terminal
 * is a line of the box. Through another broker than our own nobody can be told apart, so nobody may.
 */
export function consoleCommands({ accounts, logins, lineOf }: ConsoleSide): CommandService {
  const lineOfPeer = (peer: PeerCredentials | undefined): string | undefined =>
    peer?.uid === 0 ? lineOf(peer.pid) : undefined;
  return {
    name: 'console',
    about: 'what only who sits at the box may do',
    commands: {
      reset_password: {
        about: 'gives an account a new password and ends its sessions',
        args: { username: 'string', password: 'string' },
        run: async ({ username, password }, { peer }) => {
          const line = lineOfPeer(peer);
          if (line === undefined) return failed(ELSEWHERE);
          if (typeof username !== 'string' || typeof password !== 'string') {
            return failed('username and password are wanted');
          }
          const origin = { user: 'root', via: 'console', address: line };
          const changed = await accounts.changePassword(username, password, origin);
          return changed.ok
            ? done()
            : failed(changed.error.map(({ message }) => message).join('\n'));
        },
      },
      log_in: {
        about: 'checks the password of an account; gives its role',
        args: { username: 'string', password: 'string' },
        run: async ({ username, password }, { peer }) => {
          const line = lineOfPeer(peer);
          if (line === undefined) return failed(ELSEWHERE);
          if (typeof username !== 'string' || typeof password !== 'string') {
            return failed('username and password are wanted');
          }
          const tried = await logins.attempt(username, password, line, 'console');
          if (tried.ok) return done({ role: tried.value.role });
          return failed(
            tried.error.kind === 'wrong'
              ? 'wrong name or password'
              : `too many attempts; try again in ${tried.error.retryAfterSec} s`,
          );
        },
      },
    },
  };
}
