/** The box itself: its network, its firewall, the system and the firmware, with what the model may ask of them. */
import type { Log } from '../base/log.ts';
import { LinuxRootHelper } from '../os/linux/root-helper.ts';
import { watchRuleset } from '../os/linux/ruleset.ts';
import { FirewallService } from '../services/firewall/service.ts';
import { NetworkService } from '../services/network/service.ts';
import { SystemService } from '../services/system/service.ts';
import { must } from './must.ts';
import type { Platform } from './platform.ts';
import { buildUpdates, firmwareCalls } from './update.ts';

export interface BoxSurroundings {
  readonly log: Log;
  readonly runDir: string;
  /** The program. */
  readonly nft: string;
  /** All that is configured stands. */
  isWell(): boolean;
}

/** What they observe is published already: the model knows it from its first answer on. */
export function buildBox(stack: AsyncDisposableStack, platform: Platform, around: BoxSurroundings) {
  const { reactor, sockets, processes, net, clock, files, observed } = platform;
  const { log, runDir, nft, isWell } = around;
  const network = stack.use(
    new NetworkService({
      ...{ net, clock, files, log: log.child({ service: 'network' }) },
      resolvConfPath: `${runDir}/resolv.conf`,
      report: (value) => observed.publish('network', value),
    }),
  );
  observed.publish('network', network.observed);
  const firewall = stack.use(
    new FirewallService({
      ...{ processes, clock, nft, log: log.child({ service: 'firewall' }) },
      linkNames: () => new Set(net.links().map((link) => link.name)),
      report: (value) => observed.publish('firewall', value),
    }),
  );
  stack.use(must(watchRuleset(reactor, () => firewall.rulesetChanged())));
  const helper = stack.use(new LinuxRootHelper({ sockets, clock, path: `${runDir}/root.sock` }));
  const system = stack.use(
    new SystemService({
      ...{ helper, log: log.child({ service: 'system' }) },
      kernelName: () => platform.textOf('/proc/sys/kernel/hostname')?.trim() ?? '',
      report: (value) => observed.publish('system', value),
    }),
  );
  observed.publish('system', system.observed);
  const updates = stack.use(
    buildUpdates({
      ...{ helper, clock, files, isWell, log: log.child({ service: 'update' }) },
      report: (value) => observed.publish('update', value),
    }),
  );
  observed.publish('update', updates.observed);
  return {
    ...{ network, firewall, system, updates },
    calls: {
      reboot: () => system.reboot(),
      powerOff: () => system.powerOff(),
      factoryReset: () => system.factoryReset(),
      ...firmwareCalls(updates, helper),
    },
  };
}
