/** Commands of `Device.X_GATEHOUSE_DNS.`: what somebody says of a name or a client, for a while. */
import { err, ok, type Result } from '../../base/result.ts';
import type { ArgumentDef, CommandContext, CommandDef, ServiceCalls } from '../table.ts';

type Said = Result<Readonly<Record<string, string>>, string>;

const NAME: ArgumentDef = { type: 'string', size: [1, 253], mandatory: true };
const CLIENT: ArgumentDef = { type: 'string', size: [0, 64] };
/** A week. */
const SECONDS: ArgumentDef = { type: 'unsignedInt', range: [[1, 604_800]], mandatory: true };

const say = async (
  { args, calls }: CommandContext,
  kind: Parameters<ServiceCalls['dnsOverride']>[0]['kind'],
): Promise<Said> => {
  const done = await calls.dnsOverride({
    kind,
    name: args['Name'] ?? '',
    client: args['Client'] ?? '',
    seconds: Number(args['Seconds']),
  });
  return done.ok ? ok({}) : done;
};

export const DNS_ACTIONS: Readonly<Record<string, CommandDef>> = {
  Pause: {
    about: 'Blocks nothing for one client, or for all, for some seconds.',
    input: { Client: CLIENT, Seconds: SECONDS },
    run: (context) => say(context, 'pause'),
  },
  Allow: {
    about: 'Lets a name and all below it pass for some seconds, for one client or for all.',
    input: { Name: NAME, Client: CLIENT, Seconds: SECONDS },
    run: (context) => say(context, 'allow'),
  },
  Block: {
    about: 'Blocks a name and all below it for some seconds, for one client or for all.',
    input: { Name: NAME, Client: CLIENT, Seconds: SECONDS },
    run: (context) => say(context, 'block'),
  },
};

export const FLUSH: Readonly<Record<string, CommandDef>> = {
  Flush: {
    about: 'Forgets the answers for one name, or all.',
    input: { Name: { type: 'string', size: [0, 253] } },
    output: { Forgotten: { type: 'unsignedInt' } },
    run: async ({ args, calls }) => {
      const done = await calls.dnsFlush(args['Name'] ?? '');
      return done.ok ? ok({ Forgotten: String(done.value) }) : done;
    },
  },
};

/** Of a row of `Override.{i}.`, whose key is the number of the override. */
export const CANCEL: Readonly<Record<string, CommandDef>> = {
  Cancel: {
    about: 'Ends it now.',
    run: async ({ object, rows, calls }) => {
      const own = rows.systemRows(object.replace(/\d+\.$/, '')).find(({ path }) => path === object);
      const done = await calls.dnsCancel(Number(own?.key ?? -1));
      return done ? ok({}) : err('it is over already');
    },
  },
};

/** Of a row of `List.{i}.`. */
export const UPDATE: Readonly<Record<string, CommandDef>> = {
  Update: {
    about: 'Fetches the list now, if it changed. It ends once it is in use or could not be had.',
    async: true,
    run: async ({ object, calls, signal }) => {
      const done = await calls.dnsUpdateList(object.slice(0, -1), signal);
      return done.ok ? ok({}) : done;
    },
  },
};
