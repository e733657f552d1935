/** `gatehouse wifi`: tables, and where a password comes from. */
import t from 'tap';
import { ok } from '../../../src/base/result.ts';
import type { CliEnvironment } from '../../../src/edge/cli/environment.ts';
import { runCli } from '../../../src/edge/cli/program.ts';
import { Captured, cli, FakeBus, fakeEnvironment } from './fake.ts';

const RADIO = {
  ...{ interface: 'wlan0', phy: 'phy0', state: 'joined', reason: null, blocked: null },
  ...{ country: 'DE', restarts: 0, ssid: 'net', bssid: '02:00:00:00:00:01', frequencyMhz: 2412 },
  ...{ channel: 1, security: 'WPA2-PSK', signalDbm: -52, linkSpeedMbps: 54 },
};
const busOf = (data: object) =>
  new FakeBus({ 'gatehouse call': () => ({ status: 'success', message: null, data }) as never });
const cells = (line: string | undefined): string[] => (line ?? '').trim().split(/ {2,}/);

t.test('how it stands', async (t) => {
  const bus = busOf({ interfaces: [RADIO], networks: [{ ssid: 'net', priority: 0 }] });
  const { out, err, code } = await cli(['wifi', 'status'], bus);
  t.match({ code, err }, { code: 0, err: /known networks: net/ });
  t.same(cells(out.split('\n')[1]), [
    ...['wlan0', 'joined', 'net', '02:00:00:00:00:01', '1', '-52 dBm', 'WPA2-PSK', 'DE'],
  ]);
  const wrong = { ...RADIO, state: 'refused', reason: 'the password is not the right one' };
  const said = await cli(['wifi', 'status'], busOf({ interfaces: [wrong], networks: [] }));
  t.match(said.err, /wlan0: the password is not the right one\nno network is known/);
  const none = await cli(['wifi', 'status'], busOf({ interfaces: [], networks: [] }));
  t.match(none, { code: 0, out: '', err: /no Wi-Fi/ });
  const json = JSON.parse((await cli(['--json', 'wifi', 'status'], bus)).out);
  t.equal(json.interfaces[0].signalDbm, -52);
});

t.test('what is on the air, whatever strangers call it', async (t) => {
  const network = { ...RADIO, ssid: 'evil\u001b[2J', security: 'WPA2' };
  const bus = busOf({ networks: [network, { ...network, ssid: '' }] });
  const { out } = await cli(['wifi', 'scan', 'wlan0'], bus);
  t.notMatch(out, '\u001b');
  t.match(out, /\(hidden\)/);
  t.match(bus.calls[0]?.args, { args: { interface: 'wlan0' } });
  t.match(await cli(['wifi', 'scan'], busOf({ networks: [] })), { err: /no network/ });
});

t.test('a password is asked for, read, or in a file; never an argument', async (t) => {
  const join = async (more: string[], environment: Partial<CliEnvironment>) => {
    const bus = busOf({ ssid: 'net' });
    const stderr = new Captured();
    const around = { ...fakeEnvironment(bus, { stdout: new Captured(), stderr }), ...environment };
    const code = await runCli(['wifi', 'join', 'net', ...more], around);
    return { code, err: stderr.text, args: bus.calls[0]?.args['args'] };
  };
  t.match(await join([], { readSecret: async () => 'typed here' }), {
    args: { ssid: 'net', password: 'typed here', hidden: false },
  });
  const piped = { readStdin: async () => 'from a pipe\nmore\n' };
  t.match(await join(['--hidden', '--country', 'DE'], piped), {
    args: { password: 'from a pipe', hidden: true, country: 'DE' },
  });
  const file = { readFile: () => ok(new TextEncoder().encode('in a file\r\n')) };
  t.match(await join(['--password-file', 'f'], file), { args: { password: 'in a file' } });
  t.match(await join(['--open'], {}), { code: 0, args: { password: '' } });
  t.match(await join(['--password-file', 'none'], {}), { code: 1, args: undefined });
  t.match(await join([], { readStdin: async () => 'short' }), {
    ...{ code: 2, err: /8 to 63 characters/, args: undefined },
  });
  t.match(await join(['--country', 'de'], piped), { code: 2, args: undefined });
  t.match(await join(['the password'], piped), { code: 2, args: undefined });
});

t.test('leaving', async (t) => {
  const bus = busOf({ left: ['net', 'cafe'] });
  t.match(await cli(['wifi', 'leave'], bus), { code: 0, err: /forgotten: net, cafe/ });
  t.match(bus.calls[0]?.args, { service: 'wifi', command: 'leave', args: {} });
  const refused = new FakeBus({
    'gatehouse call': () => ({ status: 'error', message: 'no network is known', data: null }),
  });
  t.match(await cli(['wifi', 'leave', 'x'], refused), { code: 1, err: /no network is known/ });
});
