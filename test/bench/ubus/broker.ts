/** Our broker alone on the native sockets, for the benchmark: node broker.ts SOCKET */
import { randomFillSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseAccounts } from '../../../src/edge/ubus/accounts.ts';
import { Broker } from '../../../src/edge/ubus/broker.ts';
import { loadNative, Reactor } from '../../../src/os/linux/native.ts';
import { LinuxUnixSockets } from '../../../src/os/linux/unix.ts';

const words = new Uint32Array(1);
const broker = new Broker({
  randomU32: () => randomFillSync(words)[0] ?? 0,
  accounts: parseAccounts(readFileSync('/etc/passwd', 'utf8'), readFileSync('/etc/group', 'utf8')),
  ownUid: process.getuid?.() ?? 0,
});
const sockets = new LinuxUnixSockets(new Reactor(loadNative(), { leads: true }));
const listening = sockets.listen({
  path: process.argv[2] ?? '',
  mode: 0o666,
  maxConnections: 256,
  maxQueuedBytes: 1_048_584,
  accepted: (connection) => broker.accept(connection),
});
if (!listening.ok) throw listening.error;
console.log('ready');
