/** The monitor as it is joined to the rest: loaded when it is wanted first, so that it costs nothing where nothing is watched. */
import type { Result } from '../base/result.ts';
import type { MonitorService } from '../services/monitor/service.ts';
import type { Burst, TargetConfig } from '../services/monitor/types.ts';
import type { CompiledConfig } from '../tr181/model.ts';
import type { MonitorSurroundings } from './monitor.ts';

export class LazyMonitor {
  readonly #stack: AsyncDisposableStack;
  readonly #around: MonitorSurroundings;
  #building: Promise<MonitorService> | undefined;
  #service: MonitorService | undefined;

  /** What is built goes onto the stack. */
  constructor(stack: AsyncDisposableStack, around: MonitorSurroundings) {
    this.#stack = stack;
    this.#around = around;
  }

  /** Undefined as long as nothing was watched or tested. */
  get service(): MonitorService | undefined {
    return this.#service;
  }

  async apply(wanted: CompiledConfig['monitor']): Promise<readonly string[]> {
    const idle = !wanted.enable || wanted.targets.length === 0;
    if (this.#building === undefined && idle) return [];
    return (await this.load()).apply(wanted);
  }

  async test(target: TargetConfig, signal: AbortSignal): Promise<Result<Burst, string>> {
    return (await this.load()).test(target, signal);
  }

  /** It is built when it is asked for first. */
  async load(): Promise<MonitorService> {
    this.#building ??= import('./monitor.ts').then(({ buildMonitor }) =>
      buildMonitor(this.#stack, this.#around),
    );
    this.#service = await this.#building;
    return this.#service;
  }
}
