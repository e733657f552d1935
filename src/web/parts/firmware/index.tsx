/** The firmware: what each slot holds, its update with progress, and the way back. */
import { useSignal } from '@preact/signals';
import { useId } from 'preact/hooks';
import type { Values } from '../../lib/patch.ts';
import { asReference, rowsOf } from '../../lib/paths.ts';
import { textAt } from '../../lib/status.ts';
import { useApp, useTexts } from '../../state/app.ts';
import { Confirm } from '../../ui/dialog.tsx';
import { useModel } from '../../ui/hooks.ts';
import { Card, Fact, Facts, Note, Skeleton } from '../../ui/parts.tsx';
import { texts } from './texts.ts';

type Word = keyof typeof texts.en;

const INFO = 'Device.DeviceInfo.';
const IMAGES = `${INFO}FirmwareImage.`;
const UPDATE = `${INFO}X_GATEHOUSE_Update.`;
/** The box takes no more at once. */
const PIECE_BYTES = 1024 * 1024;

type Slots = readonly { readonly row: string; readonly name: string; readonly version: string }[];

export default function FirmwarePage() {
  const t = useTexts(texts);
  const { values, ready } = useModel([INFO]);
  if (!ready) return <Skeleton lines={5} />;
  const status = textAt(values, `${UPDATE}Status`);
  const reason = textAt(values, `${UPDATE}Reason`);
  if (status === 'None') {
    return (
      <div class="grid">
        <Card title={t('system.firmware')}>
          <p>{t('firmware.none', { reason })}</p>
        </Card>
      </div>
    );
  }
  const slots = rowsOf(values.keys(), IMAGES).map((row) => ({
    row,
    name: textAt(values, `${row}Name`),
    version: textAt(values, `${row}Version`),
  }));
  return (
    <div class="grid">
      <Card title={t('firmware.slots')}>
        <p class="muted">{t('firmware.slotsText')}</p>
        <div class="stack">
          <Held values={values} slots={slots} />
          <Standing status={status} reason={reason} percent={textAt(values, `${UPDATE}Percent`)} />
          <NextBoot values={values} slots={slots} status={status} />
        </div>
      </Card>
      <Card title={t('firmware.update')}>
        <p class="muted">{t('firmware.updateText')}</p>
        <Upload status={status} />
      </Card>
    </div>
  );
}

function Held({ values, slots }: { values: Values; slots: Slots }) {
  const t = useTexts(texts);
  const [active, next] = ['ActiveFirmwareImage', 'BootFirmwareImage'].map((name) =>
    textAt(values, `${INFO}${name}`),
  );
  return (
    <Facts>
      {slots.map(({ row, name, version }) => (
        <Fact key={row} name={t('firmware.slot', { name: name.toUpperCase() })}>
          {version || t('firmware.empty')}
          {active === asReference(row) && `, ${t('firmware.running')}`}
          {next === asReference(row) && next !== active && `, ${t('firmware.next')}`}
        </Fact>
      ))}
    </Facts>
  );
}

const BUSY: readonly string[] = ['Receiving', 'Verifying', 'Writing'];
const BAD: readonly string[] = ['Failed', 'RolledBack'];

function Standing(props: { status: string; reason: string; percent: string }) {
  const t = useTexts(texts);
  const { status, reason, percent } = props;
  if (status === 'Idle') return null;
  const word = t(`firmware.is${status}` as Word);
  if (BAD.includes(status)) {
    return <Note kind="bad">{reason === '' ? word : `${word} ${reason}`}</Note>;
  }
  if (!BUSY.includes(status)) return <p role="status">{word}</p>;
  return (
    <div class="stack">
      <p role="status">{word}</p>
      <progress max={100} value={Number(percent)} aria-label={word}>
        {percent} %
      </progress>
    </div>
  );
}

/** Another version is booted next, or could be. */
function NextBoot({ values, slots, status }: { values: Values; slots: Slots; status: string }) {
  const app = useApp();
  const t = useTexts(texts);
  const asking = useSignal(false);
  const active = textAt(values, `${INFO}ActiveFirmwareImage`);
  const pending = textAt(values, `${INFO}BootFirmwareImage`) !== active;
  const other = slots.find(({ row }) => asReference(row) !== active);
  if (other === undefined || other.version === '' || BUSY.includes(status)) return null;
  const { version } = other;
  const choose = async (): Promise<void> => {
    asking.value = false;
    // From here on the box goes down, and says so by itself.
    const answer = await app.api.post('/api/operate', { path: `${other.row}Activate()` });
    if (answer.ok) app.restart.value = 'going';
    else app.failed(answer.error);
  };
  const stay = async (): Promise<void> => {
    const answer = await app.api.post('/api/update/rollback');
    if (!answer.ok) app.failed(answer.error);
  };
  return (
    <div class="actions">
      <button
        type="button"
        class={status === 'Ready' ? 'primary' : 'danger'}
        disabled={!app.mayChange || app.restart.value === 'going'}
        onClick={() => (asking.value = true)}
      >
        {t('firmware.start', { version })}
      </button>
      {pending && (
        <button type="button" disabled={!app.mayChange} onClick={() => void stay()}>
          {t('firmware.stay')}
        </button>
      )}
      {asking.value && (
        <Confirm
          title={t('firmware.start', { version })}
          text={<p>{t('firmware.ask')}</p>}
          action={t('box.rebootAction')}
          danger
          onYes={() => void choose()}
          onNo={() => (asking.value = false)}
        />
      )}
    </div>
  );
}

function Upload({ status }: { status: string }) {
  const app = useApp();
  const t = useTexts(texts);
  const id = useId();
  const file = useSignal<File | undefined>(undefined);
  const fault = useSignal<string | undefined>(undefined);
  const sending = useSignal(false);
  const send = async (bundle: File): Promise<void> => {
    const begun = await app.api.post('/api/update', { sizeBytes: bundle.size });
    let answer = begun;
    for (let at = 0; answer.ok && at < bundle.size; at += PIECE_BYTES) {
      answer = await app.api.send(
        `/api/update/data?offset=${at}`,
        bundle.slice(at, at + PIECE_BYTES),
        { 'content-type': 'application/octet-stream' },
      );
    }
    if (answer.ok) answer = await app.api.post('/api/update/install');
    fault.value = answer.ok ? undefined : app.words(answer.error);
  };
  const busy = sending.value || BUSY.includes(status);
  const why = !app.mayChange
    ? t('form.viewer')
    : status === 'Trying'
      ? t('firmware.waitTrial')
      : undefined;
  if (why !== undefined) return <p>{why}</p>;
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        if (file.value === undefined) {
          fault.value = t('firmware.noFile');
          return;
        }
        sending.value = true;
        void send(file.value).finally(() => (sending.value = false));
      }}
    >
      {fault.value !== undefined && <Note kind="bad">{fault.value}</Note>}
      <div class="field">
        <label for={id}>{t('firmware.file')}</label>
        <input
          id={id}
          name="firmware"
          type="file"
          accept=".gup"
          onChange={(event) => (file.value = event.currentTarget.files?.[0] ?? undefined)}
        />
      </div>
      <div class="actions">
        <button type="submit" class="primary" disabled={busy}>
          {t(busy ? 'firmware.busy' : 'firmware.install')}
        </button>
      </div>
    </form>
  );
}
