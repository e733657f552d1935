/** Entries that change something: the LAN's address, a password, the box's power. */
import type { JsonObject } from '../cli/bus.ts';
import { powerOff, reboot } from '../cli/power-commands.ts';
import type { Session } from '../cli/session.ts';
import { lanAddressOf } from './checks.ts';
import type { Desk } from './entry.ts';

const IP = 'Device.IP.Interface.';
const USERS = 'Device.Users.User.';
const CONFIRM_SEC = 120;

/** The static address of the first network of zone Lan. */
function lanRow(values: ReadonlyMap<string, string>): string | undefined {
  for (const [path, zone] of values) {
    const object = /^(Device\.IP\.Interface\.\d+\.)X_GATEHOUSE_Zone$/.exec(path)?.[1];
    if (object === undefined || zone !== 'Lan') continue;
    for (const [other, type] of values) {
      if (!other.startsWith(`${object}IPv4Address.`) || type !== 'Static') continue;
      if (other.endsWith('.AddressingType')) return other.slice(0, -'AddressingType'.length);
    }
  }
  return undefined;
}

export async function lanAddress({ router, screen }: Desk): Promise<void> {
  const values = await router.values([
    `${IP}*.X_GATEHOUSE_Zone`,
    `${IP}*.IPv4Address.*.AddressingType`,
    `${IP}*.IPv4Address.*.IPAddress`,
    `${IP}*.IPv4Address.*.SubnetMask`,
  ]);
  if (values.size === 0) return;
  const row = lanRow(values);
  if (row === undefined) return screen.say('no network of the LAN has an address of its own');
  const now = `${values.get(`${row}IPAddress`) ?? ''} ${values.get(`${row}SubnetMask`) ?? ''}`;
  screen.say(`The LAN is ${now.trim()}.`);
  const typed = await screen.ask('New address, such as 192.168.7.1/24: ', 40);
  if (typed === '') return;
  const wanted = lanAddressOf(typed);
  if (!wanted.ok) return screen.say(wanted.error);
  const set: JsonObject = {
    [`${row}IPAddress`]: wanted.value.address,
    [`${row}SubnetMask`]: wanted.value.mask,
  };
  const made = await router.command('config', 'set', { values: set, confirm: CONFIRM_SEC });
  if (made === undefined) return;
  if (made['pending'] === null) return screen.say('That is the address already.');
  screen.say(
    `The LAN is ${wanted.value.address} now. Unless you keep it, it is undone in ${CONFIRM_SEC / 60} minutes.`,
  );
  const keep = await screen.confirm('Keep it?');
  const settled = await router.command('config', keep ? 'confirm' : 'rollback');
  if (settled !== undefined) screen.say(keep ? 'It stays.' : 'It is undone.');
}

/** Who can log in, with his role: name by row. */
const accountsOf = (values: ReadonlyMap<string, string>): readonly (readonly [string, string])[] =>
  [...values].flatMap(([path, name]) => {
    const row = /^(Device\.Users\.User\.\d+\.)Username$/.exec(path)?.[1];
    if (row === undefined || name === '') return [];
    return [[name, values.get(`${row}X_GATEHOUSE_Role`) ?? ''] as const];
  });

const askAccounts = async ({ router, screen }: Desk) => {
  const answer = await router.ask((asked) => asked.get([USERS]));
  if (answer === undefined) return undefined;
  if (!answer.ok) {
    screen.say(answer.error.message);
    return undefined;
  }
  const accounts = accountsOf(new Map(answer.value.rows.map(({ path, value }) => [path, value])));
  if (accounts.length > 0) return accounts;
  screen.say('There are no accounts yet: the page makes the first one when it is opened.');
  return undefined;
};

export async function resetPassword(desk: Desk): Promise<void> {
  const { parts, router, screen } = desk;
  if (parts.line === undefined) {
    return screen.say('A password is reset at the box itself: on its serial line or screen.');
  }
  const accounts = await askAccounts(desk);
  if (accounts === undefined) return;
  screen.say(`Accounts: ${accounts.map(([name, role]) => `${name} (${role})`).join(', ')}`);
  const username = await screen.ask('Account: ', 64);
  if (username === '') return;
  const password = await screen.askSecret('New password: ');
  if (password === '') return screen.say('Nothing was changed.');
  if ((await screen.askSecret('Once more: ')) !== password) {
    return screen.say('These were two different passwords; nothing was changed.');
  }
  const done = await router.command('console', 'reset_password', { username, password });
  if (done !== undefined) screen.say(`${username} has a new password; open sessions were ended.`);
}

/** `question` must be answered with `word`, to the letter. */
async function said({ screen }: Desk, question: string, word: string): Promise<boolean> {
  if ((await screen.ask(question, 16)) === word) return true;
  screen.say('Nothing was done.');
  return false;
}

export async function factoryReset(desk: Desk): Promise<void> {
  const { router, screen } = desk;
  screen.say('All settings, accounts, keys, leases and logs are erased, and the box restarts.');
  if (!(await said(desk, 'Type ERASE to go on: ', 'ERASE'))) return;
  const answer = await router.ask((asked) => asked.operate('Device.FactoryReset()', []));
  if (answer === undefined) return;
  if (!answer.ok) return screen.say(answer.error.message);
  for (const { message } of answer.value.faults) screen.say(message);
  if (answer.value.faults.length === 0) screen.say('The box restarts now, as it was delivered.');
}

const down =
  (question: string, way: (session: Session) => Promise<void>) =>
  async ({ router, screen }: Desk): Promise<void> => {
    if (await screen.confirm(question)) await router.show(way);
    else screen.say('Nothing was done.');
  };

export const restart = down('Reboot the box? The network is down for about a minute.', (session) =>
  reboot(session, { yes: true, reason: 'console' }),
);

export const halt = down('Power the box off? Only a hand can start it again.', (session) =>
  powerOff(session, { yes: true, reason: 'console' }),
);

export async function shell(desk: Desk): Promise<void> {
  const { parts, router, screen } = desk;
  if (parts.line === undefined) {
    return screen.say('This entry is for the box itself: its serial line or screen.');
  }
  if ((await askAccounts(desk)) === undefined) return;
  const username = await screen.ask('Administrator: ', 64);
  if (username === '') return;
  const password = await screen.askSecret('Password: ');
  const account = await router.command('console', 'log_in', { username, password });
  if (account === undefined) return;
  if (account['role'] !== 'Administrator') return screen.say('Only an administrator gets a shell.');
  screen.say("A shell with the rights of root; 'exit' comes back.");
  const done = await parts.shell();
  if (!done.ok) screen.say(done.error.message);
}
