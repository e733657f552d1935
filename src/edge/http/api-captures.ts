/** The commands of captures, as the bus has them; what is on the wires is for administrators. */
import { Hono } from 'hono';
import { type Env, fieldsOf, isResponse, originOf, type Parts, refuse } from './context.ts';
import { administrator } from './guard.ts';

export function captureRoutes({ captures }: Parts): Hono<Env> {
  const app = new Hono<Env>();

  app.post('/captures/:command', administrator(), async (c) => {
    const name = c.req.param('command');
    const command = Object.hasOwn(captures.commands, name) ? captures.commands[name] : undefined;
    if (command === undefined) return refuse(c, 404, 'there is no such command');
    const args = await fieldsOf(c);
    if (isResponse(args)) return args;
    const { ended: signal } = c.var.session;
    const context = { origin: originOf(c), peer: undefined, signal };
    const { status, message, data } = await command.run(args, context);
    return status === 'success' ? c.json(data ?? {}) : c.json({ error: message ?? '' }, 422);
  });

  return app;
}
