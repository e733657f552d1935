/** Our messages as Debian's rsyslogd takes them: by UDP, TCP and TLS, and after it was away. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { LinuxClock } from '#src/os/linux/clock.ts';
import { loadNative } from '#src/os/linux/native.ts';
import { LinuxSyslogWays } from '#src/os/linux/syslog-ways.ts';
import type { CollectorConfig, SyslogObserved } from '#src/services/syslog/config.ts';
import { SyslogService } from '#src/services/syslog/service.ts';
import { MemoryLog } from '../../lib/log.ts';
import { runAlone, sh } from '../../lib/netns.ts';
import { until } from '../../lib/until.ts';

t.setTimeout(180_000);

const [UDP, TCP, TLS] = [5514, 5515, 5516];
const LONG_MS = 60_000;

function tests(): void {
  sh('ip', 'link', 'set', 'lo', 'up');
  const folder = mkdtempSync(join(tmpdir(), 'gh-syslog-'));
  const out = join(folder, 'out');
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const names = 'subjectAltName=DNS:localhost';
  const openssl = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert];
  spawnSync('openssl', [...openssl, '-days', '9', '-subj', '/CN=localhost', '-addext', names]);
  const common = `
template(name="seen" type="string"
  string="%inputname% %pri% %timereported:::date-rfc3339% %hostname% %app-name% %procid% %msgid%|%msg%\\n")
*.* action(type="omfile" file="${out}" template="seen")
`;
  const plain = `
global(workDirectory="${folder}")
module(load="imudp")
module(load="imtcp")
input(type="imudp" address="127.0.0.1" port="${UDP}")
input(type="imtcp" address="127.0.0.1" port="${TCP}")
${common}`;
  const secure = `
global(workDirectory="${folder}" defaultNetstreamDriverCAFile="${cert}"
  defaultNetstreamDriverCertFile="${cert}" defaultNetstreamDriverKeyFile="${key}")
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="anon")
input(type="imtcp" address="127.0.0.1" port="${TLS}")
${common}`;
  const running: ChildProcess[] = [];
  const rsyslogd = (name: string, config: string): ChildProcess => {
    const path = join(folder, `${name}.conf`);
    writeFileSync(path, config);
    const pid = join(folder, `${name}.pid`);
    const child = spawn('rsyslogd', ['-n', '-f', path, '-i', pid], { stdio: 'ignore' });
    running.push(child);
    return child;
  };
  const end = async (child: ChildProcess): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill();
    await once(child, 'exit');
  };
  t.teardown(async () => {
    for (const child of running) await end(child);
    rmSync(folder, { recursive: true });
  });
  const lines = (): string[] =>
    existsSync(out)
      ? readFileSync(out, 'utf8')
          .split('\n')
          .filter((line) => line !== '')
      : [];
  const having = (text: string): string[] => lines().filter((line) => line.includes(text));

  t.test('every way brings the same message', async (t) => {
    let observed: SyslogObserved = { collectors: [] };
    const service = new SyslogService({
      ...{ ways: new LinuxSyslogWays(), clock: new LinuxClock(loadNative()), pid: 42 },
      log: new MemoryLog(),
      hostName: () => 'gateway',
      report: (value) => {
        observed = value;
      },
    });
    t.teardown(() => service[Symbol.dispose]());
    const to = (id: string, port: number, more: Partial<CollectorConfig>): CollectorConfig => ({
      ...{ id, host: '127.0.0.1', port, protocol: 'UDP', authority: '', facility: 16, severity: 6 },
      ...more,
    });
    const tls = { protocol: 'TLS', host: 'localhost' } as const;
    service.apply({
      collectors: [
        to('udp', UDP, {}),
        to('tcp', TCP, { protocol: 'TCP' }),
        to('tls', TLS, { ...tls, authority: readFileSync(cert, 'utf8') }),
        to('stranger', TLS, tls),
      ],
    });
    const one = (id: string) => observed.collectors.find((collector) => collector.id === id);
    // Nobody listens yet: what is written now waits for the streams.
    await until('the streams are refused', () =>
      ['tcp', 'tls'].every((id) => one(id)?.reason !== undefined),
    );
    const line = (msg: string, level = 'warn'): string =>
      JSON.stringify({ level, time: '2026-01-02T03:04:05.678Z', service: 'dns', name: 'ü\n', msg });
    service.put(line('early'));
    const collecting = rsyslogd('plain', plain);
    rsyslogd('secure', secure);
    await until('the streams stand', () => one('tcp')?.up && one('tls')?.up, LONG_MS);
    await until('what waited came', () => having('early').length >= 2, LONG_MS);
    // A datagram to nobody is refused by ICMP; the next one is sent after a pause.
    await until(
      'a datagram came',
      () => {
        service.put(line('knock'));
        return having('knock').some((said) => said.startsWith('imudp'));
      },
      LONG_MS,
    );
    service.put(line('too fine', 'debug'));
    service.put(line('the end', 'error'));
    await until('all ways', () => having('the end').length >= 3, LONG_MS);
    const ends = having('the end').toSorted();
    t.equal(ends.length, 3);
    for (const [i, way] of ['imtcp', 'imtcp', 'imudp'].entries()) {
      const time = '2026-01-02T03:04:05.678(Z|\\+00:00)';
      const wanted = `^${way} 131 ${time} gateway gatehouse 42 dns\\|.*the end name=ü\\\\n$`;
      t.match(ends[i], new RegExp(wanted));
    }
    t.same(having('too fine'), [], 'debug messages stay here');
    t.match(one('stranger'), { up: false, reason: /self.signed|certificate/i });

    // It is away for a while: the stream comes back by itself.
    await end(collecting);
    await until('it is away', () => one('tcp')?.up === false, LONG_MS);
    service.put(line('while away'));
    rsyslogd('plain', plain);
    const told = () => having('while away').filter((said) => said.startsWith('imtcp')).length >= 2;
    await until('it is told afterwards', told, LONG_MS);
    t.match(
      service.figures.find(({ id }) => id === 'tcp'),
      { dropped: 0, queued: 0 },
    );
    service.apply({ collectors: [] });
    t.same(service.figures, []);
  });
}

runAlone(t, 'syslog for rsyslogd', import.meta.url, tests);
