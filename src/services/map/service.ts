import { type Backoff, backoff, delayMs, failed, healthy } from '../../base/backoff.ts';
import type { Timer } from '../../base/clock.ts';
import type { SystemError } from '../../base/errors.ts';
import { MAP_LINK } from '../../base/if-name.ts';
import { ipv4, type PrefixLen } from '../../base/ip.ts';
import type { PrefixLen6 } from '../../base/ip6.ts';
import type { AddressPlanner, FlowTable, Link, Route6Planner } from '../../os/ports.ts';
import type { MapConfig, MapObserved, MapOffer, MapUsage } from './config.ts';
import { type MapEndpoint, type MapPlan, planMap } from './plan.ts';
import { mtu4Of, renderMap, translatorAddress } from './render.ts';
import { MapTable } from './table.ts';
import {
  NAT46_CONTROL,
  Nat46Translator,
  TaygaTranslator,
  type Translator,
  type TranslatorDeps,
} from './translator.ts';
import { usageOf } from './usage.ts';

export interface MapDeps extends Omit<TranslatorDeps, 'changed' | 'linkOf'> {
  readonly planner: AddressPlanner & Route6Planner;
  readonly flows: FlowTable;
  /** Path of nft(8). */
  readonly nft: string;
  /** What the DHCPv6 clients were told last, all of them. */
  offers(): readonly MapOffer[];
  links(): readonly Link[];
  report(observed: MapObserved): void;
}

/** Behind the default routes of native leases: where there is native IPv4, it is used. */
const METRIC = 4096;
/** One program takes what waits here: so many connections may begin at once without a loss. */
const QUEUE = 4000;
const USUAL_MTU = 1500;
const WHOLE = 32 as PrefixLen;
const ALL = 0 as PrefixLen;
const ONE6 = 128 as PrefixLen6;
/** For so long an answer about the ports in use is good enough for the next who asks. */
const USAGE_MS = 1000;

interface Held {
  readonly translator: Translator;
  /** What its address and routes were planned for; undefined while none are. */
  planned: string | undefined;
  fault: string | undefined;
}

/** MAP-T customer edge (RFC 7599): for every domain that can be, a link that translates, and the ports that it may use. */
export class MapService implements AsyncDisposable {
  readonly #deps: MapDeps;
  readonly #table: MapTable;
  readonly #held = new Map<string, Held>();
  readonly #usage = new Map<string, { readonly atMs: number; readonly usage: MapUsage }>();
  readonly #counted = new Map<string, string>();
  #config: MapConfig | undefined;
  #offers: readonly MapOffer[] = [];
  #plan: MapPlan = { domains: [], refused: [] };
  #refusedOptions = 0;
  #refusal: string | undefined;
  #restored = 0;
  #tableFault: string | undefined;
  #again = false;
  #running: Promise<void> | undefined;
  #seen = '';
  #backoff: Backoff = backoff(1000, 60_000);
  #retry: Timer | undefined;
  #closed = false;

