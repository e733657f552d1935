/** The kernel's table of flows, asked when somebody wants to know. */
import type { SystemError } from '../../base/errors.ts';
import type { Ipv4 } from '../../base/ip.ts';
import { ok, type Result } from '../../base/result.ts';
import { conntrackDump, decodeConntrack } from '../../wire/conntrack.ts';
import type { FlowTable, TrackedFlow } from '../ports.ts';
import type { Reactor } from './native.ts';
import { RtnetlinkRequests } from './rtnetlink.ts';

const NETLINK_NETFILTER = 12;

export class LinuxFlowTable implements FlowTable, Disposable {
  readonly #reactor: Reactor;
  #requests: RtnetlinkRequests | undefined;

  constructor(reactor: Reactor) {
    this.#reactor = reactor;
  }

  to(address: Ipv4): Result<readonly TrackedFlow[], SystemError> {
    const requests = this.#open();
    if (!requests.ok) return requests;
    const bodies = requests.value.dump(conntrackDump, 'flows');
    if (!bodies.ok) return bodies;
    return ok(
      bodies.value.flatMap((body) => {
        const flow = decodeConntrack(body);
        return flow.ok && flow.value.address === address ? [flow.value] : [];
      }),
    );
  }

  [Symbol.dispose](): void {
    this.#requests?.close();
  }

  /** Most boxes are never asked: the socket is made when one is. */
  #open(): Result<RtnetlinkRequests, SystemError> {
    if (this.#requests !== undefined) return ok(this.#requests);
    const opened = RtnetlinkRequests.open(this.#reactor, NETLINK_NETFILTER);
    if (opened.ok) this.#requests = opened.value;
    return opened;
  }
}
