/** The pages for LuCI: loaded as LuCI does, in a browser, on the real bus objects over the real model. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import t from 'tap';
import type { Mac } from '../../src/base/ip.ts';
import { ok } from '../../src/base/result.ts';
import { parseAccounts } from '../../src/edge/ubus/accounts.ts';
import { bbfdmObject } from '../../src/edge/ubus/bbfdm.ts';
import { Broker } from '../../src/edge/ubus/broker.ts';
import { UbusClient } from '../../src/edge/ubus/client.ts';
import { gatehouseObjects } from '../../src/edge/ubus/gatehouse.ts';
import { LinuxClock } from '../../src/os/linux/clock.ts';
import { loadNative } from '../../src/os/linux/native.ts';
import type { DhcpServerObserved, LeaseView } from '../../src/services/dhcp-server/config.ts';
import { tableFromPlain, tableToPlain } from '../../src/wire/blobmsg-json.ts';
import { MemoryLog } from '../lib/log.ts';
import { address, type Bench, client, network, router } from '../tr181/fixture.ts';

const APP = join(import.meta.dirname, '../../openwrt/luci-app-gatehouse');
const RESOURCES = join(APP, 'htdocs/luci-static/resources');
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync);
const VIEWS = ['overview', 'leases', 'dhcp', 'model'];
const ROOT = { pid: 1, uid: 0, gid: 0 };
const MARKUP = '<img src=x onerror="window.hacked=1"><b>bold</b>';

const json = (path: string): Record<string, never> =>
  JSON.parse(readFileSync(join(APP, path), 'utf8'));

interface Acl {
  readonly description: string;
  readonly read: { readonly ubus: Record<string, string[]> };
  readonly write: { readonly ubus: Record<string, string[]> };
}

const ACL = json('root/usr/share/rpcd/acl.d/luci-app-gatehouse.json') as Record<string, Acl>;
const acl = ACL['luci-app-gatehouse'];

t.test('the menu leads to views that are there, and names its access rule', async (t) => {
  const menu = json('root/usr/share/luci/menu.d/luci-app-gatehouse.json') as Record<
    string,
    { title: string; order: number; action: { type: string; path?: string }; depends: object }
  >;
  const views = Object.values(menu).flatMap(({ action }) => action.path ?? []);
  t.same(views.sort(), VIEWS.map((view) => `gatehouse/${view}`).sort());
  for (const [path, { title, order, action, depends }] of Object.entries(menu)) {
    t.match(path, /^admin\/services\/gatehouse(\/\w+)?$/);
    t.ok(title !== '' && Number.isInteger(order) && /^(firstchild|view)$/.test(action.type));
    t.same(depends, { acl: ['luci-app-gatehouse'] });
  }
  t.same(
    readdirSync(join(RESOURCES, 'view/gatehouse')).sort(),
    VIEWS.map((view) => `${view}.js`).sort(),
  );
});

t.test(
  'the access rule names methods that the daemon has, and nothing that leads past it',
  async (t) => {
    t.same(Object.keys(ACL), ['luci-app-gatehouse']);
    if (acl === undefined) throw new Error('no rule');
    t.ok(acl.description);
    const bus = await started();
    for (const rules of [acl.read.ubus, acl.write.ubus]) {
      for (const [object, methods] of Object.entries(rules)) {
        const there = bus.methods(object);
        for (const method of methods) t.ok(there.includes(method), `${object} ${method}`);
      }
    }
    for (const method of ['set', 'add', 'del', 'operate', 'restore', 'confirm', 'rollback']) {
      for (const [object, methods] of Object.entries(acl.read.ubus)) {
        t.notOk(methods.includes(method), `${object} ${method} is not for readers`);
      }
    }
    // `call` would reach every command of every service; backups hold every secret.
    const all = JSON.stringify(acl);
    for (const none of ['"call"', 'backup', '*']) t.notOk(all.includes(none), none);
    await bus.end();
  },
);

t.test('the Makefile is one of the LuCI feed', async (t) => {
  const makefile = readFileSync(join(APP, 'Makefile'), 'utf8');
  t.match(makefile, /^LUCI_DEPENDS:=\+luci-base \+gatehouse$/m);
  t.match(makefile, /^include \$\(TOPDIR\)\/feeds\/luci\/luci\.mk$/m);
  t.match(
    makefile,
    /^# call BuildPackage - OpenWrt buildroot signature$/m,
    'the scan looks for it',
  );
});

const LEASE: LeaseView = {
  address: address('192.168.1.120'),
  state: 'bound',
  chaddr: Uint8Array.of(2, 0, 0x5e, 0, 0x53, 0x77),
  clientId: undefined,
  hostName: 'laptop',
  vendorClass: 'MSFT 5.0',
  pool: 'Device.DHCPv4.Server.Pool.1',
  expiresAtMs: 3_600_000,
  firstWallMs: 0,
  lastWallMs: 0,
};
const WAITING: DhcpServerObserved = {
  ...{ pools: [], leaseRevision: 1, leases: [LEASE], foreign: [], rogues: [] },
  pending: [
    {
      mac: '02:00:5e:00:53:99' as Mac,
      segment: 'Device.IP.Interface.2',
      hostName: 'tv',
      vendorClass: 'tv/1',
      randomised: true,
      ...{ firstWallMs: 1_700_000_000_000, lastWallMs: 1_700_000_001_000, requests: 4 },
    },
  ],
  counts: {
    ...{ discover: 0, offer: 0, request: 0, ack: 0, nack: 0, decline: 0, release: 0, inform: 0 },
    ...{ discarded: 0, transmitFailure: 0, relayOptionDropped: 0, secondServer: 0, refused: 0 },
    ...{ limited: 0, exhausted: 0, notDurable: 0 },
  },
  storeFault: undefined,
};

type Answer = { status: number; data?: unknown };

interface Bus {
  readonly bench: Bench;
  readonly called: Set<string>;
  call(object: string, method: string, args: object): Promise<Answer>;
  methods(object: string): readonly string[];
  end(): Promise<void>;
}

/** A router with a lease, on a broker in this process. */
async function started(): Promise<Bus> {
  const bench = await router();
  bench.observed.publish('network', network());
  bench.observed.publish('dhcpClient', {
    clients: [client({ id: 'dhcp4.1' })],
    refusedMessages: 0,
  });
  bench.observed.publish('dhcpLeases', { revision: 1, leases: [LEASE] });
  bench.observed.publish('dhcpServer', WAITING);
  let id = 1024;
  const broker = new Broker({
    randomU32: () => ++id,
    accounts: parseAccounts('root:x:0:0::/:', 'root:x:0:'),
    ownUid: 0,
  });
  const join = (): UbusClient => {
    const made = new UbusClient({
      clock: new LinuxClock(loadNative()),
      log: new MemoryLog(),
      connect: (opened) => ok(broker.attach(ROOT, opened)),
    });
    made.start();
    return made;
  };
  const [daemon, luci] = [join(), join()];
  await Promise.all([daemon.ready(), luci.ready()]);
  const done = (data: object) => ({ status: 'success' as const, message: null, data });
  const refuse = async () => ({ status: 'error' as const, message: 'not here', data: null });
  const command = (run: () => Promise<object>) => ({ about: '', args: {}, run: run as never });
  const objects = [
    bbfdmObject(bench.model),
    ...gatehouseObjects({
      status: () => ({ version: '1.2.3', uptimeSec: 90_061, revision: bench.model.revision }),
      services: [
        {
          name: 'http',
          about: '',
          commands: {
            status: command(async () =>
              done({
                listening: [
                  'http://192.168.1.1:80',
                  'https://127.0.0.1:443',
                  'https://192.168.1.1:443',
                ],
              }),
            ),
          },
        },
        {
          name: 'config',
          about: '',
          commands: {
            status: command(async () => done({ revision: 7, pending: { remainingMs: 41_001 } })),
            ...Object.fromEntries(
              ['history', 'diff', 'set', 'add', 'del', 'restore', 'confirm', 'rollback'].map(
                (name) => [name, command(refuse)],
              ),
            ),
          },
        },
      ],
    }),
  ];
  for (const object of objects) daemon.serve(object);
  const called = new Set<string>();
  return {
    bench,
    called,
    call: async (object, method, args) => {
      called.add(`${object} ${method}`);
      const answer = await luci.call(object, method, tableFromPlain(args));
      return answer.ok
        ? { status: 0, data: tableToPlain(answer.value) }
        : { status: answer.error.status ?? 9 };
    },
    methods: (object) => Object.keys(objects.find(({ path }) => path === object)?.methods ?? {}),
    end: async () => {
      await luci[Symbol.asyncDispose]();
      await daemon[Symbol.asyncDispose]();
    },
  };
}

