/** The bus with its real adapters: ubusd's where that runs, else the daemon's own. */
import { randomBytes } from 'node:crypto';
import type { Log } from '../base/log.ts';
import { type Bus, openBus } from '../edge/ubus/bus.ts';
import { readTrustedDirectory } from '../os/linux/trusted-directory.ts';
import { must } from './must.ts';
import type { Platform } from './platform.ts';

const ACL_DIR = '/usr/share/acl.d';

export function openDaemonBus(
  stack: AsyncDisposableStack,
  platform: Pick<Platform, 'sockets' | 'clock' | 'textOf'>,
  around: { readonly path: string; readonly log: Log },
): Bus {
  const { sockets, clock } = platform;
  return stack.use(
    must(
      openBus({
        ...{ sockets, clock, ...around },
        randomU32: () => randomBytes(4).readUInt32BE(),
        self: { pid: process.pid, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
        readText: (path) => platform.textOf(path) ?? '',
        aclDirectory: () => readTrustedDirectory(ACL_DIR),
      }),
    ),
  );
}
