/** What the options of an answer tell to others, read: AFTR, time and SIP servers, vendors. Pure. */
import { toHex } from '../../base/bytes.ts';
import { formatIpv6, isHostAddress6 } from '../../base/ip6.ts';
import type { Dhcp6Option } from '../../wire/dhcp6.ts';
import { CODEC6, OPTION6, option6 } from '../../wire/dhcp6-options.ts';
import { decodeAftrName } from '../../wire/s46.ts';
import type { Facts6, ReceivedOption6 } from './config.ts';

const AFTR = 64;
const SIP_NAMES = 21;
const SIP_ADDRESSES = 22;
const SNTP = 31;
const NTP = 56;
/** Suboptions of option 56 (RFC 5908 §4). */
const NTP_ADDRESS = 1;
const NTP_NAME = 3;
const MAX_LISTED = 16;

export function factsOf(received: readonly ReceivedOption6[]): Facts6 {
  const options = received.map(({ code, data }): Dhcp6Option => ({ code, value: data }));
  const addresses = (code: number): readonly string[] =>
    (option6(options, code, 'ips') ?? []).filter(isHostAddress6).map(formatIpv6);
  const ntp = option6(options, NTP, 'options') ?? [];
  const timeServers = ntp.flatMap(({ code, value }): readonly string[] => {
    if (code === NTP_ADDRESS) {
      const address = CODEC6.ip.decode(value);
      return address.ok && isHostAddress6(address.value) ? [formatIpv6(address.value)] : [];
    }
    const names = code === NTP_NAME ? CODEC6.domains.decode(value) : undefined;
    return names?.ok ? names.value : [];
  });
  const softwire = options.find(({ code }) => code === AFTR);
  const aftr = softwire && decodeAftrName(softwire.value);
  return {
    aftr: aftr?.ok ? aftr.value : undefined,
    ntpServers: [...new Set([...timeServers, ...addresses(SNTP)])].slice(0, MAX_LISTED),
    sipServers: [
      ...(option6(options, SIP_NAMES, 'domains') ?? []),
      ...addresses(SIP_ADDRESSES),
    ].slice(0, MAX_LISTED),
    vendors: options
      .filter(({ code }) => code === OPTION6.VENDOR_OPTS)
      .flatMap(({ value }) => {
        const vendor = CODEC6.vendorOptions.decode(value);
        if (!vendor.ok) return [];
        const { enterprise, options: inner } = vendor.value;
        return [{ enterprise, options: inner.map((o) => ({ code: o.code, hex: toHex(o.value) })) }];
      })
      .slice(0, MAX_LISTED),
  };
}
