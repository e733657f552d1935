/** The page's server in a whole router: whom it listens to, its certificate, set-up, and a LAN address that moves. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { home, noNamespaces } from '../lib/netns.ts';
import { Router } from '../lib/router.ts';

t.setTimeout(290_000);

const SETUP = {
  password: 'correct horse battery',
  timeZone: 'Europe/Berlin',
  lanAddress: '192.168.1.1',
  lanMask: '255.255.255.0',
  wan: { type: 'dhcp' },
};

t.test(
  'HTTPS on the LAN alone, by its own certificate, wherever the LAN goes',
  { skip: noNamespaces() ?? false },
  async (t) => {
    await using stack = new AsyncDisposableStack();
    const spaces = stack.use(home('http'));
    spaces.exec('lan', 'ip', 'address', 'add', '192.168.1.100/24', 'dev', 'eth0');
    spaces.exec('lan', 'ip', 'address', 'add', '192.168.5.100/24', 'dev', 'eth0');
    spaces.exec('r', 'ip', 'address', 'add', '198.51.100.77/24', 'dev', 'wan0');
    const router = stack.use(new Router(spaces, 'r'));
    await router.start();
    const ca = join(router.folder, 'ca.pem');
    /** What curl says in a namespace: its output, or `failed`. */
    const curl = (node: string, ...args: string[]): string => {
      try {
        return spaces.exec(node, 'curl', '-sS', '--max-time', '60', ...args);
      } catch {
        return 'failed';
      }
    };
    const post = (base: string, path: string, body: unknown, ...more: string[]): string =>
      curl(
        'lan',
        ...['--cacert', ca, '-H', `Origin: ${base}`],
        ...more,
        ...[
          ...['-H', 'Content-Type: application/json', '-d', JSON.stringify(body)],
          `${base}${path}`,
        ],
      );
    const pem = await router.until('the page is served', () => {
      const got = curl('lan', '-k', 'https://192.168.1.1/api/ca.pem');
      return got === 'failed' ? undefined : got;
    });
    t.match(pem, /^-----BEGIN CERTIFICATE/);
    writeFileSync(ca, pem);

    await t.test('who is reached, and how', async (t) => {
      const session = JSON.parse(curl('lan', '--cacert', ca, 'https://192.168.1.1/api/session'));
      t.match(session, { setupNeeded: true, user: null });
      t.equal(
        curl('lan', '--cacert', ca, '--tls-max', '1.2', 'https://192.168.1.1/api/session'),
        'failed',
      );
      const format = '%{http_code} %{redirect_url}';
      t.equal(
        curl('lan', '-o', '/dev/null', '-w', format, 'http://192.168.1.1/x?y=1'),
        '308 https://192.168.1.1/x?y=1',
      );
      t.equal(
        curl('isp', '-m', '1', '-k', 'https://198.51.100.77/api/session'),
        'failed',
        'nothing on the WAN',
      );
      t.equal(curl('isp', '-m', '1', 'http://198.51.100.77/'), 'failed');
      const listening = spaces
        .exec('r', 'ss', '-Hltn')
        .split('\n')
        .map((line) => line.split(/\s+/)[3])
        .filter((address) => /:(80|443|8080)$/.test(address ?? ''));
      t.same(listening.sort(), [
        ...['127.0.0.1:443', '127.0.0.1:8080', '192.168.1.1:443', '192.168.1.1:80'],
      ]);
      t.equal(
        curl(
          'lan',
          '-k',
          '-o',
          '/dev/null',
          '-w',
          '%{http_code}',
          '-H',
          'Host: evil.example',
          'https://192.168.1.1/',
        ),
        '421',
      );
      for (const name of ['ca.pem', 'leaf.pem']) {
        t.equal(statSync(join(router.stateDir, 'tls', name)).mode & 0o777, 0o600, name);
      }
      t.equal(statSync(join(router.stateDir, 'tls')).mode & 0o777, 0o700);
    });

    await t.test('set up, and the trail says who', async (t) => {
      const done = JSON.parse(post('https://192.168.1.1', '/api/setup', SETUP));
      t.match(done, { setupNeeded: false, user: { name: 'admin', role: 'Administrator' } });
      post('https://192.168.1.1', '/api/login', { username: 'admin', password: 'wrong' });
      const again = post('https://192.168.1.1', '/api/login', {
        ...{ username: 'admin', password: SETUP.password },
      });
      t.match(JSON.parse(again), { user: { name: 'admin' } });
      const trail = readFileSync(join(router.stateDir, 'audit/audit.log'), 'utf8');
      t.match(trail, /"via":"http","address":"192\.168\.1\.100"/);
      t.match(trail, /"action":"login","user":"admin".*"outcome":"failed"/);
      t.notMatch(trail, /correct horse|argon2id/);
    });

    await t.test('the LAN moves: listeners and certificate follow', async (t) => {
      const jar = join(router.folder, 'cookies');
      const account = { username: 'admin', password: SETUP.password };
      const entered = post('https://192.168.1.1', '/api/login', account, '-c', jar);
      const token = `X-Gatehouse-Token: ${JSON.parse(entered).csrf}`;
      const path = 'Device.IP.Interface.2.IPv4Address.1.IPAddress';
      const body = { changes: [{ path, value: '192.168.5.1' }], confirmSec: 600 };
      // The change takes the way of its own answer, which has gone by then.
      const answer = post('https://192.168.1.1', '/api/set', body, '-b', jar, '-H', token);
      t.match(answer, /"confirm":\{"token"/);
      const config = await router.call('gatehouse.config', 'confirm');
      t.equal(config['status'], 'success');
      const session = await router.until('it answers at its new address', () => {
        const got = curl('lan', '--cacert', ca, 'https://192.168.5.1/api/session');
        return got === 'failed' ? undefined : got;
      });
      t.match(JSON.parse(session), { setupNeeded: false });
      t.equal(curl('lan', '-m', '5', '-k', 'https://192.168.1.1/api/session'), 'failed');
    });

    await t.test('the next daemon has the same root', async (t) => {
      await router.stop('SIGKILL');
      await router.start();
      const session = await router.until('it answers', () => {
        const got = curl('lan', '--cacert', ca, 'https://192.168.5.1/api/session');
        return got === 'failed' ? undefined : got;
      });
      t.match(JSON.parse(session), { setupNeeded: false, user: null });
      const status = await router.bus.call('gatehouse.http', 'status');
      t.ok(status.ok);
    });
  },
);
