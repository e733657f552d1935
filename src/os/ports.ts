/**
 * What the rooms may ask of the machine: types only. Adapters live in `os/linux`, are built in
 * `main.ts` alone, and are replaced by fakes in tests.
 */
import type { SystemError } from '../base/errors.ts';
import type { Result } from '../base/result.ts';

export type * from './ports-net.ts';

// ---- Unix stream sockets -------------------------------------------------------------------

/** Who is at the other end, as the kernel saw it at connect time (SO_PEERCRED, unix(7)). */
export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

export interface UnixConnection {
  readonly peer: PeerCredentials;
  /** Bytes accepted by `write` that the kernel has not taken yet. */
  readonly queuedBytes: number;
  /**
   * Sends or queues `bytes` whole (they are copied). False, and nothing is queued, when the queue
   * would pass its limit or the connection is closed; the caller counts that.
   */
  write(bytes: Uint8Array): boolean;
  /** Closes at once; queued bytes are lost. `closed` is not called for it. Idempotent. */
  close(): void;
  /** Closes after the queue is empty; nothing more is read. */
  end(): void;
}

export interface UnixHandlers {
  /** `chunk` is valid only during the call, and the receiver may overwrite it: copy what must be kept. */
  data(chunk: Uint8Array): void;
  /** The peer closed or the connection failed (`error`). Called once, never after `close()`. */
  closed(error: SystemError | undefined): void;
  /** The outbound queue became empty after a `write` had to queue. */
  drained?(): void;
}

export interface UnixListenOptions {
  readonly path: string;
  /** Mode of the socket file, such as 0o600. */
  readonly mode: number;
  readonly maxConnections: number;
  readonly maxQueuedBytes: number;
  /** Called for each accepted connection; returning undefined refuses it. */
  accepted(connection: UnixConnection): UnixHandlers | undefined;
}

export interface UnixServer extends AsyncDisposable {
  /** Connections refused because `maxConnections` were open. */
  readonly refused: number;
}

export interface UnixSockets {
  /** Binds (a stale socket file that nobody listens on is replaced; a live one gives EADDRINUSE). */
  listen(options: UnixListenOptions): Result<UnixServer, SystemError>;
  connect(
    path: string,
    maxQueuedBytes: number,
    opened: (connection: UnixConnection) => UnixHandlers,
  ): Result<UnixConnection, SystemError>;
}

// ---- processes -----------------------------------------------------------------------------

/** What a process is for good: a PID alone can be reused, a PID with its start time cannot (proc_pid_stat(5), field 22). */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTicks: number;
}

export interface ChildProcess {
  readonly identity: ProcessIdentity;
  /** Settles when the process is gone (pidfd), also for an adopted one. Never rejects. */
  readonly exited: Promise<void>;
  /** Sends a signal through the pidfd, so never to a stranger. False when it is already gone. */
  signal(name: 'SIGTERM' | 'SIGKILL' | 'SIGUSR1' | 'SIGUSR2' | 'SIGHUP'): boolean;
  /** Stops watching; the process lives on. Idempotent. */
  release(): void;
}

export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Processes {
  /** Starts a long-lived child with an empty environment, its own session, no stdio; it outlives the daemon. */
  spawn(file: string, args: readonly string[]): Result<ChildProcess, SystemError>;
  /** Takes over a process that an earlier daemon started, if it is still that one and still runs `file`. */
  adopt(identity: ProcessIdentity, file: string): ChildProcess | undefined;
  /**
   * By argument, every process whose argument list holds it: the paths of our hooks find the strays
   * of a lost daemon. One look at all processes, however many are asked for.
   */
  findByArguments(args: readonly string[]): ReadonlyMap<string, readonly ProcessIdentity[]>;
  /** Runs a short command to its end, with an empty environment and bounded output and time. */
  run(
    file: string,
    args: readonly string[],
    options: { readonly stdin?: string; readonly timeoutMs: number },
  ): Promise<Result<RunResult, SystemError>>;
}

// ---- packets -------------------------------------------------------------------------------

export interface PacketTap extends AsyncDisposable {
  /** Frames the kernel dropped because the socket's queue was full. */
  readonly dropped: number;
}

export type TapFilter = 'dhcp4' | 'dhcp6' | 'all';

