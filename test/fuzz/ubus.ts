import { BugError } from '../../src/base/errors.ts';
import { parseAccounts } from '../../src/edge/ubus/accounts.ts';
import { parseAcl } from '../../src/edge/ubus/acl.ts';
import { Broker } from '../../src/edge/ubus/broker.ts';
import { field, int32, string, table } from '../../src/wire/blobmsg.ts';
import {
  decodeMessage,
  encodeMessage,
  UBUS_ATTR,
  UBUS_TYPE,
  type UbusAttribute,
} from '../../src/wire/ubus.ts';
import { counting, FakeConnection, GROUP, PASSWD } from '../edge/ubus/fakes.ts';

const accounts = parseAccounts(PASSWD, GROUP);
const RULES = JSON.stringify({
  user: 'guest',
  access: { 'a*': { methods: ['get'] } },
  listen: ['*'],
});
const { acl } = parseAcl([{ name: 'a', text: RULES }], accounts);

/** Ids as the broker gives them when it is always asked in the same order. */
const FIRST_ID = 0x1000_0000;
/** Server, its type, its object; guest, its object; slow reader. */
const OBJECT = FIRST_ID + 2;
const GUEST = FIRST_ID + 3;
const WATCHER = FIRST_ID + 4;

const frame = (type: number, peer: number, ...attributes: UbusAttribute[]): Uint8Array =>
  encodeMessage({ version: 0, type, seq: 9, peer, attributes }) ?? new Uint8Array();
const objId = (value: number): UbusAttribute => ({ id: UBUS_ATTR.objId, kind: 'u32', value });
const method = (value: string): UbusAttribute => ({ id: UBUS_ATTR.method, kind: 'string', value });
const data = (...value: ReturnType<typeof field>[]): UbusAttribute => ({
  id: UBUS_ATTR.data,
  kind: 'table',
  value,
});
const path = (value: string): UbusAttribute => ({ id: UBUS_ATTR.objPath, kind: 'string', value });
const signature: UbusAttribute = {
  id: UBUS_ATTR.signature,
  kind: 'table',
  value: [field('get', table([field('x', int32(3))]))],
};

function seeds(): Uint8Array[] {
  const { addObject, invoke, notify, status, subscribe } = UBUS_TYPE;
  const ok: UbusAttribute = { id: UBUS_ATTR.status, kind: 'u32', value: 0 };
  const watched: UbusAttribute = { id: UBUS_ATTR.target, kind: 'u32', value: OBJECT };
  const all = [
    frame(UBUS_TYPE.lookup, 0),
    frame(UBUS_TYPE.lookup, 0, path('a*')),
    frame(addObject, 0, path('b'), signature),
    frame(addObject, 0),
    frame(UBUS_TYPE.removeObject, 0, objId(OBJECT)),
    frame(invoke, OBJECT, objId(OBJECT), method('get'), data(field('x', string('y')))),
    frame(
      invoke,
      1,
      objId(1),
      method('send'),
      data(field('id', string('e')), field('data', table([]))),
    ),
    frame(
      invoke,
      1,
      objId(1),
      method('register'),
      data(field('object', int32(WATCHER)), field('pattern', string('*'))),
    ),
    frame(invoke, 2, objId(2), method('query'), data()),
    frame(invoke, 3, objId(3), method('add'), data()),
    frame(notify, OBJECT, objId(OBJECT), method('n'), data()),
    frame(subscribe, 0, objId(WATCHER), watched),
    frame(UBUS_TYPE.unsubscribe, 0, objId(WATCHER), watched),
    frame(status, GUEST, ok, objId(OBJECT)),
    frame(UBUS_TYPE.data, GUEST, objId(OBJECT), data(field('x', int32(1)))),
    frame(UBUS_TYPE.ping, 5, method('hi')),
  ];
  const joined = new Uint8Array(all.reduce((n, f) => n + f.length, 0));
  let at = 0;
  for (const f of all) {
    joined.set(f, at);
    at += f.length;
  }
  return [...all, joined];
}

/**
 * Any bytes to a codec and to a broker with three clients (root with an object, a guest, a slow
 * reader): nothing throws, whatever goes out is a frame, no queue passes its bound, and when all
 * have left nothing is left.
 */
export const target = {
  name: 'ubus',
  run(bytes: Uint8Array): void {
    decodeMessage(bytes);
    const broker = new Broker({ randomU32: counting(FIRST_ID), accounts, ownUid: 0 });
    broker.setAcl(acl);
    const join = (uid: number) => {
      const connection = new FakeConnection({ pid: 1, uid, gid: uid });
      const handlers = broker.accept(connection);
      if (handlers === undefined) throw new BugError('refused');
      return { connection, handlers };
    };
    const server = join(0);
    server.handlers.data(frame(UBUS_TYPE.addObject, 0, path('a'), signature));
    const guest = join(1000);
    guest.handlers.data(frame(UBUS_TYPE.addObject, 0));
    if (broker.stats.objects !== 2) throw new BugError('the clients did not come up');
    const slow = join(0);
    slow.connection.room = 0;
    slow.connection.limit = 512;
    const all = [server, guest, slow];
    const half = bytes.length >> 1;
    for (const { handlers } of all) {
      handlers.data(bytes.slice(0, half));
      handlers.data(bytes.slice(half));
    }
    guest.handlers.drained?.();
    for (const { connection, handlers } of all) {
      for (const out of connection.take()) {
        if (out.length < 12) throw new BugError('half a frame');
      }
      if (connection.queuedBytes > 512) throw new BugError('the queue passed its bound');
      if (!connection.isClosed) handlers.closed(undefined);
    }
    const { clients, objects, types, patterns } = broker.stats;
    if (clients + objects + types + patterns > 0) throw new BugError('something was left behind');
  },
  seeds,
};
