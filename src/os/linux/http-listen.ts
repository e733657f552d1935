/**
 * HTTP listeners on Node's own server: HTTPS with TLS 1.3 alone, and plain HTTP. Hands each request
 * to one handler as a web `Request`, and sends its `Response` no faster than the client reads.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { createSecureContext } from 'node:tls';
import { errorCode, errorMessage, SystemError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type {
  HttpCounters,
  HttpEndpoint,
  HttpExchange,
  HttpHandler,
  HttpListeners,
  TlsMaterial,
} from '../ports.ts';
import {
  CONNECTION_LIMITS,
  type ConnectionLimits,
  HttpConnections,
  plainAddress,
} from './http-connections.ts';

export interface HttpListenOptions {
  readonly handler: HttpHandler;
  readonly log: Log;
  readonly limits?: ConnectionLimits;
  /** Time for a whole head; a handshake has as much. */
  readonly headTimeoutMs?: number;
  /** Time for a whole request. */
  readonly requestTimeoutMs?: number;
}

const MAX_HEAD_BYTES = 16 * 1024;
const HEAD_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 60_000;
const KEEP_ALIVE_MS = 65_000;
/** What is left of a connection on an address that is gone. */
const LAST_WORDS_MS = 5_000;
const HOLD_BACK_BYTES = 64 * 1024;

const keyOf = ({ host, port, secure }: HttpEndpoint): string =>
  `${secure ? 'https' : 'http'}://${host}:${port}`;

export class NodeHttpListeners implements HttpListeners {
  readonly #options: HttpListenOptions;
  readonly #connections: HttpConnections;
  readonly #servers = new Map<string, Server>();
  readonly #closing = new Set<Server>();
  #material: TlsMaterial | undefined;
  #handshakesFailed = 0;
  #closed = false;

  constructor(options: HttpListenOptions) {
    this.#options = options;
    this.#connections = new HttpConnections(options.limits ?? CONNECTION_LIMITS);
  }

