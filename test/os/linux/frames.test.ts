// needs root: network namespaces
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { LinuxFramePorts } from '#src/os/linux/frames.ts';
import { loadNative, Reactor } from '#src/os/linux/native.ts';
import { LinuxUdpPorts } from '#src/os/linux/udp-ports.ts';
import type { FrameFilter, FramePort } from '#src/os/ports.ts';
import { noNamespaces, sh } from '../../lib/netns.ts';

// The tests run in a network namespace of their own, which ends with the process.
const INSIDE = 'GATEHOUSE_TEST_NETNS';
const skip = noNamespaces();
if (skip !== undefined) {
  t.test('frame ports', { skip }, () => {});
} else if (process.env[INSIDE] === undefined) {
  const self = fileURLToPath(import.meta.url);
  const { status } = spawnSync('unshare', ['-n', process.execPath, self], {
    stdio: 'inherit',
    env: { ...process.env, [INSIDE]: '1' },
  });
  process.exitCode = status ?? 1;
} else {
  run();
}

interface Rig {
  readonly ports: LinuxFramePorts;
  readonly reactor: Reactor;
  readonly port: FramePort;
  readonly ifIndex: number;
  /** Frames of each batch since the last `send`. */
  batches(): readonly (readonly Buffer[])[];
  /** Sends raw frames out of `there`, waits for the marker that follows them, and gives what was heard. */
  send(...frames: Buffer[]): Promise<readonly Buffer[]>;
}

const MARKERS: Readonly<Record<FrameFilter, () => Buffer>> = {
  dhcp4: () => udp4({ text: 'marker' }),
  dhcp6Server: () => udp6({ text: 'marker' }),
  icmp6Router: () => icmp6(133, 'marker'),
  neighbours: () => Buffer.concat([ethernet(0x0806), Buffer.from('marker')]),
  arp: () => Buffer.concat([ethernet(0x0806), Buffer.from('marker')]),
};

async function rig(t: Test, filter: FrameFilter = 'dhcp4'): Promise<Rig> {
  sh('ip', 'link', 'add', 'here', 'type', 'veth', 'peer', 'name', 'there');
  sh('sysctl', '-qw', 'net.ipv6.conf.here.disable_ipv6=1', 'net.ipv6.conf.there.disable_ipv6=1');
  sh('ip', 'link', 'set', 'here', 'up');
  sh('ip', 'link', 'set', 'there', 'up');
  const reactor = new Reactor(loadNative());
  t.teardown(async () => {
    await reactor[Symbol.asyncDispose]();
    spawnSync('ip', ['link', 'del', 'here']);
  });
  const ifIndex = ifIndexOf('here');
  const ports = new LinuxFramePorts(reactor);
  let batches: Buffer[][] = [];
  let batch: Buffer[] = [];
  let markers = 0;
  let seen = () => {};
  const opened = ports.open(ifIndex, filter, {
    frame(bytes, start, end) {
      const copy = Buffer.from(bytes.subarray(start, end));
      if (copy.includes('marker')) markers++;
      else batch.push(copy);
    },
    batchEnd() {
      batches.push(batch);
      batch = [];
      seen();
    },
  });
  if (!opened.ok) throw opened.error;
  let sent = 0;
  return {
    ports,
    reactor,
    port: opened.value,
    ifIndex,
    batches: () => batches,
    async send(...list) {
      batches = [];
      sent++;
      inject('there', [...list, MARKERS[filter]()]);
      while (markers < sent) await new Promise<void>((resolve) => (seen = resolve));
      return batches.flat();
    },
  };
}

function ifIndexOf(ifName: string): number {
  return Number(/^\d+/.exec(sh('ip', '-o', 'link', 'show', ifName)));
}

/** Python's raw sockets: not ours, so the port is not measured by itself. */
function inject(ifName: string, frames: readonly Buffer[]): void {
  python(
    `
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
for line in sys.stdin: s.send(bytes.fromhex(line))`,
    frames.map((f) => f.toString('hex')).join('\n'),
    ifName,
  );
}

