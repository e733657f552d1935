/** Keeps table `ip gatehouse_map` in the kernel as it was last asked for. */
import type { Clock, Timer } from '../../base/clock.ts';
import { SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { Processes } from '../../os/ports.ts';
import { MAP_TABLE } from './render.ts';

export interface TableDeps {
  readonly processes: Processes;
  readonly clock: Clock;
  /** Path of nft(8). */
  readonly nft: string;
  /** Somebody else changed the table. */
  trampled(): void;
}

const NFT_TIMEOUT_MS = 10_000;
/** Who keeps changing the table gets it back at most this often. */
const SETTLE_MS = 200;

export class MapTable {
  readonly #deps: TableDeps;
  #text: string | undefined;
  /** What nft lists while it is as we wrote it, counters left out. */
  #listed: string | undefined;
  #working: Promise<unknown> = Promise.resolve();
  #settle: Timer | undefined;

  constructor(deps: TableDeps) {
    this.#deps = deps;
  }

  /** Replaces the table in one transaction. Nothing is done where it stands already. */
  async write(text: string): Promise<Result<void, SystemError>> {
    if (text === this.#text) return ok(undefined);
    const work = this.#working.then(() => this.#write(text));
    this.#working = work;
    return await work;
  }

  /** The kernel's ruleset was changed, by us or by someone else: looked at once it is quiet. */
  rulesetChanged(): void {
    if (this.#text === undefined) return;
    this.#settle ??= this.#deps.clock.after(SETTLE_MS, () => {
      this.#settle = undefined;
      this.#working = this.#working.then(() => this.#verify());
    });
  }

  /** The table stays. */
  async close(): Promise<void> {
    this.#settle?.cancel();
    await this.#working;
  }

  async #write(text: string): Promise<Result<void, SystemError>> {
    const { processes, nft } = this.#deps;
    const run = await processes.run(nft, ['-f', '-'], { stdin: text, timeoutMs: NFT_TIMEOUT_MS });
    if (!run.ok) return run;
    if (run.value.code !== 0) {
      const [line = 'nft failed'] = run.value.stderr.split('\n');
      return err(
        new SystemError(`nft: ${line}`, 'ENFT', {
          remedy: 'the kernel needs nf_tables with nat, masquerade, numgen and hash',
        }),
      );
    }
    this.#text = text;
    this.#listed = await this.#list();
    return ok(undefined);
  }

  async #verify(): Promise<void> {
    if (this.#text === undefined || (await this.#list()) === this.#listed) return;
    this.#text = undefined;
    this.#deps.trampled();
  }

  async #list(): Promise<string | undefined> {
    const { processes, nft } = this.#deps;
    // Without what the kernel itself puts in: counters, and the sockets of the map.
    const args = ['--stateless', '--terse', 'list', 'table', 'inet', MAP_TABLE];
    const run = await processes.run(nft, args, { timeoutMs: NFT_TIMEOUT_MS });
    return run.ok && run.value.code === 0 ? run.value.stdout : undefined;
  }
}
