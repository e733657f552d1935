/** The monitor as it is joined to the rest: loaded when it is wanted first, so that it costs nothing where nothing is watched. */
import type { Result } from '../base/result.ts';
import type { MonitorService } from '../services/monitor/service.ts';
import type { Burst, TargetConfig } from '../services/monitor/types.ts';
import type { CompiledConfig } from '../tr181/model.ts';
import { Lazy } from './lazy.ts';
import type { MonitorSurroundings } from './monitor.ts';

export class LazyMonitor {
  readonly #built: Lazy<MonitorService>;

  /** What is built is closed with the stack. */
  constructor(stack: AsyncDisposableStack, around: MonitorSurroundings) {
    this.#built = stack.use(
      new Lazy({
        name: 'the monitor',
        log: around.log,
        build: async (attempt) => {
          const { buildMonitor } = await import('./monitor.ts');
          return buildMonitor(attempt, around);
        },
      }),
    );
  }

  /** Undefined as long as nothing was watched or tested. */
  get service(): MonitorService | undefined {
    return this.#built.value;
  }

  async apply(wanted: CompiledConfig['monitor']): Promise<readonly string[]> {
    const idle = !wanted.enable || wanted.targets.length === 0;
    if (!this.#built.begun && idle) return [];
    return (await this.load()).apply(wanted);
  }

  async test(target: TargetConfig, signal: AbortSignal): Promise<Result<Burst, string>> {
    return (await this.load()).test(target, signal);
  }

  /** It is built when it is asked for first. */
  load(): Promise<MonitorService> {
    return this.#built.load();
  }
}
