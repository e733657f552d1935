/** All routes, and what holds for each. */
import { Hono } from 'hono';
import type { HttpHandler } from '../../os/ports.ts';
import { alertRoutes } from './api-alerts.ts';
import { captureRoutes } from './api-captures.ts';
import { deviceRoutes } from './api-devices.ts';
import { dnsRoutes } from './api-dns.ts';
import { modelRoutes } from './api-model.ts';
import { monitorRoutes } from './api-monitor.ts';
import { sessionRoutes } from './api-session.ts';
import { systemRoutes } from './api-system.ts';
import { updateRoutes } from './api-update.ts';
import { type Env, type Parts, refuse } from './context.ts';
import { knownHost, loggedIn, securityHeaders, withOrigin } from './guard.ts';
import { hostOf, isAllowedHost } from './hosts.ts';
import { metricsRoute } from './metrics.ts';
import { staticFiles } from './static.ts';
import { ubusRoutes } from './ubus.ts';
import type { UbusSessions } from './ubus-sessions.ts';

const MAX_TARGET = 4096;

/** README.md lists them; a test compares. */
export function routesOf(parts: Parts, ubusSessions: UbusSessions): Hono<Env> {
  const app = new Hono<Env>({ strict: false });
  app.use(securityHeaders());
  app.use(knownHost(parts));
  app.use('/api/*', withOrigin());

  // Open to all: what is needed before there is a session.
  app.route('/api', sessionRoutes(parts));
  app.get('/api/ca.pem', (c) => {
    const { caPem } = parts.certificates;
    if (caPem === undefined) return refuse(c, 503, 'there is no certificate yet');
    return c.body(caPem, 200, {
      'content-type': 'application/x-pem-file',
      'content-disposition': 'attachment; filename="gatehouse-ca.pem"',
    });
  });

  app.use('/api/*', loggedIn(parts));
  app.get('/api/events', (c) => {
    const stream = parts.events.open(c.var.session.ended);
    if (stream === undefined) return refuse(c, 503, 'too many listeners');
    return c.body(stream, 200, { 'content-type': 'text/event-stream' });
  });
  app.route('/api', modelRoutes(parts));
  app.route('/api', deviceRoutes(parts));
  app.route('/api', dnsRoutes(parts));
  app.route('/api', captureRoutes(parts));
  app.route('/api', monitorRoutes(parts));
  app.route('/api', alertRoutes(parts));
  app.route('/api', systemRoutes(parts));
  app.route('/api', updateRoutes(parts));
  app.all('/api/*', (c) => refuse(c, 404, 'there is no such thing'));

  app.route('/metrics', metricsRoute(parts));
  app.route('/ubus', ubusRoutes(parts, ubusSessions));
  app.get('*', staticFiles(parts));
  app.all('*', (c) => refuse(c, 404, 'there is no such thing'));
  app.onError((cause, c) => {
    parts.log.error({ err: cause, path: c.req.path }, 'a request could not be answered');
    return c.json({ error: 'internal' }, 500);
  });
  return app;
}

export function createApp(parts: Parts, ubusSessions: UbusSessions): HttpHandler {
  const app = routesOf(parts, ubusSessions);
  return (request, exchange) =>
    exchange.peer.secure ? app.fetch(request, exchange) : toHttps(request, parts);
}

/** Plain HTTP only leads to HTTPS, under the name that was asked for, if it is one of ours. */
function toHttps(request: Request, { allowedHosts, httpsPort }: Parts): Response {
  const header = request.headers.get('host') ?? '';
  const host = hostOf(header);
  if (host === undefined || !isAllowedHost(header, allowedHosts())) {
    return Response.json({ error: 'this box is not known by that name' }, { status: 421 });
  }
  const { pathname, search } = new URL(request.url);
  const port = httpsPort();
  const named = host.includes(':') ? `[${host}]` : host;
  const target = `${pathname}${search}`.slice(0, MAX_TARGET);
  return new Response(null, {
    status: 308,
    headers: { location: `https://${named}${port === 443 ? '' : `:${port}`}${target}` },
  });
}
