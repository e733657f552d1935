/** DNS for clients by TCP (RFC 7766), TLS (RFC 7858) and HTTPS (RFC 8484). Whoever crowds makes room for others. */
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2';
import { createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { errorCode, errorMessage, SystemError } from '../../base/errors.ts';
import { parseIpv4 } from '../../base/ip.ts';
import { formatIp, type IpAddress, parseIpv6 } from '../../base/ip6.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { TlsMaterial } from '../ports.ts';
import type {
  DnsStreamCounters,
  DnsStreamEndpoint,
  DnsStreamHandler,
  DnsStreamServer,
} from '../ports-dns-transport.ts';
import { dohQuery } from './dns-doh.ts';
import { StreamFrames } from './dns-stream-frames.ts';
import { HttpConnections, plainAddress } from './http-connections.ts';

const LIMITS = { maxInAll: 512, maxPerAddress: 32 };
/** Queries of one connection that are being answered; more are read when some are done. */
const MAX_UNANSWERED = 64;
/** Without a query for so long, or with one that does not come whole. */
const IDLE_MS = 20_000;
const HANDSHAKE_MS = 5_000;
/** What a client does not read. */
const MAX_UNSENT_BYTES = 256 * 1024;

type AnyServer = Server | Http2SecureServer;

const keyOf = ({ transport, address, port }: DnsStreamEndpoint): string =>
  `${transport} ${formatIp(address)} ${port}`;

export class NodeDnsStreamServer implements DnsStreamServer {
  readonly #handler: DnsStreamHandler;
  readonly #connections = new HttpConnections(LIMITS);
  readonly #servers = new Map<string, AnyServer>();
  readonly #sockets = new Set<Socket>();
  #material: TlsMaterial | undefined;
  #handshakesFailed = 0;

  constructor(handler: DnsStreamHandler) {
    this.#handler = handler;
  }

  get counters(): DnsStreamCounters {
    const { size, evicted, refused } = this.#connections;
    return { connections: size, evicted, refused, handshakesFailed: this.#handshakesFailed };
  }

  /** Ports that are open, for those who asked for port 0. */
  get ports(): readonly number[] {
    return [...this.#servers.values()].map((server) => {
      const address = server.address();
      return typeof address === 'object' && address !== null ? address.port : 0;
    });
  }

  async listen(endpoints: readonly DnsStreamEndpoint[]) {
    const wanted = new Map(endpoints.map((endpoint) => [keyOf(endpoint), endpoint]));
    for (const [key, server] of this.#servers) {
      if (wanted.has(key)) continue;
      this.#servers.delete(key);
      server.close();
    }
    const failed: { endpoint: DnsStreamEndpoint; error: SystemError }[] = [];
    for (const [key, endpoint] of wanted) {
      if (this.#servers.has(key)) continue;
      const opened = await this.#open(endpoint);
      if (opened.ok) this.#servers.set(key, opened.value);
      else failed.push({ endpoint, error: opened.error });
    }
    return failed;
  }

  useCertificate(material: TlsMaterial): Result<void, SystemError> {
    const context = { cert: material.certificatePem, key: material.keyPem };
    try {
      createSecureContext(context);
      for (const server of this.#servers.values()) {
        if ('setSecureContext' in server) server.setSecureContext({ ...context, ...TLS });
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

  async [Symbol.asyncDispose](): Promise<void> {
    const servers = [...this.#servers.values()];
    this.#servers.clear();
    const closed = servers.map((server) => new Promise<void>((done) => server.close(() => done())));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
  }

  #open(endpoint: DnsStreamEndpoint): Promise<Result<AnyServer, SystemError>> {
    const server = this.#server(endpoint.transport);
    if (server === undefined) {
      return Promise.resolve(err(new SystemError('there is no certificate yet', 'ENOENT')));
    }
    server.on('connection', (socket: Socket) => {
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
      this.#sockets.add(socket);
      this.#connections.add(socket);
    });
    return new Promise((resolve) => {
      server.once('error', (cause: Error) => {
        resolve(
          err(
            new SystemError(
              `cannot listen on ${keyOf(endpoint)}: ${errorMessage(cause)}`,
              errorCode(cause),
              { cause },
            ),
          ),
        );
      });
      server.listen({ host: formatIp(endpoint.address), port: endpoint.port }, () => {
        server.removeAllListeners('error');
        // What fails later is one connection's matter.
        server.on('error', () => {});
        resolve(ok(server));
      });
    });
  }

  #server(transport: DnsStreamEndpoint['transport']): AnyServer | undefined {
    if (transport === 'tcp') return createServer((socket) => this.#serve(socket, 'tcp', socket));
    if (this.#material === undefined) return undefined;
    const { certificatePem: cert, keyPem: key } = this.#material;
    const failedHandshake = (_error: Error, socket: Socket): void => {
      this.#handshakesFailed++;
      socket.destroy();
    };
    if (transport === 'tls') {
      const options = { cert, key, ...TLS, handshakeTimeout: HANDSHAKE_MS, ALPNProtocols: ['dot'] };
      const server = createTlsServer(options, (socket: TLSSocket) => {
        socket.on('error', () => {});
        this.#serve(socket, 'tls', socket);
      });
      server.on('tlsClientError', failedHandshake);
      return server;
    }
    const server = createSecureServer(
      {
        cert,
        key,
        ...TLS,
        handshakeTimeout: HANDSHAKE_MS,
        allowHTTP1: true,
        settings: DOH_SETTINGS,
      },
      (request, response) => void this.#serveHttps(request, response),
    );
    server.on('tlsClientError', failedHandshake);
    server.on('session', (session) => {
      session.on('error', () => {});
      session.setTimeout(IDLE_MS, () => session.close());
    });
    return server;
  }

  #serve(socket: Socket, transport: 'tcp' | 'tls', counted: Socket): void {
    const client = addressOf(socket.remoteAddress);
    if (client === undefined) {
      socket.destroy();
      return;
    }
    const frames = new StreamFrames();
    let unanswered = 0;
    socket.setNoDelay(true);
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    const one = async (query: Uint8Array): Promise<void> => {
      const served = this.#connections.serving(counted, () => true);
      try {
        const answer = await this.#handler(query, client, transport);
        if (answer === undefined || socket.writableLength > MAX_UNSENT_BYTES) socket.destroy();
        else if (!socket.destroyed) {
          const framed = new Uint8Array(2 + answer.length);
          framed.set([answer.length >> 8, answer.length & 255]);
          framed.set(answer, 2);
          socket.write(framed);
        }
      } finally {
        served();
        unanswered--;
        if (unanswered < MAX_UNANSWERED && socket.isPaused()) socket.resume();
      }
    };
    socket.on('data', (chunk: Buffer) => {
      const queries = frames.push(chunk);
      if (queries === undefined || queries.some(({ length }) => length < 12)) {
        socket.destroy();
        return;
      }
      for (const query of queries) {
        unanswered++;
        void one(query);
      }
      if (unanswered >= MAX_UNANSWERED) socket.pause();
    });
  }

  async #serveHttps(request: Http2ServerRequest, response: Http2ServerResponse): Promise<void> {
    response.on('error', () => {});
    const refuse = (status: number): void => {
      response.writeHead(status);
      response.end();
    };
    const client = addressOf(request.socket?.remoteAddress);
    if (client === undefined) return refuse(400);
    const served = this.#connections.serving(request.socket, () => request.complete);
    try {
      const query = await dohQuery(request);
      if (typeof query === 'number') return refuse(query);
      const answer = await this.#handler(query, client, 'https');
      if (answer === undefined) return refuse(403);
      response.writeHead(200, {
        'content-type': 'application/dns-message',
        'content-length': answer.length,
        // Answers are the house's own: what is blocked for one is not for another.
        'cache-control': 'no-store',
      });
      response.end(answer);
    } finally {
      served();
    }
  }
}

const TLS = { minVersion: 'TLSv1.2' } as const;
const DOH_SETTINGS = { maxConcurrentStreams: 64 };

/** Undefined when it has gone already. */
function addressOf(text: string | undefined): IpAddress | undefined {
  const plain = plainAddress(text).replace(/%.*$/, '');
  const v4 = parseIpv4(plain);
  if (v4.ok) return v4.value;
  const v6 = parseIpv6(plain);
  return v6.ok ? v6.value : undefined;
}
