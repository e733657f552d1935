/** Every object group of the product, in the order of the tree. */
import type { ObjectGroup } from '../table.ts';
import { device } from './device.ts';
import { deviceInfo } from './device-info.ts';
import { dhcpv4Client } from './dhcpv4-client.ts';
import { dnsClient } from './dns-client.ts';
import { ethernet } from './ethernet.ts';
import { ip } from './ip.ts';
import { nat } from './nat.ts';
import { routing } from './routing.ts';
import { time } from './time.ts';
import { users } from './users.ts';

export const objectGroups = (): readonly ObjectGroup[] => [
  device,
  deviceInfo(),
  ethernet,
  ip,
  routing,
  dnsClient,
  nat,
  dhcpv4Client,
  time(),
  users,
];
