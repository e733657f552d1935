/** Graphs of watched paths, as pictures; and tests of the line under load. */
import { Hono } from 'hono';
import { type Env, originOf, type Parts, refuse } from './context.ts';
import { administrator } from './guard.ts';

const NUMBERS = ['from', 'to', 'width', 'height', 'offset', 'points'] as const;

export function monitorRoutes({ monitor, loadTest }: Parts): Hono<Env> {
  const app = new Hono<Env>();

  app.get('/monitor/graph.svg', async (c) => {
    const graph = monitor.commands['graph'];
    if (graph === undefined) return refuse(c, 404, 'nothing is watched here');
    const numbers = NUMBERS.flatMap((name) => {
      const text = c.req.query(name) ?? '';
      return /^-?\d{1,12}$/.test(text) ? [[name, Number(text)]] : [];
    });
    const { ended: signal } = c.var.session;
    const { status, message, data } = await graph.run(
      {
        ...Object.fromEntries(numbers),
        ...{ target: c.req.query('target') ?? '', dark: c.req.query('dark') === '1' ? 1 : 0 },
        format: 'svg',
      },
      { origin: originOf(c), peer: undefined, signal },
    );
    if (status !== 'success' || data === null || !('svg' in data)) {
      return refuse(c, 404, message ?? '');
    }
    return c.body(String(data.svg), 200, { 'content-type': 'image/svg+xml' });
  });

  // By the owner's word: what may differ from the configuration is for those at the command line.
  app.post('/monitor/load-test/:command{run|stop}', administrator(), async (c) => {
    const command = loadTest.commands[c.req.param('command')];
    if (command === undefined) return refuse(c, 404, 'no line is loaded here');
    const { ended: signal } = c.var.session;
    const context = { origin: originOf(c), peer: undefined, signal };
    const { status, message, data } = await command.run({}, context);
    return status === 'success' ? c.json(data ?? {}) : c.json({ error: message ?? '' }, 422);
  });

  return app;
}
