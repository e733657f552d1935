/** Wi-Fi as it is joined to the rest: loaded where there is a radio, or a wish for one, so that it costs nothing elsewhere. */
import type { CommandService } from '../edge/ubus/gatehouse.ts';
import { phyOf } from '../os/linux/phy.ts';
import type { WifiService } from '../services/wifi/service.ts';
import type { CompiledConfig } from '../tr181/model.ts';
import type { WifiSurroundings } from './wifi.ts';
import type { WifiModel } from './wifi-commands.ts';

export type WifiCommand = 'status' | 'scan' | 'join' | 'leave';
type Command = CommandService['commands'][string];

export class LazyWifi {
  readonly #stack: AsyncDisposableStack;
  readonly #around: WifiSurroundings;
  #wanted: CompiledConfig['wifi'] | undefined;
  #service: Promise<WifiService> | undefined;

  private constructor(stack: AsyncDisposableStack, around: WifiSurroundings) {
    this.#stack = stack;
    this.#around = around;
  }

  /** A radio that is there is known from the first answer on; one that comes later is, too. */
  static async build(stack: AsyncDisposableStack, around: WifiSurroundings): Promise<LazyWifi> {
    const wifi = new LazyWifi(stack, around);
    if (wifi.#hasRadio()) await wifi.#load();
    stack.use(
      around.net.subscribe((events) => {
        const links = events.some(({ what }) => what === 'link' || what === 'resync');
        if (links && wifi.#service === undefined && wifi.#hasRadio()) void wifi.#come();
      }),
    );
    return wifi;
  }

  async apply(wanted: CompiledConfig['wifi']): Promise<readonly string[]> {
    this.#wanted = wanted;
    const { radios, endPoints } = wanted;
    if (this.#service === undefined && radios.length === 0 && endPoints.length === 0) return [];
    return (await this.#load()).apply(wanted);
  }

  commands(model: WifiModel): CommandService {
    const run =
      (name: WifiCommand): Command['run'] =>
      async (args, { origin }) => {
        const [{ wifiCommand }, service] = await Promise.all([
          import('./wifi-commands.ts'),
          this.#load(),
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

  /** A radio was plugged in. */
  async #come(): Promise<void> {
    await import('./wifi.ts');
    if (!this.#stack.disposed) await this.#load();
  }

  #load(): Promise<WifiService> {
    this.#service ??= import('./wifi.ts').then(async ({ buildWifi }) => {
      const service = buildWifi(this.#stack, this.#around);
      if (this.#wanted !== undefined) await service.apply(this.#wanted);
      return service;
    });
    return this.#service;
  }

  #hasRadio(): boolean {
    const links = this.#around.net.links();
    return links.some(
      ({ name, kind, loopback }) => kind === undefined && !loopback && phyOf(name) !== undefined,
    );
  }
}
