import { createHash, randomUUID } from 'node:crypto';
import { digests } from '#src/os/linux/digests.ts';
import { png } from '#src/os/linux/png.ts';
import { captureService } from '#src/services/capture/service.ts';
import { smokeDrawing } from '#src/services/monitor/smoke.ts';
import { pictureOf } from '#src/wire/picture.ts';
import { type AuditFile, CHAIN_START, chain } from '../../../src/base/audit.ts';
import { SystemError } from '../../../src/base/errors.ts';
import { err as failed, ok } from '../../../src/base/result.ts';
import type { Bus, BusError, JsonObject } from '../../../src/edge/cli/bus.ts';
import type { CliEnvironment, Output } from '../../../src/edge/cli/environment.ts';
import { runCli } from '../../../src/edge/cli/program.ts';

type Handled = JsonObject | BusError;
type Handler = (args: JsonObject) => Handled | Promise<Handled>;

export interface Call {
  readonly object: string;
  readonly method: string;
  readonly args: JsonObject;
}

/** A bus that answers as it is told, keyed by `object method`; it keeps the calls, and can speak up to whoever listens. */
export class FakeBus implements Bus {
  readonly calls: Call[] = [];
  readonly #handlers: Readonly<Record<string, Handler>>;
  readonly #listeners: {
    events: readonly string[];
    heard: (name: string, data: JsonObject) => void;
  }[] = [];
  #listening: () => void = () => undefined;
  readonly listening: Promise<void>;
  disposed = false;

  constructor(handlers: Readonly<Record<string, Handler>>) {
    this.#handlers = handlers;
    this.listening = new Promise((resolve) => {
      this.#listening = resolve;
    });
  }

  async call(object: string, method: string, args: JsonObject): ReturnType<Bus['call']> {
    this.calls.push({ object, method, args });
    const answer = await this.#handlers[`${object} ${method}`]?.(args);
    if (answer === undefined) return failed({ message: `no ${object} ${method}`, status: 3 });
    return isError(answer) ? failed(answer) : ok(answer);
  }

  async listen(
    events: readonly string[],
    heard: (name: string, data: JsonObject) => void,
  ): Promise<void> {
    this.#listeners.push({ events, heard });
    this.#listening();
  }

  /** Sends an event to those who listen for it. */
  say(event: string, data: JsonObject): void {
    for (const { events, heard } of this.#listeners) if (events.includes(event)) heard(event, data);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.disposed = true;
  }
}

const isError = (answer: Handled): answer is BusError =>
  'message' in answer && 'status' in answer && typeof answer.status !== 'string';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** One file with the changes given. */
export function auditFile(...paths: string[]): AuditFile & { readonly lines: string[] } {
  let end = CHAIN_START;
  const lines: string[] = [];
  const push = (body: Parameters<typeof chain>[2]): void => {
    const next = chain(end, '2026-01-02T03:04:05.678Z', body, sha256);
    lines.push(next.line);
    end = next.end;
  };
  push({ action: 'file', previous: end.hash });
  for (const path of paths)
    push({
      action: 'set',
      user: 'root',
      uid: 0,
      via: 'ubus',
      address: 'pid 7',
      path,
      old: '1',
      new: '2',
    });
  return { name: 'audit.log', lines };
}

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A stream that keeps what was written. */
export class Captured implements Output {
  readonly isTerminal: boolean;
  columns: number | undefined;
  text = '';

  constructor(isTerminal = false) {
    this.isTerminal = isTerminal;
  }

  write(text: string): void {
    this.text += text;
  }
}

/** What a command line is handed, with nothing behind it but a bus, or none. */
export const fakeEnvironment = (
  bus: FakeBus | BusError,
  streams: { readonly stdout: Output; readonly stderr: Output } = {
    stdout: new Captured(),
    stderr: new Captured(),
  },
): CliEnvironment => ({
  version: '1.2.3',
  commit: undefined,
  ...streams,
  env: {},
  readStdin: async () => '',
  readSecret: async () => undefined,
  readLine: async () => undefined,
  readFile: (path) => failed(new SystemError(`${path}: no such file`, 'ENOENT')),
  readPiece: (path) => failed(new SystemError(`${path}: no such file`, 'ENOENT')),
  pause: async () => undefined,
  writeFile: () => ok(undefined),
  wallMs: () => Date.UTC(2026, 0, 2, 3, 4, 5),
  newId: randomUUID,
  signal: new AbortController().signal,
  connect: async () => (bus instanceof FakeBus ? ok(bus) : failed(bus)),
  auditFiles: () => [],
  sha256,
  digests,
  daemon: async () => 0,
  resetPassword: async (_stateDir, name = 'admin') => ok(name),
  diag: async () => undefined,
  peers: () => Promise.reject(new SystemError('no network here', 'ENETDOWN')),
  scans: async () => ({
    scanner: { scan: async () => failed(new SystemError('no link here', 'ENODEV')) },
    interfaces: () => [],
    vendorOf: () => undefined,
    send: async () => failed(new SystemError('no link here', 'ENODEV')),
  }),
  checks: async () => ({
    run: async () => failed({ cause: 'NotSent', detail: 'no network here' }),
    [Symbol.asyncDispose]: async () => undefined,
  }),
  paths: async () => ({
    resolve: async () => failed(new SystemError('no hosts here', 'ENOTFOUND')),
    nameOf: async () => undefined,
    ping: async () => failed(new SystemError('no network here', 'ENETDOWN')),
    trace: async () => failed(new SystemError('no network here', 'ENETDOWN')),
    findMtu: async () => failed({ kind: 'silent' }),
    [Symbol.asyncDispose]: async () => undefined,
  }),
  smokePng: async (rows, options) => {
    const { width, height, rgb } = pictureOf(smokeDrawing(rows, options), 2);
    return png(width, height, rgb);
  },
  capture: async () =>
    captureService(
      {
        listen: async (ifName) => failed(new SystemError(`${ifName}: no such device`, 'ENODEV')),
        compileFilter: () => failed(new SystemError('no filters here', 'ENOSYS')),
        analyze: async (path) => failed(new SystemError(`${path}: no such file`, 'ENOENT')),
      },
      { links: async () => failed(new SystemError('no links here', 'ENODEV')), png },
    ),
});

/** Runs a command line to its end against a bus, or against none. */
export async function cli(
  args: readonly string[],
  bus: FakeBus | BusError = { message: 'no bus', status: undefined },
  overrides: Partial<CliEnvironment> = {},
): Promise<Ran> {
  const [out, err] = [new Captured(), new Captured()];
  const environment = fakeEnvironment(bus, { stdout: out, stderr: err });
  const code = await runCli(args, { ...environment, ...overrides });
  return { code, out: out.text, err: err.text };
}
