/** A plain HTTPS client for tests: every header as told, nothing by itself. */
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { type Agent, request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';

export interface Asked {
  readonly port: number;
  readonly host?: string;
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** PEM of the root; without it the connection is plain HTTP. */
  readonly ca?: string;
  readonly agent?: Agent;
  readonly localAddress?: string;
}

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly bytes: Buffer;
}

export function ask(asked: Asked): Promise<Answered> {
  const { port, host = '127.0.0.1', path, method = 'GET', headers = {}, body, ca } = asked;
  const options = {
    ...{ port, host, path, method, headers },
    ...(asked.localAddress === undefined ? {} : { localAddress: asked.localAddress }),
  };
  // Whom the Host header names is what is tested; the certificate is for where we connect to. A check
  // of our own would do, too, but Node keeps no connection alive that has one.
  const secure = { servername: isIP(host) === 0 ? host : '' };
  return new Promise((resolve, reject) => {
    const request =
      ca === undefined
        ? httpRequest({ ...options, agent: false })
        : httpsRequest({ ...options, ...secure, ca, agent: asked.agent ?? false });
    request.on('error', reject);
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const bytes = Buffer.concat(chunks);
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: bytes.toString('utf8'),
          bytes,
        });
      });
    });
    request.end(body);
  });
}
