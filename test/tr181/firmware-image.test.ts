/** The slots of the firmware in the model, from what the update service observed. */
import t from 'tap';
import type { UpdateObserved } from '#src/services/update/config.ts';
import type { UpdateStatus } from '#src/wire/update-status.ts';
import { ORIGIN, router, settled } from './fixture.ts';

const INFO = 'Device.DeviceInfo.';
const signal = new AbortController().signal;

const SAID: UpdateStatus = {
  arch: 'arm64',
  running: 'b',
  order: ['b', 'a'],
  left: 9,
  leastSerial: 7,
  slots: { a: { version: '1.0', serial: 6 }, b: { version: '1.1', serial: 7 } },
  phase: 'idle',
  percent: 0,
  fault: '',
};
const IDLE: UpdateObserved = {
  state: 'idle',
  missing: undefined,
  failedIn: undefined,
  fault: '',
  percent: 0,
  said: SAID,
};

t.test('a box without slots has no images', async (t) => {
  const { get, observed } = await router();
  t.equal(get(`${INFO}FirmwareImageNumberOfEntries`), '0');
  t.equal(get(`${INFO}ActiveFirmwareImage`), '');
  t.equal(get(`${INFO}X_GATEHOUSE_Update.Status`), 'None');
  observed.publish('update', { ...IDLE, state: 'none', missing: 'no slots here', said: undefined });
  t.equal(get(`${INFO}FirmwareImageNumberOfEntries`), '0');
  t.equal(get(`${INFO}X_GATEHOUSE_Update.Reason`), 'no slots here');
});

t.test('two slots, one of which runs', async (t) => {
  const { get, observed } = await router();
  observed.publish('update', IDLE);
  await settled();
  t.equal(get(`${INFO}FirmwareImageNumberOfEntries`), '2');
  t.equal(get(`${INFO}ActiveFirmwareImage`), `${INFO}FirmwareImage.2`);
  t.equal(get(`${INFO}BootFirmwareImage`), `${INFO}FirmwareImage.2`);
  const image = (n: number) =>
    ['Name', 'Version', 'Available', 'Status', 'BootFailureLog'].map((name) =>
      get(`${INFO}FirmwareImage.${n}.${name}`),
    );
  t.same(image(1), ['a', '1.0', 'true', 'Available', '']);
  t.same(image(2), ['b', '1.1', 'true', 'Active', '']);
  t.equal(get(`${INFO}X_GATEHOUSE_Update.Serial`), '7');
  t.equal(get(`${INFO}X_GATEHOUSE_Update.LeastSerial`), '7');

  const states: readonly (readonly [Partial<UpdateObserved>, string, string])[] = [
    [{ state: 'receiving', percent: 40 }, 'Downloading', 'Receiving'],
    [{ state: 'verifying' }, 'Validating', 'Verifying'],
    [{ state: 'writing' }, 'Validating', 'Writing'],
    [{ state: 'rolledBack', fault: 'was not well' }, 'ActivationFailed', 'RolledBack'],
    [{ state: 'failed', failedIn: 'receiving', fault: 'x' }, 'DownloadFailed', 'Failed'],
    [{ state: 'failed', failedIn: 'verifying', fault: 'x' }, 'ValidationFailed', 'Failed'],
    [{ state: 'failed', failedIn: 'writing', fault: 'x' }, 'InstallationFailed', 'Failed'],
  ];
  for (const [change, status, state] of states) {
    observed.publish('update', { ...IDLE, ...change });
    t.equal(get(`${INFO}FirmwareImage.1.Status`), status);
    t.equal(get(`${INFO}FirmwareImage.1.BootFailureLog`), change.fault ?? '');
    t.equal(get(`${INFO}FirmwareImage.2.Status`), 'Active');
    t.equal(get(`${INFO}X_GATEHOUSE_Update.Status`), state);
    t.equal(get(`${INFO}X_GATEHOUSE_Update.Percent`), String(change.percent ?? 0));
  }
  observed.publish('update', {
    ...IDLE,
    said: { ...SAID, order: ['a', 'b'], slots: { ...SAID.slots, a: undefined } },
  });
  t.same(image(1), ['a', '', 'false', 'NoImage', '']);
  t.equal(get(`${INFO}BootFirmwareImage`), `${INFO}FirmwareImage.1`);
});

t.test('its commands reach the slot that they name', async (t) => {
  const { model, observed, down, audit } = await router();
  observed.publish('update', IDLE);
  await settled();
  const run = async (command: string, args: Record<string, string> = {}) => {
    const done = await model.operate(`${INFO}FirmwareImage.${command}`, args, {
      origin: ORIGIN,
      signal,
    });
    return done.ok ? 'done' : done.error.message;
  };
  const url = 'https://example.net/gatehouse-1.2-arm64.gup';
  t.equal(await run('1.Download()', { URL: url, AutoActivate: 'true' }), 'done');
  t.match(await run('1.Download()'), /URL/);
  t.equal(await run('2.Activate()'), 'done');
  t.same(down, [`download a ${url} true`, 'activate b']);
  t.match(audit.at(-2), { op: 'operate', new: `URL=${url}, AutoActivate=true`, outcome: 'done' });
});
