/**
 * The box's TLS material: a device CA made at first start, a leaf for the names and addresses that
 * the box has, renewed at two thirds of its life, or a certificate of the owner's. Each is one file
 * with key and certificates together, so a crash never leaves a key without its certificate.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import type { SystemError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type {
  CertificateFacts,
  CertificateNames,
  Certificates,
  Directories,
  Files,
  TlsMaterial,
} from '../../os/ports.ts';

export interface KeeperDeps {
  readonly files: Files;
  readonly directories: Pick<Directories, 'make' | 'remove'>;
  /** Such as `STATE_DIR/tls`; made 0700. */
  readonly directory: string;
  readonly certificates: Certificates;
  readonly clock: Clock;
  readonly log: Log;
  /** What the leaf is to be for, now. */
  names(): CertificateNames;
  /** From the next handshake on. */
  use(material: TlsMaterial): Result<void, SystemError>;
}

export interface CertificateStatus {
  readonly subject: string;
  /** ISO 8601. */
  readonly notAfter: string;
  readonly fingerprint: string;
  /** Made by the box itself. */
  readonly own: boolean;
}

const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;
/** The wall clock may be set at any time, so it is asked this often. */
const CHECK_MS = 60 * 60_000;

interface Held {
  readonly material: TlsMaterial;
  readonly facts: CertificateFacts;
}

