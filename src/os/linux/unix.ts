/** Unix stream sockets over the native reactor. */
import { lstatSync, unlinkSync } from 'node:fs';
import { errorCode, type SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type {
  PeerCredentials,
  UnixConnection,
  UnixHandlers,
  UnixListenOptions,
  UnixServer,
  UnixSockets,
} from '../ports.ts';
import { systemError } from './errno.ts';
import { type Reactor, type Sink, What } from './native.ts';

const BACKLOG = 128;
/** sun_path holds 108 bytes with the final NUL (unix(7)). */
const MAX_PATH_BYTES = 107;

class Connection implements UnixConnection, Sink {
  readonly peer: PeerCredentials;
  readonly #reactor: Reactor;
  readonly #id: number;
  readonly #limit: number;
  readonly #gone: () => void;
  #handlers: UnixHandlers | undefined;
  #state: 'open' | 'finishing' | 'closed' = 'open';

  constructor(
    reactor: Reactor,
    id: number,
    peer: PeerCredentials,
    limit: number,
    gone: () => void,
  ) {
    this.#reactor = reactor;
    this.#id = id;
    this.peer = peer;
    this.#limit = limit;
    this.#gone = gone;
  }

  start(handlers: UnixHandlers): void {
    if (this.#state === 'closed') return;
    this.#handlers = handlers;
    this.#reactor.attach(this.#id, this);
  }

  get queuedBytes(): number {
    return this.#state === 'closed' ? 0 : this.#reactor.queuedBytes(this.#id);
  }

  write(bytes: Uint8Array): boolean {
    return this.#state === 'open' && this.#reactor.write(this.#id, bytes, this.#limit);
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#reactor.close(this.#id);
    this.#ended();
  }

  end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'finishing';
    if (this.#reactor.raw.finish(this.#id) !== 0) {
      this.#reactor.detach(this.#id);
      this.#ended();
    } else {
      this.#reactor.attach(this.#id, this);
    }
  }

  event(what: number, a: number, b: number): void {
    if (what === What.data) {
      if (this.#state === 'open') this.#handlers?.data(this.#reactor.input.subarray(a, a + b));
    } else if (what === What.closed) {
      // The descriptor is gone already; a connection that was finishing has nobody to tell.
      const handlers = this.#state === 'open' ? this.#handlers : undefined;
      this.#reactor.detach(this.#id);
      this.#ended();
      handlers?.closed(a === 0 ? undefined : systemError('unix connection', -a));
    } else if (what === What.finished) {
      this.#reactor.detach(this.#id);
      this.#ended();
    } else if (what === What.drained && this.#state === 'open') {
      this.#handlers?.drained?.();
    }
  }

  #ended(): void {
    this.#state = 'closed';
    this.#handlers = undefined;
    this.#gone();
  }
}

class Server implements UnixServer, Sink {
  readonly #reactor: Reactor;
  readonly #id: number;
  readonly #options: UnixListenOptions;
  readonly #inode: number | undefined;
  readonly #connections = new Set<Connection>();
  #refused = 0;
  #closed = false;

  constructor(reactor: Reactor, id: number, options: UnixListenOptions) {
    this.#reactor = reactor;
    this.#id = id;
    this.#options = options;
    this.#inode = socketInode(options.path);
    reactor.attach(id, this);
  }

  get refused(): number {
    return this.#refused;
  }

  event(what: number, id: number, pid: number, uid: number, gid: number): void {
    if (what === What.refused) {
      this.#refused++;
      return;
    }
    if (what !== What.accepted) return;
    if (this.#connections.size >= this.#options.maxConnections) {
      this.#refused++;
      this.#reactor.close(id);
      return;
    }
    const peer = { pid, uid: uid >>> 0, gid: gid >>> 0 };
    const connection = new Connection(this.#reactor, id, peer, this.#options.maxQueuedBytes, () =>
      this.#connections.delete(connection),
    );
    this.#connections.add(connection);
    const handlers = this.#options.accepted(connection);
    if (handlers === undefined) connection.close();
    else connection.start(handlers);
  }

  /** Closes the listener and every connection it accepted, without calling `closed`. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#reactor.close(this.#id);
    for (const connection of [...this.#connections]) connection.close();
    // Another daemon may have replaced the file meanwhile: that one is not ours to remove.
    if (this.#inode !== undefined && socketInode(this.#options.path) === this.#inode) {
      unlinkSync(this.#options.path);
    }
  }
}

export class LinuxUnixSockets implements UnixSockets {
  readonly #reactor: Reactor;

  constructor(reactor: Reactor) {
    this.#reactor = reactor;
  }

  listen(options: UnixListenOptions): Result<UnixServer, SystemError> {
    const { path, mode } = options;
    const wrong = checkPath(path);
    if (wrong !== undefined) return err(wrong);
    let id = this.#reactor.raw.listen(path, mode, BACKLOG);
    if (id === -EADDRINUSE && this.#removeStale(path)) {
      id = this.#reactor.raw.listen(path, mode, BACKLOG);
    }
    return id < 0
      ? err(systemError(`listen on ${path}`, id))
      : ok(new Server(this.#reactor, id, options));
  }

  connect(
    path: string,
    maxQueuedBytes: number,
    opened: (connection: UnixConnection) => UnixHandlers,
  ): Result<UnixConnection, SystemError> {
    const wrong = checkPath(path);
    if (wrong !== undefined) return err(wrong);
    const id = this.#reactor.raw.connect(path);
    if (id < 0) return err(systemError(`connect to ${path}`, id));
    const words = new Uint32Array(3);
    const failed = this.#reactor.raw.credentials(id, words);
    if (failed < 0) {
      this.#reactor.close(id);
      return err(systemError(`credentials of ${path}`, failed));
    }
    const peer = { pid: words[0] ?? 0, uid: words[1] ?? 0, gid: words[2] ?? 0 };
    const connection = new Connection(this.#reactor, id, peer, maxQueuedBytes, () => {});
    connection.start(opened(connection));
    return ok(connection);
  }

  /** True when `path` was a socket that nobody listens on, and is now gone. */
  #removeStale(path: string): boolean {
    if (socketInode(path) === undefined) return false;
    const probe = this.#reactor.raw.connect(path);
    if (probe >= 0) this.#reactor.close(probe);
    if (probe !== -ECONNREFUSED) return false;
    try {
      unlinkSync(path);
      return true;
    } catch (thrown) {
      return errorCode(thrown) === 'ENOENT';
    }
  }
}

const EADDRINUSE = 98;
const ECONNREFUSED = 111;
const EINVAL = 22;
const ENAMETOOLONG = 36;

function checkPath(path: string): SystemError | undefined {
  if (path.length === 0 || path.includes('\0')) return systemError('socket path', -EINVAL);
  return Buffer.byteLength(path) > MAX_PATH_BYTES
    ? systemError(
        `socket path ${path}`,
        -ENAMETOOLONG,
        `use one of at most ${MAX_PATH_BYTES} bytes`,
      )
    : undefined;
}

function socketInode(path: string): number | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isSocket() ? stat.ino : undefined;
}
