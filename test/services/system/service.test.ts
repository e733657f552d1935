import t from 'tap';
import { SystemError } from '../../../src/base/errors.ts';
import { err, ok, type Result } from '../../../src/base/result.ts';
import type { RootHelper } from '../../../src/os/ports.ts';
import type { SystemObserved } from '../../../src/services/system/config.ts';
import { SystemService } from '../../../src/services/system/service.ts';
import { MemoryLog } from '../../lib/log.ts';

const NONE = 'no root helper runs here: connect to /run/gatehouse/root.sock: ENOENT';

/** A helper that comes and goes; `kernel` is the name that it sets. */
class Helper implements RootHelper {
  missing: string | undefined;
  kernel = 'factory';
  readonly asked: string[] = [];
  refuse: SystemError | undefined;
  #listener: () => void = () => {};

  constructor(missing?: string) {
    this.missing = missing;
  }

  async #do(what: string): Promise<Result<void, SystemError>> {
    if (this.missing !== undefined) return err(new SystemError(this.missing, 'ENOENT'));
    this.asked.push(what);
    return this.refuse === undefined ? ok(undefined) : err(this.refuse);
  }

  reboot = () => this.#do('reboot');
  powerOff = () => this.#do('power off');
  slots = (verb: string) => this.#do(verb);

  async setHostName(name: string): Promise<Result<void, SystemError>> {
    const done = await this.#do(name);
    if (done.ok) this.kernel = name;
    return done;
  }

  subscribe(listener: () => void): Disposable {
    this.#listener = listener;
    return { [Symbol.dispose]: () => (this.#listener = () => {}) };
  }

  set(missing: string | undefined): void {
    this.missing = missing;
    this.#listener();
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

function house(helper: Helper) {
  const reports: SystemObserved[] = [];
  const service = new SystemService({
    helper,
    log: new MemoryLog(),
    kernelName: () => helper.kernel,
    report: (value) => reports.push(value),
  });
  return { service, reports };
}

t.test('the kernel gets the name, once', async (t) => {
  const helper = new Helper();
  const { service, reports } = house(helper);
  t.same(await service.apply({ hostName: undefined }), []);
  t.same(await service.apply({ hostName: 'box' }), []);
  t.same(await service.apply({ hostName: 'box' }), []);
  t.same(helper.asked, ['box']);
  t.same(reports.at(-1), { kernelName: 'box', helperMissing: undefined, hostNameFault: undefined });
});

t.test('without a helper nothing fails, and what waited is done when one comes', async (t) => {
  const helper = new Helper(NONE);
  const { service, reports } = house(helper);
  t.match(service.observed, { helperMissing: NONE, hostNameFault: undefined });
  t.same(await service.apply({ hostName: 'box' }), []);
  t.same(reports.at(-1), { kernelName: 'factory', helperMissing: NONE, hostNameFault: NONE });
  t.match(await service.reboot(), { ok: false, error: { message: NONE } });
  helper.set(undefined);
  await service.apply({ hostName: 'box' });
  t.same(helper.asked, ['box']);
  t.same(reports.at(-1), { kernelName: 'box', helperMissing: undefined, hostNameFault: undefined });
  helper.set('no root helper runs here: it ended');
  await service.apply({ hostName: 'box' });
  t.match(reports.at(-1), { helperMissing: /it ended/, hostNameFault: undefined });
});

t.test('a refusal is a failure, to be tried again', async (t) => {
  const helper = new Helper();
  helper.refuse = new SystemError('the root helper refused: asked too often', 'EAGAIN');
  const { service, reports } = house(helper);
  t.match(await service.apply({ hostName: 'box' }), [/host name box: .*too often/]);
  t.match(reports.at(-1), { hostNameFault: /too often/ });
  helper.refuse = undefined;
  t.same(await service.apply({ hostName: 'box' }), []);
  t.equal(helper.kernel, 'box');
});

t.test('the last of several names wins; down it goes when asked', async (t) => {
  const helper = new Helper();
  const { service } = house(helper);
  await Promise.all(['a', 'b', 'c'].map((hostName) => service.apply({ hostName })));
  t.equal(helper.kernel, 'c');
  t.same(await service.reboot(), ok(undefined));
  t.same(await service.powerOff(), ok(undefined));
  t.same(helper.asked.slice(-2), ['reboot', 'power off']);
  service[Symbol.dispose]();
  helper.set(NONE);
  t.equal(service.observed.helperMissing, undefined, 'nothing is heard any more');
});

t.test('a factory reset restarts the box, and only once it is marked', async (t) => {
  const helper = new Helper();
  using service = new SystemService({
    helper,
    log: new MemoryLog(),
    kernelName: () => helper.kernel,
    report: () => {},
  });
  t.same(await service.factoryReset(), ok(undefined));
  t.same(helper.asked, ['factory-reset', 'reboot']);
  helper.refuse = new SystemError('this box has no slots for firmware', 'ENOTSUP');
  t.match(await service.factoryReset(), { ok: false, error: { code: 'ENOTSUP' } });
  t.same(helper.asked.slice(2), ['factory-reset']);
});
