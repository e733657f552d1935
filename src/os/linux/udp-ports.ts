/** UDP ports that are held and never read: the kernel filters away all that comes (udp(7), socket(7)). */
import type { SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { UdpPorts } from '../ports.ts';
import { systemError } from './errno.ts';
import type { Reactor } from './native.ts';

export class LinuxUdpPorts implements UdpPorts {
  readonly #reactor: Reactor;

  constructor(reactor: Reactor) {
    this.#reactor = reactor;
  }

  hold(port: number): Result<AsyncDisposable, SystemError> {
    const reactor = this.#reactor;
    const id = reactor.raw.holdUdp(port);
    if (id < 0) {
      const remedy = 'another server on this machine has it: ss -ulpn tells which';
      return err(systemError(`UDP port ${port}`, id, id === -98 ? remedy : undefined));
    }
    return ok({
      async [Symbol.asyncDispose](): Promise<void> {
        reactor.close(id); // an id is never used again, so twice is harmless
      },
    });
  }
}
