/** Downloads from a real HTTPS server, in a process that trusts its authority. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { LinuxDownloads } from '#src/os/linux/download.ts';
import { NodeCertificates } from '#src/os/linux/tls-x509.ts';

const folder = mkdtempSync(join(tmpdir(), 'gh-download-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const { signal } = new AbortController();
const MODULE = new URL('../../../src/os/linux/download.ts', import.meta.url).href;

/** What came of a URL: size and content, or the fault; from a process with one more authority. */
async function fetched(url: string, caFile: string): Promise<unknown> {
  const script = `
    const { LinuxDownloads } = await import('${MODULE}');
    const found = await new LinuxDownloads().open('${url}', new AbortController().signal);
    if (!found.ok) console.log(JSON.stringify({ fault: found.error.message, code: found.error.code }));
    else {
      let content = '';
      try { for await (const piece of found.value.pieces) content += Buffer.from(piece).toString(); }
      catch { content = 'broken off'; }
      console.log(JSON.stringify({ size: found.value.sizeBytes, content }));
    }`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, NODE_EXTRA_CA_CERTS: caFile },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return JSON.parse(await text(child.stdout));
}

t.test('from the disk', async (t) => {
  const file = join(folder, 'a b.gup');
  writeFileSync(file, 'bundle');
  const found = await new LinuxDownloads().open(`file://${folder}/a%20b.gup`, signal);
  if (!found.ok) throw found.error;
  t.equal(found.value.sizeBytes, 6);
  let content = '';
  for await (const piece of found.value.pieces) content += Buffer.from(piece).toString();
  t.equal(content, 'bundle');
  const open = (url: string) => new LinuxDownloads().open(url, signal);
  t.match(await open(`file://${folder}`), { ok: false, error: { code: 'EINVAL' } });
  t.match(await open(`file://${folder}/none`), { ok: false, error: { code: 'ENOENT' } });
  for (const url of ['http://example.net/', 'ftp://example.net/', 'nothing', '/etc/passwd']) {
    t.match(await open(url), { ok: false, error: { message: /neither https/ } });
  }
});

t.test('by HTTPS, and never without', async (t) => {
  const certificates = new NodeCertificates();
  const now = Date.now();
  const ca = await certificates.makeCa('Test', now);
  const names = { hosts: ['localhost'], addresses: ['127.0.0.1'] };
  const leaf = await certificates.makeLeaf(ca, names, now);
  const caFile = join(folder, 'ca.pem');
  writeFileSync(caFile, ca.certificatePem);
  const plain = createHttp((_, response) => response.end('stolen'));
  await new Promise<void>((done) => plain.listen(0, '127.0.0.1', done));
  const plainPort = (plain.address() as AddressInfo).port;
  const server = createServer(
    { cert: leaf.certificatePem, key: leaf.keyPem },
    (request, response) => {
      if (request.url === '/bundle') {
        response.setHeader('content-length', 6);
        response.end('bundle');
      } else if (request.url === '/moved') {
        response.writeHead(302, { location: '/bundle' }).end();
      } else if (request.url === '/away') {
        response.writeHead(302, { location: `http://127.0.0.1:${plainPort}/` }).end();
      } else if (request.url === '/round') {
        response.writeHead(302, { location: '/round' }).end();
      } else if (request.url === '/cut') {
        response.setHeader('content-length', 1000);
        response.write('part');
        setImmediate(() => response.destroy());
      } else if (request.url === '/endless') {
        response.end('no length');
      } else response.writeHead(404).end();
    },
  );
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
    plain.close();
  });
  const at = (path: string) => `https://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
  t.same(await fetched(at('/bundle'), caFile), { size: 6, content: 'bundle' });
  t.same(await fetched(at('/moved'), caFile), { size: 6, content: 'bundle' });
  t.match(await fetched(at('/away'), caFile), { fault: /leads to http:\/\/, which is not secure/ });
  t.match(await fetched(at('/round'), caFile), { fault: /redirects/ });
  t.match(await fetched(at('/none'), caFile), { fault: /HTTP 404/ });
  t.match(await fetched(at('/cut'), caFile), { size: 1000, content: 'broken off' });
  t.match(await fetched(at('/endless'), caFile), { content: 'no length' });
  const stranger = join(folder, 'other.pem');
  writeFileSync(stranger, (await certificates.makeCa('Other', now)).certificatePem);
  t.match(await fetched(at('/bundle'), stranger), { code: /CERT|SIGNATURE|ISSUER/ });
});

t.test('again only if it changed, and never more than is wanted', async (t) => {
  const file = join(folder, 'list.txt');
  writeFileSync(file, 'one');
  const downloads = new LinuxDownloads();
  const limits = { have: undefined, maxBytes: 100 };
  const first = await downloads.openIfChanged(`file://${file}`, limits, signal);
  if (!first.ok || first.value === undefined) throw new TypeError('nothing came');
  for await (const _ of first.value.pieces);
  const { etag, lastModified } = first.value;
  const have = { etag, lastModified };
  t.match(await downloads.openIfChanged(`file://${file}`, { ...limits, have }, signal), {
    ok: true,
    value: undefined,
  });
  writeFileSync(file, 'another');
  const second = await downloads.openIfChanged(`file://${file}`, { ...limits, have }, signal);
  if (!second.ok || second.value === undefined) throw new TypeError('nothing came');
  for await (const _ of second.value.pieces);
  t.not(second.value.etag, etag);
  const small = { have: undefined, maxBytes: 6 };
  t.match(await downloads.openIfChanged(`file://${file}`, small, signal), {
    error: { code: 'EFBIG' },
  });
});

