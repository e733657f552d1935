/** Who a resolver must prove to be before it is asked anything. */
import { createHash, type X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import {
  type ConnectionOptions,
  checkServerIdentity,
  rootCertificates,
  type TLSSocket,
} from 'node:tls';
import { SystemError } from '../../base/errors.ts';
import { formatIp } from '../../base/ip6.ts';
import type { DnsEndpoint } from '../ports-dns-transport.ts';

export function tlsOptions(
  to: DnsEndpoint,
  extraRoots: readonly string[],
  alpn: readonly string[],
): ConnectionOptions {
  const identity = to.name ?? formatIp(to.address);
  return {
    host: formatIp(to.address),
    port: to.port,
    ...(isIP(identity) === 0 ? { servername: identity } : {}),
    minVersion: 'TLSv1.2',
    ca: [...rootCertificates, ...extraRoots],
    ALPNProtocols: [...alpn],
    // Known by its key alone (RFC 7858 §4.2): no authority has to vouch for it.
    rejectUnauthorized: to.pins.length === 0 || to.name !== undefined,
    checkServerIdentity: (_host, certificate) => checkServerIdentity(identity, certificate),
  };
}

/** Why the other side is not who it must be; undefined when it is. */
export function pinFault(to: DnsEndpoint, socket: TLSSocket): SystemError | undefined {
  if (to.pins.length === 0) return undefined;
  let certificate = socket.getPeerX509Certificate();
  for (let depth = 0; certificate !== undefined && depth < MAX_CHAIN; depth++) {
    if (to.pins.includes(pinOf(certificate))) return undefined;
    const issuer: X509Certificate | undefined = certificate.issuerCertificate;
    if (issuer === certificate) break;
    certificate = issuer;
  }
  return new SystemError(`none of its keys is pinned`, 'EPROTO');
}

const MAX_CHAIN = 8;

/** SHA-256 of SubjectPublicKeyInfo, base64 (RFC 7469 §2.4). */
const pinOf = (certificate: X509Certificate): string =>
  createHash('sha256')
    .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64');
