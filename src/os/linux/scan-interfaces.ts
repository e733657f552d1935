/** Interfaces of this machine that can be searched by ARP. */
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { parseIpv4, parseMac, prefixLen } from '../../base/ip.ts';
import type { ScanInterface } from '../ports-scan.ts';

export function scanInterfaces(): readonly ScanInterface[] {
  const indexOf = indexes();
  return Object.entries(networkInterfaces()).flatMap(([name, all = []]) => {
    const own = all.filter(({ family, internal }) => family === 'IPv4' && !internal);
    const mac = parseMac(own[0]?.mac ?? '');
    const ifIndex = indexOf.get(name) ?? 0;
    const addresses = own.flatMap(({ address, cidr }) => {
      const parsed = parseIpv4(address);
      const length = prefixLen(Number(cidr?.split('/')[1]));
      return parsed.ok && length !== undefined
        ? [{ address: parsed.value, prefixLen: length }]
        : [];
    });
    return mac.ok && ifIndex > 0 && addresses.length > 0
      ? [{ name, ifIndex, mac: mac.value, addresses }]
      : [];
  });
}

/** All that speak IPv4, by name: /proc is of this process's network namespace, where /sys may be of another. */
function indexes(): ReadonlyMap<string, number> {
  const lines = readFileSync('/proc/net/igmp', 'utf8').split('\n');
  return new Map(
    lines.flatMap((line): [string, number][] => {
      const [, index, name] = /^(\d+)\t(\S+)/.exec(line) ?? [];
      return name === undefined ? [] : [[name, Number(index)]];
    }),
  );
}
