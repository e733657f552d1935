/** History, backup, certificates, logs and audit trail. */
import { Hono } from 'hono';
import { change, revisionOf } from './changes.ts';
import {
  type Ctx,
  type Env,
  faulty,
  fieldsOf,
  isResponse,
  originOf,
  type Parts,
  record,
  refuse,
  textOf,
} from './context.ts';
import type { LineQuery } from './faces.ts';
import { administrator } from './guard.ts';

/** Rows compress well, and a router has few: a backup beyond this is none. */
const MAX_BACKUP_BYTES = 8 * 1024 * 1024;
const PASSPHRASE = 'x-gatehouse-passphrase';
const CONFIRM_SEC = 'x-gatehouse-confirm-sec';
const MAX_LINES = 1000;
const DEFAULT_LINES = 200;

export function systemRoutes(parts: Parts): Hono<Env> {
  const { configuration, certificates } = parts;
  const app = new Hono<Env>();

  app.get('/config/history', (c) => {
    const { pending } = configuration;
    return c.json({
      entries: configuration.history(),
      ...(pending === undefined ? {} : { pending }),
    });
  });

  app.post('/config/confirm', administrator(), async (c) => {
    const fields = await fieldsOf(c);
    if (isResponse(fields)) return fields;
    const done = await configuration.confirm(textOf(fields, 'token'), originOf(c));
    return done.ok ? c.json({ revision: parts.model.revision }) : conflict(c, done.error);
  });

  app.post('/config/rollback', administrator(), async (c) => {
    parts.holdEffects(c.env.answered);
    const done = await configuration.rollback(originOf(c));
    return done.ok ? c.json({ revision: parts.model.revision }) : conflict(c, done.error);
  });

  app.post('/config/restore', administrator(), async (c) => {
    const fields = await fieldsOf(c);
    if (isResponse(fields)) return fields;
    const { revision } = fields;
    if (typeof revision !== 'number' || !Number.isSafeInteger(revision)) {
      return refuse(c, 400, 'revision is a number');
    }
    return change(parts, c, fields['confirmSec'], async (origin, options) =>
      revisionOf(await configuration.restore(revision, origin, options)),
    );
  });

  app.post('/backup', administrator(), async (c) => {
    const fields = await fieldsOf(c);
    if (isResponse(fields)) return fields;
    await record(parts, c, '/api/backup');
    const made = await configuration.backup(textOf(fields, 'passphrase') ?? '');
    if (!made.ok) {
      return faulty(c, [{ kind: 'badArguments', path: 'passphrase', message: made.error }]);
    }
    const day = new Date(parts.clock.wallMs()).toISOString().slice(0, 10);
    // Header values are latin-1 without quotes; the host name is checked nowhere else.
    const name =
      parts
        .hostName()
        .replace(/[^A-Za-z0-9.-]/g, '_')
        .slice(0, 64) || 'gatehouse';
    return c.body(new Uint8Array(made.value), 200, {
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename="${name}-${day}.gatehouse"`,
    });
  });

  app.post('/restore', administrator(), async (c) => {
    const given = await uploadOf(c);
    if (isResponse(given)) return given;
    const { file, passphrase, confirmSec } = given;
    return change(parts, c, confirmSec, async (origin, options) =>
      revisionOf(await configuration.restoreBackup(file, passphrase, origin, options)),
    );
  });

  app.get('/certificate', (c) => {
    const { status } = certificates;
    return status === undefined ? refuse(c, 503, 'there is no certificate yet') : c.json(status);
  });

  app.post('/certificate', administrator(), async (c) => {
    const fields = await fieldsOf(c);
    if (isResponse(fields)) return fields;
    await record(parts, c, '/api/certificate');
    if (fields['own'] === true) {
      await certificates.backToOwn();
      parts.log.info({ user: c.var.session.user }, 'back to the own certificate');
      return c.json(certificates.status ?? {});
    }
    const certificatePem = textOf(fields, 'certificatePem') ?? '';
    const keyPem = textOf(fields, 'keyPem') ?? '';
    const done = await certificates.import({ certificatePem, keyPem });
    if (!done.ok) {
      return faulty(c, [{ kind: 'badArguments', path: 'certificatePem', message: done.error }]);
    }
    parts.log.info({ user: c.var.session.user }, 'imported a certificate');
    return c.json(certificates.status ?? {});
  });

  app.get('/logs', async (c) => c.json({ entries: await parts.logs(queryOf(c)) }));
  app.get('/audit', async (c) => c.json({ entries: await parts.audit(queryOf(c)) }));

  return app;
}

const conflict = (c: Ctx, message: string) => faulty(c, [{ kind: 'conflict', path: '', message }]);

function queryOf(c: Ctx): LineQuery {
  const limit = Number(c.req.query('limit') ?? DEFAULT_LINES);
  return {
    level: c.req.query('level') || undefined,
    text: c.req.query('text') || undefined,
    limit: Number.isSafeInteger(limit) ? Math.min(MAX_LINES, Math.max(1, limit)) : DEFAULT_LINES,
  };
}

interface Upload {
  readonly file: Uint8Array;
  readonly passphrase: string;
  /** As given: not a number where it was none. */
  readonly confirmSec: unknown;
}

/** The backup as the body with its passphrase (URI-encoded) and confirmSec in headers, or all as fields of a form. */
async function uploadOf(c: Ctx): Promise<Upload | Response> {
  const type = c.req.header('content-type') ?? '';
  const body = await c.env.readBody(MAX_BACKUP_BYTES);
  if (!body.ok) return refuse(c, 413, `more than ${MAX_BACKUP_BYTES} bytes`);
  if (!type.toLowerCase().startsWith('multipart/form-data')) {
    const passphrase = decoded(c.req.header(PASSPHRASE) ?? '');
    return { file: body.value, passphrase, confirmSec: secondsOf(c.req.header(CONFIRM_SEC)) };
  }
  const form = await new Response(new Uint8Array(body.value), { headers: { 'content-type': type } })
    .formData()
    .catch(() => undefined);
  const [file, passphrase] = [form?.get('file'), form?.get('passphrase')];
  if (!(file instanceof Blob) || typeof passphrase !== 'string') {
    return refuse(c, 400, 'the form wants file and passphrase');
  }
  const confirmSec = secondsOf(form?.get('confirmSec'));
  return { file: new Uint8Array(await file.arrayBuffer()), passphrase, confirmSec };
}

const secondsOf = (text: unknown): unknown =>
  typeof text === 'string' && /^\d{1,9}$/.test(text) ? Number(text) : text;

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A lone % belongs to the passphrase.
    return text;
  }
}
