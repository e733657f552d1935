/** The query of an HTTP request (RFC 8484 §4.1). */
import type { Http2ServerRequest } from 'node:http2';

const PATH = '/dns-query';
const TYPE = 'application/dns-message';
const MAX_QUERY_BYTES = 4096;

/** The DNS query, or the HTTP status that says what is wrong. */
export async function dohQuery(request: Http2ServerRequest): Promise<Uint8Array | number> {
  const [path = '', search = ''] = request.url.split('?', 2);
  if (path !== PATH) return 404;
  if (request.method === 'GET') {
    const text = new URLSearchParams(search).get('dns');
    if (text === null || !/^[A-Za-z0-9_-]+$/.test(text)) return 400;
    const query = Uint8Array.from(Buffer.from(text, 'base64url'));
    return query.length > MAX_QUERY_BYTES ? 414 : query.length < 12 ? 400 : query;
  }
  if (request.method !== 'POST') return 405;
  if (request.headers['content-type'] !== TYPE) return 415;
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  try {
    for await (const chunk of request) {
      const piece = chunk as Buffer;
      sizeBytes += piece.length;
      if (sizeBytes > MAX_QUERY_BYTES) return 413;
      chunks.push(piece);
    }
  } catch {
    // The client gave up: nobody reads the status.
    return 400;
  }
  return sizeBytes < 12 ? 400 : Uint8Array.from(Buffer.concat(chunks));
}
