/** Object `session` of `/ubus`: the methods of rpcd's that LuCI's rpc.js and scripts need. */
import type { Result } from '../../base/result.ts';
import { type BlobmsgTable, pick } from '../../wire/blobmsg.ts';
import { fromPlain, tableFromPlain, tableToPlain } from '../../wire/blobmsg-json.ts';
import { UBUS_STATUS } from '../../wire/ubus.ts';
import type { Account } from './faces.ts';
import type { LoginRefusal } from './logins.ts';
import type { UbusSession, UbusSessions } from './ubus-sessions.ts';

export interface SessionReply {
  readonly status: number;
  readonly data: BlobmsgTable;
}

const SESSION_SIGNATURE = {
  login: { username: 'string', password: 'string', timeout: 'number' },
  access: { ubus_rpc_session: 'string', scope: 'string', object: 'string', function: 'string' },
  destroy: { ubus_rpc_session: 'string' },
  get: { ubus_rpc_session: 'string', keys: 'array' },
  set: { ubus_rpc_session: 'string', values: 'object' },
  unset: { ubus_rpc_session: 'string', keys: 'array' },
  list: { ubus_rpc_session: 'string' },
} as const;

const refuse = (status: number): SessionReply => ({ status, data: [] });
const reply = (data: object): SessionReply => ({
  status: UBUS_STATUS.ok,
  data: tableFromPlain(data),
});

export async function callSession(
  sessions: UbusSessions,
  login: (name: string, password: string) => Promise<Result<Account, LoginRefusal>>,
  id: string,
  method: string,
  args: BlobmsgTable,
): Promise<SessionReply> {
  if (method === 'login') {
    const name = pick(args, 'username', 'string');
    const password = pick(args, 'password', 'string');
    if (name === undefined || password === undefined) return refuse(UBUS_STATUS.invalidArgument);
    const tried = await login(name, password);
    if (!tried.ok) return refuse(UBUS_STATUS.permissionDenied);
    return reply(dump(sessions, sessions.create(tried.value, pick(args, 'timeout', 'int32'))));
  }
  if (method === 'access') return access(sessions, id, args);
  if (!Object.hasOwn(SESSION_SIGNATURE, method)) return refuse(UBUS_STATUS.methodNotFound);
  const session = sessions.use(id);
  if (session === undefined) return refuse(UBUS_STATUS.notFound);
  switch (method) {
    case 'destroy':
      sessions.end(id);
      return reply({});
    case 'get':
      return reply({ values: chosen(session, args) });
    case 'set': {
      const values = pick(args, 'values', 'table');
      if (values === undefined) return refuse(UBUS_STATUS.invalidArgument);
      return sessions.keep(session, tableToPlain(values))
        ? reply({})
        : refuse(UBUS_STATUS.noMemory);
    }
    case 'unset':
      sessions.drop(session, keysOf(args));
      return reply({});
    default:
      return reply(dump(sessions, session));
  }
}

function access(sessions: UbusSessions, id: string, args: BlobmsgTable): SessionReply {
  const scope = pick(args, 'scope', 'string') ?? 'ubus';
  const object = pick(args, 'object', 'string');
  const name = pick(args, 'function', 'string');
  if (object === undefined || name === undefined) {
    return reply(scope === 'ubus' ? { ubus: sessions.access(id) } : {});
  }
  return reply({ access: scope === 'ubus' && sessions.allows(id, object, name) });
}

function chosen(session: UbusSession, args: BlobmsgTable): Record<string, unknown> {
  const keys = keysOf(args);
  const found = [...session.values].filter(([name]) => keys?.includes(name) ?? true);
  return Object.fromEntries(found);
}

const keysOf = (args: BlobmsgTable): readonly string[] | undefined =>
  pick(args, 'keys', 'array')?.flatMap((key) => (key.type === 'string' ? [key.value] : []));

const dump = (sessions: UbusSessions, session: UbusSession) => ({
  ubus_rpc_session: session.id,
  timeout: session.timeoutSec,
  expires: sessions.expiresSec(session),
  acls: { ubus: sessions.access(session.id) },
  data: Object.fromEntries(session.values),
});

/** The signature as `list` shows it. */
export const sessionSignature = fromPlain(SESSION_SIGNATURE);
