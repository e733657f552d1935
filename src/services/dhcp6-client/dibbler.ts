/**
 * dibbler-client 1.0.1. It is unmaintained, and what it is known to do is reckoned with here: it may
 * skip its hook, tells no IAID and no times, repeats leases, loses options, keeps what a crash left,
 * and answers to no signal but SIGTERM, by which it releases. So it is ended by SIGKILL, and starts
 * from nothing each time, asking for what was held before: its own way of taking up an old database
 * confuses two of its exchanges.
 */
import { fromHex, toHex } from '../../base/bytes.ts';
import { formatIpv6, type Ipv6 } from '../../base/ip6.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { type AddrMgrIa, decodeAddrMgr } from '../../wire/addr-mgr.ts';
import { encodeOptions6 } from '../../wire/dhcp6.ts';
import { CODEC6, OPTION6 } from '../../wire/dhcp6-options.ts';
import type { HookMessage, Launch, ReadFile } from '../client-programs/program.ts';
import type { ReceivedOption6 } from './config.ts';
import { type Answered, iaKey, type RawIa, type RawReply } from './lease.ts';
import {
  address6,
  addressIaid,
  lifetime,
  type Program6,
  prefixIaid,
  UNKNOWN_IAID,
  type Wish6,
  wishLine,
} from './program.ts';

const CONF = 'client.conf';
const STATE = 'client-AddrMgr.xml';
const MAX_LEASES = 64;

export const dibbler: Program6 = {
  name: 'dibbler-client',
  family: 6,
  places: ['/usr/sbin/dibbler-client'],
  limits: [
    'it cannot be told to renew; it is started anew and asks for what it held',
    'a bind by Rapid Commit, an expiry and its own end are not told by its hook',
    'it does not take part in Reconfigure with authentication',
  ],
  launch,
  same: (running, { args, files }, read) =>
    running.join('\0') === args.join('\0') &&
    firstLine(read(CONF)) === firstLine(files.find(({ name }) => name === CONF)?.text),
  renew: 'restart',
  release: 'SIGTERM',
  releaseMs: 3000,
  end: 'SIGKILL',
  rootHarm: 'as root it would rewrite /etc/resolv.conf and /etc/ntp.conf',
  translate,
};

function launch(wish: Wish6): Launch {
  const { folder, duid } = wish;
  return {
    args: ['run', '-w', folder],
    files: [
      { name: CONF, text: configuration(wish) },
      { name: 'client-duid', text: `${(toHex(duid).match(/../g) ?? []).join(':')}\n` },
    ],
    // A pid file would keep it from starting; its log has no bound.
    stale: ['client.pid', STATE, 'client.log'],
  };
}

function configuration(wish: Wish6): string {
  const { config, hook, lastAddresses, lastPrefixes } = wish;
  const wishes = [
    ...(config.suggestedT1Sec === undefined ? [] : [`t1 ${config.suggestedT1Sec}`]),
    ...(config.suggestedT2Sec === undefined ? [] : [`t2 ${config.suggestedT2Sec}`]),
  ];
  // Empty braces are a fault to it.
  const ia = (name: string, iaid: number, lines: readonly string[]): readonly string[] =>
    lines.length === 0 ? [`${name} ${iaid}`] : [`${name} ${iaid} {`, ...lines, '}'];
  const iaid = addressIaid(config);
  const last = lastAddresses.get(iaid);
  const hint = last === undefined ? [] : [`address ${formatIpv6(last)}`];
  const requested = config.requestedOptions.map((code) => `option ${code} hex`);
  const sent = config.sentOptions.map(({ code, value }) => `option ${code} hex 0x${toHex(value)}`);
  return [
    wishLine(wish),
    'log-level 3',
    `script "${hook}"`,
    // The link may have no address yet.
    'inactive-mode',
    // Delegated prefixes are not its own to hand out.
    'downlink-prefix-ifaces "none"',
    `iface "${config.ifName}" {`,
    ...(config.rapidCommit ? ['rapid-commit yes'] : []),
    ...(config.requestAddresses ? ia('ia', iaid, [...wishes, ...hint]) : []),
    ...config.prefixHints.flatMap((wanted, place) => {
      const { address, prefixLen } = lastPrefixes.get(prefixIaid(config, place)) ?? wanted;
      const any = prefixLen === 0;
      const text = any ? [] : [`prefix ${formatIpv6(address)} / ${prefixLen}`];
      return ia('pd', prefixIaid(config, place), [...wishes, ...text]);
    }),
    ...requested,
    ...sent,
    '}',
    '',
  ].join('\n');
}

const firstLine = (text: string | undefined): string | undefined => text?.split('\n', 1)[0];

const ANSWERED: Readonly<Record<string, Answered>> = {
  SOLICIT: 'bind',
  REQUEST: 'bind',
  RENEW: 'extend',
  REBIND: 'extend',
  CONFIRM: 'confirm',
};

