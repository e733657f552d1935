/**
 * The two ends in TypeScript, with the arguments and output of service.c and driver.c:
 *     node peer.ts SOCKET COUNT
 *     node peer.ts SOCKET call BYTES OUTSTANDING CALLS
 */
import { UbusClient } from '../../../src/edge/ubus/client.ts';
import { method, reply } from '../../../src/edge/ubus/objects.ts';
import { LinuxClock } from '../../../src/os/linux/clock.ts';
import { loadNative, Reactor } from '../../../src/os/linux/native.ts';
import { LinuxUnixSockets } from '../../../src/os/linux/unix.ts';
import { field, string } from '../../../src/wire/blobmsg.ts';
import { MemoryLog } from '../../lib/log.ts';

const [path = '', ...args] = process.argv.slice(2);
const numbers = args.map(Number);
const native = loadNative();
const sockets = new LinuxUnixSockets(new Reactor(native, { leads: true }));
const client = new UbusClient({
  connect: (opened) => sockets.connect(path, 1_048_584, opened),
  clock: new LinuxClock(native),
  log: new MemoryLog(),
});
client.start();

if (args[0] !== 'call') {
  const echo = method({ text: 'string' }, (_, { data }) => reply(data));
  for (let i = 0; i < (numbers[0] ?? 0); i++) {
    client.serve({ path: `bench.${i}`, methods: { echo } });
  }
  await client.ready();
  console.log('ready');
} else {
  const [, bytes = 0, outstanding = 1, calls = 1] = numbers;
  await client.ready();
  const data = [field('text', string('x'.repeat(Math.max(8, bytes - 60) - 1)))];
  const taken = new Float64Array(calls);
  // Daemons run for weeks: what the compiler does in the first moments is not their speed.
  const warm = calls >> 2;
  let sent = 0;
  let done = 0;
  let begun = performance.now();
  const one = async (): Promise<void> => {
    while (sent < calls + warm) {
      sent++;
      const at = performance.now();
      const answer = await client.call('bench.0', 'echo', data);
      if (!answer.ok || answer.value.length !== 1) throw new TypeError('no echo');
      const now = performance.now();
      if (done >= warm) taken[done - warm] = now - at;
      if (++done === warm) begun = now;
    }
  };
  await Promise.all(Array.from({ length: outstanding }, one));
  const seconds = (performance.now() - begun) / 1e3;
  taken.sort();
  const at = (share: number): string => ((taken[Math.floor(calls * share)] ?? 0) * 1e3).toFixed(2);
  console.log(`${(calls / seconds).toFixed(1)} ${at(0.5)} ${at(0.99)} ${done - warm}`);
  process.exit(0);
}
