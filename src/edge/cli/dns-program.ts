/** Arguments and options of `gatehouse dns`. */
import { type Command, InvalidArgumentError } from 'commander';
import type { JsonObject } from './bus.ts';
import {
  dnsFlush,
  dnsLists,
  dnsLog,
  dnsQuery,
  dnsStats,
  dnsStatus,
  dnsWhy,
  dnsWord,
  type LogOptions,
} from './dns-commands.ts';
import type { Session } from './session.ts';
import { duration } from './typed.ts';

const CLIENT = 'as this device of the LAN: address, MAC address or name';

interface WhileOptions {
  readonly for?: number;
  readonly client?: string;
}

export function defineDns(dns: Command, session: Session): void {
  dns
    .command('status')
    .description('whether it answers, whom it asks, and what was said for a while')
    .action(() => dnsStatus(session));
  dns
    .command('query')
    .argument('<name>', 'name to ask for')
    .argument('[type]', 'type of record: A, AAAA, MX, TXT, …')
    .option('--client <device>', CLIENT)
    .description('ask the server, as the box or as a device of the LAN')
    .action((name: string, type: string | undefined, options: { client?: string }) =>
      dnsQuery(session, name, type, options),
    );
  dns
    .command('why')
    .argument('<name>', 'name')
    .option('--client <device>', CLIENT)
    .description('say which rule decides for a name')
    .action((name: string, options: { client?: string }) => dnsWhy(session, name, options));
  const words = {
    block: 'block a name and all below it, for good or for some time',
    allow: 'let a name and all below it pass, for good or for some time',
  } as const;
  for (const [word, about] of Object.entries(words) as [keyof typeof words, string][]) {
    dns
      .command(word)
      .argument('<name>', 'name')
      .option('--for <time>', 'only for so long: 30m, 2h, 1d12h', duration)
      .option('--client <device>', 'only for this device of the LAN (with --for)')
      .description(about)
      .action((name: string, options: WhileOptions) =>
        dnsWord(
          session,
          word,
          { name, ...whileArgs(options) },
          `${name}: ${word}${ending(options)}`,
        ),
      );
  }
  dns
    .command('forget')
    .argument('<name>', 'name')
    .description('take back block or allow')
    .action((name: string) => dnsWord(session, 'forget', { name }, `${name}: forgotten`));
  dns
    .command('pause')
    .argument('[device]', 'device of the LAN: address, MAC address or name; without one, all')
    .requiredOption('--for <time>', 'for how long: 30m, 2h', duration)
    .description('block nothing for some time')
    .action((client: string | undefined, options: WhileOptions) =>
      dnsWord(
        session,
        'pause',
        whileArgs({ ...options, ...(client === undefined ? {} : { client }) }),
        `${client ?? 'everybody'}: nothing is blocked${ending(options)}`,
      ),
    );
  dns
    .command('cancel')
    .argument('<number>', 'number, as status has it', count)
    .description('end what was said for some time')
    .action((id: number) => dnsWord(session, 'cancel', { id }, `${id}: ended`));
  dns
    .command('lists')
    .option('--update [list]', 'fetch one, by its name or path, or all, and wait for it')
    .option('--rejected', 'print lines that are no rule, too')
    .description('lists of names: rules, last update, and what is wrong')
    .action((options: { update?: string | true; rejected?: boolean }) =>
      dnsLists(session, options),
    );
  dns
    .command('stats')
    .description('top names and devices, who answered, how fast')
    .action(() => dnsStats(session));
  dns
    .command('log')
    .argument('[text]', 'only queries with this in name or device')
    .option('-f, --follow', 'go on, until Ctrl-C')
    .option('--blocked', 'only what was blocked')
    .option('--last <n>', 'how many to begin with', count)
    .description('the last queries')
    .action((filter: string | undefined, options: LogOptions) => dnsLog(session, filter, options));
  dns
    .command('flush')
    .argument('[name]', 'only this name')
    .description('forget the answers that are remembered')
    .action((name: string | undefined) => dnsFlush(session, name));
}

const whileArgs = (options: WhileOptions): JsonObject => ({
  ...(options.for === undefined ? {} : { seconds: options.for }),
  ...(options.client === undefined ? {} : { client: options.client }),
});

const ending = (options: WhileOptions): string =>
  options.for === undefined ? '' : ` for ${options.for} s`;

function count(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number is wanted');
  return Number(text);
}
