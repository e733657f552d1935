// needs root: a network namespace of its own
/** Clients that people have, by UDP, TCP, TLS and HTTPS; and names that the house itself knows. */
import { execFile, execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import type { Mac } from '../../src/base/ip.ts';
import { NodeCertificates } from '../../src/os/linux/tls-x509.ts';
import type { UpstreamConfig } from '../../src/services/dns/config.ts';
import { EDE } from '../../src/wire/dns-registry.ts';
import { ask, DnsBox, dnsConfig, ip, localRecord, nameOf, upstream } from '../lib/dns-box.ts';
import { runAlone } from '../lib/netns.ts';
import { Serving, SignedZones } from '../lib/signed-zones.ts';
import { until } from '../lib/until.ts';

const run = promisify(execFile);
const CHROMIUM = '/usr/bin/chromium';
const C = `#include <netdb.h>
#include <stdio.h>
#include <arpa/inet.h>
int main(int n, char **v) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
  int code = getaddrinfo(v[1], 0, &hints, &found);
  if (code != 0) { printf("%s\\n", code == EAI_NONAME ? "NONAME" : "OTHER"); return 0; }
  for (; found; found = found->ai_next) {
    char host[64];
    getnameinfo(found->ai_addr, found->ai_addrlen, host, sizeof host, 0, 0, NI_NUMERICHOST);
    printf("%s\\n", host);
  }
}
`;

/** What Chromium shows of a server that it knows by a name of the house alone. */
async function browse(folder: string): Promise<string> {
  const server = createServer((request, response) => {
    response.end(`<p>asked for ${request.headers.host}</p>`);
  });
  await once(server.listen(8000, '127.0.0.1'), 'listening');
  try {
    const flags = [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
      ...[`--user-data-dir=${folder}/chromium`, '--dump-dom', 'http://box.lan:8000/'],
    ];
    const script = `mount --bind ${folder}/resolv.conf /etc/resolv.conf && exec ${CHROMIUM} "$@"`;
    return (await run('unshare', ['-m', 'sh', '-c', script, 'sh', ...flags])).stdout;
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

runAlone(t, 'clients', import.meta.url, () => {
  t.setTimeout(290_000);
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  const folder = mkdtempSync(join(tmpdir(), 'gh-dns-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const zones = new SignedZones([
    {
      name: 'example',
      records: `www A 192.0.2.80\nwww AAAA 2001:db8::80\nalias CNAME www\nbig TXT ${Array.from({ length: 12 }, (_, i) => `"${String(i).repeat(200)}"`).join(' ')}\n`,
    },
  ]);
  t.teardown(() => zones[Symbol.dispose]());
  const local = {
    ...{ domain: nameOf('lan'), ownNames: ['box'], ttlSec: 60, mdns: false },
    records: [
      localRecord('nas.lan', 'A', '192.168.1.7'),
      localRecord('files.lan', 'CNAME', 'nas.lan.'),
      localRecord('web.lan', 'CNAME', 'www.example.'),
      localRecord('*.dev.lan', 'A', '192.168.1.8'),
      localRecord('_http._tcp.lan', 'SRV', '0 0 80 nas.lan.'),
    ],
  };

  t.test('glibc, musl and dig; what the house knows', { timeout: 290_000 }, async (t) => {
    await using _server = new Serving('knotd', '-c', zones.knotConfig('127.0.0.2', 53));
    await using box = new DnsBox();
    const mac = '02:00:00:00:00:07' as Mac;
    box.hosts = [
      { mac, name: 'printer', addresses: [ip('192.168.1.20'), ip('fd00::20')] },
      { mac, name: undefined, addresses: [ip('192.168.1.21')] },
      { mac, name: 'nas', addresses: [ip('192.168.1.66')] },
    ];
    t.same(await box.service.apply(dnsConfig({ upstreams: [upstream('127.0.0.2')], local })), []);
    await ready('www.example');

    writeFileSync(join(folder, 'resolv.conf'), 'nameserver 127.0.0.1\nsearch lan\n');
    writeFileSync(join(folder, 'lookup.c'), C);
    execFileSync('musl-gcc', ['-static', '-o', join(folder, 'musl'), join(folder, 'lookup.c')]);
    execFileSync('cc', ['-o', join(folder, 'glibc'), join(folder, 'lookup.c')]);
    const lookUp = async (libc: string, name: string): Promise<string[]> => {
      const script = `mount --bind ${folder}/resolv.conf /etc/resolv.conf && exec ${folder}/${libc} ${name}`;
      const { stdout } = await run('unshare', ['-m', 'sh', '-c', script]);
      return stdout.trim().split('\n').sort();
    };
    for (const libc of ['glibc', 'musl']) {
      t.same(await lookUp(libc, 'www.example'), ['192.0.2.80', '2001:db8::80'], libc);
      t.same(await lookUp(libc, 'alias.example'), ['192.0.2.80', '2001:db8::80'], libc);
      t.same(await lookUp(libc, 'nothere.example'), ['NONAME'], libc);
      t.same(await lookUp(libc, 'printer'), ['192.168.1.20', 'fd00::20'], libc);
      t.same(await lookUp(libc, 'printer.lan'), ['192.168.1.20', 'fd00::20'], libc);
      t.same(await lookUp(libc, 'files'), ['192.168.1.7'], libc);
      t.same(await lookUp(libc, 'anything.dev.lan'), ['192.168.1.8'], libc);
    }
    const { stdout } = await run('busybox', ['nslookup', 'www.example', '127.0.0.1']);
    t.match(stdout, /192\.0\.2\.80/, 'busybox');
    if (existsSync(CHROMIUM)) t.match(await browse(folder), 'asked for box.lan', 'chromium');

    const known: readonly (readonly [string, string, string, readonly string[]])[] = [
      ['nas.lan', 'A', 'NOERROR', ['nas.lan A 192.168.1.7']],
      ['NAS.lan', 'AAAA', 'NOERROR', []],
      ['printer.lan', 'MX', 'NOERROR', []],
      ['box.lan', 'A', 'NOERROR', ['box.lan A 127.0.0.1']],
      ['gatehouse', 'A', 'NOERROR', ['gatehouse A 127.0.0.1']],
      ['nobody.lan', 'A', 'NXDOMAIN', []],
      ['lan', 'SOA', 'NOERROR', []],
      [
        '20.1.168.192.in-addr.arpa',
        'PTR',
        'NOERROR',
        ['20.1.168.192.in-addr.arpa PTR printer.lan.'],
      ],
      ['7.1.168.192.in-addr.arpa', 'PTR', 'NOERROR', ['7.1.168.192.in-addr.arpa PTR nas.lan.']],
      ['99.1.168.192.in-addr.arpa', 'PTR', 'NXDOMAIN', []],
      ['files.lan', 'A', 'NOERROR', ['files.lan CNAME nas.lan.', 'nas.lan A 192.168.1.7']],
      ['web.lan', 'A', 'NOERROR', ['web.lan CNAME www.example.', 'www.example A 192.0.2.80']],
      ['_http._tcp.lan', 'SRV', 'NOERROR', ['_http._tcp.lan SRV 0 0 80 nas.lan.']],
      ['_tcp.lan', 'SRV', 'NOERROR', []],
      ['localhost', 'A', 'NOERROR', ['localhost A 127.0.0.1']],
      ['any.localhost', 'AAAA', 'NOERROR', ['any.localhost AAAA ::1']],
      ['x.test', 'A', 'NXDOMAIN', []],
      ['x.invalid', 'A', 'NXDOMAIN', []],
      ['x.onion', 'A', 'NXDOMAIN', []],
      ['x.local', 'A', 'NXDOMAIN', []],
      ['x.home.arpa', 'A', 'NXDOMAIN', []],
      ['resolver.arpa', 'A', 'NOERROR', []],
    ];
    const before = box.service.observed.upstreams[0]?.queries ?? 0;
    for (const [name, type, rcode, answers] of known) {
      if (name === 'web.lan') continue;
      const said = await ask(name, type);
      t.same(
        [said.rcode, said.answers],
        [rcode, answers.map((line) => line.replace('nas.lan A', 'nas.lan A'))],
        `${name} ${type}`,
      );
      const soa = said.message.authorities.map((rr) => rr.type);
      t.same(soa, answers.length > 0 ? [] : [6], 'an SOA where there is nothing');
    }
    t.equal(box.service.observed.upstreams[0]?.queries, before, 'and nobody else was asked');
    t.same((await ask('web.lan', 'A')).answers, [
      'web.lan CNAME www.example.',
      'www.example A 192.0.2.80',
    ]);
    box.hosts = [];
    box.service.factsChanged();
    await until('who is gone has no name', async () => {
      return (await ask('printer.lan', 'A')).rcode === 'NXDOMAIN';
    });

    const dig = async (...args: string[]): Promise<string> =>
      (await run('dig', ['@127.0.0.1', ...args])).stdout;
    t.match(await dig('big.example', 'TXT', '+ignore', '+noedns'), /flags: qr tc/);
    t.match(await dig('big.example', 'TXT', '+short'), /"0{200}"/, 'and goes on by TCP');
    t.match(await dig('www.example', 'ANY', '+notcp'), /RFC8482/);
    t.match(await dig('www.example', '+ednsopt=65001:00'), /status: NOERROR/);
    t.match(await dig('www.example', '+edns=1', '+noednsneg'), /status: BADVERS/);
    t.match(await dig('version.bind', 'TXT', 'CH'), /status: REFUSED/);
    t.match(await dig('www.example', '+opcode=4'), /status: NOTIMP/);
    t.match(await dig('example', 'AXFR'), /(Transfer failed|communications error|REFUSED)/);
  });

  t.test('TLS and HTTPS, both ways', { timeout: 290_000 }, async (t) => {
    const certificates = new NodeCertificates();
    const ca = await certificates.makeCa('Test', Date.now());
    const leaf = await certificates.makeLeaf(
      ca,
      { hosts: ['dns.lan'], addresses: ['127.0.0.1'] },
      Date.now(),
    );
    const pin = createHash('sha256')
      .update(
        new X509Certificate(leaf.certificatePem).publicKey.export({ type: 'spki', format: 'der' }),
      )
      .digest('base64');
    await using _server = new Serving('knotd', '-c', zones.knotConfig('127.0.0.2', 5300));
    await using box = new DnsBox();
    const listen = {
      interfaces: [],
      addresses: [ip('127.0.0.1')],
      port: 53,
      tlsPort: 853,
      httpsPort: 8443,
    };
    const config = dnsConfig({ upstreams: [upstream('127.0.0.2', { port: 5300 })], local, listen });
    await box.service.apply(config);
    t.match(
      box.service.observed.listeners.find(({ transport }) => transport === 'tls')?.error,
      /no certificate/,
      'it waits for one',
    );
    box.service.useCertificate(leaf);
    await box.service.apply(config);
    t.ok(box.service.observed.listeners.every(({ error }) => error === undefined));
    await ready('www.example');

    writeFileSync(join(folder, 'ca.pem'), ca.certificatePem);
    const tls = [
      `+tls-ca=${join(folder, 'ca.pem')}`,
      '+tls-hostname=dns.lan',
      '+short',
      'www.example',
    ];
    const dig = async (...args: string[]) =>
      (await run('dig', ['@127.0.0.1', ...args])).stdout.trim();
    t.equal(await dig('+tls', ...tls), '192.0.2.80');
    t.equal(await dig('+https', '-p', '8443', ...tls), '192.0.2.80');
    t.equal(await dig('+https-get', '-p', '8443', ...tls), '192.0.2.80');
    const ddr = await ask('_dns.resolver.arpa', 'SVCB');
    t.match(
      ddr.answers.join('\n'),
      /1 gatehouse\.lan\. alpn="dot" port=853.*\n.*2 gatehouse\.lan\. alpn="h2" port=8443/,
    );
    const curl = async (...args: string[]) =>
      (await run('curl', ['-sk', '-o', '/dev/null', '-w', '%{http_code}', ...args])).stdout;
    t.equal(await curl('https://127.0.0.1:8443/'), '404');
    t.equal(await curl('https://127.0.0.1:8443/dns-query'), '400');
    t.equal(await curl('https://127.0.0.1:8443/dns-query?dns=AAAA'), '400');
    t.equal(
      await curl(
        '--data-binary',
        'x'.repeat(5000),
        '-H',
        'content-type: application/dns-message',
        'https://127.0.0.1:8443/dns-query',
      ),
      '413',
    );
    t.equal(await curl('--data-binary', 'hello', 'https://127.0.0.1:8443/dns-query'), '415');

    const trusting = { extraRoots: [ca.certificatePem] };
    const cases: readonly (readonly [
      string,
      Partial<UpstreamConfig>,
      { extraRoots: string[] },
      boolean,
    ])[] = [
      ['TLS by name', { protocol: 'tls', port: 853, name: 'dns.lan' }, trusting, true],
      ['TLS by address', { protocol: 'tls', port: 853 }, trusting, true],
      ['TLS by key alone', { protocol: 'tls', port: 853, pins: [pin] }, { extraRoots: [] }, true],
      [
        'TLS by name and key',
        { protocol: 'tls', port: 853, name: 'dns.lan', pins: [pin] },
        trusting,
        true,
      ],
      ['TLS of another name', { protocol: 'tls', port: 853, name: 'other.lan' }, trusting, false],
      [
        'TLS with another key',
        {
          protocol: 'tls',
          port: 853,
          name: 'dns.lan',
          pins: [pin.replace(/^./, (c) => (c === 'A' ? 'B' : 'A'))],
        },
        trusting,
        false,
      ],
      [
        'TLS by nobody known',
        { protocol: 'tls', port: 853, name: 'dns.lan' },
        { extraRoots: [] },
        false,
      ],
      ['HTTPS by name', { protocol: 'https', port: 8443, name: 'dns.lan' }, trusting, true],
      [
        'HTTPS with key',
        { protocol: 'https', port: 8443, name: 'dns.lan', pins: [pin] },
        trusting,
        true,
      ],
      [
        'HTTPS of another name',
        { protocol: 'https', port: 8443, name: 'other.lan' },
        trusting,
        false,
      ],
      [
        'HTTPS elsewhere',
        { protocol: 'https', port: 8443, name: 'dns.lan', path: '/nothing' },
        trusting,
        false,
      ],
      ['TCP', { protocol: 'tcp', port: 53 }, trusting, true],
    ];
    for (const [what, change, roots, works] of cases) {
      await using stub = new DnsBox(roots);
      await stub.service.apply(
        dnsConfig({
          upstreams: [upstream('127.0.0.1', change)],
          listen: {
            interfaces: [],
            addresses: [ip('127.0.0.20')],
            port: 53,
            tlsPort: undefined,
            httpsPort: undefined,
          },
        }),
      );
      const said = await ask('www.example', 'A', { server: '127.0.0.20' });
      t.equal(said.rcode, works ? 'NOERROR' : 'SERVFAIL', `${what}: ${said.ede?.[1] ?? ''}`);
      if (!works) {
        t.equal(said.ede?.[0], EDE.NETWORK_ERROR);
        continue;
      }
      const many = await Promise.all(
        Array.from({ length: 20 }, (_, i) => ask(`n${i}.example`, 'A', { server: '127.0.0.20' })),
      );
      t.ok(
        many.every(({ rcode }) => rcode === 'NXDOMAIN'),
        `${what}: many at once`,
      );
    }
  });

  t.test('nobody else is answered', async (t) => {
    await using box = new DnsBox();
    await box.service.apply(
      dnsConfig({ local, allow: [{ address: ip('127.0.0.1'), prefixLen: 32 }] }),
    );
    t.equal((await ask('nas.lan', 'A')).rcode, 'NOERROR');
    const from = async (address: string, ...args: string[]): Promise<string> =>
      run('dig', ['@127.0.0.1', '-b', address, '+tries=1', 'nas.lan', ...args]).then(
        ({ stdout }) => stdout,
        ({ stdout }) => String(stdout),
      );
    t.match(await from('127.0.0.1', '+time=60'), /192\.168\.1\.7/);
    t.notMatch(await from('127.0.0.5', '+time=1'), /192\.168\.1\.7/);
    t.notMatch(await from('127.0.0.5', '+time=1', '+tcp'), /192\.168\.1\.7/);
  });
});

/** Until the upstream answers, bounded. */
const ready = (name: string): Promise<unknown> =>
  until('the upstream answers', async () => (await ask(name, 'A')).rcode === 'NOERROR');
