/** The search by ARP, in a network of its own: real hosts that answer, two for one address, and forged answers. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import { formatIpv4, ipv4, macOf as macOf48 } from '#src/base/ip.ts';
import { LinuxArpScanner } from '#src/os/linux/arp-scan.ts';
import { loadNative } from '#src/os/linux/native.ts';
import { scanInterfaces } from '#src/os/linux/scan-interfaces.ts';
import { sendFrame } from '#src/os/linux/send-frame.ts';
import type { ArpScanAsk, ArpScanDone } from '#src/os/ports-scan.ts';
import { encodeWake } from '#src/wire/wake.ts';
import { Namespaces, runAlone, sh } from '../lib/netns.ts';
import { until } from '../lib/until.ts';

t.setTimeout(120_000);

const A = (n: number) => ipv4(0x0a140000 + n);
const NONE = '02:00:00:00:00:99';

/** Frames by hand, again and again until it is ended: to whom asks, from whom, for which address. */
const FORGER = `
import socket, sys, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
to = bytes.fromhex(sys.argv[2].replace(':', ''))
def reply(source, mac, ip, tail=b''):
    mac = bytes.fromhex(mac.replace(':', ''))
    source = bytes.fromhex(source.replace(':', ''))
    return (to + source + b'\\x08\\x06\\x00\\x01\\x08\\x00\\x06\\x04\\x00\\x02' + mac
        + socket.inet_aton(ip) + to + socket.inet_aton('10.20.0.1') + tail)
frames = [
    reply('${NONE}', '${NONE}', '10.99.0.1'),
    reply('${NONE}', '01:00:5e:00:00:01', '10.20.0.200'),
    reply('${NONE}', '00:00:00:00:00:00', '10.20.0.201'),
    reply('${NONE}', '02:00:00:00:00:98', '10.20.0.202'),
    reply('${NONE}', '${NONE}', '10.20.0.203')[:30],
]
while True:
    for f in frames: s.send(f)
    time.sleep(0.02)
`;

