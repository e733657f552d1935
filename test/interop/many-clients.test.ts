/** Thirty-two WANs at once, and their cables pulled again and again. */
import { readdirSync } from 'node:fs';
import t from 'tap';
import { dnsmasq } from '../lib/isp.ts';
import { Namespaces, noNamespaces } from '../lib/netns.ts';
import { Router } from '../lib/router.ts';
import { cpuSec, ownMb, residentMb } from '../lib/usage.ts';

t.setTimeout(290_000);

const CLIENTS = 32;
const ROUNDS = 50;

const descriptors = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

t.test(`${CLIENTS} clients on ${CLIENTS} links`, { skip: noNamespaces() ?? false }, async (t) => {
  await using stack = new AsyncDisposableStack();
  const spaces = stack.use(new Namespaces('many'));
  const numbers = Array.from({ length: CLIENTS }, (_, i) => i + 1);
  for (const i of numbers) {
    spaces.link(['isp', `isp${i}`], ['r', `wan${i}`]);
    spaces.exec('isp', 'ip', 'address', 'add', `198.51.${i}.1/24`, 'dev', `isp${i}`);
  }
  spaces.link(['r', 'lan0'], ['lan', 'eth0']);
  stack.use(
    await dnsmasq(
      spaces,
      'isp',
      ...numbers.map((i) => `--interface=isp${i}`),
      ...numbers.map((i) => `--dhcp-range=198.51.${i}.100,198.51.${i}.199,255.255.255.0,120`),
    ),
  );
  // Row 1 is the WAN of the first start; the others are added like it.
  const rows: Record<string, string> = {};
  for (const i of numbers.slice(1)) {
    const at = `Device.IP.Interface.${i + 2}.`;
    rows[`${at}Enable`] = 'true';
    rows[`${at}X_GATEHOUSE_Zone`] = 'Wan';
    rows[`Device.DHCPv4.Client.${i}.Enable`] = 'true';
    rows[`Device.DHCPv4.Client.${i}.Interface`] = `Device.IP.Interface.${i + 2}`;
  }
  const router = stack.use(new Router(spaces, 'r', { wan: 'wan1', rows }));
  await router.start();
  // The system numbers the other interfaces as it finds them: they are looked up by name.
  const ports = await router.get('Device.Ethernet.Interface.*.Name');
  t.equal(
    Object.keys(ports).length,
    CLIENTS + 1,
    'the model knows every port from its first answer on',
  );
  const portOf = new Map(
    Object.entries(ports).map(([path, name]) => [name, path.replace(/\.Name$/, '')]),
  );
  const layers: Record<string, string> = {};
  for (const i of numbers.slice(1)) {
    layers[`Device.IP.Interface.${i + 2}.LowerLayers`] = portOf.get(`wan${i}`) ?? '';
  }
  t.same(await router.set(layers), []);

  const bound = async () => {
    const status = await router.get('Device.DHCPv4.Client.*.DHCPStatus');
    const addresses = await router.get('Device.DHCPv4.Client.*.IPAddress');
    return (
      Object.values(status).filter((s) => s === 'Bound').length === CLIENTS &&
      Object.values(addresses).every((a) => a.startsWith('198.51.'))
    );
  };
  const from = performance.now();
  await router.until('all are bound', bound);
  t.comment(`all bound after ${Math.round(performance.now() - from)} ms`);
  t.equal(router.processes('udhcpc').length, CLIENTS);
  const daemon = router.pid;

  const flap = async (up: boolean) => {
    const batch = numbers.map((i) => `link set isp${i} ${up ? 'up' : 'down'}`).join('\n');
    spaces.exec('isp', 'sh', '-c', `printf '%s\\n' "${batch}" | ip -batch -`);
  };
  // Clients that start over and hooks that talk hold descriptors for a moment.
  const settled = async () => {
    let last = 0;
    await router.until('nothing is under way', async () => {
      const now = descriptors(daemon);
      const quiet = now === last && router.processes('udhcpc').length === CLIENTS;
      last = now;
      await new Promise((resolve) => setTimeout(resolve, 250));
      return quiet && (await bound());
    });
    return { descriptors: descriptors(daemon), mb: ownMb(daemon) };
  };
  let before = { descriptors: 0, mb: 0 };
  for (let round = 1; round <= ROUNDS; round++) {
    await flap(false);
    await router.until('the model sees the cables pulled', async () => {
      const status = await router.get('Device.Ethernet.Interface.*.Status');
      return Object.values(status).filter((s) => s !== 'Up').length >= CLIENTS;
    });
    await flap(true);
    await router.until('all are bound', bound);
    // What the first rounds load and cache is no leak.
    if (round === 10) before = await settled();
  }
  // What is open for a moment is no loss, and what is garbage is collected; what is lost stays.
  await router.until('no descriptor and no memory is lost', async () => {
    const now = await settled();
    const resident = residentMb(daemon);
    t.comment(
      `after 10 rounds ${before.mb.toFixed(0)} MB and ${before.descriptors} descriptors, after ${ROUNDS} ` +
        `${now.mb.toFixed(0)} MB (${resident.toFixed(0)} MB resident) and ${now.descriptors} descriptors`,
    );
    return now.descriptors <= before.descriptors && now.mb < before.mb + 10 && resident < 100;
  });
  t.equal(router.processes('udhcpc').length, CLIENTS, 'one client each');

  const cpu = cpuSec(daemon);
  const start = performance.now();
  await new Promise((resolve) => setTimeout(resolve, 5000));
  const share = ((cpuSec(daemon) - cpu) / (performance.now() - start)) * 1000;
  t.comment(`${(share * 100).toFixed(1)} % of a core when idle`);
  t.ok(share < 0.05, 'under 5 % of a core when idle');
});
