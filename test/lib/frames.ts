import { readFileSync } from 'node:fs';
import { LinuxFramePorts } from '../../src/os/linux/frames.ts';
import { loadNative, Reactor } from '../../src/os/linux/native.ts';
import type { FrameFilter, FrameHandlers, FramePort } from '../../src/os/ports.ts';

const sysfs = (ifName: string, file: string): string =>
  readFileSync(`/sys/class/net/${ifName}/${file}`, 'utf8').trim();

/** Frame ports by interface name, for programs that speak raw DHCP inside a namespace. */
export class RawPorts {
  readonly #frames = new LinuxFramePorts(new Reactor(loadNative(), { leads: true }));

  open(ifName: string, filter: FrameFilter, handlers: FrameHandlers): FramePort {
    const opened = this.#frames.open(Number(sysfs(ifName, 'ifindex')), filter, handlers);
    if (!opened.ok) throw opened.error;
    return opened.value;
  }
}
