/**
 * Who may be asked for, and by which pages: a name that an attacker's DNS points at this box is none
 * of ours (DNS rebinding), and a page of another origin has no business here.
 */

const HOST = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9][a-z0-9_.-]{0,252})(?::(\d{1,5}))?$/;

/** `host` without port, lower case and without brackets; undefined for what is no Host header (RFC 9110 §7.2). */
export function hostOf(header: string | undefined): string | undefined {
  const match = HOST.exec((header ?? '').toLowerCase());
  if (match === null || Number(match[2] ?? 1) > 65_535) return undefined;
  return (match[1] ?? '').replace(/^\[|\]$/g, '').replace(/\.$/, '');
}

/** Whether the box is known by that name. */
export function isAllowedHost(header: string | undefined, names: readonly string[]): boolean {
  const host = hostOf(header);
  if (host === undefined) return false;
  if (host === 'localhost' || host === '127.0.0.1' || host === '::1') return true;
  return names.some((name) => name.toLowerCase() === host);
}

/** Browsers leave the default port out. */
const plain = (origin: string): string => origin.toLowerCase().replace(/:443$/, '');

/** Whether the page that asks is our own: Origin (RFC 6454 §7) must name the very host that was asked for. */
export const isSameOrigin = (origin: string, hostHeader: string): boolean =>
  plain(origin) === plain(`https://${hostHeader}`);
