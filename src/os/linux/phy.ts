/** Which radio an interface is of. */
import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';

/** Such as phy0; undefined for what is no Wi-Fi, or gone. `links`: where the kernel tells of its links. */
export function phyOf(ifName: string, links = '/sys/class/net'): string | undefined {
  try {
    return basename(readlinkSync(`${links}/${ifName}/phy80211`));
  } catch {
    return undefined;
  }
}
