/** Firmware updates: a bundle in pieces, its installation, and the choice of the next boot. Progress is in the model. */
import { Hono } from 'hono';
import type { SystemError } from '../../base/errors.ts';
import type { Result } from '../../base/result.ts';
import {
  type Ctx,
  type Env,
  faulty,
  fieldsOf,
  isResponse,
  type Parts,
  record,
  refuse,
} from './context.ts';
import { administrator } from './guard.ts';

/** Whoever sends a bundle sends it in pieces of at most this: no more of it is ever in memory. */
const MAX_PIECE_BYTES = 1024 * 1024;

export function updateRoutes(parts: Parts): Hono<Env> {
  const { updates } = parts;
  const app = new Hono<Env>();

  app.post('/update', administrator(), async (c) => {
    const fields = await fieldsOf(c);
    if (isResponse(fields)) return fields;
    const { sizeBytes } = fields;
    if (typeof sizeBytes !== 'number') return refuse(c, 400, 'sizeBytes is a number');
    await record(parts, c, '/api/update');
    return answer(c, await updates.begin(sizeBytes));
  });

  app.post('/update/data', administrator(), async (c) => {
    const offset = c.req.query('offset') ?? '';
    if (!/^\d{1,10}$/.test(offset)) return refuse(c, 400, 'offset is a number of bytes');
    const body = await c.env.readBody(MAX_PIECE_BYTES);
    if (!body.ok) return refuse(c, 413, `more than ${MAX_PIECE_BYTES} bytes`);
    return answer(c, await updates.write(Number(offset), body.value));
  });

  for (const step of ['install', 'cancel', 'activate', 'rollback'] as const) {
    app.post(`/update/${step}`, administrator(), async (c) => {
      await record(parts, c, `/api/update/${step}`);
      return answer(c, await updates[step]());
    });
  }
  return app;
}

const answer = (c: Ctx, done: Result<void, SystemError>) =>
  done.ok ? c.json({}) : faulty(c, [{ kind: 'conflict', path: '', message: done.error.message }]);
