/** The command line: names, arguments and help of every command. What they do stands in `*-commands.ts`. */
import { Command, CommanderError, Help, InvalidArgumentError, Option } from 'commander';
import { defineAlerts } from './alert-commands.ts';
import { auditShow, auditVerify } from './audit-commands.ts';
import { defineCapture } from './capture-commands.ts';
import { defineCaptures } from './captures-commands.ts';
import { defineCheck } from './check-commands.ts';
import { complete, SCRIPTS } from './completion.ts';
import {
  addToConfirm,
  backup,
  delToConfirm,
  diff,
  history,
  restore,
  restoreFile,
  setToConfirm,
  settle,
} from './config-commands.ts';
import { DAEMON_FLAGS, DEFAULT_STATE_DIR, DEFAULT_UBUS_SOCKET } from './daemon-options.ts';
import {
  dhcpExport,
  dhcpImport,
  dhcpLeases,
  dhcpPending,
  dhcpStatus,
  dhcpWord,
} from './dhcp-commands.ts';
import { defineDht } from './dht-commands.ts';
import { defineDns } from './dns-program.ts';
import { type CliEnvironment, EXIT } from './environment.ts';
import { defineGraph } from './graph-command.ts';
import { hosts } from './host-commands.ts';
import { defineInterfaces } from './interface-commands.ts';
import { leases } from './lease-commands.ts';
import { defineLoadTest } from './load-test-command.ts';
import { map } from './map-commands.ts';
import { add, del, get, instances, operate, schema, set } from './model-commands.ts';
import { definePath } from './path-commands.ts';
import { type PowerOptions, powerOff, reboot } from './power-commands.ts';
import { resetPassword } from './reset-password.ts';
import { defineScan } from './scan-commands.ts';
import { call, overview } from './service-commands.ts';
import { type GlobalOptions, Session } from './session.ts';
import { defineTargets } from './target-commands.ts';
import { duration } from './typed.ts';
import { type UpgradeOptions, upgrade } from './upgrade-commands.ts';
import { watch } from './watch.ts';
import { defineWifi } from './wifi-commands.ts';

const EXAMPLES = `
Examples:
  gatehouse status
  gatehouse get Device.DHCPv4.Client.1.
  gatehouse get 'Device.IP.Interface.[Alias=="lan"].IPv4Address.*.IPAddress'
  gatehouse set Device.DHCPv4.Client.1.Enable=true Device.DNS.Client.Enable=true
  gatehouse operate 'Device.DHCPv4.Client.1.Renew()'
  gatehouse watch Device.DHCPv4. Device.IP.

Exit status: 0 done, 1 failed, 2 wrong usage. NO_COLOR turns colour off.`;

/** Runs one command line (without the names of Node and the script) and gives the exit code. */
export async function runCli(
  args: readonly string[],
  environment: CliEnvironment,
): Promise<number> {
  // The daemon reads its own arguments: see daemon-options.ts.
  if (args[0] === 'daemon' && !args.includes('--help') && !args.includes('-h'))
    return environment.daemon(args.slice(1));
  const program = new Command('gatehouse');
  const session = new Session(environment, () => program.opts<GlobalOptions>());
  define(program, session, args.includes('--json'));
  pointToHelp(program, 'gatehouse');
  try {
    await program.parseAsync([...args], { from: 'user' });
    return session.exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // commander has printed its message; --help and --version end with 0.
    return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  }
}

function versionText({ version, commit }: CliEnvironment, json: boolean): string {
  if (json) return JSON.stringify({ version, ...(commit === undefined ? {} : { commit }) });
  return commit === undefined ? version : `${version} (${commit.slice(0, 12)})`;
}

