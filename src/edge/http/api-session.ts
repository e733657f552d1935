/** Logging in and out, and the first-run set-up. */
import { Hono } from 'hono';
import { layDownSetup } from '../../tr181/setup.ts';
import {
  COOKIE,
  type Ctx,
  cookieOf,
  type Env,
  faulty,
  fieldsOf,
  isResponse,
  type Parts,
  refuse,
  textOf,
} from './context.ts';
import type { Account } from './faces.ts';
import { loggedIn } from './guard.ts';
import type { Session } from './sessions.ts';
import { readSetup } from './setup.ts';

export function sessionRoutes(parts: Parts): Hono<Env> {
  const { accounts, sessions, logins, model, log } = parts;
  const app = new Hono<Env>();
  let settingUp = false;

  const describe = (found?: { session: Session; account: Account }) => ({
    setupNeeded: !accounts.any(),
    user: found === undefined ? null : { name: found.account.name, role: found.account.role },
    csrf: found?.session.csrf ?? null,
    hostName: parts.hostName(),
    version: parts.version,
  });

  /** A new session, in place of the one that the browser had: ids are never taken over. */
  const enter = (c: Ctx, account: Account) => {
    sessions.end(cookieOf(c.req.header('cookie'), COOKIE) ?? '');
    const { id, session } = sessions.create(account, c.env.peer.address);
    c.header('set-cookie', `${COOKIE}=${id}; Path=/; HttpOnly; Secure; SameSite=Strict`);
    return c.json(describe({ session, account }));
  };

  app.get('/session', (c) => {
    const session = sessions.use(cookieOf(c.req.header('cookie'), COOKIE) ?? '');
    const account = session && accounts.find(session.user);
    return c.json(describe(session && account ? { session, account } : undefined));
  });

  app.post('/login', async (c) => {
    const fields = await fieldsOf(c);
    if (isResponse(fields)) return fields;
    const [name, password] = [textOf(fields, 'username'), textOf(fields, 'password')];
    if (name === undefined || password === undefined) {
      return refuse(c, 400, 'username and password are wanted');
    }
    const tried = await logins.attempt(name, password, c.env.peer.address, '/api/login');
    if (tried.ok) return enter(c, tried.value);
    if (tried.error.kind === 'wrong') return refuse(c, 401, 'wrong name or password');
    const { retryAfterSec } = tried.error;
    c.header('retry-after', String(retryAfterSec));
    return c.json({ error: 'too many attempts', retryAfterSec }, 429);
  });

  app.post('/logout', loggedIn(parts), (c) => {
    sessions.end(c.var.sessionId);
    c.header('set-cookie', `${COOKIE}=; Path=/; HttpOnly; Secure; SameSite=Strict; Max-Age=0`);
    return c.json(describe());
  });

  app.post('/setup', async (c) => {
    const fields = await fieldsOf(c);
    if (isResponse(fields)) return fields;
    // One at a time: of two wizards at once one makes the account, the other finds it made.
    if (accounts.any() || settingUp) return refuse(c, 403, 'the box is set up already');
    settingUp = true;
    try {
      const read = readSetup(fields);
      if (!read.ok) return faulty(c, read.error);
      const { username = 'admin' } = read.value;
      const origin = { user: username, via: 'http', address: c.env.peer.address };
      // The wizard may move the LAN, and with it the way of this answer.
      parts.holdEffects(c.env.answered);
      const done = await layDownSetup(model, read.value, origin);
      if (!done.ok) return faulty(c, done.error);
      const account = accounts.find(username);
      if (account === undefined) return refuse(c, 503, 'the account was not made');
      log.info({ user: username, address: c.env.peer.address }, 'the box was set up');
      return enter(c, account);
    } finally {
      settingUp = false;
    }
  });

  return app;
}
