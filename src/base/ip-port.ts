import { parseIpv4 } from './ip.ts';
import { formatIp, type IpAddress, parseIpv6 } from './ip6.ts';
import { decodeError, ok, type Result } from './result.ts';

/** Where a program is reached: an address with a port. */
export interface IpPort {
  readonly address: IpAddress;
  readonly port: number;
}

/** Port 1 to 65535: `192.0.2.1:6881` or `[2001:db8::1]:6881` (RFC 3986 §3.2.2). */
export function parseIpPort(text: string, field = 'endpoint'): Result<IpPort> {
  const [, v6, v4, digits] = /^(?:\[([^\]]{2,45})\]|([\d.]{7,15})):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits ?? 0);
  if (port < 1 || port > 65_535)
    return decodeError(`not an address and port: ${JSON.stringify(text.slice(0, 64))}`, field, 0);
  const address = v6 === undefined ? parseIpv4(v4 ?? '', field) : parseIpv6(v6, field);
  return address.ok ? ok({ address: address.value, port }) : address;
}

export const formatIpPort = ({ address, port }: IpPort): string =>
  typeof address === 'number' ? `${formatIp(address)}:${port}` : `[${formatIp(address)}]:${port}`;
