/** The DHT node as it is joined to the rest: loaded when it is enabled first, so that it costs nothing where it is off. */
import { type CommandService, failed } from '../edge/ubus/gatehouse.ts';
import type { DhtObserved } from '../services/dht/config.ts';
import type { DhtService } from '../services/dht/service.ts';
import type { CompiledConfig } from '../tr181/model.ts';
import type { DhtSurroundings } from './dht.ts';
import type { DhtJobs } from './dht-jobs.ts';
import { Lazy } from './lazy.ts';
import { perTurn } from './per-turn.ts';

type Command = CommandService['commands'][string];

export class LazyDht {
  readonly #around: DhtSurroundings;
  readonly #node: Lazy<DhtService>;
  #jobs: DhtJobs | undefined;
  /** Counters are read one by one, and the kernel is asked for some. */
  readonly #observed = perTurn(() => this.#node.value?.observed);

  constructor(stack: AsyncDisposableStack, around: DhtSurroundings) {
    this.#around = around;
    this.#node = stack.use(
      new Lazy({
        name: 'the DHT node',
        log: around.log,
        build: async (attempt) => {
          const { buildDht } = await import('./dht.ts');
          return buildDht(attempt, around);
        },
      }),
    );
  }

  /** Undefined as long as it was never on. */
  get observed(): DhtObserved | undefined {
    return this.#observed();
  }

  /** Undefined while it is off. */
  get running(): DhtService['running'] {
    return this.#node.value?.running;
  }

  /** Its network is one of the owner's, and not the internet's. */
  get isPrivate(): boolean {
    return (this.#node.value?.config?.privateNetworks.length ?? 0) > 0;
  }

  async apply(wanted: CompiledConfig['dht']): Promise<readonly string[]> {
    if (!this.#node.begun && !wanted.enable) return [];
    return (await this.#node.load()).apply(wanted);
  }

  /** `more`: commands of what stands beside the node. */
  commands(more: CommandService['commands']): CommandService {
    const run =
      (name: DhtCommand): Command['run'] =>
      async (args, { signal }) => {
        const [{ dhtCommand }, { DhtJobs }] = await Promise.all([
          import('./dht-commands.ts'),
          import('./dht-jobs.ts'),
        ]);
        const service = this.#node.value;
        if (name !== 'status' && service?.running === undefined) {
          const reason = service?.observed.reason;
          return failed(
            reason === undefined
              ? 'the DHT node is off: set Device.X_GATEHOUSE_DHT.Enable to true'
              : `the DHT node could not start: ${reason}`,
          );
        }
        this.#jobs ??= new DhtJobs(this.#around.clock);
        return dhtCommand(name, service, this.#jobs, args, signal);
      };
    /** A job has a name while somebody asks how far it is. */
    const job = 'string';
    return {
      name: 'dht',
      about: 'the node of the BitTorrent DHT',
      commands: {
        status: { about: 'tables, counters, budgets in use', args: {}, run: run('status') },
        ping: {
          about: 'asks whether a node is there; node is an address with a port',
          args: { node: 'string' },
          run: run('ping'),
        },
        find: {
          about: 'the nodes closest to an id of 40 hexadecimal digits',
          args: { id: 'string', job },
          run: run('find'),
        },
        peers: {
          about: 'peers of an infohash or magnet link, and how many there are in all (BEP 33)',
          args: { infohash: 'string', job },
          run: run('peers'),
        },
        announce: {
          about: 'announces that this address has it, at a TCP port; 0 is the node’s own port',
          args: { infohash: 'string', port: 'int32', seed: 'int8', job },
          run: run('announce'),
        },
        get: {
          about: 'an item (BEP 44) by its target, or by key and salt',
          args: { target: 'string', key: 'string', salt: 'string', job },
          run: run('get'),
        },
        put: {
          about:
            'puts a text, or a value in bencode in hexadecimal; with seed (32 bytes, hexadecimal) it is signed and can be replaced, with cas only the one of that number',
          args: {
            ...{ text: 'string', bencode: 'string', seed: 'string', salt: 'string', seq: 'int64' },
            ...{ cas: 'int64', job },
          },
          run: run('put'),
        },
        progress: {
          about: 'how far a job is: nodes asked and answered, bits that the closest shares, peers',
          args: { job },
          run: run('progress'),
        },
        stop: {
          about: 'ends a job, which answers with what it has found',
          args: { job },
          run: run('stop'),
        },
        crawl: {
          about: 'infohashes that the crawler knows, the newest first',
          args: { most: 'int32' },
          run: run('crawl'),
        },
        ...more,
      },
    };
  }
}

export type DhtCommand =
  | 'status'
  | 'ping'
  | 'find'
  | 'peers'
  | 'announce'
  | 'get'
  | 'put'
  | 'progress'
  | 'stop'
  | 'crawl';
