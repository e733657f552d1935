/** The monitor as a whole: the engine, and the series that its bursts are kept in. */
import type { Result } from '../../base/result.ts';
import type { MonitorConfig, MonitorFigures, SeriesFigures, TargetStatistics } from './config.ts';
import type { MonitorEngine } from './engine.ts';
import type { SeriesRow } from './series/rows.ts';
import type { Series } from './series/series.ts';
import type { Burst, TargetConfig } from './types.ts';

export class MonitorService implements AsyncDisposable {
  readonly engine: MonitorEngine;
  readonly #series: Series;
  #known = '';

  constructor(engine: MonitorEngine, series: Series) {
    this.engine = engine;
    this.#series = series;
    engine.listen((burst) => series.add(burst));
  }

  async apply(config: MonitorConfig): Promise<readonly string[]> {
    const failures = this.engine.apply(config);
    const known = config.known.join();
    if (known !== this.#known) await this.#series.keep(config.known);
    this.#known = known;
    return failures;
  }

  test(target: TargetConfig, signal: AbortSignal): Promise<Result<Burst, string>> {
    return this.engine.test(target, signal);
  }

  statistics(id: string): TargetStatistics | undefined {
    return this.engine.statistics(id);
  }

  get figures(): MonitorFigures | undefined {
    return this.engine.figures;
  }

  get stored(): SeriesFigures {
    return this.#series.figures;
  }

  rows(target: string, fromSec: number, toSec: number, most: number): readonly SeriesRow[] {
    return this.#series.read(target, fromSec, toSec, most);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine[Symbol.asyncDispose]();
    await this.#series[Symbol.asyncDispose]();
  }
}
