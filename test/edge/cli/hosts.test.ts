/** `gatehouse hosts`: pages put together, the table, and what hostile names do to it. */
import t from 'tap';
import { cli, FakeBus } from './fake.ts';

const at = (n: number) => `2026-01-01T00:00:0${n}.123Z`;
const host = (n: number, values: object = {}) => ({
  ...{ mac: `02:00:00:00:00:0${n}`, name: `host-${n}`, addresses: [`192.168.1.${n}`] },
  ...{ vendor: null, randomised: false, active: true, interface: 'lan0', port: null },
  ...{ firstSeen: at(0), lastSeen: at(n) },
  ...values,
});

/** Two to a page. */
const busOf = (...hosts: ReturnType<typeof host>[]) =>
  new FakeBus({
    'gatehouse call': ({ args }) => {
      const { after } = args as { after: string };
      const rest = hosts.filter(({ mac }) => mac > after);
      const data = { hosts: rest.slice(0, 2), more: rest.length > 2 };
      return { status: 'success', message: null, data };
    },
  });

t.test('all pages, those that are here first', async (t) => {
  const bus = busOf(host(1, { active: false }), host(2), host(3, { vendor: 'Somebody' }));
  const { out, code } = await cli(['hosts'], bus);
  t.equal(code, 0);
  t.equal(bus.calls.length, 2);
  t.same(
    out.split('\n').map((line) => line.split(/ {2,}/).map((cell) => cell.trim())),
    [
      ['NAME', 'ADDRESSES', 'MAC', 'VENDOR', 'ACTIVE', 'LAST SEEN'],
      ['host-3', '192.168.1.3', '02:00:00:00:00:03', 'Somebody', 'yes', '2026-01-01T00:00:03Z'],
      ['host-2', '192.168.1.2', '02:00:00:00:00:02', 'yes', '2026-01-01T00:00:02Z'],
      ['host-1', '192.168.1.1', '02:00:00:00:00:01', 'no', '2026-01-01T00:00:01Z'],
      [''],
    ],
  );
  const active = JSON.parse((await cli(['--json', 'hosts', '--active'], bus)).out);
  t.same(
    active.map(({ name }: { name: string }) => name),
    ['host-3', 'host-2'],
  );
});

t.test('many addresses, a made-up MAC, and a name that would steer the terminal', async (t) => {
  const addresses = ['fe80::1', '2001:db8::2', '192.168.1.7', '2001:db8::1'];
  const { out } = await cli(['hosts'], busOf(host(1, { addresses, randomised: true })));
  t.match(out, '192.168.1.7 2001:db8::2 2001:db8::1 and 1 more');
  t.match(out, '02:00:00:00:00:01 (made up)');
  const hostile = await cli(['hosts'], busOf(host(1, { vendor: '\u001b[2J\n' })));
  t.match(hostile.out, '\\x1b[2J\\n');
});

t.test('nobody, and no answer', async (t) => {
  t.match(await cli(['hosts'], busOf()), { code: 0, out: '', err: /nobody/ });
  t.match(await cli(['--json', 'hosts'], busOf()), { code: 0, out: '[]\n' });
  const refusing = new FakeBus({
    'gatehouse call': () => ({ status: 'error', message: 'no service neighbors', data: null }),
  });
  t.match(await cli(['hosts'], refusing), { code: 1, err: /no service neighbors/ });
});
