/** An ubusd that is already there: our broker as a process of its own. node ubusd-child.ts ROOT, a root file system */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { openBus } from '../../src/edge/ubus/bus.ts';
import { LinuxClock } from '../../src/os/linux/clock.ts';
import { loadNative, Reactor } from '../../src/os/linux/native.ts';
import { readTrustedDirectory } from '../../src/os/linux/trusted-directory.ts';
import { LinuxUnixSockets } from '../../src/os/linux/unix.ts';
import { MemoryLog } from '../lib/log.ts';

const root = process.argv[2] ?? '';
const native = loadNative();
const bus = openBus({
  sockets: new LinuxUnixSockets(new Reactor(native)),
  path: `${root}/var/run/ubus/ubus.sock`,
  clock: new LinuxClock(native),
  log: new MemoryLog(),
  randomU32: () => randomBytes(4).readUInt32BE(),
  self: { pid: process.pid, uid: 0, gid: 0 },
  // Accounts are those of the box; /proc is everybody's.
  readText: (path) => readFileSync(path.startsWith('/proc/') ? path : root + path, 'utf8'),
  aclDirectory: () => readTrustedDirectory(`${root}/usr/share/acl.d`),
});
console.log(bus.ok ? 'serving' : bus.error.message);
