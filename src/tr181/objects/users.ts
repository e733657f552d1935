/** `Device.Users.` (TR-181): the accounts of those who administer the router. */
import type { RowReader } from '../reader.ts';
import { ALIAS, type CheckSink, ENABLE, type ObjectGroup } from '../table.ts';

const USERS = 'Device.Users.User.';

const MIN_CHARACTERS = 10;
const MAX_CHARACTERS = 128;

/** What attackers try first, and what other makers' boxes are delivered with, without case, digits at the end and signs. */
const KNOWN = new Set(
  'admin administrator root user guest password passwort passw0rd p4ssw0rd changeme letmein welcome welcometo iloveyou qwerty qwertz qwertyuiop qwertzuiop asdfghjkl default router openwrt gatehouse raspberry superuser secret master internet trustno'.split(
    ' ',
  ),
);
const ROWS_OF_KEYS = ['01234567890123456789', 'abcdefghijklmnopqrstuvwxyz'];

/** Why a password is refused, for people; undefined when it is good enough. The length is what makes it strong (NIST SP 800-63B §3.1.1). */
export function passwordFault(password: string): string | undefined {
  const characters = [...password];
  if (characters.length < MIN_CHARACTERS || characters.length > MAX_CHARACTERS) {
    return `a password has ${MIN_CHARACTERS} to ${MAX_CHARACTERS} characters; a few words do well`;
  }
  const plain = password.toLowerCase();
  const word = plain.replace(/[^\p{L}\p{N}]/gu, '').replace(/\d+$/, '');
  const halves = [word, word.slice(0, word.length / 2)];
  const repeated = halves.some((part) => KNOWN.has(part) && part.repeat(2).startsWith(word));
  const inOrder = ROWS_OF_KEYS.some(
    (row) => row.includes(plain) || [...row].reverse().join('').includes(plain),
  );
  if (repeated || inOrder || new Set(characters).size < 4) {
    return 'this password is among the first that are tried; take another one';
  }
  return undefined;
}

export const users: ObjectGroup = {
  name: 'Users',
  inputs: [],
  objects: [
    {
      path: 'Device.Users.User.{i}.',
      about: 'An account of the page: an administrator may change the router, a viewer may look.',
      rows: 'add',
      enable: 'Enable',
      maxRows: 64,
      uniqueKeys: [['Alias'], ['Username']],
      params: {
        Enable: ENABLE,
        Alias: ALIAS,
        Username: {
          type: 'string',
          access: 'readWrite',
          size: [0, 64],
          pattern: '|[a-z][a-z0-9_.@-]*',
          default: '',
          about: 'The name to log in with: lower-case letters, digits and _ . @ -.',
          reason: 'lower case alone, so that no name passes for another',
        },
        Password: {
          type: 'string',
          access: 'readWrite',
          default: '',
          secret: true,
          hashed: { refuse: passwordFault },
          about: `Written, never read: what is kept is its argon2id hash. At least ${MIN_CHARACTERS} characters.`,
          reason: 'up to 128 characters instead of 64: long ones cost nothing',
        },
        X_GATEHOUSE_Role: {
          type: 'string',
          access: 'readWrite',
          enum: ['Administrator', 'Viewer'],
          default: 'Viewer',
          about: 'An administrator reads and changes everything, a viewer reads.',
          reason:
            'RoleParticipation names rows of Device.Users.Role, which carry a name and no rights; two fixed roles need no table',
        },
      },
      omitted: {
        UserID: 'accounts of the page are no accounts of Linux',
        RemoteAccessCapable: 'the page is never served towards the WAN',
        GroupParticipation: 'there are no groups',
        RoleParticipation: 'see X_GATEHOUSE_Role',
        StaticUser: 'every account can be deleted but the last administrator',
        Language: 'the page follows the language of the browser',
        Shell: 'accounts of the page are no accounts of Linux',
      },
    },
  ],
  check,
};

function check(rows: RowReader, out: CheckSink): void {
  const accounts = rows.rows(USERS);
  const enabled = accounts.filter((row) => row.bool('Enable'));
  for (const row of enabled) {
    for (const name of ['Username', 'Password']) {
      if (row.text(name) === '') {
        out.fault(`${row.path}${name}`, 'an account that is enabled needs a name and a password');
      }
    }
  }
  // Before the set-up there is nobody; from then on somebody must be able to mend things.
  const everAny = rows.view.nextInstance(USERS) > 1;
  if (everAny && !enabled.some((row) => row.text('X_GATEHOUSE_Role') === 'Administrator')) {
    out.fault(USERS, 'there must be an enabled administrator');
  }
}
