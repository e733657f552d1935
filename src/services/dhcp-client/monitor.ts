import type { Clock, Timer } from '../../base/clock.ts';
import type { SystemError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { ok, type Result } from '../../base/result.ts';
import type {
  Directories,
  Files,
  PeerCredentials,
  UnixConnection,
  UnixHandlers,
  UnixServer,
  UnixSockets,
} from '../../os/ports.ts';
import {
  decodeLeaseMessage,
  encodeLeaseAck,
  LEASE_HEADER_BYTES,
  LEASE_MAX_BYTES,
  leaseFrameBytes,
} from '../../wire/lease.ts';
import type { HookMessage } from '../client-programs/program.ts';

export interface MonitorDeps {
  readonly sockets: UnixSockets;
  readonly directories: Directories;
  readonly clock: Clock;
  readonly log: Log;
  /** `RUN_DIR/lease.sock`. */
  readonly socketPath: string;
  /** `RUN_DIR/spool`: what the hook left while nobody listened. */
  readonly spoolDir: string;
  readonly files: Files;
  readonly bootId: string;
  /** `RUN_DIR/boot-id`: the boot that the spool is of. */
  readonly bootIdPath: string;
  /** Only processes of this user, and root, may speak. */
  readonly ownUid: number;
  /** Carries a message out; false when it belongs to no client. Resolves when it is on disk. */
  handle(message: HookMessage): Promise<boolean>;
}

const MAX_PLUGINS = 128;
/** A plugin says all it has to say at once. */
const TALK_MS = 2000;
const MAX_ACK_BYTES = 1024;

/** The Unix socket that the hook's plugins talk to: one message each, acknowledged when carried out. */
export class LeaseMonitor implements AsyncDisposable {
  readonly #deps: MonitorDeps;
  #server: UnixServer | undefined;
  #refused = 0;
  #accepted = 0;

  constructor(deps: MonitorDeps) {
    this.#deps = deps;
  }

  /** Messages refused since start: malformed, from a stranger, or for no client. */
  get refused(): number {
    return this.#refused + (this.#server?.refused ?? 0);
  }

  get accepted(): number {
    return this.#accepted;
  }

  listen(): Result<void, SystemError> {
    const server = this.#deps.sockets.listen({
      path: this.#deps.socketPath,
      mode: 0o600,
      maxConnections: MAX_PLUGINS,
      maxQueuedBytes: MAX_ACK_BYTES,
      accepted: (connection) => this.#accept(connection),
    });
    if (!server.ok) return server;
    this.#server = server.value;
    return ok(undefined);
  }

  /** Carries out what was spooled, oldest first. A file that cannot be used is removed, counted and logged. */
  async readSpool(): Promise<void> {
    const { directories, spoolDir, log } = this.#deps;
    const today = this.#sameBoot();
    const names = directories.list(spoolDir);
    if (!names.ok) {
      log.warn({ code: names.error.code }, names.error.message);
      return;
    }
    for (const name of names.value) {
      const path = `${spoolDir}/${name}`;
      const bytes = directories.read(path, LEASE_MAX_BYTES);
      if (!bytes.ok) this.#refuse(bytes.error.message, { file: name });
      else if (today) await this.#carryOut(bytes.value, { file: name });
      const removed = directories.remove(path);
      if (!removed.ok) log.warn({ code: removed.error.code }, removed.error.message);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
    this.#server = undefined;
  }

  /** The run directory may lie on a disk: what an earlier boot spooled says nothing of today. */
  #sameBoot(): boolean {
    const { files, directories, bootId, bootIdPath, log } = this.#deps;
    const before = directories.read(bootIdPath, 64);
    if (before.ok && new TextDecoder().decode(before.value) === bootId) return true;
    const written = files.writeAtomic(bootIdPath, bootId, 0o600);
    if (!written.ok) log.warn({ code: written.error.code }, written.error.message);
    return false;
  }

  #accept(connection: UnixConnection): UnixHandlers | undefined {
    const { peer } = connection;
    if (peer.uid !== this.#deps.ownUid && peer.uid !== 0) {
      this.#refuse('a process of another user', { peer });
      return undefined;
    }
    const timer = this.#deps.clock.after(TALK_MS, () => {
      this.#refuse('no whole message in time', { peer });
      connection.close();
    });
    return new Talk(
      timer,
      (frame) => this.#hear(connection, frame, peer),
      (why) => {
        this.#refuse(why, { peer });
        connection.close();
      },
    );
  }

  async #hear(connection: UnixConnection, frame: Uint8Array, peer: PeerCredentials): Promise<void> {
    const done = await this.#carryOut(frame, { peer });
    connection.write(encodeLeaseAck(done ? 'done' : 'refused'));
    connection.end();
  }

  async #carryOut(frame: Uint8Array, from: Readonly<Record<string, unknown>>): Promise<boolean> {
    const message = decodeLeaseMessage(frame);
    if (!message.ok) {
      const { field, offset } = message.error;
      this.#refuse(message.error.message, { ...from, field, offset });
      return false;
    }
    const handled = await this.#deps.handle(message.value);
    const { clientId: client, event, boottimeMs } = message.value;
    if (handled) {
      this.#accepted++;
      const tookMs = this.#deps.clock.boottimeMs() - boottimeMs;
      this.#deps.log.debug({ client, event, tookMs }, 'lease message taken');
    } else this.#refuse('a message for no client', { ...from, client });
    return handled;
  }

  #refuse(why: string, fields: Readonly<Record<string, unknown>>): void {
    this.#refused++;
    this.#deps.log.warn({ ...fields, why }, 'lease message refused');
  }
}

/** Collects the one frame of a connection. */
class Talk implements UnixHandlers {
  readonly #timer: Timer;
  readonly #whole: (frame: Uint8Array) => Promise<void>;
  readonly #bad: (why: string) => void;
  #bytes = new Uint8Array(0);
  #over = false;

  constructor(
    timer: Timer,
    whole: (frame: Uint8Array) => Promise<void>,
    bad: (why: string) => void,
  ) {
    this.#timer = timer;
    this.#whole = whole;
    this.#bad = bad;
  }

  data(chunk: Uint8Array): void {
    if (this.#over) {
      this.#end();
      this.#bad('more than one message');
      return;
    }
    const joined = new Uint8Array(this.#bytes.length + chunk.length);
    joined.set(this.#bytes);
    joined.set(chunk, this.#bytes.length);
    this.#bytes = joined;
    if (joined.length < LEASE_HEADER_BYTES) return;
    const length = leaseFrameBytes(joined);
    if (!length.ok || joined.length > length.value) {
      this.#end();
      this.#bad(length.ok ? 'more than one message' : length.error.message);
    } else if (joined.length === length.value) {
      this.#end();
      void this.#whole(joined);
    }
  }

  closed(): void {
    if (!this.#over) this.#bad('closed before a whole message came');
    this.#end();
  }

  #end(): void {
    this.#over = true;
    this.#timer.cancel();
  }
}
