/** A router's model with its history, on a store that outlives it; time moves when the test says so. */
import { ok } from '../../src/base/result.ts';
import { hashPassword } from '../../src/control/accounts.ts';
import { ConfigurationService } from '../../src/control/configuration.ts';
import { History } from '../../src/control/history.ts';
import { LinuxSecrets } from '../../src/os/linux/secrets.ts';
import { Observed } from '../../src/state/observed.ts';
import { Rows } from '../../src/state/rows.ts';
import { createModel } from '../../src/tr181/engine.ts';
import { layDownInitial } from '../../src/tr181/initial.ts';
import type { Fault, Model } from '../../src/tr181/model.ts';
import type { Observations } from '../../src/tr181/table.ts';
import type { AuditEntry } from '../../src/tr181/writer.ts';
import { MemoryStore } from '../state/memory-store.ts';
import { messages, ORIGIN } from '../tr181/fixture.ts';
import { FakeClock } from './clock.ts';
import { MemoryLog } from './log.ts';

export interface Box {
  readonly model: Model;
  readonly rows: Rows;
  readonly secrets: LinuxSecrets;
  readonly bootId: string;
  readonly history: History;
  readonly config: ConfigurationService;
  readonly store: MemoryStore;
  readonly clock: FakeClock;
  readonly log: MemoryLog;
  readonly audit: AuditEntry[];
  readonly confirmed: string[];
  get(path: string): string;
  /** `done`, or the messages of the faults. */
  set(path: string, value: string, confirmSec?: number): Promise<string>;
}

/** A daemon as it starts on what is in the store. */
export function start(store = new MemoryStore(), clock = new FakeClock(), bootId = 'boot 1'): Box {
  const log = new MemoryLog();
  const rows = new Rows(store);
  const secrets = new LinuxSecrets();
  const history = new History({ store, clock, secrets, bootId });
  const audit: AuditEntry[] = [];
  const confirmed: string[] = [];
  const model = createModel({
    rows,
    observed: new Observed<Observations>(log),
    lookups: {
      linkStats: () => undefined,
      readText: () => undefined,
      monoMs: () => clock.monoMs(),
      wallMs: () => clock.wallMs(),
    },
    calls: {
      dhcpRenew: async () => ok(undefined),
      reboot: async () => ok(undefined),
      powerOff: async () => ok(undefined),
      factoryReset: async () => ok(undefined),
      firmwareDownload: async () => ok(undefined),
      firmwareActivate: async () => ok(undefined),
    },
    product: { name: 'Gatehouse', version: '0.1.0' },
    audit: async (entries) => void audit.push(...entries),
    hashPassword: (password) => hashPassword(secrets, password),
    journal: history,
    log,
  });
  const config = new ConfigurationService({
    model,
    history,
    clock,
    secrets,
    log,
    version: '0.1.0',
    audit: async (what, { user }) => void confirmed.push(`${what} by ${user}`),
  });
  return {
    model,
    ...{ rows, secrets, bootId, history },
    config,
    store,
    clock,
    log,
    audit,
    confirmed,
    get: (path) => {
      const [answer] = model.get([path]);
      return answer?.result.ok === true
        ? answer.result.value.map(({ value }) => value).join('|')
        : 'nothing';
    },
    set: async (path, value, confirmSec) => {
      const options = confirmSec === undefined ? {} : { confirmSec };
      const done = await model.set([{ path, value }], ORIGIN, options);
      return done.ok ? 'done' : messages(done.error);
    },
  };
}

/** After its first start, at revision 1. */
export async function router(clock = new FakeClock()): Promise<Box> {
  const box = start(new MemoryStore(), clock);
  must(await layDownInitial(box.model, { wan: 'eth0', lan: ['eth1'], overrides: {} }));
  return box;
}

export function must<T>(
  result: { ok: true; value: T } | { ok: false; error: readonly Fault[] },
): T {
  if (!result.ok) throw new Error(messages(result.error));
  return result.value;
}
