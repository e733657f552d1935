/** The options that say which packets a capture is of, alike for files, interfaces and the router's captures. */
import type { Command } from 'commander';
import type { FilterRequest } from '../../services/capture/filter.ts';

export interface FilterOptions {
  readonly filter?: string;
  readonly proto?: readonly string[];
  readonly port?: readonly string[];
  readonly host?: readonly string[];
  readonly src?: readonly string[];
  readonly dst?: readonly string[];
  readonly vlan?: string;
}

const again = '; may be given again';
const collect = (value: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  value,
];

/** Of each option one must fit, and of all options. */
export const filtered = (command: Command): Command =>
  command
    .option('--filter <text>', 'only what passes a filter of pcap-filter(7)')
    .option('--proto <name>', `only these protocols, such as tcp or arp${again}`, collect)
    .option('--port <port>', `only these ports, such as 443 or 8000-8100${again}`, collect)
    .option('--host <address>', `only these addresses or networks${again}`, collect)
    .option('--src <address>', `only from these addresses or networks${again}`, collect)
    .option('--dst <address>', `only to these addresses or networks${again}`, collect)
    .option('--vlan <id>', 'only this VLAN, or any');

export const filterRequest = (options: FilterOptions): FilterRequest => {
  const { filter, proto, port, host, src, dst, vlan } = options;
  return {
    ...(proto === undefined ? {} : { protocols: proto }),
    ...(port === undefined ? {} : { ports: port }),
    ...(host === undefined ? {} : { hosts: host }),
    ...(src === undefined ? {} : { from: src }),
    ...(dst === undefined ? {} : { to: dst }),
    ...(vlan === undefined ? {} : { vlan }),
    ...(filter === undefined ? {} : { raw: filter }),
  };
};
