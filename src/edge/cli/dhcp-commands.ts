/** dhcp: the LAN's leases, and the owner's word about single devices. */
import { ok } from '../../base/result.ts';
import { isObject, type JsonObject, list, text } from './bus.ts';
import { LENT_COLUMNS, lentLeases } from './lease-commands.ts';
import type { Session } from './session.ts';
import { type Column, statusStyle } from './table.ts';

const SERVICE = 'dhcp-server';

export async function dhcpLeases(session: Session, options: { all?: boolean }): Promise<void> {
  const found = await lentLeases(session, options.all === true);
  if (found === undefined) return;
  if (session.json) session.printJson(found);
  else if (found.length === 0) session.note('nobody has an address on loan');
  else session.print(LENT_COLUMNS, found);
}

const POOLS: readonly Column<JsonObject>[] = [
  { title: 'POOL', cell: ({ id }) => text(id) },
  {
    title: 'STATUS',
    cell: ({ status }) => text(status),
    style: ({ status }) => statusStyle(text(status)),
  },
  { title: 'ON LOAN', cell: ({ bound, size }) => `${text(bound)} of ${text(size)}` },
  { title: 'REASON', cell: ({ reason }) => text(reason ?? '') },
];

export async function dhcpStatus(session: Session): Promise<void> {
  const data = await session.ask(SERVICE, 'status');
  if (data === undefined) return;
  if (session.json) return session.printJson(data);
  session.print(POOLS, list(data['pools']).filter(isObject));
  const fault = data['storeFault'];
  if (typeof fault === 'string') session.note(`leases cannot be stored: ${fault}`);
  for (const rogue of list(data['rogues']).filter(isObject)) {
    session.note(`another DHCP server answers: ${text(rogue['server'])} (${text(rogue['mac'])})`);
  }
  const waiting = list(data['pending']).length;
  if (waiting > 0) session.note(`${waiting} devices wait for approval: gatehouse dhcp pending`);
}

const PENDING: readonly Column<JsonObject>[] = [
  { title: 'MAC', cell: ({ mac }) => text(mac) },
  { title: 'NAME', cell: ({ hostName }) => text(hostName ?? '') },
  { title: 'VENDOR CLASS', cell: ({ vendorClass }) => text(vendorClass ?? '') },
  { title: 'MADE-UP MAC', cell: ({ randomised }) => (randomised === true ? 'yes' : 'no') },
  { title: 'ASKED', cell: ({ requests }) => `${text(requests)} ×` },
];

export async function dhcpPending(session: Session): Promise<void> {
  const data = await session.ask(SERVICE, 'pending');
  if (data === undefined) return;
  const waiting = list(data['pending']).filter(isObject);
  if (session.json) session.printJson(waiting);
  else if (waiting.length === 0) session.note('no device waits for approval');
  else session.print(PENDING, waiting);
}

/** allow, deny, except, forget, fix and release: one device, one word. */
export async function dhcpWord(
  session: Session,
  command: string,
  args: JsonObject,
  said: string,
): Promise<void> {
  const data = await session.ask(SERVICE, command, args);
  if (data === undefined) return;
  if (session.json) session.printJson(data);
  else session.note(said);
}

/** A message on the bus has a limit; a lease takes some seventy bytes. */
const MAX_IMPORT_BYTES = 512 * 1024;

/** Leases of another server's file; `-` is standard input. */
export async function dhcpImport(
  session: Session,
  path: string,
  options: { dryRun?: boolean },
): Promise<void> {
  const { environment } = session;
  const file =
    path === '-'
      ? ok(new TextEncoder().encode(await environment.readStdin()))
      : environment.readFile(path, MAX_IMPORT_BYTES);
  if (!file.ok) return session.fail(file.error.message);
  const args = { text: new TextDecoder().decode(file.value), dry: options.dryRun === true };
  const data = await session.ask(SERVICE, 'import', args);
  if (data === undefined) return;
  if (session.json) return session.printJson(data);
  for (const fault of list(data['faults']).filter(isObject)) {
    session.note(`line ${text(fault['line'])}: ${text(fault['reason'])}`);
  }
  const verb = options.dryRun === true ? 'would be taken over' : 'taken over';
  session.note(`${text(data['taken'])} leases ${verb}, read as ${text(data['format'])}`);
}

export async function dhcpExport(session: Session, options: { format: string }): Promise<void> {
  const data = await session.ask(SERVICE, 'export', { format: options.format });
  // Names were checked when they came in: the text is data for other programs, as it is.
  if (data !== undefined) session.data(text(data['text']));
}
