/** Loading a line on Node's HTTP client: pieces are counted as they come, and let go. */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { type Socket, connect as tcpConnect } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as tlsConnect } from 'node:tls';
import { errorCode, SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { LoadTransfers, LoadWanted } from '../ports-load.ts';
import { failureWords } from './errno.ts';

const MAX_REDIRECTS = 5;
/** libuv reads no more at once. */
const PIECE_BYTES = 65_536;
/** A body that is shorter would be asked for all the time, and load nothing. */
const LEAST_BODY_BYTES = 256 * 1024;
const POST_BYTES = 32 << 20;
/** What a server answers to a POST. */
const MAX_ANSWER_BYTES = 64 * 1024;

const SOCKET_TABLES = ['/proc/self/net/tcp', '/proc/self/net/tcp6'];
/** Local port and tx_queue of a line (proc_net_tcp.txt of the kernel). */
const SOCKET = /^ *\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} [0-9A-F]{2} ([0-9A-F]{8}):/gm;

const unusable = (what: string): SystemError => new SystemError(what, 'EPROTO');

export class LinuxLoadTransfers implements LoadTransfers {
  readonly pieceBytes = PIECE_BYTES;

  download(
    wanted: LoadWanted,
    came: (bytes: number) => void,
    signal: AbortSignal,
  ): Promise<Result<void, SystemError>> {
    // One read may hold several pieces, and the signal fire at the first of them.
    const count = (bytes: number): void => {
      if (!signal.aborted) came(bytes);
    };
    return transfer(wanted, signal, async (connections, first) => {
      let url = first;
      for (let hops = 0; !signal.aborted; ) {
        const next = await get(connections, url, count);
        if (next === undefined) continue;
        if (++hops > MAX_REDIRECTS) throw unusable(`more than ${MAX_REDIRECTS} redirects`);
        url = next;
      }
    });
  }

  upload(
    wanted: LoadWanted,
    grant: (most: number) => number,
    signal: AbortSignal,
    begun: (waiting: () => Promise<number>) => void,
  ): Promise<Result<void, SystemError>> {
    // Bytes that nobody on the way can make smaller.
    const piece = randomBytes(PIECE_BYTES);
    return transfer(wanted, signal, async (connections, url) => {
      begun(() => connections.waiting());
      while (!signal.aborted) await post(connections, url, piece, grant);
    });
  }
}

/** `work` for each stream, until the signal fires or none is left. */
async function transfer(
  { url: text, streams }: LoadWanted,
  signal: AbortSignal,
  work: (connections: Connections, url: URL) => Promise<void>,
): Promise<Result<void, SystemError>> {
  const url = URL.parse(text);
  if (url === null || !isHttp(url)) return err(unusable(`${text}: neither http nor https`));
  const connections = new Connections(streams);
  const reset = (): void => connections.reset();
  signal.addEventListener('abort', reset);
  const ends = await Promise.allSettled(
    Array.from({ length: streams }, () => work(connections, url)),
  );
  signal.removeEventListener('abort', reset);
  connections.reset();
  if (signal.aborted) return ok(undefined);
  const thrown = ends.find((end) => end.status === 'rejected')?.reason;
  const code = errorCode(thrown);
  // Codes of llhttp and OpenSSL are no errno.
  const known = /^E[A-Z]+$/.test(code) ? code : 'EPROTO';
  return err(new SystemError(`${text}: ${failureWords(thrown)}`, known, { cause: thrown }));
}

const isHttp = ({ protocol }: URL): boolean => protocol === 'http:' || protocol === 'https:';

/** The connections of a transfer: all can be reset at once, and then nothing of them is sent any more. */
class Connections {
  readonly #sockets = new Set<Socket>();
  readonly #agents: Readonly<Record<string, Agent>>;
  #isReset = false;

