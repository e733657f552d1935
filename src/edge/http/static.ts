/**
 * The built page: looked up by name among the files that the build made, so no path leads anywhere
 * else. Names with a hash are kept by browsers for ever, the others are asked for again by ETag.
 */
import type { Handler } from 'hono';
import type { Env, Parts } from './context.ts';

const TYPES: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
  ico: 'image/x-icon',
  js: 'text/javascript; charset=utf-8',
  json: 'application/json',
  png: 'image/png',
  svg: 'image/svg+xml',
  txt: 'text/plain; charset=utf-8',
  webmanifest: 'application/manifest+json',
  woff2: 'font/woff2',
};

/** `index-4f1cAB_9.js`, as vite names what it makes. */
const HASHED = /-[A-Za-z0-9_-]{8}\.[a-z0-9]+$/;

export function staticFiles({ web }: Pick<Parts, 'web'>): Handler<Env> {
  return (c) => {
    const { pathname } = new URL(c.req.url);
    const name = pathname === '/' ? 'index.html' : pathname.slice(1);
    const type = TYPES[name.slice(name.lastIndexOf('.') + 1)];
    const file = type === undefined ? undefined : web.read(name);
    if (type === undefined || file === undefined) {
      return name === 'index.html'
        ? c.text('The page is not built on this box.\n', 503)
        : c.text('There is nothing here.\n', 404);
    }
    c.header('vary', 'accept-encoding');
    c.header('etag', file.etag);
    const cache = HASHED.test(name) ? 'public, max-age=31536000, immutable' : 'no-cache';
    c.header('cache-control', cache);
    if (matches(c.req.header('if-none-match'), file.etag)) return c.body(null, 304);
    const accepted = encodings(c.req.header('accept-encoding'));
    const choice =
      accepted.has('br') && file.br !== undefined
        ? { bytes: file.br, encoding: 'br' }
        : accepted.has('gzip') && file.gzip !== undefined
          ? { bytes: file.gzip, encoding: 'gzip' }
          : { bytes: file.bytes, encoding: undefined };
    if (choice.encoding !== undefined) c.header('content-encoding', choice.encoding);
    c.header('content-type', type);
    c.header('content-length', String(choice.bytes.byteLength));
    return c.body(new Uint8Array(choice.bytes));
  };
}

/** Names of the codings that are not refused by `q=0` (RFC 9110 §12.5.3). */
function encodings(header: string | undefined): ReadonlySet<string> {
  const taken = new Set<string>();
  for (const part of (header ?? '').toLowerCase().split(',')) {
    const [name = '', ...parameters] = part.split(';').map((text) => text.trim());
    if (!parameters.some((text) => /^q=0(\.0*)?$/.test(text))) taken.add(name);
  }
  return taken;
}

const matches = (header: string | undefined, etag: string): boolean =>
  (header ?? '').split(',').some((tag) => [etag, '*'].includes(tag.trim().replace(/^W\//, '')));
