/** The box as a whole: host name, reboot, power off. */
import type { SystemError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Result } from '../../base/result.ts';
import type { RootHelper } from '../../os/ports.ts';
import type { SystemConfig, SystemObserved } from './config.ts';

export interface SystemServiceDeps {
  readonly helper: RootHelper;
  readonly log: Log;
  /** The host name that the kernel has now. */
  readonly kernelName: () => string;
  readonly report: (value: SystemObserved) => void;
}

export class SystemService implements Disposable {
  readonly #deps: SystemServiceDeps;
  readonly #subscription: Disposable;
  #wanted: string | undefined;
  /** One after the other: the last name wins. */
  #work: Promise<readonly string[]> = Promise.resolve([]);
  #observed: SystemObserved;

  constructor(deps: SystemServiceDeps) {
    this.#deps = deps;
    const { helper, log } = deps;
    this.#observed = {
      kernelName: deps.kernelName(),
      helperMissing: helper.missing,
      hostNameFault: undefined,
    };
    this.#subscription = helper.subscribe(() => {
      if (helper.missing === undefined) log.info({}, 'a root helper is here');
      else log.warn({ reason: helper.missing }, 'the root helper is gone');
      this.#work = this.#work.then(() => this.#setName());
    });
  }

  get observed(): SystemObserved {
    return this.#observed;
  }

  /** Gives what failed; that there is no helper is no failure. */
  apply({ hostName }: SystemConfig): Promise<readonly string[]> {
    this.#wanted = hostName;
    this.#work = this.#work.then(() => this.#setName());
    return this.#work;
  }

  /** The box goes down soon after this resolves. */
  async reboot(): Promise<Result<void, SystemError>> {
    return this.#logged('reboot', await this.#deps.helper.reboot());
  }

  async powerOff(): Promise<Result<void, SystemError>> {
    return this.#logged('power off', await this.#deps.helper.powerOff());
  }

  /** All settings are erased when the box starts again, soon after this resolves. */
  async factoryReset(): Promise<Result<void, SystemError>> {
    const { helper } = this.#deps;
    const marked = this.#logged('factory reset', await helper.slots('factory-reset'));
    return marked.ok ? this.reboot() : marked;
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
  }

  async #setName(): Promise<readonly string[]> {
    const { helper, kernelName } = this.#deps;
    const name = this.#wanted;
    if (name === undefined || name === kernelName()) return this.#named(undefined, []);
    if (helper.missing !== undefined) return this.#named(helper.missing, []);
    const done = await helper.setHostName(name);
    if (!done.ok) {
      return this.#named(done.error.message, [`host name ${name}: ${done.error.message}`]);
    }
    this.#deps.log.info({ hostName: name }, 'the host name is set');
    return this.#named(undefined, []);
  }

  #named(hostNameFault: string | undefined, failed: readonly string[]): readonly string[] {
    const { helper, kernelName, report } = this.#deps;
    this.#observed = { kernelName: kernelName(), helperMissing: helper.missing, hostNameFault };
    report(this.#observed);
    return failed;
  }

  #logged(what: string, done: Result<void, SystemError>): Result<void, SystemError> {
    const { log } = this.#deps;
    if (done.ok) log.warn({}, `${what}: the box is going down`);
    else log.error({ err: done.error }, `${what} failed`);
    return done;
  }
}
