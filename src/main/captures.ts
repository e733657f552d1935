/** The daemon's captures with their real adapters, loaded when the first one is wanted; and as ubus, HTTP and the command line offer them. */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { err, type Result } from '../base/result.ts';
import type { CaptureParts } from '../edge/http/context.ts';
import { type CommandAnswer, type CommandService, done, failed } from '../edge/ubus/gatehouse.ts';
import type { LinuxCaptureEngine } from '../os/linux/capture-engine.ts';
import type { LinuxCaptureStore } from '../os/linux/capture-store.ts';
import type { loadNative } from '../os/linux/native.ts';
import type { Link, Net } from '../os/ports.ts';
import type { CaptureFile } from '../os/ports-capture.ts';
import type { CapturesService } from '../services/capture/captures.ts';
import type {
  CapturesConfig,
  ConfiguredTrigger,
  SessionObserved,
  SessionSpec,
} from '../services/capture/config.ts';
import type { Observed } from '../state/observed.ts';
import type { Origin } from '../tr181/model.ts';
import type { Observations, ServiceCalls } from '../tr181/table.ts';
import { Lazy } from './lazy.ts';

/** Of one capture at most: some 4 MB, and the ring. */
const LIMITS = { flows: 4096, conversations: 4096, endpoints: 4096 };
const MAX_ITEMS = 16;
const MAX_SECONDS = 604_800;

const FILTER_ARGS: CommandService['commands'][string]['args'] = {
  ...{ interface: 'string', filter: 'string', protocols: 'array', ports: 'array' },
  ...{ hosts: 'array', from: 'array', to: 'array', vlan: 'string' },
};

/** Who reports what triggers look at, beside the links. */
const TRIGGERED_BY = ['dhcpClient', 'dhcp6Client', 'monitor', 'alerts'] as const;

export interface CapturesParts {
  readonly native: ReturnType<typeof loadNative>;
  readonly net: Net;
  readonly clock: Clock;
  readonly log: Log;
  readonly observed: Observed<Observations>;
  readonly stateDir: string;
}

export class LazyCaptures implements AsyncDisposable {
  readonly #parts: CapturesParts;
  #config: CapturesConfig | undefined;
  readonly #built: Lazy<CapturesService>;

