/** What holds for every request before a route sees it. */
import type { MiddlewareHandler } from 'hono';
import { COOKIE, cookieOf, type Env, type Parts, refuse } from './context.ts';
import { isAllowedHost, isSameOrigin } from './hosts.ts';

/**
 * No HSTS: with the box's own certificate a browser that was told once could never be let in again
 * by hand, and another box at the same address would be locked out.
 */
const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
  // Not no-referrer, which would blank the Origin of some of our own requests.
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

export const securityHeaders = (): MiddlewareHandler<Env> => async (c, next) => {
  await next();
  for (const [name, value] of Object.entries(HEADERS)) c.res.headers.set(name, value);
  if (!c.res.headers.has('cache-control')) c.res.headers.set('cache-control', 'no-store');
};

/** Host must be one of ours, and Origin, where there is one, the same host. */
export const knownHost =
  ({ allowedHosts }: Pick<Parts, 'allowedHosts'>): MiddlewareHandler<Env> =>
  async (c, next) => {
    const host = c.req.header('host') ?? '';
    if (!isAllowedHost(host, allowedHosts())) {
      return c.json({ error: 'this box is not known by that name' }, 421);
    }
    const origin = c.req.header('origin');
    if (origin !== undefined && !isSameOrigin(origin, host)) {
      return refuse(c, 403, 'that page is of another origin');
    }
    return next();
  };

/** What changes something must say which page it comes from. */
export const withOrigin = (): MiddlewareHandler<Env> => async (c, next) =>
  c.req.method !== 'GET' && c.req.method !== 'HEAD' && c.req.header('origin') === undefined
    ? refuse(c, 403, 'the header Origin is missing')
    : next();

/** A session, for changes with its token, of an account that still stands. */
export const loggedIn =
  ({ sessions, accounts, equal }: Parts): MiddlewareHandler<Env> =>
  async (c, next) => {
    const id = cookieOf(c.req.header('cookie'), COOKIE) ?? '';
    const session = sessions.use(id);
    if (session === undefined) return refuse(c, 401, 'nobody is logged in');
    const account = accounts.find(session.user);
    if (account === undefined) {
      sessions.end(id);
      return refuse(c, 401, 'this account is gone');
    }
    const token = c.req.header('x-gatehouse-token') ?? '';
    if (c.req.method !== 'GET' && c.req.method !== 'HEAD' && !equal(token, session.csrf)) {
      return refuse(c, 403, 'the token of the session is missing or wrong');
    }
    c.set('session', session);
    c.set('account', account);
    c.set('sessionId', id);
    return next();
  };

/** Viewers look. */
export const administrator = (): MiddlewareHandler<Env> => async (c, next) =>
  c.var.account.role === 'Administrator'
    ? next()
    : refuse(c, 403, 'this account may look, but not change');