function translate(message: HookMessage, read: ReadFile): Result<RawReply | undefined, string> {
  const { env, boottimeMs } = message;
  const answered = ANSWERED[env.get('CLNT_MESSAGE') ?? ''];
  if (env.get('SRV_MESSAGE') !== 'REPLY' || answered === undefined) return ok(undefined);
  const state = decodeAddrMgr(read(STATE) ?? '');
  const ias = answered === 'confirm' ? [] : iasOf(env, state.ok ? state.value : []);
  if (answered !== 'confirm' && ias.length === 0) return err('the hook told of no lease');
  const options = optionsOf(env);
  const find = (code: number) => options.find((option) => option.code === code)?.data;
  const dns = CODEC6.ips.decode(find(OPTION6.DNS_SERVERS) ?? new Uint8Array(0));
  const domains = CODEC6.domains.decode(find(OPTION6.DOMAIN_LIST) ?? new Uint8Array(0));
  return ok({
    ...{ answered, ias, options, status: 0, receivedAtMs: boottimeMs, serverAddress: undefined },
    asked: ias.map(({ kind, iaid }) => iaKey(kind, iaid)),
    serverDuid: bytesOf(env.get('SRV_OPTION2') ?? '') ?? new Uint8Array(0),
    dnsServers: dns.ok ? dns.value : [],
    domains: domains.ok ? domains.value : [],
  });
}

/** Of a renewal everything is listed twice, with what the server said first. */
function iasOf(env: HookMessage['env'], state: readonly AddrMgrIa[]): readonly RawIa[] {
  const ias = new Map<string, RawIa>();
  const seen = new Set<string>();
  for (const kind of ['address', 'prefix'] as const) {
    const name = kind === 'address' ? 'ADDR' : 'PREFIX';
    for (let i = 1; i <= MAX_LEASES; i++) {
      const address = address6(env.get(`${name}${i}`));
      const length = kind === 'address' ? 128 : Number(env.get(`${name}${i}LEN`));
      const preferredSec = lifetime(env.get(`${name}${i}PREF`));
      const validSec = lifetime(env.get(`${name}${i}VALID`));
      if (address === undefined || validSec === undefined || !(length >= 0 && length <= 128))
        continue;
      const key = `${kind} ${formatIpv6(address)}/${length}`;
      if (seen.has(key)) continue;
      seen.add(key);
      const there = state.find(
        (ia) => ia.kind === kind && ia.leases.some((lease) => lease.address === address),
      );
      const iaid = there?.iaid ?? UNKNOWN_IAID;
      const known = ias.get(iaKey(kind, iaid));
      const lease = {
        ...{ address, prefixLen: length, validSec },
        preferredSec: Math.min(preferredSec ?? validSec, validSec),
      };
      ias.set(iaKey(kind, iaid), {
        ...{ kind, iaid, status: 0, t1Sec: there?.t1Sec ?? 0, t2Sec: there?.t2Sec ?? 0 },
        leases: [...(known?.leases ?? []), lease],
      });
    }
  }
  return [...ias.values()];
}

/** Options that it knows come as words, all others as hex; what cannot be read is left out. */
function optionsOf(env: HookMessage['env']): readonly ReceivedOption6[] {
  const options: ReceivedOption6[] = [];
  for (const [name, text] of env) {
    const code = Number(/^SRV_OPTION(\d{1,5})$/.exec(name)?.[1]);
    if (!(code > OPTION6.SERVERID && code < 65_536)) continue;
    const data = optionOf(code, text.trim());
    if (data !== undefined) options.push({ code, data });
  }
  return options.toSorted((a, b) => a.code - b.code);
}

const ADDRESSES: ReadonlySet<number> = new Set([22, 23, 31, 27, 28]);
const DOMAINS: ReadonlySet<number> = new Set([21, 24, 29, 30, 64]);

function optionOf(code: number, text: string): Uint8Array | undefined {
  const words = text.split(/\s+/).filter((word) => word !== '');
  if (ADDRESSES.has(code)) {
    const addresses = words.flatMap((word): Ipv6[] => {
      const address = address6(word);
      return address === undefined ? [] : [address];
    });
    return addresses.length === 0 ? undefined : CODEC6.ips.encode(addresses);
  }
  if (DOMAINS.has(code) && !/^[0-9a-f]{2}(:[0-9a-f]{2})*$/i.test(text)) {
    return words.every((word) => /^[A-Za-z0-9_.-]{1,253}$/.test(word))
      ? CODEC6.domains.encode(words)
      : undefined;
  }
  if (code === OPTION6.VENDOR_OPTS) return vendorOptions(words);
  return bytesOf(text);
}

/** `vendor=4491 7=01:02`; some of what a server sends is left out by dibbler. */
function vendorOptions(words: readonly string[]): Uint8Array | undefined {
  const enterprise = lifetime(/^vendor=(\d+)$/.exec(words[0] ?? '')?.[1]);
  if (enterprise === undefined) return undefined;
  const options = words.slice(1).flatMap((word) => {
    const [, code, hex] = /^(\d{1,5})=([0-9a-f:]*)$/i.exec(word) ?? [];
    const value = bytesOf(hex ?? '');
    return code === undefined || value === undefined ? [] : [{ code: Number(code), value }];
  });
  const head = new Uint8Array(4);
  new DataView(head.buffer).setUint32(0, enterprise);
  return Uint8Array.from([...head, ...encodeOptions6(options)]);
}

const bytesOf = (text: string): Uint8Array | undefined =>
  /^[0-9a-f]{2}(:[0-9a-f]{2})*$/i.test(text) ? fromHex(text.replaceAll(':', '')) : undefined;
