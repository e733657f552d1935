/** What commands of the model ask of the DNS server, where it runs. */
import { err } from '../base/result.ts';
import type { ServiceCalls } from '../tr181/table.ts';

export type DnsCalls = Pick<
  ServiceCalls,
  'dnsLookup' | 'dnsOverride' | 'dnsCancel' | 'dnsFlush' | 'dnsUpdateList'
>;

const ABSENT = err('the DNS server does not run here');

/** `dns` is asked for with each call: the model is built before the services that it is joined to. */
export const dnsCalls = (dns: () => DnsCalls | undefined): DnsCalls => ({
  dnsLookup: async (...args) => dns()?.dnsLookup(...args) ?? ABSENT,
  dnsOverride: async (...args) => dns()?.dnsOverride(...args) ?? ABSENT,
  dnsCancel: async (...args) => dns()?.dnsCancel(...args) ?? false,
  dnsFlush: async (...args) => dns()?.dnsFlush(...args) ?? ABSENT,
  dnsUpdateList: async (...args) => dns()?.dnsUpdateList(...args) ?? ABSENT,
});
