/** The daemon's audit trail: opened while the rest is built, and what it could not take is counted. */
import type { AuditChange } from '../base/audit.ts';
import type { SystemError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Result } from '../base/result.ts';
import { AuditTrail } from '../os/linux/audit.ts';
import type { LinuxClock } from '../os/linux/clock.ts';
import type { Origin } from '../tr181/model.ts';

export class Records implements AsyncDisposable {
  /**
   * The disk takes its time to sync the trail. It is to be open before anything is applied; a change
   * that comes sooner waits for it with its answer.
   */
  readonly opened: Promise<Result<AuditTrail, SystemError>>;
  readonly #log: Log;
  #lost = 0;
  #heard: (changes: readonly AuditChange[]) => void = () => {};

  constructor(stateDir: string, clock: LinuxClock, log: Log) {
    this.#log = log;
    const directory = `${stateDir}/audit`;
    this.opened = AuditTrail.open({ directory, clock, log: log.child({ room: 'audit' }) });
  }

  /** Changes that were made, but are not in the trail. */
  get lost(): number {
    return this.#lost;
  }

  /** `heard` is told of what was recorded. */
  listen(heard: (changes: readonly AuditChange[]) => void): void {
    this.#heard = heard;
  }

  async all(changes: readonly AuditChange[]): Promise<void> {
    const trail = await this.opened;
    const recorded = trail.ok ? await trail.value.record(changes) : trail;
    if (recorded.ok) return this.#heard(changes);
    // The change is made and durable; that its record is not must be seen.
    this.#lost += changes.length;
    this.#log.error({ err: recorded.error }, 'changes could not be recorded in the audit trail');
  }

  /** Something was done that is no change of the model, such as `update begin`. */
  done(what: string, origin: Origin): Promise<void> {
    return this.all([{ action: 'operate', ...origin, path: what }]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const trail = await this.opened;
    if (trail.ok) await trail.value[Symbol.asyncDispose]();
  }
}
