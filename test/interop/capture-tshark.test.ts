/**
 * What real programs say to each other, counted by our engine and by tshark: conversations, endpoints,
 * protocols, handshakes and server names are the same.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { LinuxCaptureEngine } from '#src/os/linux/capture-engine.ts';
import { loadNative } from '#src/os/linux/native.ts';
import { Server } from '../lib/isp.ts';
import { Namespaces, noNamespaces } from '../lib/netns.ts';
import { noTshark, tsharkFigures } from '../lib/tshark.ts';
import { until } from '../lib/until.ts';

const ALL = { endpoints: 1e5, conversations: 1e5, flows: 1e5, names: 1e5 };
const SERVER = '198.51.100.1';
const SERVER6 = '2001:db8:5::1';
/** Of those that both name alike; what stands above TCP, tshark counts by whole messages. */
const COMPARED =
  /^eth(:(arp|ip|ipv6)(:(tcp|udp|icmp|icmpv6))?(:(dns|dhcp|dhcpv6|ntp|ssdp|mdns))?)?$/;

const skip = noNamespaces() ?? noTshark();
t.setTimeout(290_000);

t.test('real programs', { skip: skip ?? false }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'gh-corpus-'));
  chmodSync(folder, 0o755);
  t.teardown(() => rmSync(folder, { recursive: true }));
  using spaces = new Namespaces('captshark');
  spaces.link(['server', 'eth0'], ['client', 'eth0']);
  for (const [node, host] of [
    ['server', 1],
    ['client', 2],
  ] as const) {
    spaces.exec(node, 'ip', 'address', 'add', `198.51.100.${host}/24`, 'dev', 'eth0');
    spaces.exec(node, 'ip', 'address', 'add', `2001:db8:5::${host}/64`, 'dev', 'eth0', 'nodad');
  }
  const file = join(folder, 'corpus.pcap');
  const certificate = join(folder, 'cert.pem');
  const key = join(folder, 'key.pem');
  const made = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
    ...['-keyout', key, '-out', certificate, '-subj', '/CN=www.gatehouse.example', '-days', '2'],
  ]);
  t.equal(made.status, 0);
  writeFileSync(join(folder, 'page'), 'x'.repeat(300_000));

  await using tcpdump = new Server(spaces, 'client', 'tcpdump', [
    ...['-i', 'eth0', '-s', '0', '-U', '--immediate-mode', '-Z', 'root', '-w', file],
  ]);
  await tcpdump.said(/listening on/);
  await using http = new Server(spaces, 'server', 'python3', [
    ...['-u', '-m', 'http.server', '80', '--bind', '::', '--directory', folder],
  ]);
  await http.said(/Serving HTTP/);
  await using https = new Server(spaces, 'server', 'openssl', [
    ...['s_server', '-accept', '443', '-cert', certificate, '-key', key, '-www'],
  ]);
  await https.said(/ACCEPT/);
  await using dns = new Server(spaces, 'server', 'dnsmasq', [
    ...['--no-daemon', '--no-hosts', '--no-resolv', '--log-queries', '--bind-interfaces'],
    ...['--interface=eth0', '--conf-file=/dev/null', '--pid-file='],
    ...[
      `--address=/www.gatehouse.example/${SERVER}`,
      `--address=/www.gatehouse.example/${SERVER6}`,
    ],
  ]);
  await dns.said(/started/);

  const run = (file: string, ...args: string[]): string => spaces.exec('client', file, ...args);
  run('ping', '-c', '3', '-i', '0.01', SERVER);
  run('ping', '-6', '-c', '3', '-i', '0.01', SERVER6);
  run('busybox', 'nslookup', 'www.gatehouse.example', SERVER);
  for (const host of [SERVER, `[${SERVER6}]`]) {
    run('curl', '-sS', '-o', '/dev/null', `http://${host}/page`);
    run(
      ...(['curl', '-sSk', '-o', '/dev/null'] as const),
      ...[
        '--connect-to',
        `www.gatehouse.example:443:${host}:443`,
        'https://www.gatehouse.example/',
      ],
    );
  }
  // To a port where nobody listens: TCP refuses, ICMP carries the packet back.
  spawnSync('ip', spaces.argv('client', 'curl', '-s', `http://${SERVER}:81/`));
  run('python3', '-c', `import socket;socket.socket(2,2).sendto(b'x',('${SERVER}',9))`);
  // Caught up with: what came before is in the file when the answer to this ping is.
  run('ping', '-c', '1', '-s', '31', '-p', Buffer.from('fence').toString('hex'), SERVER);
  await until('the fence is in the file', () => {
    return readFileSync(file, 'latin1').split('fencefence').length === 3;
  });
  // It is the only one there.
  for (const pid of spaces.pids('client')) process.kill(pid, 'SIGINT');
  const said = await tcpdump.said(/packets captured/);

  const found = await new LinuxCaptureEngine(loadNative()).analyze(file, { rows: ALL });
  if (!found.ok) throw found.error;
  const ours = found.value;
  const theirs = tsharkFigures(file);
  t.equal(ours.packets, Number(/^\d+/.exec(said)?.[0]), 'as many as tcpdump wrote');
  t.ok(ours.packets > 100);

  const conversations = ours.conversations
    .filter(({ family }) => family !== 'link')
    .map(({ a, b, packets, bytes }) => [[a, b].sort().join(' '), [packets, bytes]] as const);
  t.same(Object.fromEntries(conversations), Object.fromEntries(theirs.conversations));

  const endpoints = new Map<string, [number, number]>();
  for (const [pair, [packets, bytes]] of theirs.conversations) {
    for (const address of pair.split(' ')) {
      const [p, b] = endpoints.get(address) ?? [0, 0];
      endpoints.set(address, [p + packets, b + bytes]);
    }
  }
  t.same(
    Object.fromEntries(
      ours.endpoints
        .filter(({ family }) => family !== 'link')
        .map(({ address, packets, bytes }) => [address, [packets, bytes]]),
    ),
    Object.fromEntries(endpoints),
  );

  const tree = (
    all: Iterable<readonly [string, readonly [number, number]]>,
  ): Record<string, readonly [number, number]> =>
    Object.fromEntries([...all].filter(([path]) => COMPARED.test(path)));
  t.same(
    tree(ours.protocols.map(({ path, packets, bytes }) => [path, [packets, bytes]] as const)),
    tree(theirs.protocols),
  );

  t.same(
    new Set(
      ours.flows.flatMap(({ application, name }) =>
        application === 'tls' && name !== undefined ? [name] : [],
      ),
    ),
    theirs.serverNames,
  );
  t.same(
    ours.flows.flatMap(({ rttUs }) => (rttUs === undefined ? [] : [rttUs])).sort((a, b) => a - b),
    theirs.handshakesUs,
  );
  t.equal(ours.tcp.retransmissions, theirs.retransmissions);
  t.equal(ours.tcp.handshakes, 4);
});
