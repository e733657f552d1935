import t from 'tap';
import { fromHex, toHex } from '../../../src/base/bytes.ts';
import { parseAccounts } from '../../../src/edge/ubus/accounts.ts';
import { parseAcl } from '../../../src/edge/ubus/acl.ts';
import { Broker } from '../../../src/edge/ubus/broker.ts';
import type { UnixHandlers } from '../../../src/os/ports.ts';
import { string } from '../../../src/wire/blobmsg.ts';
import { decodeMessage, UBUS_ATTR, UBUS_TYPE } from '../../../src/wire/ubus.ts';
import { FakeClient, FakeConnection, GROUP, PASSWD, ROOT, u32 } from './fakes.ts';
import { goldenScenarios } from './golden.ts';

const accounts = parseAccounts(PASSWD, GROUP);
/** What the recorded ubusd must have had for uid 1. */
const RULES = `{"user":"daemon",
  "access":{"golden.test":{"methods":["echo","types"]}},
  "listen":["evt.*"]}`;

/**
 * Every recorded client message is fed to the broker, connection by connection in recorded order,
 * with the recorded ids handed out as the random ones, so that all of the broker's messages can be
 * compared byte for byte with ubusd's: ids, sequence numbers and all.
 */
t.test('the broker answers the recorded scenarios as ubusd did', (t) => {
  const scenarios = goldenScenarios();
  if (scenarios === undefined) {
    t.comment('skipped 39 scenarios: no ../shared/data/ubus-golden.json');
    return t.end();
  }
  const ids: number[] = [];
  let spare = 0x7000_0000;
  const broker = new Broker({
    randomU32: () => ids.shift() ?? spare++,
    accounts,
    ownUid: 0,
  });
  broker.setAcl(parseAcl([{ name: 'golden.json', text: RULES }], accounts).acl);

  const connections = new Map<number, { connection: FakeConnection; handlers: UnixHandlers }>();
  let listener: FakeClient | undefined;
  let compared = 0;

  for (const scenario of scenarios) {
    const expected = new Map<FakeConnection, string[]>();
    const expect = (connection: FakeConnection): string[] => {
      const list = expected.get(connection) ?? [];
      expected.set(connection, list);
      return list;
    };
    if (scenario.name === 'remove_object_and_object_events') {
      // The connection of `ubus listen` was made before the recording of this scenario began.
      listener = new FakeClient(broker, ROOT);
      ids.push(0x2a4a6358);
      const object = listener.addObject();
      listener.invoke(1, 'register', [
        { name: 'object', value: { type: 'int32', value: object | 0 } },
        { name: 'pattern', value: string('ubus.object.*') },
      ]);
      connections.set(25, listener);
    }
    scenario.frames.forEach(({ conn, direction, hex, eof }, at) => {
      const bytes = hex === undefined ? undefined : fromHex(hex);
      const known = connections.get(conn);
      if (direction === 'ubusd->client') {
        const message = bytes === undefined ? undefined : decodeMessage(bytes);
        if (bytes === undefined || !message?.ok) return;
        if (message.value.type === UBUS_TYPE.hello) {
          ids.push(message.value.peer);
          const uid = scenario.name.startsWith('acl_') && scenario.name !== 'acl_query' ? 1 : 0;
          const connection = new FakeConnection({ pid: 1, uid, gid: uid });
          const handlers = broker.accept(connection);
          if (handlers !== undefined) connections.set(conn, { connection, handlers });
          expect(connection).push(toHex(bytes));
        } else if (known !== undefined) {
          expect(known.connection).push(toHex(bytes));
        }
        return;
      }
      if (known === undefined) return;
      if (scenario.name === 'oversize_blob') {
        // The recorder cut the message itself away: it was one byte above the limit.
        known.handlers.data(fromHex('000300010000000000100001') ?? new Uint8Array());
        t.ok(known.connection.isClosed, 'an oversize message closes the connection');
        connections.delete(conn);
      } else if (bytes !== undefined) {
        const message = decodeMessage(bytes);
        if (message.ok && message.value.type === UBUS_TYPE.addObject) {
          const reply = scenario.frames
            .slice(at)
            .filter((f) => f.conn === conn && f.direction === 'ubusd->client')
            .map((f) => decodeMessage(fromHex(f.hex ?? '') ?? new Uint8Array()))
            .find((m) => m.ok && m.value.type === 2 && m.value.seq === message.value.seq);
          if (reply?.ok) {
            const type = u32(reply.value, UBUS_ATTR.objType);
            if (type >= 0) ids.push(type);
            ids.push(u32(reply.value, UBUS_ATTR.objId));
          }
        }
        known.handlers.data(bytes);
      } else if (eof) {
        known.handlers.closed(undefined);
        connections.delete(conn);
      }
    });
    for (const [connection, frames] of expected) {
      const actual = connection.take().map(toHex);
      compared += frames.length;
      t.same(actual, frames, `${scenario.name}: what one connection got`);
    }
    for (const [conn, { connection }] of connections) {
      const extra = connection.take().map(toHex);
      if (extra.length > 0) t.fail(`${scenario.name}: connection ${conn} got ${extra}`);
    }
    if (scenario.name === 'remove_object_and_object_events') {
      listener?.leave();
      connections.delete(25);
    }
  }
  t.equal(ids.length, 0, 'every recorded id was used');
  t.comment(`ran ${scenarios.length} scenarios, compared ${compared} frames byte for byte`);
  t.end();
});
