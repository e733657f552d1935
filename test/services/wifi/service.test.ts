import t from 'tap';
import { SystemError } from '../../../src/base/errors.ts';
import { err, ok } from '../../../src/base/result.ts';
import type { ChildProcess, Link, Processes } from '../../../src/os/ports.ts';
import type { DatagramHandlers } from '../../../src/os/ports-datagram.ts';
import type {
  WifiConfig,
  WifiInterfaceObserved,
  WifiObserved,
  WifiProfileConfig,
} from '../../../src/services/wifi/config.ts';
import { WifiService } from '../../../src/services/wifi/service.ts';
import { FakeClock } from '../../lib/clock.ts';
import { MemoryLog } from '../../lib/log.ts';

class Child implements ChildProcess {
  readonly identity;
  readonly exited: Promise<void>;
  released = false;
  end: () => void = () => {};
  constructor(pid: number) {
    this.identity = { pid, startTicks: pid };
    this.exited = new Promise((resolve) => {
      this.end = resolve;
    });
  }
  /** It takes its time. */
  lingers = false;
  signal(): boolean {
    if (!this.lingers) this.end();
    return true;
  }
  release(): void {
    this.released = true;
  }
}

const PROFILE: WifiProfileConfig = {
  ...{ id: 'p1', enable: true, ssid: 'net', hidden: false, priority: 0, mode: 'WPA2-Personal' },
  ...{ passphrase: 'password', psk: undefined },
};
const joins = (...profiles: WifiProfileConfig[]): WifiConfig => ({
  radios: [{ ifName: 'wlan0', enable: true, country: 'DE' }],
  endPoints: [{ id: 'e1', enable: true, ifName: 'wlan0', profiles }],
});
const COMPLETED =
  'bssid=02:00:00:00:00:00\nfreq=2412\nssid=net\nid=0\nkey_mgmt=WPA2-PSK\nwpa_state=COMPLETED\n';

/** A box with one radio, whose wpa_supplicant says what it is told to say. */
class House {
  readonly clock = new FakeClock();
  readonly files = new Map<string, string>();
  readonly written: string[] = [];
  readonly children: Child[] = [];
  readonly asked: string[] = [];
  /** What the daemon before left running. */
  stray: Child | undefined;
  answers: Record<string, string> = {
    ATTACH: 'OK\n',
    STATUS: 'wpa_state=SCANNING\n',
    SIGNAL_POLL: 'RSSI=-40\nLINKSPEED=54\nFREQUENCY=2412\n',
    'STATUS-DRIVER': 'ifname=wlan0\ncountry=AT\n',
  };
  links: Link[] = [this.link('eth0', 2), this.link('wlan0', 3)];
  handlers: DatagramHandlers | undefined;
  listens = true;
  observed: WifiObserved | undefined;
  readonly service: WifiService;

  constructor(files: Readonly<Record<string, string>> = {}, stray?: Child) {
    for (const [path, text] of Object.entries(files)) this.files.set(path, text);
    this.stray = stray;
    this.service = new WifiService({
      ...{ clock: this.clock, log: new MemoryLog(), folder: '/run/wifi', driver: 'nl80211' },
      program: 'wpa_supplicant',
      keyOf: (passphrase, ssid) => `key(${passphrase},${ssid})`,
      processes: {
        spawn: () => {
          const child = new Child(100 + this.children.length);
          this.children.push(child);
          return ok(child);
        },
        findByArguments: ([path = '']: readonly string[]) =>
          new Map([[path, this.stray === undefined ? [] : [this.stray.identity]]]),
        adopt: () => this.stray,
      } as unknown as Processes,
      files: {
        readText: (path) => {
          const text = this.files.get(path);
          return text === undefined ? err(new SystemError(path, 'ENOENT')) : ok(text);
        },
        writeAtomic: (path, text, mode) => {
          this.files.set(path, text);
          this.written.push(`${path} ${mode.toString(8)}`);
          return ok(undefined);
        },
        writeExisting: (path, text) => {
          this.written.push(`${path}: ${[...text].map((c) => c.charCodeAt(0)).join(' ')}`);
          this.files.set(
            '/sys/class/rfkill/rfkill3/soft',
            text.charCodeAt(6) === 1 ? '1\n' : '0\n',
          );
          return ok(undefined);
        },
      },
      directories: {
        list: () => ok(['rfkill3', 'index']),
        remove: (path) => {
          this.files.delete(path);
          return ok(undefined);
        },
      },
      sockets: {
        open: (_own, _server, handlers) => {
          if (!this.listens) return err(new SystemError('nobody', 'ENOENT'));
          this.handlers = handlers;
          return ok({
            send: (bytes: Uint8Array) => {
              const command = new TextDecoder().decode(bytes);
              this.asked.push(command);
              const answer = this.answers[command];
              if (answer !== undefined) queueMicrotask(() => this.say(answer));
              return ok(undefined);
            },
            close: () => {},
          });
        },
      },
      argumentsOf: () => ['wpa_supplicant', '-i', 'wlan0', '-D', 'nl80211', '-c', CONF],
      links: () => this.links,
      phyOf: (name) => (name.startsWith('wlan') ? 'phy0' : undefined),
      report: (value) => {
        this.observed = value;
      },
    });
  }

