/** DNS over one HTTP/2 session (RFC 8484): a stream for each query. */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  constants,
} from 'node:http2';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { SystemError } from '../../base/errors.ts';
import { formatIp } from '../../base/ip6.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { DnsEndpoint } from '../ports-dns-transport.ts';
import { failure, type SharedConnection, timeout } from './dns-shared.ts';
import { pinFault, tlsOptions } from './dns-tls.ts';

const MAX_PENDING = 256;
const MAX_ANSWER_BYTES = 65_535;
const IDLE_MS = 30_000;
const TYPE = 'application/dns-message';

export class HttpsSession implements SharedConnection {
  readonly #to: DnsEndpoint;
  readonly #authority: string;
  readonly #socket: TLSSocket;
  /** Who is there is proved, and he speaks HTTP/2. */
  readonly #session: Promise<Result<ClientHttp2Session, SystemError>>;
  #open: ClientHttp2Session | undefined;
  #pending = 0;
  #idle: NodeJS.Timeout | undefined;
  closed = false;
  used = false;

  constructor(to: DnsEndpoint, extraRoots: readonly string[]) {
    this.#to = to;
    const address = formatIp(to.address);
    const host = to.name ?? (typeof to.address === 'bigint' ? `[${address}]` : address);
    this.#authority = to.port === 443 ? host : `${host}:${to.port}`;
    this.#socket = connectTls(tlsOptions(to, extraRoots, ['h2']));
    this.#session = new Promise((resolve) => {
      this.#socket.once('secureConnect', () => resolve(this.#proved()));
      this.#socket.on('error', (cause) => {
        this.close();
        resolve(err(failure(to, cause)));
      });
      this.#socket.on('close', () => {
        this.close();
        resolve(err(new SystemError('the connection was closed', 'ECONNRESET')));
      });
    });
  }

  async ask(
    query: Uint8Array,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Result<Uint8Array, SystemError>> {
    if (this.closed) return err(new SystemError('closed', 'ECONNRESET'));
    if (this.#pending >= MAX_PENDING) {
      return err(new SystemError('too many queries under way', 'ENOBUFS'));
    }
    clearTimeout(this.#idle);
    this.#pending++;
    let cleanUp = (): void => {};
    const given = new Promise<Result<Uint8Array, SystemError>>((resolve) => {
      const timer = setTimeout(() => resolve(err(timeout(this.#to))), timeoutMs);
      const aborted = (): void => resolve(err(new SystemError('no longer wanted', 'ECANCELED')));
      cleanUp = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', aborted);
      };
      if (signal.aborted) aborted();
      else signal.addEventListener('abort', aborted, { once: true });
    });
    let stream: ClientHttp2Stream | undefined;
    const asked = this.#session.then((session) => {
      if (!session.ok) return session;
      if (this.closed) return err(new SystemError('closed', 'ECONNRESET'));
      stream = session.value.request({
        [constants.HTTP2_HEADER_METHOD]: 'POST',
        [constants.HTTP2_HEADER_AUTHORITY]: this.#authority,
        [constants.HTTP2_HEADER_PATH]: this.#to.path,
        [constants.HTTP2_HEADER_CONTENT_TYPE]: TYPE,
        [constants.HTTP2_HEADER_ACCEPT]: TYPE,
        [constants.HTTP2_HEADER_CONTENT_LENGTH]: query.length,
      });
      return this.#answer(stream, query);
    });
    const got = await Promise.race([asked, given]);
    cleanUp();
    stream?.close(got.ok ? constants.NGHTTP2_NO_ERROR : constants.NGHTTP2_CANCEL);
    this.#pending--;
    if (got.ok) this.used = true;
    if (this.#pending === 0 && !this.closed) {
      this.#idle = setTimeout(() => this.close(), IDLE_MS);
      this.#idle.unref();
    }
    return got;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.#idle);
    this.#open?.destroy();
    this.#socket.destroy();
  }

  #proved(): Result<ClientHttp2Session, SystemError> {
    const fault =
      pinFault(this.#to, this.#socket) ??
      (this.#socket.alpnProtocol === 'h2'
        ? undefined
        : new SystemError('it does not speak HTTP/2', 'EPROTO'));
    if (fault !== undefined) {
      this.close();
      return err(fault);
    }
    const session = connectHttp2(`https://${this.#authority}`, {
      createConnection: () => this.#socket,
      settings: { enablePush: false },
    });
    session.on('error', () => this.close());
    session.on('goaway', () => this.close());
    this.#open = session;
    return ok(session);
  }

  #answer(stream: ClientHttp2Stream, query: Uint8Array): Promise<Result<Uint8Array, SystemError>> {
    return new Promise((resolve) => {
      const chunks: Buffer[] = [];
      let [sizeBytes, status, type] = [0, 0, ''];
      const refuse = (why: string): void => resolve(err(new SystemError(why, 'EPROTO')));
      stream.on('response', (headers) => {
        status = headers[':status'] ?? 0;
        type = headers['content-type'] ?? '';
      });
      stream.on('data', (chunk: Buffer) => {
        sizeBytes += chunk.length;
        if (sizeBytes <= MAX_ANSWER_BYTES) chunks.push(chunk);
        else refuse('its answer is too long');
      });
      stream.on('error', (cause) => resolve(err(failure(this.#to, cause))));
      stream.on('close', () => refuse('the stream was closed'));
      stream.on('end', () => {
        if (status !== 200) return refuse(`HTTP ${status}`);
        if (type !== TYPE) return refuse('its answer is no DNS message');
        resolve(ok(Uint8Array.from(Buffer.concat(chunks))));
      });
      stream.end(query);
    });
  }
}
