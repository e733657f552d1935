/** The data model over HTTP: reading for everyone who is logged in, changing for administrators. */
import { Hono } from 'hono';
import type { Change, Fault, ParamValue } from '../../tr181/model.ts';
import { change, revisionOf } from './changes.ts';
import {
  type Env,
  faulty,
  fieldsOf,
  isResponse,
  mapOf,
  originOf,
  type Parts,
  refuse,
  textOf,
  textsOf,
} from './context.ts';
import { MAX_LIVE_PATHS } from './events.ts';
import { administrator } from './guard.ts';

const MAX_PATHS = 256;
const MAX_CHANGES = 512;

export function modelRoutes(parts: Parts): Hono<Env> {
  const { model, events } = parts;
  const app = new Hono<Env>();

  app.post('/get', async (c) => {
    const fields = await fieldsOf(c);
    if (isResponse(fields)) return fields;
    const paths = textsOf(fields, 'paths', MAX_PATHS);
    if (paths === undefined) return refuse(c, 400, `paths is a list of at most ${MAX_PATHS} texts`);
    const depth = fields['maxDepth'];
    const answers = model.get(paths, typeof depth === 'number' ? { maxDepth: depth } : {});
    const values: ParamValue[] = [];
    const faults: Fault[] = [];
    for (const { result } of answers) {
      if (result.ok) for (const value of result.value) values.push(value);
      else faults.push(result.error);
    }
    return c.json({ revision: model.revision, changes: events.changes, values, faults });
  });

  app.post('/look', async (c) => {
    const fields = await fieldsOf(c);
    if (isResponse(fields)) return fields;
    const { stream } = fields;
    const paths = textsOf(fields, 'paths', MAX_LIVE_PATHS);
    if (typeof stream !== 'number' || paths === undefined) {
      return refuse(c, 400, `stream is a number, paths a list of at most ${MAX_LIVE_PATHS} texts`);
    }
    return events.look(stream, c.var.session.ended, paths)
      ? c.json({})
      : refuse(c, 404, 'this session has no such stream');
  });

  app.post('/schema', async (c) => {
    const fields = await fieldsOf(c);
    if (isResponse(fields)) return fields;
    const rows = model.schema(textOf(fields, 'path') ?? 'Device.', {
      firstLevel: fields['firstLevel'] === true,
    });
    return rows.ok ? c.json(rows.value) : faulty(c, [rows.error]);
  });

  app.post('/instances', async (c) => {
    const fields = await fieldsOf(c);
    if (isResponse(fields)) return fields;
    const rows = model.instances(textOf(fields, 'path') ?? 'Device.', {
      firstLevel: fields['firstLevel'] === true,
    });
    return rows.ok ? c.json(rows.value) : faulty(c, [rows.error]);
  });

  app.post('/set', administrator(), async (c) => {
    const fields = await fieldsOf(c);
    if (isResponse(fields)) return fields;
    const changes = changesOf(fields['changes']);
    if (changes === undefined) {
      return refuse(c, 400, `changes is a list of at most ${MAX_CHANGES} of path and value`);
    }
    return change(parts, c, fields['confirmSec'], async (origin, options) =>
      revisionOf(await model.set(changes, origin, options)),
    );
  });

  app.post('/add', administrator(), async (c) => {
    const fields = await fieldsOf(c);
    if (isResponse(fields)) return fields;
    const path = textOf(fields, 'path');
    const values = fields['values'] === undefined ? {} : mapOf(fields, 'values');
    if (path === undefined || values === undefined) {
      return refuse(c, 400, 'path and values, by name, are wanted');
    }
    return change(parts, c, fields['confirmSec'], (origin, options) =>
      model.add(path, values, origin, options),
    );
  });

  app.post('/del', administrator(), async (c) => {
    const fields = await fieldsOf(c);
    if (isResponse(fields)) return fields;
    const paths = textsOf(fields, 'paths', MAX_PATHS);
    if (paths === undefined) return refuse(c, 400, `paths is a list of at most ${MAX_PATHS} texts`);
    return change(parts, c, fields['confirmSec'], (origin, options) =>
      model.del(paths, origin, options),
    );
  });

  app.post('/operate', administrator(), async (c) => {
    const fields = await fieldsOf(c);
    if (isResponse(fields)) return fields;
    const path = textOf(fields, 'path');
    const args = fields['args'] === undefined ? {} : mapOf(fields, 'args');
    if (path === undefined || args === undefined) {
      return refuse(c, 400, 'path and args, by name, are wanted');
    }
    const { ended: signal } = c.var.session;
    const done = await model.operate(path, args, { origin: originOf(c), signal });
    return done.ok ? c.json(done.value) : faulty(c, [done.error]);
  });

  return app;
}

function changesOf(value: unknown): readonly Change[] | undefined {
  if (!Array.isArray(value) || value.length > MAX_CHANGES) return undefined;
  const changes: Change[] = [];
  for (const item of value as readonly unknown[]) {
    if (typeof item !== 'object' || item === null) return undefined;
    const { path, value: text } = item as Record<string, unknown>;
    if (typeof path !== 'string' || typeof text !== 'string') return undefined;
    changes.push({ path, value: text });
  }
  return changes;
}
