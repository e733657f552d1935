/** What clients find out of the resolver's encrypted ways (RFC 9461, RFC 9462): records of `_dns.resolver.arpa`. */
import { formatIpv4 } from '../../base/ip.ts';
import { formatIpv6, type IpAddress } from '../../base/ip6.ts';
import type { DnsRecord } from '../../wire/dns.ts';
import { type DnsName, lowerName, parseName } from '../../wire/dns-name.ts';
import { parseRdata } from '../../wire/dns-rdata-text.ts';
import { TYPE } from '../../wire/dns-registry.ts';
import type { DnsConfig } from './config.ts';
import { record } from './query.ts';

const OWNER = '_dns.resolver.arpa' as DnsName;

export function designatedRecords(
  { listen, local }: Pick<DnsConfig, 'listen' | 'local'>,
  ownNames: readonly string[],
  addresses: readonly IpAddress[],
): DnsRecord[] {
  const [label] = ownNames;
  const target = parseName(label === undefined ? '' : `${label}.${local.domain}`);
  if (!target.ok || addresses.length === 0) return [];
  const v4 = addresses.flatMap((one) => (typeof one === 'number' ? formatIpv4(one) : []));
  const v6 = addresses.flatMap((one) => (typeof one === 'bigint' ? formatIpv6(one) : []));
  const hints = [
    ...(v4.length > 0 ? [`ipv4hint=${v4.join(',')}`] : []),
    ...(v6.length > 0 ? [`ipv6hint=${v6.join(',')}`] : []),
  ].join(' ');
  const ways = [
    ...(listen.tlsPort === undefined ? [] : [`alpn=dot port=${listen.tlsPort}`]),
    ...(listen.httpsPort === undefined
      ? []
      : [`alpn=h2 port=${listen.httpsPort} dohpath="/dns-query{?dns}"`]),
  ];
  return ways.flatMap((way, i) => {
    const text = `${i + 1} ${lowerName(target.value)}. ${way} ${hints}`;
    const rdata = parseRdata(TYPE.SVCB, text);
    return rdata.ok ? [record(OWNER, TYPE.SVCB, local.ttlSec, rdata.value)] : [];
  });
}
