/** Asking for a name several times, to see who answers what (TR-181 `NSLookupDiagnostics()`). */
import { parseIpv4 } from '../../base/ip.ts';
import { formatIp, type IpAddress, parseIpv6 } from '../../base/ip6.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { type DnsMessage, decodeMessage, encodeMessage, queryOf } from '../../wire/dns.ts';
import { type DnsName, formatName, lowerName, parseName, sameName } from '../../wire/dns-name.ts';
import { formatRdata } from '../../wire/dns-rdata-text.ts';
import { CLASS_IN, RCODE, TYPE } from '../../wire/dns-registry.ts';

export interface LookupWanted {
  readonly hostName: string;
  /** Address or name; empty: the box's own server. */
  readonly server: string;
  /** Of each try. */
  readonly timeoutMs: number;
  readonly repetitions: number;
}

export interface LookupResult {
  readonly status:
    | 'Success'
    | 'Error_DNSServerNotAvailable'
    | 'Error_HostNameNotResolved'
    | 'Error_Timeout'
    | 'Error_Other';
  readonly answerType: 'None' | 'Authoritative' | 'NonAuthoritative';
  readonly hostName: string;
  readonly addresses: readonly string[];
  readonly server: string;
  readonly tookMs: number;
}

export interface LookupDone {
  readonly status: 'Complete' | 'Error_DNSServerNotResolved' | 'Error_Internal' | 'Error_Other';
  readonly results: readonly LookupResult[];
}

/** What `lookUp` is handed. */
export interface LookupDeps {
  /**
   * One query to a server (undefined: the box's own), answered by a message to just that query.
   * ETIMEDOUT when nothing came in time.
   */
  exchange(
    server: IpAddress | undefined,
    query: Uint8Array,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Result<Uint8Array, { readonly code: string }>>;
  /** What the box's own server says to its clients that it is. */
  readonly ownAddress: IpAddress;
  random16(): number;
  monoMs(): number;
}

const FAMILIES = [TYPE.A, TYPE.AAAA] as const;

/** Tries follow one another; the server's name is resolved once. What is no name is an error, for people. */
export async function lookUp(
  deps: LookupDeps,
  wanted: LookupWanted,
  signal: AbortSignal,
): Promise<Result<LookupDone, string>> {
  const name = parseName(wanted.hostName, 'HostName');
  if (!name.ok) return err(name.error.message);
  const server = await serverOf(deps, wanted, signal);
  if (server === 'unknown') return ok({ status: 'Error_DNSServerNotResolved', results: [] });
  const results: LookupResult[] = [];
  for (let i = 0; i < wanted.repetitions && !signal.aborted; i++) {
    results.push(await once(deps, name.value, server, wanted.timeoutMs, signal));
  }
  return ok({ status: 'Complete', results });
}

async function serverOf(
  deps: LookupDeps,
  { server, timeoutMs }: LookupWanted,
  signal: AbortSignal,
): Promise<IpAddress | undefined | 'unknown'> {
  if (server === '') return undefined;
  const address = server.includes(':') ? parseIpv6(server) : parseIpv4(server);
  if (address.ok) return address.value;
  const name = parseName(server);
  if (!name.ok) return 'unknown';
  const { addresses } = await once(deps, name.value, undefined, timeoutMs, signal);
  const [first] = addresses.flatMap((text) => {
    const parsed = text.includes(':') ? parseIpv6(text) : parseIpv4(text);
    return parsed.ok ? [parsed.value] : [];
  });
  return first ?? 'unknown';
}

/** IPv4 and IPv6 at once; one that is answered is enough. */
async function once(
  deps: LookupDeps,
  name: DnsName,
  server: IpAddress | undefined,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<LookupResult> {
  const startMs = deps.monoMs();
  const answers = await Promise.all(
    FAMILIES.map(async (type) => {
      const question = { name, type, class: CLASS_IN };
      const query = encodeMessage(queryOf(deps.random16(), question, undefined));
      const answer = await deps.exchange(server, query, timeoutMs, signal);
      const message = answer.ok ? decodeMessage(answer.value) : undefined;
      const tookMs = deps.monoMs() - startMs;
      return { type, tookMs, code: answer.ok ? undefined : answer.error.code, message };
    }),
  );
  const messages = answers.flatMap(({ message, type, tookMs }) =>
    message?.ok === true ? [{ ...found(message.value, name, type), tookMs }] : [],
  );
  const base = { server: formatIp(server ?? deps.ownAddress), tookMs: deps.monoMs() - startMs };
  const nothing = { ...base, answerType: 'None', hostName: '', addresses: [] } as const;
  const [first] = messages;
  if (first === undefined) {
    const codes = answers.map(({ code }) => code);
    if (codes.includes('ETIMEDOUT')) return { ...nothing, status: 'Error_Timeout' };
    if (codes.includes(undefined)) return { ...nothing, status: 'Error_Other' };
    return { ...nothing, status: 'Error_DNSServerNotAvailable' };
  }
  const addresses = messages.flatMap((one) => one.addresses);
  const answered = {
    ...base,
    tookMs: Math.min(...messages.map(({ tookMs }) => tookMs)),
    answerType: first.authoritative ? 'Authoritative' : 'NonAuthoritative',
  } as const;
  if (addresses.length > 0) {
    return { ...answered, status: 'Success', hostName: formatName(first.name), addresses };
  }
  const missing = messages.some(({ rcode }) => rcode === RCODE.NXDOMAIN || rcode === RCODE.NOERROR);
  return {
    ...answered,
    status: missing ? 'Error_HostNameNotResolved' : 'Error_Other',
    hostName: '',
    addresses: [],
  };
}

/** Along the aliases of the answer. */
function found(
  message: DnsMessage,
  asked: DnsName,
  type: number,
): {
  readonly rcode: number;
  readonly authoritative: boolean;
  readonly name: DnsName;
  readonly addresses: readonly string[];
} {
  let name = lowerName(asked);
  for (let i = 0; i < message.answers.length; i++) {
    const alias = message.answers.find(
      (one) => one.type === TYPE.CNAME && sameName(one.name, name),
    );
    const target = alias && parseName(formatRdata(TYPE.CNAME, alias.rdata));
    if (target?.ok !== true) break;
    name = target.value;
  }
  const addresses = message.answers
    .filter((one) => one.type === type && sameName(one.name, name))
    .map(({ rdata }) => formatRdata(type, rdata));
  const { rcode, authoritative } = message;
  return { rcode, authoritative, name, addresses };
}