  link(name: string, ifIndex: number): Link {
    return { name, ifIndex, loopback: false, kind: undefined } as Link;
  }

  say(text: string): void {
    this.handlers?.data(new TextEncoder().encode(text));
  }

  async settle(): Promise<void> {
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  }

  get station(): WifiInterfaceObserved | undefined {
    return this.observed?.interfaces[0];
  }
}

const CONF = '/run/wifi/wlan0.conf';

t.test('a network is joined, and what is wrong is told', async (t) => {
  const house = new House();
  t.match(house.observed?.interfaces, [{ ifName: 'wlan0', phy: 'phy0', state: 'off' }]);
  t.same(await house.service.apply(joins(PROFILE)), []);
  t.same(house.written, [`${CONF} 600`]);
  t.match(house.files.get(CONF), 'psk=key(password,net)');
  await house.settle();
  t.match(house.station, { state: 'searching', reason: undefined, country: 'AT' });
  house.say('<3>CTRL-EVENT-NETWORK-NOT-FOUND ');
  t.match(house.station, { state: 'searching', reason: 'the network is not in range' });
  house.say('<3>CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid="net" auth_failures=1 reason=WRONG_KEY');
  t.match(house.station, { state: 'refused', reason: 'the password is not the right one' });
  house.say('<3>CTRL-EVENT-REGDOM-CHANGE init=USER type=COUNTRY alpha2=DE');
  t.equal(house.station?.country, 'DE');
  house.answers = { ...house.answers, STATUS: COMPLETED };
  house.say('<3>CTRL-EVENT-CONNECTED - Connection to 02:00:00:00:00:00 completed');
  await house.settle();
  t.match(house.station, {
    ...{ state: 'joined', reason: undefined, country: 'AT', restarts: 0 },
    link: { ssid: 'net', profile: 'p1', signalDbm: -40, linkSpeedMbps: 54, frequencyMhz: 2412 },
  });
  house.answers = { ...house.answers, SIGNAL_POLL: 'RSSI=-70\n' };
  house.clock.advance(30_000);
  await house.settle();
  t.equal(house.station?.link?.signalDbm, -70, 'asked again');

  t.same(await house.service.apply(joins(PROFILE)), []);
  t.equal(house.children.length, 1, 'the same again disturbs nothing');
  await house.service.apply(joins({ ...PROFILE, passphrase: 'another one' }));
  await house.settle();
  t.equal(house.children.length, 2, 'another password: it starts anew');

  house.children[1]?.end();
  await house.settle();
  t.equal(house.children.length, 3, 'one that dies is started again');
  t.equal(house.station?.restarts, 1);

  await house.service.apply({ radios: [], endPoints: [] });
  t.notOk(house.files.has(CONF), 'the key goes with the wish');
  t.match(house.station, { state: 'off', link: undefined });
  await house.service[Symbol.asyncDispose]();
  t.equal(house.clock.pending, 0, 'no timer is left');
});

t.test('a socket that comes late, and one that does not answer', async (t) => {
  const house = new House();
  house.listens = false;
  await house.service.apply(joins(PROFILE));
  t.equal(house.station?.state, 'starting');
  house.listens = true;
  house.clock.advance(250);
  await house.settle();
  t.equal(house.station?.state, 'searching');
  house.answers = {};
  house.say('<3>CTRL-EVENT-CONNECTED');
  house.asked.length = 0;
  house.answers = { ATTACH: 'OK\n', STATUS: COMPLETED, SIGNAL_POLL: 'FAIL\n', 'STATUS-DRIVER': '' };
  house.clock.advance(10_250);
  await house.settle();
  t.same(house.asked.slice(0, 2), ['ATTACH', 'STATUS'], 'it is asked by a new socket');
  t.match(house.station, { state: 'joined', link: { signalDbm: undefined } });
  house.say('what nobody asked for');
  await house.service[Symbol.asyncDispose]();
  t.equal(house.children[0]?.released, true, 'it runs on');
  t.ok(house.files.has(CONF));
});

t.test('a burst of events is one question, and one more', async (t) => {
  const house = new House();
  await house.service.apply(joins(PROFILE));
  await house.settle();
  house.asked.length = 0;
  house.answers['STATUS'] = COMPLETED;
  for (let i = 0; i < 40; i++) house.say('<3>CTRL-EVENT-CONNECTED');
  await house.settle();
  t.equal(house.asked.filter((command) => command === 'STATUS').length, 2);
  t.equal(house.station?.state, 'joined', 'the last state always arrives');
  await house.service[Symbol.asyncDispose]();
});

