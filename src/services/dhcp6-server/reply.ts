/** Pure: what a pool tells its clients beside addresses. */
import { DHCP6, type Dhcp6Option } from '../../wire/dhcp6.ts';
import { CODEC6, OPTION6 } from '../../wire/dhcp6-options.ts';
import type { Pool6Config } from './config.ts';
import type { ClientRequest } from './request.ts';

/** IRT_MINIMUM and IRT_DEFAULT (RFC 8415 §7.6). */
const REFRESH_MIN_SEC = 600;
const REFRESH_MAX_SEC = 86_400;

/** Options that the client asked for (RFC 8415 §18.3), the pool's own rows first. */
export function replyOptions(request: ClientRequest, pool: Pool6Config): readonly Dhcp6Option[] {
  const own = new Map(pool.options.map((option) => [option.code, option]));
  const options: Dhcp6Option[] = [];
  for (const code of request.wanted) {
    const option = own.get(code) ?? usual(code, request, pool);
    if (option !== undefined) options.push(option);
  }
  return options;
}

function usual(
  code: number,
  request: ClientRequest,
  { dnsServers, domains, validSec }: Pool6Config,
): Dhcp6Option | undefined {
  if (code === OPTION6.DNS_SERVERS && dnsServers.length > 0) {
    return { code, value: CODEC6.ips.encode(dnsServers) };
  }
  if (code === OPTION6.DOMAIN_LIST && domains.length > 0) {
    return { code, value: CODEC6.domains.encode(domains) };
  }
  if (code === OPTION6.INFORMATION_REFRESH_TIME && request.type === DHCP6.INFORMATION_REQUEST) {
    const sec = Math.max(REFRESH_MIN_SEC, Math.min(REFRESH_MAX_SEC, validSec));
    return { code, value: CODEC6.u32.encode(sec) };
  }
  return undefined;
}