export class CertificateKeeper implements AsyncDisposable {
  readonly #deps: KeeperDeps;
  #ca: Held | undefined;
  #leaf: Held | undefined;
  #imported: Held | undefined;
  #used: Held | undefined;
  #timer: Timer | undefined;
  #work: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(deps: KeeperDeps) {
    this.#deps = deps;
  }

  /** Reads what is there, makes what is missing, and has it used. */
  start(): Promise<void> {
    const { directories, directory, log } = this.#deps;
    const made = directories.make(directory, FOLDER_MODE);
    if (!made.ok) log.error({ err: made.error }, 'certificates cannot be kept');
    this.#ca = this.#read('ca');
    this.#leaf = this.#read('leaf');
    this.#imported = this.#read('imported');
    return this.check();
  }

  /** Has the certificate renewed if it must be: at start, every hour, and when names or addresses change. */
  check(): Promise<void> {
    return this.#inTurn(() => this.#check());
  }

  /** The root that browsers are to trust; undefined before `start` is through. */
  get caPem(): string | undefined {
    return this.#ca?.material.certificatePem;
  }

  get status(): CertificateStatus | undefined {
    if (this.#used === undefined) return undefined;
    const { subject, notAfterMs, fingerprint } = this.#used.facts;
    const own = this.#used !== this.#imported;
    return { subject, notAfter: new Date(notAfterMs).toISOString(), fingerprint, own };
  }

  /** Takes a certificate of the owner's, or says why not. */
  async import(given: TlsMaterial): Promise<Result<void, string>> {
    const { certificates, clock } = this.#deps;
    const material = blocksOf(given);
    const facts = certificates.inspect(material);
    if (!facts.ok) return err(facts.error.message);
    if (facts.value.notAfterMs <= clock.wallMs()) return err('the certificate has expired');
    if (facts.value.notBeforeMs > clock.wallMs()) return err('the certificate is not valid yet');
    let refused: string | undefined;
    await this.#inTurn(async () => {
      const written = this.#write('imported', material);
      if (!written.ok) {
        refused = written.error.message;
        return;
      }
      this.#imported = { material, facts: facts.value };
      await this.#check();
      if (this.#used !== this.#imported) refused = 'TLS does not take this certificate';
    });
    if (refused === undefined) return ok(undefined);
    await this.backToOwn();
    return err(refused);
  }

  /** Forgets the owner's certificate. */
  backToOwn(): Promise<void> {
    return this.#inTurn(() => {
      const { directories, log } = this.#deps;
      const removed = directories.remove(this.#path('imported'));
      if (!removed.ok) log.error({ err: removed.error }, 'the imported certificate is still there');
      this.#imported = undefined;
      return this.#check();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#work;
  }

  #inTurn(run: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(async () => {
      if (this.#closed) return;
      try {
        await run();
      } catch (cause) {
        this.#deps.log.error({ err: cause }, 'the certificate could not be renewed');
      }
    });
    return this.#work;
  }

  async #check(): Promise<void> {
    const { clock, log } = this.#deps;
    this.#timer?.cancel();
    this.#timer = clock.after(CHECK_MS, () => void this.check());
    const nowMs = clock.wallMs();
    if (this.#imported !== undefined && this.#imported.facts.notAfterMs <= nowMs) {
      log.warn({ subject: this.#imported.facts.subject }, 'the imported certificate has expired');
      this.#imported = undefined;
    }
    // A root that has run out is of no use to those who trust it either.
    if (this.#ca === undefined || this.#ca.facts.notAfterMs <= nowMs) await this.#makeChain(nowMs);
    else if (this.#leafIsDue(nowMs)) await this.#makeLeaf(this.#ca, nowMs);
    this.#use(this.#imported ?? this.#leaf);
  }

  #leafIsDue(nowMs: number): boolean {
    const leaf = this.#leaf;
    if (leaf === undefined || this.#ca === undefined) return true;
    const { notBeforeMs, notAfterMs, names } = leaf.facts;
    // A clock that is behind is no reason: it will be set.
    if (nowMs >= notBeforeMs + ((notAfterMs - notBeforeMs) * 2) / 3) return true;
    if (!leaf.material.certificatePem.includes(this.#ca.material.certificatePem)) return true;
    const { hosts, addresses } = this.#deps.names();
    const wanted = [...hosts.map((h) => `DNS:${h}`), ...addresses.map((a) => `IP Address:${a}`)];
    return wanted.length !== names.length || wanted.some((name) => !names.includes(name));
  }

  async #makeChain(nowMs: number): Promise<void> {
    const { certificates, log } = this.#deps;
    const names = this.#deps.names();
    const made = await certificates.makeChain(names.hosts[0] ?? 'gatehouse', names, nowMs);
    this.#ca = this.#keep('ca', made.ca);
    log.info({ fingerprint: this.#ca?.facts.fingerprint }, 'made a device CA');
    this.#takeLeaf(made.leaf);
  }

  async #makeLeaf(ca: Held, nowMs: number): Promise<void> {
    const { certificates, names } = this.#deps;
    const material = await certificates.makeLeaf(ca.material, names(), nowMs);
    this.#takeLeaf(material);
  }

  #takeLeaf(material: TlsMaterial): void {
    this.#leaf = this.#keep('leaf', material) ?? this.#leaf;
    this.#deps.log.info({ names: this.#leaf?.facts.names }, 'made a certificate');
  }

  #use(held: Held | undefined): void {
    if (held === undefined || held === this.#used) return;
    const used = this.#deps.use(held.material);
    if (used.ok) {
      this.#used = held;
      return;
    }
    this.#deps.log.error({ err: used.error }, 'TLS does not take the certificate');
    if (held !== this.#leaf) this.#use(this.#leaf);
  }

  /** On a full disk it is used all the same, and made anew by the next daemon. */
  #keep(name: string, material: TlsMaterial): Held | undefined {
    const written = this.#write(name, material);
    if (!written.ok) this.#deps.log.error({ err: written.error }, 'a certificate was not kept');
    const facts = this.#deps.certificates.inspect(material);
    return facts.ok ? { material, facts: facts.value } : undefined;
  }

  #write(name: string, { certificatePem, keyPem }: TlsMaterial): Result<void, SystemError> {
    const text = `${keyPem.trim()}\n${certificatePem.trim()}\n`;
    return this.#deps.files.writeAtomic(this.#path(name), text, FILE_MODE);
  }

  #read(name: string): Held | undefined {
    const { files, certificates, log } = this.#deps;
    const text = files.readText(this.#path(name));
    if (!text.ok) {
      if (text.error.code !== 'ENOENT') log.error({ err: text.error }, 'a certificate is lost');
      return undefined;
    }
    const material = blocksOf({ keyPem: text.value, certificatePem: text.value });
    const facts = certificates.inspect(material);
    if (facts.ok) return { material, facts: facts.value };
    log.error({ file: name, why: facts.error.message }, 'a certificate is damaged');
    return undefined;
  }

  #path(name: string): string {
    return `${this.#deps.directory}/${name}.pem`;
  }
}

/** The key and the certificates alone, without what people write around them. */
const blocksOf = ({ keyPem, certificatePem }: TlsMaterial): TlsMaterial => ({
  keyPem:
    /-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]+-----END [A-Z ]*PRIVATE KEY-----/.exec(keyPem)?.[0] ??
    '',
  certificatePem: (
    certificatePem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  )
    .map((block) => `${block}\n`)
    .join(''),
});
