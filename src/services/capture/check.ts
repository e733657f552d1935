/** Whether a capture could be begun as it is asked for, without one that runs. */
import { isIfName } from '../../base/if-name.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { CaptureEngine } from '../../os/ports-capture.ts';
import type { SessionSpec } from './config.ts';
import { reasonOf, routerFilter } from './listener.ts';

/** The text of its filter, which libpcap takes; or all that is wrong. */
export function checkCapture(
  { ifName, filter: asked }: Pick<SessionSpec, 'ifName' | 'filter'>,
  engine: Pick<CaptureEngine, 'compileFilter'>,
): Result<string, string> {
  const faults = isIfName(ifName) ? [] : [`${JSON.stringify(ifName)} is no name of an interface`];
  const filter = routerFilter(asked);
  if (!filter.ok) return err([...faults, ...filter.error].join('\n'));
  const compiled = filter.value === '' ? ok([]) : engine.compileFilter(filter.value);
  if (!compiled.ok) faults.push(reasonOf(compiled.error));
  return faults.length > 0 ? err(faults.join('\n')) : filter;
}
