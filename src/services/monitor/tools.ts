/** What is asked of one path by hand: ping, trace and path MTU to a host by its name or address. */
import type { HostNames } from '../../os/ports-path.ts';
import { findMtu } from './mtu.ts';
import type { PathDeps } from './path.ts';
import { ping } from './ping.ts';
import { trace } from './trace.ts';

type Bound<F> = F extends (deps: PathDeps, ...rest: infer R) => infer T ? (...rest: R) => T : never;

export interface PathTools extends HostNames {
  readonly ping: Bound<typeof ping>;
  readonly trace: Bound<typeof trace>;
  readonly findMtu: Bound<typeof findMtu>;
}

export const pathTools = (deps: PathDeps, names: HostNames): PathTools => ({
  resolve: (host, family) => names.resolve(host, family),
  nameOf: (address) => names.nameOf(address),
  ping: (...rest) => ping(deps, ...rest),
  trace: (...rest) => trace(deps, ...rest),
  findMtu: (...rest) => findMtu(deps, ...rest),
});