  constructor(most: number) {
    const options = { keepAlive: true, maxSockets: most };
    const opened = (socket: Socket): void => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      if (this.#isReset) socket.destroy();
    };
    this.#agents = {
      'http:': new LoadAgent(options, false, opened),
      'https:': new LoadAgent(options, true, opened),
    };
  }

  request(url: URL, method: string, headers: Readonly<Record<string, string>>): ClientRequest {
    return httpRequest({
      ...{ method, path: `${url.pathname}${url.search}` },
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port || (url.protocol === 'https:' ? 443 : 80),
      agent: this.#agents[url.protocol],
      headers: { host: url.host, 'user-agent': 'gatehouse', ...headers },
    });
  }

  /** Bytes that the kernel has, and nobody has acknowledged; 0 where it does not tell. */
  async waiting(): Promise<number> {
    const ports = new Set([...this.#sockets].map(({ localPort }) => localPort));
    let bytes = 0;
    for (const table of SOCKET_TABLES) {
      // The kernel walks through all its sockets: not on the thread of everybody else.
      const text = await readFile(table, 'latin1').catch(() => '');
      for (const [, port = '', queued = ''] of text.matchAll(SOCKET)) {
        if (ports.has(Number.parseInt(port, 16))) bytes += Number.parseInt(queued, 16);
      }
    }
    return bytes;
  }

  /** What waits in the kernel to be sent goes, too. */
  reset(): void {
    this.#isReset = true;
    for (const socket of this.#sockets) {
      if (socket.connecting) socket.destroy();
      else socket.resetAndDestroy();
    }
    for (const agent of Object.values(this.#agents)) agent.destroy();
  }
}

/** Hands connections out when they stand, with TLS where it is wanted. */
class LoadAgent extends Agent {
  readonly #secure: boolean;
  readonly #opened: (socket: Socket) => void;

  constructor(
    options: { readonly keepAlive: boolean; readonly maxSockets: number },
    secure: boolean,
    opened: (socket: Socket) => void,
  ) {
    super(options);
    this.#secure = secure;
    this.#opened = opened;
  }

  override createConnection(
    options: { readonly host?: string | null; readonly port?: number | string | null },
    ready: (failure: Error | null, stream: Duplex) => void,
  ): undefined {
    const host = options.host ?? '';
    const socket = tcpConnect({ host, port: Number(options.port), noDelay: true });
    this.#opened(socket);
    // A name in the handshake (RFC 6066 §3) is never an address.
    const isName = !/^[\d.]+$|:/.test(host);
    const stream = this.#secure
      ? tlsConnect({ socket, host, ...(isName ? { servername: host } : {}) })
      : socket;
    let told = false;
    const tell = (failure: Error | null): void => {
      if (told) return;
      told = true;
      ready(failure, stream);
    };
    stream.once(this.#secure ? 'secureConnect' : 'connect', () => tell(null));
    stream.on('error', tell);
    stream.once('close', () => tell(unusable('the connection was closed')));
  }
}

/** Resolves with where it leads to, or undefined after a body; throws for what cannot be used. */
function get(
  connections: Connections,
  url: URL,
  came: (bytes: number) => void,
): Promise<URL | undefined> {
  const headers = { 'accept-encoding': 'identity', 'cache-control': 'no-cache' };
  const request = connections.request(url, 'GET', headers);
  request.end();
  return settled(request, (response, resolve, reject) => {
    const { statusCode = 0, headers } = response;
    const isRedirect = statusCode >= 300 && statusCode < 400 && headers.location !== undefined;
    if (isRedirect) {
      request.destroy();
      const next = URL.parse(headers.location ?? '', url);
      if (next === null || !isHttp(next)) return reject(unusable('it leads to what is no http'));
      // A redirect must not lead to where nobody proves who he is.
      if (url.protocol === 'https:' && next.protocol === 'http:') {
        return reject(unusable(`it leads to ${next.host} by http, which is not secure`));
      }
      return resolve(next);
    }
    if (statusCode !== 200) {
      request.destroy();
      return reject(unusable(`status ${statusCode}`));
    }
    let bytes = 0;
    response.on('data', (piece: Buffer) => {
      bytes += piece.length;
      came(piece.length);
    });
    response.once('end', () => {
      if (bytes >= LEAST_BODY_BYTES) return resolve(undefined);
      reject(unusable(`${bytes} bytes are too few to load a line: ${LEAST_BODY_BYTES} at least`));
    });
  });
}

/** Resolves after a whole body was sent and answered. */
function post(
  connections: Connections,
  url: URL,
  piece: Buffer,
  grant: (most: number) => number,
): Promise<void> {
  const request = connections.request(url, 'POST', {
    'content-type': 'application/octet-stream',
    'content-length': String(POST_BYTES),
  });
  let left = POST_BYTES;
  const push = (): void => {
    while (left > 0 && !request.destroyed) {
      const granted = grant(Math.min(left, piece.length));
      // Then all is over, and the connection with it.
      if (granted === 0) return;
      left -= granted;
      const whole = granted === piece.length;
      if (!request.write(whole ? piece : piece.subarray(0, granted))) return;
    }
    if (left === 0) request.end();
  };
  request.on('drain', push);
  request.once('socket', push);
  return settled(request, (response, resolve, reject) => {
    const { statusCode = 0, headers } = response;
    const refuse = (why: string): void => {
      request.destroy();
      reject(unusable(why));
    };
    if (statusCode >= 300 && statusCode < 400) {
      return refuse(`it leads to ${headers.location}: what is sent goes to no other`);
    }
    if (statusCode < 200 || statusCode > 299) return refuse(`status ${statusCode}`);
    if (left > 0) return refuse('it answered before it had everything');
    let bytes = 0;
    response.on('data', (part: Buffer) => {
      bytes += part.length;
      if (bytes > MAX_ANSWER_BYTES) refuse('its answer is too long');
    });
    response.once('end', () => resolve());
  });
}

/** The outcome of a request, whatever comes first. */
function settled<T>(
  request: ClientRequest,
  answered: (
    response: IncomingMessage,
    resolve: (value: T) => void,
    reject: (cause: unknown) => void,
  ) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    request.once('response', (response) => {
      response.on('error', reject);
      response.once('aborted', () => reject(unusable('the answer was cut')));
      answered(response, resolve, reject);
    });
    request.on('error', reject);
    request.once('close', () => reject(unusable('the connection was closed')));
  });
}
