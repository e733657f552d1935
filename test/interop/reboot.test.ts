/**
 * The whole way of a reboot, on a box with busybox's init, the root helper and the daemon: what ends
 * is a namespace of processes, by the signal that says whether it was to start again.
 */
import { existsSync } from 'node:fs';
import t, { type Test } from 'tap';
import { sh } from '../lib/netns.ts';
import { NODE_FLAGS } from '../lib/node-flags.ts';
import { noBoxes, ROOT, SmallBox } from '../lib/small-box.ts';

t.setTimeout(290_000);
const skip = noBoxes() ?? false;

class Gatehouse extends SmallBox {
  readonly #program = [
    this.app(process.execPath),
    ...NODE_FLAGS,
    this.app(`${ROOT}${sh(`${ROOT}scripts/entry`).trim()}`),
  ].join(' ');
  readonly #bus = `${this.runDir}/ubus.sock`;

  async run(options: { readonly helper: boolean }): Promise<void> {
    this.write('config.json', JSON.stringify({ interfaces: { lan: ['lo'] }, rows: {} }));
    const daemon = `${this.#program} daemon --config ${this.folder}/config.json --state-dir ${this.stateDir} --run-dir ${this.runDir} --ubus-socket ${this.#bus} --only network`;
    const helper = options.helper ? `::respawn:${this.helper}\n` : '';
    this.startBusybox(`${helper}::respawn:${daemon}`);
    await this.until(
      'the daemon answers',
      () => existsSync(this.#bus) && this.cli('status').code === 0,
    );
  }

  /** A command line of `gatehouse`, in the box. */
  cli(...args: readonly string[]): { readonly code: number; readonly said: string } {
    const command = [this.#program, ...args.map((arg) => `'${arg}'`)].join(' ');
    const script = `GATEHOUSE_UBUS_SOCKET=${this.#bus} ${command} </dev/null 2>&1; echo "=$?"`;
    const [, said = '', code] = /^(.*)=(\d+)\n$/s.exec(this.inside('sh', '-c', script)) ?? [];
    return { code: Number(code), said };
  }

  value(path: string): string {
    return this.cli('get', `Device.${path}`).said.trim();
  }
}

async function box(t: Test, options: { readonly helper: boolean }): Promise<Gatehouse> {
  const made = new Gatehouse();
  t.teardown(() => made[Symbol.asyncDispose]());
  await made.run(options);
  return made;
}

t.test('gatehouse reboot: in order, and recorded on both sides', { skip }, async (t) => {
  const b = await box(t, { helper: true });
  t.equal(b.value('X_GATEHOUSE_RootHelper.Status'), 'Up');
  t.equal(b.value('DeviceInfo.HostName'), 'small-box');
  t.equal(b.value('DeviceInfo.X_GATEHOUSE_Update.Status'), 'None');
  t.match(b.value('DeviceInfo.X_GATEHOUSE_Update.Reason'), /no slots/, 'and it is said why');

  t.equal(b.cli('set', 'Device.DeviceInfo.HostName=gate-7').code, 0);
  await b.until('the kernel has the name', () => b.hostName === 'gate-7');
  t.equal(b.value('DeviceInfo.X_GATEHOUSE_HostNameStatus'), 'System');

  t.match(b.cli('reboot'), { code: 2, said: /add --yes/ });
  const asked = b.cli('reboot', '--yes', '--reason', 'a test');
  t.match(asked, { code: 0, said: /the box reboots now/ });
  t.equal(await b.gone, 'SIGHUP');
  t.ok(b.endedInOrder);
  t.match(b.records, [/ uid=6767 hostname gate-7 done$/, / uid=6767 reboot done$/]);
  const trail = sh('sh', '-c', `cat ${b.stateDir}/audit/*`);
  t.match(trail, /"path":"Device\.Reboot\(\)","new":"Cause=LocalReboot, Reason=a test"/);
  t.match(sh('sh', '-c', `cat ${b.stateDir}/log/*`), /the box is going down[\s\S]*ending; clients/);
});

t.test('gatehouse poweroff', { skip }, async (t) => {
  const b = await box(t, { helper: true });
  t.equal(b.cli('poweroff', '--yes').code, 0);
  t.equal(await b.gone, 'SIGINT');
  t.ok(b.endedInOrder);
});

t.test(
  'without a helper: refused in words, and the name is Gatehouse’s own',
  { skip },
  async (t) => {
    const b = await box(t, { helper: false });
    t.match(b.cli('reboot', '--yes'), { code: 1, said: /no root helper runs here: .*root\.sock/ });
    t.equal(b.value('X_GATEHOUSE_RootHelper.Status'), 'Down');
    t.equal(b.cli('set', 'Device.DeviceInfo.HostName=gate-8').code, 0);
    t.equal(b.value('DeviceInfo.HostName'), 'gate-8');
    t.equal(b.value('DeviceInfo.X_GATEHOUSE_HostNameStatus'), 'GatehouseOnly');
    t.equal(b.hostName, 'small-box');
  },
);
