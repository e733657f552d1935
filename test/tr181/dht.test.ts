/** `Device.X_GATEHOUSE_DHT.`: what rows compile to, what is refused, what is reported, what the firewall opens. */
import t from 'tap';
import { bench } from './fixture.ts';

const ROOT = 'Device.X_GATEHOUSE_DHT.';

t.test('off by default, with budgets that a small router bears', async (t) => {
  const b = bench();
  const { dht, firewall } = b.model.compileAll();
  t.match(dht, {
    ...{
      enable: false,
      port: 6889,
      privateNetworks: [],
      readOnly: false,
      announcements: undefined,
    },
    crawler: { enable: false },
  });
  t.ok(dht.budget.bytesOutPerSec <= 100_000);
  t.same(firewall.openings, []);
  t.equal(b.get(`${ROOT}Status`), 'Disabled');
  t.equal(b.get(`${ROOT}Stats.PacketsSent`), '0');
});

t.test('the port is open only while the node is enabled and answers', async (t) => {
  const b = bench();
  t.equal(await b.set(`${ROOT}Enable`, 'true'), 'done');
  t.equal(await b.set(`${ROOT}Port`, '7000'), 'done');
  t.same(b.model.compileAll().firewall.openings, [{ port: 7000, perSec: 500 }]);
  t.equal(await b.set(`${ROOT}Budget.PacketsReceived`, '50'), 'done');
  t.same(b.model.compileAll().firewall.openings, [{ port: 7000, perSec: 50 }]);
  t.equal(await b.set(`${ROOT}ReadOnly`, 'true'), 'done');
  t.same(b.model.compileAll().firewall.openings, []);
});

t.test('a budget of bytes that no datagram would fit into is refused', async (t) => {
  const b = bench();
  for (const way of ['BytesSent', 'BytesReceived']) {
    t.equal(await b.set(`${ROOT}Budget.${way}`, '2099'), 'outOfRange');
    t.equal(await b.set(`${ROOT}Budget.${way}`, '2100'), 'done');
  }
});

t.test('what is not an address, a prefix or a key is refused', async (t) => {
  const b = bench();
  t.equal(await b.set(`${ROOT}BootstrapNodes`, 'dht.example.org:6881,[2001:db8::1]:6881'), 'done');
  for (const wrong of ['dht.example.org', 'a b:1', 'host:0', 'host:70000'])
    t.equal(await b.set(`${ROOT}BootstrapNodes`, wrong), 'conflict', wrong);
  t.equal(await b.set(`${ROOT}PrivateNetworks`, '10.0.0.0/8,fd00::/8'), 'done');
  t.equal(b.model.compileAll().dht.privateNetworks.length, 2);
  for (const wrong of ['10.0.0.0', '10.0.0.0/33', 'fd00::1/8'])
    t.equal(await b.set(`${ROOT}PrivateNetworks`, wrong), 'conflict', wrong);
  t.equal(await b.set(`${ROOT}Announcement.PublicKey`, 'ab'), 'conflict');
  t.equal(await b.set(`${ROOT}Announcement.PublicKey`, 'ab'.repeat(32)), 'done');
  t.match(b.model.compileAll().dht.announcements, { salt: 'gatehouse' });
});
