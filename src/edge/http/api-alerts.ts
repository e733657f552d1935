/** What is bad, and what was told of it: the model has the first, this all. */
import { Hono } from 'hono';
import { type Env, originOf, type Parts, refuse } from './context.ts';

export function alertRoutes({ alerts }: Parts): Hono<Env> {
  const app = new Hono<Env>();

  app.get('/alerts', async (c) => {
    const list = alerts.commands['list'];
    if (list === undefined) return refuse(c, 404, 'nothing is watched for here');
    const { ended: signal } = c.var.session;
    const { data } = await list.run({}, { origin: originOf(c), peer: undefined, signal });
    return c.json(data ?? {});
  });

  app.get('/alerts/history', async (c) => {
    const { history } = alerts.commands;
    if (history === undefined) return refuse(c, 404, 'nothing is watched for here');
    const text = c.req.query('before');
    if (text !== undefined && !/^\d{1,9}$/.test(text)) return refuse(c, 400, 'before is a number');
    const args = text === undefined ? {} : { before: Number(text) };
    const { ended: signal } = c.var.session;
    const { data } = await history.run(args, { origin: originOf(c), peer: undefined, signal });
    return c.json(data ?? {});
  });

  return app;
}
