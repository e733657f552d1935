/** Entries that look and change nothing. */
import { overview } from '../cli/service-commands.ts';
import { hostOf } from './checks.ts';
import type { Desk } from './entry.ts';
import { leaseBlocks, lentLines, linkNames, linksAndAddresses, routes } from './overview.ts';

export async function status({ router }: Desk): Promise<void> {
  await router.show((session) => overview(session, 'status'));
}

export async function leases({ router, screen, paint }: Desk): Promise<void> {
  const answer = await router.ask((asked) => asked.get(['Device.DHCPv4.Client.']));
  if (answer === undefined) return;
  if (!answer.ok) return screen.say(answer.error.message);
  const lent = await router.command('dhcp-server', 'leases');
  const lan = lent === undefined ? '' : lentLines(lent, paint);
  await screen.page(`${leaseBlocks(answer.value.rows, paint)}\n${lan}`);
}

export async function links({ router, screen, paint }: Desk): Promise<void> {
  const data = await router.command('network', 'status');
  if (data !== undefined) await screen.page(linksAndAddresses(data, paint));
}

export async function routeList({ router, screen, paint }: Desk): Promise<void> {
  const data = await router.command('network', 'status');
  if (data !== undefined) await screen.page(routes(data, paint));
}

export async function ping({ parts, screen }: Desk): Promise<void> {
  const typed = await screen.ask('Address or host name: ', 253);
  if (typed === '') return;
  const host = hostOf(typed);
  if (!host.ok) return screen.say(host.error);
  await screen.during(async (signal) => {
    const done = await parts.ping(host.value, (line) => screen.say(line), signal);
    if (!done.ok && !signal.aborted) screen.say(done.error.message);
  });
}

export async function followLog({ parts, screen }: Desk): Promise<void> {
  screen.say('Any key goes back.');
  await screen.during(async (signal) => {
    const done = await parts.followLog((line) => screen.lines(line), signal);
    if (!done.ok) screen.say(done.error.message);
  }, 'any key');
}

/** A memory card and a person's patience both have an end. */
const CAPTURE = { maxBytes: 8 << 20, maxMs: 60_000 } as const;

export async function capture({ parts, screen, router }: Desk): Promise<void> {
  const data = await router.command('network', 'status');
  if (data === undefined) return;
  const names = linkNames(data);
  const name = await screen.ask(`Link (${names.join(', ')}): `, 15);
  if (name === '') return;
  if (!names.includes(name)) return screen.say(`there is no link ${name}`);
  screen.say('Frames are taken for a minute or up to 8 MiB; any key ends it.');
  await screen.during(async (signal) => {
    const done = await parts.capture(name, CAPTURE, signal);
    if (!done.ok) return screen.say(done.error.message);
    const { path, frames, sizeBytes, dropped } = done.value;
    screen.say(`${path}: ${frames} frames, ${sizeBytes} bytes, ${dropped} dropped`);
  }, 'any key');
}

const FAILSAFE = `Failsafe starts the box without its settings, for when they keep everybody out.

  1. Reboot, and press f on this console within the first three seconds.
  2. The LAN is then 192.168.1.1 on the first wired ports; nothing of the
     settings is used and nothing of them is lost.
  3. Its menu resets the password, erases all settings, gives a shell, or
     reboots; a reboot leads back to the settings as they are.

Without a console: put an empty file named failsafe on the boot partition.
`;

export const failsafe = ({ screen }: Desk): Promise<void> => screen.page(FAILSAFE);
