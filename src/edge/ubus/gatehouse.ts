/**
 * Object `gatehouse`: the router as a whole, and its services' commands, alike on ubus, HTTP and the
 * command line: every command answers `{status, message, data}`. Each service also has an object of
 * its own, `gatehouse.<service>`, so that access rules can name single commands.
 */

import type { PeerCredentials } from '../../os/ports.ts';
import type { Model, Notice, Notification, Origin } from '../../tr181/model.ts';
import {
  array,
  type BlobmsgTable,
  type BlobmsgType,
  field,
  string,
  table,
} from '../../wire/blobmsg.ts';
import { fromPlain, integer, tableFromPlain, tableToPlain } from '../../wire/blobmsg-json.ts';
import { UBUS_STATUS } from '../../wire/ubus.ts';
import { bbfdmEvent, originOf } from './bbfdm.ts';
import type { UbusClient } from './client.ts';
import {
  method,
  refuse,
  reply,
  type UbusMethod,
  type UbusObject,
  type UbusRequest,
} from './objects.ts';

export interface CommandAnswer {
  readonly status: 'success' | 'error';
  readonly message: string | null;
  readonly data: object | null;
}

export const done = (data: object | null = null): CommandAnswer => ({
  status: 'success',
  message: null,
  data,
});

export const failed = (message: string, data: object | null = null): CommandAnswer => ({
  status: 'error',
  message,
  data,
});

interface CommandContext {
  readonly origin: Origin;
  /** As the kernel said; only where the broker is our own. */
  readonly peer: PeerCredentials | undefined;
  readonly signal: AbortSignal;
}

interface ServiceCommand {
  readonly about: string;
  /** Names and types of its arguments, for `ubus -v list` and help; it checks them itself. */
  readonly args: Readonly<Record<string, BlobmsgType>>;
  run(args: Readonly<Record<string, unknown>>, context: CommandContext): Promise<CommandAnswer>;
}

export interface CommandService {
  /** Such as `dhcp-client`. */
  readonly name: string;
  readonly about: string;
  readonly commands: Readonly<Record<string, ServiceCommand>>;
}

export interface GatehouseParts {
  readonly services: readonly CommandService[];
  /** Version, uptime, revision, what each service reports: whatever tells how the router is. */
  status(): object;
}

/** `gatehouse` and one `gatehouse.<service>` for each service. */
export function gatehouseObjects(parts: GatehouseParts): readonly UbusObject[] {
  const services = new Map(parts.services.map((service) => [service.name, service]));
  return [
    {
      path: 'gatehouse',
      methods: {
        status: method({}, () => reply(tableFromPlain(parts.status()))),
        services: method({}, () => reply([field('services', array(parts.services.map(describe)))])),
        call: method(
          { service: 'string', command: 'string', args: 'table' },
          async ({ service: name, command, args }, request) => {
            if (name === undefined || command === undefined) {
              return refuse(UBUS_STATUS.invalidArgument);
            }
            const service = services.get(name);
            if (service === undefined) {
              return answer(
                failed(`no service ${name}; there are ${listOf([...services.keys()])}`),
              );
            }
            return answer(await run(service, command, args ?? [], request));
          },
        ),
      },
    },
    ...parts.services.map((service) => ({
      path: `gatehouse.${service.name}`,
      methods: Object.fromEntries(
        Object.entries(service.commands).map(([name, { args }]): [string, UbusMethod] => [
          name,
          {
            policy: args,
            handle: async (request) => answer(await run(service, name, request.data, request)),
          },
        ]),
      ),
    })),
  ];
}

const listOf = (names: readonly string[]): string => (names.length > 0 ? names.join(', ') : 'none');

async function run(
  service: CommandService,
  name: string,
  args: BlobmsgTable,
  request: UbusRequest,
): Promise<CommandAnswer> {
  const command = Object.hasOwn(service.commands, name) ? service.commands[name] : undefined;
  if (command === undefined) {
    const names = listOf(Object.keys(service.commands));
    return failed(`${service.name} has no command ${name}; it has ${names}`);
  }
  const { peer, signal } = request;
  return command.run(tableToPlain(args), { origin: originOf(request), peer, signal });
}

const answer = ({ status, message, data }: CommandAnswer) =>
  reply([
    field('status', string(status)),
    field('message', fromPlain(message)),
    field('data', fromPlain(data)),
  ]);

const describe = (service: CommandService) =>
  table([
    field('name', string(service.name)),
    field('about', string(service.about)),
    field(
      'commands',
      array(
        Object.entries(service.commands).map(([name, { about, args }]) =>
          table([
            field('name', string(name)),
            field('about', string(about)),
            field('args', fromPlain(args)),
          ]),
        ),
      ),
    ),
  ]);

// ---- changes -------------------------------------------------------------------------------

/** A message holds a megabyte; this many changes are far below it. */
const CHANGES_PER_EVENT = 256;

/**
 * Tells the bus what changes in the model: event `gatehouse.change` with revision, changed values,
 * added and removed rows; and each event of the model as `bbfdm.event`.
 */
export function announceChanges(
  model: Pick<Model, 'subscribe'>,
  client: Pick<UbusClient, 'send'>,
): Disposable {
  const subscribed = model.subscribe('Device.', (notification) => {
    for (const data of changeEvents(notification)) void client.send('gatehouse.change', data);
    for (const notice of notification.notices) {
      if (notice.kind === 'event') void client.send('bbfdm.event', bbfdmEvent(notice));
    }
  });
  return subscribed.ok ? subscribed.value : { [Symbol.dispose]: () => {} };
}

function* changeEvents({ revision, notices }: Notification): Iterable<BlobmsgTable> {
  const told = notices.filter(({ kind }) => kind !== 'event');
  for (let at = 0; at < told.length; at += CHANGES_PER_EVENT) {
    yield changeEvent(revision, told.slice(at, at + CHANGES_PER_EVENT));
  }
}

function changeEvent(revision: number, notices: readonly Notice[]): BlobmsgTable {
  const paths = (kind: Notice['kind']) =>
    array(notices.flatMap((n) => (n.kind === kind ? [string(n.path)] : [])));
  return [
    field('revision', integer(revision)),
    field(
      'changes',
      array(
        notices.flatMap((n) =>
          n.kind === 'value'
            ? [table([field('path', string(n.path)), field('value', string(n.value))])]
            : [],
        ),
      ),
    ),
    field('added', paths('added')),
    field('removed', paths('removed')),
  ];
}
