import { createSocket } from 'node:dgram';
import t, { type Test } from 'tap';
import { type IpPort, parseIpPort } from '#src/base/ip-port.ts';
import { loadNative, Reactor } from '#src/os/linux/native.ts';
import { LinuxUdpSockets } from '#src/os/linux/udp.ts';
import type { UdpSocket } from '#src/os/ports-udp.ts';
import { until } from '../../lib/until.ts';

const at = (text: string): IpPort => {
  const parsed = parseIpPort(text);
  if (!parsed.ok) throw new RangeError(parsed.error.message);
  return parsed.value;
};

interface Heard {
  readonly text: string;
  readonly from: IpPort;
}

function open(t: Test, where: IpPort): { readonly socket: UdpSocket; readonly heard: Heard[] } {
  const reactor = new Reactor(loadNative());
  t.teardown(() => reactor[Symbol.asyncDispose]());
  const heard: Heard[] = [];
  const opened = new LinuxUdpSockets(reactor).open(where, {
    datagram: (bytes, from) => void heard.push({ text: Buffer.from(bytes).toString(), from }),
  });
  if (!opened.ok) throw opened.error;
  return { socket: opened.value, heard };
}

for (const [family, any, self] of [
  ['udp4', { ...at('127.0.0.1:1'), port: 0 }, '127.0.0.1'],
  ['udp6', { ...at('[::1]:1'), port: 0 }, '[::1]'],
] as const) {
  t.test(`${family}: both ways, batched, with who it came from`, async (t) => {
    const { socket, heard } = open(t, any);
    const { socket: other, heard: answers } = open(t, any);
    t.ok(socket.port > 0);
    for (let i = 0; i < 200; i++)
      t.ok(other.send(Buffer.from(`${i}`), at(`${self}:${socket.port}`)));
    await until('all of them', () => heard.length === 200);
    t.same(
      heard.map(({ text }) => text),
      Array.from({ length: 200 }, (_, i) => `${i}`),
    );
    t.same(heard[0]?.from, at(`${self}:${other.port}`));
    socket.send(Buffer.from('back'), at(`${self}:${other.port}`));
    await until('the way back', () => answers.length === 1);
    t.equal(answers[0]?.text, 'back');
    t.same([socket.unsent, socket.dropped, socket.cut], [0, 0, 0]);
    await socket[Symbol.asyncDispose]();
    await socket[Symbol.asyncDispose]();
    t.notOk(other.send(Buffer.alloc(2025), at(`${self}:${other.port}`)), 'too long');
    t.notOk(socket.send(Buffer.from('x'), at(`${self}:${other.port}`)), 'closed');
    await other[Symbol.asyncDispose]();
  });
}

t.test('what is cut is counted, what cannot go out too, and neither harms the rest', async (t) => {
  const { socket, heard } = open(t, { ...at('127.0.0.1:1'), port: 0 });
  const plain = createSocket('udp4');
  t.teardown(() => plain.close());
  plain.send(Buffer.alloc(3000), socket.port, '127.0.0.1');
  plain.send(Buffer.from('whole'), socket.port, '127.0.0.1');
  await until('the whole one', () => heard.length === 1);
  t.equal(socket.cut, 1);
  socket.send(Buffer.from('no way'), at('255.255.255.255:9'));
  socket.send(Buffer.from('self'), at(`127.0.0.1:${socket.port}`));
  await until('its own', () => heard.length === 2);
  t.equal(socket.unsent, 1);
  t.notOk(socket.send(Buffer.from('x'), at('[::1]:9')), 'the other family');
  await socket[Symbol.asyncDispose]();
});

t.test('a port that is taken is refused by name', async (t) => {
  const { socket } = open(t, { ...at('127.0.0.1:1'), port: 0 });
  const reactor = new Reactor(loadNative());
  t.teardown(() => reactor[Symbol.asyncDispose]());
  const second = new LinuxUdpSockets(reactor).open(at(`127.0.0.1:${socket.port}`), {
    datagram: () => {},
  });
  t.equal(second.ok ? '' : second.error.code, 'EADDRINUSE');
  await socket[Symbol.asyncDispose]();
});

t.test('a socket that always has more keeps nothing else of the loop waiting', async (t) => {
  await using reactor = new Reactor(loadNative(), { leads: true });
  let heard = 0;
  let over = false;
  const opened = new LinuxUdpSockets(reactor).open(
    { ...at('127.0.0.1:1'), port: 0 },
    {
      datagram: (bytes, { address }) => {
        heard++;
        if (!over) socket.send(bytes, { address, port: socket.port });
      },
    },
  );
  if (!opened.ok) throw opened.error;
  const socket = opened.value;
  await new Promise<void>((resolve) => {
    setImmediate(() => {
      socket.send(Buffer.from('on'), at(`127.0.0.1:${socket.port}`));
      setTimeout(() => setImmediate(resolve), 1);
    });
  });
  const first = heard;
  await new Promise((resolve) => setImmediate(resolve));
  over = true;
  t.ok(first > 0, `${first} datagrams`);
  t.ok(heard - first < 100, `${heard - first} datagrams before the next turn of the loop`);
  await socket[Symbol.asyncDispose]();
});
