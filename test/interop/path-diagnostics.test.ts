/** What a running, unprivileged daemon measures, and tells of itself: `IPPing()`, `TraceRoute()`, metrics. */
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { home, noNamespaces } from '../lib/netns.ts';
import { noParser, parseOpenMetrics } from '../lib/openmetrics.ts';
import { type OtlpRequest, readOtlp } from '../lib/otlp.ts';
import { Router } from '../lib/router.ts';

t.setTimeout(290_000);

const MAIN = join(import.meta.dirname, '../../src/main.ts');
const METRICS = 'Device.X_GATEHOUSE_Metrics.';
const TOKEN = 'a-token-for-the-collector';
/** Prints the datagrams that it gets. */
const COLLECTOR = `const socket = require('node:dgram').createSocket('udp4');
socket.on('message', (said) => process.stdout.write(said + '\\n'));
socket.bind(5514, () => process.stdout.write('bound\\n'));`;
/** Takes what is posted, and prints where to, with which headers, and what. */
const OTLP = `require('node:http').createServer(async (request, response) => {
  let body = '';
  for await (const part of request.setEncoding('utf8')) body += part;
  const { url, headers } = request;
  process.stdout.write(JSON.stringify({ url, headers, body }) + '\\n');
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"partialSuccess":{}}');
}).listen(4318, () => process.stdout.write('bound\\n'));`;
const DIAGNOSTICS = 'Device.IP.Diagnostics.';