function python(script: string, input: string, ...args: string[]): string {
  const { status, stderr, stdout } = spawnSync(
    'python3',
    ['-c', `import socket, sys${script}`, ...args],
    { input, encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

const sum = (...parts: Uint8Array[]): number => {
  let total = 0;
  for (const part of parts) {
    for (let i = 0; i < part.length; i += 2) total += ((part[i] ?? 0) << 8) | (part[i + 1] ?? 0);
  }
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return ~total & 0xffff;
};

const ethernet = (etherType: number): Buffer =>
  Buffer.from([...Array(6).fill(0xff), 2, 0, 0, 0, 0, 9, etherType >> 8, etherType & 255]);

interface Shape {
  readonly text?: string | Uint8Array;
  readonly to?: number;
  readonly etherType?: number;
  readonly protocol?: number;
  readonly fragment?: number;
  /** Words of IPv4 options. */
  readonly options?: number;
}

function udp4(shape: Shape = {}): Buffer {
  const text = Buffer.from(shape.text ?? 'hello');
  const size = 8 + text.length;
  const ip = Buffer.alloc(20 + 4 * (shape.options ?? 0), 1);
  ip.fill(0, 0, 20);
  ip[0] = 0x40 | (ip.length / 4);
  ip.writeUInt16BE(ip.length + size, 2);
  ip.writeUInt16BE(shape.fragment ?? 0, 6);
  ip[8] = 64;
  ip[9] = shape.protocol ?? 17;
  ip.fill(0xff, 16, 20);
  ip.writeUInt16BE(sum(ip), 10);
  const udp = Buffer.alloc(size);
  udp.writeUInt16BE(68, 0);
  udp.writeUInt16BE(shape.to ?? 67, 2);
  udp.writeUInt16BE(size, 4);
  udp.set(text, 8);
  const checksum = sum(ip.subarray(12, 20), Uint8Array.of(0, 17, size >> 8, size & 255), udp);
  udp.writeUInt16BE(checksum === 0 ? 0xffff : checksum, 6);
  const frame = Buffer.concat([ethernet(shape.etherType ?? 0x0800), ip, udp]);
  return frame.length < 60 ? Buffer.concat([frame, Buffer.alloc(60 - frame.length, 7)]) : frame;
}

function ipv6(header: number, payload: Buffer, checksumAt: number, group: number): Buffer {
  const ip = Buffer.alloc(40);
  ip[0] = 0x60;
  ip.writeUInt16BE(payload.length, 4);
  ip[6] = header;
  ip[7] = 255;
  ip.set([0xfe, 0x80], 8);
  ip.set([0xff, 0x02], 24);
  ip.writeUInt32BE(group, 36);
  const length = Buffer.alloc(8);
  length.writeUInt32BE(payload.length);
  length[7] = header;
  payload.writeUInt16BE(0, checksumAt);
  payload.writeUInt16BE(sum(ip.subarray(8), length, payload) || 0xffff, checksumAt);
  const frame = Buffer.concat([ethernet(0x86dd), ip, payload]);
  frame.set([0x33, 0x33, 0, group === 0x10002 ? 1 : 0, 0, 2]);
  return frame;
}

function udp6(shape: Shape = {}): Buffer {
  const text = Buffer.from(shape.text ?? 'hello');
  const udp = Buffer.alloc(8 + text.length);
  udp.writeUInt16BE(546, 0);
  udp.writeUInt16BE(shape.to ?? 547, 2);
  udp.writeUInt16BE(udp.length, 4);
  udp.set(text, 8);
  return ipv6(17, udp, 6, 0x10002);
}

const icmp6 = (type: number, text = 'hello'): Buffer =>
  ipv6(58, Buffer.concat([Buffer.from([type, 0, 0, 0]), Buffer.from(text)]), 2, 2);

/** The same frame with one bit turned over. */
const flipped = (frame: Buffer, at: number): Buffer => {
  const copy = Buffer.from(frame);
  copy[at] = (copy[at] ?? 0) ^ 0x10;
  return copy;
};

const numbered = (count: number): Buffer[] =>
  Array.from({ length: count }, (_, i) => udp4({ text: `number ${i}` }));

function run(): void {
  t.test('what comes is handed over in order, in batches', async (t) => {
    const { send, batches, port, reactor } = await rig(t);
    const frames = numbered(500);
    t.same(await send(...frames), frames);
    const lengths = batches().map((batch) => batch.length);
    t.ok(lengths.length < 100 && Math.max(...lengths) <= 64, String(lengths));
    t.equal(port.dropped + port.unsent + port.broken, 0);
    // The lengths stand at a multiple of four whatever else is in the batch.
    const other = new LinuxUdpPorts(reactor).hold(0);
    t.ok(other.ok);
    t.same(await send(...frames.slice(0, 3)), frames.slice(0, 3));
  });

  t.test('DHCP for servers and clients, and nothing else', async (t) => {
    const { send, port } = await rig(t);
    const wanted = [
      udp4(),
      udp4({ to: 68 }),
      udp4({ options: 10 }),
      udp4({ text: 'a'.repeat(1472) }),
    ];
    const others = [
      udp4({ to: 53 }),
      udp4({ to: 69 }),
      udp4({ protocol: 6 }),
      udp4({ etherType: 0x0806 }),
      udp4({ etherType: 0x86dd }),
      udp4({ fragment: 0x2000 }),
      udp4({ fragment: 0x00b9 }),
      udp6(),
    ];
    t.same(await send(...wanted.flatMap((f, i) => [f, ...others.slice(2 * i, 2 * i + 2)])), wanted);
    t.equal(port.broken, 0, 'the kernel kept the rest away');
  });

  t.test('frames of a VLAN and frames of its own are not heard', async (t) => {
    const { send, port } = await rig(t);
    const plain = udp4();
    const tag = Buffer.from([0x81, 0x00, 0x00, 0x07]);
    const tagged = Buffer.concat([plain.subarray(0, 12), tag, plain.subarray(12)]);
    t.ok(port.send(plain, 0, plain.length));
    port.flush();
    inject('here', [plain]);
    t.same(await send(tagged), []);
  });

  t.test(
    'a port of a bridge hears before the bridge takes the frame, and answers by itself',
    async (t) => {
      const { send, port, ports } = await rig(t);
      sh('ip', 'link', 'add', 'bridge', 'type', 'bridge');
      t.teardown(() => sh('ip', 'link', 'del', 'bridge'));
      sh('ip', 'link', 'set', 'bridge', 'up');
      sh('ip', 'link', 'set', 'here', 'master', 'bridge');
      const frame = udp4();
      t.same(await send(frame), [frame]);
      const heard = Promise.withResolvers<Buffer>();
      const peer = ports.open(ifIndexOf('there'), 'dhcp4', {
        frame: (bytes, start, end) => heard.resolve(Buffer.from(bytes.subarray(start, end))),
      });
      if (!peer.ok) throw peer.error;
      const answer = udp4({ to: 68 });
      port.send(answer, 0, answer.length);
      port.flush();
      t.same(await heard.promise, answer);
    },
  );

  t.test('what is not whole is counted and kept back', async (t) => {
    const { send, port } = await rig(t);
    const good = udp4();
    const unsummed = Buffer.from(good);
    unsummed.writeUInt16BE(0, 40);
    const shorter = Buffer.from(good);
    shorter.writeUInt16BE(100, 38); // UDP length behind the end of the datagram
    const bad = [
      flipped(good, 44), // payload
      flipped(good, 30), // address, so IPv4 header and pseudo header
      flipped(good, 22), // TTL: IPv4 header alone
      flipped(good, 40),
      shorter,
      good.subarray(0, 38),
    ];
    t.same(await send(...bad, good, unsummed), [good, unsummed]);
    t.equal(port.broken, bad.length);
  });

  t.test('every length, and any bit', async (t) => {
    const { send, port } = await rig(t);
    const texts = fc.sample(fc.uint8Array({ minLength: 20, maxLength: 600 }), {
      numRuns: 200,
      seed: 4,
    });
    const frames = texts.map((text) => udp4({ text }));
    t.same(await send(...frames), frames);
    t.equal(port.broken, 0);
    const bits = fc.sample(fc.nat(), { numRuns: frames.length, seed: 5 });
    // Behind the Ethernet header and the IPv4 protocol, ports and lengths, which the filter reads.
    const bad = frames.map((f, i) => flipped(f, 42 + ((bits[i] ?? 0) % (f.length - 42))));
    t.same(await send(...bad), []);
    t.equal(port.broken, bad.length);
  });

  t.test('a checksum that this machine has yet to make is no fault', async (t) => {
    const { batches, port } = await rig(t);
    sh('ip', 'address', 'add', '192.0.2.2/24', 'dev', 'there');
    python(
      `
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'there')
s.sendto(b'from a socket', ('255.255.255.255', 67))`,
      '',
    );
    while (batches().flat().length === 0) await new Promise(setImmediate);
    const [frame] = batches().flat();
    t.match(String(frame), /from a socket/);
    t.equal(port.broken, 0);
  });

  t.test('DHCPv6 for servers', async (t) => {
    const { send, port } = await rig(t, 'dhcp6Server');
    t.match(sh('ip', 'maddress', 'show', 'dev', 'here'), /33:33:00:01:00:02/);
    const good = udp6();
    const unsummed = Buffer.from(good);
    unsummed.writeUInt16BE(0, 60); // RFC 8200 §8.1
    const bad = [flipped(good, 62), flipped(good, 30), unsummed];
    const others = [udp6({ to: 546 }), icmp6(133), udp4()];
    t.same(await send(...others, ...bad, good), [good]);
    t.equal(port.broken, bad.length);
    await port[Symbol.asyncDispose]();
    t.notMatch(sh('ip', 'maddress', 'show', 'dev', 'here'), /33:33:00:01:00:02/);
  });

  t.test('router solicitations and advertisements', async (t) => {
    const { send, port } = await rig(t, 'icmp6Router');
    t.match(
      sh('ip', 'maddress', 'show', 'dev', 'here'),
      /33:33:00:00:00:01[\s\S]*33:33:00:00:00:02/,
    );
    const wanted = [icmp6(133), icmp6(134), icmp6(134, 'odd')];
    t.same(await send(...wanted, icmp6(135), icmp6(128), udp6(), flipped(icmp6(133), 58)), wanted);
    t.equal(port.broken, 1);
  });

  t.test('ARP', async (t) => {
    const { send } = await rig(t, 'arp');
    const frame = Buffer.concat([ethernet(0x0806), Buffer.alloc(46, 1)]);
    t.same(await send(udp4(), frame), [frame]);
  });

  t.test('many answers leave in order, and none before the flush', async (t) => {
    const { ports, reactor, port } = await rig(t);
    const heard: string[] = [];
    const ifIndex = ifIndexOf('there');
    let told = () => {};
    const peer = ports.open(ifIndex, 'dhcp4', {
      frame: (bytes, start, end) => {
        heard.push(Buffer.from(bytes.subarray(start, end)).toString('hex'));
        told();
      },
    });
    if (!peer.ok) throw peer.error;
    const [first] = numbered(1);
    if (first === undefined) return;
    t.ok(port.send(first, 0, first.length));
    await new Promise(setImmediate);
    t.same(heard, []);
    port.flush();
    while (heard.length < 1) await new Promise<void>((resolve) => (told = resolve));
    // More than the queue holds: it makes room by itself.
    const frames = numbered(1200);
    const around = Buffer.concat([Buffer.alloc(5), ...frames]);
    let at = 5;
    for (const frame of frames) {
      t.ok(port.send(around, at, at + frame.length));
      at += frame.length;
    }
    port.flush();
    while (heard.length < 1201) await new Promise<void>((resolve) => (told = resolve));
    t.same(
      heard.slice(1),
      frames.map((f) => f.toString('hex')),
    );
    t.equal(port.unsent, 0);
    t.equal(reactor.open, 2);
  });

  t.test('what does not leave is counted', async (t) => {
    const { port, send } = await rig(t);
    const frame = udp4();
    const long = Buffer.alloc(2045);
    t.notOk(port.send(long, 0, long.length));
    t.equal(port.unsent, 1);
    port.send(long, 0, 2000); // longer than the MTU: the kernel refuses this one alone
    port.send(frame, 0, 3);
    port.send(frame, 0, frame.length);
    port.flush();
    t.equal(port.unsent, 3);
    sh('ip', 'link', 'set', 'here', 'down');
    for (let i = 0; i < 100; i++) port.send(frame, 0, frame.length);
    port.flush();
    t.equal(port.unsent, 103);
    sh('ip', 'link', 'set', 'here', 'up');
    t.equal((await send(frame)).length, 1, 'it hears again');
    port.send(frame, 0, frame.length);
    port.flush();
    t.equal(port.unsent, 103, 'and is heard');
  });

  t.test('what comes faster than it is read is dropped and counted', async (t) => {
    const { port, batches } = await rig(t);
    const big = udp4({ text: 'x'.repeat(1400) });
    inject('there', Array(12_000).fill(big)); // this thread reads nothing meanwhile
    const { dropped } = port;
    t.ok(dropped > 0);
    while (batches().flat().length < 12_000 - dropped) await new Promise(setImmediate);
    t.equal(batches().flat().length + port.dropped, 12_000);
  });

  t.test('closing from a handler ends the batch; twice is once', async (t) => {
    const { ports, ifIndex, reactor, send } = await rig(t);
    let heard = 0;
    const answer = udp4({ text: 'last words' });
    const opened = ports.open(ifIndex, 'dhcp4', {
      frame() {
        heard++;
        port.send(answer, 0, answer.length);
        void port[Symbol.asyncDispose]();
      },
      batchEnd: () => t.fail('after the end'),
    });
    if (!opened.ok) throw opened.error;
    const port = opened.value;
    await send(...numbered(20));
    t.equal(heard, 1);
    t.equal(reactor.open, 1);
    await port[Symbol.asyncDispose]();
    t.notOk(port.send(answer, 0, answer.length));
    port.flush();
    t.same([port.dropped, port.unsent, port.broken], [0, 1, 0], 'still told');
  });

  t.test('the interface goes away', async (t) => {
    const { port, ports, ifIndex, reactor } = await rig(t);
    sh('ip', 'link', 'del', 'here');
    await new Promise(setImmediate);
    const frame = udp4();
    port.send(frame, 0, frame.length);
    port.flush();
    t.equal(port.unsent, 1);
    t.match(ports.open(ifIndex, 'dhcp4', { frame() {} }), {
      ok: false,
      error: { code: 'ENODEV' },
    });
    await port[Symbol.asyncDispose]();
    await port[Symbol.asyncDispose]();
    t.equal(reactor.open, 0);
  });

  t.test('a UDP port is held, not read', async (t) => {
    const reactor = new Reactor(loadNative());
    t.teardown(() => reactor[Symbol.asyncDispose]());
    sh('ip', 'link', 'set', 'lo', 'up');
    const udp = new LinuxUdpPorts(reactor);
    const held = udp.hold(67);
    if (!held.ok) throw held.error;
    t.match(udp.hold(67), { ok: false, error: { code: 'EADDRINUSE', remedy: /ss -ulpn/ } });
    const ask = `
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(('127.0.0.1', 67))
try:
  for i in range(50): s.send(b'x' * 1000)
  print('taken')
except ConnectionRefusedError: print('refused')`;
    t.equal(python(ask, ''), 'taken\n');
    const [row] = sh('cat', '/proc/net/udp').match(/00000000:0043 .*/g) ?? [];
    t.match(row, / 00000000:00000000 /, 'nothing waits in it');
    await held.value[Symbol.asyncDispose]();
    await held.value[Symbol.asyncDispose]();
    t.equal(python(ask, ''), 'refused\n');
    const again = udp.hold(67);
    t.ok(again.ok);
    t.match(udp.hold(-1), { ok: false, error: { code: 'EINVAL' } });
  });
}
