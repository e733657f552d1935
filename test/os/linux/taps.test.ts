// needs root: network namespaces
import { spawnSync } from 'node:child_process';
import t, { type Test } from 'tap';
import { loadNative, Reactor } from '#src/os/linux/native.ts';
import { LinuxNet } from '#src/os/linux/net.ts';
import { LinuxPacketTaps } from '#src/os/linux/taps.ts';
import { runAlone, sh } from '../../lib/netns.ts';

runAlone(t, 'packet taps', import.meta.url, run);

interface Frame {
  readonly bytes: Buffer;
  readonly outgoing: boolean;
}

interface Rig {
  readonly taps: LinuxPacketTaps;
  readonly reactor: Reactor;
  readonly frames: Frame[];
  readonly ifIndex: number;
  /** Sends raw frames out of `ifName` and waits until the tap has seen the marker that follows them. */
  send(ifName: 'here' | 'there', ...frames: Buffer[]): Promise<readonly Frame[]>;
}

async function rig(t: Test): Promise<Rig> {
  sh('ip', 'link', 'add', 'here', 'type', 'veth', 'peer', 'name', 'there');
  sh('ip', 'link', 'set', 'here', 'up');
  sh('ip', 'link', 'set', 'there', 'up');
  const reactor = new Reactor(loadNative());
  t.teardown(async () => {
    await reactor[Symbol.asyncDispose]();
    sh('ip', 'link', 'del', 'here');
  });
  const net = LinuxNet.open(reactor);
  if (!net.ok) throw net.error;
  const ifIndex = net.value.links().find((l) => l.name === 'here')?.ifIndex ?? 0;
  await net.value[Symbol.asyncDispose]();
  const taps = new LinuxPacketTaps(reactor);
  const frames: Frame[] = [];
  let markers = 0;
  let seen = () => {};
  const tap = taps.open(ifIndex, 'dhcp4', (frame, outgoing) => {
    const bytes = Buffer.from(frame);
    if (bytes.includes('marker')) {
      markers++;
      seen();
    } else frames.push({ bytes, outgoing });
  });
  if (!tap.ok) throw tap.error;
  let sent = 0;
  return {
    taps,
    reactor,
    frames,
    ifIndex,
    async send(ifName, ...list) {
      frames.length = 0;
      sent++;
      inject(ifName, [...list, udp(68, 67, { text: 'marker' })]);
      while (markers < sent) await new Promise<void>((resolve) => (seen = resolve));
      return [...frames];
    },
  };
}

/** Python's raw sockets: not ours, so the tap is not measured by itself. */
function inject(ifName: string, frames: readonly Buffer[]): void {
  const script = `
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
for line in sys.stdin: s.send(bytes.fromhex(line))`;
  const { status, stderr } = spawnSync('python3', ['-c', script, ifName], {
    input: frames.map((f) => f.toString('hex')).join('\n'),
  });
  if (status !== 0) throw new Error(String(stderr));
}

interface Shape {
  readonly text?: string;
  readonly etherType?: number;
  readonly protocol?: number;
  /** Flags and fragment offset, as on the wire. */
  readonly fragment?: number;
  /** Words of IPv4 options. */
  readonly options?: number;
}

function udp(source: number, destination: number, shape: Shape = {}): Buffer {
  const text = Buffer.from(shape.text ?? 'hello');
  const header = 20 + 4 * (shape.options ?? 0);
  const frame = Buffer.alloc(Math.max(60, 14 + header + 8 + text.length));
  frame.fill(0xff, 0, 6);
  frame.set([2, 0, 0, 0, 0, 9], 6);
  frame.writeUInt16BE(shape.etherType ?? 0x0800, 12);
  frame[14] = 0x40 | (header / 4);
  frame.writeUInt16BE(header + 8 + text.length, 16);
  frame.writeUInt16BE(shape.fragment ?? 0, 20);
  frame[22] = 64;
  frame[23] = shape.protocol ?? 17;
  frame.fill(1, 34, 14 + header); // options: no operation
  frame.writeUInt16BE(source, 14 + header);
  frame.writeUInt16BE(destination, 16 + header);
  frame.writeUInt16BE(8 + text.length, 18 + header);
  frame.set(text, 22 + header);
  return frame;
}

function run(): void {
  t.test('DHCP in both directions, and nothing else', async (t) => {
    const { send } = await rig(t);
    const request = udp(68, 67);
    const reply = udp(67, 68);
    const relayed = udp(67, 67);
    const first = udp(67, 68, { fragment: 0x2000 });
    const options = udp(67, 68, { options: 10 });
    const wanted = [request, reply, relayed, first, options];
    const others = [
      udp(68, 53),
      udp(67, 69),
      udp(68, 67, { protocol: 6 }),
      udp(68, 67, { etherType: 0x0806 }),
      udp(68, 67, { etherType: 0x86dd }),
      udp(68, 67, { fragment: 0x2001 }),
      udp(68, 67, { fragment: 0x00b9 }),
    ];
    const mixed = wanted.flatMap((frame, i) => [frame, others[i] ?? frame]);
    const came = await send('there', ...mixed, ...others);
    t.same(
      came.map((f) => f.bytes),
      wanted,
    );
    t.notOk(came.some((f) => f.outgoing));
    const went = await send('here', ...mixed, ...others);
    t.same(
      went.map((f) => f.bytes),
      wanted,
    );
    t.ok(went.every((f) => f.outgoing));
  });

  t.test('a frame of a VLAN is not the parent interface’s', async (t) => {
    const { send, frames } = await rig(t);
    const plain = udp(68, 67);
    const tagged = Buffer.concat([
      plain.subarray(0, 12),
      Buffer.from([0x81, 0x00, 0x00, 0x07]),
      plain.subarray(12),
    ]);
    inject('there', [tagged]); // the kernel takes the tag off before the tap hears it
    await send('there', udp(67, 68));
    t.equal(frames.length, 1);
  });

  t.test('it hears again after the interface was down', async (t) => {
    const { send } = await rig(t);
    sh('ip', 'link', 'set', 'here', 'down');
    sh('ip', 'link', 'set', 'here', 'up');
    t.equal((await send('there', udp(67, 68))).length, 1);
  });

  t.test('what does not fit is dropped and counted; memory stays bounded', async (t) => {
    const { taps, ifIndex } = await rig(t);
    const big = udp(67, 68, { text: 'x'.repeat(1400) });
    let heard = 0;
    const tap = taps.open(ifIndex, 'dhcp4', () => heard++);
    if (!tap.ok) throw tap.error;
    t.equal(tap.value.dropped, 0);
    inject(
      'there',
      Array.from({ length: 2000 }, () => big),
    ); // this thread reads nothing meanwhile
    const dropped = tap.value.dropped;
    t.ok(dropped > 0);
    while (heard < 2000 - dropped) await new Promise(setImmediate);
    t.equal(heard + tap.value.dropped, 2000);
    await tap.value[Symbol.asyncDispose]();
    await tap.value[Symbol.asyncDispose]();
    t.equal(tap.value.dropped, dropped, 'still told after the end');
  });

  t.test('an interface that is not there', async (t) => {
    const { taps } = await rig(t);
    t.match(
      taps.open(99_999, 'dhcp4', () => {}),
      { ok: false, error: { code: 'ENODEV' } },
    );
  });
}
