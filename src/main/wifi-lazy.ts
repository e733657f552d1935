/** Wi-Fi as it is joined to the rest: loaded where there is a radio, or a wish for one, so that it costs nothing elsewhere. */
import type { CommandService } from '../edge/ubus/gatehouse.ts';
import { phyOf } from '../os/linux/phy.ts';
import type { WifiService } from '../services/wifi/service.ts';
import type { CompiledConfig } from '../tr181/model.ts';
import { Lazy } from './lazy.ts';
import type { WifiSurroundings } from './wifi.ts';
import type { WifiModel } from './wifi-commands.ts';

export type WifiCommand = 'status' | 'scan' | 'join' | 'leave';
type Command = CommandService['commands'][string];

export class LazyWifi {
  readonly #around: WifiSurroundings;
  readonly #built: Lazy<WifiService>;
  #wanted: CompiledConfig['wifi'] | undefined;

  private constructor(stack: AsyncDisposableStack, around: WifiSurroundings) {
    this.#around = around;
    this.#built = stack.use(
      new Lazy({
        name: 'Wi-Fi',
        log: around.log,
        build: async (attempt) => {
          const { buildWifi } = await import('./wifi.ts');
          const service = buildWifi(attempt, around);
          if (this.#wanted !== undefined) await service.apply(this.#wanted);
          return service;
        },
      }),
    );
  }

  /** A radio that is there is known from the first answer on; one that comes later is, too. */
  static async build(stack: AsyncDisposableStack, around: WifiSurroundings): Promise<LazyWifi> {
    const wifi = new LazyWifi(stack, around);
    if (wifi.#hasRadio()) await wifi.#come();
    stack.use(
      around.net.subscribe((events) => {
        const links = events.some(({ what }) => what === 'link' || what === 'resync');
        if (links && !wifi.#built.begun && wifi.#hasRadio()) void wifi.#come();
      }),
    );
    return wifi;
  }

  async apply(wanted: CompiledConfig['wifi']): Promise<readonly string[]> {
    this.#wanted = wanted;
    const { radios, endPoints } = wanted;
    if (!this.#built.begun && radios.length === 0 && endPoints.length === 0) return [];
    return (await this.#built.load()).apply(wanted);
  }

  commands(model: WifiModel): CommandService {
    const run =
      (name: WifiCommand): Command['run'] =>
      async (args, { origin }) => {
        const [{ wifiCommand }, service] = await Promise.all([
          import('./wifi-commands.ts'),
          this.#built.load(),
        ]);
        return wifiCommand(name, { service, model, origin }, args);
      };
    return {
      name: 'wifi',
      about: 'networks that the box joins as a station',
      commands: {
        status: {
          about: 'every radio: on which network it is, or why on none',
          args: {},
          run: run('status'),
        },
        scan: {
          about: 'the networks in range, the strongest first',
          args: { interface: 'string' },
          run: run('scan'),
        },
        join: {
          about: 'joins a network, and makes it an uplink where it is none',
          args: { ssid: 'string', password: 'string', hidden: 'int8', country: 'string' },
          run: run('join'),
        },
        leave: {
          about: 'forgets a network, or all of them, with the password',
          args: { ssid: 'string' },
          run: run('leave'),
        },
      },
    };
  }

  /** There is a radio. What fails is in the log, and tried again with the next news of a link. */
  async #come(): Promise<void> {
    await this.#built.load().catch(() => undefined);
  }

  #hasRadio(): boolean {
    const links = this.#around.net.links();
    return links.some(
      ({ name, kind, loopback }) => kind === undefined && !loopback && phyOf(name) !== undefined,
    );
  }
}