/** An empty page with LuCI's stand-in; `twist` may change what the bus answers. */
async function opened(page: Page, bus: Bus, twist: (data: unknown) => unknown): Promise<void> {
  await page.route('http://luci.test/', (route) =>
    route.fulfill({ contentType: 'text/html', body: '<!doctype html><body></body>' }),
  );
  await page.exposeFunction('ubusCall', async (object: string, method: string, args: object) => {
    const answer = await bus.call(object, method, args);
    return { ...answer, data: twist(answer.data) };
  });
  await page.exposeFunction('sourceOf', (name: string) =>
    readFileSync(join(RESOURCES, `${name.replaceAll('.', '/')}.js`), 'utf8'),
  );
  await page.goto('http://luci.test/');
  await page.addScriptTag({ path: join(import.meta.dirname, 'stand-in.js') });
}

const show = (page: Page, view: string): Promise<unknown> =>
  page.evaluate(`luci.show('view.gatehouse.${view}')`);

/** As it is laid out, cells apart. */
const said = (page: Page, selector: string): Promise<string> =>
  page.evaluate(`document.querySelector(${JSON.stringify(selector)}).innerText`);

t.test('the views, in a browser', { skip: CHROMIUM === undefined && 'no chromium' }, async (t) => {
  const { chromium } = await import('playwright-core');
  const browser = await chromium.launch({
    executablePath: CHROMIUM ?? '',
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
  t.teardown(() => browser.close());
  const bus = await started();
  t.teardown(() => bus.end());

  t.test('overview', async (t) => {
    const page = await browser.newPage();
    await opened(page, bus, (data) => data);
    t.same(await show(page, 'overview'), [null, null, null], 'no buttons to save');
    const text = await said(page, '#view');
    t.match(text, /Online with address 198\.51\.100\.7/);
    t.match(text, /wan\s+Wan\s+eth0\s+Up/);
    t.match(text, /lan\s+Lan\s+eth1\s+\w+\s+192\.168\.1\.1/);
    t.match(text, /Version 1\.2\.3, running for 1 d 1 h, configuration \d+/);
    t.match(text, /A change waits .* 42/);
    t.equal(await page.locator('#view a').getAttribute('href'), 'https://192.168.1.1:443');
    await bus.bench.set('Device.DHCPv4.Client.1.Enable', 'false');
    await page.evaluate('Promise.all(luci.polled.map(({ run }) => run()))');
    t.match(await said(page, '.gatehouse-sentence'), /The WAN is (up|down)/);
    await bus.bench.set('Device.DHCPv4.Client.1.Enable', 'true');
    await page.close();
  });

  t.test('DHCP clients: the lease, and buttons that do something', async (t) => {
    const page = await browser.newPage();
    await opened(page, bus, (data) => data);
    await show(page, 'dhcp');
    const text = await said(page, '#view');
    t.match(text, /Address\s+198\.51\.100\.7/);
    t.match(text, /Name servers\s+198\.51\.100\.53,9\.9\.9\.9/);
    t.match(text, /Remaining lease time\s+1 h 0 min/);
    const renewed = bus.bench.renewed.length;
    await page.getByRole('button', { name: 'Renew' }).click();
    await page.waitForFunction("!document.querySelector('#view button:disabled')");
    t.equal(bus.bench.renewed.length, renewed + 1);
    await page.getByRole('button', { name: 'Disable' }).click();
    await page.getByRole('button', { name: 'Enable', exact: true }).waitFor();
    t.equal(bus.bench.get('Device.DHCPv4.Client.1.Enable'), 'false');
    t.match(bus.bench.audit.at(-1), { op: 'set', origin: { via: 'ubus', user: 'root' } });
    await page.getByRole('button', { name: 'Enable', exact: true }).click();
    await page.getByRole('button', { name: 'Disable' }).waitFor();
    await page.close();
  });

  t.test('devices: leases and who waits, and buttons that do something', async (t) => {
    const page = await browser.newPage();
    await opened(page, bus, (data) => data);
    await show(page, 'leases');
    const text = await said(page, '#view');
    t.match(text, /laptop\s+192\.168\.1\.120\s+02:00:5e:00:53:77\s+\S*\d{4}/);
    t.match(text, /tv\s+02:00:5e:00:53:99\s+tv\/1/);
    const idle = () => page.waitForFunction("!document.querySelector('#view button:disabled')");
    await page.getByRole('button', { name: 'Always this address' }).click();
    await idle();
    const fixed = 'Device.DHCPv4.Server.Pool.1.StaticAddress.1.';
    t.equal(bus.bench.get(`${fixed}Yiaddr`), '192.168.1.120');
    t.equal(bus.bench.get(`${fixed}Chaddr`), '02:00:5e:00:53:77');
    t.match(bus.bench.audit.at(-1), { origin: { via: 'ubus', user: 'root' } });
    await page.getByRole('button', { name: 'Approve' }).click();
    await idle();
    await page.getByRole('button', { name: 'Refuse' }).click();
    await idle();
    t.same(bus.bench.decided, ['Allow 02:00:5e:00:53:99 0', 'Deny 02:00:5e:00:53:99 0']);
    bus.bench.observed.publish('dhcpServer', { ...WAITING, pending: [] });
    await page.evaluate('Promise.all(luci.polled.map(({ run }) => run()))');
    t.match(await said(page, '#view'), /Nobody waits\./);
    bus.bench.observed.publish('dhcpServer', WAITING);
    await page.close();
  });

  t.test('data model: read, edit, and what is refused is said', async (t) => {
    const page = await browser.newPage();
    await opened(page, bus, (data) => data);
    await show(page, 'model');
    t.match(await said(page, '#view'), /Device\.DeviceInfo\.SoftwareVersion\s+0\.1\.0/);
    const code = page.getByLabel('Device.DeviceInfo.ProvisioningCode');
    await code.fill(MARKUP);
    const row = page.locator('tr[data-path="Device.DeviceInfo.ProvisioningCode"]');
    await row.getByRole('button', { name: 'Save' }).click();
    await page.waitForFunction("!document.querySelector('#view button:disabled')");
    t.equal(bus.bench.get('Device.DeviceInfo.ProvisioningCode'), MARKUP);
    // The path, and the two of DeviceInfo that can be written: ProvisioningCode and HostName.
    t.equal(await page.locator('#view input').count(), 3, 'read-only parameters have no field');
    await page.getByLabel('Path').fill('Device.IP.Interface.*.IPv4Address.*.IPAddress');
    await page.getByRole('button', { name: 'Read' }).click();
    const address = page.getByLabel('Device.IP.Interface.2.IPv4Address.1.IPAddress');
    await address.fill('<b>1</b>');
    await page.getByRole('button', { name: 'Save' }).first().click();
    const note = page.locator('#notifications .error');
    await note.first().waitFor();
    t.match(await said(page, '#notifications .error'), /"<b>1<\/b>" is not an IPv4 address/);
    t.equal(await page.locator('#notifications b').count(), 0, 'as text');
    await page.getByLabel('Path').fill('Device.<b>Nowhere</b>.');
    await page.getByRole('button', { name: 'Read' }).click();
    await page.locator('#view .error').waitFor();
    t.match(await said(page, '#view .error'), /<b>Nowhere<\/b>/);
    t.equal(await page.locator('#view b').count(), 0);
    await page.close();
  });

  t.test('markup in any value stays text, and no link leads anywhere but to a page', async (t) => {
    const twist = (data: unknown): unknown =>
      JSON.parse(JSON.stringify(data ?? null), (key, value: unknown) => {
        if (key === 'listening') return ['javascript:alert(1)', 'https://x/"onclick="alert(1)'];
        // Numbers and switches decide what is shown; all that could be free text is hostile.
        const free = ['data', 'version', 'fault_msg'].includes(key);
        return free && typeof value === 'string' && !/^[01]$|^Wan$|^Device\./.test(value)
          ? MARKUP
          : value;
      });
    for (const view of VIEWS) {
      const page = await browser.newPage();
      await opened(page, bus, twist);
      await show(page, view);
      await page.evaluate('Promise.all(luci.polled.map(({ run }) => run()))');
      const shown = page.locator('#view');
      const text = `${await said(page, '#view')} ${await shown
        .locator('input')
        .evaluateAll((fields) => fields.map((field) => Reflect.get(field, 'value')).join(' '))}`;
      t.ok(text.includes(MARKUP), `${view}: it is there as text`);
      t.equal(await page.locator('img, b, script:not([src]):not(head script)').count(), 0, view);
      t.equal(await page.evaluate('window.hacked'), undefined, view);
      t.equal(await shown.locator('a').count(), 0, `${view}: no such link`);
      await page.close();
    }
  });

  t.test('the access rule grants all that the views asked, and no more', async (t) => {
    if (acl === undefined) throw new Error('no rule');
    const granted = [acl.read.ubus, acl.write.ubus].flatMap((rules) =>
      Object.entries(rules).flatMap(([object, methods]) =>
        methods.map((method) => `${object} ${method}`),
      ),
    );
    for (const call of bus.called) t.ok(granted.includes(call), call);
    t.ok(bus.called.has('bbfdm set') && bus.called.has('bbfdm operate'));
  });
});
