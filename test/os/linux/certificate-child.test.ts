import { fileURLToPath } from 'node:url';
import t from 'tap';
import { ChildCertificates } from '../../../src/os/linux/certificate-child.ts';
import { NodeCertificates } from '../../../src/os/linux/tls-x509.ts';

const MAIN = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));
const NAMES = { hosts: ['gatehouse'], addresses: ['192.168.1.1'] };

t.test('one child makes root and leaf, another one the next leaf', async (t) => {
  const certificates = new ChildCertificates(new NodeCertificates(), [process.execPath, MAIN]);
  const nowMs = Date.now();
  const { ca, leaf } = await certificates.makeChain('box', NAMES, nowMs);
  t.match(certificates.inspect(ca), { ok: true, value: { subject: 'CN=box device CA' } });
  const next = await certificates.makeLeaf(ca, NAMES, nowMs);
  for (const one of [leaf, next]) {
    t.match(certificates.inspect(one), {
      ok: true,
      value: { subject: 'CN=gatehouse', names: ['DNS:gatehouse', 'IP Address:192.168.1.1'] },
    });
    t.ok(one.certificatePem.includes(ca.certificatePem));
  }
  t.not(leaf.keyPem, next.keyPem);
});

t.test('a child that fails says why', async (t) => {
  const wrong = [process.execPath, '-e', 'console.error("no pen"); process.exit(3)', '--'] as const;
  const certificates = new ChildCertificates(new NodeCertificates(), wrong);
  await t.rejects(certificates.makeChain('box', NAMES, 0), {
    code: 'ECHILD',
    message: /no certificate was made: it ended with 3: no pen/,
  });
});