runAlone(t, 'who answers by ARP', import.meta.url, () => {
  t.test('who answers by ARP', async (t) => {
    using spaces = new Namespaces('arps');
    sh('ip', 'link', 'add', 'br0', 'type', 'bridge');
    for (const [i, node] of ['one', 'two'].entries()) {
      const peer = ['type', 'veth', 'peer', 'name', 'eth0', 'netns', spaces.make(node)];
      sh('ip', 'link', 'add', `p${i}`, ...peer);
      sh('ip', 'link', 'set', `p${i}`, 'master', 'br0', 'up');
      spaces.exec(node, 'ip', 'link', 'set', 'eth0', 'up');
    }
    sh('ip', 'address', 'add', '10.20.0.1/16', 'dev', 'br0');
    sh('ip', 'link', 'set', 'br0', 'up');
    for (let n = 10; n < 30; n++)
      spaces.exec('one', 'ip', 'address', 'add', `10.20.0.${n}/16`, 'dev', 'eth0');
    for (const n of [20, 40])
      spaces.exec('two', 'ip', 'address', 'add', `10.20.0.${n}/16`, 'dev', 'eth0');
    const macOf = (node: string): string =>
      spaces.exec(node, 'cat', '/sys/class/net/eth0/address').trim();
    const [one, two] = [macOf('one'), macOf('two')];

    // A bridge has its carrier a moment after its ports.
    const link = await until('br0 is seen', () =>
      scanInterfaces().find(({ name }) => name === 'br0'),
    );
    const { ifIndex, mac } = link;
    t.same(link.addresses, [{ address: A(1), prefixLen: 16 }]);
    const scanner = new LinuxArpScanner(loadNative());
    const asked = (more: Partial<ArpScanAsk> = {}) =>
      scanner.scan({
        ...{ ifIndex, mac, source: A(1), passes: 2, waitMs: 500 },
        ...{ ranges: [{ first: A(0), last: A(255) }], ratePerSec: 0 },
        ...more,
      });
    const scan = async (more: Partial<ArpScanAsk> = {}): Promise<ArpScanDone> => {
      const done = await asked(more);
      if (!done.ok) throw done.error;
      return done.value;
    };
    const plain = ({ answers }: ArpScanDone): string[] =>
      answers.map(({ address, mac }) => `${formatIpv4(address)} ${mac}`).sort();
    const all = [
      ...Array.from({ length: 20 }, (_, i) => `10.20.0.${i + 10} ${one}`),
      ...[20, 40].map((n) => `10.20.0.${n} ${two}`),
    ].sort();

    await t.test('all are found, none is invented, two for one address are told', async (t) => {
      const told: string[] = [];
      const done = await scan({ onAnswer: ({ address }) => void told.push(formatIpv4(address)) });
      t.same(plain(done), all);
      t.equal(told.length, all.length, 'each is told once');
      const seconds = done.answers.filter(({ second }) => second);
      t.same(
        seconds.map(({ address }) => address),
        [A(20)],
      );
      t.equal(done.interrupted, false);
      // All but our own; who has answered is not asked again.
      t.equal(done.sent, 255 + 255 - 21);
    });

    await t.test('in ranges, at a rate', async (t) => {
      const ranges = [
        { first: A(12), last: A(13) },
        { first: A(40), last: A(40) },
      ];
      const startMs = performance.now();
      const done = await scan({ ranges, passes: 1, ratePerSec: 10, waitMs: 300 });
      t.same(plain(done), [`10.20.0.12 ${one}`, `10.20.0.13 ${one}`, `10.20.0.40 ${two}`]);
      t.equal(done.sent, 3);
      t.ok(
        performance.now() - startMs >= 490,
        'two tenths of a second between three, and the wait',
      );
    });

    await t.test('forged answers are no answers', async (t) => {
      const args = ['-c', FORGER, 'eth0', mac];
      const forger = spawn('ip', spaces.argv('two', 'python3', ...args), { stdio: 'inherit' });
      try {
        let done = await scan({ passes: 1 });
        for (let i = 0; i < 20 && done.stray === 0; i++) done = await scan({ passes: 1 });
        t.ok(done.stray > 0, 'they are counted');
        t.same(plain(done), [...all, '10.20.0.202 02:00:00:00:00:98'].sort());
        const foreign = done.answers.filter((answer) => answer.foreign);
        t.same(
          foreign.map(({ address }) => address),
          [A(202)],
          'a MAC that is not its sender',
        );
      } finally {
        forger.kill();
        await once(forger, 'exit');
      }
    });

    await t.test('a frame that wakes somebody arrives', async (t) => {
      const hear = `
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0842))
s.bind(('eth0', 0x0842))
s.settimeout(60)
print('ready', flush=True)
print(s.recv(2000).hex(), flush=True)
`;
      const heard = spawn('ip', spaces.argv('two', 'python3', '-c', hear));
      const exited = once(heard, 'exit');
      let said = '';
      heard.stdout.setEncoding('utf8').on('data', (piece: string) => {
        said += piece;
      });
      try {
        await until('it listens', () => said.startsWith('ready'));
        const frame = encodeWake(macOf48(1), link.mac);
        t.same(await sendFrame(loadNative(), link.ifIndex, frame), { ok: true, value: undefined });
        await exited;
        t.equal(said.split('\n')[1], Buffer.from(frame).toString('hex'));
      } finally {
        heard.kill();
      }
    });

    await t.test('it can be ended', async (t) => {
      const stop = new AbortController();
      const onAnswer = () => stop.abort();
      const done = await scan({ ratePerSec: 100, signal: stop.signal, onAnswer });
      t.equal(done.interrupted, true);
      t.ok(done.answers.length >= 1 && done.sent < 255);
    });

    await t.test('what cannot be is refused', async (t) => {
      const code = async (more: Partial<ArpScanAsk>): Promise<string> => {
        const done = await asked(more);
        return done.ok ? 'done' : done.error.code;
      };
      t.equal(await code({ ranges: [] }), 'EINVAL');
      t.equal(await code({ ranges: [{ first: A(2), last: A(1) }] }), 'EINVAL');
      t.equal(await code({ ranges: [{ first: A(0), last: A(65_536) }] }), 'EINVAL');
      const halves = { first: A(0), last: A(40_000) };
      t.equal(await code({ ranges: [halves, halves] }), 'EINVAL', 'together they are too many');
      t.equal(await code({ passes: 0 }), 'EINVAL');
      t.equal(await code({ waitMs: Number.NaN }), 'EINVAL');
      t.equal(await code({ ratePerSec: 2_000_000 }), 'EINVAL');
      t.equal(await code({ ifIndex: 99_999 }), 'ENODEV');
      sh('ip', 'link', 'set', 'br0', 'down');
      t.equal(await code({}), 'ENETDOWN');
    });
  });
});
