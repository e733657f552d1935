import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server } from './isp.ts';
import type { Namespaces } from './netns.ts';

export type Kind = 'udhcpc' | 'dhclient' | 'dhcpcd' | 'networkd';

/** Where each is on Debian. */
export const PROGRAMS: Readonly<Record<Kind, string>> = {
  udhcpc: '/usr/sbin/udhcpc',
  dhclient: '/usr/sbin/dhclient',
  dhcpcd: '/usr/sbin/dhcpcd',
  networkd: '/lib/systemd/systemd-networkd',
};

/** Each client's hook prints what it was told, so that a test can wait for it, and sets the address. */
const HOOKS: Readonly<Record<Kind, string>> = {
  networkd: '',
  udhcpc: `#!/bin/sh
case $1 in
  deconfig) ip address flush dev eth0 ;;
  bound|renew) ip address replace "$ip/$mask" dev eth0 ;;
esac
echo "told $1 ip=$ip router=$router dns=$dns domain=$domain search=$search routes=$staticroutes ntp=$ntpsrv mtu=$mtu" >>"$(dirname "$0")/told"
`,
  // The address is tried before it is taken, as the script of a distribution may do: a failure declines it.
  dhclient: `#!/bin/sh
case $reason in
  BOUND|REBOOT)
    ip link set eth0 up
    busybox arping -q -D -c 1 -w 1 -I eth0 "$new_ip_address" || exit 1 ;;
  RELEASE|EXPIRE|FAIL|STOP|NBI) ip address flush dev eth0 ;;
esac
case $reason in
  BOUND|REBOOT|RENEW|REBIND) ip address replace "$new_ip_address/$new_subnet_mask" dev eth0 ;;
esac
echo "told $reason ip=$new_ip_address router=$new_routers dns=$new_domain_name_servers domain=$new_domain_name search=$new_domain_search routes=$new_rfc3442_classless_static_routes ntp=$new_ntp_servers mtu=$new_interface_mtu" >>"$(dirname "$0")/told"
`,
  dhcpcd: `#!/bin/sh
echo "told $reason ip=$new_ip_address router=$new_routers dns=$new_domain_name_servers domain=$new_domain_name search=$new_domain_search routes=$new_classless_static_routes ntp=$new_ntp_servers mtu=$new_interface_mtu" >>"$(dirname "$0")/told"
`,
};

/** T1 and T2 are the client's own wish: nobody waits for half a lease. */
const DHCLIENT = `option rfc3442-classless-static-routes code 121 = array of unsigned integer 8;
request subnet-mask, routers, domain-name, domain-name-servers, domain-search, ntp-servers,
  interface-mtu, rfc3442-classless-static-routes;
send host-name "real-dhclient";
supersede dhcp-renewal-time 3;
supersede dhcp-rebinding-time 5;
timeout 60; retry 1; reboot 60; select-timeout 0; initial-interval 1; backoff-cutoff 2;
`;
const DHCPCD = `hostname real-dhcpcd
option domain_name_servers, domain_name, domain_search, ntp_servers, interface_mtu, classless_static_routes, routers
noipv6
noipv4ll
timeout 60
reboot 60
`;
const NETWORKD = `[Match]
Name=eth0
[Network]
DHCP=ipv4
LinkLocalAddressing=no
IPv6AcceptRA=no
[DHCPv4]
UseDomains=yes
UseMTU=yes
UseNTP=yes
UseRoutes=yes
SendDecline=yes
`;

/** A DHCP client of a distribution, on `eth0` of a node, with its files in a folder of its own. */
export class RealClient implements AsyncDisposable {
  readonly kind: Kind;
  readonly node: string;
  readonly folder: string;
  readonly #spaces: Namespaces;
  #server: Server | undefined;

