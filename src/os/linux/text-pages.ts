/** Gives back what only the start of the daemon needed of the program's own pages. */
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Native } from './native.ts';

/** By then the page has its certificate, the clients their leases, and V8 has collected once. */
const SETTLED_MS = 5000;

export function releaseTextSoon(native: Native, clock: Clock, log: Log): Disposable {
  const timer = clock.after(SETTLED_MS, () => {
    const released = native.releaseText();
    log.debug({ kB: released }, 'pages that the start needed were given back');
  });
  return { [Symbol.dispose]: () => timer.cancel() };
}
