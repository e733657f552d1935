/**
 * Our server on one interface, as the daemon builds it, with nothing else of the daemon.
 *
 *     node server-child.ts IFNAME FOLDER
 */
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { SystemError } from '../../../src/base/errors.ts';
import { ipv4, type PrefixLen } from '../../../src/base/ip.ts';
import { ok } from '../../../src/base/result.ts';
import { bootId } from '../../../src/os/linux/boot.ts';
import { LinuxClock } from '../../../src/os/linux/clock.ts';
import { LinuxDurableFiles } from '../../../src/os/linux/durable-files.ts';
import { LinuxFiles } from '../../../src/os/linux/files.ts';
import { LinuxFramePorts } from '../../../src/os/linux/frames.ts';
import { loadNative, Reactor } from '../../../src/os/linux/native.ts';
import { LinuxNet } from '../../../src/os/linux/net.ts';
import { LinuxUdpPorts } from '../../../src/os/linux/udp-ports.ts';
import type { DhcpServerConfig } from '../../../src/services/dhcp-server/config.ts';
import { LeaseJournal } from '../../../src/services/dhcp-server/journal.ts';
import { DhcpServerService } from '../../../src/services/dhcp-server/service.ts';
import { MemoryLog } from '../../lib/log.ts';

const [, , ifName = '', folder = ''] = process.argv;
const prefixLen = 8 as PrefixLen;
const own = ipv4(0x0a000001);

const config: DhcpServerConfig = {
  enable: true,
  segments: [
    {
      id: 'lan',
      ifName,
      ports: [],
      addresses: [{ address: own, prefixLen }],
      mode: 'open',
      authoritative: true,
      relayTo: undefined,
      probe: false, // nor do the others ping
    },
  ],
  pools: [
    {
      id: 'pool',
      enable: true,
      segment: 'lan',
      fault: undefined,
      vendorClass: undefined,
      clientId: undefined,
      userClass: undefined,
      chaddr: undefined,
      allowed: 'All',
      min: ipv4(0x0a010000),
      max: ipv4(0x0a04ffff),
      prefixLen,
      reserved: [],
      leaseSec: 3600,
      routers: [],
      dnsServers: [own],
      domain: undefined,
      winsServers: [],
      dscp: 0,
      options: [],
      statics: [],
    },
  ],
  rules: [],
  guard: { newClientsPerSec: 0, answersPerClient: 0, headroomPercent: 0 },
};

const native = loadNative();
const reactor = new Reactor(native, { leads: true });
const clock = new LinuxClock(native);
const log = new MemoryLog();
const net = LinuxNet.open(reactor);
const boot = bootId(new LinuxFiles());
if (!net.ok) throw net.error;
if (!boot.ok) throw boot.error;
const { value: links } = net;
const random32 = (): number => randomInt(2 ** 32);

let journal: LeaseJournal | undefined;
let ready = false;
const server = new DhcpServerService({
  net: links,
  frames: new LinuxFramePorts(reactor),
  udp: new LinuxUdpPorts(reactor),
  clock,
  log,
  random32,
  async openStore(table, capacity) {
    const opened = await LeaseJournal.open({
      files: new LinuxDurableFiles(),
      paths: [join(folder, 'dhcp4-a.journal'), join(folder, 'dhcp4-b.journal')],
      clock,
      log,
      bootId: boot.value,
      random32,
      table,
      capacity,
    });
    if (!opened.ok) return opened;
    journal = opened.value.journal;
    return ok(journal);
  },
  report(observed) {
    if (journal === undefined) return;
    const [pool] = observed.pools;
    if (pool?.status !== 'Enabled') {
      throw new SystemError(`not served: ${pool?.reason ?? 'no pool'}`, 'EINVAL');
    }
    if (!ready) process.stdout.write('ready\n');
    ready = true;
  },
});
server.apply(config);

async function end(): Promise<void> {
  const { counts } = server.observed;
  const written = journal?.counts;
  await server[Symbol.asyncDispose]();
  await links[Symbol.asyncDispose]();
  await reactor[Symbol.asyncDispose]();
  process.stdout.write(`${JSON.stringify({ counts, written, log: log.lines.slice(0, 5) })}\n`);
}
process.once('SIGTERM', () => void end());