  constructor(deps: MapDeps) {
    this.#deps = deps;
    this.#table = new MapTable({
      ...{ processes: deps.processes, clock: deps.clock, nft: deps.nft },
      trampled: () => {
        this.#restored += 1;
        deps.log.warn({}, 'the table of MAP was changed by someone else: putting it back');
        void this.#work();
      },
    });
  }

  /** Makes `config` the whole truth; gives what could not be done. */
  async apply(config: MapConfig): Promise<readonly string[]> {
    this.#config = config;
    await this.#work();
    return this.#faults();
  }

  /** A DHCPv6 client may have been told something else. */
  offersChanged(): void {
    if (this.#config === undefined) return;
    if (textOf(this.#deps.offers()) !== textOf(this.#offers)) void this.#work();
  }

  linksChanged(): void {
    if (this.#config !== undefined && this.#linksText() !== this.#seen) void this.#work();
  }

  rulesetChanged(): void {
    this.#table.rulesetChanged();
  }

  /** Ports of a domain in use now; undefined where it has none or the kernel does not tell. */
  usage(id: string): MapUsage | undefined {
    const nowMs = this.#deps.clock.monoMs();
    const known = this.#usage.get(id);
    if (known !== undefined && nowMs - known.atMs < USAGE_MS) return known.usage;
    const addressing = this.#plan.domains.find((domain) => domain.id === id)?.endpoint?.addressing;
    const flows = addressing && this.#deps.flows.to(addressing.address);
    if (addressing === undefined || flows?.ok !== true) return undefined;
    const usage = usageOf(addressing.ports, flows.value);
    this.#usage.set(id, { atMs: nowMs, usage });
    return usage;
  }

  get observed(): MapObserved {
    return {
      domains: this.#plan.domains.map(({ endpoint, ...domain }) => {
        const held = endpoint && this.#held.get(endpoint.link);
        const fault = held?.fault ?? held?.translator.fault ?? this.#tableFault;
        const trouble = endpoint === undefined || fault === undefined ? {} : { reason: fault };
        return {
          ...domain,
          ...trouble,
          status: 'reason' in trouble ? 'Error' : domain.status,
          addressing: endpoint?.addressing,
          link: endpoint?.link,
          engine: held?.translator.engine,
          mtu: endpoint && mtu4Of(this.#mtu6Of(endpoint.wan)),
          restarts: held?.translator.restarts ?? 0,
        };
      }),
      refusedOptions: this.#refusedOptions,
      refusal: this.#refusal,
      restored: this.#restored,
    };
  }

  /** Lets go: link, address, table and translator stay for the next daemon. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#retry?.cancel();
    await this.#running;
    await this.#table.close();
    for (const { translator } of this.#held.values()) translator.close();
  }

  /** One pass at a time; the last wish always arrives. */
  async #work(): Promise<void> {
    this.#again = true;
    this.#running ??= this.#drain();
    await this.#running;
  }

  async #drain(): Promise<void> {
    while (this.#again && this.#config !== undefined && !this.#closed) {
      this.#again = false;
      this.#offers = this.#deps.offers();
      this.#plan = planMap(this.#config, this.#offers);
      this.#countRefused();
      await this.#pass(this.#plan.domains.flatMap(({ endpoint }) => endpoint ?? []));
      this.#seen = this.#linksText();
      this.#schedule();
      this.#report();
    }
    this.#running = undefined;
  }

  async #pass(endpoints: readonly MapEndpoint[]): Promise<void> {
    const wanted = new Map(endpoints.map((endpoint) => [endpoint.link, endpoint]));
    for (const [link, held] of this.#held) {
      const next = wanted.get(link);
      // With the address go the flows that were hidden behind it.
      if (next === undefined || held.planned !== textOf(next)) this.#withdraw(link, held);
      if (next === undefined) await this.#drop(link, held);
    }
    await this.#removeStrays(wanted);
    for (const endpoint of endpoints) {
      const held = this.#hold(endpoint.link);
      const ready = await held.translator.prepare(endpoint);
      held.fault = ready.ok ? undefined : said(ready.error);
    }
    const text = renderMap(endpoints, (wan) => this.#mtu6Of(wan));
    const written = await this.#table.write(text);
    this.#tableFault = written.ok ? undefined : said(written.error);
    for (const endpoint of endpoints) {
      const held = this.#hold(endpoint.link);
      if (held.fault !== undefined || !written.ok) continue;
      this.#settle(endpoint, held);
      const link = this.#linkOf(endpoint.link);
      // When it is up with its MTU, linksChanged leads here again.
      if (link?.adminUp === true && link.mtu === this.#mtu6Of(endpoint.wan)) {
        held.translator.start();
      }
    }
  }

  #hold(link: string): Held {
    const known = this.#held.get(link);
    if (known !== undefined) return known;
    const Engine = this.#deps.files.readText(NAT46_CONTROL).ok ? Nat46Translator : TaygaTranslator;
    const deps = {
      ...this.#deps,
      linkOf: (name: string) => this.#linkOf(name),
      changed: () => this.#report(),
    };
    const held = { translator: new Engine(deps, link), planned: undefined, fault: undefined };
    this.#held.set(link, held);
    return held;
  }

  #settle(endpoint: MapEndpoint, held: Held): void {
    const { link, addressing, wan } = endpoint;
    const { planner } = this.#deps;
    const owner = ownerOf(link);
    const errors = [
      ...planner.set(owner, {
        ...{ ifName: link, address: addressing.address, prefixLen: WHOLE, broadcast: undefined },
        routes: [{ destination: ipv4(0), prefixLen: ALL, gateway: undefined }],
        ...{ metric: metricOf(link), mtu: this.#mtu6Of(wan), bringUp: true, queueLength: QUEUE },
        ...{ resolvers: [], searchDomains: [] },
      }),
      ...planner.setRoutes6(
        owner,
        [addressing.address6, translatorAddress(addressing.address6)].map((destination) => ({
          ...{ destination, prefixLen: ONE6, gateway: undefined, ifName: link },
        })),
      ),
    ];
    held.planned = textOf(endpoint);
    const [first] = errors;
    if (first !== undefined) held.fault = said(first);
  }

  #withdraw(link: string, held: Held): void {
    if (held.planned === undefined) return;
    this.#deps.planner.set(ownerOf(link), undefined);
    this.#deps.planner.setRoutes6(ownerOf(link), []);
    held.planned = undefined;
  }

  async #drop(link: string, held: Held): Promise<void> {
    const gone = await held.translator.remove();
    if (!gone.ok) this.#deps.log.error({ code: gone.error.code, link }, gone.error.message);
    held.translator.close();
    this.#held.delete(link);
  }

  /** Links that an earlier daemon left and that nobody wants any more. */
  async #removeStrays(wanted: ReadonlyMap<string, unknown>): Promise<void> {
    for (const { name } of this.#deps.links()) {
      if (!name.startsWith(MAP_LINK) || wanted.has(name) || this.#held.has(name)) continue;
      this.#deps.log.info({ link: name }, 'removing a link of MAP that nobody wants');
      await this.#drop(name, this.#hold(name));
    }
  }

  #schedule(): void {
    this.#retry?.cancel();
    if (this.#faults().length === 0) {
      this.#backoff = healthy(this.#backoff);
      return;
    }
    this.#backoff = failed(this.#backoff);
    this.#retry = this.#deps.clock.after(delayMs(this.#backoff), () => void this.#work());
  }

  #faults(): readonly string[] {
    const own = [...this.#held].flatMap(([link, { fault }]) =>
      fault === undefined ? [] : [`${link}: ${fault}`],
    );
    return this.#tableFault === undefined ? own : [...own, this.#tableFault];
  }

  /** Each answer of a server counts once, however often it is planned with. */
  #countRefused(): void {
    for (const offer of this.#offers) {
      const bad = this.#plan.refused.filter(({ client }) => client === offer.client);
      const [first] = bad;
      if (first === undefined || this.#counted.get(offer.client) === offer.answer) continue;
      this.#counted.set(offer.client, offer.answer);
      this.#refusedOptions += bad.length;
      this.#refusal = first.reason;
      this.#deps.log.warn({ client: offer.client }, `softwire option refused: ${first.reason}`);
    }
  }

  #linkOf(name: string): Link | undefined {
    return this.#deps.links().find((link) => link.name === name);
  }

  #mtu6Of(wan: string): number {
    return this.#linkOf(wan)?.mtu ?? USUAL_MTU;
  }

  #linksText(): string {
    const own = this.#deps
      .links()
      .filter(({ name }) => name.startsWith(MAP_LINK))
      .map(({ name, mtu, adminUp }) => `${name} ${mtu} ${adminUp}`);
    const wans = this.#plan.domains.map(({ wan }) => this.#mtu6Of(wan ?? ''));
    return [...own, ...wans].join();
  }

  #report(): void {
    if (!this.#closed) this.#deps.report(this.observed);
  }
}

/** Two domains must not have one route. */
const metricOf = (link: string): number =>
  METRIC + Number(/\d+$/.exec(link)?.[0] ?? 0) + (link.startsWith(`${MAP_LINK}d`) ? 10_000 : 0);

const ownerOf = (link: string): string => `map.${link}`;

const said = (error: SystemError): string =>
  error.remedy === undefined ? error.message : `${error.message}; ${error.remedy}`;

/** Equal text for equal content: addresses of IPv6 are bigints, which JSON does not know. */
const textOf = (value: unknown): string =>
  JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'bigint'
      ? part.toString(16)
      : part instanceof Uint8Array
        ? [...part].join()
        : part,
  );
