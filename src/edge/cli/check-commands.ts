/** check: whether a server is well, asked from here once, without a daemon. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { fromHex } from '../../base/bytes.ts';
import { formatIp } from '../../base/ip6.ts';
import type { Result } from '../../base/result.ts';
import type { CheckDone, CheckFailure, CheckSpec } from '../../services/monitor/checks.ts';
import { parseName } from '../../wire/dns-name.ts';
import { typeCode } from '../../wire/dns-registry.ts';
import type { JsonObject } from './bus.ts';
import { EXIT } from './environment.ts';
import type { Session } from './session.ts';
import { within } from './typed.ts';

export interface Checks extends AsyncDisposable {
  /** `signal` ends it, too. */
  run(
    spec: CheckSpec,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Result<CheckDone, CheckFailure>>;
}

/** Loaded when the command is run. */
export type LoadChecks = () => Promise<Checks>;

interface Options {
  readonly '4'?: true;
  readonly '6'?: true;
  readonly timeout: number;
}

interface UdpOptions extends Options {
  readonly payload: string;
  readonly expect: string;
  readonly hex?: true;
}

interface HttpOptions extends Options {
  readonly status: readonly [number, number];
  readonly contains: string;
  readonly certificateDays: number;
  readonly insecure?: true;
}

interface DnsOptions extends Options {
  readonly type: string;
  readonly expect: string;
  readonly port: number;
}

export function defineCheck(check: Command, session: Session): void {
  const command = (name: string, about: string): Command =>
    check
      .command(name)
      .description(about)
      .allowExcessArguments(false)
      .option('-4, --4', 'IPv4 only')
      .addOption(new Option('-6, --6', 'IPv6 only').conflicts('4'))
      .option('--timeout <ms>', 'how long it may take in all', within(1, 60_000), 5000);
  const family = (options: Options): 4 | 6 | undefined =>
    options['4'] ? 4 : options['6'] ? 6 : undefined;
  command('tcp', 'whether it takes connections')
    .argument('<host>', 'name or address')
    .argument('<port>', 'port', within(1, 65_535))
    .action((host: string, port: number, options: Options) =>
      run(session, { kind: 'TCP', host, port, family: family(options) }, options),
    );
  command('udp', 'whether it answers a datagram')
    .argument('<host>', 'name or address')
    .argument('<port>', 'port', within(1, 65_535))
    .option('--payload <text>', 'what is sent', '')
    .option('--expect <text>', 'what the answer must hold', '')
    .option('--hex', 'both are hexadecimal digits')
    .action((host: string, port: number, options: UdpOptions) => {
      const [payload, expected] = [options.payload, options.expect].map((text) =>
        options.hex ? fromHex(text) : new TextEncoder().encode(text),
      );
      if (payload === undefined || expected === undefined) {
        return session.fail('an even number of hexadecimal digits is wanted', EXIT.usage);
      }
      const to = { host, port, family: family(options) };
      return run(session, { kind: 'UDP', ...to, payload, expected }, options);
    });
  command('http', 'whether it serves a page, and how long name, connection, TLS and answer take')
    .argument('<url>', 'http://… or https://…')
    .addOption(
      new Option('--status <code>', 'a status, or from one to another')
        .argParser(statuses)
        .default([200, 399], '200-399'),
    )
    .option('--contains <text>', 'what its text must hold', '')
    .option('--certificate-days <n>', 'how long its certificate must last', within(0, 36_500), 0)
    .option('--insecure', 'whatever its certificate says')
    .action((url: string, options: HttpOptions) => {
      const to = urlOf(url);
      if (to === undefined) return session.fail(`${url}: no http or https URL`, EXIT.usage);
      const { status, contains, certificateDays: days, insecure } = options;
      const certificateDays = insecure ? undefined : days;
      const wanted = { family: family(options), status, contains, certificateDays };
      return run(session, { kind: 'HTTP', ...to, ...wanted }, options);
    });
  command('dns', 'whether a server knows a name')
    .argument('<server>', 'name or address of the server')
    .argument('<name>', 'the name that it is asked for')
    .option('--type <type>', 'type of record', 'A')
    .option('--expect <data>', 'what one of the answers must be; or a code such as NXDOMAIN', '')
    .option('--port <port>', 'where it listens', within(1, 65_535), 53)
    .action((host: string, text: string, options: DnsOptions) => {
      const [name, type] = [parseName(text), typeCode(options.type)];
      if (!name.ok) return session.fail(name.error.message, EXIT.usage);
      if (type === undefined) {
        return session.fail(`no type of record: ${options.type}`, EXIT.usage);
      }
      const to = { host, port: options.port, family: family(options) };
      const { expect: expected } = options;
      return run(session, { kind: 'DNS', ...to, name: name.value, type, expected }, options);
    });
}

function statuses(text: string): readonly [number, number] {
  const [, least = '', greatest = least] = /^(\d{3})(?:-(\d{3}))?$/.exec(text) ?? [];
  if (least === '' || greatest < least) {
    throw new InvalidArgumentError('a status such as 200, or 200-399 is wanted');
  }
  return [Number(least), Number(greatest)];
}

/** The parts of a URL of http or https; undefined for any other. */
export function urlOf(text: string) {
  if (!URL.canParse(text)) return undefined;
  const { protocol, hostname, port, pathname, search } = new URL(text);
  if (protocol !== 'http:' && protocol !== 'https:') return undefined;
  const secure = protocol === 'https:';
  return {
    ...{ secure, host: hostname.replace(/^\[|\]$/g, ''), path: `${pathname}${search}` },
    port: port === '' ? (secure ? 443 : 80) : Number(port),
  };
}

/** As people call them. */
const PHASES: Readonly<Record<string, string>> = {
  ...{ resolveMs: 'name', connectMs: 'connection', tlsMs: 'TLS' },
  ...{ firstByteMs: 'first byte', answerMs: 'answer' },
};

/** Exit code 1 where it is not well. */
async function run(session: Session, spec: CheckSpec, { timeout }: Options): Promise<void> {
  await using checks = await session.environment.checks();
  const { signal } = session.environment;
  const done = await checks.run(spec, timeout, signal);
  if (signal.aborted) return session.fail('interrupted');
  if (session.json) session.printJson(plain(spec, done));
  if (!done.ok) return session.fail(`${done.error.cause}: ${done.error.detail}`);
  if (session.json) return;
  const { said, endpoint, phases, certificateEndsMs } = done.value;
  session.line(`${spec.host} (${formatIp(endpoint.address)}) port ${spec.port}: ${said}`, 'green');
  for (const [phase, ms] of Object.entries(phases)) {
    session.line(`${(PHASES[phase] ?? phase).padEnd(10)} ${Number(ms).toFixed(2)} ms`, undefined);
  }
  if (certificateEndsMs !== undefined) {
    session.line(`certificate until ${new Date(certificateEndsMs).toISOString()}`, undefined);
  }
}

function plain(spec: CheckSpec, done: Result<CheckDone, CheckFailure>): JsonObject {
  const base = { kind: spec.kind, host: spec.host, port: spec.port };
  if (!done.ok) return { ...base, well: false, cause: done.error.cause, detail: done.error.detail };
  const { rttUs, said, endpoint, certificateEndsMs: endMs } = done.value;
  const phases = Object.fromEntries(
    Object.entries(done.value.phases).map(([phase, ms]) => [phase, Math.round(1000 * ms) / 1000]),
  );
  return {
    ...{ ...base, well: true, address: formatIp(endpoint.address), rttUs, phases },
    ...{ said, certificateEnds: endMs === undefined ? null : new Date(endMs).toISOString() },
  };
}
