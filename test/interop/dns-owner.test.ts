/** What the owner says of names, as devices of the LAN then see it: dig asks, the bus speaks. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { home, noNamespaces, sh } from '../lib/netns.ts';
import { NODE_FLAGS } from '../lib/node-flags.ts';
import { Router } from '../lib/router.ts';

t.setTimeout(290_000);

const ENTRY = join(import.meta.dirname, '../../src/main.ts');
const DNS = 'Device.X_GATEHOUSE_DNS.';
const CLIENT = '192.168.1.50';
const RECORDS = [
  'www.example,203.0.113.10',
  'ads.example,203.0.113.11',
  'x.ads.example,203.0.113.12',
];

const ROWS = {
  'Device.DHCPv4.Client.1.Enable': 'false',
  'Device.IP.Interface.1.IPv4Address.1.Enable': 'true',
  'Device.IP.Interface.1.IPv4Address.1.IPAddress': '198.51.100.2',
  'Device.IP.Interface.1.IPv4Address.1.SubnetMask': '255.255.255.0',
  'Device.DNS.Relay.Forwarding.1.Alias': 'isp',
  'Device.DNS.Relay.Forwarding.1.Enable': 'true',
  'Device.DNS.Relay.Forwarding.1.DNSServer': '198.51.100.1',
  // The resolver of this test is no part of the signed tree.
  [`${DNS}DNSSEC.Enable`]: 'false',
  [`${DNS}QueryLog.Privacy`]: 'Full',
};

t.test(
  'blocked, allowed, paused, listed, rewritten',
  { skip: noNamespaces() ?? false },
  async (t) => {
    await using stack = new AsyncDisposableStack();
    const spaces = stack.use(home('dnsowner'));
    spaces.exec('lan', 'ip', 'address', 'add', `${CLIENT}/24`, 'dev', 'eth0');
    const resolver = spawn(
      'ip',
      spaces.argv(
        'isp',
        'dnsmasq',
        ...['--keep-in-foreground', '--conf-file=/dev/null', '--pid-file=', '--user=root'],
        ...['--no-resolv', '--no-hosts', '--listen-address=198.51.100.1', '--bind-interfaces'],
        ...RECORDS.map((record) => `--host-record=${record}`),
      ),
      { stdio: 'ignore' },
    );
    stack.defer(() => void resolver.kill());
    const router = stack.use(new Router(spaces, 'r', { rows: ROWS }));
    await router.start();
    await router.until('the LAN has its address', () =>
      spaces.exec('r', 'ip', '-br', 'address').includes('192.168.1.1/24'),
    );
    const dig = (...args: string[]): string =>
      spaces.exec('lan', 'dig', '@192.168.1.1', '+time=20', '+tries=3', ...args);
    const short = (name: string): string => {
      try {
        return dig('+short', name).trim();
      } catch {
        return '';
      }
    };
    const say = async (command: string, args: object = {}) => {
      const { status, message, data } = await router.call('gatehouse.dns', command, args);
      return status === 'success' ? ((data ?? {}) as Record<string, unknown>) : `${message}`;
    };
    const answers = (name: string, wanted: string) =>
      router.until(`${name} is ${wanted}`, () => short(name) === wanted);

    await answers('www.example', '203.0.113.10');
    await router.waitFor('Device.DNS.Relay.Status', 'Enabled');

    await t.test('for good', async (t) => {
      t.same(await say('block', { name: 'ads.example' }), {});
      await answers('ads.example', '0.0.0.0');
      t.equal(short('x.ads.example'), '0.0.0.0', 'and all below');
      t.match(dig('ads.example'), /EDE: 15 \(Blocked\): \(blocked\)/);
      t.match(await say('why', { name: 'x.ads.example', client: CLIENT }), {
        verdict: 'block',
        by: /blocked/,
      });
      t.equal(short('www.example'), '203.0.113.10');
    });

    await t.test('for a while: one device, one name', async (t) => {
      t.match(await say('pause', { client: CLIENT, seconds: 60 }), {
        overrides: [{ kind: 'pause' }],
      });
      await answers('ads.example', '203.0.113.11');
      t.equal(await router.value(`${DNS}Override.1.Client`), CLIENT);
      const status = await say('status');
      const [paused] = typeof status === 'string' ? [] : (status['overrides'] as { id: number }[]);
      t.same(await say('cancel', { id: paused?.id }), {});
      await answers('ads.example', '0.0.0.0');
      await say('allow', { name: 'x.ads.example', seconds: 2 });
      await answers('x.ads.example', '203.0.113.12');
      await answers('x.ads.example', '0.0.0.0');
      await router.until('it removed itself', async () => {
        const rows = await router.get(`${DNS}Override.`);
        return Object.keys(rows).length === 0;
      });
      t.equal(
        await say('pause', { client: 'nobody', seconds: 5 }),
        'no device of the LAN is "nobody"',
      );
    });

    await t.test('taken back', async () => {
      await say('forget', { name: 'ads.example' });
      await answers('ads.example', '203.0.113.11');
    });

    await t.test('a list from a file, and its lines that are no rule', async (t) => {
      const file = join(router.folder, 'list.txt');
      writeFileSync(file, 'www.example\nnot a rule at all !!\n');
      const added = await router.rows('add', {
        path: `${DNS}List.`,
        obj_path: { Enable: 'true', Name: 'Adverts', URL: `file://${file}`, AllGroups: 'true' },
      });
      t.notOk(
        added.find(({ fault }) => fault),
        JSON.stringify(added),
      );
      await answers('www.example', '0.0.0.0');
      const lists = await say('lists');
      t.match(lists, { names: 1 });
      t.match(
        (lists as { lists: object[] }).lists.find((one) => 'name' in one && one.name === 'Adverts'),
        { state: 'current', rules: 1, rejected: 1, rejectedLines: [{ line: 2 }] },
      );
      t.match(await say('why', { name: 'www.example', client: CLIENT }), {
        verdict: 'block',
        rules: [{ effect: 'block', list: 'Adverts', counts: true }],
      });
      writeFileSync(file, 'elsewhere.example\n');
      t.match(await say('update', { list: 'Adverts' }), {
        lists: [{}, {}, { rules: 1, rejected: 0 }],
      });
      await answers('www.example', '203.0.113.10');
    });

    await t.test('the command line says it in words', async (t) => {
      const gatehouse = (...args: string[]): string =>
        sh(process.execPath, ...NODE_FLAGS, ENTRY, '--ubus-socket', router.socket, 'dns', ...args);
      gatehouse('block', 'ads.example');
      t.match(
        gatehouse('why', 'ads.example', '--client', CLIENT),
        /Verdict +block[\s\S]+blocked +1 +ads\.example/,
      );
      t.match(gatehouse('query', 'www.example'), /www\.example +\d+ +A +203\.0\.113\.10/);
      t.match(gatehouse('status'), /198\.51\.100\.1 port 53 +UDP +up +[\d.]+ ms/);
      t.match(gatehouse('lists'), /Adverts +block +current +1 +0/);
      t.match(gatehouse('stats'), /CLIENTS +TIMES\n192\.168\.1\.50 /);
      t.match(
        gatehouse('log', 'ads.example', '--blocked'),
        /192\.168\.1\.50 +A +(x\.)?ads\.example +block: blocked/,
      );
      gatehouse('forget', 'ads.example');
    });

    await t.test('rewrites, records, and asking', async (t) => {
      const add = (table: string, values: object) =>
        router.rows('add', { path: `${DNS}${table}.`, obj_path: { Enable: 'true', ...values } });
      await add('Rewrite', { Name: '*.example', Value: '192.168.1.9' });
      await add('Record', { Name: 'nas.lan', Value: '192.168.1.9' });
      await answers('any.example', '192.168.1.9');
      await answers('nas.lan', '192.168.1.9');
      t.match(await say('query', { name: 'nas.lan', type: 'A' }), {
        rcode: 'NOERROR',
        answers: [{ type: 'A', data: '192.168.1.9' }],
      });
      const looked = await router.call('bbfdm', 'operate', {
        command: 'Device.DNS.Diagnostics.NSLookupDiagnostics()',
        command_key: 'x',
        input: {
          HostName: 'www.example',
          DNSServer: '198.51.100.1',
          NumberOfRepetitions: '2',
          Timeout: '2000',
        },
      });
      t.match(JSON.stringify(looked), /203\.0\.113\.10/);
      t.match(JSON.stringify(looked), /"Complete"/);
    });

    await t.test('the log knows who asked, statistics what', async (t) => {
      const log = await router.until('the engine told of its answers', async () => {
        const data = await say('log', { text: 'ads.example', blocked: true });
        return typeof data === 'string' || (data['entries'] as object[]).length < 3
          ? undefined
          : data;
      });
      t.match(log, { privacy: 'full', entries: [{ client: CLIENT, type: 'A', by: 'block' }] });
      const stats = await say('stats');
      t.match(stats, { privacy: 'full', topClients: [{ key: CLIENT }] });
      t.ok(Number((await router.value(`${DNS}Stats.Blocked`)) ?? 0) > 2);
      t.match(await say('flush'), { forgotten: /\d/ });
      await router.set({ [`${DNS}QueryLog.Privacy`]: 'Off' });
      await router.until('it is forgotten', async () => {
        const data = await say('log');
        return typeof data !== 'string' && (data['entries'] as object[]).length === 0;
      });
    });
  },
);
