/** Who is there? The one door, once the box is set up. */
import { useSignal } from '@preact/signals';
import { useEffect, useId, useRef } from 'preact/hooks';
import type { Session } from '../lib/shapes.ts';
import { useApp, useT } from '../state/app.ts';
import { Icon } from '../ui/icons.tsx';
import { Note } from '../ui/parts.tsx';
import { LanguagePicker } from './appearance.tsx';

export function Login() {
  const app = useApp();
  const t = useT();
  const id = useId();
  const fault = useSignal<string | undefined>(undefined);
  const busy = useSignal(false);
  const first = useRef<HTMLInputElement>(null);
  useEffect(() => {
    document.title = `${t('login.title')} · Gatehouse`;
    first.current?.focus();
  }, []);
  const submit = async (form: HTMLFormElement): Promise<void> => {
    const data = new FormData(form);
    const [username, password] = [data.get('username'), data.get('password')];
    fault.value = undefined;
    if (username === '' || password === '') {
      fault.value = t('login.empty');
      const empty = username === '' ? 'username' : 'password';
      form.querySelector<HTMLElement>(`[name=${empty}]`)?.focus();
      return;
    }
    busy.value = true;
    const answer = await app.api.post<Session>('/api/login', { username, password });
    busy.value = false;
    if (answer.ok) return app.enter(answer.value);
    const { status, retryAfterSec } = answer.error;
    if (status === 0) fault.value = t('login.noAnswer');
    else if (status === 401) fault.value = t('login.wrong');
    else if (status === 429) {
      fault.value = t('login.wait', { n: Math.max(1, Math.ceil(retryAfterSec ?? 60)) });
    } else fault.value = app.words(answer.error);
  };
  return (
    <div class="door">
      <main class="door-card">
        <div class="door-brand">
          <Icon name="gate" />
          <h1>{t('login.heading', { name: app.session.value?.hostName || 'Gatehouse' })}</h1>
        </div>
        <form
          class="stack"
          noValidate
          onSubmit={(event) => {
            event.preventDefault();
            void submit(event.currentTarget);
          }}
        >
          {fault.value !== undefined && <Note kind="bad">{fault.value}</Note>}
          {app.restart.value === 'back' && <Note>{t('box.back')}</Note>}
          <div class="field">
            <label for={`${id}-u`}>{t('login.user')}</label>
            <input
              id={`${id}-u`}
              name="username"
              autocomplete="username"
              defaultValue="admin"
              autocapitalize="none"
              spellcheck={false}
              required
            />
          </div>
          <div class="field">
            <label for={`${id}-p`}>{t('login.password')}</label>
            <input
              id={`${id}-p`}
              ref={first}
              name="password"
              type="password"
              autocomplete="current-password"
              required
            />
          </div>
          <button type="submit" class="primary" disabled={busy.value}>
            {t('login.enter')}
          </button>
        </form>
        <LanguagePicker />
      </main>
    </div>
  );
}
