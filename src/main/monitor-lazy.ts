/** The monitor as it is joined to the rest: loaded when it is wanted first, so that it costs nothing where nothing is watched. */
import type { Result } from '../base/result.ts';
import type { MonitorEngine } from '../services/monitor/engine.ts';
import type { Burst, TargetConfig } from '../services/monitor/types.ts';
import type { CompiledConfig } from '../tr181/model.ts';

export class LazyMonitor {
  readonly #build: () => Promise<MonitorEngine>;
  #building: Promise<MonitorEngine> | undefined;
  #engine: MonitorEngine | undefined;

  constructor(build: () => Promise<MonitorEngine>) {
    this.#build = build;
  }

  /** Undefined as long as nothing was watched or tested. */
  get engine(): MonitorEngine | undefined {
    return this.#engine;
  }

  async apply(wanted: CompiledConfig['monitor']): Promise<readonly string[]> {
    const idle = !wanted.enable || wanted.targets.length === 0;
    if (this.#building === undefined && idle) return [];
    return (await this.#load()).apply(wanted);
  }

  async test(target: TargetConfig, signal: AbortSignal): Promise<Result<Burst, string>> {
    return (await this.#load()).test(target, signal);
  }

  async #load(): Promise<MonitorEngine> {
    this.#building ??= this.#build();
    this.#engine = await this.#building;
    return this.#engine;
  }
}
