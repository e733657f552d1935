/** scan, wake: who answers by ARP on a link, and who shall wake up; from here, without a daemon. */
import { type Command, InvalidArgumentError } from 'commander';
import type { SystemError } from '../../base/errors.ts';
import {
  broadcastOf,
  formatIpv4,
  type Ipv4Prefix,
  ipv4,
  isRandomised,
  type Mac,
  networkOf,
  parseIpv4,
  parseMac,
  prefixLen,
} from '../../base/ip.ts';
import type { Result } from '../../base/result.ts';
import type { ArpAnswer, ArpRange, ArpScanner, ScanInterface } from '../../os/ports-scan.ts';
import { encodeWake } from '../../wire/wake.ts';
import { list, text } from './bus.ts';
import { count } from './count.ts';
import { EXIT } from './environment.ts';
import { knownHosts } from './host-commands.ts';
import type { Session } from './session.ts';
import type { Column } from './table.ts';
import { within } from './typed.ts';

export interface Scans {
  readonly scanner: ArpScanner;
  /** Loopback is none. */
  interfaces(): readonly ScanInterface[];
  vendorOf(mac: Mac): string | undefined;
  /** Sends one frame. */
  send(ifIndex: number, frame: Uint8Array): Promise<Result<void, SystemError>>;
}

/** Loaded when the command is run. */
export type LoadScans = () => Promise<Scans>;

interface Options {
  readonly network?: readonly Ipv4Prefix[];
  readonly passes: number;
  readonly wait: number;
  readonly rate: number;
}

const MAX_ADDRESSES = 65_536;

export function defineScan(program: Command, session: Session): void {
  program
    .command('scan')
    .description('ask every address of a link by ARP who has it, without a daemon')
    .allowExcessArguments(false)
    .argument('[interface]', 'network interface; without, the only one that has an IPv4 address')
    .option(
      '--network <prefix>',
      'ask this network instead of its own; may be given again',
      network,
    )
    .option('--passes <n>', 'how often whoever is silent is asked, from 1 to 10', within(1, 10), 2)
    .option('--wait <ms>', 'how long answers are waited for after a pass', within(0, 60_000), 500)
    .option(
      '--rate <n>',
      'requests a second, in small bursts as a Wi-Fi likes them; 0 is as fast as it goes',
      within(0, 1_000_000),
      500,
    )
    .action((ifName: string | undefined, options: Options) => scan(session, ifName, options));
  program
    .command('wake')
    .description('wake a device of the LAN; by its MAC address without a daemon')
    .allowExcessArguments(false)
    .argument(
      '<device>',
      'MAC address, such as dc:a6:32:00:00:01; or name or address of a known one',
    )
    .argument('[interface]', 'network interface; without, all that have an IPv4 address')
    .action(async (device: string, ifName: string | undefined) => {
      const mac = await macOfDevice(session, device);
      if (mac !== undefined) await wake(session, mac, ifName);
    });
}

function network(text: string, before: readonly Ipv4Prefix[] = []): readonly Ipv4Prefix[] {
  const [, head = '', tail = ''] = /^([\d.]+)\/(\d{1,2})$/.exec(text) ?? [];
  const address = parseIpv4(head);
  const length = tail === '' ? undefined : prefixLen(Number(tail));
  if (address.ok && length !== undefined) {
    return [...before, { address: address.value, prefixLen: length }];
  }
  throw new InvalidArgumentError('a network such as 192.168.1.0/24 is wanted');
}

/** Its addresses, without those of the network itself and of everybody in it (RFC 3021 for /31). */
function rangeOf(prefix: Ipv4Prefix): ArpRange {
  const edge = prefix.prefixLen < 31 ? 1 : 0;
  return { first: ipv4(networkOf(prefix) + edge), last: ipv4(broadcastOf(prefix) - edge) };
}

/** By what the router knows, unless it is a MAC address itself. Undefined after it said why there is none. */
async function macOfDevice(session: Session, wanted: string): Promise<Mac | undefined> {
  const given = parseMac(wanted);
  if (given.ok) return given.value;
  if (!(await session.reachable())) {
    const why = 'a MAC address is wanted; names and addresses are known while the daemon runs';
    session.fail(`${wanted}: ${why}`, EXIT.usage);
    return undefined;
  }
  const hosts = await knownHosts(session);
  if (hosts === undefined) return undefined;
  const called = hosts.filter(
    ({ name, addresses }) =>
      (wanted !== '' && text(name) === wanted.toLowerCase()) ||
      list(addresses).map(text).includes(wanted),
  );
  const [mac] = called.map((host) => parseMac(text(host['mac'])));
  if (called.length === 1 && mac?.ok) return mac.value;
  const macs = called.map((host) => text(host['mac'])).join(', ');
  session.fail(
    called.length === 0
      ? `${wanted}: no MAC address, and the router knows no device of that name or address`
      : `${wanted}: which of ${macs}?`,
    EXIT.usage,
  );
  return undefined;
}

