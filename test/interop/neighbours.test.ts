/** The LAN is watched: hosts that come, go, change their MAC address, speak IPv6 alone, or say to be another. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { home, noNamespaces } from '../lib/netns.ts';
import { Router } from '../lib/router.ts';

t.setTimeout(290_000);

const HOSTS = 'Device.Hosts.';
const SCAN = `${HOSTS}X_GATEHOUSE_Scan.`;

/** As /usr/share/udhcpc/default.script, without a resolver. */
const SCRIPT = `#!/bin/sh
[ "$1" = bound ] || exit 0
ip address add "$ip/$mask" dev "$interface"
`;

interface Device {
  readonly id: string;
  readonly active: boolean;
  readonly addresses: readonly string[];
  readonly macs: readonly { readonly mac: string; readonly joined: object | null }[];
  readonly presence: readonly (readonly [string, string | null])[];
}

interface Wrong {
  readonly kind: string;
  readonly address: string;
  readonly mac: string;
  readonly other: string | null;
}

t.test('the LAN is watched', { skip: noNamespaces() ?? false }, async (t) => {
  await using stack = new AsyncDisposableStack();
  const spaces = stack.use(home('nbrs'));
  /** One port of the box for each, bridged with the others. */
  const nodes = ['lan', 'a', 'b', 'c', 'd', 'e'] as const;
  const macOf = (n: number): string => `dc:a6:32:00:0a:0${n}`;
  nodes.forEach((node, i) => {
    if (i > 0) spaces.link(['r', `lan${i}`], [node, 'eth0']);
    spaces.exec(node, 'ip', 'link', 'set', 'eth0', 'down');
    spaces.exec(node, 'ip', 'link', 'set', 'eth0', 'address', macOf(i));
    spaces.exec(node, 'ip', 'link', 'set', 'eth0', 'up');
  });
  const address = (node: string, text: string): void => {
    spaces.exec(node, 'ip', 'address', 'add', text, 'dev', 'eth0');
  };
  // Nobody but who is asked says anything: what is found comes of the search.
  spaces.exec('b', 'sysctl', '-qw', 'net.ipv4.conf.eth0.arp_notify=0');
  address('a', '192.168.1.20/24');
  address('b', '192.168.1.21/24');
  const rows = {
    [`${HOSTS}X_GATEHOUSE_CheckInterval`]: '5',
    [`${SCAN}Interval`]: '3600',
    [`${SCAN}Rate`]: '1000',
    [`${SCAN}Wait`]: '300',
  };
  const lan = nodes.map((_, i) => `lan${i}`);
  const router = stack.use(new Router(spaces, 'r', { lan, rows }));
  await router.start();
  await router.until('the LAN has its addresses', () => {
    const all = spaces.exec('r', 'ip', '-br', 'address');
    return all.includes('192.168.1.1/24') && /br-lan.* fe80::/.test(all);
  });
  /** It tells all that it has the address (RFC 5227 §3), whether it has it or not. */
  const announce = (node: (typeof nodes)[number], ip: string): void => {
    const mac = macOf(nodes.indexOf(node)).replaceAll(':', '');
    const bytes = `bytes([${ip.replaceAll('.', ',')}])`;
    spaces.exec(
      node,
      'python3',
      '-c',
      `import socket
s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW);s.bind(('eth0',0))
m=bytes.fromhex('${mac}'); ip=${bytes}
s.send(b'\\xff'*6+m+b'\\x08\\x06\\0\\1\\x08\\0\\6\\4\\0\\2'+m+ip+b'\\xff'*6+ip)`,
    );
  };
  const data = async (command: string): Promise<Record<string, unknown>> => {
    const answer = await router.call('gatehouse.neighbors', command);
    return (answer['data'] ?? {}) as Record<string, unknown>;
  };
  const devices = async () => (await data('devices'))['devices'] as readonly Device[];
  const wrong = async () => (await data('conflicts'))['conflicts'] as readonly Wrong[];
  const device = async (mac: string): Promise<Device | undefined> =>
    (await devices()).find(({ macs }) => macs.some((one) => one.mac === mac));
  const scan = () =>
    router.until('the LAN is searched', async () => {
      const done = await data('scan');
      return done['took'] === undefined ? undefined : done;
    });

  await t.test('a search finds whoever is there, and invents nobody', async (t) => {
    // The link-local address of the bridge may be tentative still: then the next search finds the rest.
    await router.until(
      'all six are found',
      async () => {
        const { answered, sent } = await scan();
        return answered === nodes.length && Number(sent) > 254 ? true : undefined;
      },
      60_000,
    );
    const all = await devices();
    t.same(
      all.map(({ id }) => id),
      nodes.map((_, i) => macOf(i)),
    );
    t.ok((await device(macOf(1)))?.addresses.includes('192.168.1.20'));
    const six = (await device(macOf(5)))?.addresses ?? [];
    t.ok(six.length > 0 && six.every((one) => one.includes(':')), 'one has IPv6 alone');
    const found = await router.get(SCAN);
    t.equal(Number(found[`${SCAN}Answered`]), nodes.length);
  });

  await t.test('one that only speaks to another is heard, asked, and known', async (t) => {
    const mac = 'dc:a6:32:00:0a:99';
    spaces.exec('c', 'ip', 'link', 'add', 'v0', 'link', 'eth0', 'type', 'macvlan');
    spaces.exec('c', 'ip', 'link', 'set', 'v0', 'address', mac);
    spaces.exec('c', 'sysctl', '-qw', 'net.ipv6.conf.v0.disable_ipv6=1');
    spaces.exec('c', 'ip', 'link', 'set', 'v0', 'up');
    spaces.exec('c', 'ip', 'address', 'add', '192.168.1.50/24', 'dev', 'v0');
    spaces.exec('c', 'ping', '-c', '1', '-W', '30', '192.168.1.20');
    await router.until('it is known', async () => {
      const found = await device(mac);
      return found?.active === true && found.addresses.includes('192.168.1.50') ? true : undefined;
    });
    spaces.exec('c', 'ip', 'link', 'del', 'v0');
    spaces.exec('c', 'ip', 'link', 'set', 'eth0', 'down');
    const gone = await router.until('it is missed', async () => {
      const found = await device(mac);
      return found?.active === false ? found : undefined;
    });
    spaces.exec('c', 'ip', 'link', 'set', 'eth0', 'up');
    t.match(gone.presence[0]?.[1], /^20\d\d-/, 'and when it went is kept');
  });

  await t.test('frames from nobody make nobody a host', async (t) => {
    const before = (await devices()).length;
    spaces.exec(
      'd',
      'python3',
      '-c',
      `import socket,struct
s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW);s.bind(('eth0',0))
for i in range(2000):
  mac=b'\\x02\\x66'+struct.pack('>I',i); ip=bytes([192,168,1,60+i%90])
  s.send(b'\\xff'*6+mac+b'\\x08\\x06\\0\\1\\x08\\0\\6\\4\\0\\1'+mac+ip+b'\\0'*6+bytes([192,168,1,20]))`,
    );
    await router.until('they were heard', async () => {
      const now = await router.get(SCAN);
      const of = (name: string): number => Number(now[SCAN + name]);
      return of('FramesHeard') + of('FramesSkipped') + of('FramesDropped') > 2000
        ? true
        : undefined;
    });
    await scan();
    t.equal((await devices()).length, before);
  });

  await t.test(
    'a device that makes up another MAC address is the same by what it says',
    async (t) => {
      // A DUID of its own: what it says in DHCP, whatever its MAC address is.
      const says = (mac: string): void => {
        spaces.exec('e', 'ip', 'link', 'set', 'eth0', 'down');
        spaces.exec('e', 'ip', 'link', 'set', 'eth0', 'address', mac);
        spaces.exec('e', 'ip', 'link', 'set', 'eth0', 'up');
        const options = ['-i', 'eth0', '-n', '-q', '-f', '-t', '60', '-T', '1', '-s', script];
        spaces.exec('e', 'udhcpc', ...options, '-C', '-x', '0x3d:ff00112233445566');
        spaces.exec('e', 'ping', '-c', '1', '-W', '30', '192.168.1.1');
      };
      const script = join(router.folder, 'udhcpc.sh');
      writeFileSync(script, SCRIPT);
      chmodSync(script, 0o755);
      says('02:00:00:00:0e:01');
      await router.until('the first is there', () => device('02:00:00:00:0e:01'));
      spaces.exec('e', 'ip', '-4', 'address', 'flush', 'dev', 'eth0');

      says('02:00:00:00:0e:02');
      const joined = await router.until('they are one', async () => {
        const one = await device('02:00:00:00:0e:02');
        return one?.macs.some(({ mac }) => mac === '02:00:00:00:0e:01') ? one : undefined;
      });
      const why = joined.macs.flatMap(({ joined: one }) => one ?? []);
      t.match(why, [{ by: 'ClientId' }], 'and it is told why');
      await router.call('gatehouse.config', 'add', {
        path: `${HOSTS}X_GATEHOUSE_Apart.`,
        values: { PhysAddress: '02:00:00:00:0e:01', OtherPhysAddress: '02:00:00:00:0e:02' },
      });
      await router.until('the owner undid it', async () =>
        (await device('02:00:00:00:0e:02'))?.macs.length === 1 ? true : undefined,
      );
      t.pass('and they are two');
    },
  );

  await t.test('a spare that takes over, and gives back, is no alarm', async (t) => {
    const arp = (node: 'a' | 'b'): void => announce(node, '192.168.1.70');
    const holder = (mac: string) =>
      router.until('it has the address', async () =>
        (await device(mac))?.addresses.includes('192.168.1.70') ? true : undefined,
      );
    address('a', '192.168.1.70/24');
    arp('a');
    await holder(macOf(1));
    spaces.exec('a', 'ip', 'address', 'del', '192.168.1.70/24', 'dev', 'eth0');
    address('b', '192.168.1.70/24');
    arp('b');
    await router.until('the spare has it', async () => {
      arp('b');
      return (await device(macOf(2)))?.addresses.includes('192.168.1.70') ? true : undefined;
    });
    t.same(await wrong(), []);
  });

  await t.test('two that have one address are an alarm', async (t) => {
    address('d', '192.168.1.80/24');
    spaces.exec('d', 'ping', '-c', '1', '-W', '30', '192.168.1.1');
    address('c', '192.168.1.80/24');
    const found = await router.until('it is told', async () => {
      announce('c', '192.168.1.80');
      return (await wrong()).find(({ address }) => address === '192.168.1.80');
    });
    t.equal(found.kind, 'Duplicate');
    t.same([found.mac, found.other].sort(), [macOf(3), macOf(4)].sort());
    spaces.exec('c', 'ip', 'address', 'del', '192.168.1.80/24', 'dev', 'eth0');
  });

  await t.test('one that says to be another, or the box, is an alarm', async (t) => {
    const told = (address: string) =>
      router.until(
        `${address} is told`,
        async () => {
          announce('d', address);
          return (await wrong()).find((one) => one.address === address);
        },
        60_000,
      );
    t.match(await told('192.168.1.20'), { kind: 'Spoof', mac: macOf(4), other: macOf(1) });
    t.match(await told('192.168.1.1'), { kind: 'OwnAddress', mac: macOf(4), other: null });
    t.ok((await device(macOf(1)))?.addresses.includes('192.168.1.20'), 'and is not believed');
  });
});