t.test('a server is asked whether it changed, by tag and by date', async (t) => {
  const certificates = new NodeCertificates();
  const ca = await certificates.makeCa('Test', Date.now());
  const names = { hosts: ['localhost'], addresses: ['127.0.0.1'] };
  const leaf = await certificates.makeLeaf(ca, names, Date.now());
  const caFile = join(folder, 'lists-ca.pem');
  writeFileSync(caFile, ca.certificatePem);
  const date = 'Sat, 01 Aug 2026 10:00:00 GMT';
  const server = createServer(
    { cert: leaf.certificatePem, key: leaf.keyPem },
    ({ url, headers }, response) => {
      if (url === '/endless') {
        response.write('x'.repeat(80));
        response.end('y'.repeat(80));
      } else if (headers['if-none-match'] === '"v1"' && headers['if-modified-since'] === date) {
        response.writeHead(304).end();
      } else {
        response.writeHead(200, { etag: '"v1"', 'last-modified': date }).end('||a.example^\n');
      }
    },
  );
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const port = (server.address() as AddressInfo).port;
  const script = `
    const { LinuxListFetches } = await import('${new URL('list-fetch.ts', MODULE).href}');
    const fetches = new LinuxListFetches();
    const path = ${JSON.stringify(join(folder, 'fetched.txt'))};
    const order = { path, have: undefined, maxBytes: 100, sha256: undefined, signature: undefined };
    const fetch = async (more) => {
      const done = await fetches.fetch({ ...order, ...more }, new AbortController().signal);
      return done.ok ? done.value : done.error.code;
    };
    const url = 'https://127.0.0.1:${port}/list';
    const first = await fetch({ url });
    const again = await fetch({ url, have: first });
    const stale = await fetch({ url, have: { ...first, etag: '"v0"' } });
    const endless = await fetch({ url: url.replace('list', 'endless') });
    console.log(JSON.stringify([first, again, stale.kind, endless]));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, NODE_EXTRA_CA_CERTS: caFile },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [first, again, stale, endless] = JSON.parse(await text(child.stdout));
  t.match(first, { kind: 'new', sizeBytes: 13, etag: '"v1"', lastModified: date });
  t.same(again, { kind: 'unchanged' });
  t.equal(stale, 'new');
  t.equal(endless, 'EFBIG', 'it does not say how long it is');
});
