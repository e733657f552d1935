/** MAP-T as a whole, configured by rows: the LAN reaches IPv4 through the real border relay. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Server } from '../lib/isp.ts';
import { CUSTOMER, DOMAIN_ROWS, MapNet, WEB, within } from '../lib/map-net.ts';
import { Namespaces, noNamespaces } from '../lib/netns.ts';
import { Router } from '../lib/router.ts';
import type { Crowd } from './map-crowd.ts';

t.setTimeout(290_000);

const CROWD = join(import.meta.dirname, 'map-crowd.ts');
const DOMAIN = 'Device.MAP.Domain.1.';
/** Sends every datagram back, in fragments where it must. */
const ECHO = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, 10, 0)
s.bind((sys.argv[1], 7))
print("ready")
while True:
    data, peer = s.recvfrom(65535)
    s.sendto(data, peer)
`;
const ASK = `
import errno, socket, sys
host, df, *sizes = sys.argv[1:]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, 10, 2 if df == "1" else 0)
s.settimeout(20)
s.connect((host, 7))
for size in sizes:
    try:
        s.send(b"x" * int(size))
        s.recv(65535)
        print(size, "came")
    except TimeoutError: print(size, "lost")
    except OSError as e: print(size, errno.errorcode[e.errno])
`;
/** Tells each sender its port, from several addresses. */
const MIRROR = `
import select, socket, sys
socks = []
for host in sys.argv[1:]:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((host, 9))
    socks.append(s)
print("ready")
while True:
    for s in select.select(socks, [], [])[0]:
        data, peer = s.recvfrom(99)
        s.sendto(b"%d" % peer[1], peer)
`;
/** One line for each of COUNT sockets: its port as each host sees it, or a dash. */
const SOCKETS = `
import socket, sys
count, *hosts = sys.argv[1:]
socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(int(count))]
for s in socks:
    s.bind(("0.0.0.0", 0))
    s.settimeout(20)
for s in socks:
    for host in hosts: s.sendto(b"x", (host, 9))
for s in socks:
    seen = {}
    try:
        for _ in hosts:
            data, peer = s.recvfrom(99)
            seen[peer[0]] = data.decode()
    except TimeoutError: pass
    print(*[seen.get(host, "-") for host in hosts])