/** Nobody answers: that it was sent is all that is known. */
async function wake(session: Session, mac: Mac, ifName: string | undefined): Promise<void> {
  const scans = await session.environment.scans();
  const all = scans.interfaces();
  const links = all.filter(({ name }) => ifName === undefined || name === ifName);
  if (links.length === 0) {
    const names = all.map(({ name }) => name).join(', ') || 'none';
    return session.fail(`no such interface; with an IPv4 address: ${names}`);
  }
  const sent: string[] = [];
  for (const { name, ifIndex, mac: own } of links) {
    const done = await scans.send(ifIndex, encodeWake(mac, own));
    if (done.ok) sent.push(name);
    else session.refused(done.error, `${name}: `);
  }
  if (session.json) session.printJson({ mac, interfaces: sent });
  else if (sent.length > 0) session.note(`${mac} was called on ${sent.join(', ')}`);
}

async function scan(session: Session, ifName: string | undefined, options: Options): Promise<void> {
  const { environment } = session;
  const scans = await environment.scans();
  const all = scans.interfaces();
  const names = all.map(({ name }) => name).join(', ') || 'none';
  const found = ifName === undefined ? all : all.filter(({ name }) => name === ifName);
  const [link] = found;
  if (link === undefined) {
    const who = ifName === undefined ? 'no interface here' : `${ifName} is not here or`;
    return session.fail(`${who} has no IPv4 address; with one: ${names}`);
  }
  if (found.length > 1) return session.fail(`on which interface: ${names}?`, EXIT.usage);
  const ranges = (options.network ?? link.addresses).map(rangeOf);
  const size = ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  if (size > MAX_ADDRESSES || ranges.length > 256) {
    return session.fail(
      `${size.toLocaleString('en')} addresses are too many: name a --network of at most ${MAX_ADDRESSES.toLocaleString('en')}`,
      EXIT.usage,
    );
  }
  const progress = environment.stderr.isTerminal && !session.json;
  const show = (text: string): void => {
    if (progress) environment.stderr.write(`\r\u001b[K${text}`);
  };
  let answered = 0;
  const { signal } = environment;
  const startMs = environment.wallMs();
  const done = await scans.scanner.scan({
    ...{ ifIndex: link.ifIndex, mac: link.mac, ranges, signal },
    source: link.addresses[0]?.address ?? ipv4(0),
    ...{ passes: options.passes, waitMs: options.wait, ratePerSec: options.rate },
    onAnswer: () => answered++,
    onProgress: ({ sent, most }) => show(`${sent} of at most ${most} asked, ${answered} answered`),
  });
  show('');
  if (!done.ok) return session.refused(done.error);
  const { sent, stray, dropped, interrupted } = done.value;
  const answers = done.value.answers.toSorted((a, b) => a.address - b.address);
  const vendorOf = ({ mac }: ArpAnswer): string | undefined =>
    isRandomised(mac) ? undefined : scans.vendorOf(mac);
  if (session.json) {
    return session.printJson({
      interface: link.name,
      answers: answers.map((answer) => ({
        ...{ ip: formatIpv4(answer.address), mac: answer.mac, vendor: vendorOf(answer) ?? null },
        ...{ randomised: isRandomised(answer.mac), second: answer.second, foreign: answer.foreign },
      })),
      ...{ sent, stray, dropped, interrupted },
    });
  }
  const columns: readonly Column<ArpAnswer>[] = [
    { title: 'ADDRESS', cell: ({ address }) => formatIpv4(address) },
    { title: 'MAC', cell: ({ mac }) => (isRandomised(mac) ? `${mac} (made up)` : mac) },
    { title: 'VENDOR', cell: (answer) => vendorOf(answer) ?? '' },
    { title: 'NOTE', cell: noteOf, style: (answer) => (noteOf(answer) === '' ? 'dim' : 'red') },
  ];
  if (answers.length > 0) session.print(columns, answers);
  const seconds = ((environment.wallMs() - startMs) / 1000).toFixed(1);
  const ended = interrupted ? ', interrupted' : '';
  session.note(
    `${count(answers.length, 'answer')} to ${count(sent, 'request')} in ${seconds} s${ended}`,
  );
  if (dropped > 0) session.note(`${dropped} frames were lost here: some answers may be missing`);
}

const noteOf = ({ second, foreign }: ArpAnswer): string =>
  [second ? 'a second one has this address' : '', foreign ? 'sent by another MAC' : '']
    .filter((part) => part !== '')
    .join(', ');
