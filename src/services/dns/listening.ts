/** Where the server listens: every address of the LAN's interfaces, by UDP through the engine and by the others beside it. */
import { formatIp, type IpAddress, isLinkLocal } from '../../base/ip6.ts';
import type { TlsMaterial } from '../../os/ports.ts';
import type { DnsEngine } from '../../os/ports-dns.ts';
import type { DnsStreamEndpoint, DnsStreamServer } from '../../os/ports-dns-transport.ts';
import type { DnsListen, ListenerObserved } from './config.ts';

export interface ListeningDeps {
  readonly engine: Pick<DnsEngine, 'listen' | 'unlisten'>;
  readonly streams: DnsStreamServer;
  addressesOf(ifName: string): readonly { readonly address: IpAddress; readonly scopeId: number }[];
}

interface Place {
  readonly address: IpAddress;
  readonly scopeId: number;
}

export class Listening implements AsyncDisposable {
  readonly #deps: ListeningDeps;
  /** By address, scope and port. */
  readonly #udp = new Map<string, number>();
  #observed: readonly ListenerObserved[] = [];
  #applying: Promise<readonly string[]> = Promise.resolve([]);

  constructor(deps: ListeningDeps) {
    this.#deps = deps;
  }

  get observed(): readonly ListenerObserved[] {
    return this.#observed;
  }

  useCertificate(material: TlsMaterial): void {
    this.#deps.streams.useCertificate(material);
  }

  /** Makes these the whole of what is listened on, one call after the other; what failed, for people. */
  apply(listen: DnsListen): Promise<readonly string[]> {
    this.#applying = this.#applying.then(() => this.#apply(listen));
    return this.#applying;
  }

  async #apply(listen: DnsListen): Promise<readonly string[]> {
    const places = this.#places(listen);
    const observed = this.#listenUdp(places, listen.port);
    // Node binds no scope: by TCP, link-local addresses are not served.
    const addresses = places
      .map(({ address }) => address)
      .filter((address) => typeof address === 'number' || !isLinkLocal(address));
    const endpoints: DnsStreamEndpoint[] = addresses.flatMap((address) => [
      { transport: 'tcp', address, port: listen.port } as const,
      ...encrypted('tls', address, listen.tlsPort),
      ...encrypted('https', address, listen.httpsPort),
    ]);
    const failed = await this.#deps.streams.listen(endpoints);
    for (const endpoint of endpoints) {
      const error = failed.find((one) => one.endpoint === endpoint)?.error.message;
      observed.push({ ...endpoint, error });
    }
    this.#observed = observed;
    // A certificate comes when the page has made one; nobody need try again before.
    const waiting = failed.filter(({ error }) => error.code === 'ENOENT').length;
    const errors = observed.flatMap(({ error }) => error ?? []);
    return waiting === errors.length ? [] : errors;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#applying;
    for (const id of this.#udp.values()) this.#deps.engine.unlisten(id);
    this.#udp.clear();
    await this.#deps.streams[Symbol.asyncDispose]();
  }

  #places({ interfaces, addresses }: DnsListen): Place[] {
    const places = new Map<string, Place>();
    const all = [
      ...addresses.map((address) => ({ address, scopeId: 0 })),
      ...interfaces.flatMap((ifName) => this.#deps.addressesOf(ifName)),
    ];
    for (const place of all) places.set(`${formatIp(place.address)}%${place.scopeId}`, place);
    return [...places.values()];
  }

  #listenUdp(places: readonly Place[], port: number): ListenerObserved[] {
    const { engine } = this.#deps;
    const wanted = new Map(
      places.map((place) => [`${formatIp(place.address)}%${place.scopeId} ${port}`, place]),
    );
    for (const [key, id] of this.#udp) {
      if (wanted.has(key)) continue;
      engine.unlisten(id);
      this.#udp.delete(key);
    }
    return [...wanted].map(([key, { address, scopeId }]): ListenerObserved => {
      const listener = { transport: 'udp', address, port, error: undefined } as const;
      if (this.#udp.has(key)) return listener;
      const opened = engine.listen(address, port, scopeId);
      if (!opened.ok) return { ...listener, error: opened.error.message };
      this.#udp.set(key, opened.value);
      return listener;
    });
  }
}

const encrypted = (
  transport: 'tls' | 'https',
  address: IpAddress,
  port: number | undefined,
): DnsStreamEndpoint[] => (port === undefined ? [] : [{ transport, address, port }]);
