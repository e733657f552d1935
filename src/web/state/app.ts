/** All that the page knows and does, in one object that the components are handed. */
import { computed, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import { createContext } from 'preact';
import { useContext, useMemo } from 'preact/hooks';
import {
  type Catalogue,
  isKey,
  type Language,
  type Translate,
  translator,
} from '../i18n/catalogue.ts';
import type { Key } from '../i18n/en.ts';
import { SERVER } from '../lib/devices.ts';
import { href, parseRoute, type Route } from '../lib/router.ts';
import type {
  Change,
  History,
  LogLine,
  Pending,
  Session,
  SetDone,
  Traffic,
} from '../lib/shapes.ts';
import { type Answer, type Api, createApi, type Failure } from './api.ts';
import { type Drafts, type KeptDrafts, keptDrafts } from './drafts.ts';
import { Events } from './events.ts';
import { Live } from './live.ts';
import { ModelStore } from './model.ts';
import type { Preferences } from './preferences.ts';

/** Two minutes of one sample a second. */
const TRAFFIC_SAMPLES = 120;
const LIVE_LINES = 500;
const TRIAL_SEC = 60;

export interface Toast {
  readonly id: number;
  readonly text: string;
  readonly kind: 'done' | 'failed';
  readonly undo?: () => void;
  /** Where it leads. */
  readonly href?: string;
}

export class App {
  readonly preferences: Preferences;
  readonly session: Signal<Session | undefined> = signal(undefined);
  /** The first question to the box failed: there is nothing to show yet. */
  readonly unreachable: Signal<boolean> = signal(false);
  readonly route: Signal<Route> = signal(parseRoute(location.hash));
  /** Ticks once a second, for times that count. */
  readonly nowMs: Signal<number> = signal(performance.now());
  readonly traffic: Signal<readonly Traffic[]> = signal([]);
  readonly liveLog: Signal<readonly LogLine[]> = signal([]);
  readonly liveAudit: Signal<readonly LogLine[]> = signal([]);
  readonly pending: Signal<Pending | null> = signal(null);
  /** Where the box answers once the change that is on trial is made, if that moves it. */
  readonly movedTo: Signal<string | undefined> = signal(undefined);
  /** `going`: the box was told to start again; `back`: it did, and whoever is here must log in anew. */
  readonly restart: Signal<'no' | 'going' | 'back'> = signal('no');
  readonly toasts: Signal<readonly Toast[]> = signal([]);
  /** Counts how often the box came back: what was read before may be old. */
  readonly returns: Signal<number> = signal(0);
  readonly drafts: Signal<Drafts>;
  readonly translate: ReadonlySignal<Translate>;
  readonly api: Api;
  readonly model: ModelStore;
  readonly events: Events;
  readonly live: Live;
  readonly #kept: KeptDrafts;
  #toastId = 0;

  constructor(preferences: Preferences) {
    this.preferences = preferences;
    this.translate = computed(() => translator(preferences.language.value));
    this.api = createApi(
      () => this.session.peek()?.csrf ?? null,
      () => this.#loggedOut(),
    );
    this.model = new ModelStore(this.api);
    this.live = new Live(this.api);
    this.#kept = keptDrafts((path) => this.model.values.peek().get(path)?.secret === true);
    this.drafts = this.#kept.drafts;
    this.events = new Events({
      hello: ({ revision, stream, changes }, again) => {
        this.model.revision.value = Math.max(this.model.revision.peek(), revision);
        this.live.opened(stream);
        if (again) {
          this.returns.value++;
          // The session is still good: it was not the box that went.
          this.restart.value = 'no';
        }
        this.model.follow(changes, again);
        void this.readPending();
      },
      change: (patch) => this.model.patch(patch),
      live: (values) => this.model.live(values),
      traffic: (sample) => {
        this.traffic.value = [...this.traffic.peek(), sample].slice(-TRAFFIC_SAMPLES);
      },
      log: (line) => {
        this.liveLog.value = [line, ...this.liveLog.peek()].slice(0, LIVE_LINES);
      },
      audit: (line) => {
        this.liveAudit.value = [line, ...this.liveAudit.peek()].slice(0, LIVE_LINES);
      },
      pending: (pending) => {
        this.pending.value = pending === null ? null : { ...this.pending.peek(), ...pending };
        if (pending === null) this.movedTo.value = undefined;
      },
      event: (path, args) => this.#news(path, args),
      broken: () => void this.checkSession(),
    });
  }

  get language(): Language {
    return this.preferences.language.value;
  }

  /** As the reader's browser writes numbers and dates, where it speaks the language of the page. */
  get locale(): string {
    const { language } = this;
    return navigator.languages.find((tag) => tag.split('-')[0] === language) ?? language;
  }

  get mayChange(): boolean {
    return this.session.value?.user?.role === 'Administrator';
  }

  start(): void {
    addEventListener('hashchange', () => {
      this.route.value = parseRoute(location.hash);
    });
    setInterval(() => {
      if (!document.hidden) this.nowMs.value = performance.now();
    }, 1000);
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) return;
      this.nowMs.value = performance.now();
      if (this.session.peek()?.user) this.events.retryNow();
    });
    void this.readSession();
  }

  async readSession(): Promise<void> {
    const answer = await this.api.get<Session>('/api/session');
    this.unreachable.value = !answer.ok;
    if (answer.ok) this.enter(answer.value);
    else setTimeout(() => void this.readSession(), 2000);
  }

  /** The session as the box sees it: after a start, a log-in, the wizard. */
  enter(session: Session): void {
    if (session.user !== null) this.#kept.ownedBy(session.user.name);
    // Sessions end with the box.
    if (session.user !== null) this.restart.value = 'no';
    else if (this.restart.peek() === 'going') this.restart.value = 'back';
    this.session.value = session;
    if (session.user === null) this.events.close();
    // After what the first place asks for: that is waited for, events are not.
    else setTimeout(() => this.events.open());
  }

  async checkSession(): Promise<void> {
    const before = this.session.peek();
    const answer = await this.api.get<Session>('/api/session');
    // Somebody may have logged in while the answer was under way.
    if (this.session.peek() !== before) return;
    if (answer.ok && answer.value.user === null) this.enter(answer.value);
  }

  async logOut(): Promise<void> {
    const answer = await this.api.post('/api/logout');
    // Who is not told that it failed leaves a session behind.
    if (!answer.ok && answer.error.status !== 401) return this.failed(answer.error);
    this.drafts.value = new Map();
    this.model.forget();
    this.#loggedOut();
  }

  #loggedOut(): void {
    const session = this.session.peek();
    if (session === undefined || session.user === null) return;
    this.enter({ ...session, user: null, csrf: null });
  }

  async readPending(): Promise<void> {
    const before = this.pending.peek();
    const answer = await this.api.get<History>('/api/config/history');
    // What was heard while the answer was under way is newer.
    if (answer.ok && this.pending.peek() === before)
      this.pending.value = answer.value.pending ?? null;
  }

  /** Sends changes; with `trial` they return by themselves after a minute unless confirmed. */
  async set(changes: readonly Change[], trial: boolean): Promise<Answer<SetDone>> {
    if (!trial) return this.api.post<SetDone>('/api/set', { changes });
    return this.tried((confirmSec) => this.api.post('/api/set', { changes, confirmSec }));
  }

  /** Makes a change that returns by itself after a minute unless confirmed. */
  async tried<T extends SetDone>(
    send: (confirmSec: number) => Promise<Answer<T>>,
  ): Promise<Answer<T>> {
    // The change may cut the way of its answer: the countdown does not wait for that.
    const before = this.pending.peek();
    this.pending.value = {
      deadlineMs: Date.now() + this.events.skewMs.peek() + TRIAL_SEC * 1000,
    };
    const answer = await send(TRIAL_SEC);
    if (answer.ok) this.pending.value = answer.value.confirm ?? before;
    else if (answer.error.status !== 0) this.pending.value = before;
    return answer;
  }

  async confirm(): Promise<void> {
    const token = this.pending.peek()?.token;
    const answer = await this.api.post('/api/config/confirm', token === undefined ? {} : { token });
    if (!answer.ok) return this.failed(answer.error);
    this.pending.value = null;
    this.movedTo.value = undefined;
    this.say(this.translate.peek()('pending.kept'));
  }

  async rollBack(): Promise<void> {
    const answer = await this.api.post('/api/config/rollback');
    if (!answer.ok) return this.failed(answer.error);
    this.pending.value = null;
    this.movedTo.value = undefined;
    this.say(this.translate.peek()('pending.undone'));
  }

  /** Makes the configuration what it was; with `trial` it comes back unless confirmed. */
  async returnTo(revision: number, trial: boolean): Promise<boolean> {
    const path = '/api/config/restore';
    const answer = await (trial
      ? this.tried((confirmSec) => this.api.post<SetDone>(path, { revision, confirmSec }))
      : this.api.post<SetDone>(path, { revision }));
    if (answer.ok) this.say(this.translate.peek()('history.returned', { revision }));
    else this.failed(answer.error);
    return answer.ok;
  }

  /** Undoes the change `revision`, unless something was changed after it, which would go as well. */
  async takeBack(revision: number): Promise<void> {
    const history = await this.api.get<History>('/api/config/history');
    if (!history.ok) return this.failed(history.error);
    if (history.value.entries.every((entry) => entry.revision <= revision)) {
      await this.returnTo(revision - 1, false);
      return;
    }
    this.say(this.translate.peek()('row.undoLate'));
    location.hash = href('system', ['history']);
  }

  /** After the box got another name: the header shows it. */
  async readName(): Promise<void> {
    const answer = await this.api.get<Session>('/api/session');
    if (answer.ok && answer.value.user !== null) this.session.value = answer.value;
  }

  async reboot(): Promise<void> {
    const answer = await this.api.post('/api/operate', {
      path: 'Device.Reboot()',
      args: { Cause: 'LocalReboot' },
    });
    if (answer.ok) this.restart.value = 'going';
    else this.failed(answer.error);
  }

  say(text: string, undo?: () => void): void {
    this.#toast({ text, kind: 'done', ...(undo === undefined ? {} : { undo }) });
  }

  /** What happens on the LAN and wants the reader, wherever he is. */
  #news(
    path: string,
    { Chaddr = '', HostName = '', IPAddress = '' }: Readonly<Record<string, string>>,
  ): void {
    const t = this.translate.peek();
    if (path === `${SERVER}X_GATEHOUSE_NewDevice!`) {
      const text = t('waiting.asks', { name: HostName || Chaddr });
      this.#toast({ text, kind: 'done', href: href('devices', ['waiting']) });
    } else if (path === `${SERVER}X_GATEHOUSE_OtherServer!`) {
      const text = t('need.other', { address: IPAddress });
      this.#toast({ text, kind: 'failed', href: href('devices', ['others']) });
    }
  }

  failed(error: Failure): void {
    this.#toast({ text: this.words(error), kind: 'failed' });
  }

  /** A failure in words; the box not answering has no words of its own. */
  words(error: Failure): string {
    const t = this.translate.peek();
    if (error.status === 0) return t('error.noAnswer');
    const viewer = this.session.peek()?.user?.role === 'Viewer';
    if (error.status === 403 && viewer) return t('error.viewer');
    return error.message;
  }

  dismiss(id: number): void {
    this.toasts.value = this.toasts.peek().filter((toast) => toast.id !== id);
  }

  #toast(toast: Omit<Toast, 'id'>): void {
    const id = ++this.#toastId;
    this.toasts.value = [...this.toasts.peek().slice(-2), { ...toast, id }];
    // What can be undone, and what went wrong, stays long enough to be read and reached.
    setTimeout(
      () => this.dismiss(id),
      toast.kind === 'failed' || toast.undo || toast.href ? 20_000 : 6000,
    );
  }

  setDraft(path: string, text: string | undefined): void {
    const next = new Map(this.drafts.peek());
    if (text === undefined) next.delete(path);
    else next.set(path, text);
    this.drafts.value = next;
  }

  dropDrafts(paths: Iterable<string>): void {
    const next = new Map(this.drafts.peek());
    for (const path of paths) next.delete(path);
    this.drafts.value = next;
  }
}

const PartContext = createContext<Catalogue<string> | undefined>(undefined);

/** Texts that everything in a part of the page may use, forms for its objects, say. */
export const PartTexts = PartContext.Provider;

/** A text that may be there: in the part of the page around, or in the page's own catalogue. */
export function useKnown(): (key: string) => string | undefined {
  const { language, translate } = useApp();
  const part = useContext(PartContext)?.[language];
  return (key) => part?.[key] ?? (isKey(key) ? translate.value(key) : undefined);
}

const AppContext = createContext<App | undefined>(undefined);

export const AppProvider = AppContext.Provider;

export function useApp(): App {
  const app = useContext(AppContext);
  if (app === undefined) throw new TypeError('useApp outside AppProvider');
  return app;
}

export const useT = (): Translate => useApp().translate.value;

/** Likewise in a part of the page that brings texts of its own. */
export function useTexts<K extends string>(texts: Catalogue<K>): Translate<K | Key> {
  const { language } = useApp();
  return useMemo(() => translator(language, texts), [language, texts]);
}
