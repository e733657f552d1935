/** Ping and trace for the model's commands; loaded when the first is asked for. */
import type { LinuxClock } from '../os/linux/clock.ts';
import type { Reactor } from '../os/linux/native.ts';
import type { ServiceCalls } from '../tr181/table.ts';

export function diagnosticCalls(parts: {
  readonly reactor: Reactor;
  readonly clock: LinuxClock;
}): Pick<ServiceCalls, 'ipPing' | 'traceRoute'> {
  const load = async () => {
    const [{ LinuxPathSockets }, { hostNames }, { pathTools }, { ipPing, traceRoute }] =
      await Promise.all([
        import('../os/linux/path.ts'),
        import('../os/linux/resolve.ts'),
        import('../services/monitor/tools.ts'),
        import('../services/monitor/diagnostics.ts'),
      ]);
    const { reactor, clock } = parts;
    const sockets = new LinuxPathSockets(reactor);
    return { ipPing, traceRoute, tools: pathTools({ sockets, clock }, hostNames(clock)) };
  };
  return {
    ipPing: async (wanted, signal) => {
      const { ipPing, tools } = await load();
      return ipPing(tools, wanted, signal);
    },
    traceRoute: async (wanted, signal) => {
      const { traceRoute, tools } = await load();
      return traceRoute(tools, wanted, signal);
    },
  };
}
