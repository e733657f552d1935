/** Parameters that the tables of `Device.DHCPv4.Server.` share. */
import type { ParamDef } from '../table.ts';

const MATCH_MODES = ['Exact', 'Prefix', 'Suffix', 'Substring'] as const;

export const address = (about: string): ParamDef => ({
  type: 'IPv4Address',
  access: 'readWrite',
  size: [0, 45],
  about,
});

export const mac = (about: string): ParamDef => ({
  type: 'MACAddress',
  access: 'readWrite',
  size: [0, 17],
  default: '',
  about,
});

export const segmentOf = (about: string): ParamDef => ({
  type: 'string',
  access: 'readWrite',
  size: [0, 256],
  default: '',
  ref: { targets: ['Device.IP.Interface.{i}.'], strong: true },
  about,
});

export const matchMode = (what: string): ParamDef => ({
  type: 'string',
  access: 'readWrite',
  enum: MATCH_MODES,
  default: 'Exact',
  about: `How ${what} is compared.`,
});