export interface PacketTaps {
  /**
   * Watches an interface through AF_PACKET with a kernel filter (`all` takes every frame), both
   * directions. `frame` starts at the Ethernet header and is valid only during the call.
   */
  open(
    ifIndex: number,
    filter: TapFilter,
    received: (frame: Uint8Array, outgoing: boolean) => void,
  ): Result<PacketTap, SystemError>;
}

// ---- frames --------------------------------------------------------------------------------

/** Which incoming, untagged frames a port hears; the kernel keeps all others away. */
export type FrameFilter =
  /** IPv4 UDP to port 67 or 68, not a fragment: what clients, relays and other servers say. */
  | 'dhcp4'
  /** IPv6 UDP to port 547 without extension headers; joins ff02::1:2. */
  | 'dhcp6Server'
  /** ICMPv6 router solicitation and advertisement (types 133 and 134); joins ff02::1 and ff02::2. */
  | 'icmp6Router'
  | 'arp'
  /**
   * What neighbours say of themselves: ARP, ICMPv6 echo replies, neighbour solicitations and
   * advertisements, mDNS, and DHCPv4 to servers; joins ff02::1, ff02::fb and 224.0.0.251.
   */
  | 'neighbours';

export interface FrameHandlers {
  /** One frame is `bytes[start, end)`, from the Ethernet header on; valid only during the call. */
  frame(bytes: Uint8Array, start: number, end: number): void;
  /** What the kernel had waiting was handed over; what `send` queued goes out after this. */
  batchEnd?(): void;
}

/** A raw socket on one interface for servers that answer many: batched both ways. */
export interface FramePort extends AsyncDisposable {
  /** Frames that the kernel dropped because the socket's queue was full. */
  readonly dropped: number;
  /** Frames that `send` refused or that the kernel did not take. */
  readonly unsent: number;
  /** Frames that were not handed over: cut, longer than 2,044 bytes, or with a wrong checksum. */
  readonly broken: number;
  /**
   * Copies one frame into the queue, which goes out by one system call at the end of the batch, at
   * `flush`, or when it is full. False when the port is closed or the frame longer than 2,044 bytes.
   */
  send(bytes: Uint8Array, start: number, end: number): boolean;
  /** Sends what is queued now: for answers that were held until their lease was on disk. */
  flush(): void;
}

export interface FramePorts {
  open(
    ifIndex: number,
    filter: FrameFilter,
    handlers: FrameHandlers,
  ): Result<FramePort, SystemError>;
}

export interface UdpPorts {
  /**
   * Holds an IPv4 UDP port on all addresses without reading it, so that the kernel does not answer
   * "unreachable" for a server that reads raw frames. EADDRINUSE tells of another server on this box.
   */
  hold(port: number): Result<AsyncDisposable, SystemError>;
}

// ---- durable files -------------------------------------------------------------------------

/** A file of fixed size whose blocks are all allocated: writing in it needs no new space on the disk. */
export interface DurableFile extends AsyncDisposable {
  readonly sizeBytes: number;
  read(): Promise<Result<Uint8Array, SystemError>>;
  /** `bytes` are on disk (O_DSYNC) when it resolves. They must not change meanwhile. One write at a time. */
  write(offset: number, bytes: Uint8Array): Promise<Result<void, SystemError>>;
}

export interface DurableFiles {
  /** Opens it, mode 0600, or makes it full of zeros; one that is smaller grows, none shrinks. ENOSPC when there is no room. */
  open(path: string, sizeBytes: number): Promise<Result<DurableFile, SystemError>>;
}

// ---- store ---------------------------------------------------------------------------------

export type StoreChange =
  | { readonly key: string; readonly value: Uint8Array }
  | { readonly key: string; readonly value: undefined };

export interface Store extends AsyncDisposable {
  get(key: string): Uint8Array | undefined;
  /** Keys that start with `prefix`, in byte order. Corrupt values are left out and counted. */
  entries(prefix: string): Iterable<readonly [key: string, value: Uint8Array]>;
  /** The same, but no value is read: one that is corrupt has a key, too. */
  keys(prefix: string): Iterable<string>;
  /** Values whose checksum did not fit, since start. */
  readonly corrupt: number;
  /** All or nothing, on disk (fdatasync) when it resolves. ENOSPC and EIO come back as errors; the old state stays whole. */
  commit(changes: readonly StoreChange[]): Promise<Result<void, SystemError>>;
}

