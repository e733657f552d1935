/** Becomes another user and tells what the bus grants it: node ubus-as-user.ts SOCKET ID */
import { UbusClient } from '../../src/edge/ubus/client.ts';
import { LinuxClock } from '../../src/os/linux/clock.ts';
import { loadNative, Reactor } from '../../src/os/linux/native.ts';
import { LinuxUnixSockets } from '../../src/os/linux/unix.ts';
import { MemoryLog } from '../lib/log.ts';

const [path = '', id = ''] = process.argv.slice(2);
const native = loadNative();
const sockets = new LinuxUnixSockets(new Reactor(native));
process.setgroups?.([]);
process.setgid?.(Number(id));
process.setuid?.(Number(id));
const clock = new LinuxClock(native);
const say = (what: unknown): never => {
  console.log(JSON.stringify(what));
  process.exit(0);
};
const client = new UbusClient({
  connect: (opened) => {
    const connection = sockets.connect(path, 65_536, (made) => ({
      ...opened(made),
      closed: () => say('refused'),
    }));
    return connection.ok ? connection : say(connection.error.message);
  },
  clock,
  log: new MemoryLog(),
});
client.start();
const status = async (called: ReturnType<UbusClient['call' | 'send']>): Promise<number> => {
  const answer = await called;
  return answer.ok ? 0 : answer.error.status;
};
await client.ready();
const listed = await client.lookup('*');
const published = client.serve({ path: 'mine', methods: {} });
await client.ready();
say({
  listed: listed.ok ? listed.value.map((object) => object.path) : listed.error,
  echo: await status(client.call('test.echo', 'echo')),
  secret: await status(client.call('secret', 'echo')),
  publish: published.active,
  send: await status(client.send('event', [])),
});