  constructor(parts: CapturesParts) {
    this.#parts = parts;
    this.#built = new Lazy({
      name: 'captures',
      log: parts.log,
      build: (attempt) => this.#build(attempt),
    });
  }

  /** Undefined before the first capture. */
  get service(): CapturesService | undefined {
    return this.#built.value;
  }

  async apply(config: CapturesConfig): Promise<readonly string[]> {
    this.#config = config;
    const rows = [...config.captures, ...config.triggers];
    const wanted = config.enable && rows.some(({ enable }) => enable);
    const built = this.#built.begun;
    if (!built && !wanted) return [];
    const service = await this.wanted();
    return built ? service.apply(config) : [];
  }

  /** Loaded now, if it is not yet. */
  wanted(): Promise<CapturesService> {
    return this.#built.load();
  }

  /** The text of a filter; or all that is wrong. Nothing else is loaded for it. */
  async check(spec: SessionSpec): Promise<Result<string, string>> {
    const { checkCapture } = await import('../services/capture/check.ts');
    return checkCapture(spec, await this.#engine());
  }

  /** Clients on a link that have no lease. */
  #leaseless(ifName: string): readonly string[] {
    const { observed } = this.#parts;
    const clients = [
      ...(observed.get('dhcpClient')?.clients ?? []),
      ...(observed.get('dhcp6Client')?.clients ?? []),
    ];
    const leased = new Set(clients.flatMap(({ id, lease }) => (lease === undefined ? [] : id)));
    const here = this.#config?.clients.filter((client) => client.ifName === ifName) ?? [];
    return here.map(({ id }) => id).filter((id) => !leased.has(id));
  }

  /** The file of the trigger that fired last, if that was not before `sinceMs` (Unix time); else empty. */
  firedSince(sinceMs: number): string {
    const fired = (this.#built.value?.observed.triggers ?? [])
      .filter(({ file, firedMs = 0 }) => file !== '' && firedMs >= sinceMs)
      .sort((a, b) => (b.firedMs ?? 0) - (a.firedMs ?? 0));
    return fired[0]?.file ?? '';
  }

  /** Its files, also when nothing was captured since the start. */
  async store(): Promise<LinuxCaptureStore> {
    const { LinuxCaptureStore } = await import('../os/linux/capture-store.ts');
    return new LinuxCaptureStore(`${this.#parts.stateDir}/captures`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#built[Symbol.asyncDispose]();
  }

  async #engine(): Promise<LinuxCaptureEngine> {
    const { LinuxCaptureEngine } = await import('../os/linux/capture-engine.ts');
    return new LinuxCaptureEngine(this.#parts.native, LIMITS);
  }

  async #build(attempt: AsyncDisposableStack): Promise<CapturesService> {
    const { CapturesService } = await import('../services/capture/captures.ts');
    const { net, observed } = this.#parts;
    const isLink = (ifName: string, isSo: (link: Link) => boolean): boolean =>
      net.links().some((link) => link.name === ifName && isSo(link));
    const ills: Record<ConfiguredTrigger['event'], (ifName: string) => readonly string[]> = {
      LinkLost: (ifName) =>
        isLink(ifName, ({ adminUp, carrier }) => adminUp && carrier) ? [] : [ifName],
      LeaseLost: (ifName) => this.#leaseless(ifName),
      ProbeFailed: () =>
        (observed.get('monitor')?.targets ?? [])
          .filter(({ status }) => status === 'Down')
          .map(({ id }) => id),
      Alert: () =>
        (observed.get('alerts')?.alerts ?? [])
          .filter(({ state, silenced }) => state === 'raised' && !silenced)
          .map(({ key }) => key),
    };
    const service = attempt.use(
      new CapturesService({
        ...this.#parts,
        engine: await this.#engine(),
        store: await this.store(),
        isUp: (ifName) => isLink(ifName, ({ adminUp }) => adminUp),
        ills: (event, ifName) => new Set(ills[event](ifName)),
        report: (value) => observed.publish('captures', value),
      }),
    );
    attempt.use(
      net.subscribe((events) => {
        if (events.some(({ what }) => what === 'link' || what === 'resync'))
          service.surroundingsChanged();
      }),
    );
    attempt.use(
      observed.subscribe(({ services }) => {
        if (TRIGGERED_BY.some((name) => services.has(name))) service.surroundingsChanged();
      }),
    );
    if (this.#config !== undefined) await service.apply(this.#config);
    return service;
  }
}

export const captureCalls = (
  captures: LazyCaptures,
): Pick<ServiceCalls, 'captureStart' | 'captureStop'> => ({
  captureStart: async (id) => (await captures.wanted()).again(id),
  captureStop: async (id) => captures.service?.stop(id) ?? err('it is over already'),
});

export function captureCommands(
  captures: LazyCaptures,
  audit: (what: string, origin: Origin) => Promise<void>,
): CommandService & CaptureParts {
  const byId = (
    what: string,
    about: string,
    run: (
      service: CapturesService,
      id: string,
    ) => Result<void, string> | Promise<Result<void, string>>,
  ): CommandService['commands'][string] => ({
    about,
    args: { id: 'string' },
    run: async ({ id }, { origin }) => {
      if (typeof id !== 'string') return failed('id is missing, such as list tells');
      await audit(`${what} ${id.slice(0, 64)}`, origin);
      const service = await captures.wanted();
      const told = await run(service, id);
      return told.ok ? done() : failed(told.error);
    },
  });
  return {
    name: 'capture',
    about: 'captures: who talks how much with what on an interface',
    read: async (name, origin) => {
      await audit(`download ${name.slice(0, 128)}`, origin);
      return (await captures.store()).read(name);
    },
    commands: {
      list: {
        about: 'every capture and how it goes',
        args: {},
        run: async () => {
          const { sessions } = captures.service?.observed ?? { sessions: [] };
          return done({ captures: sessions.map(plain) });
        },
      },
      check: {
        about: 'the filter that start would take, as text of pcap-filter(7); or all that is wrong',
        args: FILTER_ARGS,
        run: async (args) => {
          const spec = specOf(args);
          if ('status' in spec) return spec;
          const checked = await captures.check(spec);
          return checked.ok ? done({ filter: checked.value }) : failed(checked.error);
        },
      },
      start: {
        about:
          'starts a capture: interface (wan), filter of pcap-filter(7) or lists protocols, ports, hosts (from: source, to: destination) and vlan; seconds (60), packets and bytes as limits; write: into pcapng files',
        args: {
          ...FILTER_ARGS,
          ...{
            seconds: 'int32',
            packets: 'int64',
            bytes: 'int64',
            promiscuous: 'int8',
            write: 'int8',
          },
        },
        run: async (args, { origin }) => {
          const spec = specOf(args);
          if ('status' in spec) return spec;
          await audit(`start ${spec.ifName.slice(0, 64)}`, origin);
          const started = (await captures.wanted()).start(spec);
          return started.ok ? done({ id: started.value }) : failed(started.error);
        },
      },
      again: byId('again', 'begins one anew', (service, id) => service.again(id)),
      stop: byId('stop', 'ends one; its figures stay', (service, id) => service.stop(id)),
      delete: byId('delete', 'ends and forgets one that was started by a command', (service, id) =>
        service.remove(id),
      ),
      files: {
        about: 'what captures and triggers have written, the oldest first',
        args: {},
        run: async () => {
          const files = (await captures.store()).list();
          return files.ok
            ? done({ files: files.value.map(plainFile) })
            : failed(files.error.message);
        },
      },
      remove_file: {
        about: 'removes a file that files tells of',
        args: { name: 'string' },
        run: async ({ name }, { origin }) => {
          if (typeof name !== 'string') return failed('name is missing, such as files tells');
          await audit(`remove ${name.slice(0, 128)}`, origin);
          const removed = (await captures.wanted()).removeFile(name);
          return removed.ok ? done() : failed(removed.error);
        },
      },
      triggers: {
        about: 'every trigger and how it goes',
        args: {},
        run: async () => done({ triggers: captures.service?.observed.triggers ?? [] }),
      },
      status: {
        about: 'one capture with its statistics, made as the next second is over',
        args: { id: 'string' },
        run: async ({ id }) => {
          if (typeof id !== 'string') return failed('id is missing, such as list tells');
          const looked = await captures.service?.look(id);
          if (looked === undefined) return failed(`there is no capture ${id}`);
          return done({ ...plain(looked.session), report: looked.report ?? null });
        },
      },
    },
  };
}

const plainFile = ({ name, bytes, changedMs }: CaptureFile): object => ({
  ...{ name, bytes, changed: new Date(changedMs).toISOString() },
});

const plain = (session: SessionObserved): object => ({
  ...{ id: session.id, configured: session.configured, state: session.state },
  reason: session.reason,
  interface: session.ifName ?? session.spec.ifName,
  filter: session.filter,
  seconds: session.spec.forSec,
  started: session.startedMs === undefined ? null : new Date(session.startedMs).toISOString(),
  ...{ packets: session.packets, bytes: session.bytes },
  ...{ droppedPackets: session.droppedPackets, interruptions: session.interruptions },
  ...{ files: session.files, unwrittenPackets: session.unwrittenPackets },
});

/** Or the answer that says what is wrong. */
function specOf(args: Readonly<Record<string, unknown>>): SessionSpec | CommandAnswer {
  const faults: string[] = [];
  const texts = (name: string): readonly string[] => {
    const given = args[name] ?? [];
    const good =
      Array.isArray(given) &&
      given.length <= MAX_ITEMS &&
      given.every((one) => typeof one === 'string' && one.length <= 64);
    if (!good) faults.push(`${name} is a list of at most ${MAX_ITEMS} texts`);
    return good ? (given as readonly string[]) : [];
  };
  const amount = (name: string, fallback: number, most: number): number => {
    const given = Number(args[name] ?? fallback);
    const good = Number.isSafeInteger(given) && given >= 0 && given <= most;
    if (!good) faults.push(`${name} is a whole number from 0 to ${most}`);
    return good ? given : 0;
  };
  const { interface: ifName = 'wan', filter: raw = '', vlan = '', promiscuous, write } = args;
  if (typeof ifName !== 'string' || typeof raw !== 'string' || typeof vlan !== 'string')
    return failed('interface, filter and vlan are texts');
  const spec = {
    ifName,
    filter: {
      ...{ protocols: texts('protocols'), ports: texts('ports'), hosts: texts('hosts') },
      ...{ from: texts('from'), to: texts('to') },
      ...(vlan === '' ? {} : { vlan }),
      ...(raw === '' ? {} : { raw }),
    },
    forSec: amount('seconds', 60, MAX_SECONDS),
    maxPackets: amount('packets', 0, Number.MAX_SAFE_INTEGER),
    maxBytes: amount('bytes', 0, Number.MAX_SAFE_INTEGER),
    ...{ promiscuous: Boolean(promiscuous), write: Boolean(write) },
  };
  return faults.length > 0 ? failed(faults.join('\n')) : spec;
}