`;
const skip =
  noNamespaces() ?? (existsSync('/usr/sbin/tayga') ? false : 'needs tayga, which is not installed');

t.test('a domain of rows, from power-on to traffic', { skip }, async (t) => {
  await using stack = new AsyncDisposableStack();
  const spaces = stack.use(new Namespaces('map'));
  const net = stack.use(new MapNet(spaces));
  await net.relay();
  const places = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => `203.0.113.${10 + i}:80`);
  // Where nothing was connected to before: closed connections hold their ports for two minutes.
  const fresh = places.splice(4);
  const web = stack.use(
    new Server(spaces, 'web', process.execPath, [CROWD, 'serve', ...places, ...fresh]),
  );
  await web.said(/serving/);
  const router = stack.use(new Router(spaces, 'r', { rows: DOMAIN_ROWS, tun: true }));
  await router.start();
  await router.waitFor(`${DOMAIN}Interface.Status`, 'Up');
  net.routed();
  const now = await router.get(DOMAIN);
  t.match(now, {
    [`${DOMAIN}Status`]: 'Enabled',
    [`${DOMAIN}X_GATEHOUSE_IPv4Address`]: CUSTOMER.address,
    [`${DOMAIN}X_GATEHOUSE_IPv6Address`]: CUSTOMER.address6,
    [`${DOMAIN}X_GATEHOUSE_PSID`]: '52',
    [`${DOMAIN}X_GATEHOUSE_MTU`]: '1480',
    [`${DOMAIN}X_GATEHOUSE_Engine`]: 'tayga',
    [`${DOMAIN}Rule.1.Status`]: 'Enabled',
    [`${DOMAIN}Rule.1.X_GATEHOUSE_Basic`]: '1',
  });
  const sets = (now[`${DOMAIN}X_GATEHOUSE_PortSets`] ?? '').split(',');
  t.equal(sets.length, 63);
  t.same([sets[0], sets.at(-1)], ['1232-1235', '64720-64723']);
  const ping = (...args: string[]) => within(spaces, 'lan', 'ping', ...args, WEB);

  const crowd = async (count: number, timeoutMs: number, to = places): Promise<Crowd> =>
    JSON.parse(
      await within(
        spaces,
        'lan',
        ...([process.execPath, CROWD, 'connect', `${count}`, `${timeoutMs}`] as const),
        ...to,
      ),
    );

  await t.test('TCP, UDP and ICMP', async (t) => {
    await router.until('echo comes back', async () =>
      ping('-c', '1', '-W', '2').then(
        () => true,
        () => false,
      ),
    );
    t.match(await ping('-c', '20', '-i', '0.01'), /20 received/);
    const sixty = await crowd(60, 60_000);
    t.match(sixty, { worked: 60, failed: {} });
    t.equal(net.foreign, 0, 'the relay saw no port of others');
  });

  await t.test('1,000 connections at once, 252 ports, four destinations', async (t) => {
    const many = await crowd(1000, 60_000, fresh);
    t.comment(`${JSON.stringify(many)}`);
    t.ok(many.worked >= 998, `${many.worked} of 1,000 work`);
    t.equal(many.ports, 252, 'every port of every set is used');
    t.match(spaces.exec('r', 'ip', 'link', 'show', 'gh-map1'), /qlen 4000/);
    t.equal(net.foreign, 0, 'and none of others');
  });

  await t.test('what is in use is told', async (t) => {
    const client = spawn('ip', spaces.argv('lan', process.execPath, CROWD, 'hold', '8', ...places));
    await once(client.stdout, 'data');
    const seen = await router.get(DOMAIN);
    const uses = (seen[`${DOMAIN}X_GATEHOUSE_PortSetUse`] ?? '').split(',').map(Number);
    t.equal(uses.length, 63);
    const inUse = Number(seen[`${DOMAIN}X_GATEHOUSE_PortsInUse`]);
    t.equal(
      uses.reduce((sum, n) => sum + n, 0),
      inUse,
    );
    t.ok(inUse >= 8 && inUse <= 252, `${inUse} ports in use`);
    t.ok(Number(seen[`${DOMAIN}X_GATEHOUSE_TCPFlows`]) >= 8);
    client.kill();
  });

  await t.test('MTU: the largest packet passes, a larger one is told', async (t) => {
    const echo = stack.use(new Server(spaces, 'web', 'python3', ['-u', '-c', ECHO, WEB]));
    await echo.said(/ready/);
    const sizes = (dontFragment: string, ...list: number[]): Promise<string> =>
      within(spaces, 'lan', 'python3', '-c', ASK, WEB, dontFragment, ...list.map(String));
    // 28 bytes of headers: 1,480 is what fits IPv6's 1,500.
    t.equal(await sizes('1', 1452, 1453), '1452 came\n1453 EMSGSIZE\n');
    t.equal(await sizes('0', 1453, 3000), '1453 came\n3000 came\n', 'in fragments, both ways');
  });

  await t.test('a UDP socket has one port towards everyone', async (t) => {
    const hosts = [20, 21, 22].map((host) => `203.0.113.${host}`);
    const mirror = new Server(spaces, 'web', 'python3', ['-u', '-c', MIRROR, ...hosts]);
    stack.use(mirror);
    await mirror.said(/ready/);
    const ask = async (count: number, ...to: string[]): Promise<string[][]> =>
      (await within(spaces, 'lan', 'python3', '-c', SOCKETS, `${count}`, ...to))
        .trim()
        .split('\n')
        .map((line) => line.split(' '));
    const few = await ask(20, ...hosts);
    t.same(
      few.filter((ports) => new Set(ports).size !== 1 || ports.includes('-')),
      [],
      'the same from three servers (RFC 4787 REQ-1)',
    );
    const [host = ''] = hosts;
    const many = (await ask(220, host)).flat();
    t.equal(many.filter((port) => port !== '-').length, 220, 'and 220 sockets reach one server');
    t.equal(new Set(many).size, 220, 'each by a port of its own');
  });

  await t.test('errors of the network find the one that they are for', async (t) => {
    // The web server answers "port unreachable"; "time exceeded" come the box, a router of the
    // provider, which has no IPv4 address, and the border relay.
    const refused = await within(
      spaces,
      'lan',
      ...[
        'python3',
        '-c',
        `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(20)
