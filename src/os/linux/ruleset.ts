import type { SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { systemError } from './errno.ts';
import type { Reactor } from './native.ts';

const NETLINK_NETFILTER = 12;
/** nfnetlink.h: every commit to a ruleset of nftables is told here. */
const NFNLGRP_NFTABLES = 7;
const QUEUE_BYTES = 64 * 1024;
const DATAGRAM_BYTES = 64 * 1024;
const DATAGRAMS_PER_TURN = 64;

/** Calls `changed` after every change of the nftables ruleset of this network namespace, ours too. */
export function watchRuleset(
  reactor: Reactor,
  changed: () => void,
): Result<Disposable, SystemError> {
  const id = reactor.raw.monitor(NETLINK_NETFILTER, Uint32Array.of(NFNLGRP_NFTABLES), QUEUE_BYTES);
  if (id < 0) return err(systemError('watch nftables', id));
  const buffer = new Uint8Array(DATAGRAM_BYTES);
  reactor.attach(id, {
    event: () => {
      // What the messages say does not matter, nor that some were lost: something changed.
      for (let i = 0; i < DATAGRAMS_PER_TURN && reactor.raw.receive(id, buffer) > 0; i++);
      changed();
    },
  });
  return ok({ [Symbol.dispose]: () => reactor.close(id) });
}
