/** The box as a whole: its name, and starting it again. */
import { useSignal } from '@preact/signals';
import { useId } from 'preact/hooks';
import { useApp, useT } from '../state/app.ts';
import { Confirm } from '../ui/dialog.tsx';
import { useModel } from '../ui/hooks.ts';
import { ObjectForm } from '../ui/object-form.tsx';
import { Card, Note, Skeleton } from '../ui/parts.tsx';

const INFO = 'Device.DeviceInfo.';
const HELPER = 'Device.X_GATEHOUSE_RootHelper.';

export function BoxPage() {
  const app = useApp();
  const t = useT();
  const { values, ready } = useModel([INFO, HELPER]);
  if (!ready) return <Skeleton lines={4} />;
  const only = values.get(`${INFO}X_GATEHOUSE_HostNameStatus`)?.value === 'GatehouseOnly';
  const why = values.get(`${INFO}X_GATEHOUSE_HostNameReason`)?.value ?? '';
  const up = values.get(`${HELPER}Status`)?.value === 'Up';
  return (
    <div class="grid">
      <Card title={t('box.name')}>
        {only && <Note kind="warn">{t('box.nameOnly', { reason: why })}</Note>}
        <ObjectForm
          values={values}
          paths={[`${INFO}HostName`]}
          onSaved={() => void app.readName()}
        />
      </Card>
      <Card title={t('box.reboot')}>
        <p class="muted">{t('box.rebootText')}</p>
        <Reboot missing={up ? undefined : (values.get(`${HELPER}Reason`)?.value ?? '')} />
      </Card>
    </div>
  );
}

/** `missing`: why it cannot be done from here. */
function Reboot({ missing }: { missing: string | undefined }) {
  const app = useApp();
  const t = useT();
  const id = useId();
  const asking = useSignal(false);
  const going = app.restart.value === 'going';
  const why = !app.mayChange
    ? t('form.viewer')
    : missing === undefined
      ? undefined
      : t('box.noHelper', { reason: missing });
  return (
    <div class="stack">
      {why !== undefined && <p id={id}>{why}</p>}
      <div class="actions">
        <button
          type="button"
          class="danger"
          disabled={why !== undefined || going}
          aria-describedby={why === undefined ? undefined : id}
          onClick={() => (asking.value = true)}
        >
          {t(going ? 'box.going' : 'box.rebootAction')}
        </button>
      </div>
      {asking.value && (
        <Confirm
          title={t('box.reboot')}
          text={<p>{t('box.ask')}</p>}
          action={t('box.rebootAction')}
          danger
          onYes={() => {
            asking.value = false;
            void app.reboot();
          }}
          onNo={() => (asking.value = false)}
        />
      )}
    </div>
  );
}
