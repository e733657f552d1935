/** The menu: the table of its entries, and the loop that runs them until somebody leaves. */
import { factoryReset, halt, lanAddress, resetPassword, restart, shell } from './changing.ts';
import { type Desk, deskOf, type Entry } from './entry.ts';
import { capture, failsafe, followLog, leases, links, ping, routeList, status } from './looking.ts';
import { HEADER_PATHS, header } from './overview.ts';
import type { ConsoleParts } from './parts.ts';
import { Interrupted, Left } from './screen.ts';

/** By their numbers, from 1. */
export const ENTRIES: readonly Entry[] = [
  { title: 'Status', run: status },
  { title: 'Leases', run: leases },
  { title: 'Links and addresses', run: links },
  { title: 'Routes', run: routeList },
  { title: 'Ping', run: ping },
  { title: 'Follow the log', run: followLog },
  { title: 'Capture frames to a file', run: capture },
  { title: 'Change the LAN address', run: lanAddress },
  { title: 'Reset a password', run: resetPassword },
  { title: 'Factory reset', run: factoryReset },
  { title: 'About failsafe', run: failsafe },
  { title: 'Reboot', run: restart },
  { title: 'Power off', run: halt },
  { title: 'Shell', run: shell },
];

const LEAVE = /^(0|q|quit|exit|logout)$/i;

/** Until somebody leaves. */
export async function runConsole(parts: ConsoleParts): Promise<void> {
  const desk = deskOf(parts);
  try {
    for (;;) {
      const entry = await choose(desk);
      if (entry === undefined) return;
      await runEntry(desk, entry);
    }
  } catch (thrown) {
    if (!(thrown instanceof Left)) throw thrown;
  } finally {
    desk.screen.write('\n');
  }
}

/** The entry that was asked for; undefined to leave. */
async function choose(desk: Desk): Promise<Entry | undefined> {
  const { router, screen, paint } = desk;
  screen.write(`\n${header(await router.values(HEADER_PATHS), paint)}\n`);
  for (const [i, { title }] of ENTRIES.entries()) {
    screen.write(`${String(i + 1).padStart(4)}  ${title}\n`);
  }
  screen.write('   0  Log out\n');
  for (;;) {
    try {
      const answer = await screen.ask('Choice: ', 8);
      if (LEAVE.test(answer)) return undefined;
      const entry = /^\d{1,2}$/.test(answer) ? ENTRIES[Number(answer) - 1] : undefined;
      if (entry !== undefined) return entry;
      if (answer !== '') screen.say(`0 to ${ENTRIES.length} is wanted`);
    } catch (thrown) {
      if (!(thrown instanceof Interrupted)) throw thrown;
    }
  }
}

async function runEntry({ screen, ...desk }: Desk, entry: Entry): Promise<void> {
  screen.write('\n');
  try {
    await entry.run({ screen, ...desk });
    await screen.pause();
  } catch (thrown) {
    if (!(thrown instanceof Interrupted)) throw thrown;
  }
}
