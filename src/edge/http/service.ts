/**
 * HTTP as a whole: routes, sessions, certificates and listeners, kept in step with the accounts, the
 * names and the LAN addresses of the box.
 */
import { type Backoff, backoff, delayMs, failed, healthy } from '../../base/backoff.ts';
import type { Timer } from '../../base/clock.ts';
import type {
  CertificateNames,
  HttpEndpoint,
  HttpExchange,
  HttpListeners,
  TlsMaterial,
} from '../../os/ports.ts';
import type { Notification } from '../../tr181/model.ts';
import { createApp } from './app.ts';
import { CertificateKeeper, type KeeperDeps } from './certificates.ts';
import type { Parts } from './context.ts';
import { type EventDeps, EventHub } from './events.ts';
import type { LoginRecord } from './faces.ts';
import { Logins } from './logins.ts';
import { Sessions } from './sessions.ts';
import { UbusSessions } from './ubus-sessions.ts';

/** Where to listen; `lan` stands for every address of the LAN zone. */
export interface ListenOn {
  readonly host: string;
  readonly port: number;
}

type Own = 'sessions' | 'logins' | 'certificates' | 'events' | 'httpsPort' | 'allowedHosts';

export interface HttpServiceDeps
  extends Omit<Parts, Own>,
    Pick<EventDeps, 'bootId' | 'links'>,
    Pick<KeeperDeps, 'files' | 'directories' | 'directory'> {
  /** Made for `handle` of the service. */
  readonly listeners: HttpListeners;
  /** Others who prove themselves by the page's certificate get it, too. */
  certificateUsed(material: TlsMaterial): void;
  readonly makeCertificates: KeeperDeps['certificates'];
  readonly https: readonly ListenOn[];
  readonly http: readonly ListenOn[];
  /** Addresses of the LAN zone, now. */
  lanAddresses(): readonly string[];
  /** Further names by configuration. */
  readonly names: readonly string[];
  recordLogin(record: LoginRecord): Promise<void>;
}

const USERS = 'Device.Users.User.';
const RETRY_FIRST_MS = 1000;
const RETRY_MAX_MS = 60_000;

export class HttpService implements AsyncDisposable {
  readonly #deps: HttpServiceDeps;
  readonly #sessions: Sessions;
  readonly #ubusSessions: UbusSessions;
  readonly #logins: Logins;
  readonly #keeper: CertificateKeeper;
  readonly #subscription: Disposable | undefined;
  readonly #answer: ReturnType<typeof createApp>;
  readonly events: EventHub;
  #backoff: Backoff = backoff(RETRY_FIRST_MS, RETRY_MAX_MS);
  #retry: Timer | undefined;
  #work: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(deps: HttpServiceDeps) {
    this.#deps = deps;
    const { clock, log, model, accounts, listeners } = deps;
    this.#sessions = new Sessions(deps);
    this.#ubusSessions = new UbusSessions(deps);
    this.#logins = new Logins({ accounts, clock, log, audit: deps.recordLogin });
    this.events = new EventHub(deps);
    this.#keeper = new CertificateKeeper({
      ...deps,
      certificates: deps.makeCertificates,
      names: () => this.#certificateNames(),
      use: (material) => {
        const used = listeners.useCertificate(material);
        if (used.ok) deps.certificateUsed(material);
        return used;
      },
    });
    const subscribed = model.subscribe(USERS, (news) => this.#accountsChanged(news));
    this.#subscription = subscribed.ok ? subscribed.value : undefined;
    this.#answer = createApp(
      {
        ...deps,
        sessions: this.#sessions,
        logins: this.#logins,
        certificates: this.#keeper,
        events: this.events,
        httpsPort: () => deps.https[0]?.port ?? 443,
        allowedHosts: () => [...deps.lanAddresses(), ...this.#names()],
      },
      this.#ubusSessions,
    );
  }

  handle(request: Request, exchange: HttpExchange): Response | Promise<Response> {
    return this.#answer(request, exchange);
  }

  /** Resolves when it listens, or has said in the log why not and tries again. */
  async start(): Promise<void> {
    await this.#keeper.start();
    await this.addressesChanged();
  }

  /** Names or addresses of the LAN may have changed: the certificate and the listeners follow. */
  addressesChanged(): Promise<void> {
    this.#work = this.#work.then(() => this.#follow());
    return this.#work;
  }

  get status(): object {
    return {
      listening: this.#endpoints().map(
        ({ host, port, secure }) => `${secure ? 'https' : 'http'}://${host}:${port}`,
      ),
      ...this.#deps.listeners.counters,
      sessions: this.#sessions.size,
      logins: this.#logins.counters,
      listeners: this.events.listeners,
      listenersDropped: this.events.dropped,
      certificate: this.#keeper.status ?? null,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#retry?.cancel();
    this.#subscription?.[Symbol.dispose]();
    this.#sessions[Symbol.dispose]();
    this.events[Symbol.dispose]();
    await this.#work;
    await this.#deps.listeners[Symbol.asyncDispose]();
    await this.#keeper[Symbol.asyncDispose]();
  }

  async #follow(): Promise<void> {
    if (this.#closed) return;
    const { listeners, clock, log } = this.#deps;
    this.#retry?.cancel();
    await this.#keeper.check();
    const errors = await listeners.listen(this.#endpoints());
    if (errors.length === 0) {
      this.#backoff = healthy(this.#backoff);
      return;
    }
    if (this.#backoff.failures === 0) {
      for (const error of errors) log.warn({ code: error.code }, error.message);
    }
    this.#backoff = failed(this.#backoff);
    if (this.#closed) return;
    this.#retry = clock.after(delayMs(this.#backoff), () => void this.addressesChanged());
  }

  #endpoints(): readonly HttpEndpoint[] {
    const { http, https, lanAddresses } = this.#deps;
    const lan = lanAddresses();
    const resolve = (on: readonly ListenOn[], secure: boolean): HttpEndpoint[] =>
      on.flatMap(({ host, port }) =>
        (host === 'lan' ? lan : [host]).map((address) => ({ host: address, port, secure })),
      );
    return [...resolve(https, true), ...resolve(http, false)];
  }

  #names(): readonly string[] {
    const { hostName, names } = this.#deps;
    const own = hostName().toLowerCase();
    return [...new Set([own, ...names.map((name) => name.toLowerCase())])].filter((n) => n !== '');
  }

  #certificateNames(): CertificateNames {
    const literal = (text: string): boolean => /^[\d.]+$|:/.test(text);
    const names = [...this.#names(), 'localhost'];
    const lan = this.#deps.lanAddresses();
    return {
      hosts: [...new Set(names.filter((name) => !literal(name)))],
      addresses: [...new Set([...lan, ...names.filter(literal), '127.0.0.1'])],
    };
  }

  /** Who has another password must use it; who is gone is gone at once, streams and all. */
  #accountsChanged({ notices }: Notification): void {
    const { accounts, model } = this.#deps;
    for (const notice of notices) {
      if (notice.kind !== 'value' || !notice.path.endsWith('.Password')) continue;
      const [answer] = model.get([notice.path.replace(/Password$/, 'Username')]);
      const user = answer?.result.ok === true ? answer.result.value[0]?.value : undefined;
      if (user === undefined) continue;
      this.#sessions.endWhere((session) => session.user === user);
      this.#ubusSessions.endUser(user);
    }
    this.#sessions.endWhere((session) => accounts.find(session.user) === undefined);
  }
}