s.connect(("${WEB}", 4000))
s.send(b"x")
try: s.recv(9)
except ConnectionRefusedError: print("refused")
`,
      ],
    );
    t.match(refused, /^refused/);
    const hops = [1, 2, 4, 5, 7].map((ttl) => {
      const argv = spaces.argv('lan', 'ping', '-c', '1', '-t', `${ttl}`, '-W', '20', WEB);
      const { stdout } = spawnSync('ip', argv, { encoding: 'utf8' });
      return /From (\S+) .*Time to live exceeded/.exec(stdout)?.[1] ?? stdout.trim();
    });
    t.comment(hops.join(' '));
    t.same(hops, ['192.168.1.1', '192.0.0.1', '192.0.0.8', '192.0.0.8', '203.0.113.1']);
  });

  const works = (sec = 20): Promise<boolean> =>
    ping('-c', '1', '-W', `${sec}`).then(
      () => true,
      () => false,
    );
  const tayga = (): number[] => router.processes('gh-map1.conf');

  await t.test('a translator that dies is started again', async (t) => {
    const [pid = 0] = tayga();
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    t.match(status, /^Uid:\t6767\t6767\t6767\t6767$/m, 'it runs unprivileged');
    t.match(status, /^NoNewPrivs:\t1$/m);
    t.equal(readFileSync(`/proc/${pid}/environ`, 'utf8'), '', 'with an empty environment');
    process.kill(pid, 'SIGKILL');
    await router.until('another runs', () => tayga().length === 1 && tayga()[0] !== pid);
    t.ok(await router.until('traffic flows again', () => works(2)));
    t.equal(await router.waitFor(`${DOMAIN}X_GATEHOUSE_Restarts`, '1'), '1');
    await router.waitFor(`${DOMAIN}Status`, 'Enabled');
  });

  await t.test('a link that somebody removes is made again', async (t) => {
    spaces.exec('r', 'ip', 'link', 'del', 'gh-map1');
    t.ok(await router.until('traffic flows again', () => works(2)));
    await router.waitFor(`${DOMAIN}Status`, 'Enabled');
  });

  await t.test('a daemon that dies interrupts nobody; the next takes over', async (t) => {
    const before = tayga();
    const flow = spawn('ip', spaces.argv('lan', process.execPath, CROWD, 'hold', '1', ...places));
    await once(flow.stdout, 'data');
    await router.stop('SIGKILL');
    t.ok(await works(), 'traffic flows without a daemon');
    await router.start();
    await router.waitFor(`${DOMAIN}Status`, 'Enabled');
    t.same(tayga(), before, 'the same translator');
    t.ok(await works());
    // It still has its connection: what it sends comes back.
    flow.stdin.write('x');
    t.match(String((await once(flow.stdout, 'data'))[0]), /alive/);
    flow.kill();
    const addresses = spaces.exec('r', 'ip', '-4', '-br', 'address', 'show', 'dev', 'gh-map1');
    t.match(addresses, /192\.0\.2\.18\/32/);
  });

  await t.test('a table that somebody removes is put back', async (t) => {
    spaces.exec('r', 'nft', 'delete', 'table', 'inet', 'gatehouse_map');
    await router.waitFor('Device.MAP.X_GATEHOUSE_Restored', '1');
    t.ok(await router.until('traffic flows again', () => works(2)));
    spaces.exec('r', 'ip', 'address', 'flush', 'dev', 'gh-map1');
    t.ok(await router.until('the address is put back', () => works(2)));
  });

  await t.test('off and on, another PSID, and native IPv4 beside it', async (t) => {
    t.same(await router.set({ [`${DOMAIN}Enable`]: 'false' }), []);
    await router.waitFor(`${DOMAIN}Status`, 'Disabled');
    await router.until('nothing is left', () => {
      const left = spaces.exec('r', 'ip', '-br', 'link');
      const tables = spaces.exec('r', 'nft', 'list', 'tables');
      return !`${left}${tables}`.match(/gh-map|gatehouse_map/) && tayga().length === 0;
    });
    t.notMatch(spaces.exec('r', 'ip', 'route'), /default/);
    t.equal(await works(2), false);
    t.same(await router.set({ [`${DOMAIN}Enable`]: 'true' }), []);
    await router.waitFor(`${DOMAIN}Interface.Status`, 'Up');
    t.ok(await router.until('it is there again', () => works(2)));

    // Port parameters that are not those of the prefix are refused, and nothing leaves any more.
    t.same(await router.set({ [`${DOMAIN}Rule.1.PSIDLength`]: '8' }), []);
    await router.waitFor(`${DOMAIN}Status`, 'Error_Misconfigured');
    t.match(await router.value(`${DOMAIN}X_GATEHOUSE_Reason`), /the PSID is 52 by the delegated/);
    t.equal(await works(2), false);
    t.same(await router.set({ [`${DOMAIN}Rule.1.PSID`]: '52' }), []);
    await router.waitFor(`${DOMAIN}Status`, 'Enabled');
    t.ok(await router.until('it is there again', () => works(2)));

    // A native default route goes before MAP's; when it goes, MAP's is used at once.
    spaces.exec('isp', 'ip', 'address', 'add', '198.51.100.1/24', 'dev', 'isp0');
    t.match(spaces.exec('r', 'ip', 'route', 'get', WEB), /dev gh-map1/);
    spaces.exec('r', 'ip', 'address', 'add', '198.51.100.2/24', 'dev', 'wan0');
    spaces.exec('r', 'ip', 'route', 'add', 'default', 'via', '198.51.100.1', 'dev', 'wan0');
    t.match(spaces.exec('r', 'ip', 'route', 'get', WEB), /dev wan0/);
    spaces.exec('r', 'ip', 'route', 'del', 'default', 'dev', 'wan0');
    t.match(spaces.exec('r', 'ip', 'route', 'get', WEB), /dev gh-map1/);
    t.ok(await works());
  });

  await t.test('nothing was sent from a port of others, all the time', async (t) => {
    t.equal(net.foreign, 0);
  });
});
