/** The DNS server's commands, as the bus has them: looking for everyone, names and devices for administrators. */
import { Hono } from 'hono';
import { type Env, fieldsOf, isResponse, originOf, type Parts, refuse } from './context.ts';

/** What tells nothing of who asked for what, and changes nothing. */
const FOR_ALL: ReadonlySet<string> = new Set(['status', 'lists', 'why']);

export function dnsRoutes({ dns }: Parts): Hono<Env> {
  const app = new Hono<Env>();

  app.post('/dns/:command', async (c) => {
    const name = c.req.param('command');
    const command = Object.hasOwn(dns.commands, name) ? dns.commands[name] : undefined;
    if (command === undefined) return refuse(c, 404, 'there is no such command');
    if (!FOR_ALL.has(name) && c.var.account.role !== 'Administrator') {
      return refuse(c, 403, 'this account may look, but not change');
    }
    const args = await fieldsOf(c);
    if (isResponse(args)) return args;
    const { ended: signal } = c.var.session;
    const context = { origin: originOf(c), peer: undefined, signal };
    const { status, message, data } = await command.run(args, context);
    return status === 'success' ? c.json(data ?? {}) : c.json({ error: message ?? '' }, 422);
  });

  return app;
}
