/** `GET /metrics` (OpenMetrics) for collectors that have its token. */
import { Hono } from 'hono';
import { type Env, type Parts, refuse } from './context.ts';

const OPENMETRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
const SCHEME = /^Bearer +([A-Za-z0-9_.~+/=-]{1,128}) *$/i;

/** Before the guard of sessions: no cookie leads here, and no account is asked. */
export function metricsRoute({ metrics, equal }: Pick<Parts, 'metrics' | 'equal'>): Hono<Env> {
  const app = new Hono<Env>();
  app.get('/', async (c) => {
    const { token } = metrics;
    if (token === undefined) return refuse(c, 404, 'there is no such thing');
    const given = SCHEME.exec(c.req.header('authorization') ?? '')?.[1] ?? '';
    if (!equal(given, token)) {
      c.header('www-authenticate', 'Bearer realm="metrics"');
      return refuse(c, 401, 'the token of metrics is missing or wrong');
    }
    return c.body(await metrics.text(), 200, { 'content-type': OPENMETRICS });
  });
  return app;
}
