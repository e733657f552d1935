/** One file with the whole configuration, sealed by a passphrase; and back. */
import { useSignal } from '@preact/signals';
import { useId } from 'preact/hooks';
import { bytes } from '../lib/format.ts';
import type { SetDone } from '../lib/shapes.ts';
import { useApp, useT } from '../state/app.ts';
import { Confirm } from '../ui/dialog.tsx';
import { Card, Note } from '../ui/parts.tsx';
import { save } from '../ui/save.ts';

const MIN_PASSPHRASE = 8;

export function BackupPage() {
  const app = useApp();
  const t = useT();
  return (
    <div class="grid">
      <Card title={t('backup.make')}>
        <p class="muted">{t('backup.makeText')}</p>
        <Make />
      </Card>
      <Card title={t('backup.restore')}>
        <p class="muted">{t('backup.restoreText')}</p>
        {app.mayChange ? <Restore /> : <p class="muted">{t('form.viewer')}</p>}
      </Card>
    </div>
  );
}

function Make() {
  const app = useApp();
  const t = useT();
  const id = useId();
  const passphrase = useSignal('');
  const fault = useSignal<string | undefined>(undefined);
  const busy = useSignal(false);
  const make = async (): Promise<void> => {
    if ([...passphrase.value].length < MIN_PASSPHRASE) {
      fault.value = t('backup.short', { n: MIN_PASSPHRASE });
      return;
    }
    busy.value = true;
    const answer = await app.api.download('/api/backup', { passphrase: passphrase.value });
    busy.value = false;
    if (!answer.ok) {
      fault.value = app.words(answer.error);
      return;
    }
    fault.value = undefined;
    passphrase.value = '';
    save(answer.value.blob, answer.value.name);
    app.say(t('backup.made', { size: bytes(answer.value.blob.size, app.locale) }));
  };
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        void make();
      }}
    >
      {fault.value !== undefined && <Note kind="bad">{fault.value}</Note>}
      <div class="field">
        <label for={id}>{t('backup.passphrase')}</label>
        <input
          id={id}
          name="make-passphrase"
          type="password"
          autocomplete="new-password"
          value={passphrase.value}
          onInput={(event) => (passphrase.value = event.currentTarget.value)}
        />
        <p class="hint">{t('backup.passphraseHint')}</p>
      </div>
      <div class="actions">
        <button type="submit" class="primary" disabled={busy.value || !app.mayChange}>
          {t('backup.download')}
        </button>
      </div>
    </form>
  );
}

function Restore() {
  const app = useApp();
  const t = useT();
  const id = useId();
  const file = useSignal<File | undefined>(undefined);
  const passphrase = useSignal('');
  const fault = useSignal<string | undefined>(undefined);
  const asking = useSignal(false);
  const restore = async (): Promise<void> => {
    asking.value = false;
    if (file.value === undefined) return;
    const sealed = file.value;
    const answer = await app.tried((confirmSec) =>
      app.api.send<SetDone>('/api/restore', sealed, {
        'content-type': 'application/octet-stream',
        'x-gatehouse-passphrase': encodeURIComponent(passphrase.value),
        'x-gatehouse-confirm-sec': String(confirmSec),
      }),
    );
    fault.value = answer.ok ? undefined : app.words(answer.error);
    if (!answer.ok) return;
    passphrase.value = '';
    app.say(t('backup.restored', { revision: answer.value.revision }));
    await app.model.readAll();
  };
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        if (file.value === undefined) fault.value = t('backup.noFile');
        else asking.value = true;
      }}
    >
      {fault.value !== undefined && <Note kind="bad">{fault.value}</Note>}
      <div class="field">
        <label for={`${id}-f`}>{t('backup.file')}</label>
        <input
          id={`${id}-f`}
          name="restore-file"
          type="file"
          onChange={(event) => (file.value = event.currentTarget.files?.[0] ?? undefined)}
        />
      </div>
      <div class="field">
        <label for={`${id}-p`}>{t('backup.passphraseOf')}</label>
        <input
          id={`${id}-p`}
          name="restore-passphrase"
          type="password"
          autocomplete="off"
          value={passphrase.value}
          onInput={(event) => (passphrase.value = event.currentTarget.value)}
        />
      </div>
      <div class="actions">
        <button type="submit">{t('backup.restoreAction')}</button>
      </div>
      {asking.value && (
        <Confirm
          title={t('backup.restore')}
          text={
            <>
              <p>{t('backup.ask')}</p>
              <Note kind="warn">{t('pending.ask')}</Note>
            </>
          }
          action={t('backup.restoreAction')}
          danger
          onYes={() => void restore()}
          onNo={() => (asking.value = false)}
        />
      )}
    </form>
  );
}
