/** By what the browser knows the box: its own authority to trust, or a certificate to import. */
import { useSignal } from '@preact/signals';
import { useId } from 'preact/hooks';
import { timeMs } from '../lib/format.ts';
import type { Certificate } from '../lib/shapes.ts';
import { useApp, useT } from '../state/app.ts';
import { useAnswer } from '../ui/hooks.ts';
import { Card, Copy, Fact, Facts, Note, Skeleton, When } from '../ui/parts.tsx';

export function CertificatePage() {
  const app = useApp();
  const t = useT();
  const id = useId();
  const found = useSignal<Certificate | undefined>(undefined);
  const certificatePem = useSignal('');
  const keyPem = useSignal('');
  const fault = useSignal<string | undefined>(undefined);
  const changes = useSignal(0);
  useAnswer(
    () => app.api.get<Certificate>('/api/certificate'),
    [changes.value],
    (answer) => {
      if (answer.ok) found.value = answer.value;
      else app.failed(answer.error);
    },
  );
  const bring = async (): Promise<void> => {
    const answer = await app.api.post('/api/certificate', {
      certificatePem: certificatePem.value,
      keyPem: keyPem.value,
    });
    fault.value = answer.ok ? undefined : app.words(answer.error);
    if (!answer.ok) return;
    certificatePem.value = '';
    keyPem.value = '';
    app.say(t('certificate.imported'));
    changes.value += 1;
  };
  const back = async (): Promise<void> => {
    const answer = await app.api.post('/api/certificate', { own: true });
    if (!answer.ok) return app.failed(answer.error);
    app.say(t('certificate.backDone'));
    changes.value += 1;
  };
  const { value: certificate } = found;
  const ends = certificate === undefined ? undefined : timeMs(certificate.notAfter);
  return (
    <div class="grid">
      <Card title={t('certificate.now')}>
        {certificate === undefined ? (
          <Skeleton lines={4} />
        ) : (
          <Facts>
            <Fact name={t('certificate.subject')}>{certificate.subject}</Fact>
            <Fact name={t('certificate.from')}>
              {t(certificate.own ? 'certificate.device' : 'certificate.imported2')}
            </Fact>
            <Fact name={t('certificate.ends')}>
              {ends === undefined ? '—' : <When ms={ends} />}
            </Fact>
            <Fact name={t('certificate.fingerprint')}>
              <span class="wrap">
                <Copy text={certificate.fingerprint} />
              </span>
            </Fact>
          </Facts>
        )}
        {certificate?.own === false && app.mayChange && (
          <div class="actions card-actions">
            <button type="button" onClick={() => void back()}>
              {t('certificate.back')}
            </button>
          </div>
        )}
      </Card>
      <Card title={t('certificate.ca')}>
        <p>{t('certificate.caText')}</p>
        <div class="actions card-actions">
          <a class="button" href="/api/ca.pem" download="gatehouse-ca.pem">
            {t('certificate.download')}
          </a>
        </div>
      </Card>
      {app.mayChange && (
        <Card title={t('certificate.import')} wide>
          <p class="muted">{t('certificate.importText')}</p>
          <form
            class="stack"
            onSubmit={(event) => {
              event.preventDefault();
              void bring();
            }}
          >
            {fault.value !== undefined && <Note kind="bad">{fault.value}</Note>}
            <div class="field">
              <label for={`${id}-c`}>{t('certificate.pem')}</label>
              <textarea
                id={`${id}-c`}
                class="mono"
                rows={5}
                required
                spellcheck={false}
                placeholder="-----BEGIN CERTIFICATE-----"
                value={certificatePem.value}
                onInput={(event) => (certificatePem.value = event.currentTarget.value)}
              />
            </div>
            <div class="field">
              <label for={`${id}-k`}>{t('certificate.key')}</label>
              <textarea
                id={`${id}-k`}
                class="mono"
                rows={5}
                required
                spellcheck={false}
                placeholder="-----BEGIN PRIVATE KEY-----"
                value={keyPem.value}
                onInput={(event) => (keyPem.value = event.currentTarget.value)}
              />
            </div>
            <div class="actions">
              <button type="submit">{t('certificate.importAction')}</button>
            </div>
          </form>
        </Card>
      )}
    </div>
  );
}
