/** Who in the LAN speaks BitTorrent, with its real adapters: loaded when it is switched on first. */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { type CommandService, done } from '../edge/ubus/gatehouse.ts';
import type { Native, Reactor } from '../os/linux/native.ts';
import type { Net } from '../os/ports.ts';
import type {
  LanTorrent,
  LanTorrentsConfig,
  LanTorrentsObserved,
  TorrentDevice,
} from '../services/lan-torrents/config.ts';
import type { LanTorrentsService } from '../services/lan-torrents/service.ts';
import type { Observed } from '../state/observed.ts';
import type { Origin } from '../tr181/model.ts';
import type { Observations } from '../tr181/table.ts';
import type { LazyDht } from './dht-lazy.ts';
import { Lazy } from './lazy.ts';

/** Of one link: some 2 MB as it fills. Conversations and endpoints are not looked at. */
const LIMITS = { flows: 8192, conversations: 16, endpoints: 16 };

export interface LanTorrentsParts {
  readonly native: Native;
  readonly reactor: Reactor;
  readonly net: Net;
  readonly clock: Clock;
  readonly log: Log;
  readonly observed: Observed<Observations>;
  readonly dht: LazyDht;
}

export class LazyLanTorrents implements AsyncDisposable {
  readonly #parts: LanTorrentsParts;
  readonly #built: Lazy<LanTorrentsService>;

  constructor(parts: LanTorrentsParts) {
    this.#parts = parts;
    this.#built = new Lazy({
      name: 'the watch for torrents',
      log: parts.log,
      build: (attempt) => this.#build(attempt),
    });
  }

  async apply(config: LanTorrentsConfig): Promise<readonly string[]> {
    if (!this.#built.begun && !config.enable) return [];
    return (await this.#built.load()).apply(config);
  }

  /** With figures that are at most so old; undefined where it was never on. */
  look(maxAgeMs: number): LanTorrentsObserved | undefined {
    return this.#built.value?.look(maxAgeMs);
  }

  async clear(): Promise<void> {
    await this.#built.value?.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#built[Symbol.asyncDispose]();
  }

  async #build(attempt: AsyncDisposableStack): Promise<LanTorrentsService> {
    const [{ LanTorrentsService }, { LinuxCaptureEngine }, { torrentNamer }] = await Promise.all([
      import('../services/lan-torrents/service.ts'),
      import('../os/linux/capture-engine.ts'),
      import('./torrent-namer.ts'),
    ]);
    const { net, observed, native } = this.#parts;
    const linkOf = (ifName: string) => net.links().find(({ name }) => name === ifName);
    const namer = torrentNamer(attempt, this.#parts);
    const service = attempt.use(
      new LanTorrentsService({
        ...this.#parts,
        ...namer,
        engine: new LinuxCaptureEngine(native, LIMITS),
        isUp: (ifName) => linkOf(ifName)?.adminUp === true,
        networks: (ifName) => {
          const index = linkOf(ifName)?.ifIndex;
          return [...net.addresses(), ...net.addresses6()]
            .filter(({ ifIndex }) => ifIndex === index)
            .map(({ address, prefixLen }) => ({ address, prefixLen }));
        },
        report: (value) => observed.publish('lanTorrents', value),
      }),
    );
    attempt.use(
      net.subscribe((events) => {
        // Routes come and go all the time, and say nothing of links and their addresses.
        if (events.some(({ what }) => what !== 'route')) service.surroundingsChanged();
      }),
    );
    return service;
  }
}

/** Beside the commands of the DHT's node. */
export const lanTorrentsCommands = (
  view: Pick<LazyLanTorrents, 'look' | 'clear'>,
  observed: Observed<Observations>,
  audit: (what: string, origin: Origin) => Promise<void>,
): CommandService['commands'] => ({
  lan: {
    about: 'who in the LAN speaks BitTorrent, about what, and how much',
    args: {},
    run: async () => {
      const now = view.look(0);
      if (now === undefined) return done({ status: 'off', devices: [], torrents: [] });
      const names = new Map(
        (observed.get('neighbors')?.hosts ?? []).map(({ mac, name }) => [String(mac), name]),
      );
      const nameOf = ({ mac, addresses }: TorrentDevice): string =>
        names.get(mac ?? '') ?? mac ?? addresses[0] ?? '';
      const { devices, torrents, ...rest } = now;
      return done({
        ...rest,
        devices: devices.map((device) => plainDevice(device, nameOf(device))),
        torrents: torrents.map((torrent) =>
          plainTorrent(torrent, (id) => {
            const device = devices.find((one) => one.id === id);
            return device === undefined ? '' : nameOf(device);
          }),
        ),
      });
    },
  },
  lan_clear: {
    about: 'forgets all that was heard of it',
    args: {},
    run: async (_args, { origin }) => {
      await audit('lan clear', origin);
      await view.clear();
      return done();
    },
  },
});

const times = ({ firstMs, lastMs }: { firstMs: number; lastMs: number }) => ({
  first: new Date(firstMs).toISOString(),
  last: new Date(lastMs).toISOString(),
});

const plainDevice = (device: TorrentDevice, name: string): object => ({
  ...{ device: name, mac: device.mac ?? null, addresses: device.addresses },
  ...{ sentBytes: device.sentBytes, receivedBytes: device.receivedBytes },
  likelySentBytes: device.likely.sentBytes,
  likelyReceivedBytes: device.likely.receivedBytes,
  ...times(device),
});

const plainTorrent = (torrent: LanTorrent, nameOf: (device: number) => string): object => ({
  ...{ infoHash: torrent.infoHash, name: torrent.name ?? null },
  ...{ sentBytes: torrent.sentBytes, receivedBytes: torrent.receivedBytes },
  ...times(torrent),
  devices: torrent.parts.map((part) => ({
    ...{ device: nameOf(part.device), seen: part.seen, client: part.client ?? null },
    ...{ sentBytes: part.sentBytes, receivedBytes: part.receivedBytes },
    ...times(part),
  })),
});