  constructor(spaces: Namespaces, node: string, kind: Kind) {
    this.#spaces = spaces;
    this.node = node;
    this.kind = kind;
    this.folder = mkdtempSync(join(tmpdir(), `gh-${kind}-`));
    chmodSync(this.folder, 0o755);
    for (const sub of ['var', 'run', 'etc']) mkdirSync(join(this.folder, sub));
    writeFileSync(this.#file('hook'), HOOKS[kind], { mode: 0o755 });
    writeFileSync(this.#file('told'), '');
    writeFileSync(this.#file('dhclient.conf'), DHCLIENT);
    writeFileSync(this.#file('dhcpcd.conf'), DHCPCD);
    writeFileSync(this.#file('etc/eth0.network'), NETWORKD);
  }

  #file(name: string): string {
    return join(this.folder, name);
  }

  get #command(): string {
    const hook = this.#file('hook');
    const arguments_ = {
      udhcpc: `-f -a -t 20 -T 1 -A 1 -i eth0 -s ${hook} -x hostname:real-udhcpc -O search -O staticroutes -O ntpsrv -O mtu`,
      dhclient: `-4 -d -sf ${hook} -lf ${this.#file('var/leases')} -pf ${this.#file('run/pid')} -cf ${this.#file('dhclient.conf')} eth0`,
      dhcpcd: `-B -4 -f ${this.#file('dhcpcd.conf')} -c ${hook} eth0`,
      networkd: '',
    };
    return `exec ${PROGRAMS[this.kind]} ${arguments_[this.kind]}`;
  }

  /** Nothing of the machine's own is seen or written. */
  #inFolder(command: string): string[] {
    const bind = (from: string, to: string) =>
      `mkdir -p ${to} && mount --bind ${this.#file(from)} ${to}`;
    const mounts = {
      udhcpc: [],
      dhclient: [],
      dhcpcd: [bind('var', '/var/lib/dhcpcd'), bind('run', '/run/dhcpcd')],
      networkd: [
        'mount -t tmpfs tmpfs /run/dbus',
        bind('run', '/run/systemd'),
        'install -d -o systemd-network -g systemd-network /run/systemd/netif',
        bind('etc', '/etc/systemd/network'),
        'mount -o remount,ro /sys',
      ],
    }[this.kind];
    return ['sh', '-c', [...mounts, command].join('; ')];
  }

  start(): void {
    this.#server = this.#run(this.#command);
  }

  /** Asks its server for more time, as its user would make it do; dhclient does by itself, after three seconds. */
  renew(): void {
    if (this.kind === 'udhcpc') this.#signal('SIGUSR1');
    if (this.kind === 'dhcpcd') this.#run(`${PROGRAMS.dhcpcd} -4 -N eth0`);
  }

  /** Gives the address back. All but udhcpc end by that. */
  release(): void {
    if (this.kind === 'udhcpc') this.#signal('SIGUSR2');
    if (this.kind === 'networkd') this.#signal('SIGTERM');
    if (this.kind === 'dhcpcd') this.#run(`${PROGRAMS.dhcpcd} -4 -k eth0`);
    if (this.kind === 'dhclient') this.#run(this.#command.replace(' -d ', ' -r '));
  }

  /** As if its power was cut; its files stay, its address goes. */
  async kill(): Promise<void> {
    for (const pid of this.#spaces.pids(this.node)) this.#signal('SIGKILL', pid);
    await this.#server?.[Symbol.asyncDispose]();
    this.#spaces.exec(this.node, 'ip', '-4', 'address', 'flush', 'dev', 'eth0');
    writeFileSync(this.#file('told'), '');
  }

  /** What its hook was told, line by line; of networkd, what it wrote for others. */
  get told(): string {
    if (this.kind !== 'networkd') return readFileSync(this.#file('told'), 'utf8');
    const leases = this.#file('run/netif/leases');
    const files = existsSync(leases) ? readdirSync(leases) : [];
    return files.map((name) => readFileSync(join(leases, name), 'utf8')).join('');
  }

  /** What it says itself. */
  get said(): string {
    return this.#server?.lines.join('\n') ?? '';
  }

  get addresses(): string {
    return this.#spaces.exec(this.node, 'ip', '-4', '-br', 'address', 'show', 'dev', 'eth0');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #run(command: string): Server {
    const [program = '', ...args] = this.#inFolder(command);
    return new Server(this.#spaces, this.node, program, args);
  }

  #signal(signal: NodeJS.Signals, pid = this.#server?.pid): void {
    try {
      if (pid !== undefined) process.kill(pid, signal);
    } catch {
      // It is gone already.
    }
  }
}
