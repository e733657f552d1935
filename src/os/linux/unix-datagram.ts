/** Unix datagram sockets over the native reactor. */
import { lstatSync, rmSync } from 'node:fs';
import type { SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { DatagramHandlers, DatagramSocket, DatagramSockets } from '../ports-datagram.ts';
import { systemError } from './errno.ts';
import { type Reactor, What } from './native.ts';

const EBADF = 9;

export class LinuxDatagramSockets implements DatagramSockets {
  readonly #reactor: Reactor;

  constructor(reactor: Reactor) {
    this.#reactor = reactor;
  }

  open(
    own: string,
    server: string,
    handlers: DatagramHandlers,
  ): Result<DatagramSocket, SystemError> {
    const reactor = this.#reactor;
    removeSocket(own);
    const id = reactor.raw.datagram(own, server);
    if (id < 0) return err(systemError(`connect to ${server}`, id));
    let closed = false;
    reactor.attach(id, {
      event: (what, a, b) => {
        if (what === What.data) {
          handlers.data(reactor.input.subarray(a, a + b));
        } else if (what === What.closed) {
          closed = true;
          reactor.detach(id);
          removeSocket(own);
          handlers.failed(systemError(`socket of ${server}`, -a));
        }
      },
    });
    return ok({
      send: (bytes) => {
        const code = closed ? -EBADF : reactor.raw.sendDatagram(id, bytes);
        return code < 0 ? err(systemError(`send to ${server}`, code)) : ok(undefined);
      },
      close: () => {
        if (closed) return;
        closed = true;
        reactor.close(id);
        removeSocket(own);
      },
    });
  }
}

/** A file that is no socket stays. */
function removeSocket(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true)
    rmSync(path, { force: true });
}
