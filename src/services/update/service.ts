/** Takes bundles in, has root's slot writer install them, and confirms a boot that is well. */
import type { Clock, Timer } from '../../base/clock.ts';
import { errorMessage, SystemError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { Downloads, Files, RootHelper, Spools } from '../../os/ports.ts';
import { BUNDLE_HEAD_BYTES, MAX_BUNDLE_BYTES } from '../../wire/bundle.ts';
import { decodeUpdateStatus, type Slot, type UpdateStatus } from '../../wire/update-status.ts';
import type { UpdateObserved, UpdatePlaces } from './config.ts';
import { bootedAs, isCounted, step, type UpdateEvent, type UpdateState } from './machine.ts';
import { Upload } from './upload.ts';

export interface UpdateServiceDeps {
  readonly helper: RootHelper;
  readonly clock: Clock;
  readonly log: Log;
  readonly files: Files;
  readonly spools: Spools;
  readonly downloads: Downloads;
  /** Undefined on a box without slots. */
  readonly places: UpdatePlaces | undefined;
  /** Everything that is configured is in effect. */
  readonly isWell: () => boolean;
  readonly report: (value: UpdateObserved) => void;
}

type Done = Result<void, SystemError>;

const POLL_MS = 500;
/** Nothing moved for so long: is the slot writer still there? */
const STALLED_MS = 5000;
/** An upload whose sender went away makes room for the next. */
const SILENT_MS = 60_000;
const CHECK_MS = 2000;
/** So long everything must have been well for a boot to be confirmed. */
export const WELL_MS = 30_000;
/** A version on trial that is not well by then is started again, until its tries are used up. */
export const TRIAL_MS = 10 * 60_000;

const NO_SLOTS = 'this box has no slots for firmware: it was not installed from an image';

export class UpdateService implements AsyncDisposable {
  readonly #deps: UpdateServiceDeps;
  readonly #ending = new AbortController();
  #subscription: Disposable | undefined;
  #observed: UpdateObserved;
  #timer: Timer | undefined;
  #silence: Timer | undefined;
  #upload: Upload | undefined;
  #activateAfter = false;

  constructor(deps: UpdateServiceDeps) {
    this.#deps = deps;
    this.#observed = {
      state: 'none',
      missing: deps.places === undefined ? NO_SLOTS : 'the slots are not known yet; try again soon',
      failedIn: undefined,
      fault: '',
      percent: 0,
      said: undefined,
    };
  }

  get observed(): UpdateObserved {
    return this.#observed;
  }

  /** Asks how the box was booted, now or once there is a root helper. */
  async start(): Promise<void> {
    const { helper, places, spools } = this.#deps;
    if (places === undefined) return;
    await spools.remove(places.bundle);
    this.#subscription = helper.subscribe(() => void this.#learn());
    await this.#learn();
  }

  /** Makes room for a bundle of so many bytes. */
  async begin(sizeBytes: number): Promise<Done> {
    const allowed = this.#may('begin');
    if (!allowed.ok) return allowed;
    const { places, spools } = this.#deps;
    if (places === undefined) return missing(NO_SLOTS);
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes <= BUNDLE_HEAD_BYTES) {
      return refused('that is too short for an update bundle');
    }
    if (sizeBytes > MAX_BUNDLE_BYTES)
      return refused(`a bundle has at most ${MAX_BUNDLE_BYTES} bytes`);
    const upload = new Upload(sizeBytes);
    this.#upload = upload;
    this.#go('begin', { percent: 0, fault: '', failedIn: undefined });
    const file = await spools.create(places.bundle, sizeBytes);
    if (this.#upload !== upload) return refused('the upload was given up');
    if (!file.ok) {
      await this.#fail(file.error.message);
      return file;
    }
    upload.file = file.value;
    this.#listen();
    return ok(undefined);
  }

  /** The bytes at `offset`, which is where the last ones ended. */
  async write(offset: number, bytes: Uint8Array): Promise<Done> {
    const upload = this.#upload;
    const file = upload?.file;
    if (upload === undefined || file === undefined || this.#observed.state !== 'receiving') {
      return refused('no upload was begun');
    }
    if (offset !== upload.receivedBytes || upload.busy) {
      return refused(`the next byte is that at ${upload.receivedBytes}`);
    }
    if (offset + bytes.length > upload.sizeBytes) return refused('that is more than was announced');
    upload.busy = true;
    const fault = upload.look(bytes, this.#observed.said?.arch);
    const written = fault === undefined ? await file.append(bytes) : refused(fault);
    upload.busy = false;
    if (this.#upload !== upload) return refused('the upload was given up');
    if (!written.ok) {
      await this.#fail(written.error.message);
      return written;
    }
    upload.receivedBytes += bytes.length;
    this.#listen();
    const percent = Math.floor((100 * upload.receivedBytes) / upload.sizeBytes);
    if (percent !== this.#observed.percent) this.#publish({ percent });
    return ok(undefined);
  }

  /** Has what was uploaded verified and written to the idle slot; goes on after it resolved. */
  async install(): Promise<Done> {
    const upload = this.#upload;
    if (upload?.file === undefined || this.#observed.state !== 'receiving' || upload.busy) {
      return refused('no upload was begun');
    }
    if (upload.receivedBytes !== upload.sizeBytes) {
      return refused(`${upload.sizeBytes - upload.receivedBytes} bytes are missing`);
    }
    upload.busy = true;
    this.#silence?.cancel();
    const { helper, log } = this.#deps;
    const finished = await upload.file.finish();
    // What an earlier install left in the status is not to be taken for this one's.
    const asked = finished.ok ? await helper.slots('status') : finished;
    const begun = asked.ok ? await helper.slots('install') : asked;
    if (!begun.ok) {
      await this.#fail(begun.error.message);
      return begun;
    }
    this.#upload = undefined;
    log.info({ version: upload.version }, 'an update is installed');
    this.#go('received', { percent: 0 });
    this.#follow(this.#deps.clock.monoMs(), '');
    return ok(undefined);
  }

  async cancel(): Promise<Done> {
    const allowed = this.#may('cancel');
    if (!allowed.ok) return allowed;
    await this.#drop();
    this.#go('cancel', { percent: 0 });
    return ok(undefined);
  }

  /**
   * Fetches a bundle and has it installed; resolves once its sender answered. With `activate` it is
   * booted as soon as it is installed.
   */
  async download(url: string, activate: boolean): Promise<Done> {
    const allowed = this.#may('begin');
    if (!allowed.ok) return allowed;
    const { signal } = this.#ending;
    const found = await this.#deps.downloads.open(url, signal);
    if (!found.ok) return found;
    const { sizeBytes, pieces } = found.value;
    if (sizeBytes === undefined) return refused('the sender does not say how long the file is');
    const begun = await this.begin(sizeBytes);
    if (!begun.ok) return begun;
    void this.#receive(pieces).then(async (done) => {
      this.#activateAfter = done.ok && activate;
      const going = done.ok ? await this.install() : done;
      if (!going.ok && this.#observed.state === 'receiving') await this.#fail(going.error.message);
    });
    return ok(undefined);
  }

  /** The idle slot is booted next; what is well there is confirmed, or it is given up. */
  async activate(): Promise<Done> {
    const allowed = this.#may('activate');
    return allowed.ok ? this.#choose('activate') : allowed;
  }

  /** Back to the version before, from the next boot on; or takes back that another is booted next. */
  async rollback(): Promise<Done> {
    const allowed = this.#may('activate');
    const { said } = this.#observed;
    if (!allowed.ok || said === undefined) return allowed;
    const { a, b } = said.slots;
    const [running, other] = said.running === 'a' ? [a, b] : [b, a];
    const pending = said.order[0] !== said.running;
    if (!pending && (other?.serial ?? 0) > (running?.serial ?? 0)) {
      return refused(`the other slot holds the newer version ${other?.version}: activate it`);
    }
    return this.#choose('rollback');
  }

  /** Has `slot` booted next, whichever way that is. */
  async select(slot: Slot): Promise<Done> {
    const { said } = this.#observed;
    if (said === undefined) return missing(this.#observed.missing ?? NO_SLOTS);
    if (said.order[0] === slot) return ok(undefined);
    if (slot === said.running) return this.rollback();
    const newer = (said.slots[slot]?.serial ?? 0) >= said.leastSerial;
    return newer ? this.activate() : this.rollback();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    this.#subscription?.[Symbol.dispose]();
    this.#timer?.cancel();
    await this.#drop();
  }

  async #learn(): Promise<void> {
    const { helper, log } = this.#deps;
    if (this.#observed.state !== 'none') return;
    const asked = await helper.slots('status');
    const said = asked.ok ? this.#read() : asked;
    if (this.#ending.signal.aborted) return;
    if (!said.ok) {
      this.#publish({ missing: said.error.message });
      return;
    }
    const state = bootedAs(said.value);
    const fault =
      state === 'rolledBack'
        ? 'the version that was activated was not well: this one runs again'
        : '';
    this.#publish({ state, missing: undefined, said: said.value, fault });
    const { running, left } = said.value;
    log.info(
      { slot: running, left, version: said.value.slots[running]?.version },
      `booted: ${state}`,
    );
    if (state === 'rolledBack') log.error({}, fault);
    if (state === 'trying' || state === 'rolledBack') {
      const { clock } = this.#deps;
      this.#watch(clock.monoMs(), undefined);
    }
  }

  /** `wellSinceMs`: since when everything has been well. */
  #watch(startedMs: number, wellSinceMs: number | undefined): void {
    const { clock, isWell } = this.#deps;
    this.#timer = clock.after(CHECK_MS, () => {
      const now = clock.monoMs();
      const since = isWell() ? (wellSinceMs ?? now) : undefined;
      if (since !== undefined && now - since >= WELL_MS) void this.#confirm();
      else if (now - startedMs >= TRIAL_MS && this.#isTrial()) void this.#giveUp();
      else this.#watch(startedMs, since);
    });
  }

  #isTrial(): boolean {
    const { state, said } = this.#observed;
    return state === 'trying' && said !== undefined && isCounted(said);
  }

  async #confirm(): Promise<void> {
    const { helper, clock, log } = this.#deps;
    const done = await helper.slots('confirm');
    if (!done.ok) {
      log.error({ err: done.error }, 'the boot could not be confirmed');
      if (!this.#ending.signal.aborted) this.#watch(clock.monoMs(), undefined);
      return;
    }
    log.info({}, 'this boot is confirmed');
    this.#refresh();
    this.#go('confirm', {});
  }

  async #giveUp(): Promise<void> {
    const { helper, clock, log } = this.#deps;
    log.error({}, 'this version is on trial and not well: the box starts again');
    const done = await helper.reboot();
    if (!done.ok) this.#watch(clock.monoMs(), undefined);
  }

  async #choose(verb: 'activate' | 'rollback'): Promise<Done> {
    const { helper, log } = this.#deps;
    const done = await helper.slots(verb);
    const said = this.#refresh();
    if (!done.ok) return err(new SystemError(said?.fault || done.error.message, done.error.code));
    if (said === undefined) return missing('the slot writer says nothing');
    log.warn({ order: said.order.join(' ') }, 'the slot of the next boot was chosen');
    this.#go(said.order[0] === said.running ? 'keep' : 'activate', {});
    return ok(undefined);
  }

  /** Looks at what the slot writer says until the install is over. */
  #follow(changedMs: number, before: string): void {
    const { clock, helper } = this.#deps;
    this.#timer = clock.after(POLL_MS, async () => {
      const said = this.#refresh();
      const now = clock.monoMs();
      const line = `${said?.phase} ${said?.percent}`;
      const moved = line !== before ? now : changedMs;
      if (said?.phase === 'installed' || said?.phase === 'failed') return this.#installed(said);
      if (said?.phase === 'verifying') this.#go('verifying', { percent: said.percent });
      if (said?.phase === 'writing' || said?.phase === 'checking') {
        // One bar for both: reading back is the quicker half.
        const percent = Math.floor(said.percent / 2) + (said.phase === 'checking' ? 50 : 0);
        this.#go('writing', { percent });
      }
      if (now - moved < STALLED_MS) return this.#follow(moved, line);
      const asked = await helper.slots('status');
      if (this.#ending.signal.aborted) return;
      const after = this.#refresh();
      if (!asked.ok) this.#follow(now, line);
      else if (after?.phase === 'failed' || after?.phase === 'installed')
        await this.#installed(after);
      else await this.#fail('the installation was cut short');
    });
  }

  async #installed(said: UpdateStatus): Promise<void> {
    const { log, places, spools } = this.#deps;
    if (places !== undefined) await spools.remove(places.bundle);
    if (said.phase === 'failed') return this.#fail(said.fault);
    log.info({}, 'the update is installed');
    this.#go('installed', { percent: 100 });
    if (!this.#activateAfter) return;
    this.#activateAfter = false;
    const done = await this.activate();
    if (done.ok) await this.#deps.helper.reboot();
    else log.error({ err: done.error }, 'the update could not be activated');
  }

  async #receive(pieces: AsyncIterable<Uint8Array>): Promise<Done> {
    try {
      let offset = 0;
      for await (const piece of pieces) {
        const written = await this.write(offset, piece);
        if (!written.ok) return written;
        offset += piece.length;
      }
      return ok(undefined);
    } catch (thrown) {
      if (thrown instanceof SystemError) return err(thrown);
      return err(new SystemError(errorMessage(thrown), 'EIO', { cause: thrown }));
    }
  }

  /** The sender has spoken. */
  #listen(): void {
    this.#silence?.cancel();
    this.#silence = this.#deps.clock.after(
      SILENT_MS,
      () => void this.#fail('the sender went away'),
    );
  }

  async #fail(fault: string): Promise<void> {
    const { state } = this.#observed;
    const failedIn = state === 'receiving' || state === 'verifying' ? state : 'writing';
    this.#deps.log.error({ reason: fault }, 'the update failed');
    this.#activateAfter = false;
    // First: whoever begins anew gets the same path.
    await this.#drop();
    this.#go('fail', { fault, failedIn });
  }

  /** What was received is not kept. */
  async #drop(): Promise<void> {
    const { places, spools } = this.#deps;
    const upload = this.#upload;
    this.#upload = undefined;
    this.#silence?.cancel();
    if (upload === undefined || places === undefined) return;
    await upload.file?.finish();
    await spools.remove(places.bundle);
  }

  #may(event: UpdateEvent): Done {
    const { state, missing: why } = this.#observed;
    if (why !== undefined) return missing(why);
    return step(state, event) === undefined ? refused(REFUSALS[state]) : ok(undefined);
  }

  #go(event: UpdateEvent, change: Partial<UpdateObserved>): void {
    const state = step(this.#observed.state, event);
    if (state === undefined) return;
    if (state !== this.#observed.state) {
      this.#deps.log.info({ from: this.#observed.state, to: state }, 'update');
    }
    this.#publish({ ...change, state });
  }

  #publish(change: Partial<UpdateObserved>): void {
    this.#observed = { ...this.#observed, ...change };
    this.#deps.report(this.#observed);
  }

  #read(): Result<UpdateStatus, SystemError> {
    const { files, places } = this.#deps;
    const text = files.readText(places?.status ?? '');
    if (!text.ok) return text;
    const said = decodeUpdateStatus(text.value);
    if (said.ok) return said;
    const { field, message } = said.error;
    return err(new SystemError(`${places?.status}: ${field}: ${message}`, 'EPROTO'));
  }

  #refresh(): UpdateStatus | undefined {
    const said = this.#read();
    if (!said.ok) return undefined;
    this.#observed = { ...this.#observed, said: said.value };
    return said.value;
  }
}

const AT_WORK = 'an update is being installed';
const REFUSALS: Readonly<Record<UpdateState, string>> = {
  none: NO_SLOTS,
  idle: 'nothing is being uploaded',
  receiving: 'an update is being uploaded',
  verifying: AT_WORK,
  writing: AT_WORK,
  ready: 'nothing is being uploaded',
  activated: 'nothing is being uploaded',
  trying: 'the running version is on trial: wait until it is confirmed',
  confirmed: 'nothing is being uploaded',
  rolledBack: 'nothing is being uploaded',
  failed: 'nothing is being uploaded',
};

const refused = (message: string): Done => err(new SystemError(message, 'EINVAL'));
const missing = (message: string): Done => err(new SystemError(message, 'ENOTSUP'));
