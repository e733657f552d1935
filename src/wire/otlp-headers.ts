/** Headers of OTLP over HTTP as text; apart since the model checks them long before anything is told. */
import { err, ok, type Result } from '../base/result.ts';

const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/;
const HEADER_VALUE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
/** What the way there sets itself. */
const OWN_HEADERS = new Set([
  ...['host', 'connection', 'content-length', 'content-type', 'content-encoding'],
  ...['transfer-encoding', 'upgrade', 'te', 'trailer', 'expect', 'keep-alive'],
]);

/** `name=value,name=value`, values percent-encoded, as OTEL_EXPORTER_OTLP_HEADERS has them; what is wrong, for people. */
export function readOtlpHeaders(text: string): Result<Readonly<Record<string, string>>, string> {
  const headers = new Map<string, string>();
  for (const part of text.split(',')) {
    if (part.trim() === '') continue;
    const [, name = '', encoded = ''] = /^([^=]*)=(.*)$/.exec(part.trim()) ?? [];
    const key = name.trim().toLowerCase();
    const value = decoded(encoded.trim());
    if (!HEADER_NAME.test(key)) return err('a header is name=value');
    if (OWN_HEADERS.has(key)) return err(`${key} is set by the router itself`);
    if (headers.has(key)) return err(`${key} is there twice`);
    if (value === undefined || !HEADER_VALUE.test(value))
      return err(`${key} has a value that no header may have`);
    headers.set(key, value);
  }
  return ok(Object.fromEntries(headers));
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
