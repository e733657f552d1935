import { type Backoff, backoff, delayMs, failed, healthy } from '../../base/backoff.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import { SystemError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { Processes } from '../../os/ports.ts';
import type { FirewallConfig, FirewallObserved } from './config.ts';
import { renderMarks, renderTable, TABLE } from './render.ts';

export interface FirewallDeps {
  readonly processes: Processes;
  readonly clock: Clock;
  readonly log: Log;
  /** Path of nft(8). */
  readonly nft: string;
  linkNames(): ReadonlySet<string>;
  report(observed: FirewallObserved): void;
}

const NFT_TIMEOUT_MS = 10_000;
/** nft ran and did not take the text. */
const REFUSED = 'ENFT';
/** Someone who keeps changing the table gets it back at most this often. */
const SETTLE_MS = 200;

/** Keeps table `inet gatehouse` as desired. One nft runs at a time; the last wish always arrives. */
export class FirewallService implements AsyncDisposable {
  readonly #deps: FirewallDeps;
  #wanted: FirewallConfig | undefined;
  #running: Promise<Result<void, SystemError>> | undefined;
  #again = false;
  #marked = '';
  /** What nft listed after our own write, counters left out: what a foreign change is told by. */
  #listed: string | undefined;
  /** That listing while it is under way: nobody waits for it but the next nft. */
  #listing: Promise<void> | undefined;
  #applied: FirewallConfig | undefined;
  #reason: string | undefined;
  #restored = 0;
  #backoff: Backoff = backoff(1000, 60_000);
  #retry: Timer | undefined;
  #settle: Timer | undefined;

  constructor(deps: FirewallDeps) {
    this.#deps = deps;
  }

  /** Makes `config` the whole truth. Resolves when the kernel holds it, or says why it does not. */
  async apply(config: FirewallConfig): Promise<Result<void, SystemError>> {
    this.#wanted = config;
    this.#again = true;
    this.#running ??= this.#drain();
    return await this.#running;
  }

  /** Links came or went: marks can be set now that could not before. */
  linksChanged(): void {
    if (this.#wanted !== undefined && this.#marksText(this.#wanted) !== this.#marked) {
      void this.apply(this.#wanted);
    }
  }

  /** The kernel's ruleset was changed, by us or by someone else: looked at once it is quiet. */
  rulesetChanged(): void {
    if (this.#wanted === undefined) return;
    this.#settle ??= this.#deps.clock.after(SETTLE_MS, () => {
      this.#settle = undefined;
      void this.#verify();
    });
  }

  /** True once the table has stood: nothing may be brought up before. */
  get stood(): boolean {
    return this.#applied !== undefined;
  }

  get observed(): FirewallObserved {
    return {
      status: this.#reason !== undefined ? 'Error' : this.#applied ? 'Enabled' : 'Disabled',
      reason: this.#reason,
      masquerade: this.#applied?.masquerade ?? [],
      restored: this.#restored,
    };
  }

  /** The table stays: a box whose daemon is down is still closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#wanted = undefined;
    this.#retry?.cancel();
    this.#settle?.cancel();
    await this.#running;
    await this.#listing;
  }

  async #drain(): Promise<Result<void, SystemError>> {
    let result: Result<void, SystemError> = ok(undefined);
    while (this.#again && this.#wanted !== undefined) {
      this.#again = false;
      result = await this.#write(this.#wanted);
    }
    this.#running = undefined;
    return result;
  }

  async #write(config: FirewallConfig): Promise<Result<void, SystemError>> {
    await this.#listing;
    const table = renderTable(config);
    const marks = this.#marksText(config);
    const withMarks = marks !== this.#marked;
    let result = await this.#nft(withMarks ? table + marks : table);
    let stands = result.ok;
    if (result.ok) {
      this.#marked = marks;
    } else if (withMarks && result.error.code === REFUSED) {
      // Marks that cannot be set must not cost the table.
      const alone = await this.#nft(table);
      stands = alone.ok;
      if (!alone.ok) result = alone;
    }
    this.#retry?.cancel();
    if (result.ok) {
      this.#backoff = healthy(this.#backoff);
      this.#reason = undefined;
    } else {
      this.#backoff = failed(this.#backoff);
      this.#reason = result.error.message;
      this.#deps.log.error({ code: result.error.code }, `firewall: ${result.error.message}`);
      this.#retry = this.#deps.clock.after(delayMs(this.#backoff), () => {
        if (this.#wanted !== undefined) void this.apply(this.#wanted);
      });
    }
    if (stands) {
      this.#applied = config;
      this.#listing = this.#list().then((listed) => {
        this.#listed = listed;
        this.#listing = undefined;
      });
    }
    this.#deps.report(this.observed);
    return result;
  }

  async #verify(): Promise<void> {
    await this.#running;
    await this.#listing;
    const config = this.#wanted;
    if (config === undefined || (await this.#list()) === this.#listed) return;
    this.#restored++;
    // `flush ruleset` takes the marks as well.
    this.#marked = '';
    this.#deps.log.warn({}, 'table inet gatehouse was changed by someone else: putting it back');
    await this.apply(config);
  }

  async #list(): Promise<string | undefined> {
    const { processes, nft } = this.#deps;
    const args = ['--stateless', 'list', 'table', 'inet', TABLE];
    const run = await processes.run(nft, args, { timeoutMs: NFT_TIMEOUT_MS });
    return run.ok && run.value.code === 0 ? run.value.stdout : undefined;
  }

  #marksText(config: FirewallConfig): string {
    return renderMarks(config.dhcpDscp, this.#deps.linkNames());
  }

  async #nft(text: string): Promise<Result<void, SystemError>> {
    const { processes, nft } = this.#deps;
    const run = await processes.run(nft, ['-f', '-'], { stdin: text, timeoutMs: NFT_TIMEOUT_MS });
    if (!run.ok) return run;
    if (run.value.code === 0) return ok(undefined);
    const [line = 'nft failed'] = run.value.stderr.split('\n');
    return err(
      new SystemError(`nft: ${line}`, REFUSED, {
        remedy: 'the kernel needs nf_tables with inet, nat and masquerade',
      }),
    );
  }
}
