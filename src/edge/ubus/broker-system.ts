/** The objects of ubusd itself: events, access rules, monitor. */
import { array, type BlobmsgValue, field, int32, string, table } from '../../wire/blobmsg.ts';
import {
  type FrameAttributes,
  SYSTEM_OBJECT,
  UBUS_ATTR,
  UBUS_STATUS,
  UBUS_TYPE,
} from '../../wire/ubus.ts';
import type { AclSet } from './acl.ts';
import type { BrokerEvents } from './broker-events.ts';
import type { BrokerObjects } from './broker-objects.ts';
import type { BrokerOutput } from './broker-output.ts';
import type { BrokerClient } from './broker-state.ts';

export interface SystemContext {
  readonly attributes: FrameAttributes;
  readonly output: BrokerOutput;
  readonly objects: BrokerObjects;
  readonly events: BrokerEvents;
  readonly acl: AclSet;
  readonly aclSequence: number;
}

/** The objects of ubusd itself. DATA for the monitor is not looked at: libubus sends no blobmsg there. */
export function invokeSystem(
  broker: SystemContext,
  client: BrokerClient,
  id: number,
  seq: number,
  peer: number,
): number {
  const { attributes, output, objects, events, acl } = broker;
  const method = attributes.text(UBUS_ATTR.method);
  if (id === SYSTEM_OBJECT.event) {
    if (method === 'register') {
      return events.register(client, attributes, (o) => objects.find(o), acl);
    }
    return method === 'send' ? events.send(client, attributes, acl) : UBUS_STATUS.invalidCommand;
  }
  if (id === SYSTEM_OBJECT.acl) {
    if (method !== 'query') return UBUS_STATUS.invalidCommand;
    queryAcl(broker, client, seq, peer);
    return UBUS_STATUS.ok;
  }
  if (client.caller.uid !== 0 || client.caller.gid !== 0) return UBUS_STATUS.permissionDenied;
  if (method === 'add') output.addMonitor(client);
  else if (method === 'remove') output.removeMonitor(client);
  else return UBUS_STATUS.methodNotFound;
  return UBUS_STATUS.ok;
}

/** What the rules say in `acl` members about the caller's own objects. */
function queryAcl(
  { output, acl: rules, aclSequence }: SystemContext,
  client: BrokerClient,
  seq: number,
  peer: number,
): void {
  const found: BlobmsgValue[] = [];
  for (const { path } of client.objects.toReversed()) {
    if (path === undefined) continue;
    for (const { who, acl } of rules.ofObject(path)) {
      const row = [field('obj', string(path))];
      if (who.user !== undefined) row.push(field('user', string(who.user)));
      if (who.group !== undefined) row.push(field('group', string(who.group)));
      found.push(table([...row, field('acl', table(acl))]));
    }
  }
  const writer = output.begin();
  writer.blobU32(UBUS_ATTR.objId, SYSTEM_OBJECT.acl);
  const at = writer.begin(UBUS_ATTR.data);
  writer.fields([field('seq', int32(aclSequence)), field('acl', array(found))]);
  writer.end(at);
  output.send(client, UBUS_TYPE.data, seq, peer);
}
