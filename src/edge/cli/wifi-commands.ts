/** wifi: which network the box is on, which are in range, and joining and leaving one. */
import { type Command, InvalidArgumentError } from 'commander';
import { isObject, type JsonObject, list, text } from './bus.ts';
import { EXIT } from './environment.ts';
import type { Session } from './session.ts';
import type { Column, Style } from './table.ts';

interface JoinOptions {
  readonly hidden?: boolean;
  readonly country?: string;
  readonly open?: boolean;
  readonly passwordFile?: string;
}

const shown = (value: JsonObject[string] | undefined): string => text(value ?? '');

const STATES: Readonly<Record<string, Style>> = { joined: 'green', refused: 'red' };

const RADIOS: readonly Column<JsonObject>[] = [
  { title: 'INTERFACE', cell: ({ interface: name }) => shown(name) },
  {
    title: 'STATE',
    cell: ({ state }) => shown(state),
    style: ({ state }) => STATES[text(state ?? '')] ?? 'dim',
  },
  { title: 'NETWORK', cell: ({ ssid }) => shown(ssid) },
  { title: 'ACCESS POINT', cell: ({ bssid }) => shown(bssid) },
  { title: 'CHANNEL', cell: ({ channel }) => shown(channel) },
  { title: 'SIGNAL', cell: ({ signalDbm }) => dbm(signalDbm) },
  { title: 'PROTECTED BY', cell: ({ security }) => shown(security) },
  { title: 'COUNTRY', cell: ({ country }) => shown(country) },
];

const NETWORKS: readonly Column<JsonObject>[] = [
  { title: 'NETWORK', cell: ({ ssid }) => (ssid === '' ? '(hidden)' : shown(ssid)) },
  { title: 'SIGNAL', cell: ({ signalDbm }) => dbm(signalDbm) },
  { title: 'CHANNEL', cell: ({ channel }) => shown(channel) },
  { title: 'PROTECTED BY', cell: ({ security }) => shown(security) },
  { title: 'ACCESS POINT', cell: ({ bssid }) => shown(bssid) },
  { title: 'INTERFACE', cell: ({ interface: name }) => shown(name) },
];

const dbm = (value: JsonObject[string] | undefined): string =>
  typeof value === 'number' ? `${value} dBm` : '';

export function defineWifi(wifi: Command, session: Session): void {
  wifi
    .command('status')
    .description('every radio: on which network it is, or why on none')
    .action(() => status(session));
  wifi
    .command('scan')
    .description('the networks in range, the strongest first')
    .argument('[interface]', 'just this radio')
    .action((ifName: string | undefined) => scan(session, ifName));
  wifi
    .command('join')
    .description(
      'join a network and use it as an uplink; the password comes from the terminal, standard input or a file',
    )
    .argument('<ssid>', 'name of the network')
    .option('--hidden', 'the network does not tell its name')
    .option('--country <code>', 'where the box stands, such as DE', country)
    .option('--open', 'the network has no password')
    .option('--password-file <file>', 'the first line of this file is the password')
    .action((ssid: string, options: JoinOptions) => join(session, ssid, options));
  wifi
    .command('leave')
    .description('forget a network, or all of them, with the password')
    .argument('[ssid]', 'name of the network')
    .action((ssid: string | undefined) => leave(session, ssid));
}

function country(code: string): string {
  if (/^[A-Z]{2}$/.test(code)) return code;
  throw new InvalidArgumentError('two capital letters are wanted, such as DE');
}

async function status(session: Session): Promise<void> {
  const data = await session.ask('wifi', 'status');
  if (data === undefined) return;
  if (session.json) return session.printJson(data);
  const interfaces = list(data['interfaces']).filter(isObject);
  if (interfaces.length === 0) return session.note('this box has no Wi-Fi that its kernel knows');
  session.print(RADIOS, interfaces);
  for (const { interface: name, reason } of interfaces) {
    if (typeof reason === 'string') session.note(`${shown(name)}: ${reason}`);
  }
  const known = list(data['networks']).filter(isObject);
  const names = known.map(({ ssid }) => shown(ssid)).join(', ');
  session.note(names === '' ? 'no network is known' : `known networks: ${names}`);
}

async function scan(session: Session, ifName: string | undefined): Promise<void> {
  const data = await session.ask('wifi', 'scan', ifName === undefined ? {} : { interface: ifName });
  if (data === undefined) return;
  if (session.json) return session.printJson(data);
  const networks = list(data['networks']).filter(isObject);
  if (networks.length === 0) session.note('no network is in range');
  else session.print(NETWORKS, networks);
}

async function join(session: Session, ssid: string, options: JoinOptions): Promise<void> {
  const password = options.open === true ? '' : await passwordOf(session, options);
  if (password === undefined) return;
  if (options.open !== true && !/^([0-9a-fA-F]{64}|[\x20-\x7e]{8,63})$/.test(password)) {
    return session.fail(
      'the password of a Wi-Fi has 8 to 63 characters of ASCII, or is a key of 64 hex digits',
      EXIT.usage,
    );
  }
  const data = await session.ask('wifi', 'join', {
    ...{ ssid, password, hidden: options.hidden === true },
    ...(options.country === undefined ? {} : { country: options.country }),
  });
  if (data === undefined) return;
  if (session.json) session.printJson(data);
  else session.note(`${ssid} is joined from now on; gatehouse wifi status tells how far it is`);
}

async function passwordOf(
  session: Session,
  { passwordFile }: JoinOptions,
): Promise<string | undefined> {
  const { readFile, readSecret, readStdin } = session.environment;
  const firstLine = (whole: string): string => whole.split(/\r?\n/, 1)[0] ?? '';
  if (passwordFile !== undefined) {
    const read = readFile(passwordFile, 4096);
    if (read.ok) return firstLine(new TextDecoder().decode(read.value));
    session.fail(read.error.message);
    return undefined;
  }
  return (await readSecret('Password of the Wi-Fi: ')) ?? firstLine(await readStdin());
}

async function leave(session: Session, ssid: string | undefined): Promise<void> {
  const data = await session.ask('wifi', 'leave', ssid === undefined ? {} : { ssid });
  if (data === undefined) return;
  if (session.json) return session.printJson(data);
  session.note(
    `forgotten: ${list(data['left'])
      .map((name) => text(name))
      .join(', ')}`,
  );
}