t.test('the daemon measures paths', { skip: noNamespaces() ?? false }, async (t) => {
  await using stack = new AsyncDisposableStack();
  const spaces = stack.use(home('pathdiag'));
  spaces.exec('lan', 'ip', 'address', 'add', '192.168.1.5/24', 'dev', 'eth0');
  const router = stack.use(new Router(spaces, 'r'));
  await router.start();
  await router.until('the LAN has its address', () =>
    spaces.exec('r', 'ip', '-br', 'address').includes('192.168.1.1/24'),
  );
  const operate = async (command: string, input: Record<string, string>) => {
    const [done] = await router.rows('operate', { command: `${DIAGNOSTICS}${command}()`, input });
    const { output = [] } = done as unknown as { output?: { path: string; data: string }[] };
    return Object.fromEntries(output.map((row) => [row.path, row.data]));
  };
  const here = { Host: '192.168.1.5', Timeout: '20000' };
  const done = await operate('IPPing', { ...here, NumberOfRepetitions: '4' });
  t.match(done, { Status: 'Complete', IPAddressUsed: here.Host, SuccessCount: '4' });
  t.match(done, { FailureCount: '0', MinimumResponseTimeDetailed: /^[1-9]\d*$/ });
  const large = { ...here, DataBlockSize: '4000', Interface: 'Device.IP.Interface.2' };
  t.match(await operate('IPPing', large), { SuccessCount: '3' }, 'in fragments, by its interface');
  t.match(await operate('IPPing', { Host: 'no.such.host.invalid' }), {
    ...{ Status: 'Error_CannotResolveHostName', IPAddressUsed: '', SuccessCount: '0' },
  });
  t.match(await operate('IPPing', { Host: '203.0.113.1' }), { Status: 'Error_NoRouteToHost' });
  t.match(await operate('TraceRoute', { ...here, NumberOfTries: '2' }), {
    ...{ Status: 'Complete', IPAddressUsed: here.Host, 'RouteHops.1.HostAddress': here.Host },
    'RouteHops.1.RTTimes': /^\d+,\d+$/,
  });

  const cli = (...args: string[]) =>
    spawnSync(process.execPath, [MAIN, '--ubus-socket', router.socket, '--json', ...args], {
      encoding: 'utf8',
      timeout: 60_000,
    });
  const said = cli('operate', `${DIAGNOSTICS}IPPing()`, 'Host=192.168.1.5', 'ProtocolVersion=IPv4');
  t.equal(said.status, 0, said.stderr);
  t.match(said.stdout, /"Complete"/);

  const scrape = (token: string): string => {
    const args = ['-ksS', '--max-time', '20', '-H', `Authorization: Bearer ${token}`];
    return spaces.exec('lan', 'curl', ...args, '-w', '%{http_code}', 'https://192.168.1.1/metrics');
  };
  await router.until('the page is served', () => {
    try {
      return scrape(TOKEN);
    } catch {
      return undefined;
    }
  });
  t.match(scrape(TOKEN), /404$/, 'off');
  await router.rows('set', { path: METRICS, obj_path: { Token: TOKEN, Enable: '1' } });
  const told = await router.until('it answers', () => {
    const got = scrape(TOKEN);
    return got.endsWith('200') ? got.slice(0, -3) : undefined;
  });
  t.match(scrape('another-token-altogether'), /401$/);
  const target = 'Device.X_GATEHOUSE_Monitor.Target.';
  const page = { Type: 'HTTP', Path: '/metrics', CertificateDays: '-1' };
  const watched = { Host: '192.168.1.1', Enable: '0', Burst: '2', ...page };
  for (const [status, received] of [
    ['404', '0'],
    ['401', '2'],
  ]) {
    const values = { ...watched, ExpectedStatus: String(status) };
    const [row] = await router.rows('add', { path: target, obj_path: values });
    const command = `${target}${row?.data}.Test()`;
    const [tested] = await router.rows('operate', { command });
    t.match(JSON.stringify(tested), `"path":"Received","data":"${received}"`, `${status} expected`);
  }
  t.equal(await router.value(`${METRICS}Token`), '', 'it is never read');
  const collector = spawn('ip', spaces.argv('lan', process.execPath, '-e', COLLECTOR));
  t.teardown(() => collector.kill());
  let collected = '';
  collector.stdout.setEncoding('utf8').on('data', (said: string) => {
    collected += said;
  });
  await router.until('somebody listens', () => collected.includes('bound'));
  const collectors = 'Device.X_GATEHOUSE_Syslog.Collector.';
  const values = { Enable: '1', Host: '192.168.1.5', Port: '5514', Level: 'Debug' };
  await router.rows('add', { path: collectors, obj_path: values });
  await router.until('the log arrives', async () => {
    await router.set({ 'Device.DeviceInfo.HostName': 'told' });
    await router.set({ 'Device.DeviceInfo.HostName': 'gatehouse' });
    return /^<31>1 \S+Z \S+ gatehouse \d+ /m.test(collected) || /^<30>1 /m.test(collected);
  });
  t.equal(await router.value(`${collectors}1.Status`), 'Up');
  t.ok(Number(await router.value(`${collectors}1.Sent`)) > 0);

  const exported = spawn('ip', spaces.argv('lan', process.execPath, '-e', OTLP));
  t.teardown(() => exported.kill());
  let posts = '';
  exported.stdout.setEncoding('utf8').on('data', (said: string) => {
    posts += said;
  });
  await router.until('somebody listens', () => posts.startsWith('bound\n'));
  await router.set({
    [`${METRICS}OTLPEndpoint`]: 'http://192.168.1.5:4318/v1/metrics',
    [`${METRICS}OTLPHeaders`]: 'Authorization=Bearer%20sesame',
    [`${METRICS}OTLPInterval`]: '5',
    [`${METRICS}OTLPEnable`]: '1',
  });
  const [first, second] = await router.until('numbers arrive twice', () => {
    const lines = posts.split('\n').slice(1, -1);
    return lines.length >= 2 ? lines.map((line) => JSON.parse(line)) : undefined;
  });
  t.match(first, {
    url: '/v1/metrics',
    headers: { authorization: 'Bearer sesame', 'content-type': 'application/json' },
  });
  const [one, two] = [readOtlp(first.body), readOtlp(second.body)];
  t.match(one.resource, { 'service.name': 'gatehouse', 'host.name': /./ });
  const points = ({ metrics }: OtlpRequest, name: string) => {
    const metric = metrics.find((metric) => metric.name === `gatehouse_${name}`);
    return { kind: metric?.kind, unit: metric?.unit, points: metric?.points ?? [] };
  };
  const bytes = [one, two].map((from) => {
    const { kind, unit, points: all } = points(from, 'interface_bytes');
    t.same([kind, unit], ['sum', 'By']);
    const found = all.find(
      ({ attributes: { device, direction } }) => device === 'lan0' && direction === 'receive',
    );
    return { value: Number(found?.value), start: found?.startNano, at: found?.timeNano ?? 0n };
  });
  const [before, later] = bytes;
  t.ok(before && later && before.value > 4000 && later.value > before.value);
  t.ok(before && later && before.at < later.at && before.start === later.start);
  t.match(points(one, 'firewall_up'), { kind: 'gauge', points: [{ value: 1 }] });
  t.match(points(one, 'metrics_left_out'), { points: [{ value: 0 }] });
  // Nothing is watched, only tested.
  t.match(points(one, 'samples_waiting'), { points: [{ value: 0 }] });
  t.match(points(one, 'sample_writes_failed'), { kind: 'sum', points: [{ value: 0 }] });
  t.equal(points(one, 'samples').points.length, 2);
  await router.waitFor(`${METRICS}OTLPStatus`, 'Up');
  t.ok(Number(await router.value(`${METRICS}OTLPSent`)) >= 2);
  t.equal(await router.value(`${METRICS}OTLPFailed`), '0');
  t.equal(await router.value(`${METRICS}OTLPHeaders`), '', 'they are never read');
  await router.set({ [`${METRICS}OTLPEnable`]: '0' });
  await router.waitFor(`${METRICS}OTLPStatus`, 'Disabled');

  if (noParser() !== undefined) return t.comment(noParser());
  const families = new Map(parseOpenMetrics(told).map((family) => [family.name, family]));
  const figure = (name: string, labels: object): number =>
    Number(
      families
        .get(`gatehouse_${name}`)
        ?.samples.find(({ labels: has }) =>
          Object.entries(labels).every(([key, value]) => has[key] === value),
        )?.value,
    );
  t.ok(figure('interface_bytes', { device: 'lan0', direction: 'receive' }) > 4000);
  t.equal(figure('interface_up', { device: 'lan0' }), 1);
  t.ok(figure('process_resident_memory_bytes', {}) > 1e7);
  t.ok(figure('process_open_files', {}) > 10);
  t.ok(figure('ubus_messages', { direction: 'received' }) > 0);
  t.ok(figure('http_connections', {}) >= 1);
  t.equal(figure('firewall_up', {}), 1);
  t.equal(figure('dhcp_client_bound', { family: '4' }), 0, 'no server, no lease');
  t.ok(figure('dhcp_client_messages', { type: 'discover' }) > 0);
  t.ok(figure('dhcp_pool_addresses', {}) > 10);
  t.ok(figure('dhcp_server_messages', { type: 'discover' }) >= 0);
  t.equal(figure('dns_up', {}), 1);
  t.ok(figure('dns_queries', {}) >= 0);
  t.equal(figure('hosts', { state: 'away' }), 0);
  t.equal(figure('metrics_left_out', {}), 0);
});
