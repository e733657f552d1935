/** Devices with their addresses, devices that wait for one, and the owner's word about each. */
import { type Signal, useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import type { Key } from '../i18n/en.ts';
import { type Device, devicesOf, fixedRow, PENDING, POOLS } from '../lib/devices.ts';
import { duration, ipv4, timeMs } from '../lib/format.ts';
import type { Values } from '../lib/patch.ts';
import { rowsOf } from '../lib/paths.ts';
import type { SetDone } from '../lib/shapes.ts';
import { type State, textAt } from '../lib/status.ts';
import { type App, useApp, useT } from '../state/app.ts';
import { Dialog } from '../ui/dialog.tsx';
import { useLive } from '../ui/hooks.ts';
import { Card, Copy, Empty, StateWord, When } from '../ui/parts.tsx';
import { Table } from '../ui/table.tsx';

const STATES: Readonly<Record<Device['state'], State>> = {
  here: 'up',
  away: 'off',
  lent: 'up',
  none: 'off',
};
const HOUR_SEC = 3600;
const SPANS = [HOUR_SEC, 4 * HOUR_SEC, 24 * HOUR_SEC];
/** Renewals cause no events: so many leases are looked at, more are read when the page is opened. */
const MAX_LIVE = 250;

type Who = Pick<Device, 'mac' | 'name'>;

/** What is left until a moment of the box's clock, in words. */
export function left(app: App, endMs: number | undefined): string {
  const t = app.translate.value;
  app.nowMs.value;
  if (endMs === undefined) return '—';
  if (endMs === Number.POSITIVE_INFINITY) return t('lease.forever');
  const sec = (endMs - Date.now() - app.events.skewMs.value) / 1000;
  return sec <= 0
    ? t('devices.over')
    : t('lease.left', { time: duration(sec, app.locale, 'short') });
}

/** Says a word about one device, and offers to take it back. */
async function say(
  app: App,
  { mac, name }: Who,
  word: 'allow' | 'deny' | 'forget' | 'fix',
  more: { readonly seconds?: number; readonly address?: string } = {},
): Promise<void> {
  const answer = await app.api.post<SetDone>('/api/device', { word, mac, ...more });
  if (!answer.ok) return app.failed(answer.error);
  const { revision } = answer.value;
  const { seconds = 0, address = '' } = more;
  const key = seconds > 0 ? 'done.for' : (`done.${word}` as const);
  const args = { name, address, time: duration(seconds, app.locale) };
  app.say(app.translate.peek()(key, args), () => void app.takeBack(revision));
}

export function DeviceList({ values }: { values: Values }) {
  const app = useApp();
  const t = useT();
  const devices = useMemo(() => devicesOf(values), [values]);
  const asked = useSignal<Device | undefined>(undefined);
  const leases = devices.filter(({ lease }) => lease !== undefined).length;
  useLive(
    leases > 0 && leases <= MAX_LIVE ? [`${POOLS}*.Client.*.IPv4Address.*.LeaseTimeRemaining`] : [],
  );
  const notes = (device: Device): readonly string[] => [
    ...(device.isFixed ? [t('devices.fixed')] : []),
    ...(device.word === 'Deny' ? [t('devices.denied')] : []),
    ...(device.word === 'Allow'
      ? [t('devices.allowed', { time: left(app, device.untilMs ?? Number.POSITIVE_INFINITY) })]
      : []),
  ];
  const stateWord = (device: Device): string => t(`devices.${device.state}`);
  return (
    <Card title={t('devices.list')} wide>
      <p class="muted">{t('devices.listIntro')}</p>
      <Table
        label={t('devices.list')}
        rows={devices}
        keyOf={({ row }) => row}
        filter
        csvName="devices"
        empty={<Empty title={t('devices.listNone')} />}
        columns={[
          {
            key: 'name',
            title: t('column.name'),
            text: ({ name, mac }) => (name === mac ? '—' : name),
            cell: ({ name, mac, vendor }) => (
              <>
                <strong class="device-name">{name === mac ? '—' : name}</strong>
                <span class="hint">{vendor}</span>
              </>
            ),
          },
          {
            key: 'address',
            title: t('overview.address'),
            text: ({ address }) => address,
            sort: ({ address }) => ipv4(address) ?? address,
            cell: ({ address }) => <Copy text={address} />,
          },
          {
            key: 'mac',
            title: t('column.mac'),
            text: ({ mac }) => mac,
            cell: ({ mac }) => <Copy text={mac} />,
          },
          {
            key: 'vendor',
            title: t('devices.vendor'),
            text: ({ vendor }) => vendor,
            aside: true,
          },
          {
            key: 'state',
            title: t('column.state'),
            text: (device) => [stateWord(device), ...notes(device)].join(', '),
            cell: (device) => (
              <>
                <StateWord state={STATES[device.state]} word={stateWord(device)} />
                {notes(device).map((note) => (
                  <span key={note} class="hint">
                    {note}
                  </span>
                ))}
              </>
            ),
          },
          {
            key: 'lease',
            title: t('devices.lease'),
            text: ({ endMs }) => left(app, endMs),
            sort: ({ endMs }) => endMs ?? 0,
            cell: ({ endMs }) => <span class="tabular">{left(app, endMs)}</span>,
          },
          {
            key: 'do',
            title: t('column.actions'),
            text: () => '',
            cell: (device) =>
              app.mayChange && (
                <span class="actions">
                  {device.lease !== undefined && !device.isFixed && (
                    <button
                      type="button"
                      class="quiet"
                      onClick={() => void say(app, device, 'fix', { address: device.address })}
                    >
                      {t('devices.fix')}
                      <span class="sr"> {device.name}</span>
                    </button>
                  )}
                  <button
                    type="button"
                    class="quiet"
                    aria-haspopup="dialog"
                    onClick={() => (asked.value = device)}
                  >
                    {t('devices.more')}
                    <span class="sr"> {device.name}</span>
                  </button>
                </span>
              ),
          },
        ]}
      />
      {asked.value !== undefined && (
        <Words
          // As it is now, while the dialog stands.
          device={devices.find(({ row }) => row === asked.value?.row) ?? asked.value}
          values={values}
          onClose={() => (asked.value = undefined)}
        />
      )}
    </Card>
  );
}

/** All that can be said of one device. */
function Words(props: { device: Device; values: Values; onClose: () => void }) {
  const app = useApp();
  const t = useT();
  const { device, values, onClose } = props;
  const fixed = device.isFixed ? fixedRow(values, device.mac) : undefined;
  const closing = (work: Promise<void>): void => {
    onClose();
    void work;
  };
  const end = async (): Promise<void> => {
    const path = `${device.lease}X_GATEHOUSE_Release()`;
    const answer = await app.api.post('/api/operate', { path, args: {} });
    if (answer.ok) app.say(t('done.end', { name: device.name }));
    else app.failed(answer.error);
  };
  const unfix = async (row: string): Promise<void> => {
    const answer = await app.api.post<SetDone>('/api/del', { paths: [row] });
    if (!answer.ok) return app.failed(answer.error);
    const { revision } = answer.value;
    app.say(t('done.unfix', { name: device.name }), () => void app.takeBack(revision));
  };
  const button = (key: Key, work: () => Promise<void>, kind = '') => (
    <button type="button" class={kind} onClick={() => closing(work())}>
      {t(key)}
    </button>
  );
  return (
    <Dialog title={device.name} onClose={onClose}>
      <div class="stack">
        <p class="hint">{[device.mac, device.vendor].filter((text) => text !== '').join(' · ')}</p>
        <ForAWhile who={device} done={onClose} />
        <div class="actions">
          {button('devices.always', () => say(app, device, 'allow'))}
          {button('devices.deny', () => say(app, device, 'deny'), 'danger')}
          {device.word !== undefined && button('devices.forget', () => say(app, device, 'forget'))}
        </div>
        <p class="hint">{t('devices.denyHint')}</p>
        <div class="actions end">
          {fixed !== undefined && button('devices.unfix', () => unfix(fixed))}
          {device.lease !== undefined && button('devices.end', end)}
          <button type="button" onClick={onClose}>
            {t('cancel')}
          </button>
        </div>
      </div>
    </Dialog>
  );
}

/** Allows a device for a span of the list, or one of the reader's own. */
function ForAWhile({ who, done }: { who: Who; done: () => void }) {
  const app = useApp();
  const t = useT();
  const own = useSignal('');
  const hours = Number(own.value.replace(',', '.'));
  const allow = (seconds: number): void => {
    done();
    void say(app, who, 'allow', { seconds });
  };
  return (
    <form
      class="field"
      onSubmit={(event) => {
        event.preventDefault();
        if (hours > 0) allow(Math.ceil(hours * HOUR_SEC));
      }}
    >
      <label for="hours">{t('devices.for')}</label>
      <span class="actions">
        {SPANS.map((seconds) => (
          <button type="button" key={seconds} onClick={() => allow(seconds)}>
            {duration(seconds, app.locale)}
          </button>
        ))}
        <input
          id="hours"
          class="short hours"
          inputMode="decimal"
          autocomplete="off"
          aria-describedby="hours-unit"
          value={own.value}
          onInput={(event) => (own.value = event.currentTarget.value)}
        />
        <span id="hours-unit" class="muted">
          {t('devices.hours')}
        </span>
        <button type="submit" disabled={!(hours > 0)}>
          {t('devices.allow')}
        </button>
      </span>
    </form>
  );
}

/** Devices that asked where strangers wait. */
export function Waiting({ values }: { values: Values }) {
  const app = useApp();
  const t = useT();
  const asked: Signal<Who | undefined> = useSignal(undefined);
  useLive([`${PENDING}*.`]);
  const at = (row: string, name: string): string => textAt(values, `${row}${name}`);
  const who = (row: string): Who => {
    const mac = at(row, 'Chaddr');
    return { mac, name: at(row, 'HostName') || mac };
  };
  return (
    <Card title={t('devices.waiting')} wide>
      <p class="muted">{t('waiting.intro')}</p>
      <Table
        label={t('devices.waiting')}
        rows={rowsOf(values.keys(), PENDING)}
        keyOf={(row) => row}
        filter
        csvName="waiting"
        empty={<Empty title={t('waiting.none')} />}
        columns={[
          {
            key: 'name',
            title: t('column.name'),
            text: (row) => who(row).name,
            cell: (row) => <strong class="device-name">{who(row).name}</strong>,
          },
          // Beside the name: on a phone the rest is a swipe away.
          {
            key: 'do',
            title: t('column.actions'),
            text: () => '',
            cell: (row) =>
              app.mayChange && (
                <span class="actions">
                  {(['waiting.approve', 'waiting.while', 'waiting.refuse'] as const).map((key) => (
                    <button
                      key={key}
                      type="button"
                      class="quiet"
                      onClick={() => {
                        if (key === 'waiting.while') asked.value = who(row);
                        else void say(app, who(row), key === 'waiting.approve' ? 'allow' : 'deny');
                      }}
                    >
                      {t(key)}
                      <span class="sr"> {who(row).name}</span>
                    </button>
                  ))}
                </span>
              ),
          },
          {
            key: 'mac',
            title: t('column.mac'),
            text: (row) => at(row, 'Chaddr'),
            cell: (row) => (
              <>
                <Copy text={at(row, 'Chaddr')} />
                {at(row, 'RandomisedMAC') === 'true' && (
                  <span class="hint">{t('waiting.random')}</span>
                )}
              </>
            ),
          },
          {
            key: 'class',
            title: t('param.VendorClassID'),
            text: (row) => at(row, 'VendorClassID') || '—',
          },
          {
            key: 'first',
            title: t('waiting.since'),
            text: (row) => at(row, 'FirstSeen'),
            cell: (row) => <When ms={timeMs(at(row, 'FirstSeen')) ?? 0} />,
          },
          {
            key: 'asked',
            title: t('waiting.asked'),
            text: (row) => t('times', { n: Number(at(row, 'Requests')) }),
            sort: (row) => Number(at(row, 'Requests')),
          },
        ]}
      />
      {asked.value !== undefined && (
        <Dialog title={asked.value.name} onClose={() => (asked.value = undefined)}>
          <ForAWhile who={asked.value} done={() => (asked.value = undefined)} />
          <div class="actions end">
            <button type="button" onClick={() => (asked.value = undefined)}>
              {t('cancel')}
            </button>
          </div>
        </Dialog>
      )}
    </Card>
  );
}
