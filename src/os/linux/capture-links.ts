/** The links of this network namespace, and whether this process may hear them. */
import { constants as os } from 'node:os';
import type { SystemError } from '../../base/errors.ts';
import { ok, type Result } from '../../base/result.ts';
import type { CaptureLink } from '../ports-capture.ts';
import type { Link } from '../ports-net.ts';
import { type NativeCapture, NO_GROUP } from './capture-native.ts';
import { systemError } from './errno.ts';
import { Reactor } from './native.ts';
import { LinuxNet } from './net.ts';

/** Names of ARPHRD_ numbers (linux/if_arp.h), as far as a router meets them. */
const LINK_TYPES: Readonly<Record<number, string>> = {
  ...{ 1: 'ethernet', 512: 'ppp', 768: 'ipip', 769: 'ip6tnl', 772: 'loopback', 776: 'sit' },
  ...{ 778: 'gre', 801: '802.11', 803: '802.11 radiotap', 823: 'ip6gre', 65534: 'ip' },
};
const LEAST_RING = 1 << 20;
const LEAST_BYTES = 64;

export async function captureLinks(
  native: ConstructorParameters<typeof Reactor>[0] & NativeCapture,
): Promise<Result<readonly CaptureLink[], SystemError>> {
  await using reactor = new Reactor(native);
  const opened = LinuxNet.open(reactor);
  if (!opened.ok) return opened;
  await using net = opened.value;
  return ok(net.links().map((link) => ({ ...described(link), ...permitted(native, link.name) })));
}

const described = (link: Link): Omit<CaptureLink, 'permitted' | 'reason'> => ({
  name: link.name,
  linkType: LINK_TYPES[link.hardware ?? -1] ?? `arphrd ${link.hardware}`,
  kind: link.kind ?? null,
  state: !link.adminUp ? 'off' : link.carrier ? 'up' : 'no carrier',
  mac: link.mac ?? null,
  mtu: link.mtu,
});

/** Asked by doing it: a ring is opened, and closed before anything is heard. */
function permitted(
  native: NativeCapture,
  ifName: string,
): Pick<CaptureLink, 'permitted' | 'reason'> {
  const raw = native.createCapture(2, 2, 2);
  const answer =
    typeof raw === 'number'
      ? raw
      : (raw.listen(ifName, LEAST_RING, 0, '', LEAST_BYTES, NO_GROUP) as number);
  if (typeof raw !== 'number') raw.release();
  if (answer === 0) return { permitted: true, reason: null };
  const right = answer === -os.errno.EPERM || answer === -os.errno.EACCES;
  return {
    permitted: false,
    reason: right ? 'no CAP_NET_RAW' : systemError(ifName, answer).message,
  };
}
