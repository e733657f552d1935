/**
 * Certificates (RFC 5280): made by @peculiar/x509, which is loaded only when one is to be made, and
 * judged by Node's own OpenSSL.
 */
import { createPrivateKey, type KeyObject, type webcrypto, X509Certificate } from 'node:crypto';
import { decodeError, ok, type Result } from '../../base/result.ts';
import type {
  CertificateFacts,
  CertificateNames,
  Certificates,
  TlsChain,
  TlsMaterial,
} from '../ports.ts';

const DAY_MS = 86_400_000;
const CA_YEARS = 10;
const LEAF_DAYS = 90;
/** Of a clock that is a little behind ours. */
const SLACK_MS = DAY_MS;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const MAX_CHAIN = 8;
const MIN_RSA_BITS = 2048;

type Library = typeof import('@peculiar/x509');

async function library(): Promise<Library> {
  await import('reflect-metadata');
  return import('@peculiar/x509');
}

export class NodeCertificates implements Certificates {
  async makeChain(name: string, names: CertificateNames, nowMs: number): Promise<TlsChain> {
    const ca = await this.makeCa(name, nowMs);
    return { ca, leaf: await this.makeLeaf(ca, names, nowMs) };
  }

  async makeCa(name: string, nowMs: number): Promise<TlsMaterial> {
    const x509 = await library();
    const keys = await newKeys();
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: serial(),
      name: [{ CN: [`${name} device CA`] }],
      notBefore: new Date(nowMs - SLACK_MS),
      notAfter: new Date(nowMs + CA_YEARS * 365.25 * DAY_MS),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [
        // It signs leaves alone.
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(
          x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
          true,
        ),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    return { certificatePem: pem(certificate.toString('pem')), keyPem: await keyPem(keys) };
  }

  async makeLeaf(ca: TlsMaterial, names: CertificateNames, nowMs: number): Promise<TlsMaterial> {
    const x509 = await library();
    const issuer = new x509.X509Certificate(ca.certificatePem);
    const signingKey = await crypto.subtle.importKey(
      'pkcs8',
      createPrivateKey(ca.keyPem).export({ type: 'pkcs8', format: 'der' }),
      ALGORITHM,
      false,
      ['sign'],
    );
    const keys = await newKeys();
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serial(),
      subject: [{ CN: [names.hosts[0] ?? names.addresses[0] ?? 'gatehouse'] }],
      issuer: issuer.subjectName,
      notBefore: new Date(nowMs - SLACK_MS),
      notAfter: new Date(Math.min(nowMs + LEAF_DAYS * DAY_MS, issuer.notAfter.getTime())),
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension([
          ...names.hosts.map((value) => ({ type: 'dns' as const, value })),
          ...names.addresses.map((value) => ({ type: 'ip' as const, value })),
        ]),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
        await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      ],
    });
    return {
      certificatePem: pem(certificate.toString('pem')) + ca.certificatePem,
      keyPem: await keyPem(keys),
    };
  }

  inspect({ certificatePem, keyPem }: TlsMaterial): Result<CertificateFacts> {
    const chain = parseChain(certificatePem);
    if (!chain.ok) return chain;
    const [leaf] = chain.value;
    if (leaf === undefined) return decodeError('there is no certificate in it', 'certificate', 0);
    const key = parseKey(keyPem);
    if (key === undefined) return decodeError('not a private key without passphrase', 'key', 0);
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
    if (type !== 'ec' && type !== 'ed25519' && type !== 'rsa' && type !== 'rsa-pss') {
      return decodeError('neither an EC, an Ed25519 nor an RSA key', 'key', 0);
    }
    if ((details?.modulusLength ?? MIN_RSA_BITS) < MIN_RSA_BITS) {
      return decodeError(`an RSA key of less than ${MIN_RSA_BITS} bits`, 'key', 0);
    }
    if (!leaf.checkPrivateKey(key)) {
      return decodeError('the key does not fit the certificate', 'key', 0);
    }
    return ok({
      subject: leaf.subject.replaceAll('\n', ', '),
      names: (leaf.subjectAltName ?? '').split(', ').filter((name) => name !== ''),
      notBeforeMs: leaf.validFromDate.getTime(),
      notAfterMs: leaf.validToDate.getTime(),
      fingerprint: leaf.fingerprint256,
    });
  }
}

/** The certificates of a PEM text, each signed by the next one. */
function parseChain(text: string): Result<readonly X509Certificate[]> {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length > MAX_CHAIN) {
    return decodeError(`more than ${MAX_CHAIN} certificates`, 'certificate', 0);
  }
  const chain: X509Certificate[] = [];
  for (const block of blocks) {
    try {
      chain.push(new X509Certificate(block));
    } catch {
      return decodeError(`certificate ${chain.length + 1} does not parse`, 'certificate', 0);
    }
  }
  for (const [i, certificate] of chain.entries()) {
    const next = chain[i + 1];
    if (next === undefined) break;
    if (!certificate.checkIssued(next) || !certificate.verify(next.publicKey)) {
      const message = `certificate ${i + 1} is not signed by the one after it`;
      return decodeError(message, 'certificate', 0);
    }
  }
  return ok(chain);
}

function parseKey(text: string): KeyObject | undefined {
  try {
    return createPrivateKey(text);
  } catch {
    // OpenSSL's reasons name its functions, not what is wrong.
    return undefined;
  }
}

const newKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);

async function keyPem(keys: webcrypto.CryptoKeyPair): Promise<string> {
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey));
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  return String(key.export({ type: 'pkcs8', format: 'pem' }));
}

/** 20 octets at most and positive (RFC 5280 §4.1.2.2): 16 random ones below a 1. */
const serial = (): string => `01${crypto.getRandomValues(new Uint8Array(16)).toHex()}`;

const pem = (text: string): string => `${text.trim()}\n`;
