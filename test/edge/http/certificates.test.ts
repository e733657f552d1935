/** The certificate over months: time is moved, keys and files are real. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { SystemError } from '../../../src/base/errors.ts';
import { err, ok } from '../../../src/base/result.ts';
import { CertificateKeeper } from '../../../src/edge/http/certificates.ts';
import { LinuxDirectories, LinuxFiles } from '../../../src/os/linux/files.ts';
import { NodeCertificates } from '../../../src/os/linux/tls-x509.ts';
import type { Files, TlsMaterial } from '../../../src/os/ports.ts';
import { FakeClock } from '../../lib/clock.ts';
import { MemoryLog } from '../../lib/log.ts';

const DAY = 86_400_000;
const certificates = new NodeCertificates();

function keeping(t: { teardown(run: () => unknown): void }) {
  const folder = mkdtempSync(join(tmpdir(), 'gh-tls-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const directory = join(folder, 'tls');
  const clock = new FakeClock();
  const log = new MemoryLog();
  const used: TlsMaterial[] = [];
  const names = { hosts: ['gatehouse', 'localhost'], addresses: ['192.168.1.1', '127.0.0.1'] };
  let refuse = false;
  const made = (files: Files = new LinuxFiles()) => {
    const keeper = new CertificateKeeper({
      ...{ files, directory, certificates, clock, log },
      directories: new LinuxDirectories(),
      names: () => names,
      use: (material) => {
        if (refuse) return err(new SystemError('no', 'EINVAL'));
        used.push(material);
        return ok(undefined);
      },
    });
    t.teardown(() => keeper[Symbol.asyncDispose]());
    return keeper;
  };
  /** Hour by hour, with what each check does. */
  const pass = async (days: number, keeper: CertificateKeeper) => {
    for (let hour = 0; hour < days * 24; hour += 12) {
      clock.advance(DAY / 2);
      await keeper.check();
    }
  };
  return {
    ...{ directory, clock, log, used, names, made, pass },
    refusing: (value: boolean) => {
      refuse = value;
    },
  };
}

t.test('made at first start, 0600, and there again at the next', async (t) => {
  const k = keeping(t);
  const keeper = k.made();
  t.equal(keeper.caPem, undefined);
  t.equal(keeper.status, undefined);
  await keeper.start();
  t.same(readdirSync(k.directory).sort(), ['ca.pem', 'leaf.pem']);
  for (const name of readdirSync(k.directory)) {
    t.equal(statSync(join(k.directory, name)).mode & 0o777, 0o600);
  }
  t.equal(k.used.length, 1);
  t.match(keeper.status, { own: true, subject: 'CN=gatehouse' });
  const again = k.made();
  await again.start();
  t.equal(again.caPem, keeper.caPem);
  t.equal(again.status?.fingerprint, keeper.status?.fingerprint);
});

t.test('renewed at two thirds of its life, under the same root, all by itself', async (t) => {
  const k = keeping(t);
  const keeper = k.made();
  await keeper.start();
  const first = keeper.status?.fingerprint;
  await k.pass(59, keeper);
  t.equal(keeper.status?.fingerprint, first);
  await k.pass(2, keeper);
  t.not(keeper.status?.fingerprint, first);
  t.equal(k.used.length, 2);
  const ca = keeper.caPem;
  await k.pass(365, keeper);
  t.equal(keeper.caPem, ca);
  t.ok(k.used.length >= 7 && k.used.length <= 9, `${k.used.length} certificates in a year`);
  t.ok(Date.parse(keeper.status?.notAfter ?? '') > k.clock.wallMs() + 29 * DAY);
});

t.test('the timer alone renews', async (t) => {
  const k = keeping(t);
  const keeper = k.made();
  await keeper.start();
  t.equal(k.clock.pending, 1);
  k.clock.setWall(k.clock.wallMs() + 70 * DAY);
  k.clock.advance(60 * 60_000);
  await keeper.check();
  t.equal(k.used.length, 2);
  await keeper[Symbol.asyncDispose]();
  t.equal(k.clock.pending, 0);
});

t.test('new addresses and names, a lost root, a damaged file', async (t) => {
  const k = keeping(t);
  const keeper = k.made();
  await keeper.start();
  k.names.addresses[0] = '10.0.0.1';
  await keeper.check();
  t.equal(k.used.length, 2);
  const facts = certificates.inspect(k.used[1] ?? { certificatePem: '', keyPem: '' });
  t.ok(facts.ok && facts.value.names.includes('IP Address:10.0.0.1'));
  await keeper.check();
  t.equal(k.used.length, 2, 'nothing changed, nothing is made');

  rmSync(join(k.directory, 'ca.pem'));
  const next = k.made();
  await next.start();
  t.not(next.caPem, keeper.caPem);
  t.ok(k.used.at(-1)?.certificatePem.includes(next.caPem ?? '?'), 'the leaf is of the new root');

  const leaf = readFileSync(join(k.directory, 'leaf.pem'), 'utf8');
  writeFileSync(join(k.directory, 'leaf.pem'), leaf.slice(0, leaf.length / 2));
  const mended = k.made();
  await mended.start();
  t.match(k.log.messages('error'), ['a certificate is damaged']);
  t.equal(mended.caPem, next.caPem);
  t.ok(mended.status);
});

t.test('a clock that was behind or is set back makes no new ones', async (t) => {
  const k = keeping(t);
  const keeper = k.made();
  await keeper.start();
  k.clock.setWall(0);
  await keeper.check();
  t.equal(k.used.length, 1);
  k.clock.setWall(Date.UTC(2040, 0, 1));
  await keeper.check();
  t.equal(k.used.length, 2, 'root and leaf had run out');
  t.ok(Date.parse(keeper.status?.notAfter ?? '') > Date.UTC(2040, 1, 1));
});

t.test('a full disk costs the file, not the page', async (t) => {
  const k = keeping(t);
  const files = new LinuxFiles();
  const keeper = k.made({
    ...{ readText: (path) => files.readText(path), writeExisting: () => ok(undefined) },
    writeAtomic: () => err(new SystemError('no space', 'ENOSPC')),
  });
  await keeper.start();
  t.equal(k.used.length, 1);
  t.equal(k.log.messages('error').length, 2);
  const mine = await certificates.makeLeaf(
    await certificates.makeCa('x', k.clock.wallMs()),
    k.names,
    k.clock.wallMs(),
  );
  t.match(await keeper.import(mine), { ok: false, error: 'no space' });
  t.equal(keeper.status?.own, true);
});

t.test(
  'an imported one serves until it expires, survives a restart, and is refused when TLS does',
  async (t) => {
    const k = keeping(t);
    const keeper = k.made();
    await keeper.start();
    const other = await certificates.makeCa('other', k.clock.wallMs());
    const mine = await certificates.makeLeaf(other, k.names, k.clock.wallMs());
    k.refusing(true);
    t.match(await keeper.import(mine), { ok: false, error: /does not take/ });
    k.refusing(false);
    t.equal(keeper.status?.own, true);
    t.ok((await keeper.import(mine)).ok);
    t.equal(keeper.status?.own, false);
    const next = k.made();
    await next.start();
    t.equal(next.status?.own, false);
    await k.pass(91, next);
    t.equal(next.status?.own, true);
    t.ok(k.log.messages('warn').includes('the imported certificate has expired'));
    const future = await certificates.makeLeaf(other, k.names, k.clock.wallMs() + 10 * DAY);
    t.match(await next.import(future), { ok: false, error: /not valid yet/ });
  },
);