// ---- files ---------------------------------------------------------------------------------

export interface Files {
  /** Replaces the file atomically (temporary file, fsync, rename), never through a symbolic link. */
  writeAtomic(path: string, text: string, mode: number): Result<void, SystemError>;
  /** Whole text of a small file (at most 1 MiB), such as one of /proc or /sys. */
  readText(path: string): Result<string, SystemError>;
  /** Writes to a file that exists already, such as a sysctl. */
  writeExisting(path: string, text: string): Result<void, SystemError>;
}

export interface Directories {
  /** Makes it with its parents, mode exactly as given; one that exists is given that mode. */
  make(path: string, mode: number): Result<void, SystemError>;
  /** Names in it, sorted by code unit; none where it does not exist. */
  list(path: string): Result<readonly string[], SystemError>;
  /** Whole bytes of a regular file of at most `maxBytes`, never through a symbolic link. */
  read(path: string, maxBytes: number): Result<Uint8Array, SystemError>;
  /** Removes a file; one that is not there counts as removed. */
  remove(path: string): Result<void, SystemError>;
  /** Makes `path` a symbolic link to `target`, atomically in place of one that is there. */
  link(target: string, path: string): Result<void, SystemError>;
}

/** A file that grows piece by piece, such as an upload. */
export interface SpoolFile {
  append(bytes: Uint8Array): Promise<Result<void, SystemError>>;
  /** On disk when it resolves; nothing can be appended after. */
  finish(): Promise<Result<void, SystemError>>;
}

export interface Spools {
  /**
   * Makes it anew, its folder too. ENOSPC when fewer than `sizeBytes` and a reserve for everything
   * else are free on its file system.
   */
  create(path: string, sizeBytes: number): Promise<Result<SpoolFile, SystemError>>;
  /** One that is not there counts as removed. */
  remove(path: string): Promise<void>;
}

export interface Download {
  /** As announced; undefined when it was not. */
  readonly sizeBytes: number | undefined;
  /** Ends early or throws a SystemError when the sender does. */
  readonly pieces: AsyncIterable<Uint8Array>;
}

export interface Downloads {
  /** From `https://…`, which a redirect may not leave, or `file:///…`. */
  open(url: string, signal: AbortSignal): Promise<Result<Download, SystemError>>;
}

// ---- what needs root ------------------------------------------------------------------------

/** The helper that runs as root (native/root-helper.c) does what the daemon may not. */
export interface RootHelper extends AsyncDisposable {
  /** Why there is none here, for people; undefined while one listens. */
  readonly missing: string | undefined;
  /** The box ends in order and starts again, soon after the answer. EALREADY while it is going down. */
  reboot(): Promise<Result<void, SystemError>>;
  powerOff(): Promise<Result<void, SystemError>>;
  /** `name` is one label (RFC 1123 §2.1). It holds until the kernel ends. */
  setHostName(name: string): Promise<Result<void, SystemError>>;
  /**
   * What is done to the slots of the firmware (native/slot-writer.c says what each verb does). An
   * install goes on after the answer; ENOTSUP on a box without slots, EBUSY while one is under way.
   */
  slots(
    verb: 'install' | 'activate' | 'confirm' | 'rollback' | 'factory-reset' | 'status',
  ): Promise<Result<void, SystemError>>;
  /** Called after `missing` changed. */
  subscribe(listener: () => void): Disposable;
}

// ---- secrets -------------------------------------------------------------------------------

/** Cost of argon2id (RFC 9106 §3.1). */
export interface Argon2Cost {
  readonly memoryKib: number;
  readonly passes: number;
  readonly lanes: number;
}

