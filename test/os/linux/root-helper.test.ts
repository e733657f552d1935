import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { loadNative, Reactor } from '../../../src/os/linux/native.ts';
import { LinuxRootHelper } from '../../../src/os/linux/root-helper.ts';
import { LinuxUnixSockets } from '../../../src/os/linux/unix.ts';
import {
  decodeRootRequest,
  encodeRootAnswer,
  ROOT_REQUEST_BYTES,
  type RootAnswer,
  type RootRequest,
} from '../../../src/wire/root-helper.ts';
import { FakeClock } from '../../lib/clock.ts';

type Reply = Partial<RootAnswer> | 'hang up' | 'silence' | 'noise';

class Rig {
  readonly folder = mkdtempSync(join(tmpdir(), 'gh-root-'));
  readonly path = join(this.folder, 'root.sock');
  readonly clock = new FakeClock();
  readonly helper: LinuxRootHelper;
  readonly asked: RootRequest[] = [];
  readonly #reactor = new Reactor(loadNative(), { leads: true });
  #server: Server | undefined;
  #sockets: Socket[] = [];

  constructor(t: Test) {
    const sockets = new LinuxUnixSockets(this.#reactor);
    this.helper = new LinuxRootHelper({ sockets, clock: this.clock, path: this.path });
    t.teardown(async () => {
      await this.helper[Symbol.asyncDispose]();
      await this.#reactor[Symbol.asyncDispose]();
      this.stop();
      rmSync(this.folder, { recursive: true });
    });
  }

  /** As the helper does it: the socket gets its name when it listens. */
  async serve(reply: (request: RootRequest) => Reply): Promise<void> {
    const server = createServer((socket) => {
      this.#sockets.push(socket);
      socket.on('error', () => {});
      socket.on('data', (bytes: Buffer) => {
        for (let at = 0; at < bytes.length; at += ROOT_REQUEST_BYTES) {
          const request = decodeRootRequest(bytes.subarray(at, at + ROOT_REQUEST_BYTES));
          if (!request.ok) throw new Error(request.error.message);
          this.asked.push(request.value);
          const what = reply(request.value);
          if (what === 'hang up') socket.destroy();
          else if (what === 'noise') socket.write('GHRH, but no answer');
          else if (what !== 'silence') {
            const { verb } = request.value;
            socket.write(encodeRootAnswer({ verb, outcome: 'done', errno: 0, ...what }));
          }
        }
      });
    });
    this.#server = server.listen(`${this.path}.new`);
    await once(server, 'listening');
    renameSync(`${this.path}.new`, this.path);
  }

  stop(): void {
    for (const socket of this.#sockets.splice(0)) socket.destroy();
    this.#server?.close();
  }

  /** Resolves when `missing` has changed. */
  change(): Promise<void> {
    return new Promise((resolve) => {
      const listening = this.helper.subscribe(() => {
        listening[Symbol.dispose]();
        resolve();
      });
    });
  }
}

t.test('it is noticed when it comes, goes, and comes again', async (t) => {
  const rig = new Rig(t);
  t.match(rig.helper.missing, /^no root helper runs here: connect to .*root\.sock/);
  t.match(await rig.helper.reboot(), { ok: false, error: { message: /no root helper runs here/ } });
  for (let round = 0; round < 2; round++) {
    const come = rig.change();
    await rig.serve(() => ({}));
    await come;
    t.equal(rig.helper.missing, undefined);
    const gone = rig.change();
    rig.stop();
    await gone;
    t.match(rig.helper.missing, /it ended/);
  }
});

t.test('requests go one after the other, each with its own answer', async (t) => {
  const rig = new Rig(t);
  const come = rig.change();
  await rig.serve(({ verb }) =>
    verb === 'poweroff'
      ? { outcome: 'goingDown' }
      : verb === 'hostname'
        ? { outcome: 'failed', errno: 1 }
        : {},
  );
  await come;
  const { helper } = rig;
  const [a, b, c] = await Promise.all([
    helper.reboot(),
    helper.powerOff(),
    helper.setHostName('x'),
  ]);
  t.same(a, { ok: true, value: undefined });
  t.match(b, { ok: false, error: { code: 'EALREADY', message: /going down already/ } });
  t.match(c, { ok: false, error: { code: 'EPERM' } });
  t.same(rig.asked, [{ verb: 'reboot' }, { verb: 'poweroff' }, { verb: 'hostname', name: 'x' }]);
});

t.test(
  'no answer, noise, and a closed connection are failures; the next request tries again',
  async (t) => {
    const rig = new Rig(t);
    let how: Reply = 'hang up';
    const come = rig.change();
    await rig.serve(() => how);
    await come;
    t.match(await rig.helper.reboot(), {
      error: { code: 'EPIPE', message: /no answer: it ended/ },
    });
    how = 'noise';
    t.match(await rig.helper.reboot(), { error: { message: /does not understand/ } });
    how = 'silence';
    const waiting = rig.helper.reboot();
    rig.clock.advance(20_000);
    t.match(await waiting, { error: { message: /did not answer/ } });
    how = {};
    t.match(await rig.helper.reboot(), { ok: true });
  },
);

t.test('what waits is answered at the end', async (t) => {
  const rig = new Rig(t);
  const come = rig.change();
  await rig.serve(() => 'silence');
  await come;
  const waiting = rig.helper.reboot();
  await rig.helper[Symbol.asyncDispose]();
  t.match(await waiting, { ok: false, error: { message: /the daemon is ending/ } });
});
