/** dnsmasq and ISC dhcpd start with the leases that Gatehouse exports, and write them down as their own. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import t from 'tap';
import { ipv4 } from '../../src/base/ip.ts';
import { exportDnsmasq, exportIsc } from '../../src/services/dhcp-server/export-leases.ts';
import { type ImportedLease, importLeases } from '../../src/services/dhcp-server/import-leases.ts';
import { Namespaces, noNamespaces } from '../lib/netns.ts';
import { someLease } from '../services/dhcp-server/some-leases.ts';

const HOUR = 3_600_000;
const wallMs = Math.floor(Date.now() / 1000) * 1000;
const now = { bootMs: 5 * HOUR, wallMs };
const at = (n: number): object => ({ address: ipv4(0xc0000200 + n), lastWallMs: wallMs });
const leases = [
  someLease(1, { ...at(101), expiresAtMs: now.bootMs + HOUR }),
  someLease(2, {
    ...at(102),
    expiresAtMs: Number.POSITIVE_INFINITY,
    vendorClass: 'a "b" \\c',
  }),
  someLease(3, {
    ...at(103),
    expiresAtMs: now.bootMs + HOUR,
    clientId: Uint8Array.of(0, 0x22, 0x5c, 0x0a, 0xff),
  }),
];

const told = (text: string): unknown[] => {
  const { leases, faults } = importLeases(text, wallMs);
  t.same(faults, []);
  const row = ({ line: _, startsWallMs: __, ...rest }: ImportedLease): unknown => rest;
  return leases.toSorted((a, b) => a.address - b.address).map(row);
};

const absent = (program: string): string | false =>
  noNamespaces() ?? (spawnSync(program, ['--version']).error ? `needs ${program}` : false);

/** Runs a server until it says that it is ready, and then ends it. */
async function run(file: string, args: readonly string[], ready: RegExp): Promise<void> {
  using spaces = new Namespaces('files');
  spaces.link(['server', 'srv'], ['client', 'cli']);
  spaces.exec('server', 'ip', 'address', 'add', '192.0.2.1/24', 'dev', 'srv');
  const child = spawn('ip', spaces.argv('server', file, ...args), {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = once(child, 'exit');
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stderr })) {
    lines.push(line);
    if (ready.test(line)) child.kill('SIGTERM');
  }
  await exited;
  t.ok(
    lines.some((line) => ready.test(line)),
    lines.join('\n'),
  );
}

t.test('lease files', { timeout: 290_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'gh-lease-files-'));
  chmodSync(folder, 0o777);
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));

  await t.test('dnsmasq', { skip: absent('dnsmasq') }, async (t) => {
    const path = join(folder, 'dnsmasq.leases');
    const text = exportDnsmasq(leases, now);
    writeFileSync(path, text);
    await run(
      'dnsmasq',
      [
        ...['--keep-in-foreground', '--port=0', '--conf-file=/dev/null', '--user=root'],
        ...['--interface=srv', '--dhcp-range=192.0.2.100,192.0.2.150,12h', '--log-facility=-'],
        `--dhcp-leasefile=${path}`,
      ],
      /DHCP, IP range/,
    );
    t.same(told(readFileSync(path, 'utf8')), told(text));
  });

  await t.test('dhcpd', { skip: absent('dhcpd') }, async (t) => {
    const [path, config] = [join(folder, 'dhcpd.leases'), join(folder, 'dhcpd.conf')];
    const text = exportIsc(leases, now);
    writeFileSync(path, text);
    chmodSync(path, 0o666);
    writeFileSync(
      config,
      'subnet 192.0.2.0 netmask 255.255.255.0 { range 192.0.2.100 192.0.2.150; }',
    );
    await run(
      'dhcpd',
      [...['-4', '-f', '-cf', config, '-lf', path], ...['-pf', join(folder, 'dhcpd.pid'), 'srv']],
      /^Sending on {3}Socket/,
    );
    const written = readFileSync(path, 'utf8');
    t.match(written, /written by isc-dhcp/, 'it wrote it anew');
    t.same(told(written), told(text));
  });
});
