/** The real adapters of the command line, apart from the streams. */
import { randomUUID } from 'node:crypto';
import { text } from 'node:stream/consumers';
import type { Log } from '../base/log.ts';
import { ok } from '../base/result.ts';
import type { Bus } from '../edge/cli/bus.ts';
import type { CliEnvironment } from '../edge/cli/environment.ts';
import { connectBus } from '../edge/cli/ubus-bus.ts';
import { auditFiles, sha256 } from '../os/linux/audit.ts';
import { LinuxClock } from '../os/linux/clock.ts';
import { digests } from '../os/linux/digests.ts';
import { readPiece, readWhole, writePrivate } from '../os/linux/files.ts';
import { loadNative, Reactor } from '../os/linux/native.ts';
import type { Program } from '../os/linux/program.ts';
import { readLine, readSecret } from '../os/linux/terminal.ts';
import { LinuxUnixSockets } from '../os/linux/unix.ts';

/** The command line speaks to people, on stderr; it keeps no log. */
const silent: Log = {
  trace: () => {},
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  fatal: () => {},
  child: () => silent,
};

/** The console connects again and again: what it needed for that ends with the connection. */
const withReactor = (bus: Bus, reactor: Reactor): Bus => ({
  call: (object, method, args) => bus.call(object, method, args),
  listen: (events, heard) => bus.listen(events, heard),
  async [Symbol.asyncDispose]() {
    await bus[Symbol.asyncDispose]();
    await reactor[Symbol.asyncDispose]();
  },
});

export function commandLine({
  nativePath,
  vendorsPath,
}: Pick<Program, 'nativePath' | 'vendorsPath'>): Pick<
  CliEnvironment,
  | 'readStdin'
  | 'readSecret'
  | 'readLine'
  | 'readFile'
  | 'readPiece'
  | 'writeFile'
  | 'wallMs'
  | 'newId'
  | 'pause'
  | 'connect'
  | 'auditFiles'
  | 'sha256'
  | 'digests'
  | 'capture'
  | 'smokePng'
  | 'peers'
  | 'scans'
  | 'paths'
  | 'checks'
> {
  return {
    readStdin: () => text(process.stdin),
    readSecret,
    readLine,
    readFile: readWhole,
    readPiece,
    writeFile: writePrivate,
    wallMs: () => Date.now(),
    newId: () => randomUUID(),
    pause,
    connect: async (path) => {
      const native = loadNative(nativePath);
      const reactor = new Reactor(native);
      const sockets = new LinuxUnixSockets(reactor);
      const bus = await connectBus({ sockets, path, clock: new LinuxClock(native), log: silent });
      if (bus.ok) return ok(withReactor(bus.value, reactor));
      await reactor[Symbol.asyncDispose]();
      return bus;
    },
    auditFiles: (stateDir) => auditFiles(`${stateDir}/audit`),
    sha256,
    digests,
    capture: async () => {
      const [{ captureService }, { LinuxCaptureEngine }, { captureLinks }, { png }] =
        await Promise.all([
          import('../services/capture/service.ts'),
          import('../os/linux/capture-engine.ts'),
          import('../os/linux/capture-links.ts'),
          import('../os/linux/png.ts'),
        ]);
      const native = loadNative(nativePath);
      return captureService(new LinuxCaptureEngine(native), {
        ...{ links: () => captureLinks(native), png },
      });
    },
    smokePng: async (rows, options) => {
      const [{ smokeDrawing }, { pictureOf }, { png }] = await Promise.all([
        import('../services/monitor/smoke.ts'),
        import('../wire/picture.ts'),
        import('../os/linux/png.ts'),
      ]);
      const { width, height, rgb } = pictureOf(smokeDrawing(rows, options), 2);
      return png(width, height, rgb);
    },
    peers: async () => {
      const { peerTools } = await import('./peer-tools.ts');
      return peerTools(loadNative(nativePath), silent);
    },
    scans: async () => {
      const [{ LinuxArpScanner }, { scanInterfaces }, { OuiVendors }, { sendFrame }] =
        await Promise.all([
          import('../os/linux/arp-scan.ts'),
          import('../os/linux/scan-interfaces.ts'),
          import('../os/linux/vendors.ts'),
          import('../os/linux/send-frame.ts'),
        ]);
      const vendors = new OuiVendors(vendorsPath, silent);
      return {
        scanner: new LinuxArpScanner(loadNative(nativePath)),
        interfaces: scanInterfaces,
        vendorOf: (mac) => vendors.vendorOf(mac),
        send: (ifIndex, frame) => sendFrame(loadNative(nativePath), ifIndex, frame),
      };
    },
    checks: async () => {
      const [{ buildChecks }, { runCheck }] = await Promise.all([
        import('./checks.ts'),
        import('../services/monitor/checks.ts'),
      ]);
      const deps = buildChecks(new LinuxClock(loadNative(nativePath)));
      return {
        run: (spec, timeoutMs, signal) =>
          runCheck(deps, spec, AbortSignal.any([AbortSignal.timeout(timeoutMs), signal])),
        [Symbol.asyncDispose]: async () => {},
      };
    },
    paths: async () => {
      const [{ LinuxPathSockets }, { hostNames }, { pathTools }] = await Promise.all([
        import('../os/linux/path.ts'),
        import('../os/linux/resolve.ts'),
        import('../services/monitor/tools.ts'),
      ]);
      const native = loadNative(nativePath);
      const [reactor, clock] = [new Reactor(native), new LinuxClock(native)];
      const sockets = new LinuxPathSockets(reactor);
      return Object.assign(pathTools({ sockets, clock }, hostNames(clock)), {
        [Symbol.asyncDispose]: () => reactor[Symbol.asyncDispose](),
      });
    },
  };
}

/** Of a signal that ended it nothing stays: neither a timer, for which the process would wait, nor a listener. */
export const pause = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const over = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', over);
      resolve();
    };
    const timer = setTimeout(over, ms);
    if (signal?.aborted === true) over();
    else signal?.addEventListener('abort', over);
  });