t.test('what an earlier daemon left', async (t) => {
  const before = new House();
  await before.service.apply(joins(PROFILE));
  const text = before.files.get(CONF) ?? '';
  await before.service[Symbol.asyncDispose]();
  const stray = new Child(7);
  const house = new House({ [CONF]: text }, stray);
  await house.service.apply(joins(PROFILE));
  await house.settle();
  t.equal(house.children.length, 0, 'taken over');
  t.equal(house.station?.state, 'searching');
  await house.service[Symbol.asyncDispose]();

  const other = new Child(8);
  const changed = new House({ [CONF]: text }, other);
  await changed.service.apply(joins({ ...PROFILE, ssid: 'other' }));
  t.equal(other.released && changed.children.length, 1, 'ended, for another is wanted');
  await changed.service[Symbol.asyncDispose]();

  const slow = new Child(10);
  slow.lingers = true;
  const patient = new House({ [CONF]: text }, slow);
  const applied = patient.service.apply(joins({ ...PROFILE, ssid: 'other' }));
  await patient.settle();
  t.equal(patient.children.length, 0, 'two on one radio take it from one another');
  slow.end();
  await applied;
  t.equal(patient.children.length, 1);
  await patient.service[Symbol.asyncDispose]();
  t.equal(patient.clock.pending, 0);

  const unwanted = new Child(9);
  const none = new House({ [CONF]: text }, unwanted);
  await none.service.apply({ radios: [], endPoints: [] });
  t.ok(unwanted.released && !none.files.has(CONF));
  await none.service[Symbol.asyncDispose]();
});

t.test('radios come, go, and are switched', async (t) => {
  const house = new House();
  house.links = [house.link('eth0', 2)];
  house.service.linksChanged();
  t.same(house.observed?.interfaces, []);
  await house.service.apply(joins(PROFILE));
  t.equal(house.children.length, 0, 'no radio, no program');
  const scanned = await house.service.scan(undefined);
  t.equal(!scanned.ok && scanned.error.code, 'ENODEV');
  house.files.set('/sys/class/rfkill/rfkill3/soft', '1\n');
  house.links = [house.link('wlan0', 9)];
  house.service.linksChanged();
  await house.settle();
  t.equal(house.children.length, 1);
  t.ok(house.written.includes('/dev/rfkill: 3 0 0 0 1 2 0 0'), 'it is switched on');

  const off: WifiConfig = {
    ...joins(PROFILE),
    radios: [{ ifName: 'wlan0', enable: false, country: undefined }],
  };
  await house.service.apply(off);
  t.equal(house.written.at(-1), '/dev/rfkill: 3 0 0 0 1 2 1 0', 'and off');
  t.match(house.station, { state: 'off', blocked: 'soft' });
  const silent = await house.service.scan('wlan0');
  t.equal(!silent.ok && silent.error.code, 'ENETDOWN');
  house.files.set('/sys/class/rfkill/rfkill3/hard', '1\n');
  await house.service.apply(joins(PROFILE));
  t.match(house.station, { blocked: 'hard', reason: /switch/ });
  await house.service[Symbol.asyncDispose]();
});

t.test('a search, without a network to join', async (t) => {
  const house = new House();
  house.answers = {
    ...house.answers,
    ...{ STATUS: 'wpa_state=INACTIVE\n', SCAN: 'OK\n' },
    SCAN_RESULTS:
      'bssid / frequency / signal level / flags / ssid\n02:00:00:00:00:00\t2412\t-30\t[ESS]\topen\n',
  };
  await house.service.apply({ radios: [], endPoints: [] });
  const found = house.service.scan(undefined);
  await house.settle();
  house.say('<3>CTRL-EVENT-SCAN-RESULTS ');
  const scan = await found;
  t.match(scan, { ok: true, value: [{ ifName: 'wlan0', networks: [{ ssid: 'open' }] }] });
  t.notMatch(house.files.get(CONF), 'network=');

  const late = house.service.scan('wlan0');
  await house.settle();
  house.clock.advance(20_000);
  const never = await late;
  t.equal(!never.ok && never.error.code, 'ETIMEDOUT');
  house.answers = { ...house.answers, SCAN: 'FAIL\n' };
  const refused = await house.service.scan('wlan0');
  t.equal(!refused.ok && refused.error.code, 'EIO');
  t.equal(house.children.length, 1, 'one program for all of them');
  house.clock.advance(60_000);
  await house.settle();
  t.notOk(house.files.has(CONF), 'and it is gone a minute later');
  await house.service[Symbol.asyncDispose]();
});

t.test('a profile that cannot be joined', async (t) => {
  const house = new House();
  await house.service.apply(joins({ ...PROFILE, passphrase: undefined }));
  t.equal(house.children.length, 0);
  t.same([...(house.observed?.profileFaults ?? [])], [['p1', 'it has no password']]);
  await house.service[Symbol.asyncDispose]();
});
