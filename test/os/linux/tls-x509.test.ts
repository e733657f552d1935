import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { NodeCertificates } from '../../../src/os/linux/tls-x509.ts';

const certificates = new NodeCertificates();
const NOW = Date.UTC(2026, 5, 1);
const DAY = 86_400_000;
const NAMES = { hosts: ['gatehouse', 'localhost'], addresses: ['192.168.1.1', '127.0.0.1'] };

t.test('a root and a leaf that OpenSSL accepts for its names', async (t) => {
  const ca = await certificates.makeCa('box', NOW);
  const leaf = await certificates.makeLeaf(ca, NAMES, NOW);
  const facts = certificates.inspect(leaf);
  if (!facts.ok) throw new Error(facts.error.message);
  t.same(facts.value.names, [
    ...['DNS:gatehouse', 'DNS:localhost'],
    ...['IP Address:192.168.1.1', 'IP Address:127.0.0.1'],
  ]);
  t.equal(facts.value.notAfterMs, NOW + 90 * DAY);
  const root = new X509Certificate(ca.certificatePem);
  t.ok(root.ca);
  t.ok(root.validToDate.getTime() > NOW + 3650 * DAY);
  t.equal(root.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');

  const folder = mkdtempSync(join(tmpdir(), 'gh-x509-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const [rootFile, leafFile] = [join(folder, 'root.pem'), join(folder, 'leaf.pem')];
  writeFileSync(rootFile, ca.certificatePem);
  writeFileSync(leafFile, leaf.certificatePem);
  const verify = (...more: string[]) =>
    execFileSync('openssl', [
      ...['verify', '-x509_strict', '-purpose', 'sslserver', '-attime', String(NOW / 1000)],
      ...['-CAfile', rootFile, ...more, leafFile],
    ]).toString();
  t.match(verify('-verify_ip', '192.168.1.1'), /OK/);
  t.match(verify('-verify_hostname', 'gatehouse'), /OK/);
  t.throws(() => verify('-verify_ip', '192.168.1.2'));
});

t.test('what is imported is judged: key, chain, strength, text', async (t) => {
  const ca = await certificates.makeCa('box', NOW);
  const other = await certificates.makeCa('other', NOW);
  const leaf = await certificates.makeLeaf(ca, NAMES, NOW);
  const [alone = ''] = leaf.certificatePem.split(/(?<=-----END CERTIFICATE-----\n)/);
  const refused = (certificatePem: string, keyPem: string): string => {
    const facts = certificates.inspect({ certificatePem, keyPem });
    return facts.ok ? 'taken' : facts.error.message;
  };
  t.equal(refused(alone, leaf.keyPem), 'taken');
  t.match(refused(leaf.certificatePem, ca.keyPem), /does not fit/);
  t.match(refused(alone + other.certificatePem, leaf.keyPem), /not signed by/);
  t.match(refused('', leaf.keyPem), /no certificate/);
  t.match(refused(alone.replace(/M[A-Z]{2}/, 'AAA'), leaf.keyPem), /does not parse|does not fit/);
  t.match(refused(alone, 'nonsense'), /private key/);
  t.match(refused(alone.repeat(9), leaf.keyPem), /more than 8/);
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
  t.match(refused(alone, String(weak.export({ type: 'pkcs8', format: 'pem' }))), /2048/);
});