  get counters(): HttpCounters {
    const { size, evicted, refused } = this.#connections;
    return { connections: size, evicted, refused, handshakesFailed: this.#handshakesFailed };
  }

  async listen(endpoints: readonly HttpEndpoint[]): Promise<readonly SystemError[]> {
    const wanted = new Map(endpoints.map((endpoint) => [keyOf(endpoint), endpoint]));
    for (const [key, server] of this.#servers) {
      if (wanted.has(key)) continue;
      this.#servers.delete(key);
      this.#giveUp(server);
    }
    const errors: SystemError[] = [];
    for (const [key, endpoint] of wanted) {
      if (this.#servers.has(key) || this.#closed) continue;
      const opened = await this.#open(endpoint);
      if (!opened.ok) errors.push(opened.error);
      else if (this.#closed) opened.value.close();
      else this.#servers.set(key, opened.value);
    }
    return errors;
  }

  useCertificate(material: TlsMaterial): Result<void, SystemError> {
    const context = { cert: material.certificatePem, key: material.keyPem };
    try {
      createSecureContext(context);
      for (const server of this.#servers.values()) {
        if (server instanceof TlsServer) server.setSecureContext({ ...context, ...TLS_13 });
      }
    } catch (cause) {
      return err(
        new SystemError(`the certificate is of no use: ${errorMessage(cause)}`, errorCode(cause), {
          cause,
        }),
      );
    }
    this.#material = material;
    return ok(undefined);
  }

  /** Ports that are open, for those who asked for port 0. */
  get ports(): readonly number[] {
    return [...this.#servers.values()].map((server) => {
      const address = server.address();
      return typeof address === 'object' && address !== null ? address.port : 0;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const servers = [...this.#servers.values(), ...this.#closing];
    this.#servers.clear();
    await Promise.all(
      servers.map(
        (server) =>
          new Promise<void>((resolve) => {
            server.close(() => resolve());
            server.closeAllConnections();
          }),
      ),
    );
  }

  #open(endpoint: HttpEndpoint): Promise<Result<Server, SystemError>> {
    const server = this.#server(endpoint.secure);
    const refused = (cause: unknown): Result<Server, SystemError> =>
      err(
        new SystemError(
          `cannot listen on ${keyOf(endpoint)}: ${errorMessage(cause)}`,
          errorCode(cause),
          { cause },
        ),
      );
    if (server === undefined) {
      return Promise.resolve(
        err(new SystemError(`no certificate for ${keyOf(endpoint)}`, 'ENOENT')),
      );
    }
    return new Promise((resolve) => {
      server.once('error', (cause) => resolve(refused(cause)));
      server.listen({ host: endpoint.host, port: endpoint.port }, () => {
        server.removeAllListeners('error');
        server.on('error', (error) => this.#options.log.error({ error }, 'a listener failed'));
        resolve(ok(server));
      });
    });
  }

  #server(secure: boolean): Server | undefined {
    const { headTimeoutMs = HEAD_TIMEOUT_MS, requestTimeoutMs = REQUEST_TIMEOUT_MS } =
      this.#options;
    const options = {
      maxHeaderSize: MAX_HEAD_BYTES,
      headersTimeout: headTimeoutMs,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: Math.min(1000, headTimeoutMs),
    };
    let server: Server;
    if (secure) {
      if (this.#material === undefined) return undefined;
      const { certificatePem: cert, keyPem: key } = this.#material;
      server = createTlsServer({
        ...options,
        ...TLS_13,
        cert,
        key,
        handshakeTimeout: headTimeoutMs,
        ALPNProtocols: ['http/1.1'],
      });
      server.on('tlsClientError', (_error: Error, socket: Socket) => {
        this.#handshakesFailed++;
        socket.destroy();
      });
    } else {
      server = createServer(options);
    }
    server.maxRequestsPerSocket = 0;
    server.on('connection', (socket: Socket) => {
      // A reset peer is daily life; whoever waits for the socket sees it close.
      socket.on('error', () => {});
      this.#connections.add(socket);
    });
    server.on('request', (request, response) => void this.#serve(request, response, secure));
    return server;
  }

  /** Stops listening; what is being answered has a little time. */
  #giveUp(server: Server): void {
    this.#closing.add(server);
    const last = setTimeout(() => server.closeAllConnections(), LAST_WORDS_MS);
    server.close(() => {
      clearTimeout(last);
      this.#closing.delete(server);
    });
    server.closeIdleConnections();
  }

  async #serve(message: IncomingMessage, response: ServerResponse, secure: boolean) {
    response.on('error', () => {});
    const request = toRequest(message);
    if (request === undefined) {
      response.writeHead(400, { connection: 'close' }).end();
      return;
    }
    const socket = message.socket;
    const served = this.#connections.serving(socket, () => message.complete);
    const exchange: HttpExchange = {
      peer: { address: plainAddress(socket.remoteAddress), secure },
      readBody: (maxBytes) => readBody(message, maxBytes),
      answered: new Promise((resolve) => {
        response.once('finish', resolve);
        response.once('close', resolve);
      }),
    };
    try {
      const answer = await this.#options.handler(request, exchange);
      await send(message, response, answer);
    } catch (cause) {
      this.#options.log.error({ err: cause }, 'a request could not be answered');
      if (response.headersSent) response.destroy();
      else
        response.writeHead(500, { 'content-type': 'application/json' }).end('{"error":"internal"}');
    } finally {
      served();
    }
  }
}

const TLS_13 = { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' } as const;

/** Undefined for what no browser sends: absolute or odd targets, several hosts. */
function toRequest(message: IncomingMessage): Request | undefined {
  const { url = '', method = 'GET', rawHeaders } = message;
  if (!url.startsWith('/') || url.startsWith('//')) return undefined;
  const headers = new Headers();
  let hosts = 0;
  try {
    for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
      const name = rawHeaders[i] ?? '';
      if (name.toLowerCase() === 'host') hosts++;
      headers.append(name, rawHeaders[i + 1] ?? '');
    }
    if (hosts !== 1) return undefined;
    return new Request(`https://gatehouse.invalid${url}`, { method, headers });
  } catch {
    // TRACE and the like, or a target that is no URL.
    return undefined;
  }
}

function readBody(
  message: IncomingMessage,
  maxBytes: number,
): Promise<Result<Uint8Array, 'tooLarge' | 'aborted'>> {
  if (Number(message.headers['content-length'] ?? 0) > maxBytes) {
    return Promise.resolve(err('tooLarge'));
  }
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    message.on('data', (chunk: Buffer) => {
      sizeBytes += chunk.length;
      if (sizeBytes > maxBytes) {
        message.pause();
        message.removeAllListeners('data');
        resolve(err('tooLarge'));
        return;
      }
      chunks.push(chunk);
    });
    message.once('end', () => resolve(ok(Buffer.concat(chunks))));
    message.once('close', () => resolve(err('aborted')));
    message.once('error', () => resolve(err('aborted')));
  });
}

async function send(message: IncomingMessage, response: ServerResponse, answer: Response) {
  const { body, status, headers } = answer;
  for (const [name, value] of headers) if (name !== 'set-cookie') response.setHeader(name, value);
  const cookies = headers.getSetCookie();
  if (cookies.length > 0) response.setHeader('set-cookie', cookies);
  // What was not read must not be taken for the next request, nor be read to no end.
  // Thrown away until the answer is out: closing on unread bytes would reset the connection, answer and all.
  if (!message.complete) {
    response.setHeader('connection', 'close');
    message.resume();
  }
  response.writeHead(status);
  if (body === null || message.method === 'HEAD') {
    await body?.cancel();
    response.end();
  } else {
    response.flushHeaders();
    await pump(body, response);
  }
}

/** Reads `body` only while the client takes what was read before: a slow client is the source's to drop. */
async function pump(body: ReadableStream<Uint8Array>, response: ServerResponse): Promise<void> {
  const reader = body.getReader();
  const gone = () => void reader.cancel('gone').catch(() => {});
  response.once('close', gone);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done || response.destroyed) break;
      if (!response.write(value) && response.writableLength > HOLD_BACK_BYTES) {
        await drained(response);
      }
    }
  } catch {
    // The source gave this client up: cut it off, so that it does not take half for the whole.
    response.destroy();
    return;
  } finally {
    response.off('close', gone);
  }
  response.end();
}

const drained = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.once('drain', done);
    response.once('close', done);
    if (response.destroyed) done();
  });
