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

  app.get('/captures/files/:name', administrator(), async (c) => {
    const name = c.req.param('name');
    const file = await captures.read(name, originOf(c));
    if (!file.ok) return refuse(c, 404, 'there is no such file');
    return c.body(file.value.body, 200, {
      'content-type': 'application/octet-stream',
      // The store knows names of letters, digits and hyphens alone.
      'content-disposition': `attachment; filename="${name}"`,
      'content-length': String(file.value.bytes),
    });
  });

  return app;
}
