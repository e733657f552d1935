/** What the ways to a resolver have in common. */
import { errorCode, errorMessage, SystemError } from '../../base/errors.ts';
import { formatIp, type IpAddress } from '../../base/ip6.ts';
import type { Result } from '../../base/result.ts';
import type { DnsEndpoint } from '../ports-dns-transport.ts';

/** Anything that carries queries over one connection. */
export interface SharedConnection {
  /** It takes no more queries: closed, or about to be. */
  readonly closed: boolean;
  /** It answered before: that it breaks now may be the server's idle time-out. */
  readonly used: boolean;
  ask(
    query: Uint8Array,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Result<Uint8Array, SystemError>>;
  close(): void;
}

export const failure = (to: DnsEndpoint, cause: unknown): SystemError =>
  cause instanceof SystemError
    ? cause
    : new SystemError(`${place(to)}: ${errorMessage(cause)}`, errorCode(cause), { cause });

export const timeout = (to: DnsEndpoint): SystemError =>
  new SystemError(`${place(to)} does not answer`, 'ETIMEDOUT');

const place = ({
  protocol,
  address,
  port,
}: {
  protocol: string;
  address: IpAddress;
  port: number;
}) =>
  `${protocol}://${typeof address === 'bigint' ? `[${formatIp(address)}]` : formatIp(address)}:${port}`;