export interface Secrets {
  /** For salts, nonces and tokens. */
  randomBytes(count: number): Uint8Array;
  /**
   * argon2id (RFC 9106) off the event loop, one at a time so that many askers cost the memory of
   * one. EBUSY when too many wait already.
   */
  argon2id(
    secret: Uint8Array,
    salt: Uint8Array,
    cost: Argon2Cost,
    lengthBytes: number,
  ): Promise<Result<Uint8Array, SystemError>>;
  /**
   * Whether the password is the one of a crypt(5) hash that `cryptFault` finds nothing wrong with,
   * off the event loop as `argon2id` is. ENOSYS where the system cannot check such a hash, EBUSY.
   */
  cryptMatches(password: string, hash: string): Promise<Result<boolean, SystemError>>;
  /** In a time that does not tell where they differ; different lengths are not equal. */
  equal(a: Uint8Array, b: Uint8Array): boolean;
  /** AES-256-GCM (NIST SP 800-38D): 32-byte key, 12-byte nonce; the 16-byte tag follows the text. */
  seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, clear: Uint8Array): Uint8Array;
  /** Undefined when it does not authenticate. */
  open(
    key: Uint8Array,
    nonce: Uint8Array,
    aad: Uint8Array,
    sealed: Uint8Array,
  ): Uint8Array | undefined;
}

// ---- HTTP ----------------------------------------------------------------------------------

/** Who asks, as the listener saw it. */
export interface HttpPeer {
  /** Text of the IP address, without `::ffff:`. */
  readonly address: string;
  /** It came over TLS. */
  readonly secure: boolean;
}

/** What a request has besides its head. */
export interface HttpExchange {
  readonly peer: HttpPeer;
  /** The whole body. Nothing is read before this is called; past `maxBytes` reading ends and the connection closes after the answer. */
  readBody(maxBytes: number): Promise<Result<Uint8Array, 'tooLarge' | 'aborted'>>;
  /** Resolves when the whole answer is with the kernel, or the connection is gone. */
  readonly answered: Promise<void>;
}

/** `request` has no body of its own; its URL's host is fixed, the Host header says what was asked for. */
export type HttpHandler = (
  request: Request,
  exchange: HttpExchange,
) => Response | Promise<Response>;

/** A certificate with those that lead to its root, and its key: PEM. */
export interface TlsMaterial {
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** What a certificate is for. */
export interface CertificateNames {
  /** DNS names, the main one first. */
  readonly hosts: readonly string[];
  /** Texts of IP addresses. */
  readonly addresses: readonly string[];
}

export interface CertificateFacts {
  readonly subject: string;
  /** As OpenSSL writes them: `DNS:gatehouse`, `IP Address:192.168.1.1`. */
  readonly names: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** SHA-256, upper-case hex with colons. */
  readonly fingerprint: string;
}

export interface TlsChain {
  readonly ca: TlsMaterial;
  readonly leaf: TlsMaterial;
}

/** Makes and judges certificates (RFC 5280), ECDSA P-256. */
export interface Certificates {
  /** A root that signs leaves alone, for ten years, and the first leaf of it. */
  makeChain(name: string, names: CertificateNames, nowMs: number): Promise<TlsChain>;
  /** For TLS servers, for 90 days; the root follows it in the chain. */
  makeLeaf(ca: TlsMaterial, names: CertificateNames, nowMs: number): Promise<TlsMaterial>;
  /** Refuses what does not parse, a chain that does not hold, and a key that does not fit or is weak. */
  inspect(material: TlsMaterial): Result<CertificateFacts>;
}

export interface HttpEndpoint {
  /** An IP address of this machine. */
  readonly host: string;
  readonly port: number;
  /** HTTPS, TLS 1.3 only. */
  readonly secure: boolean;
}

export interface HttpCounters {
  /** Open now. */
  readonly connections: number;
  /** Connections closed to make room for newer ones: half-open and idle ones only. */
  readonly evicted: number;
  /** Connections refused because none could be closed for them. */
  readonly refused: number;
  /** Handshakes that failed: TLS 1.2, no TLS at all, given up. */
  readonly handshakesFailed: number;
}

export interface HttpListeners extends AsyncDisposable {
  /** Makes `endpoints` the whole of what is listened on; those that stay are not touched. Gives what could not be done. */
  listen(endpoints: readonly HttpEndpoint[]): Promise<readonly SystemError[]>;
  /** From the next handshake on; open connections go on undisturbed. HTTPS endpoints need one first. */
  useCertificate(material: TlsMaterial): Result<void, SystemError>;
  readonly counters: HttpCounters;
}