/** All commands; separate from running them so that help and completion see the same list. */
function define(program: Command, session: Session, json: boolean): void {
  const { environment } = session;
  program
    .description('Gatehouse: a router configured by the TR-181 data model')
    .version(versionText(environment, json), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help of a command')
    .option('--json', 'print data as JSON')
    .option('--no-color', 'print without colour')
    .addOption(
      new Option(
        '--ubus-socket <path>',
        'where the daemon listens, or GATEHOUSE_UBUS_SOCKET',
      ).default(environment.env['GATEHOUSE_UBUS_SOCKET'] || DEFAULT_UBUS_SOCKET),
    )
    .addHelpText('after', EXAMPLES)
    .configureHelp({ optionDescription: aboutOption })
    .configureOutput({
      writeOut: (text) => void environment.stdout.write(text),
      writeErr: (text) => void environment.stderr.write(text),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .exitOverride();

  const command = (usage: string, about: string): Command =>
    program.command(usage).description(about).allowExcessArguments(false);

  command('get <path...>', 'read parameters: full or partial paths, *, [search]')
    .option('--depth <levels>', 'how many levels of objects below the path', wholeNumber)
    .action((paths: string[], options: { depth?: number }) => get(session, paths, options));
  command(
    'set <name=value...>',
    'write parameters, all or nothing; - reads a JSON object from standard input',
  )
    .addOption(confirmOption())
    .action((list: string[], { confirm }: { confirm?: number }) =>
      confirm === undefined ? set(session, list) : setToConfirm(session, list, confirm),
    );
  command('add <table> [name=value...]', 'add a row; prints its path')
    .addOption(confirmOption())
    .action((table: string, list: string[], { confirm }: { confirm?: number }) =>
      confirm === undefined
        ? add(session, table, list)
        : addToConfirm(session, table, list, confirm),
    );
  command('del <path...>', 'delete rows, all or nothing')
    .addOption(confirmOption())
    .action((paths: string[], { confirm }: { confirm?: number }) =>
      confirm === undefined ? del(session, paths) : delToConfirm(session, paths, confirm),
    );
  command(
    'operate <command> [name=value...]',
    "run a command such as 'Device.DHCPv4.Client.1.Renew()'",
  ).action((name: string, list: string[]) => operate(session, name, list));
  command('watch [path...]', 'print changes as they come, until Ctrl-C').action((paths: string[]) =>
    watch(session, paths),
  );
  command('instances <path>', 'list the rows at and below a path')
    .option('--first-level', 'stop at the first table')
    .action((path: string, options: { firstLevel?: boolean }) => instances(session, path, options));
  command('schema [path]', 'list what the data model supports at and below a path')
    .option('--first-level', 'only the next level')
    .action((path: string | undefined, options: { firstLevel?: boolean }) =>
      schema(session, path ?? 'Device.', options),
    );
  command('status', 'the router at a glance').action(() => overview(session, 'status'));
  command('services', 'the services and how they are').action(() => overview(session, 'services'));
  command('leases', 'what the WAN was leased, and what the LAN was lent').action(() =>
    leases(session),
  );
  command('hosts', 'who is on the LAN')
    .option('--active', 'only those that are here now')
    .action((options: { active?: boolean }) => hosts(session, options));
  command('devices', 'who is on the LAN by device, and when it was there')
    .option('--watch', 'tell who comes and goes, until Ctrl-C')
    .action(async (options: { watch?: boolean }) =>
      (await import('./device-commands.ts')).devices(session, options),
    );
  command('map', 'the IPv4 address shared by MAP-T, and its ports in use')
    .option('--sets', 'each port set with its use')
    .action((options: { sets?: boolean }) => map(session, options));
  command(
    'call <service> <command> [json]',
    'run a command of a service; - reads its arguments from standard input',
  ).action((service: string, name: string, json: string | undefined) =>
    call(session, service, name, json),
  );

  defineDhcp(command('dhcp', 'who gets an address on the LAN'), session);
  defineDns(command('dns', 'names for the LAN: what is asked, answered, blocked'), session);
  defineWifi(command('wifi', 'the networks that the box joins by radio'), session);
  defineDht(
    command('dht', 'BitTorrent: the node of the DHT, torrent files and what they hold'),
    session,
  );
  defineCapture(program, session);
  defineInterfaces(program, session);
  defineCaptures(command('captures', 'captures that the router keeps running'), session);
  defineAlerts(command('alerts', 'what is bad now, and whom it is told'), session);
  defineScan(program, session);
  defineTargets(program, session);
  defineGraph(program, session);
  definePath(program, session);
  defineLoadTest(program, session);
  defineCheck(command('check', 'whether a server is well, without a daemon'), session);
  command('reboot', 'end everything in order and start the box again')
    .option('--yes', 'do not ask')
    .option('--reason <text>', 'why, for the audit trail')
    .action((options: PowerOptions) => reboot(session, options));
  command('poweroff', 'end everything in order and power the box off')
    .option('--yes', 'do not ask')
    .option('--reason <text>', 'why, for the audit trail')
    .action((options: PowerOptions) => powerOff(session, options));

  command(
    'upgrade [file]',
    'install an update from a file or https://…, go back to the version before, or say how it stands',
  )
    .option('--rollback', 'boot the version before, or take back what is booted next')
    .option('--status', 'what each slot holds, and how far an update is')
    .option('--yes', 'do not ask before the box starts again')
    .action((file: string | undefined, options: UpgradeOptions) => upgrade(session, file, options));

  const config = command('config', 'the configuration over time');
  config
    .command('history')
    .description('the last changes: who, when, how, and what')
    .action(() => history(session));
  config
    .command('diff')
    .argument('<from>', 'revision', wholeNumber)
    .argument('[to]', 'revision; the one of now', wholeNumber)
    .description('what leads from one revision to another')
    .action((from: number, to: number | undefined) => diff(session, from, to));
  config
    .command('restore')
    .argument('<revision>', 'revision', wholeNumber)
    .description('make the configuration what it was after a revision; accounts stay')
    .addOption(confirmOption())
    .action((revision: number, { confirm }: { confirm?: number }) =>
      restore(session, revision, confirm),
    );
  config
    .command('confirm')
    .description('keep the change that waits')
    .action(() => settle(session, 'confirm'));
  config
    .command('rollback')
    .description('undo the change that waits')
    .action(() => settle(session, 'rollback'));
  const secret = 'the passphrase comes from the terminal, standard input or GATEHOUSE_PASSPHRASE';
  command('backup <file>', `write the configuration to a file; ${secret}`)
    .option('--force', 'write over a file that is there')
    .action((file: string, options: { force?: boolean }) => backup(session, file, options));
  command('restore <file>', `make the configuration that of a backup; ${secret}`)
    .addOption(confirmOption())
    .action((file: string, { confirm }: { confirm?: number }) =>
      restoreFile(session, file, confirm),
    );

  const audit = command('audit', 'the record of who changed what');
  const stateDir = (): Option =>
    new Option('--state-dir <dir>', 'where the daemon keeps its state').default(DEFAULT_STATE_DIR);
  audit
    .command('verify')
    .description('say whether the record is whole, or where it breaks')
    .addOption(stateDir())
    .action((options: { stateDir: string }) => auditVerify(session, options.stateDir));
  audit
    .command('show')
    .description('print the record')
    .addOption(stateDir())
    .option('--last <n>', 'only the last records', wholeNumber)
    .action((options: { stateDir: string; last?: number }) =>
      auditShow(session, options.stateDir, { last: options.last }),
    );

  command(
    'reset-password [username]',
    'give an account a new password while the daemon does not run',
  )
    .addOption(stateDir())
    .action((name: string | undefined, options: { stateDir: string }) =>
      resetPassword(session, name, options.stateDir),
    );
  command('diag', 'the menu of the serial console')
    .addOption(stateDir())
    .action((options: { stateDir: string }) =>
      environment.diag(program.opts<GlobalOptions>(), options.stateDir),
    );
  const daemon = command('daemon', 'run the router');
  for (const [name, { argument, fallback, about }] of Object.entries(DAEMON_FLAGS))
    daemon.option(`${name} <${argument}>`, about, fallback === '' ? undefined : fallback);

  command(
    'completion <shell>',
    `print a completion script: ${Object.keys(SCRIPTS).join(' or ')}`,
  ).action((shell: string) => {
    const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined;
    if (script === undefined) session.fail(`no completion for ${shell}`, EXIT.usage);
    else session.data(script);
  });
  program
    .command('complete [words...]', { hidden: true })
    .helpOption(false)
    .action((words: string[]) =>
      complete(session, words, namesOf(program), (name) =>
        namesOf(program.commands.find((c) => c.name() === name)),
      ),
    );
}

function defineDhcp(dhcp: Command, session: Session): void {
  dhcp
    .command('status')
    .description('pools, how full they are, and what is wrong')
    .action(() => dhcpStatus(session));
  dhcp
    .command('leases')
    .description('addresses on loan')
    .option('--all', 'those given back, too')
    .action((options: { all?: boolean }) => dhcpLeases(session, options));
  dhcp
    .command('pending')
    .description('devices that wait for approval')
    .action(() => dhcpPending(session));
  const words = {
    allow: 'serve one device, whatever the other rules say',
    deny: 'serve one device no more; what it has on loan, it keeps until then',
  } as const;
  for (const [word, about] of Object.entries(words)) {
    dhcp
      .command(word)
      .argument('<mac>', 'MAC address')
      .option('--for <time>', 'only for so long: 30m, 2h, 1d12h', duration)
      .description(about)
      .action((mac: string, options: { for?: number }) =>
        dhcpWord(session, word, { mac, seconds: options.for ?? 0 }, `${mac}: ${word}`),
      );
  }
  dhcp
    .command('except')
    .argument('<mac>', 'MAC address')
    .requiredOption('--for <time>', 'for how long: 30m, 2h, 1d12h', duration)
    .description('serve one device for some time, whatever the other rules say')
    .action((mac: string, options: { for: number }) =>
      dhcpWord(
        session,
        'except',
        { mac, seconds: options.for },
        `${mac}: served for ${options.for} s`,
      ),
    );
  dhcp
    .command('forget')
    .argument('<mac>', 'MAC address')
    .description('take back allow, deny or except')
    .action((mac: string) => dhcpWord(session, 'forget', { mac }, `${mac}: forgotten`));
  dhcp
    .command('fix')
    .argument('<mac>', 'MAC address')
    .argument('[address]', 'the address; without one, that which it has')
    .option('--name <name>', 'name of the host, whatever it says itself')
    .description('always give one device the same address')
    .action((mac: string, address: string | undefined, options: { name?: string }) =>
      dhcpWord(
        session,
        'fix',
        {
          mac,
          ...(address === undefined ? {} : { address }),
          ...(options.name === undefined ? {} : { name: options.name }),
        },
        `${mac}: always the same address from now on`,
      ),
    );
  dhcp
    .command('import')
    .argument('<file>', 'lease file of dnsmasq, ISC dhcpd or Kea; - for standard input')
    .option('--dry-run', 'say what would be taken over, and change nothing')
    .description("take over another server's leases")
    .action((file: string, options: { dryRun?: boolean }) => dhcpImport(session, file, options));
  dhcp
    .command('export')
    .addOption(
      new Option('--format <format>', 'as which server has them')
        .choices(['dnsmasq', 'isc', 'json'])
        .default('dnsmasq'),
    )
    .description('print every lease as another server has them')
    .action((options: { format: string }) => dhcpExport(session, options));
  dhcp
    .command('release')
    .argument('<address>', 'IPv4 address')
    .description('end the lease of an address')
    .action((address: string) => dhcpWord(session, 'release', { address }, `${address}: free`));
}

/** After a mistake: where the help of this very command is. */
function pointToHelp(command: Command, words: string): void {
  command.showHelpAfterError(`(try '${words} --help')`);
  for (const below of command.commands) pointToHelp(below, `${words} ${below.name()}`);
}

/** That nothing is the default need not be said. */
const aboutOption = (option: Option): string =>
  new Help().optionDescription(option).replace(/ \(default: ""\)$/, '');

/** Of its commands, but the hidden one. */
const namesOf = (command: Command | undefined): readonly string[] =>
  (command?.commands ?? []).map((c) => c.name()).filter((name) => name !== 'complete');

/** Alike for all that changes the configuration. */
const confirmOption = (): Option =>
  new Option(
    '--confirm <seconds>',
    "undone unless 'gatehouse config confirm' comes in time",
  ).argParser(wholeNumber);

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number is wanted');
  return Number(text);
}
