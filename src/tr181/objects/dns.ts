/** The DNS server of the LAN: `Device.DNS.Relay.`, `Device.DNS.Diagnostics.`, `Device.X_GATEHOUSE_DNS.`. */
import type { ObjectGroup } from '../table.ts';
import { checkDns } from './dns-check.ts';
import { DNS_DIAGNOSTICS } from './dns-diagnostics.ts';
import { DNS_POLICY_TABLES } from './dns-policy.ts';
import { DNS_RELAY_TABLES } from './dns-relay.ts';
import { reportDns } from './dns-report.ts';
import { DNS_SERVER_TABLES } from './dns-server.ts';

export const dnsServer: ObjectGroup = {
  name: 'DNS',
  inputs: ['dns', 'dnsPolicy'],
  objects: [...DNS_RELAY_TABLES, DNS_DIAGNOSTICS, ...DNS_SERVER_TABLES, ...DNS_POLICY_TABLES],
  report: reportDns,
  check: checkDns,
};
